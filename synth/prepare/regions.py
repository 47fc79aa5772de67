"""From the released levels of a place to one codebook of all of them: post-processing of paid counts.

A tree of places: under each released place the released places of the next level, and a rest. Heavy places
get a code of their own; what lies under a code, down to the cells of the earth, is drawn by released counts.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from synth.core.codebook import Leaf, RegionCodebook
from synth.core.joined import NULL, ROOT, unescaped
from synth.core.region import Region
from synth.prepare.levels import Cells, Grid, Levels, ancestor, parent_of, parts_of

_MOSTLY = 0.5
"""Share of a place that must be named on the next level for the rest to be spread over what is named."""
_NO_REST = 2.0
"""Standard deviations of a rest's own estimate below which there is none."""


def region_codebook(
    region: Region, levels: Levels, n_rows: int, bins: int
) -> tuple[RegionCodebook | None, tuple[str, ...]]:
    """The codebook of a place, and the columns most of whose values could not be named.

    Args:
      n_rows: released. bins: about how many codes heavy places may have.
    Returns: None if not a single place could be named.
    """
    tree = _Tree.of(region, levels, n_rows)
    if not tree.children[ROOT]:
        return None, tuple(column.name for column in region.names)
    leaves: list[Leaf] = []
    categories: list[str] = []
    counts: list[float] = []
    for key in tree.codes(bins):
        own = list(tree.leaves(key, 1 + len(categories)))
        if own:
            leaves.extend(own)
            categories.append(key)
            counts.append(sum(leaf.weight for leaf in own))
    codebook = RegionCodebook(
        column=region.name,
        categories=tuple(categories),
        counts=(0.0, *counts),
        closed=True,
        depth=len(region.steps),
        leaves=tuple(leaves),
    )
    total = sum(counts)
    unnamed = [
        step.column.name
        for level, step in enumerate(region.steps)
        if not step.is_prefix
        and sum(leaf.weight for leaf in leaves if len(leaf.names) <= level) > _MOSTLY * total
    ]
    return codebook, tuple(unnamed)


@dataclass(kw_only=True)
class _Tree:
    """Released places: `counts` of each by its joined names, and its children on the next level."""

    region: Region
    levels: Levels
    counts: dict[str, float]
    children: dict[str, list[str]]
    coded: set[str] = field(default_factory=set)

    @staticmethod
    def of(region: Region, levels: Levels, n_rows: int) -> "_Tree":
        counts: dict[str, float] = {ROOT: float(n_rows)}
        children: dict[str, list[str]] = defaultdict(list)
        for level in range(1, len(region.steps) + 1):
            found = levels.names.get(level, {})
            for key in sorted(found, key=lambda key: (-found[key], key)):
                parent = parent_of(key)
                if parent in counts:  # a place in one that is not named is noise
                    counts[key] = found[key]
                    children[parent].append(key)
        return _Tree(region=region, levels=levels, counts=counts, children=children)

    def codes(self, bins: int) -> list[str]:
        """Places with a code of their own: all of the coarsest level, and of the others the heavy ones."""
        chosen = list(self.children[ROOT])
        least = self.counts[ROOT] / (2 * bins)
        level = chosen
        while level:
            level = [child for key in level for child in self.children.get(key, ())]
            heavy = sorted((key for key in level if self.counts[key] >= least), key=lambda k: -self.counts[k])
            chosen += heavy[: max(0, bins - len(chosen))]
        self.coded = {ROOT, *chosen}
        return [ROOT, *chosen]

    def leaves(self, code: str, number: int) -> Iterator[Leaf]:
        """Released places under a code that no other code covers, with their shares of its count."""
        for key, weight, is_rest in self._under(code):
            names = tuple(None if part == NULL else unescaped(part) for part in parts_of(key))
            cells = _shares(self._cells(key, is_rest=is_rest))
            yield Leaf(code=number, names=names, cells=cells, weight=weight)

    def _under(self, key: str) -> Iterator[tuple[str, float, bool]]:
        """(place, weight, whether it is the rest of a place whose children are named)."""
        children = self.children.get(key, [])
        if not children:
            yield key, self.counts[key], False
            return
        extra: Mapping[str, float] = {}
        rest = self._rest(key)
        if rest > 0 and self._is_mostly_named(key):
            # As values of a rest are rare, a frequent one gets no more of it than the rest itself.
            spread = [child for child in children if child not in self.coded] or children
            shares = {child: min(self.counts[child], rest) for child in spread}
            total = sum(shares.values())
            extra = {child: rest * share / total for child, share in shares.items()}
        elif rest > 0:
            yield key, rest, True
        for child in children:
            weight = extra.get(child, 0.0) + (0.0 if child in self.coded else self.counts[child])
            if weight > 0:
                yield from self._below(child, weight)

    def _below(self, key: str, weight: float) -> Iterator[tuple[str, float, bool]]:
        """The places under another one, sharing a weight."""
        found = list(self._under(key))
        total = sum(part for _, part, _ in found)
        for leaf, part, is_rest in found or [(key, 1.0, False)]:
            yield leaf, part * weight / (total or 1.0), is_rest

    def _rest(self, key: str) -> float:
        """What no child of a place counts; 0 where it is less than the noise of its estimate."""
        children = self.children[key]
        rest = self.counts[key] - sum(self.counts[child] for child in children)
        scale = self.levels.scales.get(len(parts_of(key)) + 1, 0.0)
        return rest if rest > _NO_REST * scale * math.sqrt(len(children) + 1) else 0.0

    def _is_mostly_named(self, key: str) -> bool:
        return sum(self.counts[child] for child in self.children[key]) >= _MOSTLY * self.counts[key]

    def _cells(self, key: str, *, is_rest: bool) -> dict[tuple[int | None, int], float]:
        """Where a place lies: (cell, bits) -> count, by its own cells if most of it was released.

        Else by those of a coarser place; of a rest, without what its named neighbours hold.
        """
        for depth in reversed(range(len(parts_of(key)) + 1)):
            grids = [grid for grid in self.levels.grids if grid.depth == depth]
            place = ancestor(key, depth)
            own = grids[0].cells.get(place, {}) if grids else {}
            total = sum(own.values())
            if total == 0 or (depth > 0 and total < _MOSTLY * self.counts[place]):
                continue
            if is_rest or place != key:
                left = self._without_named(grids[0], place)
                own = left if sum(left.values()) > 0 else own
            cells = {(cell, grids[0].bits): n for cell, n in own.items()}
            for grid in grids[1:]:
                cells = _refined(cells, grid, place)
            return cells
        return {}

    def _without_named(self, grid: Grid, place: str) -> Cells:
        """A place's cells without those that were released of the named places in it."""
        left = dict(grid.cells[place])
        finer = next((other for other in self.levels.grids if other.depth > grid.depth), None)
        if finer is None:
            return left
        for key, cells in finer.cells.items():
            if ancestor(key, grid.depth) == place:
                for cell, n in cells.items():
                    wide = None if cell is None else cell // 4 ** (finer.bits - grid.bits)
                    if wide in left:
                        left[wide] = max(0.0, left[wide] - n)
        return left


def _refined(
    cells: dict[tuple[int | None, int], float], fine: Grid, place: str
) -> dict[tuple[int | None, int], float]:
    """A place's cells, each by its cells on a finer grid where those make up most of it."""
    found: dict[tuple[int | None, int], float] = {}
    released = fine.cells.get(place, {})
    for (cell, bits), n in cells.items():
        size = 4 ** (fine.bits - bits)
        parts = {part: count for part, count in released.items() if part is not None and part // size == cell}
        total = sum(parts.values())
        if cell is None or total < _MOSTLY * n or total == 0:
            found[cell, bits] = n
        else:
            found |= {(part, fine.bits): n * count / total for part, count in parts.items()}
    return found


def _shares(cells: Mapping[tuple[int | None, int], float]) -> tuple[tuple[int | None, int, float], ...]:
    total = sum(cells.values())
    return tuple((cell, bits, n / total) for (cell, bits), n in cells.items() if n > 0)

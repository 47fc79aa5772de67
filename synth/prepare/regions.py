"""From the released levels of a place to one codebook of all of them: post-processing of paid counts.

A tree of places: under each released place the released places of the next level, and a rest. Heavy places get a
code of their own; what lies under a code, down to the cells of the earth, is drawn by released counts.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from synth.core.codebook import Leaf, RegionCodebook
from synth.core.feature import Feature
from synth.core.joined import NULL, ROOT, SEPARATOR, unescaped
from synth.core.region import Region
from synth.prepare.plan import PreparePlan, Purpose
from synth.prepare.summary import FeatureSummary
from synth.privacy import noise
from synth.privacy.entry import Receipt
from synth.privacy.select import pruned_count, select_keys

_MOSTLY = 0.5
"""Share of a place that must be named on the next level for the rest to be spread over what is named."""
_NO_REST = 2.0
"""Standard deviations of a rest's own estimate below which there is none."""


@dataclass(kw_only=True)
class Levels:
    """Released counts of a place's levels.

    Attributes:
      names: joined names -> count, of each depth; `names[0]` has the root, which is all rows.
      cells: joined names -> {cell, None for a missing position: count}, of each depth; with the grid's bits.
      scales: noise scale of each depth of names.
    """

    names: dict[int, dict[str, float]] = field(default_factory=dict)
    cells: dict[int, tuple[int, dict[str, dict[int | None, float]]]] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=dict)

    def add(
        self, feature: Feature, counted: FeatureSummary, plan: PreparePlan, receipt: Receipt, m: int
    ) -> None:
        """Release one level.

        Guarantee: one query of the plan: noisy counts of declared keys, or a noisy threshold over those found.
        """
        categories = feature.column.categories
        purpose = Purpose.FOUND if categories is None else Purpose.DECLARED
        (paid,) = plan.receipts(receipt, purpose, feature)
        scale = noise.scale_of(paid)
        if categories is None:
            pruned = pruned_count(scale, max_rows=m)
            found = select_keys(counted.categories, paid, max_rows=m, pruned=pruned).value
        else:
            exact = np.array([counted.categories.get(key, 0) for key in categories], dtype=np.int64)
            noisy = noise.noisy_counts(exact, paid).value.tolist()
            found = {key: n for key, n in zip(categories, noisy, strict=True) if n > 0}
        if feature.bits is None:
            self.names[feature.depth] = {key: float(n) for key, n in found.items()}
            self.scales[feature.depth] = scale
            return
        by_place: dict[str, dict[int | None, float]] = defaultdict(dict)
        for key, n in found.items():
            place, _, cell = key.rpartition(SEPARATOR)
            by_place[place if feature.depth else ROOT][None if cell == NULL else int(cell)] = float(n)
        self.cells[feature.depth] = (feature.bits, dict(by_place))


def region_codebook(
    region: Region, levels: Levels, n_rows: int, bins: int
) -> tuple[RegionCodebook | None, tuple[str, ...]]:
    """The codebook of a place, and the columns most of whose values could not be named.

    Args:
      n_rows: released. bins: about how many codes heavy places may have.
    Returns: None if not a single place could be named.
    """
    tree = _Tree.of(levels, len(region.names), n_rows)
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
        depth=len(region.names),
        leaves=tuple(leaves),
    )
    total = sum(counts)
    unnamed = [
        column.name
        for level, column in enumerate(region.names)
        if sum(leaf.weight for leaf in leaves if len(leaf.names) <= level) > _MOSTLY * total
    ]
    return codebook, tuple(unnamed)


@dataclass(kw_only=True)
class _Tree:
    """Released places: `counts` of each by its joined names, and its children on the next level."""

    levels: Levels
    depth: int
    counts: dict[str, float]
    children: dict[str, list[str]]
    coded: set[str] = field(default_factory=set)

    @staticmethod
    def of(levels: Levels, depth: int, n_rows: int) -> "_Tree":
        counts: dict[str, float] = {ROOT: float(n_rows)}
        children: dict[str, list[str]] = defaultdict(list)
        for level in range(1, depth + 1):
            found = levels.names.get(level, {})
            for key in sorted(found, key=lambda key: (-found[key], key)):
                parent = key.rpartition(SEPARATOR)[0] if level > 1 else ROOT
                if parent in counts:  # a place in one that is not named is noise
                    counts[key] = found[key]
                    children[parent].append(key)
        return _Tree(levels=levels, depth=depth, counts=counts, children=children)

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
        for key, weight in self._under(code):
            names = tuple(None if part == NULL else unescaped(part) for part in _parts(key))
            bits, cells = self._cells(key)
            yield Leaf(code=number, names=names, cells=cells, bits=bits, weight=weight)

    def _under(self, key: str) -> Iterator[tuple[str, float]]:
        children = self.children.get(key, [])
        if not children:
            yield key, self.counts[key]
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
            yield key, rest
        for child in children:
            weight = extra.get(child, 0.0) + (0.0 if child in self.coded else self.counts[child])
            if weight > 0:
                yield from self._below(child, weight)

    def _below(self, key: str, weight: float) -> Iterator[tuple[str, float]]:
        """The places under another one, sharing a weight."""
        found = list(self._under(key))
        total = sum(part for _, part in found)
        for leaf, part in found or [(key, 1.0)]:
            yield leaf, part * weight / (total or 1.0)

    def _rest(self, key: str) -> float:
        """What no child of a place counts; 0 where it is less than the noise of its estimate."""
        children = self.children[key]
        rest = self.counts[key] - sum(self.counts[child] for child in children)
        scale = self.levels.scales.get(len(_parts(key)) + 1, 0.0)
        return rest if rest > _NO_REST * scale * math.sqrt(len(children) + 1) else 0.0

    def _is_mostly_named(self, key: str) -> bool:
        return sum(self.counts[child] for child in self.children[key]) >= _MOSTLY * self.counts[key]

    def _cells(self, key: str) -> tuple[int, tuple[tuple[int | None, float], ...]]:
        """Where a place lies, by its own cells if most of it was released, or else by those of a coarser one."""
        while True:
            parts = _parts(key)
            bits, by_place = self.levels.cells.get(len(parts), (0, {}))
            cells = by_place.get(key, {})
            total = sum(cells.values())
            if total > 0 and (not parts or total >= _MOSTLY * self.counts[key]):
                return bits, tuple((cell, n / total) for cell, n in cells.items())
            if not parts:
                return 0, ()
            key = SEPARATOR.join(parts[:-1]) if parts[1:] else ROOT


def _parts(key: str) -> list[str]:
    return [] if key == ROOT else key.split(SEPARATOR)

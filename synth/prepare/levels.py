"""A place's levels as they are released: names by a noisy threshold, cells of the earth among those that are
known.

The coarse levels come first. Which cells are looked at follows from coarser levels that were released
before, so that finer ones need no threshold.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from synth.core.feature import Feature
from synth.core.joined import NULL, ROOT, SEPARATOR
from synth.prepare.plan import PreparePlan, Purpose
from synth.prepare.summary import FeatureSummary
from synth.privacy import noise
from synth.privacy.entry import Receipt
from synth.privacy.select import pruned_count, select_keys

_SIGNIFICANT = 2.5
"""Standard deviations above which a cell of a place that is known is more than noise."""
_MOST_CANDIDATES, _MOST_LOOKED_AT = 1 << 12, 1 << 17
"""Cells of one place, and of all places of a level together, that are looked at."""
Cells = dict[int | None, float]
"""Released counts of a place's cells; None counts its missing positions."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Released cells of places of one depth, on a grid of `bits` halvings, by joined names."""

    depth: int
    bits: int
    cells: dict[str, Cells]


@dataclass(kw_only=True)
class Levels:
    """Released counts of a place's levels.

    Attributes:
      names: joined names -> count, of each depth that was added; the root, which is all rows, at depth 0.
      scales: noise scale of each depth of names.
      grids: the coarse ones first.
    """

    names: dict[int, dict[str, float]] = field(default_factory=dict)
    scales: dict[int, float] = field(default_factory=dict)
    grids: list[Grid] = field(default_factory=list)

    def add(
        self,
        feature: Feature,
        counted: FeatureSummary,
        plan: PreparePlan,
        receipt: Receipt,
        *,
        m: int,
        n_rows: int,
    ) -> None:
        """Release one level; those of names come before those of cells, the coarse ones first.

        Guarantee: one query of the plan: noisy counts of declared keys, or of cells that are known from
        released levels, or a noisy threshold over names that are found.
        """
        self.names[0] = {ROOT: float(n_rows)}
        if feature.bits is not None:
            (paid,) = plan.receipts(receipt, Purpose.CELLS, feature)
            cells = self._released_cells(feature, counted, paid)
            self.grids.append(Grid(depth=feature.depth, bits=feature.bits, cells=cells))
            return
        categories = feature.column.categories
        purpose = Purpose.FOUND if categories is None else Purpose.DECLARED
        (paid,) = plan.receipts(receipt, purpose, feature)
        self.scales[feature.depth] = noise.scale_of(paid)
        if categories is None:
            pruned = pruned_count(noise.scale_of(paid), max_rows=m)
            found = select_keys(counted.categories, paid, max_rows=m, pruned=pruned).value
        else:
            exact = np.array([counted.categories.get(key, 0) for key in categories], dtype=np.int64)
            noisy = noise.noisy_counts(exact, paid).value.tolist()
            found = {key: n for key, n in zip(categories, noisy, strict=True) if n > 0}
        self.names[feature.depth] = {key: float(n) for key, n in found.items()}

    def _released_cells(self, feature: Feature, counted: FeatureSummary, paid: Receipt) -> dict[str, Cells]:
        """Cells of each named place: of those within the cells of the coarser place, the heavy ones that add
        up to it.

        Guarantee: which cells are looked at follows from released levels alone, so that all counts are one
        histogram.
        """
        assert feature.bits is not None
        least = _SIGNIFICANT * noise.scale_of(paid)
        candidates: list[tuple[str, int | None]] = []
        places = self.names.get(feature.depth, {})
        for place in sorted(places, key=lambda place: (-places[place], place)):
            if places[place] > least and len(candidates) < _MOST_LOOKED_AT:
                candidates.extend((place, cell) for cell in self._within(place, feature.bits))
                if self._may_be_null(place):
                    candidates.append((place, None))
        exact = np.array([counted.categories.get(_key(*pair), 0) for pair in candidates], dtype=np.int64)
        noisy = noise.noisy_counts(exact, paid).value.tolist()
        by_place: dict[str, list[tuple[float, int | None]]] = defaultdict(list)
        for (place, cell), n in zip(candidates, noisy, strict=True):
            if n > least:
                by_place[place].append((float(n), cell))
        return {place: _heaviest(found, places[place]) for place, found in by_place.items()}

    def _within(self, place: str, bits: int) -> Sequence[int]:
        """Cells of a grid that lie in the released cells of the nearest coarser place that has some."""
        for grid in reversed(self.grids):
            cells = [cell for cell in grid.cells.get(ancestor(place, grid.depth), {}) if cell is not None]
            size = 4 ** (bits - grid.bits)
            if cells:
                few = len(cells) * size <= _MOST_CANDIDATES
                return [cell * size + part for cell in sorted(cells) for part in range(size)] if few else []
        return range(4**bits) if 4**bits <= _MOST_CANDIDATES else []

    def _may_be_null(self, place: str) -> bool:
        """Whether positions are missing there: of many places noise alone would find one where none are."""
        return not self.grids or any(None in g.cells.get(ancestor(place, g.depth), {}) for g in self.grids)


def _key(place: str, cell: int | None) -> str:
    text = NULL if cell is None else str(cell)
    return text if place == ROOT else f"{place}{SEPARATOR}{text}"


def _heaviest(found: list[tuple[float, int | None]], total: float) -> Cells:
    """What is missing, and of the cells the heaviest, as many as add up to what the place counts: the others
    are noise."""
    kept: Cells = {}
    for n, cell in sorted(found, key=lambda pair: (pair[1] is not None, -pair[0])):
        if sum(kept.values()) >= total:
            break
        kept[cell] = n
    return kept


def ancestor(key: str, depth: int) -> str:
    """The place of that depth that a place lies in, or the place itself if it is not deeper."""
    return SEPARATOR.join(parts_of(key)[:depth]) if depth else ROOT


def parts_of(key: str) -> list[str]:
    """The joined names of a place, from coarse to fine."""
    return [] if key == ROOT else key.split(SEPARATOR)


def parent_of(key: str) -> str:
    """The place of the next coarser level."""
    return key.rpartition(SEPARATOR)[0] if SEPARATOR in key else ROOT

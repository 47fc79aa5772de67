"""Which value a heavy cell of a grid holds: found from histograms of the parts of a value's place within it.

A cell is a stretch of a grid, and may be too wide to tell one value from its neighbours. The place of a value
within its cell is a number of 8 bits a part. Of each part the counts of its 256 values are released, cells
being thrown together into a few buckets: a cell that holds mostly one value shows each part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.grid import BoundedGrid, DecimalGrid, FloatGrid, Grid, JoinedGrid, LinearGrid
from synth.core.likely import likely_value
from synth.core.mixing import mix
from synth.core.schema import Column, Kind
from synth.prepare.features import grid_for, type_limits

PART_BITS = 8
MOST_PARTS = 5
"""Forty bits: with the cells' own they make all digits of a float64."""
BUCKETS = 32
FIRST = 1 << 40
"""Number of the first counter: counters are counted like cells, far above all of them."""
_SIDE = 1 << PART_BITS
_MOSTLY = 0.5
"""Share of a cell's mass that one value must hold."""
_SURE = 5.0
"""Noise standard deviations above which one of 256 values of a part is more than noise."""
_MICROSECOND = 1e-6


def parts_of(column: Column) -> int:
    """How many parts a column's values have within their cells; 0 if no cell holds more than one value."""
    if column.edges is not None or column.kind is Kind.PLACE:
        return 0
    if column.kind is Kind.TIMESTAMP or (column.kind is Kind.REAL and column.decimals is None):
        return MOST_PARTS
    grid = _units(grid_for(column))
    if isinstance(grid, FloatGrid):
        largest = min(type_limits(column)[1] * 10.0 ** (column.decimals or 0), 2.0**53)
        width = largest / 2.0 ** (grid.bits + 1)
    else:
        width = _widest(grid)
    return -(-max(int(np.ceil(np.log2(max(width, 1.0)))), 0) // PART_BITS)


def _widest(grid: Grid) -> float:
    """Width of the widest cell of a grid that is no grid of floats."""
    match grid:
        case JoinedGrid():
            return max(part.step for part in grid.parts)
        case BoundedGrid():
            return grid.inner.step
        case LinearGrid():
            return grid.step
        case _:
            return 1.0


def _units(grid: Grid) -> Grid:
    return grid.units if isinstance(grid, DecimalGrid) else grid


def counters(
    values: NDArray[np.float64], cells: NDArray[np.int64], column: Column, n_parts: int
) -> list[NDArray[np.int64]]:
    """Numbers of the counters that the values add to, one a part; infinities add to none. [n] -> [<= n] each.

    Args:
      cells: [n], the grid's cells of the values.
    """
    grid = grid_for(column)
    units, finite = _units(grid), np.isfinite(values)
    values, cells = values[finite], cells[finite]
    if isinstance(grid, DecimalGrid):
        values = np.rint(values * 10.0**grid.decimals)
    base, width, sign = _edges(units, cells)
    total = PART_BITS * n_parts
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        share = np.where(width > 0, (np.where(sign < 0, -values, values) - base) / width, 0.0)
    within = np.clip(np.nan_to_num(share) * 2.0**total, 0, 2.0**total - 1).astype(np.int64)
    start = FIRST + (_bucket(cells) * n_parts << PART_BITS)
    found = []
    for part in range(n_parts):
        value = (within >> (total - PART_BITS * (part + 1))) & (_SIDE - 1)
        found.append(start + (part << PART_BITS) + value)
    return found


def _bucket(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    return (mix(cells.astype(np.uint64)) % np.uint64(BUCKETS)).astype(np.int64)


def _edges(
    grid: Grid, cells: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where each cell begins, seen from zero if the grid mirrors negative cells, its width, its sign."""
    lower, upper = grid.lower(cells), grid.lower(cells + 1)
    mirrored = isinstance(grid, FloatGrid) & (upper <= 0)
    with np.errstate(invalid="ignore", over="ignore"):
        width = np.where(np.isfinite(lower) & np.isfinite(upper), upper - lower, 0.0)
    return np.where(mirrored, -upper, lower), width, np.where(mirrored, -1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class ReleasedParts:
    """Noisy counters of a column, one query a part.

    counts: float64 [parts, BUCKETS, 256]. noise_scale: of each count.
    """

    counts: NDArray[np.float64]
    noise_scale: float

    def values(self, cells: Sequence[int], mass: Sequence[float], column: Column) -> dict[int, float]:
        """The value of each cell that mostly holds one, by the cell's number; the likely one of a narrower
        stretch where only its leading parts are found; without those of which nothing is.

        Heavy cells come first, and what they hold is taken from the counters of their bucket.
        """
        left = self.counts.copy()
        buckets = _bucket(np.asarray(cells, dtype=np.int64)).tolist()
        found: dict[int, float] = {}
        for place in sorted(range(len(cells)), key=lambda place: -mass[place]):
            within, n_found = 0, 0
            for part in left[:, buckets[place]]:
                value = int(np.argmax(part))
                if part[value] < max(_MOSTLY * mass[place], _SURE * self.noise_scale):
                    break
                part[value] -= mass[place]
                within, n_found = within << PART_BITS | value, n_found + 1
            if n_found:
                found[cells[place]] = _value(cells[place], within, PART_BITS * n_found, column)
        return found


def _value(cell: int, within: int, bits: int, column: Column) -> float:
    """The value at a place within a cell that is told by its leading bits."""
    grid = grid_for(column)
    (base,), (width,), (sign,) = (part.tolist() for part in _edges(_units(grid), np.array([cell])))
    lower, upper = base + width * (within * 2.0**-bits), base + width * ((within + 1) * 2.0**-bits)
    unit = 10.0 ** (grid.decimals if isinstance(grid, DecimalGrid) else 0)
    if isinstance(grid, DecimalGrid) or column.kind in (Kind.INTEGER, Kind.DATE):
        first = np.ceil(lower)
        if first + 1 < upper:
            first = abs(likely_value(lower, upper, Kind.INTEGER, None))
        return float(sign * first / unit)
    if column.kind is Kind.TIMESTAMP:
        if upper - lower >= _MICROSECOND:
            return likely_value(lower, upper, column.kind, None)
        return round((lower + upper) / 2 / _MICROSECOND) * _MICROSECOND
    exact = upper - lower <= 2 * np.spacing(lower)
    return float(sign * (lower if exact else likely_value(lower, upper, column.kind, None)))

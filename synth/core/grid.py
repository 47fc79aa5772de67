"""Fixed public grids on which numbers are counted: the cells do not depend on any data.

A grid orders its cells by value and numbers them 0 .. n_cells-1. Cells form a tree: `levels` are the shifts
of the cell number that give the ancestor on each level, so that counts can be refined level by level.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FAN_BITS = 4
"""A node of a grid's tree has at most 2^FAN_BITS children."""
_MOST_ROOTS = 256
_BLOCK_BITS = 12
_BLOCK = 1 << _BLOCK_BITS
_MIN_EXPONENT, _MAX_EXPONENT = -32, 63
_BLOCKS_A_SIDE = _MAX_EXPONENT - _MIN_EXPONENT + 1
_MANTISSA_BITS = 52
_BIAS = 1023


class Grid(Protocol):
    """Cells of the number line, the same for every table."""

    @property
    def n_cells(self) -> int:
        """Number of cells, a multiple of the block on the coarsest level."""
        ...

    @property
    def levels(self) -> tuple[int, ...]:
        """Right shifts of a cell number that give its ancestor on each level: coarse to fine, down to 0."""
        ...

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cell of each finite value; values beyond the grid go to its first or last cell."""
        ...

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower edge of each cell; `lower(c + 1)` is the upper edge of c. `c` may be `n_cells`."""
        ...

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Smallest whole number that is in each cell or above it."""
        ...


def levels_for(n_cells: int) -> tuple[int, ...]:
    """Shifts in steps of FAN_BITS down to 0, from the first that leaves at most 256 roots."""
    top = 0
    while (n_cells - 1) >> top >= _MOST_ROOTS:
        top += FAN_BITS
    return tuple(range(top, -1, -FAN_BITS))


@dataclass(frozen=True)
class FloatGrid:
    """Sign, binary exponent from 2^-32 to 2^63, and 12 leading bits; zero has a block of its own.

    Integers up to 8,191 in size each have their own cell; above, a cell is 1/4096 of its octave.
    """

    @property
    def n_cells(self) -> int:
        return (2 * _BLOCKS_A_SIDE + 1) * _BLOCK

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(range(_BLOCK_BITS, -1, -FAN_BITS))

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        # The leading bits of a float64 are its exponent and then its mantissa: cells in order already.
        bits = np.abs(np.ascontiguousarray(values, dtype=np.float64)).view(np.int64)
        size = (bits >> (_MANTISSA_BITS - _BLOCK_BITS)) - ((_MIN_EXPONENT + _BIAS) << _BLOCK_BITS)
        zero = _BLOCKS_A_SIDE * _BLOCK
        tiny = size < 0
        size = np.minimum(size, zero - 1)
        signed = np.where(values > 0, zero + _BLOCK + size, zero - 1 - size)
        return np.where(tiny, zero, signed)

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        zero = _BLOCKS_A_SIDE * _BLOCK
        cells = np.asarray(cells, dtype=np.int64)
        positive = _magnitude(cells - zero - _BLOCK)
        # Negative cell c covers (-magnitude(s + 1), -magnitude(s)] with s = zero - 1 - c.
        negative = -_magnitude(zero - cells)
        at_zero = (cells >= zero) & (cells < zero + _BLOCK)
        inside = np.where(cells == zero, 0.0, 2.0**_MIN_EXPONENT)
        return np.where(at_zero, inside, np.where(cells > zero, positive, negative))

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        # Cells of negative numbers hold their upper edge, not their lower one.
        lower = self.lower(cells)
        return np.where(lower < 0, np.floor(lower) + 1.0, np.ceil(lower))


def _magnitude(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    steps = np.maximum(steps, 0)
    return np.ldexp(1 + (steps % _BLOCK) / _BLOCK, (steps // _BLOCK + _MIN_EXPONENT).astype(np.int32))


@dataclass(frozen=True)
class LinearGrid:
    """Cells of width `step` from `start`; enough whole blocks to reach `end`."""

    start: float
    end: float
    step: float

    def __post_init__(self) -> None:
        if not self.end > self.start:
            raise ValueError(f"a grid must end above its start, got {self.start} .. {self.end}")
        if not self.step > 0:
            raise ValueError(f"step must be > 0, got {self.step}")

    @property
    def _used(self) -> int:
        return max(int(np.ceil((self.end - self.start) / self.step)), 1)

    @property
    def n_cells(self) -> int:
        block = 1 << self.levels[0]
        return -(-self._used // block) * block

    @property
    def levels(self) -> tuple[int, ...]:
        return levels_for(self._used)

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        position = np.floor((values - self.start) * (1 / self.step))
        return np.clip(position, 0, self._used - 1).astype(np.int64)

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        edge = self.start + np.asarray(cells, dtype=np.int64) * self.step
        return np.minimum(edge, self.end)

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ceil(self.lower(cells))


@dataclass(frozen=True)
class DecimalGrid:
    """Numbers of so many digits after the point, on a grid of whole numbers of their last digit's unit."""

    units: FloatGrid | LinearGrid
    decimals: int

    @property
    def n_cells(self) -> int:
        return self.units.n_cells

    @property
    def levels(self) -> tuple[int, ...]:
        return self.units.levels

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        return self.units.cell(np.rint(values * 10.0**self.decimals))

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.units.first_whole(cells) / 10.0**self.decimals

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Smallest whole number of units."""
        return self.units.first_whole(cells)

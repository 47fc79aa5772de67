"""Fixed public grids on which numbers are counted: the cells do not depend on any data.

A grid orders its cells by value and numbers them 0 .. n_cells-1. Cells form a tree: `LEVELS` shifts
of the cell number give the ancestor on each level, so that counts can be refined level by level.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

LEVELS = (12, 8, 4, 0)
"""Right shifts of a cell number that give its ancestor on each level of the tree, coarse to fine."""

_BLOCK = 1 << LEVELS[0]
_MIN_EXPONENT, _MAX_EXPONENT = -32, 63
_BLOCKS_A_SIDE = _MAX_EXPONENT - _MIN_EXPONENT + 1


class Grid(Protocol):
    """Cells of the number line, the same for every table."""

    @property
    def n_cells(self) -> int:
        """Number of cells, a multiple of the block on the coarsest level."""
        ...

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cell of each finite value; values beyond the grid go to its first or last cell."""
        ...

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower edge of each cell; `lower(c + 1)` is the upper edge of c. `c` may be `n_cells`."""
        ...


@dataclass(frozen=True)
class FloatGrid:
    """Sign, binary exponent from 2^-32 to 2^63, and 12 leading bits; zero has a block of its own.

    Integers up to 8,191 in size each have their own cell; above, a cell is 1/4096 of its octave.
    """

    @property
    def n_cells(self) -> int:
        return (2 * _BLOCKS_A_SIDE + 1) * _BLOCK

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        mantissa, exponent = np.frexp(np.abs(values))  # |x| = mantissa * 2^exponent, mantissa in [.5, 1)
        exponent = exponent - 1
        steps = np.floor((mantissa * 2 - 1) * _BLOCK).astype(np.int64)
        size = (exponent.astype(np.int64) - _MIN_EXPONENT) * _BLOCK + steps
        size = np.clip(size, 0, _BLOCKS_A_SIDE * _BLOCK - 1)
        zero = _BLOCKS_A_SIDE * _BLOCK
        tiny = np.abs(values) < 2.0**_MIN_EXPONENT
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
    def n_cells(self) -> int:
        cells = int(np.ceil((self.end - self.start) / self.step))
        return -(-max(cells, 1) // _BLOCK) * _BLOCK

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        last = int(np.ceil((self.end - self.start) / self.step)) - 1
        position = np.floor((values - self.start) / self.step)
        return np.clip(position, 0, max(last, 0)).astype(np.int64)

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        edge = self.start + np.asarray(cells, dtype=np.int64) * self.step
        return np.minimum(edge, self.end)


def grid_to_dict(grid: Grid) -> dict[str, Any]:
    """Plain values that `grid_from_dict` turns back."""
    match grid:
        case FloatGrid():
            return {"type": "float"}
        case LinearGrid(start=start, end=end, step=step):
            return {"type": "linear", "start": start, "end": end, "step": step}
    raise TypeError(f"not a grid: {type(grid).__name__}")


def grid_from_dict(fields: dict[str, Any]) -> Grid:
    """The grid that `grid_to_dict` described."""
    if fields["type"] == "float":
        return FloatGrid()
    return LinearGrid(fields["start"], fields["end"], fields["step"])

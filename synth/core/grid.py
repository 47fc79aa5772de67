"""Fixed public grids on which numbers are counted: the cells do not depend on any data.

A grid orders its cells by value and numbers them 0 .. n_cells-1. Cells form a tree: `levels` are the shifts
of the cell number that give the ancestor on each level, so that counts can be refined level by level.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FAN_BITS = 4
"""A node of a grid's tree has at most 2^FAN_BITS children a level."""
_MOST_ROOTS = 256
_MANTISSA_BITS = 52
_BIAS = 1023
_LARGEST = float(np.finfo(np.float64).max)
_SMALLEST = 5e-324


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

    @property
    def special(self) -> tuple[int, ...]:
        """Cells that are possible though no whole number lies in them: infinities, and what is outside."""
        ...

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Cell of each value that is a number; values beyond the grid go to its first or last cell."""
        ...

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower edge of each cell; `lower(c + 1)` is the upper edge of c. `c` may be `n_cells`."""
        ...

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Smallest whole number that is in each cell or above it."""
        ...


def levels_for(n_cells: int, most_roots: int = _MOST_ROOTS) -> tuple[int, ...]:
    """Shifts in steps of FAN_BITS down to 0, from the first that leaves at most so many roots."""
    top = 0
    while (n_cells - 1) >> top >= most_roots:
        top += FAN_BITS
    return tuple(range(top, -1, -FAN_BITS))


_REGIONS = (
    # (first exponent, octaves, bits fewer than where it is finest): every number that a float64 can be
    (-1112, 1024, 8),
    (-88, 64, 4),
    (-24, 88, 0),
    (64, 64, 4),
    (128, 1024, 8),
)
_BLOCKS_A_SIDE = sum(octaves >> fewer for _, octaves, fewer in _REGIONS)


@dataclass(frozen=True)
class FloatGrid:
    """Every float64 by sign and magnitude; zero and both infinities have blocks of their own.

    From 2^-24 to 2^64 a block is an octave, and a cell 2^-bits of it, so that whole numbers below
    2^(bits + 1) have cells of their own. Out to 2^-88 and 2^128 a block is 16 octaves, beyond 256.

    Attributes:
      bits: leading bits of the mantissa that tell cells apart, at least 8.
    """

    bits: int = 12

    @property
    def _block(self) -> int:
        return 1 << self.bits

    @property
    def zero(self) -> int:
        """The cell of zero."""
        return (1 + _BLOCKS_A_SIDE) << self.bits

    @property
    def n_cells(self) -> int:
        return (2 * _BLOCKS_A_SIDE + 3) << self.bits

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(range(self.bits, -1, -FAN_BITS))

    @property
    def special(self) -> tuple[int, ...]:
        return (0, self.n_cells - self._block)

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        # The leading bits of a float64 are its exponent and then its mantissa: cells in order already.
        values = np.ascontiguousarray(values, dtype=np.float64)
        bits = np.abs(values).view(np.int64)
        size = np.full(len(bits), -1, dtype=np.int64)
        first = 0
        for exponent, octaves, fewer in _REGIONS:
            start, shift = _start_of(exponent), _MANTISSA_BITS - self.bits + fewer
            inside = (bits >= start) & (bits < _start_of(exponent + octaves))
            if inside.all():
                size = ((bits - start) >> shift) + first
                break
            size = np.where(inside, ((bits - start) >> shift) + first, size)
            first += octaves << (self.bits - fewer)
        zero, block = self.zero, self._block
        signed = np.where(values > 0, zero + block + size, zero - 1 - size)
        signed = np.where(bits == 0, zero, signed)
        infinite = np.isinf(values)
        if infinite.any():
            signed = np.where(infinite, np.where(values > 0, self.n_cells - block, 0), signed)
        return signed

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        cells = np.asarray(cells, dtype=np.int64)
        zero, block = self.zero, self._block
        positive = self._magnitude(cells - zero - block)
        # Negative cell c covers (-magnitude(s + 1), -magnitude(s)] with s = zero - 1 - c.
        negative = -self._magnitude(zero - cells)
        inside = np.where(cells == zero, 0.0, _SMALLEST)
        at_zero = (cells >= zero) & (cells < zero + block)
        finite = np.where(at_zero, inside, np.where(cells > zero, positive, negative))
        edge = np.where(cells >= self.n_cells - block, np.inf, finite)
        return np.where(cells < block, -np.inf, edge)

    def _magnitude(self, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower edge of the so-many-th cell above zero; the smallest number where there is none."""
        bits = np.zeros(steps.shape, dtype=np.int64)
        largest = int(np.array(_LARGEST).view(np.int64))
        first = 0
        for exponent, octaves, fewer in _REGIONS:
            start, shift = _start_of(exponent), _MANTISSA_BITS - self.bits + fewer
            # Beyond the largest number nothing is, and shifting further would overflow.
            within = np.minimum(steps - first, ((largest - start) >> shift) + 1)
            bits = np.where(steps >= first, start + (within << shift), bits)
            first += octaves << (self.bits - fewer)
        return np.ascontiguousarray(np.clip(bits, 1, largest)).view(np.float64)

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        # Cells of negative numbers hold their upper edge, not their lower one.
        lower = self.lower(cells)
        return np.where(lower < 0, np.floor(lower) + 1.0, np.ceil(lower))


def _start_of(exponent: int) -> int:
    """The bits of 2^exponent, as a number; negative below all floats."""
    return (exponent + _BIAS) << _MANTISSA_BITS


@dataclass(frozen=True)
class LinearGrid:
    """Cells of width `step` from `start`; enough whole blocks to reach `end`.

    Attributes:
      most_roots: how many roots its tree may have.
    """

    start: float
    end: float
    step: float
    most_roots: int = _MOST_ROOTS

    def __post_init__(self) -> None:
        if not self.end > self.start:
            raise ValueError(f"a grid must end above its start, got {self.start} .. {self.end}")
        if not self.step > 0:
            raise ValueError(f"step must be > 0, got {self.step}")

    @property
    def used(self) -> int:
        """Cells that values can lie in; those after them only fill the last block."""
        return max(int(np.ceil((self.end - self.start) / self.step)), 1)

    @property
    def n_cells(self) -> int:
        block = 1 << self.levels[0]
        return -(-self.used // block) * block

    @property
    def levels(self) -> tuple[int, ...]:
        return levels_for(self.used, self.most_roots)

    @property
    def special(self) -> tuple[int, ...]:
        return ()

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        position = np.floor((values - self.start) * (1 / self.step))
        return np.clip(position, 0, self.used - 1).astype(np.int64)

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        edge = self.start + np.asarray(cells, dtype=np.int64) * self.step
        return np.minimum(edge, self.end)

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ceil(self.lower(cells))


@dataclass(frozen=True)
class JoinedGrid:
    """Linear grids one after another, each in whole blocks of 2^`top` cells: finer where it matters.

    Attributes:
      parts: each begins where the one before ends.
    """

    parts: tuple[LinearGrid, ...]
    top: int

    def __post_init__(self) -> None:
        if any(a.end != b.start for a, b in zip(self.parts, self.parts[1:], strict=False)):
            raise ValueError("each part of a grid must begin where the one before ends")

    @property
    def _firsts(self) -> NDArray[np.int64]:
        """First cell of each part, and one past the last."""
        blocks = [-(-part.used // (1 << self.top)) for part in self.parts]
        return np.concatenate([[0], np.cumsum(blocks)]).astype(np.int64) << self.top

    @property
    def n_cells(self) -> int:
        return int(self._firsts[-1])

    @property
    def levels(self) -> tuple[int, ...]:
        return tuple(range(self.top, -1, -FAN_BITS))

    @property
    def special(self) -> tuple[int, ...]:
        return ()

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        values = np.asarray(values, dtype=np.float64)
        starts = np.array([part.start for part in self.parts[1:]])
        place = np.searchsorted(starts, values, side="right")
        firsts = self._firsts
        cells = np.zeros(len(values), dtype=np.int64)
        for number in np.unique(place).tolist():
            inside = place == number
            cells[inside] = self.parts[number].cell(values[inside]) + firsts[number]
        return cells

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        cells = np.asarray(cells, dtype=np.int64)
        firsts = self._firsts
        place = np.clip(np.searchsorted(firsts, cells, side="right") - 1, 0, len(self.parts) - 1)
        start, step, end = (
            np.array([getattr(part, name) for part in self.parts])[place] for name in ("start", "step", "end")
        )
        return np.minimum(start + (cells - firsts[place]) * step, end)

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ceil(self.lower(cells))


@dataclass(frozen=True)
class BoundedGrid:
    """A linear grid over declared bounds, with one cell for what lies outside on each side.

    Attributes:
      closed: whether `inner.end` itself is inside.
    """

    inner: LinearGrid
    closed: bool = False

    @property
    def _block(self) -> int:
        return 1 << self.inner.levels[0]

    @property
    def n_cells(self) -> int:
        return self.inner.n_cells + 2 * self._block

    @property
    def levels(self) -> tuple[int, ...]:
        return self.inner.levels

    @property
    def special(self) -> tuple[int, ...]:
        return (0, self.n_cells - self._block)

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        values = np.asarray(values, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            inside = self.inner.cell(np.clip(values, self.inner.start, self.inner.end)) + self._block
        above = values > self.inner.end if self.closed else values >= self.inner.end
        cells = np.where(above, self.n_cells - self._block, inside)
        return np.where(values < self.inner.start, 0, cells)

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        cells = np.asarray(cells, dtype=np.int64)
        return np.clip(self.inner.lower(cells - self._block), self.inner.start, self.inner.end)

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ceil(self.lower(cells))


@dataclass(frozen=True)
class DecimalGrid:
    """Numbers of so many digits after the point, on a grid of whole numbers of their last digit's unit."""

    units: FloatGrid | LinearGrid | BoundedGrid
    decimals: int

    @property
    def n_cells(self) -> int:
        return self.units.n_cells

    @property
    def levels(self) -> tuple[int, ...]:
        return self.units.levels

    @property
    def special(self) -> tuple[int, ...]:
        return self.units.special

    def cell(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        with np.errstate(over="ignore"):
            units = np.rint(values * 10.0**self.decimals)
        beyond = np.isinf(units) & ~np.isinf(values)
        return self.units.cell(np.where(beyond, np.copysign(_LARGEST, values), units))

    def lower(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.units.first_whole(cells) / 10.0**self.decimals

    def first_whole(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Smallest whole number of units."""
        return self.units.first_whole(cells)

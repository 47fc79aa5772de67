"""A grid over the earth, numbered along a Z-shaped curve: cells of near numbers are near places."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 14
"""Halvings of each axis: a cell of the whole earth is about 1.2 km high and at most 2.4 km wide."""


@dataclass(frozen=True, kw_only=True)
class GeoBox:
    """The part of the earth that the grid divides, in degrees; places outside go to its edge."""

    south: float = -90.0
    north: float = 90.0
    west: float = -180.0
    east: float = 180.0

    def __post_init__(self) -> None:
        if not (self.south < self.north and self.west < self.east):
            raise ValueError("a box needs its south below its north and its west below its east")

    def cell(self, latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
        """Number of the cell of each place: float64 [n] whole numbers below 4^BITS, NaN if either is NaN."""
        row = _step(latitude, self.south, self.north)
        column = _step(longitude, self.west, self.east)
        known = ~(np.isnan(latitude) | np.isnan(longitude))
        numbers = (_spread(row) << np.uint64(1) | _spread(column)).astype(np.float64)
        return np.where(known, numbers, np.nan)

    def coarse(
        self, latitude: NDArray[np.float64], longitude: NDArray[np.float64], bits: int
    ) -> NDArray[np.float64]:
        """Number of the cell of a grid of only `bits` halvings: float64 [n], NaN if either is NaN."""
        return np.floor(self.cell(latitude, longitude) / float(1 << 2 * (BITS - bits)))

    def within(
        self, cells: NDArray[np.float64], bits: NDArray[np.int64], uniforms: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """A finest cell within each cell of a grid of `bits` halvings. [n], [n], [n] in [0, 1) -> [n]."""
        size = 4.0 ** (BITS - bits)
        return cells * size + np.floor(uniforms * size)

    def place(
        self, cells: NDArray[np.float64], up: NDArray[np.float64], right: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Latitude and longitude within each cell, NaN for NaN.

        Args:
          cells: float64 [n] of `cell`. up, right: [n] in [0, 1): where in the cell.
        """
        known = ~np.isnan(cells)
        numbers = np.where(known, cells, 0).astype(np.uint64)
        row, column = _gather(numbers >> np.uint64(1)), _gather(numbers)
        latitude = self.south + (row + up) * ((self.north - self.south) / (1 << BITS))
        longitude = self.west + (column + right) * ((self.east - self.west) / (1 << BITS))
        return np.where(known, latitude, np.nan), np.where(known, longitude, np.nan)


def _step(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.uint64]:
    steps = np.floor((np.nan_to_num(values) - low) * ((1 << BITS) / (high - low)))
    return np.clip(steps, 0, (1 << BITS) - 1).astype(np.uint64)


_MASKS = (
    (np.uint64(0), np.uint64(0x00000000FFFFFFFF)),
    (np.uint64(16), np.uint64(0x0000FFFF0000FFFF)),
    (np.uint64(8), np.uint64(0x00FF00FF00FF00FF)),
    (np.uint64(4), np.uint64(0x0F0F0F0F0F0F0F0F)),
    (np.uint64(2), np.uint64(0x3333333333333333)),
    (np.uint64(1), np.uint64(0x5555555555555555)),
)


def _spread(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Bit k to bit 2k. Source: the interleaving of Morton 1966."""
    for shift, mask in _MASKS:
        bits = (bits | bits << shift) & mask
    return bits


def _gather(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Bit 2k to bit k; the inverse of `_spread`, odd bits ignored."""
    bits = bits & _MASKS[-1][1]
    for (shift, _), (_, mask) in itertools.pairwise(_MASKS[::-1]):
        bits = (bits | bits >> shift) & mask
    return bits.astype(np.float64)

"""From released cells to bins: of equal mass with spikes apart, of equal width, or of equal power width."""

import itertools
import math
from collections.abc import Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from synth.config.sections import Binning
from synth.core.codebook import Cell
from synth.core.grid import Grid
from synth.core.power import PowerTransform
from synth.core.schema import Column, Kind
from synth.privacy.quantile import MassCells

_TOLD_APART = 8.0
"""Noise standard deviations of mass that a bin needs to be told apart from its neighbours."""
_SPIKE_STEEPER = 4.0
"""How many times denser than its surroundings a single value must be to be a spike."""
_SPIKE_LEAST = 50
"""A spike holds at least 1 / (this many x bins) of the mass."""
_SPIKE_SIGNIFICANT = 6.0
_AROUND = 3
"""Cells on each side that are a spike's surroundings."""


def cells_of(mass: MassCells, grid: Grid, column: Column) -> list[Cell]:
    """Cells with their counts, within the declared bounds; for whole-numbered kinds their edges are whole.

    Mass of a cell that holds no whole number, or lies outside the bounds, goes to the cell before it.
    """
    edge = grid.lower if column.kind is Kind.REAL else grid.first_whole
    lowers, uppers = edge(mass.first), edge(mass.last + 1)
    top = None if column.upper is None else column.upper + (0 if column.kind is Kind.REAL else 1)
    cells: list[Cell] = []
    reached, waiting = -math.inf, 0.0
    for lower, upper, weight in zip(lowers.tolist(), uppers.tolist(), mass.mass.tolist(), strict=True):
        lower = max(lower, reached)
        upper = max(upper, lower)
        if column.lower is not None:
            lower, upper = max(lower, column.lower), max(upper, column.lower)
        if top is not None:
            lower, upper = min(lower, top), min(upper, top)
        if upper > lower:
            cells.append((lower, upper, weight + waiting))
            waiting, reached = 0.0, upper
        elif cells:
            cells[-1] = (cells[-1][0], cells[-1][1], cells[-1][2] + weight)
        else:
            waiting += weight
    if not cells and waiting > 0 and column.lower is not None and top is not None:
        cells.append((column.lower, top, waiting))
    return cells


def cut(
    cells: Sequence[Cell],
    binning: Binning,
    column: Column,
    *,
    bins: int,
    noise_scale: float,
    power: PowerTransform | None,
) -> list[list[Cell]]:
    """The cells of each bin, in order; bins of equal width may split a cell, and empty ones are left out."""
    if not cells:
        return []
    low, high = cells[0][0], cells[-1][1]
    match binning:
        case Binning.QUANTILE:
            return _of_equal_mass(cells, column, bins, noise_scale)
        case Binning.WIDTH:
            return _at_edges(cells, np.linspace(low, high, bins + 1), column)
        case Binning.POWER:
            if power is None:
                return _at_edges(cells, np.linspace(low, high, bins + 1), column)
            ends = power.apply(np.array([low, high]))
            edges = power.invert(np.linspace(ends[0], ends[1], bins + 1))
            return _at_edges(cells, np.array([low, *edges[1:-1], high]), column)
        case _:
            assert_never(binning)


def _of_equal_mass(cells: Sequence[Cell], column: Column, bins: int, noise_scale: float) -> list[list[Cell]]:
    """Runs of cells of about equal mass; heavy cells and spikes stand alone.

    Fewer than `bins` come out where a bin of equal mass would not stand out of the noise.
    """
    mass = np.array([count for _, _, count in cells])
    told_apart = math.inf if noise_scale == 0 else mass.sum() / (_TOLD_APART * noise_scale)
    target = mass.sum() / max(1, min(bins, int(min(told_apart, bins))))
    alone = (mass >= target) | _spikes(cells, column, bins, noise_scale)
    # The bin in which a cell's middle lies, counted over the cells that do not stand alone.
    level = np.where(alone, 0.0, mass)
    place = np.floor((np.cumsum(level) - level / 2) / target)
    starts = np.flatnonzero((np.diff(place) != 0) | alone[1:] | alone[:-1]) + 1
    bounds = itertools.pairwise([0, *starts.tolist(), len(cells)])
    return [list(cells[start:stop]) for start, stop in bounds]


def _spikes(cells: Sequence[Cell], column: Column, bins: int, noise_scale: float) -> NDArray[np.bool_]:
    """Cells of a single value that stands far above its surroundings, the heaviest bins / 2 of them. [m]."""
    lowers, uppers, mass = (np.array(values) for values in zip(*cells, strict=True))
    widths = uppers - lowers
    m = len(cells)
    before, after = np.maximum(np.arange(m) - _AROUND, 0), np.minimum(np.arange(m) + _AROUND, m - 1)
    total = np.concatenate([[0.0], np.cumsum(mass)])
    around = total[after + 1] - total[before] - mass
    span = uppers[after] - lowers[before] - widths
    density = np.divide(around, span, out=np.zeros(m), where=span > 0)
    # A cell of the finest level, or a whole number.
    is_single = widths <= np.maximum(np.abs(lowers), 2.0**-32) * 2.0**-11
    if column.kind is not Kind.REAL:
        is_single |= widths <= 1
    enough = max(mass.sum() / (_SPIKE_LEAST * bins), _SPIKE_SIGNIFICANT * noise_scale)
    spikes = is_single & (mass >= enough) & (mass > _SPIKE_STEEPER * density * widths)
    heaviest = np.argsort(-np.where(spikes, mass, 0.0), kind="stable")[: max(1, bins // 2)]
    kept = np.zeros(m, dtype=bool)
    kept[heaviest] = True
    return spikes & kept


def _at_edges(cells: Sequence[Cell], edges: NDArray[np.float64], column: Column) -> list[list[Cell]]:
    """Cells cut at the edges, their mass shared by width; whole-numbered kinds are cut at whole numbers."""
    inner = np.unique(edges[1:-1] if column.kind is Kind.REAL else np.ceil(edges[1:-1]))
    bins: list[list[Cell]] = [[] for _ in range(len(inner) + 1)]
    for lower, upper, count in cells:
        first = int(np.searchsorted(inner, lower, side="right"))
        last = int(np.searchsorted(inner, upper, side="left"))
        points = [lower, *inner[first:last].tolist(), upper]
        for offset, (start, stop) in enumerate(itertools.pairwise(points)):
            if stop > start:
                bins[first + offset].append((start, stop, count * (stop - start) / (upper - lower)))
    return [part for part in bins if part]

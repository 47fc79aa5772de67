"""From released cells to bins: of equal mass with spikes apart, of equal width, or of equal power width."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from synth.config.sections import Binning
from synth.core.codebook import Cell
from synth.core.grid import Grid
from synth.core.likely import likely_value
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
_LARGEST = float(np.finfo(np.float64).max)
_AROUND = 3
"""Cells on each side that are a spike's surroundings."""


def cells_of(mass: MassCells, grid: Grid, column: Column) -> list[Cell]:
    """Cells with their counts, within the declared bounds; for whole-numbered kinds their edges are whole.

    Mass of a cell that holds no whole number, or lies outside the bounds, goes to the cell before it.
    Infinities are cells with both edges there.
    """
    edge = grid.lower if column.kind is Kind.REAL else grid.first_whole
    lowers, uppers = edge(mass.first), edge(mass.last + 1)
    uppers = np.where(np.isinf(uppers) & np.isfinite(lowers), _LARGEST, uppers)
    uppers = np.where(lowers == -np.inf, -np.inf, uppers)
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
        if upper > lower or math.isinf(lower):
            cells.append((lower, upper, weight + waiting))
            waiting, reached = 0.0, upper
        elif cells:
            cells[-1] = (cells[-1][0], cells[-1][1], cells[-1][2] + weight)
        else:
            waiting += weight
    if not cells and waiting > 0 and column.lower is not None and top is not None:
        cells.append((column.lower, top, waiting))
    return cells


def share_outside(mass: MassCells, grid: Grid, column: Column) -> float:
    """Released share of the values that lie outside the declared bounds."""
    lowers, uppers = grid.lower(mass.first), grid.lower(mass.last + 1)
    beyond = np.zeros(len(lowers), dtype=bool)
    if column.lower is not None:
        beyond |= uppers <= column.lower
    if column.upper is not None:
        beyond |= (lowers > column.upper) | ((lowers == uppers) & (lowers >= column.upper))
    total = float(mass.mass.sum())
    return min(float(mass.mass[beyond].sum()) / total, 1.0) if total > 0 else 0.0


def cut(
    cells: Sequence[Cell],
    binning: Binning,
    column: Column,
    *,
    bins: int,
    noise_scale: float,
    power: PowerTransform | None,
    spikes: NDArray[np.bool_] | None = None,
) -> list[list[Cell]]:
    """The cells of each bin, in order; bins of equal width may split a cell, and empty ones are left out.

    Args:
      spikes: cells that are one value each: they stand alone, and are never split. [m]; None: none.
    """
    if not cells:
        return []
    alone = np.zeros(len(cells), dtype=bool) if spikes is None else spikes
    if math.isinf(cells[0][0]) or math.isinf(cells[-1][1]):
        finite = [k for k, (lower, upper, _) in enumerate(cells) if math.isfinite(lower + upper)]
        below = [[cell] for cell in cells if cell[0] == -math.inf]
        above = [[cell] for cell in cells if cell[0] == math.inf]
        inner = cut(
            [cells[k] for k in finite], binning, column, bins=bins, noise_scale=noise_scale, power=power,
            spikes=alone[finite],
        )  # fmt: skip
        return [*below, *inner, *above]
    low, high = cells[0][0], cells[-1][1]
    match binning:
        case Binning.QUANTILE:
            return _of_equal_mass(cells, alone, bins, noise_scale)
        case Binning.WIDTH:
            return _at_edges(cells, np.linspace(low, high, bins + 1), column, alone)
        case Binning.POWER:
            if power is None:
                return _at_edges(cells, np.linspace(low, high, bins + 1), column, alone)
            ends = power.apply(np.array([low, high]))
            edges = power.invert(np.linspace(ends[0], ends[1], bins + 1))
            return _at_edges(cells, np.array([low, *edges[1:-1], high]), column, alone)
        case _:
            assert_never(binning)


def _of_equal_mass(
    cells: Sequence[Cell], spikes: NDArray[np.bool_], bins: int, noise_scale: float
) -> list[list[Cell]]:
    """Runs of cells of about equal mass; heavy cells and spikes stand alone.

    Fewer than `bins` come out where a bin of equal mass would not stand out of the noise.
    """
    mass = np.array([count for _, _, count in cells])
    told_apart = math.inf if noise_scale == 0 else mass.sum() / (_TOLD_APART * noise_scale)
    target = mass.sum() / max(1, min(bins, int(min(told_apart, bins))))
    alone = (mass >= target) | spikes
    # The bin in which a cell's middle lies, counted over the cells that do not stand alone.
    level = np.where(alone, 0.0, mass)
    place = np.floor((np.cumsum(level) - level / 2) / target)
    starts = np.flatnonzero((np.diff(place) != 0) | alone[1:] | alone[:-1]) + 1
    bounds = itertools.pairwise([0, *starts.tolist(), len(cells)])
    return [list(cells[start:stop]) for start, stop in bounds]


def find_spikes(
    cells: Sequence[Cell], grid: Grid, column: Column, bins: int, noise_scale: float
) -> NDArray[np.bool_]:
    """Cells of a single value that stands far above its surroundings, the heaviest bins / 2 of them. [m]."""
    lowers, uppers, mass = (np.array(values) for values in zip(*cells, strict=True))
    with np.errstate(invalid="ignore", over="ignore"):
        widths = np.where(lowers == uppers, 0.0, uppers - lowers)
    m = len(cells)
    before, after = np.maximum(np.arange(m) - _AROUND, 0), np.minimum(np.arange(m) + _AROUND, m - 1)
    total = np.concatenate([[0.0], np.cumsum(mass)])
    around = total[after + 1] - total[before] - mass
    with np.errstate(invalid="ignore", over="ignore"):
        span = uppers[after] - lowers[before] - widths
    density = np.divide(around, span, out=np.zeros(m), where=span > 0)
    enough = max(mass.sum() / (_SPIKE_LEAST * bins), _SPIKE_SIGNIFICANT * noise_scale)
    with np.errstate(invalid="ignore", over="ignore"):
        steep = mass > _SPIKE_STEEPER * density * widths
    spikes = _is_single(lowers, uppers, grid, column) & (mass >= enough) & steep
    heaviest = np.argsort(-np.where(spikes, mass, 0.0), kind="stable")[: max(1, bins // 2)]
    kept = np.zeros(m, dtype=bool)
    kept[heaviest] = True
    return (spikes & kept) | np.isinf(lowers)


def _is_single(
    lowers: NDArray[np.float64], uppers: NDArray[np.float64], grid: Grid, column: Column
) -> NDArray[np.bool_]:
    """Whether each cell is one of the grid's finest, or holds one whole number. [m]."""
    whole = column.kind is not Kind.REAL
    inside = lowers if whole or column.decimals is not None else lowers / 2 + uppers / 2
    found = grid.cell(inside)
    edge = grid.first_whole if whole else grid.lower
    with np.errstate(invalid="ignore", over="ignore"):
        single = uppers - lowers <= (edge(found + 1) - edge(found)) * (1 + 1e-9)
        return single | ((uppers - lowers <= 1) & whole) | (lowers == uppers)


def with_points(
    bins: Sequence[Sequence[Cell]], spikes: Sequence[Cell], column: Column, values: Mapping[Cell, float]
) -> list[tuple[Cell, ...]]:
    """Where the mass of each bin lies: spikes at their (likely) values, the rest in its cells."""
    single = set(spikes)
    return [
        tuple(_at_point(cell, column, values.get(cell)) if cell in single else cell for cell in part)
        for part in bins
    ]


def _at_point(cell: Cell, column: Column, value: float | None) -> Cell:
    lower, upper, count = cell
    if column.kind is Kind.PLACE:
        return cell
    if value is not None and lower <= value <= upper:
        return (value, value, count)
    value = likely_value(lower, upper, column.kind, column.decimals)
    return (value, value, count)


def _at_edges(
    cells: Sequence[Cell], edges: NDArray[np.float64], column: Column, spikes: NDArray[np.bool_]
) -> list[list[Cell]]:
    """Cells cut at the edges, their mass shared by width; whole-numbered kinds are cut at whole numbers."""
    inner = np.unique(edges[1:-1] if column.kind is Kind.REAL else np.ceil(edges[1:-1]))
    bins: list[list[Cell]] = [[] for _ in range(len(inner) + 1)]
    for (lower, upper, count), is_spike in zip(cells, spikes.tolist(), strict=True):
        first = int(np.searchsorted(inner, lower, side="right"))
        last = first if is_spike else int(np.searchsorted(inner, upper, side="left"))
        points = [lower, *inner[first:last].tolist(), upper]
        for offset, (start, stop) in enumerate(itertools.pairwise(points)):
            if stop > start:
                bins[first + offset].append((start, stop, count * (stop - start) / (upper - lower)))
    return [part for part in bins if part]

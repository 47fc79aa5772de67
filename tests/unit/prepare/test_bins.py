"""Cutting cells into bins: no mass is lost, order is kept, edges fit the kind, and spikes stand alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.config.sections import Binning
from synth.core.codebook import Cell
from synth.core.grid import FloatGrid, LinearGrid
from synth.core.schema import Column, Kind
from synth.prepare.bins import cells_of, cut, find_spikes
from synth.prepare.power import fit_power
from synth.privacy.quantile import MassCells

WHOLE = Column(name="n", spark_type="int", kind=Kind.INTEGER)
REAL = Column(name="x", spark_type="double", kind=Kind.REAL)
COLUMNS = {Kind.INTEGER: WHOLE, Kind.REAL: REAL}


@st.composite
def cell_lists(draw: st.DrawFn) -> list[Cell]:
    """Cells with whole edges and gaps between some of them."""
    widths = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 40)), min_size=1, max_size=40))
    counts = draw(st.lists(st.floats(0.5, 1000), min_size=len(widths), max_size=len(widths)))
    edge, cells = float(draw(st.integers(-500, 500))), []
    for (gap, width), count in zip(widths, counts, strict=True):
        cells.append((edge + gap, edge + gap + width, count))
        edge += gap + width
    return cells


def cells_of_values(values: np.ndarray, column: Column) -> list[Cell]:
    grid = FloatGrid()
    cells, counts = np.unique(grid.cell(values.astype(np.float64)), return_counts=True)
    mass = MassCells(first=cells, last=cells, mass=counts.astype(np.float64), noise_scale=0.0)
    return cells_of(mass, grid, column)


@pytest.mark.parametrize("binning", Binning)
@pytest.mark.parametrize("kind", COLUMNS)
@given(cells=cell_lists(), bins=st.integers(2, 30), noise_scale=st.sampled_from([0.0, 3.0]))
def test_bins_are_in_order_and_keep_all_mass(
    binning: Binning, kind: Kind, cells: list[Cell], bins: int, noise_scale: float
) -> None:
    power = fit_power(cells)
    cut_up = cut(cells, binning, COLUMNS[kind], bins=bins, noise_scale=noise_scale, power=power)
    flat = [cell for part in cut_up for cell in part]
    assert all(cut_up), "no bin is empty"
    assert sum(n for _, _, n in flat) == pytest.approx(sum(n for _, _, n in cells))
    edges = np.array([(a, b) for a, b, _ in flat]).ravel()
    assert np.all(np.diff(edges) >= 0)
    assert edges[0] == cells[0][0]
    assert edges[-1] == cells[-1][1]
    if kind is Kind.INTEGER:
        assert np.array_equal(edges, np.round(edges)), "whole numbers are cut at whole numbers"
    if binning is not Binning.QUANTILE:
        assert len(cut_up) <= bins


@pytest.mark.parametrize("binning", Binning)
def test_no_cells_make_no_bins(binning: Binning) -> None:
    assert cut([], binning, REAL, bins=5, noise_scale=0.0, power=None) == []


def test_bins_of_equal_mass_have_equal_mass() -> None:
    cells = cells_of_values(np.random.default_rng(0).normal(0, 1, 100_000), REAL)
    bins = cut(cells, Binning.QUANTILE, REAL, bins=20, noise_scale=0.0, power=None)
    heights = np.array([sum(n for _, _, n in part) for part in bins])
    assert 19 <= len(bins) <= 21
    assert np.all(np.abs(heights[1:-1] - 5_000) < 300)


def test_noise_lets_only_bins_come_out_that_stand_above_it() -> None:
    cells = [(float(k), k + 1.0, 20.0) for k in range(50)]
    assert len(cut(cells, Binning.QUANTILE, REAL, bins=20, noise_scale=25.0, power=None)) <= 5
    even = [(float(k), k + 1.0, 5.0) for k in range(200)]
    assert len(cut(even, Binning.QUANTILE, WHOLE, bins=20, noise_scale=0.0, power=None)) == 20


def stands_alone(bins: list[list[Cell]], value: float) -> bool:
    (part,) = [part for part in bins if part[0][0] <= value < part[-1][1]]
    return len(part) == 1 and part[0][1] - part[0][0] <= 1


def with_spikes(cells: list[Cell], noise_scale: float) -> list[list[Cell]]:
    spikes = find_spikes(cells, FloatGrid(), WHOLE, 20, noise_scale)
    return cut(cells, Binning.QUANTILE, WHOLE, bins=20, noise_scale=noise_scale, power=None, spikes=spikes)


@pytest.mark.parametrize("noise_scale", [0.0, 10.0])
def test_zero_a_usual_number_and_the_top_of_a_range_stand_alone(noise_scale: float) -> None:
    generator = np.random.default_rng(0)
    gains = np.concatenate([np.zeros(30_000), generator.lognormal(8, 1, 3_000).round()])
    gains = with_spikes(cells_of_values(gains, WHOLE), noise_scale)
    assert stands_alone(gains, 0.0)
    hours = np.concatenate([generator.normal(40, 12, 20_000).round(), np.full(15_000, 40.0)]).clip(1, 99)
    hours = with_spikes(cells_of_values(hours, WHOLE), noise_scale)
    assert stands_alone(hours, 40.0)
    ages = np.concatenate([generator.integers(17, 80, 30_000), np.full(900, 90)])
    ages = with_spikes(cells_of_values(ages, WHOLE), noise_scale)
    assert stands_alone(ages, 90.0)


def test_a_smooth_column_has_no_spikes() -> None:
    cells = [(float(k), k + 1.0, 100.0) for k in range(200)]
    bins = with_spikes(cells, 5.0)
    assert not any(len(part) == 1 for part in bins)


def test_bins_of_equal_width_are_those_of_pandas() -> None:
    pd = pytest.importorskip("pandas", reason="runs where Spark's pandas is")
    values = np.random.default_rng(0).normal(50, 15, 20_000)
    cells = cells_of_values(values, REAL)
    bins = cut(cells, Binning.WIDTH, REAL, bins=20, noise_scale=0.0, power=None)
    binned, edges = pd.cut(values, 20, retbins=True, right=False, labels=False)
    assert len(bins) == 20
    width = (values.max() - values.min()) / 20
    # A bin begins with its first cell and ends with its last: edges may lie in gaps between cells.
    near = width / 100
    assert all(start[0][0] >= edge - near for start, edge in zip(bins[1:], edges[1:-1], strict=True))
    assert all(end[-1][1] <= edge + near for end, edge in zip(bins[:-1], edges[1:-1], strict=True))
    wanted = np.bincount(binned, minlength=20)
    found = np.array([sum(n for _, _, n in part) for part in bins])
    assert np.abs(found - wanted).sum() / 2 < 0.01 * len(values)


def test_bins_of_equal_power_width_are_evenly_spaced_after_the_transform() -> None:
    values = np.random.default_rng(0).lognormal(3, 1, 20_000)
    cells = cells_of_values(values, REAL)
    power = fit_power(cells)
    assert power is not None
    bins = cut(cells, Binning.POWER, REAL, bins=20, noise_scale=0.0, power=power)
    edges = power.apply(np.array([part[0][0] for part in bins] + [bins[-1][-1][1]]))
    even = (edges[-1] - edges[0]) / 20
    # Edges may lie in gaps between cells, so a bin begins with its first cell; empty ones are left out.
    steps = np.diff(edges)
    assert np.median(steps) == pytest.approx(even, rel=0.02)


def test_cells_are_kept_within_declared_bounds_without_losing_mass() -> None:
    grid = LinearGrid(-10.0, 30.0, 1.0)
    first = np.arange(0, 40)
    mass = MassCells(first=first, last=first, mass=np.ones(40), noise_scale=0.0)
    whole = Column(name="n", spark_type="int", kind=Kind.INTEGER, lower=0, upper=9)
    cells = cells_of(mass, grid, whole)
    assert (cells[0][0], cells[-1][1]) == (0, 10), "an upper bound of 9 includes 9"
    assert sum(n for _, _, n in cells) == 40
    real = Column(name="x", spark_type="double", kind=Kind.REAL, upper=9)
    cells = cells_of(mass, grid, real)
    assert (cells[0][0], cells[-1][1]) == (-10, 9)
    assert sum(n for _, _, n in cells) == 40


def test_mass_that_lies_wholly_outside_the_bounds_is_spread_within_them() -> None:
    mass = MassCells(first=np.array([39]), last=np.array([39]), mass=np.array([7.0]), noise_scale=0.0)
    whole = Column(name="n", spark_type="int", kind=Kind.INTEGER, lower=0, upper=9)
    assert cells_of(mass, LinearGrid(-10.0, 30.0, 1.0), whole) == [(0, 10, 7.0)]


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.DATE])
def test_cells_without_a_whole_number_give_their_mass_to_the_cell_before(kind: Kind) -> None:
    grid = FloatGrid()
    numbers = np.array([1.0, 1.25, 1.5, 2.0])
    cells = grid.cell(numbers)
    mass = MassCells(first=cells, last=cells, mass=np.array([1.0, 2.0, 4.0, 8.0]), noise_scale=0.0)
    found = cells_of(mass, grid, Column(name="n", spark_type="int", kind=kind))
    assert found == [(1.0, 2.0, 7.0), (2.0, 3.0, 8.0)]

"""The public grids: ordered, every value within its cell, and whole numbers where cells say they are."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synth.core.grid import (
    FAN_BITS,
    BoundedGrid,
    DecimalGrid,
    FloatGrid,
    Grid,
    JoinedGrid,
    LinearGrid,
    levels_for,
)

FLOATS = st.floats(-1e18, 1e18, allow_nan=False)
GRIDS = [
    FloatGrid(),
    LinearGrid(0.0, 10.0, 1.0),
    LinearGrid(-5.0, 100_000.0, 0.5),
    LinearGrid(-43_829.0, 54_787.0, 1.0),
    DecimalGrid(FloatGrid(), 2),
    DecimalGrid(LinearGrid(-250.0, 1_001.0, 1.0), 1),
    FloatGrid(16),
    BoundedGrid(LinearGrid(0.0, 121.0, 1.0, 16)),
    DecimalGrid(BoundedGrid(LinearGrid(-250.0, 1_001.0, 1.0, 16)), 1),
    JoinedGrid(
        (LinearGrid(-9_000.0, -100.0, 50.0), LinearGrid(-100.0, 300.0, 1.0), LinearGrid(300.0, 301.0, 1.0)), 4
    ),
]
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("bits", [8, 12, 16])
@given(values=st.lists(st.one_of(FINITE, FLOATS), min_size=1, max_size=50))
def test_every_number_lies_between_the_edges_of_its_cell(bits: int, values: list[float]) -> None:
    grid, numbers = FloatGrid(bits), np.array(values)
    cells = grid.cell(numbers)
    assert np.all((cells >= 0) & (cells < grid.n_cells))
    assert np.all(grid.lower(cells) <= numbers)
    assert np.all(numbers <= grid.lower(cells + 1))


@given(st.lists(FINITE, min_size=1, max_size=50))
def test_a_cell_of_the_number_line_is_narrow_beside_its_numbers(values: list[float]) -> None:
    """An eighth of an octave at the ends, a 256th of one within 2^-88 .. 2^128, a 4096th where life is."""
    grid, numbers = FloatGrid(), np.array(values)
    size = np.abs(numbers)
    cells = grid.cell(numbers)
    width = grid.lower(cells + 1) - grid.lower(cells)
    ordinary, wide = (size >= 2.0**-24) & (size < 2.0**64), (size >= 2.0**-88) & (size < 2.0**128)
    normal = size > 1e-307
    assert np.all(width[ordinary] <= size[ordinary] * 2.0**-11)
    assert np.all(width[wide] <= size[wide] * 2.0**-7)
    assert np.all(width[normal] <= size[normal] * 2.0**-3)


def test_zero_and_the_infinities_have_cells_of_their_own() -> None:
    for grid in (FloatGrid(), FloatGrid(16), DecimalGrid(FloatGrid(16), 2)):
        alone = grid.cell(np.array([-np.inf, 0.0, np.inf]))
        others = grid.cell(np.array([5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1.0]))
        assert len(set(alone.tolist())) == 3
        assert grid.lower(alone).tolist() == [-np.inf, 0.0, np.inf]
        if isinstance(grid, FloatGrid):
            assert not set(alone.tolist()) & set(others.tolist())
        assert {alone[0], alone[2]} == set(grid.special)


@pytest.mark.parametrize("value", [1e19, 1e-12, 1e38, 9.2e18, 1e300, 1e-300, 17.87])
def test_no_magnitude_is_clipped(value: float) -> None:
    for grid in (FloatGrid(), FloatGrid(16)):
        for signed in (value, -value):
            cell = grid.cell(np.array([signed]))
            assert grid.lower(cell)[0] == pytest.approx(signed, rel=0.13)
            assert grid.lower(cell + 1)[0] == pytest.approx(signed, rel=0.13)


def test_amounts_of_eighteen_decimals_are_not_clipped() -> None:
    grid = DecimalGrid(FloatGrid(16), 18)
    amounts = np.array([1.0, 17.5, 999.0, 12_345.678])
    cells = grid.cell(amounts)
    assert np.allclose(grid.lower(cells), amounts, rtol=2.0**-11)
    assert np.all(np.diff(cells) > 0)


def test_what_lies_outside_declared_bounds_has_a_cell_on_each_side() -> None:
    grid = BoundedGrid(LinearGrid(0.0, 121.0, 1.0, 16))
    below, first, last, above = grid.cell(np.array([-1.0, 0.0, 120.0, 121.0])).tolist()
    assert (below, above) == grid.special
    assert below < first < last < above
    assert grid.lower(np.array([first, last])).tolist() == [0.0, 120.0]
    closed = BoundedGrid(LinearGrid(0.0, 1.0, 0.25, 16), closed=True)
    assert closed.cell(np.array([1.0]))[0] < closed.special[1] == closed.cell(np.array([1.1]))[0]


def test_parts_of_a_joined_grid_must_follow_each_other() -> None:
    with pytest.raises(ValueError, match="begin where"):
        JoinedGrid((LinearGrid(0.0, 1.0, 1.0), LinearGrid(2.0, 3.0, 1.0)), 4)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@given(st.lists(FLOATS, min_size=2, max_size=50))
def test_cells_are_ordered_as_the_numbers_are(grid: Grid, values: list[float]) -> None:
    numbers = np.sort(np.array(values))
    assert np.all(np.diff(grid.cell(numbers)) >= 0)


def test_small_whole_numbers_have_cells_of_their_own() -> None:
    numbers = np.arange(-8191, 8192, dtype=np.float64)
    assert len(np.unique(FloatGrid().cell(numbers))) == len(numbers)


def slow_cell(value: float) -> int:
    """The cell of an ordinary magnitude as the grid says: sign, then exponent, then 12 bits, by `frexp`."""
    zero = 105 * 4096
    fraction, exponent = np.frexp(abs(value))  # abs(value) == fraction * 2**exponent, fraction in [.5, 1)
    size = (8 + int(exponent) - 1 + 24) * 4096 + int((fraction * 2 - 1) * 4096)
    return zero + 4096 + size if value > 0 else zero - 1 - size


ORDINARY = st.floats(2.0**-24, 2.0**63)


@given(st.lists(ORDINARY, min_size=1, max_size=30), st.sampled_from([-1.0, 1.0]))
def test_the_bits_of_a_float_give_the_cell_that_its_exponent_and_mantissa_do(
    values: list[float], sign: float
) -> None:
    numbers = sign * np.array(values)
    assert FloatGrid().cell(numbers).tolist() == [slow_cell(value) for value in numbers.tolist()]


def test_the_cells_at_powers_of_two_and_their_neighbours_are_those_of_frexp() -> None:
    powers = np.ldexp(1.0, np.arange(-23, 64))
    numbers = np.concatenate([powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf)])
    for sign in (-1.0, 1.0):
        found = FloatGrid().cell(sign * numbers).tolist()
        assert found == [slow_cell(value) for value in (sign * numbers).tolist()]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_all_grids_consist_of_whole_blocks_and_end_at_single_cells(grid: Grid) -> None:
    assert grid.n_cells % (1 << grid.levels[0]) == 0
    assert grid.levels[-1] == 0
    assert grid.n_cells >> grid.levels[0] <= 256
    assert all(coarse - fine == FAN_BITS for coarse, fine in itertools.pairwise(grid.levels))


@given(st.integers(1, 1 << 40))
def test_levels_begin_with_the_first_that_leaves_at_most_256_roots(n_cells: int) -> None:
    levels = levels_for(n_cells)
    roots = ((n_cells - 1) >> levels[0]) + 1
    assert 1 <= roots <= 256
    assert levels == tuple(range(levels[0], -1, -FAN_BITS))
    if levels[0] > 0:
        assert ((n_cells - 1) >> (levels[0] - FAN_BITS)) + 1 > 256


def whole_numbers_within(grid: Grid) -> NDArray[np.float64]:
    """Whole numbers (of units, for decimals) that the grid holds in their own range."""
    match grid:
        case LinearGrid() | DecimalGrid(units=LinearGrid()):
            units = grid.units if isinstance(grid, DecimalGrid) else grid
            assert isinstance(units, LinearGrid)
            return np.arange(units.start, min(units.end, units.start + 20_000))
        case BoundedGrid() | DecimalGrid(units=BoundedGrid()):
            bounded = grid.units if isinstance(grid, DecimalGrid) else grid
            assert isinstance(bounded, BoundedGrid)
            return np.arange(bounded.inner.start, bounded.inner.end)
        case JoinedGrid():
            return np.arange(grid.parts[0].start, grid.parts[-1].end)
        case _:
            near = np.arange(-10_000.0, 10_001.0)
            powers = np.ldexp(1.0, np.arange(13, 52))  # beyond 2^53 floats miss whole numbers
            far = np.concatenate([powers + offset for offset in (-1.0, 0.0, 1.0)])
            return np.concatenate([near, far, -far])


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_whole_numbers_lie_between_the_first_whole_ones_of_their_cell_and_the_next(grid: Grid) -> None:
    numbers = whole_numbers_within(grid)
    scale = 10.0**grid.decimals if isinstance(grid, DecimalGrid) else 1.0
    cells = grid.cell(numbers / scale)
    assert np.all(grid.first_whole(cells) <= numbers)
    assert np.all(numbers < grid.first_whole(cells + 1))


@given(st.integers(-(10**7), 10**7), st.integers(0, 4))
def test_a_decimal_lies_in_a_cell_whose_edges_have_its_decimals(units: int, decimals: int) -> None:
    grid = DecimalGrid(FloatGrid(), decimals)
    value = np.array([round(units / 10**decimals, decimals)])
    cell = grid.cell(value)
    assert grid.lower(cell)[0] <= value[0] < grid.lower(cell + 1)[0]
    edge = grid.lower(cell)[0] * 10.0**decimals
    assert edge == pytest.approx(round(edge), abs=1e-6)


def test_decimals_below_8192_units_have_cells_of_their_own() -> None:
    prices = np.round(np.arange(-8191, 8192) / 100, 2)
    assert len(np.unique(DecimalGrid(FloatGrid(), 2).cell(prices))) == len(prices)


def test_values_beyond_a_linear_grid_go_to_its_ends() -> None:
    grid = LinearGrid(0.0, 10.0, 1.0)
    assert grid.cell(np.array([-3.0, 0.0, 9.9, 10.0, 99.0])).tolist() == [0, 0, 9, 9, 9]
    assert grid.lower(np.array([0, 9, 10])).tolist() == [0.0, 9.0, 10.0]


def test_a_grid_without_width_or_step_is_refused() -> None:
    with pytest.raises(ValueError, match="above its start"):
        LinearGrid(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="step"):
        LinearGrid(0.0, 1.0, float("nan"))

"""The public grids: ordered, every value within its cell, and whole numbers where cells say they are."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synth.core.grid import FAN_BITS, DecimalGrid, FloatGrid, Grid, LinearGrid, levels_for

FLOATS = st.floats(-1e18, 1e18, allow_nan=False)
GRIDS = [
    FloatGrid(),
    LinearGrid(0.0, 10.0, 1.0),
    LinearGrid(-5.0, 100_000.0, 0.5),
    LinearGrid(-43_829.0, 54_787.0, 1.0),
    DecimalGrid(FloatGrid(), 2),
    DecimalGrid(LinearGrid(-250.0, 1_001.0, 1.0), 1),
]
BLOCKS_BELOW_ZERO = 96


@given(st.lists(FLOATS, min_size=1, max_size=50))
def test_every_number_lies_between_the_edges_of_its_cell(values: list[float]) -> None:
    grid, numbers = FloatGrid(), np.array(values)
    cells = grid.cell(numbers)
    slack = np.where(np.abs(numbers) < 2.0**-32, 2.0**-32, 0)  # all tiny numbers share the cell of zero
    assert np.all(grid.lower(cells) - slack <= numbers)
    assert np.all(numbers <= grid.lower(cells + 1) + slack)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@given(st.lists(FLOATS, min_size=2, max_size=50))
def test_cells_are_ordered_as_the_numbers_are(grid: Grid, values: list[float]) -> None:
    numbers = np.sort(np.array(values))
    assert np.all(np.diff(grid.cell(numbers)) >= 0)


def test_small_whole_numbers_have_cells_of_their_own() -> None:
    numbers = np.arange(-8191, 8192, dtype=np.float64)
    assert len(np.unique(FloatGrid().cell(numbers))) == len(numbers)


def slow_cell(value: float) -> int:
    """The cell as the grid's description says: sign, then exponent, then 12 bits, by `frexp`."""
    zero = BLOCKS_BELOW_ZERO * 4096
    if abs(value) < 2.0**-32:
        return zero
    fraction, exponent = np.frexp(abs(value))  # abs(value) == fraction * 2**exponent, fraction in [.5, 1)
    size = (int(exponent) - 1 + 32) * 4096 + int((fraction * 2 - 1) * 4096)
    size = min(size, zero - 1)
    return zero + 4096 + size if value > 0 else zero - 1 - size


@given(st.lists(st.one_of(st.floats(allow_nan=False, allow_infinity=False), FLOATS), min_size=1, max_size=30))
def test_the_bits_of_a_float_give_the_cell_that_its_exponent_and_mantissa_do(values: list[float]) -> None:
    assert FloatGrid().cell(np.array(values)).tolist() == [slow_cell(value) for value in values]


def test_the_cells_at_powers_of_two_and_their_neighbours_are_those_of_frexp() -> None:
    powers = np.ldexp(1.0, np.arange(-40, 66))
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

"""The public grids: ordered, and every value within its cell."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synth.core.grid import LEVELS, FloatGrid, LinearGrid, grid_from_dict, grid_to_dict

FLOATS = st.floats(-1e18, 1e18, allow_nan=False)


@given(st.lists(FLOATS, min_size=1, max_size=50))
def test_every_number_lies_between_the_edges_of_its_cell(values: list[float]) -> None:
    grid, numbers = FloatGrid(), np.array(values)
    cells = grid.cell(numbers)
    slack = np.where(np.abs(numbers) < 2.0**-32, 2.0**-32, 0)  # all tiny numbers share the cell of zero
    assert np.all(grid.lower(cells) - slack <= numbers)
    assert np.all(numbers <= grid.lower(cells + 1) + slack)


@given(st.lists(FLOATS, min_size=2, max_size=50))
def test_cells_are_ordered_as_the_numbers_are(values: list[float]) -> None:
    numbers = np.sort(np.array(values))
    assert np.all(np.diff(FloatGrid().cell(numbers)) >= 0)


def test_small_whole_numbers_have_cells_of_their_own() -> None:
    numbers = np.arange(-8191, 8192, dtype=np.float64)
    assert len(np.unique(FloatGrid().cell(numbers))) == len(numbers)


def test_both_grids_consist_of_whole_blocks() -> None:
    for grid in (FloatGrid(), LinearGrid(0.0, 10.0, 1.0), LinearGrid(-5.0, 100_000.0, 0.5)):
        assert grid.n_cells % (1 << LEVELS[0]) == 0
        assert grid_from_dict(grid_to_dict(grid)) == grid


def test_values_beyond_a_linear_grid_go_to_its_ends() -> None:
    grid = LinearGrid(0.0, 10.0, 1.0)
    assert grid.cell(np.array([-3.0, 0.0, 9.9, 10.0, 99.0])).tolist() == [0, 0, 9, 9, 9]
    assert grid.lower(np.array([0, 9, 10])).tolist() == [0.0, 9.0, 10.0]

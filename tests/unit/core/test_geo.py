"""The grid over the earth: places and cells go both ways, and near cells are near places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.core.geo import BITS, GeoBox

BOXES = [GeoBox(), GeoBox(south=40.4, north=41.0, west=-74.3, east=-73.6)]
SIDE = 1 << BITS
CELLS = st.lists(st.integers(0, SIDE * SIDE - 1), min_size=1, max_size=50)
INNER = st.floats(0.01, 0.99)


@pytest.mark.parametrize("box", BOXES, ids=str)
@given(CELLS, INNER, INNER)
def test_a_place_drawn_in_a_cell_is_in_that_cell(
    box: GeoBox, cells: list[int], up: float, right: float
) -> None:
    numbers = np.array(cells, dtype=np.float64)
    latitude, longitude = box.place(numbers, np.full(len(cells), up), np.full(len(cells), right))
    assert np.array_equal(box.cell(latitude, longitude), numbers)
    assert np.all((latitude >= box.south) & (latitude < box.north))
    assert np.all((longitude >= box.west) & (longitude < box.east))


@pytest.mark.parametrize("box", BOXES, ids=str)
@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_place_lies_between_the_corners_of_its_cell(box: GeoBox, north: float, east: float) -> None:
    latitude = np.array([box.south + north * (box.north - box.south)])
    longitude = np.array([box.west + east * (box.east - box.west)])
    cell = box.cell(latitude, longitude)
    low = box.place(cell, np.zeros(1), np.zeros(1))
    high = box.place(cell, np.ones(1), np.ones(1))
    for value, bottom, top in zip((latitude, longitude), low, high, strict=True):
        assert bottom[0] - 1e-9 <= value[0] <= top[0] + 1e-9


def test_a_cell_s_bits_are_those_of_its_row_and_column_in_turn() -> None:
    generator = np.random.default_rng(0)
    rows, columns = generator.integers(0, SIDE, (2, 500))
    box = GeoBox(south=0, north=SIDE, west=0, east=SIDE)
    cells = box.cell(rows + 0.5, columns + 0.5)
    for row, column, cell in zip(rows.tolist(), columns.tolist(), cells.tolist(), strict=True):
        bits = [(row >> k & 1) << 2 * k + 1 | (column >> k & 1) << 2 * k for k in range(BITS)]
        assert int(cell) == sum(bits)


def test_cells_that_share_their_leading_bits_are_in_one_square() -> None:
    box = GeoBox(south=0, north=SIDE, west=0, east=SIDE)
    cells = np.arange(
        5 << 8, 6 << 8, dtype=np.float64
    )  # one node, four halvings of each axis above single cells
    latitude, longitude = box.place(cells, np.zeros(256), np.zeros(256))
    assert np.ptp(latitude) == np.ptp(longitude) == 15


def test_a_place_is_unknown_if_either_number_is() -> None:
    nan = float("nan")
    cells = GeoBox().cell(np.array([nan, 10.0, 10.0]), np.array([5.0, nan, 5.0]))
    assert np.isnan(cells).tolist() == [True, True, False]
    latitude, longitude = GeoBox().place(cells, np.zeros(3), np.zeros(3))
    assert np.isnan(latitude).tolist() == np.isnan(longitude).tolist() == [True, True, False]


def test_places_outside_the_box_go_to_its_edge() -> None:
    box = BOXES[1]
    outside = box.cell(np.array([0.0, 80.0]), np.array([-170.0, 170.0]))
    assert outside.tolist() == [0, SIDE * SIDE - 1]


@pytest.mark.parametrize("bounds", [{"south": 90.0}, {"west": 180.0}, {"north": float("nan")}])
def test_a_box_without_area_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="south below its north"):
        GeoBox(**bounds)

"""The likely value of a cell lies in it, and is what people would have written."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.core.grid import DecimalGrid, FloatGrid
from synth.core.likely import likely_value
from synth.core.schema import Kind


def of_cell(value: float, decimals: int | None = None) -> float:
    """The likely value of the cell that a real of so many digits lies in."""
    grid = FloatGrid() if decimals is None else DecimalGrid(FloatGrid(16), decimals)
    cell = grid.cell(np.array([value]))
    return likely_value(grid.lower(cell)[0], grid.lower(cell + 1)[0], Kind.REAL, decimals)


@pytest.mark.parametrize(
    "value", [0.0, -1.0, 0.5, 999.0, -999.0, 9_999.0, 99.9, 1e-9, -1e-9, 1e19, 1e300, -40.0, 0.1, 50_000.0]
)
def test_the_usual_reals_are_their_own_likely_value(value: float) -> None:
    assert of_cell(value) == value


@pytest.mark.parametrize("value", [6.99, 0.05, -0.05, 999.99, 99_999.99, 1_000_000.0, -99.5])
def test_the_usual_prices_are_their_own_likely_value(value: float) -> None:
    assert of_cell(value, 2) == value


@pytest.mark.parametrize("value", [99_999, 999_999, 9_999_999, 2**31 - 1, 1_000_000, 500_000, -1_000_000])
def test_the_usual_whole_numbers_are_their_own_likely_value(value: int) -> None:
    grid = FloatGrid(16)
    cell = grid.cell(np.array([float(value)]))
    found = likely_value(grid.first_whole(cell)[0], grid.first_whole(cell + 1)[0], Kind.INTEGER, None)
    assert found == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_likely_value_of_a_real_lies_in_its_cell(value: float) -> None:
    found = of_cell(value)
    assert FloatGrid().cell(np.array([found])) == FloatGrid().cell(np.array([value]))


@given(st.integers(-(2**62), 2**62))
def test_the_likely_value_of_a_whole_number_lies_in_its_cell(value: int) -> None:
    grid = FloatGrid(16)
    cell = grid.cell(np.array([float(value)]))
    edges = grid.first_whole(cell)[0], grid.first_whole(cell + 1)[0]
    found = likely_value(*edges, Kind.INTEGER, None)
    assert edges[0] <= found < edges[1]
    assert found == round(found)


def day(text: str) -> float:
    return float((datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days)


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("2999-12-20", "3000-01-05", "2999-12-31"),
        ("2100-01-01", "2100-01-16", "2100-01-01"),
        ("2300-02-20", "2300-03-07", "2300-03-01"),
        ("2300-02-10", "2300-02-20", "2300-02-10"),
    ],
)
def test_the_end_of_a_year_is_the_likely_day(lower: str, upper: str, expected: str) -> None:
    assert likely_value(day(lower), day(upper), Kind.DATE, None) == day(expected)


def test_midnight_then_whole_hours_then_minutes_are_the_likely_moments() -> None:
    noon = 86_400.0 * 10_000 + 12 * 3_600
    assert likely_value(noon - 12 * 3_600, noon, Kind.TIMESTAMP, None) == noon - 12 * 3_600
    assert likely_value(noon - 300, noon + 300, Kind.TIMESTAMP, None) == noon
    assert likely_value(noon + 30, noon + 90, Kind.TIMESTAMP, None) == noon + 60
    assert likely_value(noon + 1, noon + 59, Kind.TIMESTAMP, None) == noon + 1
    midnight = noon + 12 * 3_600
    assert likely_value(midnight - 60, midnight, Kind.TIMESTAMP, None) == midnight - 1


def test_a_point_is_itself() -> None:
    for kind in (Kind.REAL, Kind.INTEGER, Kind.DATE):
        assert likely_value(3.0, 3.0, kind, None) == 3.0
    assert likely_value(np.inf, np.inf, Kind.REAL, None) == np.inf

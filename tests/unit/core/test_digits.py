"""Roundings are found beyond chance, and done again; every value has exactly one ending."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synth.core.digits import Rounding, ending, endings_of, rounded, roundings
from synth.core.schema import Kind

N = 20_000


def found(values: NDArray[np.float64], kind: Kind, decimals: int | None = None) -> dict[float, float]:
    """Units with their shares."""
    places = ending(values, kind, decimals)
    counts = np.bincount(places, minlength=len(endings_of(kind, decimals)))
    return {r.unit: round(r.share, 2) for r in roundings(counts.tolist(), kind, decimals, noise_scale=0.0)}


def draws(low: float, high: float) -> NDArray[np.float64]:
    return np.floor(np.random.default_rng(0).uniform(low, high, N))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (7, "1"),
        (0, "1"),
        (15, "5"),
        (20, "10"),
        (150, "50"),
        (-300, "100"),
        (4500, "500"),
        (7000, "1000"),
        (35000, "5000"),
        (40000, "10000"),
        (150000, "50000"),
        (900000, "100000"),
        (3000000, "1000000"),
        (1999, "99"),
        (95, "95"),
        (2**60, "1"),
        (1500000, "500000"),
        (10**9, "1000000"),
    ],
)
def test_a_whole_number_has_the_coarsest_ending_that_fits(value: int, name: str) -> None:
    place = ending(np.array([float(value)]), Kind.INTEGER, None)[0]
    assert endings_of(Kind.INTEGER, None)[place] == name


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.sampled_from([None, 0, 2, 18]))
def test_every_real_has_one_ending(values: list[float], decimals: int | None) -> None:
    with np.errstate(over="ignore"):
        places = ending(np.array(values), Kind.REAL, decimals)
    assert np.all((places >= 0) & (places < len(endings_of(Kind.REAL, decimals))))


def test_numbers_that_are_not_rounded_have_no_rounding() -> None:
    assert found(draws(0, 1_000_000), Kind.INTEGER) == {}
    assert found(draws(0, 1_000_000) / 100, Kind.REAL, 2) == {}
    assert found(np.random.default_rng(0).normal(0, 1, N), Kind.REAL) == {}
    assert found(draws(17_000, 20_000), Kind.DATE) == {}
    assert found(draws(1.6e9, 1.7e9), Kind.TIMESTAMP) == {1.0: 1.0}, "whole seconds"


@pytest.mark.parametrize("unit", [5, 10, 50, 100, 1_000, 10_000])
def test_multiples_are_found_and_made_again(unit: int) -> None:
    values = draws(0, 1_000) * unit
    assert found(values, Kind.INTEGER) == {unit: 1.0}
    again = rounded(
        draws(0, 1_000 * unit), np.zeros(N), (Rounding(unit=unit, share=1.0),), Kind.INTEGER,
        least=np.zeros(N), most=np.full(N, 999.0 * unit),
    )  # fmt: skip
    assert np.all(again % unit == 0)
    assert 0 <= again.min() <= again.max() <= 999 * unit


def test_a_share_that_is_rounded_is_told_from_chance() -> None:
    values = np.where(np.arange(N) % 4 == 0, draws(0, 1_000) * 1_000, draws(0, 1_000_000))
    assert found(values, Kind.INTEGER) == {
        0.0: pytest.approx(0.75, abs=0.03),
        1_000.0: pytest.approx(0.25, abs=0.03),
    }


def test_prices_that_end_in_99_do_so_again() -> None:
    prices = draws(0, 500) + 0.99
    assert found(prices, Kind.REAL, 2) == {1.0: 1.0}
    places = np.bincount(ending(prices, Kind.REAL, 2), minlength=len(endings_of(Kind.REAL, 2)))
    found_roundings = roundings(places.tolist(), Kind.REAL, 2, noise_scale=0.0)
    again = rounded(
        np.random.default_rng(1).uniform(1, 499, N),
        np.zeros(N),
        found_roundings,
        Kind.REAL,
        least=np.zeros(N),
        most=np.full(N, 500.0),
    )
    assert set(np.round(again % 1, 2)) == {0.99}


@pytest.mark.parametrize("unit", [0.05, 0.1, 0.5, 1.0, 10.0])
def test_decimals_are_found_at_their_granularity(unit: float) -> None:
    values = np.round(draws(0, 2_000) * unit, 2)
    assert list(found(values, Kind.REAL, 2)) == [pytest.approx(unit)]


def test_firsts_of_months_and_midnights_are_found_and_made_again() -> None:
    months = np.datetime64("2001-01") + np.random.default_rng(0).integers(0, 240, N)
    days = months.astype("datetime64[D]").astype(np.int64).astype(np.float64)
    assert list(found(days, Kind.DATE)) == [30]
    lasts = (months + 1).astype("datetime64[D]").astype(np.int64) - 1.0
    assert list(found(lasts, Kind.DATE)) == [31]
    assert list(found(days * 86_400, Kind.TIMESTAMP)) == [86_400]
    assert list(found(draws(0, 1e6) * 60, Kind.TIMESTAMP)) == [60]
    again = rounded(
        draws(11_000, 18_000),
        np.zeros(N),
        (Rounding(unit=31, share=1.0),),
        Kind.DATE,
        least=np.full(N, 11_000.0),
        most=np.full(N, 18_000.0),
    )
    assert np.all(ending(again, Kind.DATE, None) == 1)
    first = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(again[0]) + 1)
    assert first.day == 1


def test_noise_alone_makes_no_rounding() -> None:
    """200 draws; a rounding by noise alone takes 2.5 standard deviations beside the values' own ending."""
    rng, n_wrong = np.random.default_rng(0), 0
    counts = np.bincount(ending(draws(0, 1e6), Kind.INTEGER, None), minlength=15) / 20
    for _ in range(200):
        noisy = counts + rng.normal(0, 100, len(counts))
        n_wrong += sum(r.share for r in roundings(noisy.tolist(), Kind.INTEGER, None, noise_scale=100)) > 0
    assert n_wrong < 30

"""The judge of the unseen tables: fair to types, strict with values."""

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "bench"))

from judge import date_format, is_identifier, judge, numbers_of, spelling

RNG = np.random.default_rng(0)
N = 4000


def words(values: object) -> pd.Series:
    return pd.Series(list(values), dtype="string[pyarrow]")  # type: ignore[call-overload]


def frame() -> pd.DataFrame:
    amount = np.where(RNG.random(N) < 0.4, 0.0, np.round(RNG.lognormal(3, 1, N), 2))
    colour = RNG.choice(["red", "green", "blue"], N, p=[0.6, 0.3, 0.1])
    return pd.DataFrame({"amount": words(amount.astype(str)), "colour": words(colour)})


def test_a_table_is_like_itself_and_another_draw_nearly_so() -> None:
    real = frame()
    found = judge(real, real)
    assert found.score == pytest.approx(1.0)
    assert 0.97 < found.chance < 0.999


def test_numbers_count_as_numbers_whatever_their_type() -> None:
    real = frame()
    typed = real.assign(amount=real["amount"].astype(float))
    assert judge(real, typed).columns["amount"] == pytest.approx(1.0)


def test_a_point_mass_moved_by_a_cent_is_another_value() -> None:
    real = frame()
    moved = real["amount"].astype(float).replace(0.0, 0.01)
    assert judge(real, real.assign(amount=moved)).columns["amount"] == pytest.approx(0.6, abs=0.03)


def test_shuffled_columns_keep_their_columns_and_lose_their_pairs() -> None:
    number = RNG.normal(size=N)
    real = pd.DataFrame({"one": number, "two": number})
    found = judge(real, real.assign(two=RNG.permutation(number)))
    assert found.univariate == pytest.approx(1.0)
    assert found.bivariate < 0.3


def test_hex_in_place_of_dates_is_nothing_right() -> None:
    days = words(f"{1 + d % 28:02}/{1 + d % 12:02}/2004" for d in range(N))
    assert date_format(days) == "%d/%m/%Y"
    real, made = pd.DataFrame({"day": days}), pd.DataFrame({"day": words(f"{d:016x}" for d in range(N))})
    found = judge(real.assign(k=1), made.assign(k=1))
    assert found.columns["day"] == 0.0
    assert found.spelling["day"] == 0.0


def test_a_typed_date_is_as_good_as_a_written_one() -> None:
    days = [date(2004, 1 + d % 12, 1 + d % 28) for d in range(N)]
    real = pd.DataFrame({"day": words(day.isoformat() for day in days), "k": 1})
    made = pd.DataFrame({"day": pd.Series(days, dtype="date32[pyarrow]"), "k": 1})
    assert judge(real, made).columns["day"] == pytest.approx(1.0)


def test_the_hour_of_a_day_is_seen_beside_the_score() -> None:
    seconds = 1_000_000_000 + 86_400 * (np.arange(N) // 40) + 3_600 * RNG.choice([8, 9, 17], N)
    real = pd.DataFrame({"at": pd.to_datetime(seconds, unit="s"), "k": 1})
    flat = real.assign(at=pd.to_datetime(seconds // 86_400 * 86_400 + RNG.integers(0, 86_400, N), unit="s"))
    found = judge(real, flat)
    assert found.columns["at"] > 0.95
    assert found.calendar["at hour"] < 0.5


def test_a_column_that_never_repeats_is_left_out_unless_it_is_a_measure() -> None:
    assert is_identifier(words(f"id_{n}" for n in range(N)))
    assert is_identifier(pd.Series(range(N)))
    assert not is_identifier(pd.Series(RNG.normal(size=N)))


def test_hex_with_a_long_exponent_is_no_number() -> None:
    assert numbers_of(words(["559f08c2", "6978e99999999999", "1e5", " 7 ", "N/A"])).isna().tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]


def test_spelling_sees_words_of_another_shape() -> None:
    assert spelling(words(["CA-2018-1", "US-2019-22"]), words(["CA-2020-5"])) == 1.0
    assert spelling(words(["CA-2018-1"]), words(["9f8e", "CA-1-2"])) == 0.5

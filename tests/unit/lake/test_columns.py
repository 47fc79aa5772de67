"""Values of any type meet as numbers or strings, and come back as they were."""

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.core.schema import Column, Kind
from synth.lake.columns import from_numbers, joined, split, to_numbers, to_strings


def column(kind: Kind, **facts: object) -> Column:
    return Column(name="c", spark_type="string", kind=kind, **facts)  # type: ignore[arg-type]


DAY = datetime.date(1989, 5, 25)
MOMENT = datetime.datetime(1989, 5, 25, 13, 7, 9, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("array", "facts"),
    [
        (pa.array([1, None, -3], pa.int8()), column(Kind.INTEGER)),
        (pa.array([1, None, 2**40], pa.int64()), column(Kind.INTEGER)),
        (pa.array([1.25, None, -3.5], pa.float32()), column(Kind.REAL)),
        (pa.array([decimal.Decimal("1.10"), None], pa.decimal128(10, 2)), column(Kind.REAL, decimals=2)),
        (pa.array([DAY, None], pa.date32()), column(Kind.DATE)),
        (pa.array([MOMENT, None], pa.timestamp("us", tz="UTC")), column(Kind.TIMESTAMP)),
        (pa.array(["5/25/1989", None, "11/2/2001"]), column(Kind.DATE, format="%-m/%-d/%Y")),
        (pa.array(["1989-05-25", None]), column(Kind.DATE)),
        (pa.array(["1989-05-25 13:07:09", None]), column(Kind.TIMESTAMP)),
        (pa.array(["17", None, "-4"]), column(Kind.INTEGER)),
        (pa.array(["271227.08", None, "3204.49"]), column(Kind.REAL, decimals=2)),
    ],
)
def test_values_come_back_as_they_were(array: pa.Array, facts: Column) -> None:
    assert from_numbers(to_numbers(array, facts), facts, array.type).equals(array)


def test_damaged_numbers_and_infinities_are_unknown() -> None:
    text = pa.array(["4.222.835.382", "", " 3 ", "nan", "inf", "0x1", None])
    numbers = to_numbers(text, column(Kind.REAL))
    assert np.isnan(numbers).tolist() == [True, True, False, True, True, True, True]
    assert np.isnan(to_numbers(pa.array([float("inf"), float("nan")]), column(Kind.REAL))).all()


def test_dates_before_1970_have_negative_days() -> None:
    numbers = to_numbers(pa.array([datetime.date(1969, 12, 31)], pa.date32()), column(Kind.DATE))
    assert numbers.tolist() == [-1.0]
    assert to_numbers(pa.array(["12/31/1969"]), column(Kind.DATE, format="%m/%d/%Y")).tolist() == [-1.0]


def test_whole_numbers_beyond_their_type_are_cut_to_it() -> None:
    back = from_numbers(np.array([300.0, -300.0, np.nan]), column(Kind.INTEGER), pa.int8())
    assert back.to_pylist() == [126, -128, None] or back.to_pylist() == [127, -128, None]


def test_the_last_microsecond_of_the_year_9999_comes_back() -> None:
    column = Column(name="at", spark_type="timestamp", kind=Kind.TIMESTAMP, decimals=6)
    last = pa.array([253_402_300_799_999_999, 1_600_000_000_250_001], pa.int64()).cast(
        pa.timestamp("us", "UTC")
    )
    assert from_numbers(to_numbers(last, column), column, last.type).equals(last)
    beyond = from_numbers(np.array([253_402_300_800.0]), column, last.type)
    assert beyond.equals(last.slice(0, 1))


def test_categories_of_any_type_have_one_spelling() -> None:
    assert to_strings(pa.array([True, False, None])).to_pylist() == ["true", "false", None]
    assert to_strings(pa.array([1, 2])).to_pylist() == ["1", "2"]


@pytest.mark.parametrize(("precision", "scale"), [(8, 2), (5, 2), (9, 0), (18, 2), (38, 10)])
def test_a_number_beyond_a_decimal_s_precision_is_cut_to_it(precision: int, scale: int) -> None:
    kind = pa.decimal128(precision, scale)
    back = from_numbers(np.array([1e40, -1e40, 0.0]), column(Kind.REAL, decimals=scale), kind).to_pylist()
    assert float(back[0]) == pytest.approx(10.0 ** (precision - scale), rel=1e-2)
    assert back[1] == -back[0]


ANY_TEXT = st.one_of(st.none(), st.text(max_size=6), st.text("\x1a\x1b\x1fens", max_size=8))


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[ANY_TEXT] * n), min_size=1, max_size=20)))
def test_what_is_joined_is_split_into_the_same_whatever_characters_it_has(
    rows: list[tuple[str, ...]],
) -> None:
    columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    one = joined(columns)
    assert one.is_null().to_pylist() == [all(value is None for value in row) for row in rows]
    assert [part.to_pylist() for part in split(one, len(columns))] == [c.to_pylist() for c in columns]
    assert joined(columns, null_if_all_are=False).null_count == 0
    distinct = {row for row in rows if any(value is not None for value in row)}
    assert len(one.drop_null().unique()) == len(distinct), "different rows are written differently"

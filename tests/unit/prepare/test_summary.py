"""merge(summary(a), summary(b)) == summary(a + b), for every kind of column."""

import datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from synth.core.schema import Column, Kind
from synth.prepare.summary import ColumnSummary, Summary, grid_for, records_of

AGE = Column(name="age", spark_type="int", kind=Kind.INTEGER)
NAME = Column(name="name", spark_type="string", kind=Kind.CATEGORICAL)
BIRTH = Column(name="birth", spark_type="date", kind=Kind.DATE)


def summarize(array: pa.Array, column: Column) -> ColumnSummary:
    summary = ColumnSummary()
    summary.add(array, column)
    return summary


@given(st.lists(st.one_of(st.none(), st.integers(-100, 100))), st.integers(0, 20))
def test_numbers_merge(values: list[int | None], cut: int) -> None:
    whole, left, right = (pa.array(part, pa.int32()) for part in (values, values[:cut], values[cut:]))
    assert summarize(left, AGE).merge(summarize(right, AGE)) == summarize(whole, AGE)


@given(st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "é", ""]))), st.integers(0, 20))
def test_categories_merge(values: list[str | None], cut: int) -> None:
    whole, left, right = (pa.array(part, pa.string()) for part in (values, values[:cut], values[cut:]))
    assert summarize(left, NAME).merge(summarize(right, NAME)) == summarize(whole, NAME)


@given(st.lists(st.one_of(st.none(), st.dates(datetime.date(1860, 1, 1), datetime.date(2110, 1, 1)))))
def test_each_day_is_counted_in_a_cell_of_its_own(values: list[datetime.date | None]) -> None:
    summary = summarize(pa.array(values, pa.date32()), BIRTH)
    assert len(summary.cells) == len({value for value in values if value is not None})
    assert sum(summary.cells.values()) + summary.nulls == len(values)


def test_records_carry_the_whole_summary() -> None:
    ages = summarize(pa.array([1, 1, None, 90], pa.int32()), AGE)
    names = summarize(pa.array(["x", None, "x", "y"]), NAME)
    records = [("", None, None, 4), *records_of("age", ages), *records_of("name", names)]
    summary = Summary.of_records(records, [AGE, NAME], None)
    assert (summary.n_rows, summary.n_units) == (4, 4)
    assert summary.columns == {"age": ages, "name": names}


def test_a_value_that_is_no_number_counts_as_null() -> None:
    text = pa.array(["3.5", "13.348.799", "x", "", None, "1e3", "+7"])
    summary = summarize(text, Column(name="v", spark_type="string", kind=Kind.REAL))
    assert summary.nulls == 4
    assert sum(summary.cells.values()) == 3


def test_declared_bounds_make_the_grid_finer() -> None:
    bounded = Column(name="z", spark_type="double", kind=Kind.REAL, lower=0.0, upper=1.0)
    assert grid_for(bounded).n_cells == 1 << 16
    whole = Column(name="age", spark_type="int", kind=Kind.INTEGER, lower=0, upper=120)
    assert grid_for(whole) == grid_for(whole)

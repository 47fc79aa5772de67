"""A summary is exact however its batches are cut, ordered, encoded or handed on."""

import datetime
import itertools
import random
from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.core.feature import features_of
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema
from synth.prepare.features import grid_for, numbers_of, strings_of
from synth.prepare.summary import Summary, count_batches

Summarize = Callable[..., Summary]
AGE = Column(name="age", spark_type="int", kind=Kind.INTEGER)
NAME = Column(name="name", spark_type="string", kind=Kind.CATEGORICAL)
BIRTH = Column(name="birth", spark_type="date", kind=Kind.DATE)
SCHEMA = TableSchema(name="t", columns=(AGE, NAME), unit=PrivacyUnit())
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-100, 100)),
        st.one_of(st.none(), st.sampled_from(["a", "b", "é", ""])),
    ),
    max_size=40,
)
Row = tuple[int | None, str | None]


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    ages = pa.array([age for age, _ in rows], pa.int32())
    return pa.RecordBatch.from_pydict(
        {"age": ages, "name": pa.array([name for _, name in rows], pa.string())}
    )


def same(left: Summary, right: Summary) -> bool:
    """Dataclasses that hold arrays do not compare."""
    return (left.n_rows, left.n_units, len(left.features)) == (
        right.n_rows,
        right.n_units,
        len(right.features),
    ) and all(
        a.categories == b.categories
        and a.nulls == b.nulls
        and np.array_equal(a.cells, b.cells)
        and np.array_equal(a.counts, b.counts)
        for a, b in zip(left.features, right.features, strict=True)
    )


def one(column: Column) -> TableSchema:
    return TableSchema(name="t", columns=(column,), unit=PrivacyUnit())


@given(rows=ROWS)
def test_the_summary_is_the_exact_count_of_every_value(summarize: Summarize, rows: list[Row]) -> None:
    summary = summarize([batch_of(rows)], SCHEMA)
    ages, names = summary.features
    assert summary.n_rows == summary.n_units == len(rows)
    assert names.categories == Counter(name for _, name in rows if name is not None)
    assert names.nulls == sum(name is None for _, name in rows)
    known = np.array([age for age, _ in rows if age is not None], dtype=np.float64)
    cells, counts = np.unique(grid_for(AGE).cell(known), return_counts=True)
    assert ages.cells.tolist() == cells.tolist()
    assert ages.counts.tolist() == counts.tolist()
    assert ages.nulls == len(rows) - len(known)


@given(rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=5), shuffle=st.randoms(use_true_random=False))
def test_batches_cut_anywhere_in_any_order_give_one_summary(
    summarize: Summarize, rows: list[Row], cuts: list[int], shuffle: random.Random
) -> None:
    bounds = [0, *sorted(cuts), len(rows)]
    batches = [batch_of(rows[a:b]) for a, b in itertools.pairwise(bounds)]
    shuffle.shuffle(batches)
    assert same(summarize(batches, SCHEMA), summarize([batch_of(rows)], SCHEMA))


@given(rows=ROWS, max_held=st.sampled_from([0, 1, 3]))
def test_counts_handed_on_early_give_the_same_summary(
    summarize: Summarize, rows: list[Row], max_held: int
) -> None:
    batches = [batch_of(rows[i : i + 2]) for i in range(0, len(rows), 2)]
    assert same(summarize(batches, SCHEMA, max_held=max_held), summarize([batch_of(rows)], SCHEMA))


def test_a_tally_that_holds_too_much_hands_on_its_categories_before_the_end() -> None:
    batches = [batch_of([(1, name)]) for name in "abcabc"]
    features = features_of(SCHEMA)
    held = list(count_batches(iter(batches), features, SCHEMA, max_held=1))
    waited = list(count_batches(iter(batches), features, SCHEMA, max_held=100))
    # ages, their parts and how they end, names, and the number of rows
    assert len(held) > len(waited) == 5


@given(rows=ROWS, times=st.integers(1, 3))
def test_records_may_repeat_and_add_up(rows: list[Row], times: int) -> None:
    features = features_of(SCHEMA)
    records = [*count_batches(iter([batch_of(rows)]), features, SCHEMA, max_held=100)]
    merged = Summary.of_records(pa.Table.from_batches(records * times), 2, None)
    whole = pa.Table.from_batches(
        count_batches(iter([batch_of(rows)] * times), features, SCHEMA, max_held=100)
    )
    assert same(merged, Summary.of_records(whole, 2, None))


@given(rows=ROWS)
def test_a_dictionary_encoded_column_counts_the_same(summarize: Summarize, rows: list[Row]) -> None:
    plain = batch_of(rows)
    encoded = pa.RecordBatch.from_pydict(
        {name: plain.column(name).dictionary_encode() for name in ("age", "name")}
    )
    assert same(summarize([encoded], SCHEMA), summarize([plain], SCHEMA))
    assert same(summarize([encoded, plain], SCHEMA), summarize([plain, plain], SCHEMA))


def test_a_declared_number_of_units_is_kept(summarize: Summarize) -> None:
    summary = summarize([batch_of([(1, "a"), (2, "b")])], SCHEMA, n_units=1)
    assert (summary.n_rows, summary.n_units) == (2, 1)


@given(values=st.lists(st.one_of(st.none(), st.dates(datetime.date(1860, 1, 1), datetime.date(2110, 1, 1)))))
def test_each_day_is_counted_in_a_cell_of_its_own(
    summarize: Summarize, values: list[datetime.date | None]
) -> None:
    batch = pa.RecordBatch.from_pydict({"birth": pa.array(values, pa.date32())})
    (counted,) = summarize([batch], one(BIRTH)).features
    assert len(counted.cells) == len({value for value in values if value is not None})
    assert counted.counts.sum() + counted.nulls == len(values)


def test_a_value_that_is_no_number_counts_as_null(summarize: Summarize) -> None:
    text = pa.array(["3.5", "13.348.799", "x", "", None, "1e3", "+7"])
    schema = one(Column(name="v", spark_type="string", kind=Kind.REAL))
    (counted,) = summarize([pa.RecordBatch.from_pydict({"v": text})], schema).features
    assert counted.nulls == 4
    assert counted.counts.sum() == 3


def test_declared_bounds_make_the_grid_finer() -> None:
    bounded = Column(name="z", spark_type="double", kind=Kind.REAL, lower=0.0, upper=1.0)
    assert len(np.unique(grid_for(bounded).cell(np.arange(0.0, 1.0, 2.0**-16)))) == 1 << 16
    whole = Column(name="age", spark_type="int", kind=Kind.INTEGER, lower=0, upper=120)
    ages = np.arange(121.0)
    assert np.diff(grid_for(whole).cell(ages)).tolist() == [1] * 120
    cents = Column(name="p", spark_type="double", kind=Kind.REAL, lower=0.0, upper=1.0, decimals=2)
    assert np.diff(grid_for(cents).cell(np.arange(101) / 100)).tolist() == [1] * 100


def test_days_and_moments_of_all_years_have_cells_and_the_usual_sentinels_one_of_their_own() -> None:
    days = Column(name="d", spark_type="date", kind=Kind.DATE)
    moments = Column(name="t", spark_type="timestamp", kind=Kind.TIMESTAMP)
    texts = ["0001-01-01", "1600-02-03", "1753-01-01", "1900-01-01", "1970-01-01", "2024-02-29", "9999-12-31"]
    numbers = np.array([np.datetime64(text, "D").astype(np.int64) for text in texts], dtype=np.float64)
    for column, unit, coarse in ((days, 1.0, 16.0), (moments, 86_400.0, 86_400.0)):
        grid = grid_for(column)
        cells = grid.cell(numbers * unit)
        assert len(np.unique(cells)) == len(texts)
        assert np.all(grid.lower(cells) <= numbers * unit)
        assert np.all(numbers * unit < grid.lower(cells + 1))
        assert np.all(grid.lower(cells + 1) - grid.lower(cells) <= coarse)
        sentinels = numbers[[0, 3, 4, 6]] * unit
        assert grid.lower(grid.cell(sentinels)).tolist() == sentinels.tolist()


def test_a_number_counts_once_among_the_endings(summarize: Summarize) -> None:
    schema = TableSchema(
        name="t", columns=(Column(name="n", spark_type="int", kind=Kind.INTEGER),), unit=PrivacyUnit()
    )
    (counted,) = summarize([pa.RecordBatch.from_pydict({"n": [7, 20, 1_000, None, 1_999]})], schema).features
    assert counted.categories == {"1": 1, "10": 1, "1000": 1, "99": 1}


def test_one_declared_bound_leaves_the_grid_as_it_is() -> None:
    half = Column(name="z", spark_type="double", kind=Kind.REAL, lower=0.0)
    assert grid_for(half) == grid_for(Column(name="z", spark_type="double", kind=Kind.REAL))


DAYS = pa.array([datetime.date(2024, 2, 29), None, datetime.date(2024, 3, 4)], pa.date32())
MADE = TableSchema(
    name="t",
    columns=(
        Column(name="lat", spark_type="double", kind=Kind.REAL),
        Column(name="lon", spark_type="double", kind=Kind.REAL),
        Column(name="start", spark_type="date", kind=Kind.DATE, parts=(Part.WEEKDAY, Part.MONTH)),
        Column(name="stop", spark_type="date", kind=Kind.DATE),
        Column(name="city", spark_type="string", kind=Kind.CATEGORICAL),
        Column(name="state", spark_type="string", kind=Kind.CATEGORICAL),
        Column(name="note", spark_type="string", kind=Kind.TEXT, keep_length=True),
    ),
    unit=PrivacyUnit(),
    relations=Relations(
        places=(("lat", "lon"),), together=(("city", "state"),), at_most=(("start", "stop"),)
    ),
)
BATCH = pa.RecordBatch.from_pydict(
    {
        "lat": pa.array([10.0, None, 20.0]),
        "lon": pa.array([30.0, 30.0, 40.0]),
        "start": DAYS,
        "stop": pa.array([datetime.date(2024, 3, 2)] * 3, pa.date32()),
        "city": pa.array(["Bern", None, "Rome"]),
        "state": pa.array(["BE", None, None]),
        "note": pa.array(["abc", None, "é"]),
    }
)


def test_features_are_what_their_roles_say_of_the_columns() -> None:
    features = {feature.name: feature for feature in features_of(MADE)}
    gap = numbers_of(features["stop - start"], BATCH, MADE)
    assert np.array_equal(gap, [2.0, np.nan, 0.0], equal_nan=True), "a stop before its start is no gap"
    length = numbers_of(features["length of note"], BATCH, MADE)
    assert np.array_equal(length, [3.0, np.nan, 1.0], equal_nan=True)
    assert np.isnan(numbers_of(features["lat x lon"], BATCH, MADE)).tolist() == [False, True, False]
    assert strings_of(features["start weekday"], BATCH, MADE).to_pylist() == ["4", None, "1"]
    assert strings_of(features["start month"], BATCH, MADE).to_pylist() == ["2", None, "3"]
    together = strings_of(features["city + state"], BATCH, MADE).to_pylist()
    assert together[1] is None
    assert None not in (together[0], together[2])


def test_a_feature_has_either_numbers_or_strings() -> None:
    features = {feature.name: feature for feature in features_of(MADE)}
    for name in ("lat x lon", "stop - start", "length of note"):
        with pytest.raises(ValueError, match="no strings"):
            strings_of(features[name], BATCH, MADE)
    for name in ("city + state", "start month"):
        with pytest.raises(ValueError, match="no numbers"):
            numbers_of(features[name], BATCH, MADE)


def test_hours_are_those_of_utc_before_1970_too(summarize: Summarize) -> None:
    column = Column(name="at", spark_type="timestamp", kind=Kind.TIMESTAMP, parts=(Part.HOUR, Part.DAY))
    moments = [datetime.datetime(1969, 12, 31, 23, 30), datetime.datetime(2024, 5, 6, 7, 8)]
    batch = pa.RecordBatch.from_pydict({"at": pa.array(moments, pa.timestamp("us"))})
    _, hours, days = summarize([batch], one(column)).features
    assert hours.categories == {"23": 1, "7": 1}
    assert days.categories == {"31": 1, "6": 1}

"""Values of any physical type meet, and bins of the real rows cut every table alike."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth.core.schema import Column, Kind
from synth.evaluate.bins import encode, fit_bins, fit_category_bins, fit_number_bins
from synth.evaluate.rows import Rows, read_values


def column(name: str, kind: Kind, spark_type: str = "string", format: str | None = None) -> Column:
    return Column(name=name, spark_type=spark_type, kind=kind, format=format)


@pytest.mark.parametrize(
    ("kind", "typed", "text", "spark_type"),
    [
        (Kind.INTEGER, [1, None, 3], ["1", None, "3"], "string"),
        (Kind.REAL, [1.5, None, -2e3], ["1.5", "not known", "-2000"], "string"),
        (
            Kind.DATE,
            [date(2024, 2, 29), None, date(1969, 12, 31)],
            ["2024-02-29", None, "1969-12-31"],
            "date",
        ),
        (
            Kind.TIMESTAMP,
            [datetime(2024, 2, 29, 12, tzinfo=UTC), None],
            ["2024-02-29 12:00:00", ""],
            "timestamp",
        ),
        (Kind.BOOLEAN, [True, False, None], ["TRUE", "f", None], "boolean"),
        (Kind.CATEGORICAL, [1.0, 2.5, None], ["1", "2.50", None], "double"),
    ],
)
def test_typed_values_and_their_strings_meet(
    kind: Kind, typed: list[Any], text: list[Any], spark_type: str
) -> None:
    read = column("c", kind, spark_type)
    one, other = read_values(pa.array(typed), read), read_values(pa.array(text, pa.string()), read)
    if kind.is_binned:
        np.testing.assert_array_equal(one, other)
    else:
        assert one.to_pylist() == other.to_pylist()


def test_columns_are_found_by_name_not_position() -> None:
    a, b = column("a", Kind.INTEGER), column("b", Kind.INTEGER)
    rows = Rows.from_arrow(pa.table({"b": [2], "a": [1]}), {"a": a, "b": b})
    assert (rows.columns["a"][0], rows.columns["b"][0]) == (1, 2)


def test_bins_of_even_numbers_hold_even_shares() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    bins = fit_number_bins(values)
    shares = np.bincount(bins.encode(values), minlength=bins.n_codes) / len(values)
    assert shares[0] == 0
    np.testing.assert_allclose(shares[1:], 0.1, atol=1e-3)


@pytest.mark.parametrize("share", [0.3, 0.92, 0.999])
def test_a_spike_keeps_a_bin_of_its_own(share: float) -> None:
    generator = np.random.default_rng(0)
    values = np.where(generator.random(5_000) < share, 7.0, generator.normal(7, 5, 5_000))
    bins = fit_number_bins(values)
    codes = bins.encode(values)
    assert len(np.unique(codes[values == 7.0])) == 1
    assert not np.isin(codes[values != 7.0], codes[values == 7.0]).any()


def test_a_constant_column_tells_other_values_apart() -> None:
    bins = fit_number_bins(np.full(50, 3.0))
    assert len(set(bins.encode(np.array([2.9, 3.0, 3.1, np.nan])))) == 4


def test_null_is_code_zero_and_a_column_of_nulls_has_bins() -> None:
    bins = fit_number_bins(np.full(5, np.nan))
    assert bins.encode(np.array([np.nan, 1.0])).tolist() == [0, 1]
    assert bins.n_codes == 2
    labels = fit_category_bins(pa.nulls(5, pa.string()))
    assert labels.encode(pa.array([None, "x"], pa.string())).tolist() == [0, 1]


def test_categories_beyond_the_twenty_most_frequent_share_a_code() -> None:
    texts = pa.array([f"c{i}" for i in range(30) for _ in range(30 - i)])
    bins = fit_category_bins(texts)
    assert bins.labels == tuple(f"c{i}" for i in range(20))
    assert bins.encode(pa.array(["c0", "c19", "c20", "never seen", None])).tolist() == [1, 20, 21, 21, 0]


def test_equally_frequent_categories_are_chosen_the_same_way_in_any_order() -> None:
    texts = [f"c{i:02}" for i in range(40)]
    assert fit_category_bins(pa.array(texts)) == fit_category_bins(pa.array(texts[::-1]))


def test_codes_of_any_rows_stay_inside_the_bins() -> None:
    columns = [column("n", Kind.REAL), column("c", Kind.CATEGORICAL)]
    generator = np.random.default_rng(1)
    real = Rows(
        n_rows=100, columns={"n": generator.normal(size=100), "c": pa.array(list("abcde") * 20, pa.string())}
    )
    other = Rows(
        n_rows=4,
        columns={"n": np.array([-9e9, 9e9, np.nan, 0.0]), "c": pa.array(["a", "zz", None, ""], pa.string())},
    )
    bins = fit_bins(real, columns)
    for codes, fitted in zip(encode(other, bins), bins.values(), strict=True):
        assert codes.min() >= 0
        assert codes.max() < fitted.n_codes

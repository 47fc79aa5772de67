"""decode(encode(x)) is x, or a value of its bin, for every kind of codebook that a fit makes."""

import datetime
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.config.sections import Binning, Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.lake.columns import from_numbers, to_numbers
from synth.prepare.encode import code_type, encode, encode_batch

Fit = Callable[..., PreparedManifest]
NAN = float("nan")


def one(column: Column) -> TableSchema:
    return TableSchema(name="t", columns=(column,), unit=PrivacyUnit())


def round_trip(
    manifest: PreparedManifest, array: pa.Array, column: Column
) -> tuple[Any, np.ndarray, np.ndarray]:
    """The codebook, the codes, and what they decode to."""
    (codebook,), (feature,) = manifest.codebooks, manifest.features
    coded = encode(pa.RecordBatch.from_pydict({column.name: array}), feature, codebook, manifest.schema)
    return codebook, coded, codebook.decode(coded, np.random.default_rng(0).random(len(coded)))


def days(values: list[int]) -> pa.Array:
    return pa.array([datetime.date(2000, 1, 1) + datetime.timedelta(days=v) for v in values], pa.date32())


def seconds(values: list[int]) -> pa.Array:
    moments = [datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=600 * v) for v in values]
    return pa.array(moments, pa.timestamp("us"))


NUMBERS: dict[str, tuple[Column, Callable[[list[int]], pa.Array]]] = {
    "integer": (Column(name="v", spark_type="int", kind=Kind.INTEGER), pa.array),
    "real": (
        Column(name="v", spark_type="double", kind=Kind.REAL),
        lambda values: pa.array([v / 7 for v in values]),
    ),
    "price": (
        Column(name="v", spark_type="double", kind=Kind.REAL, decimals=2),
        lambda values: pa.array([round(v / 100, 2) for v in values]),
    ),
    "bounded": (
        Column(name="v", spark_type="int", kind=Kind.INTEGER, lower=-5000, upper=5000),
        pa.array,
    ),
    "date": (Column(name="v", spark_type="date", kind=Kind.DATE), days),
    "timestamp": (Column(name="v", spark_type="timestamp", kind=Kind.TIMESTAMP), seconds),
}


@pytest.mark.parametrize("binning", Binning)
@pytest.mark.parametrize("name", NUMBERS)
@given(values=st.lists(st.integers(-3000, 3000), min_size=1, max_size=60), bins=st.integers(2, 25))
def test_a_number_comes_back_in_its_bin_and_null_as_null(
    fit_table: Fit, name: str, binning: Binning, values: list[int], bins: int
) -> None:
    column, make = NUMBERS[name]
    array = make(values)
    array = pa.concat_arrays([array, pa.nulls(1, array.type)])
    manifest = fit_table({"v": array}, one(column), Prepare(bins=bins, binning=binning))
    codebook, codes, back = round_trip(manifest, array, column)
    assert isinstance(codebook, BinnedCodebook)
    assert codes[-1] == 0
    assert math.isnan(back[-1])
    numbers = to_numbers(array, column)[:-1]
    lowers, uppers = np.array(codebook.lowers)[codes[:-1] - 1], np.array(codebook.uppers)[codes[:-1] - 1]
    slack = 2.0**-12 * np.abs(numbers) + 2.0**-32 if column.kind is Kind.REAL else 0.0
    assert np.all(lowers - slack <= numbers)
    assert np.all(numbers <= uppers + slack)
    assert np.all((lowers <= back[:-1]) & (back[:-1] <= uppers))
    if column.kind is not Kind.REAL:
        assert np.array_equal(back[:-1], np.floor(back[:-1]))
    elif column.decimals is not None:
        assert np.allclose(back[:-1], np.round(back[:-1], 2), atol=1e-12)


@given(
    values=st.lists(st.integers(-800, 800), min_size=1, max_size=40, unique=True), decimals=st.integers(0, 3)
)
def test_decimals_that_each_have_a_bin_come_back_as_they_are(
    fit_table: Fit, values: list[int], decimals: int
) -> None:
    """Every value 50 times and a bin for each: spikes all."""
    column = Column(name="v", spark_type="double", kind=Kind.REAL, decimals=decimals)
    numbers = np.repeat(np.round(np.array(values) / 10**decimals, decimals), 50)
    manifest = fit_table({"v": pa.array(numbers)}, one(column), Prepare(bins=1000))
    _, _, back = round_trip(manifest, pa.array(numbers), column)
    assert np.array_equal(back, numbers)
    assert from_numbers(back, column, pa.float64()).to_pylist() == numbers.tolist()


def test_a_decimal_that_floats_cannot_hold_is_counted_at_its_digits(fit_table: Fit) -> None:
    column = Column(name="v", spark_type="double", kind=Kind.REAL, decimals=2)
    noisy = pa.array([0.1 + 0.2, 0.3, 0.30000000000000004, 0.29999999999999999] * 25)
    manifest = fit_table({"v": noisy}, one(column))
    codebook, _, back = round_trip(manifest, noisy, column)
    assert set(back.tolist()) == {0.3}
    assert codebook.counts == (0.0, 100.0)


VALUES = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", ""])), min_size=1, max_size=60)


@given(values=VALUES)
def test_a_category_comes_back_as_itself(fit_table: Fit, values: list[str | None]) -> None:
    column = Column(name="v", spark_type="string", kind=Kind.CATEGORICAL)
    array = pa.array(values, pa.string())
    manifest = fit_table({"v": array}, one(column))
    codebook, codes, back = round_trip(manifest, array, column)
    assert isinstance(codebook, CategoricalCodebook)
    assert back.tolist() == values
    assert np.bincount(codes, minlength=codebook.n_codes).tolist() == list(codebook.counts)


@pytest.mark.parametrize("closed", [True, False])
def test_an_unseen_category_is_unknown_if_the_list_was_declared_and_one_of_the_rest_if_not(
    fit_table: Fit, closed: bool
) -> None:
    column = Column(
        name="v", spark_type="string", kind=Kind.CATEGORICAL, categories=("a", "b") if closed else None
    )
    manifest = fit_table({"v": pa.array(["a"] * 9 + ["b"])}, one(column))
    codebook, codes, back = round_trip(manifest, pa.array(["never seen", "b"]), column)
    assert codes.tolist() == [0 if closed else codebook.n_codes - 1, 2]
    assert back[1] == "b"
    assert back[0] is None if closed else back[0] in ("a", "b")


def test_values_beyond_all_bins_go_to_the_outer_ones(fit_table: Fit) -> None:
    column = Column(name="v", spark_type="int", kind=Kind.INTEGER)
    manifest = fit_table({"v": pa.array(np.arange(1000))}, one(column))
    codebook, codes, _ = round_trip(manifest, pa.array([-(10**6), 10**6]), column)
    assert codes.tolist() == [1, codebook.n_codes - 1]


def test_dictionary_encoded_strings_have_the_same_codes(fit_table: Fit) -> None:
    column = Column(name="v", spark_type="string", kind=Kind.CATEGORICAL)
    array = pa.array(["a", None, "b", "a", "new"])
    manifest = fit_table({"v": pa.array(["a", "b", "a"])}, one(column))
    _, plain, _ = round_trip(manifest, array, column)
    _, encoded, _ = round_trip(manifest, array.dictionary_encode(), column)
    assert plain.tolist() == encoded.tolist() == [1, 0, 2, 1, 3]


def test_codes_take_one_byte_as_long_as_they_fit(fit_table: Fit) -> None:
    column = Column(name="v", spark_type="string", kind=Kind.CATEGORICAL)
    few = fit_table({"v": pa.array([str(k) for k in range(254)])}, one(column)).codebooks[0]
    many = fit_table({"v": pa.array([str(k) for k in range(255)])}, one(column)).codebooks[0]
    assert (few.n_codes, many.n_codes) == (256, 257)
    assert (code_type(few), code_type(many)) == (pa.uint8(), pa.uint16())


def test_columns_are_found_by_name_whatever_their_order(fit_table: Fit) -> None:
    schema = TableSchema(
        name="t",
        columns=tuple(Column(name=name, spark_type="int", kind=Kind.INTEGER) for name in ("x", "y")),
        unit=PrivacyUnit(),
    )
    x, y = pa.array(np.arange(100)), pa.array(np.arange(100)[::-1] * 10)
    manifest = fit_table({"x": x, "y": y}, schema)
    batches = [pa.RecordBatch.from_pydict(arrays) for arrays in ({"x": x, "y": y}, {"y": y, "x": x})]
    first, second = (
        encode_batch(batch, manifest.features, manifest.codebooks, manifest.schema) for batch in batches
    )
    assert first == second
    assert list(first) == ["x", "y"]

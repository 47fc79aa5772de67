"""Relations through a real Spark: kept in every generated row, and refused where they cannot be."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray

from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, Relations, TableSchema
from synth.errors import ConfigError
from synth.generate.rows import BLOCK
from synth.generate.spark import check_derived, generated
from synth.lake.columns import joined

pytestmark = pytest.mark.spark

ROWS = 2 * BLOCK + 17
PAIRS = joined([pa.array(["Bern", "Rome", "Rome"]), pa.array(["CH", "IT", None])])
MANIFEST = PreparedManifest(
    schema=TableSchema(
        name="t",
        columns=(
            Column(name="total", spark_type="decimal(10,2)", kind=Kind.REAL, derived="low * 2.5"),
            Column(name="ssn", spark_type="string", kind=Kind.ID, entity="ssn", unique=True),
            Column(name="high", spark_type="int", kind=Kind.INTEGER),
            Column(name="low", spark_type="int", kind=Kind.INTEGER),
            Column(name="city", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="state", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="double `total`", spark_type="double", kind=Kind.REAL, derived="total + total"),
        ),
        unit=PrivacyUnit(),
        relations=Relations(together=(("city", "state"),), at_most=(("low", "high"),)),
    ),
    codebooks=(
        BinnedCodebook(
            column="high - low", kind=Kind.INTEGER, lowers=(0, 1), uppers=(1, 50), counts=(1, 1, 1)
        ),
        BinnedCodebook(column="low", kind=Kind.INTEGER, lowers=(-9, 0), uppers=(0, 90), counts=(1, 1, 1)),
        CategoricalCodebook(
            column="city + state", categories=tuple(PAIRS.to_pylist()), counts=(1, 2, 1, 1, 0)
        ),
    ),
    n_rows=10,
    n_units=10,
    entries=(1,),
    is_private=True,
)


class Even:
    """A sampler for the manifest above."""

    n_uniforms = 3

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        return (uniforms * np.array([3, 3, 5])).astype(np.uint16)


def load_even(_folder: Path) -> Even:
    return Even()


def made(spark: Any, folder: Path, *, partitions: int) -> pa.Table:
    (folder / "model").mkdir(exist_ok=True)
    frame = generated(spark, MANIFEST, folder / "model", load_even, rows=ROWS, seed=5, partitions=partitions)
    return frame.toArrow().sort_by([("ssn", "ascending")])


def test_relations_hold_in_every_row_and_rows_are_the_same_for_any_partitions(
    spark: Any, tmp_path: Path
) -> None:
    table = made(spark, tmp_path, partitions=1)
    assert table.equals(made(spark, tmp_path, partitions=3))
    assert table.column_names == [column.name for column in MANIFEST.schema.columns]
    assert table.num_rows == ROWS == len(table["ssn"].unique())
    both = table.filter(pc.is_valid(table["high"]))
    assert 0.3 * ROWS < both.num_rows < 0.6 * ROWS
    assert pc.all(pc.less_equal(both["low"], both["high"])).as_py()
    pairs = set(zip(table["city"].to_pylist(), table["state"].to_pylist(), strict=True))
    assert pairs == {("Bern", "CH"), ("Rome", "IT"), ("Rome", None), (None, None)}
    assert str(table.schema.field("total").type) == "decimal128(10, 2)"
    known = table.filter(pc.is_valid(table["low"]))
    lows = np.array(known["low"].to_pylist(), dtype=float)
    assert np.allclose(np.array(known["total"].to_pylist(), dtype=float), 2.5 * lows)
    assert np.allclose(known["double `total`"].to_numpy(), 5.0 * lows)
    assert table.filter(pc.is_null(table["low"]))["total"].null_count == ROWS - known.num_rows


def derived(text: str, *more: Column) -> tuple[Column, ...]:
    return (Column(name="x", spark_type="int", kind=Kind.INTEGER, derived=text), *more)


@pytest.mark.parametrize("text", ["n * 2", "coalesce(n, 0)", "year(current)", "length(randy)"])
def test_an_expression_over_other_columns_is_allowed(spark: Any, text: str) -> None:
    frame = spark.sql("select 1 as n, date'2020-01-01' as current, 'a' as randy, 5 as x")
    check_derived(frame, derived(text))


@pytest.mark.parametrize("text", ["missing + 1", "x + 1", "n +", "no_such_function(n)"])
def test_an_expression_that_cannot_be_computed_is_refused(spark: Any, text: str) -> None:
    frame = spark.sql("select 1 as n, 5 as x")
    with pytest.raises(ConfigError, match=r"relations\.derived\.x: .* cannot be computed"):
        check_derived(frame, derived(text))


@pytest.mark.parametrize(
    "text",
    ["rand()", "n + RANDN()", "uuid()", "now()", "year(current_date)", "monotonically_increasing_id()"],
)
def test_an_expression_of_chance_or_time_is_refused(spark: Any, text: str) -> None:
    frame = spark.sql("select 1 as n, 5 as x")
    with pytest.raises(ConfigError, match="would differ from run to run"):
        check_derived(frame, derived(text))


def test_a_derived_column_may_use_one_derived_before_it_alone(spark: Any) -> None:
    frame = spark.sql("select 1 as n, 5 as x, 6 as y")
    above = Column(name="y", spark_type="int", kind=Kind.INTEGER, derived="x + 1")
    check_derived(frame, derived("n + 1", above))
    with pytest.raises(ConfigError, match="cannot be computed"):
        check_derived(frame, (above, *derived("n + 1")))

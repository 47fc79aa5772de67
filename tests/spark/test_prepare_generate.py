"""Preparation and generation on a real Spark: one pass, the same codes and rows however the job is cut."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pyspark.sql import functions as F

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook
from synth.core.finding import Findings
from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.errors import ConfigError
from synth.generate.rows import BLOCK
from synth.generate.spark import generated
from synth.lake.batches import SourceBatches
from synth.prepare.fit import fit
from synth.prepare.orders import Cell
from synth.prepare.plan import PreparePlan
from synth.prepare.spark import collect_orders, collect_summary, write_codes
from synth.prepare.summary import Summary
from synth.privacy.budget import NoPrivacy
from synth.privacy.entry import Receipt

pytestmark = pytest.mark.spark

SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="odd name`s", spark_type="string", kind=Kind.CATEGORICAL),
        Column(name="n", spark_type="int", kind=Kind.INTEGER),
        Column(name="day", spark_type="date", kind=Kind.DATE),
    ),
    unit=PrivacyUnit(),
)


def frame(spark: Any, n: int = 2000) -> Any:
    return spark.range(n).select(
        F.when(F.col("id") % 11 == 0, None)
        .otherwise(F.concat(F.lit("k"), (F.col("id") % 4).cast("string")))
        .alias("odd name`s"),
        (F.col("id") % 90).cast("int").alias("n"),
        F.date_add(F.lit("2000-01-01").cast("date"), (F.col("id") % 365).cast("int")).alias("day"),
    )


def source(frame: Any, unit: PrivacyUnit = SCHEMA.unit) -> SourceBatches:
    return SourceBatches(frame=frame, unit=unit, salt=b"s" * 32)


def summary_of(frame: Any, *, pruned: dict[str, int] | None = None, max_distinct: int = 10_000) -> Summary:
    return collect_summary(source(frame), SCHEMA, pruned=pruned or {}, max_distinct=max_distinct)


def test_the_summary_is_exact_however_the_table_is_cut(spark: Any) -> None:
    one, many = (summary_of(frame(spark).repartition(parts)) for parts in (1, 7))
    assert one.n_rows == one.n_units == 2000
    names, numbers, days = one.features
    assert names.nulls == 182
    assert sum(names.categories.values()) == 1818
    assert len(numbers.cells) == 90
    assert len(days.cells) == 365
    for left, right in zip(one.features, many.features, strict=True):
        assert left.categories == right.categories
        assert left.nulls == right.nulls
        assert left.cells.tolist() == right.cells.tolist()
        assert left.counts.tolist() == right.counts.tolist()
    assert (one.n_rows, one.n_units) == (many.n_rows, many.n_units)


def test_rare_categories_stay_on_the_cluster(spark: Any) -> None:
    everything = summary_of(frame(spark)).features[0]
    least = sorted(everything.categories.values())[1]
    kept = summary_of(frame(spark), pruned={"odd name`s": least}).features[0]
    assert kept.categories == {k: n for k, n in everything.categories.items() if n > least}
    assert 0 < len(kept.categories) < len(everything.categories)
    assert kept.nulls == everything.nulls


def test_units_are_the_distinct_entities(spark: Any) -> None:
    unit = PrivacyUnit(entity="n", max_rows=30)
    schema = replace(SCHEMA, unit=unit)
    summary = collect_summary(source(frame(spark), unit), schema, pruned={}, max_distinct=100)
    assert (summary.n_rows, summary.n_units) == (2000, 90)


def test_a_column_of_too_many_values_is_named(spark: Any) -> None:
    with pytest.raises(ConfigError, match=r"column 'odd name`s' has more than 3 distinct values"):
        summary_of(frame(spark), max_distinct=3)


def test_codes_keep_every_row_and_each_unit_in_one_file(spark: Any, tmp_path: Path) -> None:
    settings = Prepare()
    plan = PreparePlan.of(SCHEMA, settings, None, 1e-6, 2000)
    manifest = fit(
        summary_of(frame(spark)),
        SCHEMA,
        plan,
        Receipt(entry=1, events=(NoPrivacy(),)),
        settings,
        Findings(table="t", n_rows=1.0, columns=()),
    )
    written = write_codes(source(frame(spark).repartition(5)), manifest, tmp_path / "codes", files=4)
    assert written == 2000
    parts = sorted((tmp_path / "codes").glob("part-*.parquet"))
    assert len(parts) == 4
    tables = [pq.read_table(part) for part in parts]
    assert sum(table.num_rows for table in tables) == 2000
    assert min(table.num_rows for table in tables) > 300
    units = [set(table[UNIT_COLUMN].to_pylist()) for table in tables]
    assert not any(units[i] & units[j] for i in range(4) for j in range(i))
    assert tables[0].column_names == [UNIT_COLUMN, *manifest.domain.names]
    whole = pa.concat_tables(tables)
    for codebook in manifest.codebooks:
        found = np.bincount(whole[codebook.column].to_numpy(), minlength=codebook.n_codes)
        assert found.tolist() == [round(count) for count in codebook.counts]


class Even:
    """A sampler for the manifest below."""

    n_uniforms = 2

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        return (uniforms * 3).astype(np.uint16)


def load_even(_folder: Path) -> Even:
    return Even()


GENERATED = PreparedManifest(
    schema=TableSchema(
        name="t",
        columns=(
            Column(name="ssn", spark_type="string", kind=Kind.ID, entity="ssn", null_share=0.1),
            Column(name="colour", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="price", spark_type="decimal(8,2)", kind=Kind.REAL, decimals=2),
        ),
        unit=PrivacyUnit(),
    ),
    codebooks=(
        CategoricalCodebook(column="colour", categories=("red", "blue"), counts=(1, 2, 1), closed=True),
        BinnedCodebook(
            column="price", kind=Kind.REAL, lowers=(0, 5), uppers=(5, 10), counts=(1, 1, 1), decimals=2
        ),
    ),
    n_rows=10,
    n_units=10,
    entries=(1,),
    is_private=True,
)


def test_the_same_rows_come_out_whatever_the_partitions(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    rows = 3 * BLOCK + 17

    def made(seed: int, partitions: int) -> pa.Table:
        frame = generated(
            spark, GENERATED, tmp_path / "model", load_even, rows=rows, seed=seed, partitions=partitions
        )
        return frame.toArrow().sort_by([(name, "ascending") for name in ("ssn", "colour", "price")])

    one = made(5, 1)
    assert one.num_rows == rows
    assert one.equals(made(5, 3))
    assert not one.equals(made(6, 3))
    assert str(one.schema.field("price").type) == "decimal128(8, 2)"


def test_orders_of_columns_are_counted_exactly_however_the_table_is_cut(spark: Any) -> None:
    days = frame(spark).select(
        F.col("day").alias("ends"),
        F.when(F.col("n") == 7, None).otherwise(F.date_sub("day", F.col("n") - 2)).alias("odd `start"),
    )
    schema = TableSchema(
        name="t",
        columns=tuple(Column(name=name, spark_type="date", kind=Kind.DATE) for name in days.columns),
        unit=PrivacyUnit(),
    )
    pairs = [("ends", "odd `start")]
    one, many = (collect_orders(source(days.repartition(parts)), schema, pairs) for parts in (1, 7))
    assert one.tolist() == many.tolist()
    (counts,) = one
    assert counts[Cell.SECOND_MISSING] == 23
    assert counts[Cell.EQUAL] == 23  # n == 2
    assert counts[Cell.BELOW] == 46  # n below 2: the start lies after the end
    assert counts[Cell.ABOVE] == 2000 - 23 - 23 - 46
    assert counts.sum() == 2000

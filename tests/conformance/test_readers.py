"""Both readers hand over the same rows of every type and spelling, and Spark writes what was generated."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from cases import COLUMNS
from perfect_model import ROWS, Learned, arrow_type, learn
from tables import real_arrays
from typed_cases import REFUSED_TYPES

from synth.config.sections import Source, Target
from synth.core.schema import PrivacyUnit
from synth.errors import ConfigError
from synth.generate.rows import block_of_rows
from synth.generate.spark import generated
from synth.lake.batches import SourceBatches, readable_files
from synth.lake.tables import check_columns, quoted, read_table
from synth.lake.targets import write_table
from synth.prepare.spark import collect_summary
from synth.prepare.summary import Summary
from synth.scan.classes import class_counts

pytestmark = [pytest.mark.spark, pytest.mark.unsettled]
FOLDED = ("varchar", "char")
"""Types that Spark reads back from files as plain strings."""


def table_of(shape: str) -> pa.Table:
    """Every case that has the shape, as one table."""
    return pa.table({COLUMNS[case.name]: array for case, array in real_arrays(shape).items()})


def spark_types(shape: str) -> dict[str, str]:
    types = {COLUMNS[case.name]: case.spark_type for case in real_arrays(shape)}
    return {name: "string" if kind.startswith(FOLDED) else kind for name, kind in types.items()}


@functools.cache
def learned(shape: str) -> Learned:
    (batch,) = table_of(shape).combine_chunks().to_batches()
    return learn(batch, spark_types(shape), epsilon=None)


def sources(frame: Any, folder: Path) -> tuple[SourceBatches, SourceBatches]:
    """The reader that is chosen for the folder, and Spark."""
    files = readable_files(frame, Source(path=str(folder)))
    return tuple(
        SourceBatches(frame=frame, unit=PrivacyUnit(), salt=b"s" * 32, files=way) for way in (files, None)
    )


def classes_of(source: SourceBatches) -> dict[str, list[int]]:
    """Class counts of each column."""
    names = source.frame.columns

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            counts = [class_counts(batch.column(name)).tolist() for name in names]
            yield pa.RecordBatch.from_pydict({"name": names, "counts": counts})

    found: dict[str, Any] = {}
    for row in source.map(names, count, "name string, counts array<bigint>").collect():
        found[row["name"]] = np.array(row["counts"]) + found.get(row["name"], 0)
    return {name: counts.tolist() for name, counts in found.items()}


def as_plain(summary: Summary, names: list[str]) -> dict[str, Any]:
    """A summary by feature, as values that can be compared."""
    return {
        name: (part.categories, part.cells.tolist(), part.counts.tolist(), part.nulls)
        for name, part in zip(names, summary.features, strict=True)
    }


def check_same(frame: Any, folder: Path, shape: str) -> SourceBatches:
    """Fail naming the columns that the two readers do not agree on, or that differ from what was written."""
    chosen, by_spark = sources(frame, folder)
    table = table_of(shape)
    written = {name: class_counts(table.column(name)).tolist() for name in table.column_names}
    for reader in (chosen, by_spark):
        found = classes_of(reader)
        unlike = [name for name in written if found[name] != written[name]]
        assert not unlike, f"classes differ in {named(unlike, shape)}"
    manifest = learned(shape).manifest
    names = [feature.name for feature in manifest.features]
    one, other = (
        as_plain(collect_summary(reader, manifest.schema, pruned={}, max_distinct=1 << 20), names)
        for reader in (chosen, by_spark)
    )
    unlike = [name for name in names if one[name] != other[name]]
    assert not unlike, f"summaries differ in {named(unlike, shape)}"
    return chosen


def named(columns: list[str], shape: str) -> str:
    return ", ".join(case.name for case in real_arrays(shape) if COLUMNS[case.name] in columns)


@pytest.mark.parametrize("shape", ["nulls", "extremes"])
def test_arrow_and_spark_read_the_same_rows_of_every_type(spark: Any, tmp_path: Path, shape: str) -> None:
    pq.write_table(table_of(shape), tmp_path / "a.parquet", row_group_size=1_500)
    chosen = check_same(spark.read.parquet(str(tmp_path)), tmp_path, shape)
    assert chosen.files, "plain files are read by Arrow, or nothing is compared"


@pytest.mark.parametrize("shape", ["nulls", "extremes"])
def test_timestamps_that_spark_wrote_are_read_alike(spark: Any, tmp_path: Path, shape: str) -> None:
    pq.write_table(table_of(shape), tmp_path / "a.parquet")
    folder = tmp_path / "int96"
    spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96")
    try:
        spark.read.parquet(str(tmp_path / "a.parquet")).repartition(2).write.parquet(str(folder))
    finally:
        spark.conf.unset("spark.sql.parquet.outputTimestampType")
    check_same(spark.read.parquet(str(folder)), folder, shape)


@pytest.mark.parametrize("shape", ["nulls", "sentinels"])
def test_csv_hands_over_every_spelling(spark: Any, tmp_path: Path, shape: str) -> None:
    names = [name for name, kind in spark_types(shape).items() if kind == "string"]
    table = table_of(shape).select(names)
    pyarrow.csv.write_csv(table, tmp_path / "a.csv")
    source = Source(path=str(tmp_path), format="csv", options={"multiLine": "true"})
    check_alike(read_table(spark, source).toArrow(), table, "CSV hands over other texts", shape)


def check_alike(found: pa.Table, wanted: pa.Table, fault: str, shape: str) -> None:
    """Fail naming the columns that hold other values; the order of the rows is free."""

    def values(table: pa.Table, name: str) -> list[str]:
        return sorted(map(repr, table.column(name).to_pylist()))

    unlike = [name for name in wanted.column_names if values(found, name) != values(wanted, name)]
    assert not unlike, f"{fault} in {named(unlike, shape)}"


def copy_by_spark(spark: Any, folder: Path, shape: str) -> Any:
    """The table that a perfect model makes on the workers."""

    class Replayed:
        n_uniforms = 1

        def __init__(self, codes: Any) -> None:
            self.codes = codes

        def sample(self, uniforms: Any) -> Any:
            return self.codes[: len(uniforms)]

    def load(bundle: Path) -> Replayed:
        return Replayed(np.load(bundle / "codes.npy"))

    folder.mkdir()
    np.save(folder / "codes.npy", learned(shape).model.codes)
    return generated(spark, learned(shape).manifest, folder, load, rows=ROWS, seed=7, partitions=2)


@pytest.mark.parametrize("shape", ["nulls", "sentinels"])
def test_spark_generates_every_type_and_keeps_it_in_its_files(spark: Any, tmp_path: Path, shape: str) -> None:
    frame = copy_by_spark(spark, tmp_path / "model", shape)
    manifest = learned(shape).manifest
    assert dict(frame.dtypes) == {c.name: c.spark_type for c in manifest.schema.columns}
    types = {column.name: arrow_type(column.spark_type) for column in manifest.schema.columns}
    here = pa.Table.from_batches([block_of_rows(learned(shape).model, manifest, 0, 7, types)])
    check_alike(frame.toArrow(), here, "Spark makes other rows", shape)
    target = Target(path=str(tmp_path / "out"))
    write_table(frame, target, expected_rows=ROWS)
    kept = read_table(spark, Source(path=target.path)).toArrow()
    check_alike(kept, here, "Parquet keeps other rows", shape)


@pytest.mark.parametrize("shape", ["nulls", "sentinels"])
def test_a_csv_target_keeps_every_text(spark: Any, tmp_path: Path, shape: str) -> None:
    frame = copy_by_spark(spark, tmp_path / "model", shape)
    names = [name for name, kind in spark_types(shape).items() if kind == "string"]
    texts = frame.select(*(quoted(name) for name in names))
    target = Target(path=str(tmp_path / "out"), format="csv")
    write_table(texts, target, expected_rows=ROWS)
    source = Source(path=target.path, format="csv", options={"multiLine": "true"})
    check_alike(read_table(spark, source).toArrow(), texts.toArrow(), "CSV keeps other texts", shape)


@pytest.mark.parametrize("spark_type", REFUSED_TYPES)
def test_a_type_that_cannot_be_learned_is_refused_in_one_line(spark: Any, spark_type: str) -> None:
    frame = spark.sql(f"select 1 as fine, {REFUSED_TYPES[spark_type]} as strange")
    with pytest.raises(ConfigError, match=r"'strange'.*columns\.strange\.drop: true") as refused:
        check_columns(frame, {}, {})
    assert "\n" not in str(refused.value)

"""Preparation's door to Spark: one job that counts, one job that encodes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synth.core.feature import Feature, features_of
from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.core.schema import TableSchema
from synth.errors import ConfigError
from synth.lake.batches import SourceBatches
from synth.lake.tables import map_in_arrow, quoted
from synth.prepare.blocks import BLOCKED, in_blocks, merged, out_of_blocks
from synth.prepare.coded_files import PACKED, WRITTEN, pack, write_file
from synth.prepare.orders import Cell, count_orders
from synth.prepare.schema import Field
from synth.prepare.summary import Summary, count_batches

_MOST_HELD = 500_000
"""Counts of one feature that a task holds before it hands them on."""


def fields_of(frame: DataFrame) -> list[Field]:
    """The frame's columns as public facts."""
    return [
        Field(name=field.name, spark_type=field.dataType.simpleString(), nullable=field.nullable)
        for field in frame.schema.fields
    ]


def collect_summary(
    source: SourceBatches, schema: TableSchema, *, pruned: Mapping[str, int], max_distinct: int
) -> Summary:
    """Exact counts of all features, and of rows and units, in one pass over the table.

    Args:
      source: rows already bounded to `schema.unit.max_rows` per unit.
      pruned: categories of a feature with so few rows or fewer stay on the cluster.
      max_distinct: most categories of one feature that may come to the driver.
    Raises: ConfigError naming a feature with more.
    """
    features = features_of(schema)
    names = list(dict.fromkeys(name for feature in features for name in feature.columns))

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from in_blocks(count_batches(iter(batches), features, schema, max_held=_MOST_HELD))

    least = [F.lit(number) for k, f in enumerate(features) for number in (k, pruned.get(f.name, 0))]
    is_kept = F.col("category").isNull() | (F.col("count") > F.create_map(*least)[F.col("feature")])
    key = ("feature", "category", "block")
    parts = source.frame.sparkSession.sparkContext.defaultParallelism
    gathered = (
        source.map(names or source.frame.columns[:1], count, BLOCKED)
        .repartition(parts, *key)
        .groupBy(*key)
        .agg(F.sum("count").alias("count"), F.collect_list("piece").alias("pieces"))
        .where(is_kept if features else F.lit(True))
    )
    rows = map_in_arrow(gathered, merged, BLOCKED).persist()
    try:
        _check_distinct(rows, features, max_distinct)
        collected = out_of_blocks(rows.toArrow())
    finally:
        rows.unpersist()
    n_units = None
    if schema.unit.entity is not None:
        n_units = source.frame.select(quoted(schema.unit.entity)).distinct().count()
    return Summary.of_records(collected, len(features), n_units)


def collect_orders(
    source: SourceBatches, schema: TableSchema, pairs: Sequence[tuple[str, str]]
) -> NDArray[np.int64]:
    """Exact counts of how pairs of columns lie to each other (`synth.prepare.orders`), in one pass.

    Args:
      source: rows already bounded to `schema.unit.max_rows` per unit.
    Returns: int64 [pairs, cells]: for the trusted side only.
    """

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts = np.zeros((len(pairs), len(Cell)), dtype=np.int64)
        for batch in batches:
            counts += count_orders(batch, schema, pairs)
        yield pa.RecordBatch.from_arrays([pa.array([counts.tobytes()], pa.binary())], names=["counts"])

    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    parts = source.map(names, count, "counts binary").collect()
    counts = [np.frombuffer(row["counts"], np.int64).reshape(len(pairs), len(Cell)) for row in parts]
    total: NDArray[np.int64] = np.sum(counts, axis=0)
    return total


def _check_distinct(rows: DataFrame, features: Sequence[Feature], max_distinct: int) -> None:
    """Before anything comes to the driver; how numbers end is a short public list."""
    endings = [number for number, feature in enumerate(features) if feature.column.kind.is_binned]
    named = rows.where(F.col("category").isNotNull() & ~F.col("feature").isin(endings))
    named = named.groupBy("feature").count()
    for found in named.where(F.col("count") > max_distinct).collect():
        columns = features[found["feature"]].columns
        raise ConfigError(
            f"column {' with '.join(map(repr, columns))} has more than {max_distinct} distinct values; set "
            f"columns.{columns[0]}.kind to text or id, or raise prepare.max_distinct"
        )


def write_codes(source: SourceBatches, manifest: PreparedManifest, folder: Path, *, files: int) -> int:
    """Write the coded table as `files` Parquet files; all rows of a privacy unit share one file.

    Which file a row goes to is a keyed hash of its unit alone, so one row's place says nothing of others.
    Args:
      folder: on a file system that all workers mount; made here.
    Returns: rows written, exact: for the trusted side only.
    """
    codebooks, features, schema = manifest.codebooks, manifest.features, manifest.schema
    names = list(dict.fromkeys(name for feature in features for name in feature.columns))
    folder.mkdir()

    def encode(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task = _task()
        yield from pack(batches, features, codebooks, schema, files=files, task=task)

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from write_file(batches, codebooks, folder, file=_task(), files=files)

    written = (
        source.map([UNIT_COLUMN, *names], encode, PACKED)
        .repartitionById(files, F.col("file"))
        .sortWithinPartitions("task", "number")  # the same files from the same tasks
        .mapInArrow(write, WRITTEN)
        .collect()
    )
    return sum(row["rows"] for row in written)


def _task() -> int:
    context = TaskContext.get()
    assert context is not None, "runs in a Spark task only"
    return context.partitionId()

"""Preparation's door to Spark: one job that counts, one job that encodes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, ShortType, StructField, StructType

from synth.core.feature import Feature, features_of
from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.core.schema import PrivacyUnit, TableSchema
from synth.errors import ConfigError
from synth.lake.tables import map_in_arrow, quoted
from synth.prepare.encode import code_type, encode_batch
from synth.prepare.schema import Field
from synth.prepare.summary import Summary, count_batches

_RECORD = "feature int, category string, cell long, count long"
_MOST_HELD = 500_000
"""Counts of one feature that a task holds before it hands them on."""


def fields_of(frame: DataFrame) -> list[Field]:
    """The frame's columns as public facts."""
    return [
        Field(name=field.name, spark_type=field.dataType.simpleString(), nullable=field.nullable)
        for field in frame.schema.fields
    ]


def collect_summary(
    frame: DataFrame, schema: TableSchema, *, pruned: Mapping[str, int], max_distinct: int
) -> Summary:
    """Exact counts of all features, and of rows and units, in one pass over the table.

    Args:
      frame: source rows, already bounded to `schema.unit.max_rows` per unit.
      pruned: categories of a feature with so few rows or fewer stay on the cluster.
      max_distinct: most categories of one feature that may come to the driver.
    Raises: ConfigError naming a feature with more.
    """
    features = features_of(schema)
    names = list(dict.fromkeys(name for feature in features for name in feature.columns))
    counted = frame.select(*(quoted(name) for name in names)) if names else frame

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from count_batches(iter(batches), features, schema, max_held=_MOST_HELD)

    least = [F.lit(number) for k, f in enumerate(features) for number in (k, pruned.get(f.name, 0))]
    is_kept = F.col("category").isNull() | (F.col("count") > F.create_map(*least)[F.col("feature")])
    records = (
        map_in_arrow(counted, count, _RECORD)
        .groupBy("feature", "category", "cell")
        .agg(F.sum("count").alias("count"))
        .where(is_kept if features else F.lit(True))
        .persist()
    )
    try:
        _check_distinct(records, features, max_distinct)
        collected = records.toArrow()
    finally:
        records.unpersist()
    n_units = None
    if schema.unit.entity is not None:
        n_units = frame.select(quoted(schema.unit.entity)).distinct().count()
    return Summary.of_records(collected, len(features), n_units)


def _check_distinct(records: DataFrame, features: Sequence[Feature], max_distinct: int) -> None:
    """Before anything comes to the driver."""
    named = records.where(F.col("category").isNotNull()).groupBy("feature").count()
    for row in named.where(F.col("count") > max_distinct).collect():
        columns = features[row["feature"]].columns
        raise ConfigError(
            f"column {' with '.join(map(repr, columns))} has more than {max_distinct} distinct values; set "
            f"columns.{columns[0]}.kind to text or id, or raise prepare.max_distinct"
        )


def write_codes(
    frame: DataFrame, manifest: PreparedManifest, folder: Path, *, files: int, salt: bytes
) -> None:
    """Write the coded table as `files` Parquet files; all rows of a privacy unit share one file.

    Which file a row goes to is a keyed hash of its unit alone, so one row's place says nothing of others.
    """
    unit = frame.withColumn(UNIT_COLUMN, _unit_hash(frame, manifest.schema.unit, salt))
    codebooks, features, schema = manifest.codebooks, manifest.features, manifest.schema
    coded_schema = StructType(
        [
            StructField(UNIT_COLUMN, LongType(), False),
            *(
                StructField(
                    codebook.column,
                    ShortType() if pa.types.is_int16(code_type(codebook)) else IntegerType(),
                    False,
                )
                for codebook in codebooks
            ),
        ]
    )
    names = [field.name for field in coded_schema.fields]

    def encode_partition(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            coded = {
                UNIT_COLUMN: batch.column(UNIT_COLUMN),
                **encode_batch(batch, features, codebooks, schema),
            }
            yield pa.RecordBatch.from_arrays([coded[name] for name in names], names=names)

    kept = [quoted(name) for name in dict.fromkeys(n for feature in features for n in feature.columns)]
    (
        map_in_arrow(unit.select(F.col(UNIT_COLUMN), *kept), encode_partition, coded_schema)
        .repartitionById(files, F.pmod(F.col(UNIT_COLUMN), F.lit(files)).cast("int"))
        .write.option("maxRecordsPerFile", 0)  # a unit split over files would be split over ranks
        .mode("errorifexists")
        .parquet(f"file://{folder.absolute()}")
    )


def _unit_hash(frame: DataFrame, unit: PrivacyUnit, salt: bytes) -> SparkColumn:
    names = frame.columns if unit.entity is None else [unit.entity]
    secret = F.lit(int.from_bytes(salt[:8], "big", signed=True))
    return F.xxhash64(secret, *(quoted(name) for name in names))

"""Source tables of any format, by path or by name: read with one readable error."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from urllib.parse import unquote, urlparse

import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from synth.config.sections import ColumnSettings, Source
from synth.core.prepared import UNIT_COLUMN
from synth.core.schema import PrivacyUnit
from synth.errors import ConfigError, SourceError
from synth.lake.files import below, check_plain, partition_values
from synth.lake.footers import valid_text
from synth.lake.header import check_header
from synth.lake.readable import readable_errors
from synth.lake.types import arrow_type

_CSV_OPTIONS = {"header": "true", "quote": '"', "escape": '"', "mode": "FAILFAST", "encoding": "UTF-8"}
MapBatches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_ALL_DIGITS = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""Of times in JSON, which are cut to milliseconds otherwise: rows that look alike come in any order."""
_NESTED = ("struct", "array", "map")
_RESERVED = ("__rank", UNIT_COLUMN)


def read_table(spark: SparkSession, source: Source) -> DataFrame:
    """The table as a lazy DataFrame; CSV columns are strings (their kinds are found by the scan).

    CSV is split at line ends so that many workers can read one file; a quoted line end inside a value
    is reported, not misread, and `source.options.multiLine: true` allows it.
    Raises: SourceError if it does not exist, is no table of that format, or repeats a column name.
    """
    with readable_errors(source):
        check_plain(spark, source)
        if source.table:
            frame = spark.table(source.table)
        else:
            options = {**(_CSV_OPTIONS if source.format == "csv" else {}), **source.options}
            frame = spark.read.format(source.format).options(**options).load(source.path)
        columns = [name.lstrip("\ufeff") for name in frame.columns]
        frame = frame.toDF(*columns) if columns != frame.columns else frame
    if source.format == "csv" and not source.table:
        check_header(columns, source)
    repeated = {name for name in columns if [c.lower() for c in columns].count(name.lower()) > 1}
    if repeated:
        raise SourceError(f"source {source.place} repeats column names: {', '.join(sorted(repeated))}")
    return frame


def check_columns(frame: DataFrame, columns: dict[str, ColumnSettings], named: dict[str, str]) -> None:
    """Raise ConfigError unless every column that the configuration names exists and has a flat type.

    Args:
      named: other settings that name a column: setting -> column.
    """
    settings = {**{f"columns.{name}": name for name in columns}, **named}
    missing = {setting: name for setting, name in settings.items() if name not in frame.columns}
    if missing:
        where = ", ".join(f"{setting} ({name!r})" for setting, name in sorted(missing.items()))
        raise ConfigError(f"no such column: {where}; the source has {', '.join(frame.columns)}")
    reserved = [name for name in frame.columns if name in _RESERVED]
    if reserved:
        raise ConfigError(f"column name {', '.join(reserved)} is reserved; rename it in the source")
    for field in frame.schema.fields:
        dropped = field.name in columns and columns[field.name].drop
        spark_type = field.dataType.simpleString()
        if arrow_type(spark_type) is None and not dropped:
            instead = (
                "flatten it" if spark_type.split("<")[0] in _NESTED else "write it as a number, date or text"
            )
            raise ConfigError(
                f"column {field.name!r} has type {spark_type}, which is not read; {instead} first, or set "
                f"columns.{field.name}.drop: true"
            )


def check_not_empty(frame: DataFrame, source: Source) -> None:
    """Raise SourceError if the table has no rows."""
    with readable_errors(source):
        if not frame.take(1):
            raise SourceError(f"source {source.place} has no rows; there is nothing to learn from")


def in_partitions(frame: DataFrame, column: str, values: Sequence[str]) -> DataFrame:
    """The rows of the named partitions; values are compared in the column's own type."""
    kind = frame.schema[column].dataType
    return frame.where(quoted(column).isin(*(F.lit(value).cast(kind) for value in values)))


def empty_partitions(frame: DataFrame, column: str, values: Sequence[str]) -> list[str]:
    """Those of the values that no row of the frame has."""
    found = frame.select(quoted(column).cast("string").alias("value")).distinct().collect()
    return [value for value in values if value not in {row["value"] for row in found}]


def quoted(name: str) -> Column:
    """The column of exactly that name, whatever dots or backticks it has."""
    return F.col(f"`{name.replace('`', '``')}`")


def map_in_arrow(frame: DataFrame, function: MapBatches, schema: StructType | str) -> DataFrame:
    """`frame.mapInArrow` for columns of any name; the function sees its batches under those names.

    Spark's own looks columns up by unquoted name, which fails for names with dots or backticks.
    """
    names = frame.columns

    def named(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from function(valid_text(batch.rename_columns(names)) for batch in batches)

    safe = frame.select(*(quoted(name).alias(f"c{index}") for index, name in enumerate(names)))
    return safe.mapInArrow(named, schema)


def bound_contribution(frame: DataFrame, unit: PrivacyUnit, salt: bytes) -> DataFrame:
    """At most `unit.max_rows` rows of each entity, chosen by a secret salt; all rows for a row unit.

    Guarantee: which rows of an entity are kept depends on that entity's rows and the salt alone.
    Rows without an entity are one entity together.
    """
    if unit.entity is None:
        return frame
    everything = F.to_json(F.struct(*(quoted(name) for name in frame.columns)), _ALL_DIGITS)
    order = F.sha2(F.concat(F.lit(salt.hex()), everything), 256)
    window = Window.partitionBy(quoted(unit.entity)).orderBy(order)
    ranked = frame.withColumn("__rank", F.row_number().over(window))
    return ranked.where(F.col("__rank") <= unit.max_rows).drop("__rank")


def same_table(spark: SparkSession, table: str, files: Collection[str]) -> bool:
    """Whether a table of the catalog holds one of the files, under whatever name it was read.

    Args:
      files: resolved addresses.
    """
    from synth.lake.apart import resolved

    if not spark.catalog.tableExists(table):
        return False
    return any(resolved(spark, file) in files for file in spark.table(table).inputFiles())


def fingerprint(frame: DataFrame, source: Source) -> str | None:
    """A hash of the source's files with their sizes and times; None where Spark does not know files.

    Reads no rows of columnar formats. Equal fingerprints mean the same unchanged input.
    """
    try:
        files = frame.select(
            "_metadata.file_path", "_metadata.file_size", "_metadata.file_modification_time"
        ).distinct()
        lines = sorted(str(tuple(row)) for row in files.collect())
    except AnalysisException:
        return None
    settings = json.dumps(source.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256("\n".join([settings, *lines]).encode()).hexdigest()


def partition_columns(frame: DataFrame, source: Source) -> tuple[str, ...]:
    """Columns by which the source is partitioned, from the catalog or from its folders' names."""
    if source.table:
        listed = frame.sparkSession.catalog.listColumns(source.table)
        return tuple(column.name for column in listed if column.isPartition)
    files = frame.inputFiles()
    if not files:
        return ()
    places = below(files[:1], source) or [unquote(urlparse(files[0]).path)]
    named = partition_values(places[0])
    return tuple(name for name in frame.columns if name in named)

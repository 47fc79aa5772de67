"""Source tables of any format, by path or by name: read with one readable error."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, MapType, StructType

from synth.config.sections import ColumnSettings, Source
from synth.core.prepared import UNIT_COLUMN
from synth.core.schema import PrivacyUnit
from synth.errors import ConfigError, SourceError

_CSV_OPTIONS = {"header": "true", "quote": '"', "escape": '"', "mode": "FAILFAST", "encoding": "UTF-8"}
MapBatches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_RESERVED = ("__rank", UNIT_COLUMN)
_NESTED = (StructType, ArrayType, MapType, BinaryType)


def read_table(spark: SparkSession, source: Source) -> DataFrame:
    """The table as a lazy DataFrame; CSV columns are strings (their kinds are found by the scan).

    CSV is split at line ends so that many workers can read one file; a quoted line end inside a value
    is reported, not misread, and `source.options.multiLine: true` allows it.
    Raises: SourceError if it does not exist, is no table of that format, or repeats a column name.
    """
    with readable_errors(source):
        if source.table:
            frame = spark.table(source.table)
        else:
            options = {**(_CSV_OPTIONS if source.format == "csv" else {}), **source.options}
            frame = spark.read.format(source.format).options(**options).load(source.path)
        columns = [name.lstrip("\ufeff") for name in frame.columns]
        frame = frame.toDF(*columns) if columns != frame.columns else frame
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
        if isinstance(field.dataType, _NESTED) and not dropped:
            raise ConfigError(
                f"column {field.name!r} has type {field.dataType.simpleString()}; "
                f"flatten it first, or set columns.{field.name}.drop: true"
            )


def check_lines(spark: SparkSession, source: Source) -> None:
    """Raise SourceError if a CSV line holds an unpaired quote: a record torn at a line end inside quotes.

    Its halves can look like two good records, which no parser notices once lines are split.
    """
    quote = source.options.get("quote", '"')
    multi_line = source.options.get("multiLine", source.options.get("multiline", "false"))
    if source.format != "csv" or source.path is None or multi_line == "true" or not quote:
        return
    with readable_errors(source):
        quotes = F.length("value") - F.length(F.replace("value", F.lit(quote), F.lit("")))
        if spark.read.text(source.path).where(quotes % 2 == 1).take(1):
            raise SourceError(
                f"source {source.place} has a line with an unpaired quote: a quoted line end or a plain one; "
                "if values hold line ends set source.options.multiLine: true, if quotes are plain characters "
                "set source.options.quote to an empty string"
            )


def check_not_empty(frame: DataFrame, source: Source) -> None:
    """Raise SourceError if the table has no rows."""
    with readable_errors(source):
        if not frame.take(1):
            raise SourceError(f"source {source.place} has no rows; there is nothing to learn from")


def quoted(name: str) -> Column:
    """The column of exactly that name, whatever dots or backticks it has."""
    return F.col(f"`{name.replace('`', '``')}`")


def map_in_arrow(frame: DataFrame, function: MapBatches, schema: StructType | str) -> DataFrame:
    """`frame.mapInArrow` for columns of any name; the function sees its batches under those names.

    Spark's own looks columns up by unquoted name, which fails for names with dots or backticks.
    """
    names = frame.columns

    def named(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from function(batch.rename_columns(names) for batch in batches)

    safe = frame.select(*(quoted(name).alias(f"c{index}") for index, name in enumerate(names)))
    return safe.mapInArrow(named, schema)


def bound_contribution(frame: DataFrame, unit: PrivacyUnit, salt: bytes) -> DataFrame:
    """At most `unit.max_rows` rows of each entity, chosen by a secret salt; all rows for a row unit.

    Guarantee: which rows of an entity are kept depends on that entity's rows and the salt alone.
    Rows without an entity are one entity together.
    """
    if unit.entity is None:
        return frame
    everything = F.to_json(F.struct(*(quoted(name) for name in frame.columns)))
    order = F.sha2(F.concat(F.lit(salt.hex()), everything), 256)
    window = Window.partitionBy(quoted(unit.entity)).orderBy(order)
    ranked = frame.withColumn("__rank", F.row_number().over(window))
    return ranked.where(F.col("__rank") <= unit.max_rows).drop("__rank")


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


@contextmanager
def readable_errors(source: Source) -> Iterator[None]:
    """Turn Spark's errors about the source into one SourceError without any cell value."""
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        reason = _reason(error)
        if reason is None:
            raise
        raise SourceError(f"source {source.place} {reason}") from error


def _reason(error: Exception) -> str | None:
    """What is wrong with the source, in words; None if the error is about something else."""
    text = str(error)
    known = {
        "PATH_NOT_FOUND": "does not exist; check source.path",
        "TABLE_OR_VIEW_NOT_FOUND": "is not in the catalog; check source.table",
        "UNABLE_TO_INFER_SCHEMA": "holds no files of that format; check source.path and source.format",
        "MALFORMED_RECORD_IN_PARSING": "has a line that does not fit its header: a quoted line end, or a "
        "field too many or too few; if values hold line ends set source.options.multiLine: true",
        "MALFORMED_CSV_RECORD": "has a line that does not fit its header: a quoted line end, or a "
        "field too many or too few; if values hold line ends set source.options.multiLine: true",
        "is not a Parquet file": "holds a file that is not Parquet, or a damaged one; replace that file",
        "CANNOT_READ_FILE_FOOTER": "holds a file that cannot be read as its format; replace that file",
        "FAILED_READ_FILE": "holds a damaged file; replace that file",
        "Could not read footer": "holds a file that cannot be read as its format; replace that file",
    }
    for mark, reason in known.items():
        if re.search(re.escape(mark), text):
            return reason
    return None


def partition_columns(frame: DataFrame, source: Source) -> tuple[str, ...]:
    """Columns by which the source is partitioned, from the catalog or from its folders' names."""
    if source.table:
        listed = frame.sparkSession.catalog.listColumns(source.table)
        return tuple(column.name for column in listed if column.isPartition)
    files = frame.inputFiles()
    if not files:
        return ()
    named = [part.split("=", 1)[0] for part in files[0].split("/") if "=" in part]
    return tuple(name for name in frame.columns if name in named)

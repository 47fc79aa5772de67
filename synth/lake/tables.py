"""Tables of any format, by path or by name: read with one readable error, written whole or not at all."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, MapType, StructType

from synth.config.sections import ColumnSettings, Source, Target
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


def check_apart(spark: SparkSession, sources: dict[str, str | None], targets: dict[str, str | None]) -> None:
    """Raise ConfigError if a path to be written is, holds, or lies in one that is read.

    Args:
      sources, targets: setting -> path; None is skipped.
    """
    read = {setting: _qualified(spark, path) for setting, path in sources.items() if path}
    for setting, path in targets.items():
        written = _qualified(spark, path) if path else None
        for other, place in read.items():
            if written and (f"{written}/".startswith(f"{place}/") or f"{place}/".startswith(f"{written}/")):
                raise ConfigError(f"{setting} {path} overlaps {other} {place}; write somewhere else")


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


def write_table(
    frame: DataFrame, target: Target, *, expected_rows: int, properties: dict[str, str] | None = None
) -> None:
    """Write the frame to the target, replacing or extending it only after it was written elsewhere whole.

    Args:
      expected_rows: rows that must have been written before the swap.
      properties: facts about the table, kept as table properties or in `_lakesynth.json` beside the data.
    Raises: ConfigError if the target exists and its mode is `error`, or its columns do not fit.
    """
    unknown = [name for name in target.partition_by or () if name not in frame.columns]
    if unknown:
        raise ConfigError(f"target.partition_by names no column of the table: {', '.join(unknown)}")
    if target.table:
        _write_catalog_table(frame, target, expected_rows)
        for key, value in (properties or {}).items():
            text = value.replace("\\", "").replace("'", "")
            frame.sparkSession.sql(f"ALTER TABLE {target.table} SET TBLPROPERTIES ('{key}' = '{text}')")
    elif target.path:
        _write_path(frame, target, target.path, expected_rows, properties or {})
    else:
        raise ValueError("the target names neither a path nor a table")


def check_target(spark: SparkSession, target: Target) -> None:
    """Raise ConfigError if the target's mode is `error` and it exists: before anything is spent."""
    if target.mode != "error":
        return
    if target.table:
        exists = spark.catalog.tableExists(target.table)
    else:
        exists = bool(target.path) and _file_system(spark, target.path or "")[0].exists(
            _file_system(spark, target.path or "")[1]
        )
    if exists:
        raise ConfigError(
            f"target {target.place} exists and target.mode is error; choose overwrite or append"
        )


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


def _write_path(
    frame: DataFrame, target: Target, path: str, expected_rows: int, properties: dict[str, str]
) -> None:
    spark = frame.sparkSession
    files, place = _file_system(spark, path)
    staging_path = f"{path.rstrip('/')}.staging-{secrets.token_hex(4)}"
    _, staging = _file_system(spark, staging_path)
    try:
        _writer(frame, target).mode("errorifexists").save(staging_path)
        _check_rows(spark, target, staging_path, expected_rows)
        if target.mode == "append" and files.exists(place):
            staged = _read_back(spark, target, staging_path, frame)
            _writer(staged, target).mode("append").save(path)
            _write_properties(spark, path, properties)
            return
        _write_properties(spark, staging_path, properties)
        old = None
        if files.exists(place):
            _, old = _file_system(spark, f"{path.rstrip('/')}.old-{secrets.token_hex(4)}")
            files.rename(place, old)
        if not files.rename(staging, place):
            if old is not None:
                files.rename(old, place)
            raise SourceError(f"target {path} could not be swapped in; nothing was changed")
        if old is not None:
            files.delete(old, True)
    finally:
        if files.exists(staging):
            files.delete(staging, True)


def _write_properties(spark: SparkSession, folder: str, properties: dict[str, str]) -> None:
    # Spark and Hive skip files whose names begin with an underscore.
    files, place = _file_system(spark, f"{folder.rstrip('/')}/_lakesynth.json")
    stream = files.create(place, True)
    try:
        stream.write(bytearray(json.dumps(properties, indent=2).encode()))
    finally:
        stream.close()


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


def _read_back(spark: SparkSession, target: Target, path: str, frame: DataFrame) -> DataFrame:
    options = {**({"header": "true", "escape": '"'} if target.format == "csv" else {}), **target.options}
    return spark.read.format(target.format).options(**options).schema(frame.schema).load(path)


def _check_rows(spark: SparkSession, target: Target, path: str, expected_rows: int) -> None:
    options = {**({"header": "true", "escape": '"'} if target.format == "csv" else {}), **target.options}
    written = spark.read.format(target.format).options(**options).load(path).count()
    _check_count(written, target, expected_rows)


def _check_count(written: int, target: Target, expected_rows: int) -> None:
    if written != expected_rows:  # the numbers stay out of the message: a masked table's is exact
        raise SourceError(f"target {target.place} did not get all rows; nothing was changed, run it again")


def _write_catalog_table(frame: DataFrame, target: Target, expected_rows: int) -> None:
    spark = frame.sparkSession
    assert target.table is not None
    staging = f"{target.table}__staging_{secrets.token_hex(4)}"
    if not spark.catalog.tableExists(target.table):
        try:
            _writer(frame, target).saveAsTable(staging)
            _check_count(spark.table(staging).count(), target, expected_rows)
            spark.sql(f"ALTER TABLE {staging} RENAME TO {target.table}")
        finally:
            spark.sql(f"DROP TABLE IF EXISTS {staging}")
        return
    if set(spark.table(target.table).columns) != set(frame.columns):
        # BY NAME fills a missing column with nulls; a table of other columns is another table.
        raise ConfigError(
            f"target {target.place} has other columns than the synthetic table "
            f"({', '.join(frame.columns)}); choose another target"
        )
    try:
        frame.write.format("parquet").saveAsTable(staging)
        _check_count(spark.table(staging).count(), target, expected_rows)
        verb = "INSERT INTO" if target.mode == "append" else "INSERT OVERWRITE"
        spark.sql(f"{verb} {target.table} BY NAME SELECT * FROM {staging}")
    finally:
        spark.sql(f"DROP TABLE IF EXISTS {staging}")


def _writer(frame: DataFrame, target: Target) -> Any:
    options = {**({"header": "true", "escape": '"'} if target.format == "csv" else {}), **target.options}
    writer = frame.write.format(target.format).options(**options)
    return writer.partitionBy(*target.partition_by) if target.partition_by else writer


def _qualified(spark: SparkSession, path: str) -> str:
    files, place = _file_system(spark, path)
    return str(files.makeQualified(place).toString()).replace("file:///", "file:/").rstrip("/")


def _file_system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Hadoop's file system of a path and the path itself, so that any file system can be swapped on."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    place = jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), place

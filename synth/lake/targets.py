"""Where tables are written: whole or not at all, on any file system or in the catalog."""

import json
import secrets
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructField, TimestampNTZType, TimestampType

from synth.config.sections import Source, Target
from synth.errors import ConfigError, SourceError
from synth.lake.apart import MARK, OURS, check_ours, resolved
from synth.lake.files import file_system
from synth.lake.tables import quoted

_CSV_WRITTEN = {
    "header": "true",
    "escape": '"',
    "ignoreLeadingWhiteSpace": "false",
    "ignoreTrailingWhiteSpace": "false",
    "emptyValue": '""',  # an empty text in quotes, null as nothing at all
    "nullValue": "",
}
CSV_READ_BACK = {
    "header": "true",
    "escape": '"',
    "multiLine": "true",  # a value may hold line ends
    "nullValue": "\0",  # what no text is: else an empty text in quotes would be null as well
}
"""How texts come back as they were from a CSV that we wrote."""


def check_target(spark: SparkSession, target: Target) -> None:
    """Raise ConfigError if it is not ours, or exists where its mode is `error`: before any charge."""
    if target.mode != "error":
        check_ours(spark, target)
        return
    if target.table:
        exists = spark.catalog.tableExists(target.table)
    else:
        exists = bool(target.path) and file_system(spark, target.path or "")[0].exists(
            file_system(spark, target.path or "")[1]
        )
    if exists:
        raise ConfigError(
            f"target {target.place} exists and target.mode is error; choose overwrite or append"
        )


def written_as(target: Target) -> Source:
    """What was written to the target, as a table to be read again."""
    if target.table:
        return Source(table=target.table)
    return Source(path=target.path, format=target.format, options=_read_options(target))


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
    check_ours(frame.sparkSession, target)
    if target.table:
        _write_catalog_table(frame, target, expected_rows)
        for key, value in ((properties or {}) | {OURS: "true"}).items():
            text = value.replace("\\", "").replace("'", "")
            frame.sparkSession.sql(f"ALTER TABLE {target.table} SET TBLPROPERTIES ('{key}' = '{text}')")
    elif target.path:
        # A link stays a link: what it points to is replaced.
        place = resolved(frame.sparkSession, target.path)
        _write_path(frame, target, place, expected_rows, (properties or {}) | {OURS: "true"})
    else:
        raise ValueError("the target names neither a path nor a table")


def _write_path(
    frame: DataFrame, target: Target, path: str, expected_rows: int, properties: dict[str, str]
) -> None:
    spark = frame.sparkSession
    files, place = file_system(spark, path)
    staging_path = f"{path.rstrip('/')}.staging-{secrets.token_hex(4)}"
    _, staging = file_system(spark, staging_path)
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
            _, old = file_system(spark, f"{path.rstrip('/')}.old-{secrets.token_hex(4)}")
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
    files, place = file_system(spark, f"{folder.rstrip('/')}/{MARK}")
    stream = files.create(place, True)
    try:
        stream.write(bytearray(json.dumps(properties, indent=2).encode()))
    finally:
        stream.close()


def _read_back(spark: SparkSession, target: Target, path: str, frame: DataFrame) -> DataFrame:
    schema = _as_written(frame, target).schema
    return spark.read.format(target.format).options(**_read_options(target)).schema(schema).load(path)


def _check_rows(spark: SparkSession, target: Target, path: str, expected_rows: int) -> None:
    written = spark.read.format(target.format).options(**_read_options(target)).load(path).count()
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
    options = {**(_CSV_WRITTEN if target.format == "csv" else {}), **target.options}
    writer = _as_written(frame, target).write.format(target.format).options(**options)
    return writer.partitionBy(*target.partition_by) if target.partition_by else writer


def _read_options(target: Target) -> dict[str, str]:
    return {**(CSV_READ_BACK if target.format == "csv" else {}), **target.options}


def _as_written(frame: DataFrame, target: Target) -> DataFrame:
    """The frame in the types that the format has: times in a CSV as `2026-11-25 10:30:00.5`, whole."""
    if target.format != "csv" or target.table:
        return frame
    return frame.select(
        *(
            quoted(field.name).cast("string").alias(field.name) if _is_moment(field) else quoted(field.name)
            for field in frame.schema.fields
        )
    )


def _is_moment(field: StructField) -> bool:
    return isinstance(field.dataType, TimestampType | TimestampNTZType)

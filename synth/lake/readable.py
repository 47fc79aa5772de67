"""Spark's and Arrow's errors about the source as one line, without any of its values."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from synth.config.sections import Table
from synth.errors import SourceError
from synth.faults import machine_fault

_LINE = (
    "has a line that does not fit its header: a quoted line end, or a field too many or too few; if values "
    "hold line ends set source.options.multiLine: true"
)
_UNREADABLE = "holds a file that cannot be read as its format; replace that file"
_MIXED = (
    "has files in which a column has different types, such as int and long; write all files with one type"
)
_CASE = "has columns whose names differ in case alone; rename one of them"
_TYPE = (
    "has a column of a type that Spark does not read, such as timestamps in nanoseconds or half floats; "
    "write it in microseconds, or as another type"
)
_ENCODING = "has a column in an encoding that Spark does not read; write it with another one"
_FOLDERS = "has folders that disagree about its partitions; keep one layout below source.path"
_CALENDAR = (
    "has days or times before 1900 that an old Spark or Hive wrote; set datetimeRebaseMode and "
    "int96RebaseMode in source.options to LEGACY or CORRECTED"
)
_REASONS = {
    "PATH_NOT_FOUND": "does not exist; check source.path",
    "TABLE_OR_VIEW_NOT_FOUND": "is not in the catalog; check source.table",
    "UNABLE_TO_INFER_SCHEMA": "holds no files of that format; check source.path and source.format",
    "MALFORMED_RECORD_IN_PARSING": _LINE,
    "MALFORMED_CSV_RECORD": _LINE,
    "COLUMN_ALREADY_EXISTS": _CASE,
    "Found duplicate field(s)": _CASE,
    "_LEGACY_ERROR_TEMP_2093": _CASE,
    "PARQUET_COLUMN_DATA_TYPE_MISMATCH": _MIXED,
    "PARQUET_CONVERSION_FAILURE": _MIXED,
    "SchemaColumnConvertNotSupportedException": _MIXED,
    "Illegal Parquet type": _TYPE,
    "PARQUET_TYPE_ILLEGAL": _TYPE,
    "UNSUPPORTED_TIME_TYPE": _TYPE,
    "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION": _TYPE,
    "PARQUET_TYPE_NOT_SUPPORTED": _TYPE,
    "PARQUET_TYPE_NOT_RECOGNIZED": _TYPE,
    "Unrecognized Parquet type": _TYPE,
    "INCONSISTENT_BEHAVIOR_CROSS_VERSION": _CALENDAR,
    "CONFLICTING_DIRECTORY_STRUCTURES": _FOLDERS,
    "CONFLICTING_PARTITION_COLUMN_NAMES": _FOLDERS,
    "Conflicting partition column names": _FOLDERS,
    "Conflicting directory structures": _FOLDERS,
    "EMPTY_PARTITION_COLUMN_VALUE": "has a folder that names a partition without a value; rename it",
    "is not a Parquet file": "holds a file that is not Parquet, or a damaged one; replace that file",
    "CANNOT_READ_FILE_FOOTER": _UNREADABLE,
    "Could not read footer": _UNREADABLE,
    "FILE_NOT_EXIST": "changed while it was read; run it again when it is still",
    "Unsupported encoding": _ENCODING,
    "Unsupported type of encoding": _ENCODING,
    "Codec was not found": "is compressed in a way that Spark does not read; write it with zstd or snappy",
    "FAILED_READ_FILE": "holds a damaged file; replace that file",
}
"""What an error about the source says of itself, and what to tell; the first that is found counts."""


@contextmanager
def readable_errors(source: Table) -> Iterator[None]:
    """Turn errors of Spark, Java and Arrow about the source into one SourceError without any cell value."""
    try:
        yield
    except (PySparkException, Py4JError, pa.ArrowException) as error:
        if machine_fault(error) is not None:
            raise  # no fault of the source
        raise SourceError(f"source {source.place} {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What is wrong with the source, in words; the kind of error alone if it is none that is known."""
    text = str(error)
    for mark, reason in _REASONS.items():
        if mark in text:
            return reason
    condition = error.getCondition() if isinstance(error, PySparkException) else None
    return f"could not be read ({condition or type(error).__name__}); run with --debug to see why"

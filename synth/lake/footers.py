"""Whether Arrow reads from Parquet files what Spark reads, by their footers and a first look inside."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_UNSIGNED = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
}
"""The types that Spark gives to unsigned numbers."""
_OLD_CALENDAR = (b"org.apache.spark.legacyDateTime", b"org.apache.spark.legacyINT96")
_SPARK_VERSION = b"org.apache.spark.version"


def reads_alike(
    files: Sequence[str],
    types: Mapping[str, pa.DataType],
    partitioned: Collection[str],
    look: Callable[[str], None],
) -> bool:
    """Whether Arrow gives the very rows that Spark gives. No for whatever is not known to be alike.

    Args:
      types: of the table's columns, as Spark sees them.
      partitioned: columns whose values are in the names of folders.
      look: reads a little of a file as all of it will be read; called once for each kind of file.
    """
    seen: set[str] = set()
    for file in files:
        try:
            footer = pq.read_metadata(file)
            if not _is_alike(footer, types, partitioned):
                return False
            kind = _kind(footer)
            if kind not in seen:
                look(file)
            seen.add(kind)
        except (pa.ArrowException, OSError, ValueError, NotImplementedError):
            return False
    return True


def _kind(footer: Any) -> str:
    """What says how a file is to be decoded; equal for files of one writer."""
    columns = (
        [footer.row_group(0).column(k) for k in range(footer.num_columns)] if footer.num_row_groups else []
    )
    encodings = [(column.compression, *map(str, column.encodings)) for column in columns]
    return f"{footer.created_by} {footer.schema} {encodings}"


def _is_alike(footer: Any, types: Mapping[str, pa.DataType], partitioned: Collection[str]) -> bool:
    held = footer.schema.to_arrow_schema()
    folded = [name.lower() for name in held.names]
    if len(set(folded)) < len(folded) or _counts_days_otherwise(footer.metadata or {}):
        return False
    physical = {c.path: c.physical_type for c in (footer.schema.column(k) for k in range(footer.num_columns))}
    by_folded = {name.lower(): name for name in types}  # Spark finds columns whatever their case
    for field in held:
        name = by_folded.get(field.name.lower())
        if name is None:
            continue
        if name != field.name or name in partitioned:
            return False
        if not _is_type_alike(field.type, types[name], physical.get(name, "")):
            return False
    return True


def _is_type_alike(held: pa.DataType, wanted: pa.DataType, physical: str) -> bool:
    if physical == "INT96":  # read in microseconds, as Spark does; the session's zone is UTC
        return bool(pa.types.is_timestamp(wanted))
    if pa.types.is_timestamp(held) and pa.types.is_timestamp(wanted):
        return held.unit in ("ms", "us") and (held.tz is None) == (wanted.tz is None)
    return bool(held == wanted or _UNSIGNED.get(held) == wanted)


def _counts_days_otherwise(metadata: Mapping[bytes, bytes]) -> bool:
    """Whether old days are counted in the Julian calendar, which Spark turns into the one of today."""
    version = metadata.get(_SPARK_VERSION, b"9").decode(errors="replace").split(".")
    is_old = [int(part) if part.isdigit() else 0 for part in version[:2]] < [3, 1]
    return is_old or any(key in metadata for key in _OLD_CALENDAR)


def valid_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with null for every text that is not UTF-8, row by row."""
    columns = [_valid(column) for column in batch.columns]
    if all(new is old for new, old in zip(columns, batch.columns, strict=True)):
        return batch
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _valid(column: pa.Array) -> pa.Array:
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    if not pa.types.is_string(texts.type):
        return column
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        return pa.array([_text(value) for value in plain.cast(pa.binary()).to_pylist()], pa.string())
    return column


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None

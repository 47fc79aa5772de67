"""The columns of a source as its files describe themselves: without Spark, and without looking at a row."""

import csv
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from synth.config.sections import Source
from synth.lake.files import partition_values

_UNSIGNED = {"uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "decimal(20,0)"}
_PLAIN = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "date32[day]": "date",
}


def columns_on_disk(source: Source) -> dict[str, str] | None:
    """Spark's simple type by column name; None unless it is Parquet, or CSV with a header, on a disk."""
    if source.table or not source.path or "://" in source.path:
        return None
    root = Path(source.path.removeprefix("file:"))
    file = _first(root)
    if file is None:
        return None
    folders = dict.fromkeys(partition_values(str(file.relative_to(root))) if file != root else (), "string")
    try:
        match source.format:
            case "parquet":
                return {field.name: _spark_type(field.type) for field in pq.read_schema(file)} | folders
            case "csv" if not {"encoding", "header"} & {name.lower() for name in source.options}:
                with file.open(encoding="utf-8-sig", newline="") as lines:
                    header = next(csv.reader(lines, delimiter=source.options.get("sep", ",")), [])
                return dict.fromkeys(header, "string") | folders
    except (OSError, ValueError, pa.ArrowException, csv.Error, TypeError):
        pass  # the run's own readers say what is wrong
    return None


def _first(root: Path) -> Path | None:
    """The first file that Spark would read."""
    if root.is_file():
        return root
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith(("_", ".")))
        kept = sorted(name for name in names if not name.startswith(("_", ".")))
        for name in kept:
            if (Path(folder) / name).stat().st_size:
                return Path(folder) / name
    return None


def _spark_type(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp" if kind.tz or kind.unit == "ns" else "timestamp_ntz"  # ns: how INT96 is read
    return _PLAIN.get(str(kind)) or _UNSIGNED.get(str(kind)) or str(kind)

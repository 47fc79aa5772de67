"""Where a source's files lie, what kind of table they belong to, and which folders name a partition."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from synth.config.sections import Table
from synth.errors import SourceError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_MOST_LOOKED_AT = 100
"""Folders of a pattern, and folders above a path, of which a table format may have left its log."""
_LOGS = {"Delta": "_delta_log", "Hudi": ".hoodie", "Iceberg": "metadata/*.metadata.json"}


def file_system(spark: "SparkSession", path: str) -> tuple[Any, Any]:
    """Hadoop's file system of a path and the path itself, whatever file system that is."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    place = jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), place


def check_plain(spark: "SparkSession", table: Table) -> None:
    """Raise SourceError if the files are those of a table format, which knows which rows still count."""
    if table.table or not table.path:
        return
    files, place = file_system(spark, table.path)
    folders = [status.getPath() for status in list(files.globStatus(place) or [])[:_MOST_LOOKED_AT]]
    above = folders[0].getParent() if folders else None
    while above is not None and len(folders) < 2 * _MOST_LOOKED_AT:
        folders.append(above)
        above = above.getParent()
    jvm: Any = spark.sparkContext._jvm
    for folder in folders:
        for format, log in _LOGS.items():
            if _exists(files, jvm.org.apache.hadoop.fs.Path(folder, log)):
                raise SourceError(
                    f"source {table.place} holds a table of {format}; read as plain files, "
                    "rows that were deleted or replaced would come back; name it in source.table, or write "
                    "its rows to a folder of Parquet files first"
                )


def _exists(files: Any, pattern: Any) -> bool:
    from py4j.protocol import Py4JJavaError

    try:
        return bool(files.globStatus(pattern))
    except Py4JJavaError:  # a folder above the table that we may not look into
        return False


def below(files: Sequence[str], table: Table) -> list[str] | None:
    """Each file's path below the table's own; None if the path is a pattern or names another place.

    Args:
      files: addresses as Spark lists them.
    """
    path = urlparse(table.path or "").path if re.match(r"^[a-z0-9]+:", table.path or "") else table.path or ""
    root = os.path.abspath(path)
    paths = [unquote(urlparse(file).path) for file in files]
    if not all(path == root or path.startswith(f"{root.rstrip('/')}/") for path in paths):
        return None
    return [path[len(root) :].strip("/") for path in paths]


def partition_values(path_below: str) -> dict[str, str]:
    """What the folders above a file say of its rows: `DAY=2026-11-25/part-0.parquet` -> {DAY: 2026-11-25}."""
    folders = path_below.split("/")[:-1]
    pairs = (folder.split("=", 1) for folder in folders if "=" in folder)
    return {_unescaped(name): _unescaped(value) for name, value in pairs}


def _unescaped(folder: str) -> str:
    """A part of a folder's name as Spark reads it: byte by byte, not as UTF-8."""
    return re.sub("%([0-9A-Fa-f]{2})", lambda escape: chr(int(escape[1], 16)), folder)

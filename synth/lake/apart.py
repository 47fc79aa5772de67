"""What may be overwritten: only what Lakesynth wrote, and nothing that a run reads or keeps."""

import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlparse

from pyspark.sql import SparkSession

from synth.config.sections import Target
from synth.errors import ConfigError
from synth.lake.files import file_system

MARK = "_lakesynth.json"
"""File beside the data of a table that Lakesynth wrote. Spark and Hive skip names with an underscore."""
OURS = "lakesynth.target"
"""Property of a table that Lakesynth wrote, or that it was told it may replace."""


def resolved(spark: SparkSession, path: str) -> str:
    """The address of a path, links followed: `file:/real/path` on a mounted file system."""
    files, place = file_system(spark, path)
    address = str(files.makeQualified(place).toString())
    local = _local(address)
    return f"file:{os.path.realpath(local)}" if local is not None else address.rstrip("/")


def check_apart(read: Mapping[str, Iterable[str]], written: Mapping[str, str]) -> None:
    """Raise ConfigError if a place to be written is, holds, or lies in one that is read or kept, or another.

    Args:
      read, written: setting -> resolved addresses, and one.
    """
    places = {other: tuple(addresses) for other, addresses in read.items()}
    for setting, path in written.items():
        for other, addresses in (places | {o: (p,) for o, p in written.items() if o != setting}).items():
            for address in addresses:
                if _holds(path, address) or _holds(address, path):
                    raise ConfigError(f"{setting} {path} overlaps {other} {address}; write somewhere else")


def check_ours(spark: SparkSession, target: Target) -> None:
    """Raise ConfigError if the target exists, holds something, and Lakesynth did not write it.

    A table in the catalog is ours by its property `lakesynth.target`, a folder by its `_lakesynth.json` if
    nothing else lies in it than Spark's files and folders of partitions.
    """
    if target.table:
        if spark.catalog.tableExists(target.table) and not _is_our_table(spark, target.table):
            raise ConfigError(
                f"target {target.table} holds rows that Lakesynth did not write; choose another one, or say "
                f"that they may be replaced: ALTER TABLE {target.table} SET TBLPROPERTIES ('{OURS}' = 'true')"
            )
    elif target.path:
        if glob.escape(target.path) != target.path:
            raise ConfigError(f"target {target.path} is a pattern; name one folder")
        address = resolved(spark, target.path)
        stranger = _stranger(spark, address)
        if stranger is not None:
            raise ConfigError(
                f"target {target.path} exists and holds {stranger}, which Lakesynth did not write; choose "
                "another folder, or remove it yourself"
            )


def _is_our_table(spark: SparkSession, table: str) -> bool:
    held = {row["key"]: row["value"] for row in spark.sql(f"SHOW TBLPROPERTIES {table}").collect()}
    return OURS in held or "lakesynth.source" in held or not spark.table(table).take(1)


def _stranger(spark: SparkSession, address: str) -> str | None:
    """Something at the address that Lakesynth did not write; None if there is no such thing."""
    files, place = file_system(spark, address)
    if not files.exists(place):
        return None
    if not files.getFileStatus(place).isDirectory():
        return "a file"
    held = [(str(s.getPath().getName()), bool(s.isDirectory())) for s in files.listStatus(place)]
    for name, is_folder in held:
        # No file of ours begins with a point but Hadoop's sums of the others.
        is_ours = "=" in name if is_folder else name.startswith(("part-", "_", ".part-", "._"))
        if not is_ours:
            return repr(name)
    if held and MARK not in (name for name, _ in held):
        return f"files without {MARK}"
    return None


def _holds(folder: str, inner: str) -> bool:
    if f"{inner}/".startswith(f"{folder.rstrip('/')}/"):
        return True
    outer, local = _local(folder), _local(inner)
    if outer is None or local is None:
        return False
    try:
        wanted = os.stat(outer)
    except OSError:
        return False
    # The same folder may go by two paths: mounted twice, or names that differ in case.
    for place in (Path(local), *Path(local).parents):
        try:
            if os.path.samestat(place.stat(), wanted):
                return True
        except OSError:
            continue
    return False


def _local(address: str) -> str | None:
    parsed = urlparse(address)
    return unquote(parsed.path) if parsed.scheme == "file" else None

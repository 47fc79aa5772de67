"""The source as Arrow batches for Python functions on the workers: through Spark, or straight from its files.

Rows that Spark hands to Python go through the JVM value by value. Parquet files on a file system that the
workers mount are read by Arrow in the Python worker instead: the same values, several times sooner.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from synth.config.sections import Source
from synth.core.mixing import mix
from synth.core.prepared import UNIT_COLUMN
from synth.core.schema import PrivacyUnit
from synth.lake.files import below, partition_values
from synth.lake.footers import reads_alike, valid_text
from synth.lake.tables import map_in_arrow, partition_columns, quoted

_MOST_FOOTERS = 1000
_ROWS_A_BATCH = 1 << 16
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
MapBatches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, kw_only=True)
class ParquetFiles:
    """Files that the workers read without Spark.

    Attributes:
      paths: of the files that hold something, sorted.
      values: of each file, what the names of its folders say of its rows: column -> value.
    """

    paths: tuple[str, ...]
    values: tuple[dict[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class SourceBatches:
    """A source whose batches a function can be mapped over.

    Attributes:
      frame: its rows as Spark sees them.
      unit: whose rows belong together.
      salt: secret bytes of the units' hashes.
      files: its Parquet files if they can be read without Spark, else None.
    """

    frame: DataFrame
    unit: PrivacyUnit
    salt: bytes
    files: ParquetFiles | None = None

    def map(self, names: Sequence[str], function: MapBatches, schema: StructType | str) -> DataFrame:
        """The function's batches as a frame; it sees batches of the columns `names`, found by name.

        Args:
          names: columns of the frame; `UNIT_COLUMN` among them is a 64-bit hash of each row's privacy unit.
        """
        if self.files is None:
            return map_in_arrow(self._with_units(names), function, schema)
        spark = self.frame.sparkSession
        types = to_arrow_schema(self.frame.schema, timezone="UTC")
        reader = _Reader(
            types={field.name: field.type for field in types},
            names=tuple(names),
            salt=self.salt,
            files=self.files,
        )
        groups = [(k, group) for k, file in enumerate(self.files.paths) for group in range(_row_groups(file))]
        # Neighbouring row groups of different size go to different tasks.
        parts = max(1, min(len(groups), 2 * spark.sparkContext.defaultParallelism))
        shares = spark.createDataFrame(groups or [(0, -1)], "file int, row_group int")

        def read_and_map(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            yield from function(reader.batches(batches))

        return shares.repartition(parts).mapInArrow(read_and_map, schema)

    def _with_units(self, names: Sequence[str]) -> DataFrame:
        frame = self.frame
        if UNIT_COLUMN in names:
            secret = F.lit(int.from_bytes(self.salt[:8], "big", signed=True))
            keys = frame.columns if self.unit.entity is None else [self.unit.entity]
            frame = frame.withColumn(UNIT_COLUMN, F.xxhash64(secret, *(quoted(name) for name in keys)))
        return frame.select(*(quoted(name) for name in names))


def readable_files(frame: DataFrame, source: Source) -> ParquetFiles | None:
    """The source's files, if Arrow reads the same rows from them as Spark: plain Parquet on a mounted system.

    None for other formats, catalog tables, reader options, object stores, patterns, and files that are
    not known to be read alike.
    """
    if source.table or source.format != "parquet" or source.options:
        return None
    addresses = sorted(frame.inputFiles())
    places = below(addresses, source)
    if not places or any(urlparse(address).scheme != "file" for address in addresses):
        return None
    paths = [unquote(urlparse(address).path) for address in addresses]
    values = [partition_values(place) for place in places]
    types = {field.name: field.type for field in to_arrow_schema(frame.schema, timezone="UTC")}
    known = set(partition_columns(frame, source))
    if any(set(found) & set(types) != known for found in values):
        return None
    if not all(pa.types.is_string(types[name]) for name in known):
        return None
    if len({place.count("/") for place in places}) > 1:  # folders in folders, of which Spark reads some
        return None
    # Spark skips files of no bytes.
    kept = [(path, found) for path, found in zip(paths, values, strict=True) if os.path.getsize(path)]
    files = ParquetFiles(paths=tuple(p for p, _ in kept), values=tuple(v for _, v in kept))
    reader = _Reader(types=types, names=tuple(types), salt=b"", files=files)
    return files if reads_alike(files.paths, types, known, reader.look) else None


def unread_columns(frame: DataFrame, source: Source) -> list[str]:
    """Columns that some of the first Parquet files have, and Spark does not see: it asks one file alone."""
    if source.table or source.format != "parquet" or source.options:
        return []
    addresses = [urlparse(address) for address in sorted(frame.inputFiles())[:_MOST_FOOTERS]]
    paths = [unquote(address.path) for address in addresses if address.scheme == "file"]
    known = {name.lower() for name in frame.columns}
    found: dict[str, None] = {}
    for path in paths:
        with contextlib.suppress(pa.ArrowException, OSError):  # damaged files are told by their readers
            found |= dict.fromkeys(pq.read_schema(path).names)
    return [name for name in found if name.lower() not in known]


def _row_groups(file: str) -> int:
    return pq.ParquetFile(file).metadata.num_row_groups


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads row groups on a worker: columns in the order of `names`, in the types that Spark would give."""

    types: dict[str, pa.DataType]
    names: tuple[str, ...]
    salt: bytes
    files: ParquetFiles

    def look(self, path: str) -> None:
        """Read the first rows of a file."""
        if pq.read_metadata(path).num_row_groups:
            next(self._row_group(self.files.paths.index(path), 0), None)

    def batches(self, shares: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for share in shares:
            pairs = zip(share.column("file").to_pylist(), share.column("row_group").to_pylist(), strict=True)
            for file, group in pairs:
                if group >= 0:
                    yield from self._row_group(file, group)

    def _row_group(self, number: int, group: int) -> Iterator[pa.RecordBatch]:
        path, values = self.files.paths[number], self.files.values[number]
        footer = pq.read_metadata(path)
        held = footer.schema.to_arrow_schema().names
        strings = [name for name in self.names if name in held and pa.types.is_string(self.types[name])]
        opened = pq.ParquetFile(
            path, metadata=footer, read_dictionary=strings, coerce_int96_timestamp_unit="us"
        )
        with opened as file:
            first = sum(footer.row_group(before).num_rows for before in range(group))
            wanted = [name for name in self.names if name in held and name not in values]
            # A file is asked for a column at least, so that its rows are counted.
            asked = wanted or held[:1]
            batches = file.iter_batches(_ROWS_A_BATCH, row_groups=[group], columns=asked, use_threads=False)
            for batch in batches:
                arrays = [
                    _repeated(values[name], batch.num_rows)
                    if name in values
                    else self._column(name, batch, path, first)
                    for name in self.names
                ]
                yield valid_text(pa.RecordBatch.from_arrays(arrays, names=list(self.names)))
                first += batch.num_rows

    def _column(self, name: str, batch: pa.RecordBatch, path: str, first: int) -> pa.Array:
        if name == UNIT_COLUMN:
            return pa.array(self._units(path, first, batch.num_rows))
        kind = self.types[name]
        if name not in batch.schema.names:
            return pa.nulls(batch.num_rows, kind)
        column = batch.column(name)
        if column.type == kind or pa.types.is_dictionary(column.type):
            return column
        return column.cast(kind, safe=False) if pa.types.is_timestamp(kind) else column.cast(kind)

    def _units(self, path: str, first: int, n: int) -> NDArray[np.int64]:
        """A row is its own unit: a keyed hash of its place in the unchanged source."""
        key = hashlib.sha256(self.salt + path.encode()).digest()[:8]
        places = np.arange(first, first + n, dtype=np.uint64)
        return mix(mix(places) ^ np.uint64(int.from_bytes(key, "big"))).view(np.int64)


def _repeated(value: str, n: int) -> pa.Array:
    """A partition's value for each of its rows."""
    return pa.repeat(pa.scalar(None if value == _NO_PARTITION else value, pa.string()), n)

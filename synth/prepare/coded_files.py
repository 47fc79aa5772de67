"""The coded table's files: encoded and packed on one side of a shuffle, written on the other.

Rows travel as a few large pieces, so that a shuffle costs bytes and not values.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from synth.core.codebook import Codebook
from synth.core.feature import Feature
from synth.core.prepared import UNIT_COLUMN
from synth.core.schema import TableSchema
from synth.prepare.encode import code_type, encode_batch

PACKED = "file int, task int, number int, piece binary"
WRITTEN = "file int, rows long"
_ROWS_A_GROUP = 1 << 20


def coded_schema(codebooks: Sequence[Codebook]) -> pa.Schema:
    """The unit's hash and a column of codes for each codebook."""
    fields = [pa.field(UNIT_COLUMN, pa.int64(), nullable=False)]
    return pa.schema([*fields, *(pa.field(c.column, code_type(c), nullable=False) for c in codebooks)])


def pack(
    batches: Iterable[pa.RecordBatch],
    features: Sequence[Feature],
    codebooks: Sequence[Codebook],
    schema: TableSchema,
    *,
    files: int,
    task: int,
) -> Iterator[pa.RecordBatch]:
    """Encode batches and cut each by the file that its rows' units belong to; records of `PACKED`."""
    coded = coded_schema(codebooks)
    for number, batch in enumerate(batches):
        codes = encode_batch(batch, features, codebooks, schema)
        units = batch.column(UNIT_COLUMN)
        whole = pa.RecordBatch.from_arrays([units, *codes.values()], schema=coded)
        place = units.to_numpy() % files  # NumPy's remainder is never negative
        order = np.argsort(place, kind="stable")
        ends = np.cumsum(np.bincount(place, minlength=files))
        sorted_rows = whole.take(pa.array(order))
        starts = [0, *ends[:-1].tolist()]
        pieces = [_bytes(sorted_rows.slice(a, b - a)) for a, b in zip(starts, ends.tolist(), strict=True)]
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(np.arange(files, dtype=np.int32)),
                pa.array(np.full(files, task, dtype=np.int32)),
                pa.array(np.full(files, number, dtype=np.int32)),
                pa.array(pieces, pa.binary()),
            ],
            names=["file", "task", "number", "piece"],
        )


def write_file(
    batches: Iterable[pa.RecordBatch], codebooks: Sequence[Codebook], folder: Path, *, file: int, files: int
) -> Iterator[pa.RecordBatch]:
    """Write one file of pieces, whole or not at all; a record of `WRITTEN`.

    A task that is tried again, or twice at once, writes the same file in its place.
    """
    path = folder / f"part-{file:05d}-of-{files:05d}.parquet"
    partial = folder / f".{path.name}.{np.random.SeedSequence().entropy:x}"
    schema = coded_schema(codebooks)
    coded = [codebook.column for codebook in codebooks]  # hashes of units hardly repeat
    waiting: list[pa.RecordBatch] = []
    rows, n_waiting = 0, 0
    try:
        with pq.ParquetWriter(partial, schema, compression="lz4", use_dictionary=coded) as writer:
            for batch in batches:
                for piece in batch.column("piece"):
                    waiting.append(_batch(piece.as_buffer()))
                    n_waiting += waiting[-1].num_rows
                    if n_waiting >= _ROWS_A_GROUP:
                        writer.write_table(pa.Table.from_batches(waiting))
                        rows, n_waiting, waiting = rows + n_waiting, 0, []
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting))
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    written = [pa.array([file], pa.int32()), pa.array([rows + n_waiting], pa.int64())]
    yield pa.RecordBatch.from_arrays(written, names=["file", "rows"])


def _bytes(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return sink.getvalue().to_pybytes()


def _batch(piece: pa.Buffer) -> pa.RecordBatch:
    with pa.ipc.open_stream(piece) as reader:
        return reader.read_next_batch()

"""Counts of cells in blocks: what a shuffle carries as a few hundred pieces instead of as many rows as cells.

A record of counts (see `summary`) becomes rows of `BLOCKED`: a category or the nulls with their count, or a
block of neighbouring cells as bytes. Blocks of equal number merge by addition.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BLOCKED = "feature int, category string, block int, count long, piece binary"
_BLOCK_BITS = 12
_BLOCK = 1 << _BLOCK_BITS
_OFFSET, _COUNT = np.dtype("<u2"), np.dtype("<i8")


def in_blocks(records: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of `BLOCKED` for records of one feature each."""
    for record in records:
        is_cell = record.column("cell").is_valid()
        rest = record.filter(pc.invert(is_cell))
        if rest.num_rows:
            yield _rows(rest.column("feature"), rest.column("category"), None, rest.column("count"), None)
        cells = record.filter(is_cell)
        if cells.num_rows:
            feature = cells.column("feature")[0].as_py()
            yield _blocks(feature, cells.column("cell").to_numpy(), cells.column("count").to_numpy())


def merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of `BLOCKED` from rows that hold all the `pieces` of their block: added up to one."""
    for batch in batches:
        pieces = [
            _bytes(_dense(gathered)) if gathered else None for gathered in batch.column("pieces").to_pylist()
        ]
        feature, category, block, count = (
            batch.column(name) for name in ("feature", "category", "block", "count")
        )
        yield _rows(feature, category, block, count, pa.array(pieces, pa.binary()))


def out_of_blocks(rows: pa.Table) -> pa.Table:
    """The records that rows of `BLOCKED`, each block at most once, stand for."""
    is_block = rows["block"].is_valid()
    rest = rows.filter(pc.invert(is_block))
    blocks = rows.filter(is_block)
    cells, counts, features = [], [], []
    parts = (blocks["feature"].to_pylist(), blocks["block"].to_pylist(), blocks["piece"].to_pylist())
    for feature, block, piece in zip(*parts, strict=True):
        dense = _dense([piece])
        offsets = np.flatnonzero(dense)
        cells.append(offsets + (block << _BLOCK_BITS))
        counts.append(dense[offsets])
        features.append(np.full(len(offsets), feature, dtype=np.int32))
    n = sum(len(part) for part in cells)
    of_cells = {
        "feature": pa.array(np.concatenate(features) if n else [], pa.int32()),
        "category": pa.nulls(n, pa.string()),
        "cell": pa.array(np.concatenate(cells) if n else [], pa.int64()),
        "count": pa.array(np.concatenate(counts) if n else [], pa.int64()),
    }
    of_rest = {
        "feature": rest["feature"],
        "category": rest["category"],
        "cell": pa.nulls(len(rest), pa.int64()),
        "count": rest["count"],
    }
    return pa.concat_tables([pa.table(of_rest), pa.table(of_cells)])


def _blocks(feature: int, cells: NDArray[np.int64], counts: NDArray[np.int64]) -> pa.RecordBatch:
    """Rows of a feature's cells, which are distinct and in order."""
    block = cells >> _BLOCK_BITS
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(block) != 0]))
    offsets = (cells & (_BLOCK - 1)).astype(_OFFSET)
    pieces = [
        of.tobytes() + count.tobytes()
        for of, count in zip(
            np.split(offsets, firsts[1:]), np.split(counts.astype(_COUNT), firsts[1:]), strict=True
        )
    ]
    n = len(firsts)
    return _rows(
        pa.array(np.full(n, feature, dtype=np.int32)),
        None,
        pa.array(block[firsts].astype(np.int32)),
        pa.array(np.zeros(n, dtype=np.int64)),
        pa.array(pieces, pa.binary()),
    )


def _dense(pieces: list[bytes]) -> NDArray[np.int64]:
    """The sum of a block's pieces; [_BLOCK]."""
    total = np.zeros(_BLOCK, dtype=np.int64)
    for piece in pieces:
        n = len(piece) // (_OFFSET.itemsize + _COUNT.itemsize)
        offsets = np.frombuffer(piece, _OFFSET, n)  # distinct, so that none is added but once
        total[offsets] += np.frombuffer(piece, _COUNT, n, offset=n * _OFFSET.itemsize)
    return total


def _bytes(dense: NDArray[np.int64]) -> bytes:
    offsets = np.flatnonzero(dense)
    return offsets.astype(_OFFSET).tobytes() + dense[offsets].astype(_COUNT).tobytes()


def _rows(
    feature: pa.Array,
    category: pa.Array | None,
    block: pa.Array | None,
    count: pa.Array,
    piece: pa.Array | None,
) -> pa.RecordBatch:
    n = len(feature)
    arrays = {
        "feature": feature,
        "category": pa.nulls(n, pa.string()) if category is None else category,
        "block": pa.nulls(n, pa.int32()) if block is None else block,
        "count": count,
        "piece": pa.nulls(n, pa.binary()) if piece is None else piece,
    }
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))

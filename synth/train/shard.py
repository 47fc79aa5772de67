"""The part of a prepared table that one rank owns: whole privacy units, in memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from synth.core.prepared import UNIT_COLUMN, PreparedManifest
from synth.errors import ArtifactError


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Coded rows, those of one privacy unit side by side.

    Attributes:
      codes: uint16 [n, K]; n may be 0.
      starts: int64 [U + 1]; unit u has rows starts[u] .. starts[u+1]-1.
    """

    codes: NDArray[np.uint16]
    starts: NDArray[np.int64]

    @property
    def n_units(self) -> int:
        """How many privacy units this rank owns; exact, never to be shown."""
        return len(self.starts) - 1

    def gather(self, units: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Rows of some units, padded to the most rows that one of them has.

        Args:
          units: [B], positions in this shard; B may be 0.
        Returns: codes [B, R, K] and whether a row is there, not padding, [B, R]; R >= 1. Padding has code 0
          everywhere: a row of another unit in its place would decide, where its loss is not finite, whether
          this unit counts.
        """
        lengths = self.starts[units + 1] - self.starts[units]  # [B]
        n_rows = int(lengths.max(initial=1))
        present = np.arange(n_rows) < lengths[:, None]  # [B, R]
        rows = np.where(present, self.starts[units][:, None] + np.arange(n_rows), 0)
        codes = self.codes[rows].astype(np.int64)  # [n, K] -> [B, R, K]
        codes[~present] = 0
        return codes, present


def read_shard(prepared: Path, manifest: PreparedManifest, *, rank: int, size: int) -> Shard:
    """Files rank, rank + size, ... of a prepared table; none of them gives an empty shard.

    Raises: ArtifactError if a file does not hold what the manifest says.
    """
    files = sorted((prepared / "codes").glob("part-*.parquet"))
    if not files:
        raise ArtifactError(f"{prepared / 'codes'} holds no coded files; run the prepare stage again")
    parts = [path.name.split("-")[1] for path in files]
    if len(set(parts)) != len(parts):
        raise ArtifactError(f"{prepared / 'codes'} holds split files; run the prepare stage again")
    tables = [_read(path, manifest) for path in files[rank::size]]
    codes = [_codes(table, manifest, prepared) for table in tables]  # each [n, K]
    nothing = np.empty((0, len(manifest.domain)), dtype=np.uint16)
    rows = np.concatenate([nothing, *codes])
    if manifest.schema.unit.entity is None:
        return Shard(codes=rows, starts=np.arange(len(rows) + 1))
    hashes = np.concatenate([np.empty(0, dtype=np.int64), *(_hashes(table) for table in tables)])
    return _group(rows, hashes)


def _group(rows: NDArray[np.uint16], hashes: NDArray[np.int64]) -> Shard:
    """Bring rows with equal hashes together. [n, K], [n] -> units."""
    order = np.argsort(hashes, kind="stable")
    firsts = np.flatnonzero(np.diff(hashes[order])) + 1
    bounds = [np.zeros(1, dtype=np.int64), firsts, np.full(1, len(rows))] if len(rows) else [np.zeros(1)]
    return Shard(codes=rows[order], starts=np.concatenate(bounds).astype(np.int64))


def _read(path: Path, manifest: PreparedManifest) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
        return table.select([UNIT_COLUMN, *manifest.domain.names])
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise ArtifactError(f"{path} is damaged or lacks a column; run the prepare stage again") from error


def _codes(table: pa.Table, manifest: PreparedManifest, prepared: Path) -> NDArray[np.uint16]:
    """Columns in the domain's order, checked before they are narrowed. -> [n, K]."""
    columns = []
    for name, size in zip(manifest.domain.names, manifest.domain.sizes, strict=True):
        column = table.column(name).to_numpy()
        # Spark writes signed types only.
        if not (np.issubdtype(column.dtype, np.integer) and ((column >= 0) & (column < size)).all()):
            raise ArtifactError(
                f"{prepared} has something else than the codes of {name!r}; run the prepare stage again"
            )
        columns.append(column.astype(np.uint16))
    return np.stack(columns, axis=1)


def _hashes(table: pa.Table) -> NDArray[np.int64]:
    hashes: NDArray[np.int64] = table.column(UNIT_COLUMN).to_numpy()
    return hashes

"""Whole rows from a model: blocks of fixed size, so that every matrix product has the same shape.

A matrix product may round differently when its number of rows changes. Rows are therefore always
computed in the same blocks of `BLOCK` rows, whichever partition asks for them: equal seeds give equal
rows on equal processors and libraries.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.prepared import PreparedManifest
from synth.generate import draw
from synth.generate.fields import learned_of, lengths_of
from synth.generate.made_up import fakes

BLOCK = 4096


class Sampler(Protocol):
    """Draws coded rows from uniforms; every model's artifact loads as one."""

    @property
    def n_uniforms(self) -> int:
        """Uniforms that one row takes."""
        ...

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Codes [n, K] from uniforms [n, n_uniforms] in [0, 1)."""
        ...

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "Sampler":
        """The sampler that draws some columns first, from the given shares, and the others given them.

        Raises: ValueError if the model cannot.
        """
        ...


def block_of_rows(
    sampler: Sampler, manifest: PreparedManifest, block: int, seed: int, types: Mapping[str, pa.DataType]
) -> pa.RecordBatch:
    """Rows block * BLOCK .. (block + 1) * BLOCK - 1 of the synthetic table, without its derived columns.

    Args:
      types: Arrow type of each column of the table, by name.
    """
    row_ids = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.int64)
    n_features = len(manifest.codebooks)
    numbers = draw.uniforms(row_ids, seed, sampler.n_uniforms + n_features)
    drawn = sampler.sample(numbers[:, : sampler.n_uniforms])
    names = manifest.domain.names
    codes = {name: drawn[:, index] for index, name in enumerate(names)}
    within = {name: numbers[:, sampler.n_uniforms + index].copy() for index, name in enumerate(names)}
    learned = learned_of(manifest, codes, within, types)
    made = fakes(manifest, learned, row_ids, seed, types, lengths_of(manifest, codes, within))
    columns = [column.name for column in manifest.schema.columns if column.derived is None]
    return pa.RecordBatch.from_arrays([made[name] for name in columns], names=columns)

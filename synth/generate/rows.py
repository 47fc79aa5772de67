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

from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column
from synth.generate import draw
from synth.generate.made_up import made_up
from synth.lake.columns import from_numbers, from_strings

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


def block_of_rows(
    sampler: Sampler, manifest: PreparedManifest, block: int, seed: int, types: Mapping[str, pa.DataType]
) -> pa.RecordBatch:
    """Rows block * BLOCK .. (block + 1) * BLOCK - 1 of the synthetic table.

    Args:
      types: Arrow type of each column of the table, by name.
    """
    row_ids = np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.int64)
    n_columns = len(manifest.codebooks)
    numbers = draw.uniforms(row_ids, seed, sampler.n_uniforms + n_columns)
    codes = sampler.sample(numbers[:, : sampler.n_uniforms])
    position = {codebook.column: index for index, codebook in enumerate(manifest.codebooks)}
    arrays = []
    for column in manifest.schema.columns:
        index = position.get(column.name)
        if index is None:
            arrays.append(made_up(column, row_ids, seed, types[column.name]))
        else:
            within = numbers[:, sampler.n_uniforms + index]
            codebook = manifest.codebooks[index]
            arrays.append(decode(codes[:, index], within, codebook, column, types[column.name]))
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in manifest.schema.columns])


def decode(
    codes: NDArray[np.uint16],
    uniforms: NDArray[np.float64],
    codebook: Codebook,
    column: Column,
    arrow_type: pa.DataType,
) -> pa.Array:
    """Values of one column's codes as Arrow. codes, uniforms: [n]."""
    match codebook:
        case BinnedCodebook():
            return from_numbers(codebook.decode(codes, uniforms), column, arrow_type)
        case CategoricalCodebook():
            resolved = codebook.resolve_other(codes, uniforms)
            table = pa.array([None, *codebook.categories], pa.string())
            return from_strings(table.take(pa.array(resolved)), arrow_type)

"""Values to codes, batch by batch."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.schema import Column
from synth.lake.columns import to_numbers, to_strings


def encode(array: pa.Array, codebook: Codebook, column: Column) -> NDArray[np.uint16]:
    """Codes of one column of a batch. [n] -> [n]."""
    match codebook:
        case BinnedCodebook():
            return codebook.encode(to_numbers(array, column))
        case CategoricalCodebook():
            coded = to_strings(array).dictionary_encode()
            distinct = codebook.encode(np.array([*coded.dictionary.to_pylist(), None], dtype=object))
            # Null indices point at the None that was added at the end.
            indices = coded.indices.fill_null(len(coded.dictionary))
            return distinct[indices.to_numpy(zero_copy_only=False)]


def code_type(codebook: Codebook) -> pa.DataType:
    """The smallest type that Spark has for the codes: int16 or int32, for Spark knows no unsigned ones."""
    return pa.int16() if codebook.n_codes <= 1 << 15 else pa.int32()


def encode_batch(
    batch: pa.RecordBatch, codebooks: Sequence[Codebook], columns: Mapping[str, Column]
) -> dict[str, pa.Array]:
    """Coded columns of a batch by name, in codebook order; the batch's columns are found by name."""
    return {
        codebook.column: pa.array(
            encode(batch.column(codebook.column), codebook, columns[codebook.column]), code_type(codebook)
        )
        for codebook in codebooks
    }

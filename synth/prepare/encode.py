"""Values to codes, batch by batch."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.feature import Feature
from synth.core.schema import TableSchema
from synth.prepare.features import numbers_of, strings_of


def encode(
    batch: pa.RecordBatch, feature: Feature, codebook: Codebook, schema: TableSchema
) -> NDArray[np.uint16]:
    """Codes of one feature of a batch. -> [n]."""
    match codebook:
        case BinnedCodebook():
            return codebook.encode(numbers_of(feature, batch, schema))
        case CategoricalCodebook():
            strings = strings_of(feature, batch, schema)
            coded = strings if pa.types.is_dictionary(strings.type) else strings.dictionary_encode()
            distinct = codebook.encode(np.array([*coded.dictionary.to_pylist(), None], dtype=object))
            # Null indices point at the None that was added at the end.
            indices = coded.indices.fill_null(len(coded.dictionary))
            return distinct[indices.to_numpy(zero_copy_only=False)]


def code_type(codebook: Codebook) -> pa.DataType:
    """The smallest type that holds the codes; Spark reads it as the next larger signed one."""
    return pa.uint8() if codebook.n_codes <= 1 << 8 else pa.uint16()


def encode_batch(
    batch: pa.RecordBatch, features: Sequence[Feature], codebooks: Sequence[Codebook], schema: TableSchema
) -> dict[str, pa.Array]:
    """Coded columns of a batch by name; the batch's columns are found by name.

    Args:
      features: one for each codebook, in the same order.
    """
    return {
        codebook.column: pa.array(encode(batch, feature, codebook, schema), code_type(codebook))
        for feature, codebook in zip(features, codebooks, strict=True)
    }

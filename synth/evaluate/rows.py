"""Rows of a table as plain arrays, so that a CSV of strings and a typed table meet as equals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.schema import Column, Kind
from synth.lake.columns import to_numbers, to_strings

Values: TypeAlias = Any  # NDArray[np.float64] | pa.Array, and pyarrow ships no types
"""A column: float64 [n] with NaN for null where the kind is binned, else Arrow strings [n]."""

_NUMERIC_TYPES = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some rows of a table by column; every column holds `n_rows` values."""

    n_rows: int
    columns: Mapping[str, Values]

    @staticmethod
    def from_arrow(table: pa.Table | pa.RecordBatch, fields: Mapping[str, Column]) -> "Rows":
        """The rows of an Arrow table or batch whose fields, found by name, hold those columns."""
        return Rows(
            n_rows=table.num_rows,
            columns={
                column.name: read_values(table.column(field), column) for field, column in fields.items()
            },
        )

    def take(self, positions: NDArray[np.intp]) -> "Rows":
        """The rows at those positions, in their order."""
        taken = {
            name: values[positions] if isinstance(values, np.ndarray) else values.take(pa.array(positions))
            for name, values in self.columns.items()
        }
        return Rows(n_rows=len(positions), columns=taken)


def read_values(array: pa.Array, column: Column) -> Values:
    """A column's values in the form that its kind has here, whatever its physical type.

    Booleans become `true` and `false` however they were spelled; a categorical column of a numeric
    type is spelled without needless digits, so that 1, 1.0 and "1" are one category.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if column.kind.is_binned:
        return to_numbers(array, column)
    if column.kind is Kind.BOOLEAN:
        return _spell_booleans(to_strings(array))
    if column.spark_type.startswith(_NUMERIC_TYPES):
        return _spell_numbers(to_numbers(array, column))
    return to_strings(array)


def _spell_booleans(texts: pa.Array) -> pa.Array:
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    texts = pc.replace_substring_regex(texts, "^(1|t|y|yes)$", "true")
    return pc.replace_substring_regex(texts, "^(0|f|n|no)$", "false")


def _spell_numbers(numbers: NDArray[np.float64]) -> pa.Array:
    null = np.isnan(numbers)
    distinct, position = np.unique(np.where(null, 0, numbers), return_inverse=True)
    texts = pa.array([f"{number:.15g}" for number in distinct], pa.string())
    return texts.take(pa.array(position, mask=null))

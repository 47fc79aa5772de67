"""Values made up without looking at any data: in the shape of their kind, never real ones, fit for their row.

Numbers are taken from ranges that are reserved or never issued, so that a made-up value cannot be
somebody's: SSNs from area 666, phones from 555-0100 to 555-0199, cards from issuer 9, IP addresses from
10.0.0.0/8, e-mail and web addresses below example.com.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.codebook import CategoricalCodebook
from synth.core.entity import Entity
from synth.core.prepared import PreparedManifest
from synth.core.region import LEVELS
from synth.core.schema import Column
from synth.generate.context import RowContext
from synth.generate.draw import permuted
from synth.generate.fields import Learned
from synth.generate.identifiers import IDENTIFIERS
from synth.generate.strings import strings, text
from synth.generate.text import codes
from synth.generate.typed import can_be_typed, room_of, typed

_SURELY_UNIQUE = (None, "email", "url", "username", "uuid", "record_id")
"""Strings without a kind, and kinds whose values have a part that no two rows share."""
_TEXTS = ("string", "varchar", "char")


def fakes(
    manifest: PreparedManifest,
    learned: Learned,
    row_ids: NDArray[np.int64],
    seed: int,
    types: Mapping[str, pa.DataType],
    lengths: Mapping[str, NDArray[np.float64]],
) -> dict[str, pa.Array]:
    """All columns of some rows by name: those learned, and made-up values for what was not. [n] each.

    A fake depends on the seed, the row's id and the row's learned values alone.
    Args:
      types: Arrow type of each column. lengths: learned lengths of texts, by column.
    """
    columns = tuple(column for column in manifest.schema.columns if column.derived is None)
    open_ = {column.name for column in columns} - set(learned.columns) | set(learned.unnamed)
    context = RowContext(
        row_ids=row_ids,
        seed=seed,
        fields=columns,
        columns={name: values for name, values in learned.columns.items() if name not in open_},
        categories={
            book.column: book.categories
            for book in manifest.codebooks
            if isinstance(book, CategoricalCodebook) and book.column in learned.columns
        },
        prefixes=learned.prefixes,
    )
    for column in sorted((c for c in columns if c.name in open_), key=_turn):
        is_learned = column.name in learned.unnamed  # then its nulls are, too
        made_as = replace(column, null_share=0.0) if is_learned else column
        made = made_up_in(context, made_as, types[column.name], lengths.get(column.name))
        if is_learned:
            unnamed = pa.array(learned.unnamed[column.name])
            made = pc.if_else(unnamed, made, learned.columns[column.name])
        context.columns[column.name] = made
    return context.columns


def made_up(
    column: Column,
    row_ids: NDArray[np.int64],
    seed: int,
    arrow_type: pa.DataType,
    lengths: NDArray[np.float64] | None = None,
) -> pa.Array:
    """Values of a column by itself; see `made_up_in`."""
    return made_up_in(RowContext(row_ids=row_ids, seed=seed, fields=(column,)), column, arrow_type, lengths)


def made_up_in(
    context: RowContext,
    column: Column,
    arrow_type: pa.DataType,
    lengths: NDArray[np.float64] | None = None,
) -> pa.Array:
    """Values of a column that was not learned: [n], null with its released null share, and only if it may be.

    Strings follow the column's entity, or the public shape of its values; keys do not repeat where there is
    room.
    Args:
      lengths: learned number of characters of each text, NaN for null; None if they were not learned.
    """
    if lengths is not None and pa.types.is_string(arrow_type):
        return _cut(text(context.bits(column.name, 1)[:, 0], lengths), column, context)
    if pa.types.is_string(arrow_type):
        values = _cut(strings(column, context), column, context)
    else:
        values = typed(column, context, arrow_type)
    if not (column.nullable and column.null_share > 0):
        return values
    null = context.uniform(f"{column.name} is null") < column.null_share
    return pc.if_else(pa.array(null), pa.scalar(None, arrow_type), values)


def can_be_made_up(column: Column) -> bool:
    """Whether there are values of the column's type that can be made up."""
    return can_be_typed(column.spark_type)


def most_unique(column: Column) -> float:
    """How many rows the made-up values of a column can be told apart in: 0 if they may repeat at once."""
    if not column.spark_type.startswith(_TEXTS):
        return room_of(column.spark_type)
    if column.entity in IDENTIFIERS:
        room: float = IDENTIFIERS[column.entity][0]
    else:
        room = math.inf if column.entity in _SURELY_UNIQUE else 0
    limit = _limit(column)
    return room if limit is None else min(room, float(36**limit))


def _turn(column: Column) -> int:
    """Places from coarse to fine, then all that may look at them."""
    return LEVELS.index(Entity(column.entity)) if column.entity in LEVELS else len(LEVELS)


def _limit(column: Column) -> int | None:
    """The most characters that the column's type holds; None for any number."""
    base, _, rest = column.spark_type.partition("(")
    return int(rest.rstrip(")")) if base in ("varchar", "char") and rest else None


def _cut(values: pa.Array, column: Column, context: RowContext) -> pa.Array:
    """The values, no longer than the type; keys that would be cut are short codes instead."""
    limit = _limit(column)
    if limit is None:
        return values
    if column.entity in (*_SURELY_UNIQUE, *IDENTIFIERS) and pc.max(pc.utf8_length(values)).as_py() > limit:
        width = min(limit, 12)
        return codes(permuted(context.row_ids, min(36**width, 1 << 62), context.key(column.name)), width)
    return pc.utf8_slice_codeunits(values, 0, limit)

"""Values made up without looking at any data: in the shape of their kind, never real ones, fit for their row.

Numbers are taken from ranges that are reserved or never issued, so that a made-up value cannot be
somebody's: SSNs from area 666, phones from 555-0100 to 555-0199, cards from issuer 9, IP addresses from
10.0.0.0/8, e-mail and web addresses below example.com.
"""

import functools
import math
from collections.abc import Callable, Mapping

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
from synth.generate.draw import below, permuted
from synth.generate.fields import Learned
from synth.generate.identifiers import FIRST, IDENTIFIERS
from synth.generate.numerals import numerals
from synth.generate.people import (
    family_names,
    first_names,
    handle_of,
    initial_of,
    last_names,
    person_of,
)
from synth.generate.text import ascii_rows, codes, digits, hexadecimal, joined, pick, uuids
from synth.generate.typed import can_be_typed, phones, room_of, typed
from synth.generate.united_states import postcodes, state_names, state_numbers

_SURELY_UNIQUE = (None, "email", "url", "username", "uuid", "record_id")
"""Strings without a kind, and kinds whose values have a part that no two rows share."""
_MAY_REPEAT = ("postcode",)
"""Identifiers of places: many rows have the same."""
_TEXTS = ("string", "varchar", "char")
_A_BLOCK = 10_000
"""Rows whose numbers at the end of a name have four digits."""


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
    )
    for column in sorted((c for c in columns if c.name in open_), key=_turn):
        made = made_up_in(context, column, types[column.name], lengths.get(column.name))
        if column.name in learned.unnamed:
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

    Strings follow the column's entity, or the public shape of its values; keys do not repeat where there is room.
    Args:
      lengths: learned number of characters of each text, NaN for null; None if they were not learned.
    """
    if lengths is not None and pa.types.is_string(arrow_type):
        return _cut(_text(context.bits(column.name, 1)[:, 0], lengths), column, context)
    if pa.types.is_string(arrow_type):
        values = _cut(_strings(column, context), column, context)
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


def _strings(column: Column, context: RowContext) -> pa.Array:
    maker = _MAKERS.get(column.entity or "")
    if maker is not None:
        return maker(column, context)
    key = context.key(column.name)
    if column.digits and _is_numeral(column):
        widths = tuple(pair for pair in column.digits if pair[1] > 0 and pair[0] > 0)
        padded = column.value_class == "digits_zero_padded"
        return numerals(context.row_ids, widths, key >> 2, padded=padded)
    if column.entity in IDENTIFIERS:
        size, make = IDENTIFIERS[column.entity]
        if column.entity in _MAY_REPEAT and not column.unique:
            return make((context.bits(column.name, 1)[:, 0] % np.uint64(size)).astype(np.int64))
        first = FIRST.get(column.entity, size)
        ids = context.row_ids % size
        return make(ids // first * first + permuted(ids % first, first, key) % (size - ids // first * first))
    return _shape(column, context, key)


def _is_numeral(column: Column) -> bool:
    """Whether the values are digits alone: released, or what an identifier without a shape of its own is."""
    shape = column.value_class
    is_number = shape is None or shape.startswith(("digits", "integer", "card_valid", "date_compact"))
    return is_number and shape != "digits_and_marks" and column.entity != "ip_address"


def _shape(column: Column, context: RowContext, key: int) -> pa.Array:
    """A token in the public shape of the column's values, another one in each row; 16 hexadecimal digits if unknown."""
    rows = context.row_ids
    match column.value_class:
        case "integer":
            return pa.array(rows + 1).cast(pa.string())
        case "digits_9" | "digits_10_to_12" | "digits_13_to_19" | "digits_zero_padded":
            width = {"digits_9": 9, "digits_10_to_12": 10, "digits_13_to_19": 16}.get(column.value_class, 8)
            padded = column.value_class == "digits_zero_padded"
            return numerals(rows, ((width, 1.0),), key >> 2, padded=padded)
        case "code":
            return codes(permuted(rows, 36**8, key), 8)
        case "digits_and_marks":
            serials = permuted(rows, 10**8, key)
            return joined(digits(serials // 10**4, 4), digits(serials % 10**4, 4), separator="-")
        case "uuid" | "email" | "url" as entity:
            return _MAKERS[entity](column, context)
        case "ip_address" | "phone" | "iban_valid" | "iban_like" | "ssn_valid" | "ssn_like" | "card_valid" as shape:
            return _strings_of(_BY_SHAPE[shape], column, context)
        case "full_name":
            return _person_name(column, context)
        case "street_address" | "number_and_words":
            return _street_address(column, context)
        case "person_name":
            return pick(family_names(), below(context.bits(column.name, 1)[:, 0], len(family_names())))
        case "words" | "mixed_text" | "other_text" | "long_text" as shape:
            bits = context.bits(column.name, 2)
            least, spread = (60, 120) if shape == "long_text" else (5, 20)
            return _text(bits[:, 0], (least + below(bits[:, 1], spread)).astype(np.float64))
        case _:
            return _token(column, context)


_BY_SHAPE = {
    "ip_address": "ip_address",
    "phone": "phone",
    "iban_valid": "iban",
    "iban_like": "iban",
    "ssn_valid": "ssn",
    "ssn_like": "ssn",
    "card_valid": "credit_card",
}


def _strings_of(entity: str, column: Column, context: RowContext) -> pa.Array:
    size, make = IDENTIFIERS[entity]
    return make(permuted(context.row_ids, size, context.key(column.name)))


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


def _text(bits: NDArray[np.uint64], lengths: NDArray[np.float64]) -> pa.Array:
    """Words without meaning, cut to each length. [n], [n] -> [n]."""
    words = _lorem()
    starts = below(bits, len(words))
    known = np.where(np.isnan(lengths), 0, lengths).astype(np.int64)
    text = words * (2 + int(known.max(initial=0)) // len(words))
    cut = [text[a : a + n] for a, n in zip(starts.tolist(), known.tolist(), strict=True)]
    return pa.array(cut, pa.string(), mask=np.isnan(lengths))


def _numbered(context: RowContext, column: Column) -> pa.Array:
    """A number that no other row has: four digits, and more before them from the ten-thousandth row on."""
    block, within = np.divmod(context.row_ids, _A_BLOCK)
    tail = digits(permuted(within, _A_BLOCK, context.key(f"{column.name} number")), 4)
    head = pc.if_else(pa.array(block == 0), "", pa.array(block).cast(pa.string()))
    return joined(head, tail)


def _token(column: Column, context: RowContext) -> pa.Array:
    return ascii_rows(hexadecimal(context.bits(column.name, 1)[:, 0]))


def _uuid(column: Column, context: RowContext) -> pa.Array:
    return uuids(context.bits(column.name, 2))


def _person_name(column: Column, context: RowContext) -> pa.Array:
    person = person_of(context, column)
    return joined(person.first, person.last, separator=" ")


def _first_name(column: Column, context: RowContext) -> pa.Array:
    return first_names(context, column)


def _last_name(column: Column, context: RowContext) -> pa.Array:
    return last_names(context, column)


def _email(column: Column, context: RowContext) -> pa.Array:
    return joined(handle_of(context, column, "."), _numbered(context, column), pa.scalar("@example.com"))


def _username(column: Column, context: RowContext) -> pa.Array:
    return joined(initial_of(context, column), _numbered(context, column))


def _street_address(column: Column, context: RowContext) -> pa.Array:
    bits = context.bits(column.name, 3)
    number = pa.array(1 + below(bits[:, 0], 1999)).cast(pa.string())
    names, suffixes = family_names(), _street_suffixes()
    street = pick(names, below(bits[:, 1], len(names)))
    return joined(number, street, pick(suffixes, below(bits[:, 2], len(suffixes))), separator=" ")


def _url(column: Column, context: RowContext) -> pa.Array:
    return joined("https://example.com/", _token(column, context))


def _city(column: Column, context: RowContext) -> pa.Array:
    bits, names = context.bits(column.name, 2), family_names()
    ends = ("town", "ton", "land", "ville", "burgh")
    return joined(pick(names, below(bits[:, 0], len(names))), pick(ends, below(bits[:, 1], len(ends))))


def _county(column: Column, context: RowContext) -> pa.Array:
    names = family_names()
    return joined(pick(names, below(context.bits(column.name, 1)[:, 0], len(names))), "County", separator=" ")


def _state(column: Column, context: RowContext) -> pa.Array:
    names = state_names()
    return pick(names, below(context.bits(column.name, 1)[:, 0], len(names)))


def _postcode(column: Column, context: RowContext) -> pa.Array:
    """Five digits of the row's state where that is known; of the shape that was released where it is not."""
    states = context.beside(column, Entity.STATE)
    if states is None or column.unique:
        size, make = IDENTIFIERS["postcode"]
        if column.unique:
            return make(permuted(context.row_ids, size, context.key(column.name)))
        return make((context.bits(column.name, 1)[:, 0] % np.uint64(size)).astype(np.int64))
    return digits(postcodes(state_numbers(states), context.uniform(column.name)), 5)


def _phone(column: Column, context: RowContext) -> pa.Array:
    numbers = phones(column, context)
    if column.value_class is not None and column.value_class.startswith("digits"):
        return pa.array(numbers).cast(pa.string())
    plain = numbers % 10**10
    parts = (plain // 10**7, plain // 10**4 % 1000, plain % 10**4)
    return joined(digits(parts[0], 3), digits(parts[1], 3), digits(parts[2], 4), separator="-")


def _latitude(column: Column, context: RowContext) -> pa.Array:
    return _degrees(context.bits(column.name, 1)[:, 0], 90)


def _longitude(column: Column, context: RowContext) -> pa.Array:
    return _degrees(context.bits(column.name, 1)[:, 0], 180)


def _degrees(bits: NDArray[np.uint64], limit: int) -> pa.Array:
    millionths = below(bits, 2 * limit * 1_000_000) - limit * 1_000_000
    return pa.array(np.char.mod("%.6f", millionths / 1e6))


# Kinds of personal data without a maker (record ids, dates, countries) get a token in their public shape.
_MAKERS: dict[str, Callable[[Column, RowContext], pa.Array]] = {
    "birth_place": _city,
    "city": _city,
    "county": _county,
    "email": _email,
    "first_name": _first_name,
    "last_name": _last_name,
    "latitude": _latitude,
    "longitude": _longitude,
    "person_name": _person_name,
    "phone": _phone,
    "postcode": _postcode,
    "state": _state,
    "street_address": _street_address,
    "url": _url,
    "username": _username,
    "uuid": _uuid,
}


@functools.cache
def _street_suffixes() -> tuple[str, ...]:
    from faker.providers.address.en_US import Provider

    return tuple(Provider.street_suffixes)


@functools.cache
def _lorem() -> str:
    from faker.providers.lorem.la import Provider

    return " ".join(Provider.word_list) + " "

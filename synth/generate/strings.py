"""Strings that are made up: in the shape of what they stand for, never anybody's, fit for their row."""

import functools
import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.entity import Entity
from synth.core.schema import Column, Kind
from synth.core.vocabulary import completion
from synth.generate.context import RowContext
from synth.generate.draw import below, permuted
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
from synth.generate.shapes import CODE_SHAPE, code, picture_of
from synth.generate.text import (
    ascii_rows,
    codes,
    crossed,
    digits,
    hexadecimal,
    in_picture,
    joined,
    pick,
    uuids,
)
from synth.generate.typed import phones
from synth.generate.united_states import postcodes, state_names, state_numbers

_OF_WORDS = (
    *(None, "words", "other_text", "mixed_text"),
    *("full_name", "person_name", "street_address", "number_and_words"),
)
"""Classes of values made of words: beside named values their rest is made of the same words."""
_MAY_REPEAT = ("postcode",)
"""Identifiers of places: many rows have the same."""
_CODE_SHAPE = re.compile(r"code_A(?P<letters>\d+)_D(?P<digits>\d+)")
_NUMBER_SHAPE = re.compile(r"(?P<kind>integer|real)(_open|_plus)?_(?P<size>\d+)?(many|whole)?")
_A_BLOCK = 10_000
"""Rows whose numbers at the end of a name have four digits."""


def strings(column: Column, context: RowContext) -> pa.Array:
    """Strings of the column's entity, or in the public shape of its values: [n], none null."""
    maker = _MAKERS.get(column.entity or "")
    if maker is not None:
        return maker(column, context)
    named = context.categories.get(column.name, ())
    others = completion(named)
    if not others and column.entity is None and column.value_class in _OF_WORDS:
        others = crossed(named)
    if others:
        return pick(others, below(context.bits(column.name, 1)[:, 0], len(others)))
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
        made = make(ids // first * first + permuted(ids % first, first, key) % (size - ids // first * first))
        picture = picture_of(column)
        return made if picture is None else in_picture(made, picture)
    return _shape(column, context, key)


def _is_numeral(column: Column) -> bool:
    """Whether the values are digits alone: released, or what an identifier without a shape of its own is."""
    shape = column.value_class
    is_number = shape is None or shape.startswith(("digits", "integer", "card_valid", "date_compact"))
    return (
        is_number
        and shape != "digits_and_marks"
        and picture_of(column) is None
        and column.entity != "ip_address"
    )


def _shape(column: Column, context: RowContext, key: int) -> pa.Array:
    """A token in the public shape of the column's values; 16 hexadecimal digits if that is not known."""
    rows = context.row_ids
    coded = CODE_SHAPE.fullmatch(column.value_class or "")
    if coded is not None:
        return code(column, context, coded)
    picture = picture_of(column)
    if picture is not None:
        if str(column.value_class).startswith("phone"):
            return _phone(column, context)
        return in_picture(_strings_of("credit_card", column, context), picture)
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
        case (
            "ip_address"
            | "phone"
            | "iban_valid"
            | "iban_like"
            | "ssn_valid"
            | "ssn_like"
            | "card_valid" as shape
        ):
            return _strings_of(_BY_SHAPE[shape], column, context)
        case "full_name":
            return _person_name(column, context)
        case "street_address" | "number_and_words":
            return _street_address(column, context)
        case "person_name":
            return pick(family_names(), below(context.bits(column.name, 1)[:, 0], len(family_names())))
        case "words" | "other_text":
            return _some_words(column, context)
        case "mixed_text":
            number = pa.array(1 + below(context.bits(f"{column.name} number", 1)[:, 0], 99)).cast(pa.string())
            return joined(_some_words(column, context), number, separator=" ")
        case "long_text":
            bits = context.bits(column.name, 2)
            return text(bits[:, 0], (60 + below(bits[:, 1], 120)).astype(np.float64))
        case str() as shape if (parts := _CODE_SHAPE.fullmatch(shape)) is not None:
            return _coded(parts, rows, key)
        case str() as shape if (number := _NUMBER_SHAPE.fullmatch(shape)) is not None:
            return _numbers(number, column, context)
        case _ if column.kind in (Kind.CATEGORICAL, Kind.ORDERED):
            return _some_words(column, context)
        case _:
            return _token(column, context)


def _coded(parts: re.Match[str], rows: NDArray[np.int64], key: int) -> pa.Array:
    """Capitals and digits, as many as the shape has; no two rows' are equal as long as there are enough."""
    n_letters, n_digits = int(parts["letters"]), int(parts["digits"])
    size = 26**n_letters * 10**n_digits
    serials = permuted(rows % size, size, key)
    places, number = np.divmod(serials, 10**n_digits)
    letters = places[:, None] // 26 ** np.arange(n_letters - 1, -1, -1, dtype=np.int64) % 26
    return joined(ascii_rows((65 + letters).astype(np.uint8)), digits(number, n_digits))


def _numbers(shape: re.Match[str], column: Column, context: RowContext) -> pa.Array:
    """Numbers from 1 to 10,000, the small ones as often as the large, or of so many digits."""
    size = int(shape["size"] or 2)
    if shape["kind"] == "integer":
        return numerals(context.row_ids, ((size, 1.0),), context.key(column.name) >> 2, padded=False)
    return pa.array(np.char.mod(f"%.{min(size, 6)}f", 10.0 ** (4 * context.uniform(column.name))))


def _some_words(column: Column, context: RowContext) -> pa.Array:
    """One to three words without meaning, the first letter of the first a capital one."""
    bits, words = context.bits(column.name, 4), _words()
    parts = [pick(words, below(bits[:, k], len(words))) for k in range(3)]
    how_many = below(bits[:, 3], 3)
    more = [pc.if_else(pa.array(how_many > k), joined(" ", parts[k + 1]), "") for k in range(2)]
    return joined(pc.utf8_capitalize(parts[0]), *more)


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


def text(bits: NDArray[np.uint64], lengths: NDArray[np.float64]) -> pa.Array:
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
    """What begins as the row's place does, where that is known; else five digits of its state."""
    prefix, rest = context.prefixes.get(column.name), _some_postcode(column, context)
    if prefix is None:
        return rest
    last = digits(below(context.bits(f"{column.name} end", 1)[:, 0], 10**4), 4)
    two = pc.utf8_slice_codeunits(last, 2)
    # ZIP+4, a British or Canadian code, a Dutch one, or plain digits.
    ended = pc.case_when(
        pc.make_struct(
            pc.match_substring_regex(prefix, r"^\d{5}$"),
            pc.match_substring_regex(prefix, r"[A-Za-z]"),
            pc.match_substring_regex(prefix, r"^\d+$"),
        ),
        joined(prefix, last, separator="-"),
        joined(
            prefix, joined(pc.utf8_slice_codeunits(last, 0, 1), _two_letters(column, context)), separator=" "
        ),
        joined(prefix, two),
        rest,
    )
    return pc.coalesce(ended, rest)


def _two_letters(column: Column, context: RowContext) -> pa.Array:
    numbers = below(context.bits(f"{column.name} letters", 1)[:, 0], 26 * 26)
    return ascii_rows((65 + np.stack(np.divmod(numbers, 26), axis=1)).astype(np.uint8))


def _some_postcode(column: Column, context: RowContext) -> pa.Array:
    """Five digits of the row's state where that is known, or any."""
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
    picture = picture_of(column)
    if picture is not None:
        # No country has the code 99.
        return in_picture(joined("99", digits(numbers % 10**10, 10)), picture)
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
def _words() -> tuple[str, ...]:
    from faker.providers.lorem.la import Provider

    return tuple(dict.fromkeys(Provider.word_list))


@functools.cache
def _lorem() -> str:
    from faker.providers.lorem.la import Provider

    return " ".join(Provider.word_list) + " "

"""Values made up without looking at any data: identifiers in the shape of their kind, never real ones.

Numbers are taken from ranges that are reserved or never issued, so that a made-up value cannot be
somebody's: SSNs from area 666, phones from 555-0100 to 555-0199, cards from issuer 9, IP addresses from
10.0.0.0/8, e-mail and web addresses below example.com.
"""

import functools
import math
import zlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.schema import Column
from synth.generate import draw
from synth.generate.identifiers import IDENTIFIERS, digits, joined

_DRAWS = 4
_Bits = NDArray[np.uint64]
_SURELY_UNIQUE = (None, "email", "url", "username", "uuid", "record_id")
"""Strings without a kind, and kinds whose values have a part that no two rows share."""


def made_up(
    column: Column,
    row_ids: NDArray[np.int64],
    seed: int,
    arrow_type: pa.DataType,
    lengths: NDArray[np.float64] | None = None,
) -> pa.Array:
    """Values of a column that was not learned: [n], null with the column's released null share.

    Strings follow the column's entity; numbers are the row's own, so that they are unique; types that
    cannot hold either are null.
    Args:
      lengths: learned number of characters of each text, NaN for null; None if they were not learned.
    """
    stream = 1 + zlib.crc32(column.name.encode())
    bits = draw.bits(row_ids, seed, _DRAWS + 1, stream=stream)
    if lengths is not None and pa.types.is_string(arrow_type):
        return _text(bits[:, 0], lengths)
    null = (bits[:, _DRAWS] >> np.uint64(11)).astype(np.float64) * 2.0**-53 < column.null_share
    if pa.types.is_string(arrow_type):
        values = _strings(column, row_ids, bits, draw.bits(np.zeros(1, np.int64), seed, 1, stream=stream))
    elif pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type):
        values = pa.array(row_ids + 1).cast(arrow_type, safe=False)
    else:
        return pa.nulls(len(row_ids), arrow_type)
    return pc.if_else(pa.array(null), pa.scalar(None, arrow_type), values)


def most_unique(column: Column) -> float:
    """How many rows the made-up values of a column can be told apart in: 0 if they may repeat at once."""
    if not column.spark_type.startswith(("string", "varchar", "char")):
        return math.inf
    if column.entity in IDENTIFIERS:
        return IDENTIFIERS[column.entity][0]
    return math.inf if column.entity in _SURELY_UNIQUE else 0


def _strings(column: Column, row_ids: NDArray[np.int64], bits: _Bits, key: _Bits) -> pa.Array:
    if column.entity in IDENTIFIERS:
        size, make = IDENTIFIERS[column.entity]
        if column.unique:
            return make(_permuted(row_ids, size, int(key[0, 0])))
        return make((bits[:, 0] % np.uint64(size)).astype(np.int64))
    values = _MAKERS.get(column.entity or "", _token)(bits)
    if column.unique and column.entity in ("email", "username"):
        number = pa.array(row_ids).cast(pa.string())
        return joined("u", number, ".", values) if column.entity == "email" else joined(values, ".", number)
    return values


def _permuted(row_ids: NDArray[np.int64], size: int, key: int) -> NDArray[np.int64]:
    """A different number below `size` for each row id below `size`, by an affine map."""
    step = key % size | 1
    while math.gcd(step, size) != 1:
        step += 2
    start = (key >> 32) % size
    return np.array([(step * row + start) % size for row in row_ids.tolist()], dtype=np.int64)


def _text(bits: NDArray[np.uint64], lengths: NDArray[np.float64]) -> pa.Array:
    """Words without meaning, cut to each length. [n], [n] -> [n]."""
    words = _lorem()
    starts = _below(bits, len(words))
    known = np.where(np.isnan(lengths), 0, lengths).astype(np.int64)
    text = words * (2 + int(known.max(initial=0)) // len(words))
    cut = [text[a : a + n] for a, n in zip(starts.tolist(), known.tolist(), strict=True)]
    return pa.array(cut, pa.string(), mask=np.isnan(lengths))


def _below(bits: NDArray[np.uint64], limit: int) -> NDArray[np.int64]:
    """Integers in [0, limit) from the upper half of 64 random bits; limit < 2^31."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def _pick(words: tuple[str, ...], bits: NDArray[np.uint64]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(_below(bits, len(words))))


def _hex(bits: NDArray[np.uint64]) -> list[str]:
    return [f"{number:016x}" for number in bits.tolist()]


def _token(bits: _Bits) -> pa.Array:
    return pa.array(_hex(bits[:, 0]))


def _uuid(bits: _Bits) -> pa.Array:
    high, low = _hex(bits[:, 0]), _hex(bits[:, 1])
    variant = "89ab"
    pairs = zip(high, low, strict=True)
    return pa.array(
        [f"{h[:8]}-{h[8:12]}-4{h[13:]}-{variant[int(lo[0], 16) & 3]}{lo[1:4]}-{lo[4:]}" for h, lo in pairs]
    )


def _first_name(bits: _Bits) -> pa.Array:
    return _pick(_names()[0], bits[:, 0])


def _last_name(bits: _Bits) -> pa.Array:
    return _pick(_names()[1], bits[:, 1])


def _person_name(bits: _Bits) -> pa.Array:
    return joined(_first_name(bits), _last_name(bits), separator=" ")


def _email(bits: _Bits) -> pa.Array:
    local = pc.utf8_lower(joined(_first_name(bits), _last_name(bits), separator="."))
    return joined(
        local, digits((bits[:, 2] % np.uint64(10**4)).astype(np.int64), 4), pa.scalar("@example.com")
    )


def _street_address(bits: _Bits) -> pa.Array:
    number = pa.array(1 + _below(bits[:, 0], 1999)).cast(pa.string())
    return joined(number, _last_name(bits), _pick(_street_suffixes(), bits[:, 2]), separator=" ")


def _url(bits: _Bits) -> pa.Array:
    return joined("https://example.com/", _token(bits))


def _city(bits: _Bits) -> pa.Array:
    return joined(_last_name(bits), _pick(("town", "ton", "land", "ville", "burgh"), bits[:, 2]))


def _birth_place(bits: _Bits) -> pa.Array:
    return _city(bits)


def _county(bits: _Bits) -> pa.Array:
    return joined(_last_name(bits), "County", separator=" ")


def _username(bits: _Bits) -> pa.Array:
    return joined(
        pc.utf8_lower(_first_name(bits)), digits((bits[:, 2] % np.uint64(10**4)).astype(np.int64), 4)
    )


def _latitude(bits: _Bits) -> pa.Array:
    return _degrees(bits[:, 0], 90)


def _longitude(bits: _Bits) -> pa.Array:
    return _degrees(bits[:, 0], 180)


def _degrees(bits: NDArray[np.uint64], limit: int) -> pa.Array:
    millionths = _below(bits, 2 * limit * 1_000_000) - limit * 1_000_000
    return pa.array(np.char.mod("%.6f", millionths / 1e6))


# Kinds of personal data without a maker (record ids, dates, states, countries) get a token.
_MAKERS: dict[str, Callable[[_Bits], pa.Array]] = {
    "birth_place": _birth_place,
    "city": _city,
    "county": _county,
    "email": _email,
    "first_name": _first_name,
    "last_name": _last_name,
    "latitude": _latitude,
    "longitude": _longitude,
    "person_name": _person_name,
    "street_address": _street_address,
    "url": _url,
    "username": _username,
    "uuid": _uuid,
}


@functools.cache
def _names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First and last names of the Faker library's English word lists."""
    from faker.providers.person.en_US import Provider

    return tuple(Provider.first_names), tuple(Provider.last_names)


@functools.cache
def _street_suffixes() -> tuple[str, ...]:
    from faker.providers.address.en_US import Provider

    return tuple(Provider.street_suffixes)


@functools.cache
def _lorem() -> str:
    from faker.providers.lorem.la import Provider

    return " ".join(Provider.word_list) + " "

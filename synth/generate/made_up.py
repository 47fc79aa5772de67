"""Values made up without looking at any data: identifiers in the shape of their kind, never real ones.

Numbers are taken from ranges that are reserved or never issued, so that a made-up value cannot be
somebody's: SSNs from area 666, phones from 555-0100 to 555-0199, cards from issuer 9, IP addresses from
10.0.0.0/8, e-mail and web addresses below example.com.
"""

import functools
import zlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.schema import Column
from synth.generate import draw

_DRAWS = 4
_Bits = NDArray[np.uint64]


def made_up(column: Column, row_ids: NDArray[np.int64], seed: int, arrow_type: pa.DataType) -> pa.Array:
    """Values of a column that was not learned: [n], null with the column's released null share.

    Strings follow the column's entity; numbers are the row's own, so that they are unique; types that
    cannot hold either are null.
    """
    stream = 1 + zlib.crc32(column.name.encode())
    bits = draw.bits(row_ids, seed, _DRAWS + 1, stream=stream)
    null = (bits[:, _DRAWS] >> np.uint64(11)).astype(np.float64) * 2.0**-53 < column.null_share
    if pa.types.is_string(arrow_type):
        make = _MAKERS.get(column.entity or "", _token)
        values = make(bits)
    elif pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type):
        values = pa.array(row_ids + 1).cast(arrow_type, safe=False)
    else:
        return pa.nulls(len(row_ids), arrow_type)
    return pc.if_else(pa.array(null), pa.scalar(None, arrow_type), values)


def _below(bits: NDArray[np.uint64], limit: int) -> NDArray[np.int64]:
    """Integers in [0, limit) from the upper half of 64 random bits; limit < 2^31."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def _digits(bits: NDArray[np.uint64], width: int) -> pa.Array:
    """Decimal strings of `width` digits; width <= 18."""
    numbers = (bits % np.uint64(10**width)).astype(np.int64)
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def _joined(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    return pc.binary_join_element_wise(*parts, separator)


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


def _ssn(bits: _Bits) -> pa.Array:
    serial = pa.array(1 + _below(bits[:, 1], 9999)).cast(pa.string())
    group = pa.array(1 + _below(bits[:, 0], 99)).cast(pa.string())
    return _joined("666", pc.utf8_lpad(group, 2, "0"), pc.utf8_lpad(serial, 4, "0"), separator="-")


def _credit_card(bits: _Bits) -> pa.Array:
    account = 9 * 10**14 + (bits[:, 0] % np.uint64(10**14)).astype(np.int64)
    digits = account[:, None] // 10 ** np.arange(14, -1, -1, dtype=np.int64) % 10  # [n, 15]
    doubled = digits[:, 0::2] * 2  # Luhn: with the check digit to come, these are the even places
    total = (doubled - 9 * (doubled > 9)).sum(axis=1) + digits[:, 1::2].sum(axis=1)
    return pa.array(account * 10 + -total % 10).cast(pa.string())


def _phone(bits: _Bits) -> pa.Array:
    area = pa.array(200 + _below(bits[:, 0], 700)).cast(pa.string())
    return _joined(area, "555", _joined("01", _digits(bits[:, 1], 2)), separator="-")


def _ip_address(bits: _Bits) -> pa.Array:
    parts = [pa.array(_below(bits[:, i], 256)).cast(pa.string()) for i in range(3)]
    return _joined("10", *parts, separator=".")


def _first_name(bits: _Bits) -> pa.Array:
    return _pick(_names()[0], bits[:, 0])


def _last_name(bits: _Bits) -> pa.Array:
    return _pick(_names()[1], bits[:, 1])


def _person_name(bits: _Bits) -> pa.Array:
    return _joined(_first_name(bits), _last_name(bits), separator=" ")


def _email(bits: _Bits) -> pa.Array:
    local = pc.utf8_lower(_joined(_first_name(bits), _last_name(bits), separator="."))
    return _joined(local, _digits(bits[:, 2], 4), pa.scalar("@example.com"))


def _street_address(bits: _Bits) -> pa.Array:
    number = pa.array(1 + _below(bits[:, 0], 1999)).cast(pa.string())
    return _joined(number, _last_name(bits), _pick(_street_suffixes(), bits[:, 2]), separator=" ")


def _url(bits: _Bits) -> pa.Array:
    return _joined("https://example.com/", _token(bits))


def _iban(bits: _Bits) -> pa.Array:
    """Country code XX is assigned to nobody; the check digits are those of ISO 13616."""
    account = (bits[:, 0] % np.uint64(10**16)).astype(np.int64)
    # mod 97 of account, then "XX00" with X = 33: both halves stay below 2^63.
    remainder = (account % 97) * (10**6 % 97) % 97 + 333300 % 97
    check = 98 - remainder % 97
    return _joined("XX", pc.utf8_lpad(pa.array(check).cast(pa.string()), 2, "0"), _digits(bits[:, 0], 16))


def _passport(bits: _Bits) -> pa.Array:
    return _joined("X", _digits(bits[:, 0], 8), "X")


def _driver_licence(bits: _Bits) -> pa.Array:
    return _joined("S", _digits(bits[:, 0], 8))


def _city(bits: _Bits) -> pa.Array:
    return _joined(_last_name(bits), _pick(("town", "ton", "land", "ville", "burgh"), bits[:, 2]))


def _birth_place(bits: _Bits) -> pa.Array:
    return _city(bits)


def _county(bits: _Bits) -> pa.Array:
    return _joined(_last_name(bits), "County", separator=" ")


def _account_number(bits: _Bits) -> pa.Array:
    return _digits(bits[:, 0], 12)


def _username(bits: _Bits) -> pa.Array:
    return _joined(pc.utf8_lower(_first_name(bits)), _digits(bits[:, 2], 4))


def _postcode(bits: _Bits) -> pa.Array:
    return _digits(bits[:, 0], 5)


def _latitude(bits: _Bits) -> pa.Array:
    return _degrees(bits[:, 0], 90)


def _longitude(bits: _Bits) -> pa.Array:
    return _degrees(bits[:, 0], 180)


def _degrees(bits: NDArray[np.uint64], limit: int) -> pa.Array:
    millionths = _below(bits, 2 * limit * 1_000_000) - limit * 1_000_000
    return pa.array(np.char.mod("%.6f", millionths / 1e6))


# Kinds of personal data without a maker (record ids, dates, states, countries) get a token.
_MAKERS: dict[str, Callable[[_Bits], pa.Array]] = {
    "account_number": _account_number,
    "birth_place": _birth_place,
    "city": _city,
    "county": _county,
    "credit_card": _credit_card,
    "driver_licence": _driver_licence,
    "email": _email,
    "first_name": _first_name,
    "iban": _iban,
    "ip_address": _ip_address,
    "last_name": _last_name,
    "latitude": _latitude,
    "longitude": _longitude,
    "passport": _passport,
    "person_name": _person_name,
    "phone": _phone,
    "postcode": _postcode,
    "ssn": _ssn,
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

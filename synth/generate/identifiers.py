"""Identifiers from a serial number each: in the shape of their kind, never issued to anybody.

Equal serials give equal identifiers and different ones different identifiers, so that serials which never
repeat give identifiers that never repeat.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.generate.text import digits, joined

Serials = NDArray[np.int64]


SSNS_AN_AREA = 99 * 9999
"""Numbers of one area."""


def _ssn(serials: Serials) -> pa.Array:
    """Area 666 is never issued, nor are those from 900 on."""
    area, within = np.divmod(serials, SSNS_AN_AREA)
    areas = pa.array(np.where(area == 0, 666, 899 + area)).cast(pa.string())
    return joined(areas, digits(1 + within // 9999, 2), digits(1 + within % 9999, 4), separator="-")


CARDS = 10**14
"""How many cards there are."""


def cards(serials: Serials) -> Serials:
    """Numbers of 16 digits with their check digit; issuers that begin with 9 are for national use."""
    account = 9 * 10**14 + serials
    places = account[:, None] // 10 ** np.arange(14, -1, -1, dtype=np.int64) % 10  # [n, 15]
    doubled = places[:, 0::2] * 2  # Luhn: with the check digit to come, these are the even places
    total = (doubled - 9 * (doubled > 9)).sum(axis=1) + places[:, 1::2].sum(axis=1)
    return account * 10 + -total % 10


def _credit_card(serials: Serials) -> pa.Array:
    return pa.array(cards(serials)).cast(pa.string())


def _phone(serials: Serials) -> pa.Array:
    """555-0100 to 555-0199 are kept for fiction."""
    area = pa.array(200 + serials // 100).cast(pa.string())
    return joined(area, "555", joined("01", digits(serials % 100, 2)), separator="-")


def _ip_address(serials: Serials) -> pa.Array:
    parts = [pa.array(serials >> shift & 255).cast(pa.string()) for shift in (16, 8, 0)]
    return joined("10", *parts, separator=".")


def _iban(serials: Serials) -> pa.Array:
    """Country code XX is assigned to nobody; the check digits are those of ISO 13616."""
    # mod 97 of account, then "XX00" with X = 33: both halves stay below 2^63.
    remainder = (serials % 97) * (10**6 % 97) % 97 + 333300 % 97
    return joined("XX", digits(98 - remainder % 97, 2), digits(serials, 16))


def _passport(serials: Serials) -> pa.Array:
    return joined("X", digits(serials, 8), "X")


def _driver_licence(serials: Serials) -> pa.Array:
    return joined("S", digits(serials, 8))


def _account_number(serials: Serials) -> pa.Array:
    return digits(serials, 12)


def _postcode(serials: Serials) -> pa.Array:
    return digits(serials, 5)


IDENTIFIERS: dict[str, tuple[int, Callable[[Serials], pa.Array]]] = {
    "account_number": (10**12, _account_number),
    "credit_card": (CARDS, _credit_card),
    "driver_licence": (10**8, _driver_licence),
    "iban": (10**16, _iban),
    "ip_address": (1 << 24, _ip_address),
    "passport": (10**8, _passport),
    "phone": (700 * 100, _phone),
    "postcode": (10**5, _postcode),
    "ssn": (101 * SSNS_AN_AREA, _ssn),
}
"""Kind of personal data -> how many there are, and the identifiers of serials below that number."""
FIRST = {"ssn": SSNS_AN_AREA}
"""How many serials are used up before the others: those of an area that is nobody's under any scheme."""

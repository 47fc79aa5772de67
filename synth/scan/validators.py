"""Checksums and number rules, over whole arrays at once. They are evidence for an entity, never a gate."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_SPACE, _ZERO, _NINE, _A = (ord(c) for c in " 09A")
_IPV6_GROUPS = r"^([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}$"


def luhn(digits: pa.Array) -> NDArray[np.bool_]:
    """Whether each string of ASCII digits ends in its Luhn check digit. [n] -> [n].

    Source: ISO/IEC 7812-1, annex B.
    """
    doubled = _characters(digits, align_right=True).astype(np.int64) - _ZERO  # [n, width]
    doubled[:, -2::-2] *= 2
    return np.asarray((doubled - 9 * (doubled > 9)).sum(axis=1) % 10 == 0)


def ssn(dashed: pa.Array) -> NDArray[np.bool_]:
    """Whether each `ddd-dd-dddd` (any separator) could have been issued as a US social security number.

    Areas 000, 666 and 900 to 999, group 00 and serial 0000 never are. [n] -> [n].
    """
    area = pc.utf8_slice_codeunits(dashed, 0, 3)
    group = pc.utf8_slice_codeunits(dashed, 4, 6)
    serial = pc.utf8_slice_codeunits(dashed, 7, 11)
    never = pc.or_(
        pc.match_substring_regex(area, "^(000|666|9..)$"),
        pc.or_(pc.equal(group, "00"), pc.equal(serial, "0000")),
    )
    return ~_bools(never)


def iban(compact: pa.Array) -> NDArray[np.bool_]:
    """Whether each upper-case IBAN without spaces leaves 1 modulo 97 (ISO 13616). [n] -> [n].

    Lengths per country are not checked. Strings must be ASCII letters and digits.
    """
    characters = _characters(compact, align_right=False).astype(np.int64)  # [n, width]
    remainder = np.zeros(len(characters), dtype=np.int64)
    for column in np.roll(characters, -4, axis=1).T:
        is_digit = (column >= _ZERO) & (column <= _NINE)
        number = np.where(is_digit, column - _ZERO, column - _A + 10)
        shifted = remainder * np.where(is_digit, 10, 100) + number
        remainder = np.where(column == _SPACE, remainder, shifted % 97)
    return np.asarray(remainder == 1)


def ipv6(values: pa.Array) -> NDArray[np.bool_]:
    """Whether each string is an IPv6 address in hexadecimal groups, `::` allowed once. [n] -> [n]."""
    groups = _bools(pc.match_substring_regex(values, _IPV6_GROUPS))
    colons = pc.count_substring(values, ":").to_numpy(zero_copy_only=False)
    gaps = pc.count_substring(values, "::").to_numpy(zero_copy_only=False)
    loose_end = _bools(pc.match_substring_regex(values, "^:[^:]|[^:]:$|:::"))
    return np.asarray(groups & ~loose_end & (((gaps == 0) & (colons == 7)) | (gaps == 1)))


def _bools(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _characters(values: pa.Array, *, align_right: bool) -> NDArray[np.uint8]:
    """ASCII strings as bytes [n, width >= 5], padded with "0" on the left or blanks on the right."""
    width = max(pc.max(pc.binary_length(values)).as_py() or 0, 5)
    padded = pc.ascii_lpad(values, width, "0") if align_right else pc.ascii_rpad(values, width, " ")
    fixed = padded.cast(pa.binary()).cast(pa.binary(width))
    start = fixed.offset * width
    content = np.frombuffer(fixed.buffers()[1], dtype=np.uint8)[start : start + len(fixed) * width]
    return content.reshape(len(fixed), width)

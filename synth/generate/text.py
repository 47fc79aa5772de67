"""Arrays of strings from numbers, without a loop over rows."""

import functools
import itertools
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_CODE = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", dtype=np.uint8)


def ascii_rows(characters: NDArray[np.uint8]) -> pa.Array:
    """A string from each row of ASCII characters. [n, width] -> [n]."""
    n, width = characters.shape
    offsets = (np.arange(n + 1, dtype=np.int32) * width).astype(np.int32)
    data = np.ascontiguousarray(characters, dtype=np.uint8)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data))


def digits(numbers: NDArray[np.int64], width: int) -> pa.Array:
    """Decimal strings of at least `width` digits. [n] -> [n]."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")


def joined(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    """The parts side by side, row by row."""
    return pc.binary_join_element_wise(*parts, separator)


def hexadecimal(bits: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The 16 hexadecimal digits of each number as characters. [n] -> [n, 16]."""
    octets = bits.astype(">u8").view(np.uint8).reshape(-1, 8)
    nibbles = np.stack([octets >> 4, octets & 15], axis=2).reshape(-1, 16)
    return _HEX[nibbles]


def uuids(bits: NDArray[np.uint64]) -> pa.Array:
    """Random UUIDs (RFC 9562, version 4) of 128 bits each. [n, 2] -> [n]."""
    plain = np.concatenate([hexadecimal(bits[:, 0]), hexadecimal(bits[:, 1])], axis=1)
    plain[:, 12] = ord("4")
    plain[:, 16] = np.frombuffer(b"89ab", dtype=np.uint8)[(bits[:, 1] >> np.uint64(62)).astype(np.int64)]
    dash = np.full((len(bits), 1), ord("-"), dtype=np.uint8)
    cuts = np.split(plain, [8, 12, 16, 20], axis=1)
    parts = [cuts[0], *(part for cut in cuts[1:] for part in (dash, cut))]
    return ascii_rows(np.concatenate(parts, axis=1))


def codes(numbers: NDArray[np.int64], width: int) -> pa.Array:
    """Codes of digits and capital letters, `width` characters each; different numbers below 36^width
    differ."""
    left = numbers.copy()
    characters = np.empty((len(numbers), width), dtype=np.uint8)
    for place in range(width - 1, -1, -1):
        left, rest = np.divmod(left, 36)
        characters[:, place] = _CODE[rest]
    return ascii_rows(characters)


def shaped(numbers: NDArray[np.int64], letters: int, digits_after: int, *, letters_first: bool) -> pa.Array:
    """Codes of so many capitals and so many digits; different numbers below 26^letters x 10^digits differ."""
    high, low = np.divmod(numbers, 10**digits_after)
    characters = np.empty((len(numbers), letters), dtype=np.uint8)
    for place in range(letters - 1, -1, -1):
        high, rest = np.divmod(high, 26)
        characters[:, place] = rest + ord("A")
    head, tail = ascii_rows(characters), digits(low, digits_after)
    return joined(head, tail) if letters_first else joined(tail, head)


def in_picture(plain: pa.Array, picture: str) -> pa.Array:
    """Strings of digits in place of the zeros of a picture such as `(000) 000-0000`. [n] -> [n].

    Args:
      plain: strings of at least as many digits as the picture has; the last ones are used.
    """
    runs = re.findall(r"0+|[^0]+", picture)
    place = -picture.count("0")
    parts: list[pa.Array | str] = []
    for run in runs:
        if run[0] != "0":
            parts.append(run)
            continue
        stop = place + len(run)
        parts.append(pc.utf8_slice_codeunits(plain, place, stop if stop < 0 else None))
        place = stop
    return joined(*parts)


def pick(words: tuple[str, ...], places: NDArray[np.int64]) -> pa.Array:
    """The word at each place. [n] -> [n]."""
    return pa.array(words, pa.string()).take(pa.array(places))


_MOST_CROSSED = 10_000
_ENOUGH_CROSSED = 10


@functools.lru_cache(maxsize=256)
def crossed(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names that begin as one of the given ones and end with the last word of another, none of them given.

    Where most names are of one word, or too few come of it: none.
    """
    parts = [name.rsplit(" ", 1) for name in names if len(name.split()) > 1]
    if 2 * len(parts) < len(names):
        return ()
    heads, tails = (sorted({part[place] for part in parts}) for place in (0, 1))
    made = (f"{head} {tail}" for tail in tails for head in heads if tail not in head.split())
    given = frozenset(names)
    found = [name for name in itertools.islice(made, _MOST_CROSSED) if name not in given]
    return tuple(found) if len(found) >= _ENOUGH_CROSSED else ()

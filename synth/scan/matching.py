"""Patterns over whole arrays of strings."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.scan.spellings import CODE

Codes = NDArray[np.int32]
NONE = -1
"""In place of a class: the values are of none that was looked for."""


def first_match(texts: pa.Array, rules: Sequence[tuple[str, str]], default: str) -> Codes:
    """The class of the first rule whose pattern matches; each pattern sees only what is left."""
    codes = np.full(len(texts), CODE[default], dtype=np.int32)
    left = np.arange(len(texts))
    for pattern, name in rules:
        hit = matches(texts, pattern)
        if hit.any():
            codes[left[hit]] = CODE[name]
            left, texts = left[~hit], texts.filter(pa.array(~hit))
        if not left.size:
            break
    return codes


def matches(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """Whether the pattern is found in each string."""
    return bools(pc.match_substring_regex(texts, pattern))


def bools(array: pa.Array) -> NDArray[np.bool_]:
    """A boolean array without nulls."""
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)


def lengths(texts: pa.Array) -> NDArray[np.int64]:
    """Bytes of each string."""
    return np.asarray(pc.binary_length(texts).to_numpy(zero_copy_only=False), dtype=np.int64)


def positions(texts: pa.Array, words: Sequence[str]) -> NDArray[np.int64]:
    """Where each string stands among the words; NONE if it does not."""
    found = pc.fill_null(pc.index_in(texts, value_set=pa.array(words, pa.string())), NONE)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


def look_up(codes: dict[str, int], names: Sequence[str]) -> Codes:
    """Codes of names, NONE for those that are no class."""
    return np.array([codes.get(name, NONE) for name in names], dtype=np.int32)

"""Strings to numbers and back, as a picture writes them."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.spelling import Negative, NumberFormat

_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_BLANKS = r" \x{a0}\x{202f}"
_APOSTROPHES = r"'\x{2019}"
_MINUS = (("open", "("), ("front", "-"), ("inner", "-"), ("behind", "-"))


def read_plain(texts: pa.Array) -> pa.Array:
    """Numbers in the common form `-12.5e3`; null where a string is none. -> float64 [n]."""
    good = pc.fill_null(pc.match_substring_regex(texts, _PLAIN), False)
    digits = pc.replace_substring_regex(texts, r"^\+", "")
    return pc.if_else(good, digits, pa.scalar(None, pa.string())).cast(pa.float64())


def read_numbers(texts: pa.Array, form: NumberFormat) -> pa.Array:
    """Numbers in the picture's form; its prefix, suffix, grouping and decimals may be missing.

    Returns: float64 [n], null where a string is no such number.
    """
    if form.exponent is not None:
        return read_plain(texts)
    plain = form.point == "." and not (form.prefix or form.suffix or form.grouping)
    if plain and form.negative not in (Negative.BRACKETS, Negative.BEHIND):
        return read_plain(texts)
    parts = pc.extract_regex(texts, _pattern(form))
    whole = pc.replace_substring_regex(parts.field("whole"), r"\D", "")
    text = pc.binary_join_element_wise(whole, parts.field("after"), ".")
    has_digits = pc.fill_null(pc.greater(pc.binary_length(text), 1), False)
    good = pc.if_else(has_digits, text, pa.scalar(None, pa.string()))
    sizes = good.cast(pa.float64())
    signs = [pc.equal(parts.field(name), mark) for name, mark in _MINUS]
    minus = pc.fill_null(pc.or_(pc.or_(signs[0], signs[1]), pc.or_(signs[2], signs[3])), False)
    return pc.if_else(minus, pc.negate(sizes), sizes)


def write_numbers(numbers: NDArray[np.float64], form: NumberFormat) -> list[str]:
    """Each number as the picture writes it. [n] -> [n]."""
    return [form.write(number) for number in numbers.tolist()]


def _pattern(form: NumberFormat) -> str:
    marks = f",{_APOSTROPHES}{_BLANKS}" if form.point == "." else f".{_APOSTROPHES}{_BLANKS}"
    point = re.escape(form.point)
    whole = rf"\d{{1,3}}(?:[{marks}]\d{{2,3}})*[{marks}]\d{{3}}|\d*"
    return (
        rf"^(?P<open>\(?)(?P<front>[+-]?)(?:{_affix(form.prefix)})?(?P<inner>[+-]?)"
        rf"(?P<whole>{whole})(?:{point}(?P<after>\d*))?(?:{_affix(form.suffix)})?(?P<behind>-?)\)?$"
    )


def _affix(affix: str) -> str:
    """The affix with or without its blank; a plural also in the singular: `1 year` beside `3 years`."""
    word = affix.strip()
    ending = "s?" if len(word) > 3 and word.endswith("s") else ""
    escaped = re.escape(word.removesuffix("s") if ending else word)
    return rf"[{_BLANKS}]?{escaped}{ending}[{_BLANKS}]?"

"""Numbers with marks around and between their digits: `$1,234.56`, `5.3%`, `(1.234,50)`, `12 kg`."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.scan.matching import NONE, Codes, lengths, matches, positions
from synth.scan.spellings import AFFIXES, AMOUNTS, CODE, CORES, CURRENCIES, UNITS, amount

_PREFIXES = "|".join(
    sorted({re.escape(picture.strip("(").split("0")[0]) for picture in CURRENCIES}, key=len, reverse=True)
)
_CORE = r"[\d.][\d.,'\x{2019} ]*"
_AMOUNT = (
    rf"^(?P<open>\(?)(?P<front>[+-]?)(?P<prefix>{_PREFIXES})(?P<inner>[+-]?)(?P<core>{_CORE}?)"
    r"(?P<suffix>[^\d.,'\x{2019}()-][^\d()-]{0,9}?)?(?P<behind>-?)(?P<close>\)?)$"
)
MAYBE_AMOUNT = rf"^\(?[+-]?({_PREFIXES})[+-]?{_CORE}[^\d]{{0,11}}$"
"""What every amount looks like, and little else."""
_SHAPES: tuple[tuple[str, str], ...] = (
    (r"^\d+$", "none"),
    (r"^\d*\.\d+$", "point"),
    (r"^\d+,\d+$", "comma"),
    (r"^\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?$", "us"),
    # Points in whole numbers of more than 15 digits are what a spreadsheet made of a long fraction.
    (r"^\d{1,3}((\.\d{3})+,\d+|(\.\d{3}){1,4})$", "eu"),
    (r"^\d{1,3}( \d{3})+(,\d+)?$", "blank_comma"),
    (r"^\d{1,3}( \d{3})+\.\d+$", "blank_point"),
    (r"^\d{1,3}(['\x{2019}]\d{3})+(\.\d+)?$", "swiss"),
)
_AFTER_COMMA = ("comma", "eu", "blank_comma")
_SINGULARS = {
    picture.removesuffix("s"): picture
    for picture in UNITS
    if len(picture) > 4 and picture.endswith("s") and picture.removesuffix("s") not in UNITS
}
_KEYS = (*AFFIXES, *_SINGULARS)
_TABLE = np.array(
    [
        [CODE.get(amount(_SINGULARS.get(key, key), core), NONE) for core in CORES]
        if _SINGULARS.get(key, key) in AMOUNTS
        else [NONE] * len(CORES)
        for key in _KEYS
    ],
    dtype=np.int32,
)  # [keys, cores] -> class


def classify_amounts(texts: pa.Array) -> Codes:
    """Codes of amounts, NONE for other strings. [n] -> [n]."""
    codes = np.full(len(texts), NONE, dtype=np.int32)
    maybe = np.flatnonzero(matches(texts, MAYBE_AMOUNT))
    if not maybe.size:
        return codes
    parts = pc.extract_regex(texts.take(pa.array(maybe)), _AMOUNT)
    affix, core = _affixes(parts), _cores(pc.fill_null(parts.field("core"), ""))
    known = (affix != NONE) & (core != NONE)
    found = np.where(known, _TABLE[affix, core], NONE)
    inner, behind = (_is(parts, name, "-") for name in ("inner", "behind"))
    has_prefix = _has(parts, "prefix")
    found = np.where((found != NONE) & inner & has_prefix, CODE["amount_inner_minus"], found)
    found = np.where((found != NONE) & behind, CODE["amount_behind_minus"], found)
    codes[maybe] = found
    return codes


def _affixes(parts: pa.StructArray) -> NDArray[np.int64]:
    """Where what stands around the digits is among the known affixes; NONE if it is not."""
    fields = {name: pc.fill_null(parts.field(name), "") for name in ("open", "prefix", "suffix", "close")}
    around = pc.binary_join_element_wise(fields["prefix"], "0", fields["suffix"], "")
    plus = pc.equal(pc.fill_null(parts.field("front"), ""), "+")
    plain_minus = pc.equal(around, "0%")
    signed = pc.if_else(pc.and_(plus, plain_minus), pc.binary_join_element_wise("+", around, ""), around)
    key = pc.binary_join_element_wise(fields["open"], signed, fields["close"], "")
    return positions(key, _KEYS)


def _cores(cores: pa.Array) -> NDArray[np.int64]:
    """Where the marks of each string of digits are among CORES; NONE if they make no number."""
    found = np.full(len(cores), NONE, dtype=np.int64)
    left = np.arange(len(cores))
    for pattern, shape in _SHAPES:
        texts = cores.take(pa.array(left))
        hit = matches(texts, pattern)
        if hit.any():
            found[left[hit]] = _with_decimals(texts.filter(pa.array(hit)), shape)
            left = left[~hit]
        if not left.size:
            break
    return found


def _with_decimals(texts: pa.Array, shape: str) -> NDArray[np.int64]:
    if shape == "none":
        return np.full(len(texts), CORES.index("none"), dtype=np.int64)
    mark = "," if shape in _AFTER_COMMA else "."
    at = np.asarray(pc.find_substring(texts, mark).to_numpy(zero_copy_only=False))
    decimals = np.where(at < 0, 0, lengths(texts) - at - 1)
    names = [f"{shape}_{places}" for places in range(6)]
    table = np.array([CORES.index(name) if name in CORES else NONE for name in names], dtype=np.int64)
    codes = table[np.minimum(decimals, len(table) - 1)]
    if shape == "comma":
        sure = (decimals == 3) & ~matches(texts, r"^[1-9]\d{0,2},")
        codes = np.where(sure, CORES.index("comma_3_sure"), codes)
    return codes


def _is(parts: pa.StructArray, name: str, mark: str) -> NDArray[np.bool_]:
    equal = pc.fill_null(pc.equal(parts.field(name), mark), False)
    return np.asarray(equal.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _has(parts: pa.StructArray, name: str) -> NDArray[np.bool_]:
    filled = pc.not_equal(pc.fill_null(parts.field(name), ""), "")
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.bool_)

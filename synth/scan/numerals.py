"""Plain numbers: whole ones by their length, reals by their decimals, powers of ten by their style."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.scan.matching import NONE, Codes, first_match, lengths, look_up, matches
from synth.scan.spellings import CODE, OPEN_REALS, PLUS_REALS, REALS

_DAY = r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
_FOR_EVER = "99991231|99990101|18000101"
"""Days that stand for none."""
_CARD = r"^(4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6\d{15})$"
_BY_LENGTH = {
    6: ((r"^(19|20)\d\d(0[1-9]|1[0-2])$", "month_compact"),),
    8: ((rf"^({_DAY}|{_FOR_EVER})$", "date_compact"),),
    10: ((r"^(1\d{9}|20\d{8}|21[0-3]\d{7})$", "epoch_s"),),
    13: ((r"^(1\d{12}|20\d{11}|21[0-3]\d{10})$", "epoch_ms"), (_CARD, "card_like")),
    14: ((rf"^{_DAY}([01]\d|2[0-3])[0-5]\d[0-5]\d$", "timestamp_compact"),),
    15: ((_CARD, "card_like"),),
    16: ((r"^(1\d{15}|20\d{14}|21[0-3]\d{13})$", "epoch_us"), (_CARD, "card_like")),
    19: ((_CARD, "card_like"),),
}
_LENGTH_CODES = look_up(
    CODE,
    [f"integer_{n}" if n < 9 else f"digits_{n}" if n < 20 else "integer_long" for n in range(21)],
)
_LENGTH_CODES[0] = CODE["integer_long"]
_PADDED_CODES = look_up(
    CODE, [f"zero_padded_{max(n, 2)}" if n <= 12 else "zero_padded_long" for n in range(14)]
)
_EXPONENTS = (
    (r"^[+-]?\d(\.\d+)?e[+-]\d{2,3}$", "exponent_python"),
    (r"^[+-]?\d(\.\d+)?E[+-]\d{2,3}$", "exponent_python_capital"),
    (r"^[+-]?\d\.\d+E-?\d+$", "exponent_java"),
    (r"^[+-]?(\d+\.?\d*|\.\d+)E[+-]?\d+$", "exponent_bare_capital"),
    (r"^[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+$", "exponent_bare"),
)
_FIXED = (
    ("exponent_python", r"\.(?P<after>\d+)e", "exponent_fixed_{}"),
    ("exponent_python_capital", r"\.(?P<after>\d+)E", "exponent_fixed_capital_{}"),
)


def classify_whole(texts: pa.Array) -> Codes:
    """Codes of whole numbers, with or without a sign; what may be a card is `card_like`. [n] -> [n]."""
    size = lengths(texts)
    codes = _LENGTH_CODES[np.minimum(size, 20)].copy()
    for length, rules in _BY_LENGTH.items():
        at = np.flatnonzero(size == length)
        if at.size:
            default = "integer_8" if length == 8 else "integer_6" if length == 6 else f"digits_{length}"
            codes[at] = first_match(texts.take(pa.array(at)), rules, default)
    padded = matches(texts, r"^0\d")
    codes = np.where(padded, _PADDED_CODES[np.minimum(size, 13)], codes)
    codes = np.where(matches(texts, r"^-"), CODE["integer_minus"], codes)
    return np.where(matches(texts, r"^\+"), CODE["integer_plus"], codes).astype(np.int32)


def classify_reals(texts: pa.Array) -> Codes:
    """Codes of numbers with a point, by the digits after it. [n] -> [n]."""
    places = pc.subtract(pc.subtract(pc.binary_length(texts), pc.find_substring(texts, ".")), 1)
    after = np.maximum(np.asarray(places.to_numpy(zero_copy_only=False)), 1)
    codes = _by_places(REALS)[np.minimum(after, len(REALS) + 1)]
    is_open = matches(texts, r"^-?\.")
    codes = np.where(
        is_open & (after <= len(OPEN_REALS)), _by_places(OPEN_REALS)[np.minimum(after, 7)], codes
    )
    plus = matches(texts, r"^\+") & (after <= len(PLUS_REALS))
    codes = np.where(plus, _by_places(PLUS_REALS)[np.minimum(after, 5)], codes)
    return np.where(matches(texts, r"^-?\d+\.0?$"), CODE["real_whole"], codes).astype(np.int32)


def classify_exponents(texts: pa.Array) -> Codes:
    """Codes of numbers with a power of ten, NONE for other strings. [n] -> [n]."""
    codes = np.full(len(texts), NONE, dtype=np.int32)
    hit = np.flatnonzero(matches(texts, _EXPONENTS[-1][0]))
    if hit.size:
        found = texts.take(pa.array(hit))
        codes[hit] = first_match(found, _EXPONENTS, "exponent_bare")
        for loose, pattern, name in _FIXED:
            python = codes[hit] == CODE[loose]
            if python.any():
                parts = pc.extract_regex(found.filter(pa.array(python)), pattern)
                after = lengths(pc.fill_null(parts.field("after"), ""))
                fixed = [CODE.get(name.format(places), CODE[loose]) for places in range(20)]
                codes[hit[python]] = np.array(fixed, dtype=np.int32)[np.minimum(after, 19)]
    return codes


def _by_places(names: tuple[str, ...]) -> Codes:
    """Codes by the number of digits after the point; more than the names have are `real_many`."""
    return np.array([CODE[names[0]], *look_up(CODE, names), CODE["real_many"]], dtype=np.int32)

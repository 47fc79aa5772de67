"""Value classes: every value of every column falls into exactly one, whatever else the table holds."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.scan import validators
from synth.scan.given_names import GIVEN_NAMES

_PADS = ("padded", "bare", "two")
"""How the day and the month of a date are written: with a leading zero, with one digit, or the value
shows neither because both have two digits."""

REALS = tuple(f"real_{places}" for places in range(1, 7))
"""Numbers with that many digits after the point; more digits, or an exponent, are `real_many`."""

VALUE_CLASSES: tuple[str, ...] = (
    "null",
    "blank",
    "missing_word",
    "opaque",
    "email",
    "url",
    "uuid",
    "ip_address",
    "iban_valid",
    "iban_like",
    "ssn_valid",
    "ssn_like",
    "card_valid",
    "card_like",
    "phone",
    "digits_9",
    "digits_10_to_12",
    "digits_13_to_19",
    "digits_zero_padded",
    "integer",
    *REALS,
    "real_many",
    "number_grouped",
    "digits_and_marks",
    "boolean_word",
    "date_iso",
    "date_compact",
    "date_ymd_slash",
    *(f"date_{order}_slash_{pad}" for order in ("mdy", "dmy", "either") for pad in _PADS),
    *(f"date_dmy_dot_{pad}" for pad in _PADS),
    *(f"date_{order}_dash" for order in ("mdy", "dmy", "either")),
    "date_other",
    "timestamp_space",
    "timestamp_minutes",
    "timestamp_t",
    "timestamp_tz",
    "timestamp_other",
    "full_name",
    "person_name",
    "street_address",
    "number_and_words",
    "code",
    "mixed_text",
    "words",
    "other_text",
    "long_text",
)
"""Public and in fixed order: a class is stored as its position. `*_valid` means that the checksum or the
number rules hold too, `*_like` that only the pattern does."""

CODE = {name: code for code, name in enumerate(VALUE_CLASSES)}
LONG_TEXT_BYTES = 64

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# Patterns are compiled for every batch, and Unicode's own letter class costs milliseconds each time;
# where the rest of the pattern is narrow, every character beyond ASCII passes for a letter.
_LETTER = r"A-Za-z\x{80}-\x{10FFFF}"
_EMAIL = rf"^[^\s@,;:<>()]+@[{_LETTER}\d.-]+\.[{_LETTER}]{{2,}}$"
_URL = r"(?i)^((https?|ftp)://|www\.)\S+\.\S+$"
_UUID = r"(?i)^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$"
_IBAN = r"^[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,4})?$"
_PHONE = (
    r"^(\+\d{1,3}[ .-]?)?(\(\d{2,4}\)|\d{3})[ .-]?\d{3}[ .-]\d{4}( ?(x|ext\.?) ?\d{1,5})?$"
    r"|^\+\d{1,3}([ .-]?\(?\d{1,4}\)?){2,5}$|^\(\d{2,4}\) ?\d{3,4}[ .-]?\d{3,4}$"
    r"|^0\d{1,4}[ /-]\d{3,4}([ -]?\d{2,4}){0,2}$|^1-\d{3}-\d{3}-\d{4}( ?x\d{1,5})?$"
)
_CARD = r"^\d{4}([ -])\d{4}[ -]\d{4}[ -]\d{4}$|^3\d{3}[ -]\d{6}[ -]\d{5}$"
_ISO_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
_GROUPED = (
    r"^[$€£]? ?[+-]?\d{1,3}([.,]\d{3})+([.,]\d+)?[%€]?$|^[$€£] ?-?\d+(\.\d+)?$"
    r"|^[+-]?\d+([.,]\d+)?[%€]$|^[+-]?\d+,\d+$"
)
# Such as "José Eduardo181", "Gómez206", "O'Brien, Mary J.", "van der Berg".
_NAME_WORD = rf"(\p{{Lu}}[{_LETTER}'.-]*\d*|de|da|del|der|den|di|la|le|van|von|bin|al|y)"
_PERSON = rf"^{_NAME_WORD}([ ,]+{_NAME_WORD})*$"
_STREET = (
    r"(?i)^\d{1,6}[a-z]?,? .*\b(street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|way|court|ct|"
    r"place|pl|terrace|square|sq|circle|cir|parkway|pkwy|highway|hwy|trail|path|alley|crescent|close|row|"
    r"walk|plaza|loop|ferry|forge|extension|apt|suite|unit)\b.*$"
    r"|^[A-Za-z\x{80}-\x{10FFFF} .-]+(straße|strasse|str\.|weg|gasse|allee|platz) \d+ ?[a-z]?$"
    r"|^(rue|avenue|calle|via|viale|po box|p\.o\. box) .*\d+.*$|^\d{1,4},? (rue|avenue|boulevard) .+$"
)

# The first rule that matches decides. Values without letters, with letters and digits, with letters only.
_MARKS_RULES = (
    (rf"^{_ISO_DAY}$", "date_iso"),
    (r"^\d{4}/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01])$", "date_ymd_slash"),
    (rf"^{_ISO_DAY} ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$", "timestamp_space"),
    (rf"^{_ISO_DAY} ([01]\d|2[0-3]):[0-5]\d$", "timestamp_minutes"),
    (rf"^{_ISO_DAY} \d\d:\d\d", "timestamp_other"),
    (r"^\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},? \d{1,2}:\d\d", "timestamp_other"),
    (r"^\d{3}-\d{2}-\d{4}$|^\d{3} \d{2} \d{4}$", "ssn_like"),
    (_CARD, "card_like"),
    (rf"^{_OCTET}(\.{_OCTET}){{3}}$", "ip_address"),
    (r"^\d{5}-\d{4}$", "digits_and_marks"),
    (_PHONE, "phone"),
    (r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2}$", "date_other"),
    (_GROUPED, "number_grouped"),
    (r"\d", "digits_and_marks"),
    (r"^([?*.-]|--+|\.\.+)$", "missing_word"),
)
_MIXED_RULES = (
    (r"^[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+$", "real_many"),
    (_UUID, "uuid"),
    (_EMAIL, "email"),
    (_URL, "url"),
    (rf"^{_ISO_DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d$", "timestamp_t"),
    (rf"^{_ISO_DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$", "timestamp_tz"),
    (
        rf"^{_ISO_DAY}[T ]\d\d:\d\d|(?i)^\d{{1,4}}[/.-]\d{{1,2}}[/.-]\d{{1,4}},? \d{{1,2}}:\d\d",
        "timestamp_other",
    ),
    (rf"(?i)^\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}$|^{_MONTH} \d{{1,2}},? \d{{4}}$", "date_other"),
    (_PHONE, "phone"),
    (_IBAN, "iban_like"),
    (r"^[A-Z0-9/._-]+$", "code"),
    (_PERSON, "person_name"),
    (_STREET, "street_address"),
    (rf"^\d{{1,6}}[A-Za-z]? [{_LETTER}][{_LETTER}\d .,'#/-]*$", "number_and_words"),
    (r"^\S+$", "code"),
)
_LETTER_RULES = (
    (_EMAIL, "email"),
    (_URL, "url"),
    (r"(?i)^(true|false|yes|no|y|n)$", "boolean_word"),
    (r"(?i)^(na|n/a|nan|null|none|nil|missing|unknown|not available)$", "missing_word"),
    (r"^[A-Z]$", "words"),
    (_PERSON, "person_name"),
    (rf"^[{_LETTER}'.,/&() -]+$", "words"),
)


def classify(array: pa.Array) -> NDArray[np.uint8]:
    """The class code of every value. [n] -> [n].

    Strings are judged by their text without surrounding blanks; numbers, dates, timestamps and booleans
    by the text that they would have. Other types are `opaque`. Never fails on a value, nor names one.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        return classify(array.cast(kind.value_type))
    if constant := _class_of_type(kind):
        return np.where(_bools(array.is_null()), CODE["null"], CODE[constant]).astype(np.uint8)
    if pa.types.is_floating(kind):
        array = pc.if_else(pc.is_finite(array), array, pa.scalar(None, kind))
    encoded = array.dictionary_encode()
    distinct = _classify_texts(encoded.dictionary.cast(pa.string()))
    codes = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return np.append(distinct, np.uint8(CODE["null"]))[codes]


def class_counts(array: pa.Array) -> NDArray[np.int64]:
    """How many values fall into each class: int64 [len(VALUE_CLASSES)].

    Guarantee: adding or removing one value moves one count by one.
    """
    return np.bincount(classify(array), minlength=len(VALUE_CLASSES)).astype(np.int64)


def _class_of_type(kind: pa.DataType) -> str | None:
    """The class of all non-null values of an Arrow type; None if it depends on the value."""
    if pa.types.is_boolean(kind):
        return "boolean_word"
    if pa.types.is_date(kind):
        return "date_iso"
    if pa.types.is_timestamp(kind):
        return "timestamp_space"
    by_value = (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )
    return None if by_value else "opaque"


def _classify_texts(texts: pa.Array) -> NDArray[np.uint8]:
    """Class codes of non-null strings."""
    texts = pc.ascii_trim_whitespace(texts)
    codes = np.full(len(texts), CODE["other_text"], dtype=np.uint8)
    has_letter = _matches(texts, r"\pL")
    has_digit = _matches(texts, r"[0-9]")
    lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    is_long = (lengths > LONG_TEXT_BYTES) | (has_letter & _matches(texts, r"^(\S+\s+){7}"))
    for mask, classify_group in (
        (is_long, _classify_long),
        (~is_long & ~has_letter, _classify_marks),
        (~is_long & has_letter & has_digit, _classify_mixed),
        (~is_long & has_letter & ~has_digit, _classify_letters),
    ):
        if mask.any():
            codes[mask] = classify_group(texts.filter(pa.array(mask)))
    codes[lengths == 0] = CODE["blank"]
    return codes


def _classify_long(texts: pa.Array) -> NDArray[np.uint8]:
    return _first_match(texts, ((_URL, "url"), (_EMAIL, "email")), "long_text")


def _classify_marks(texts: pa.Array) -> NDArray[np.uint8]:
    """Digits and marks, no letters: numbers, dates, phones and the like."""
    codes = np.full(len(texts), CODE["other_text"], dtype=np.uint8)
    whole = _matches(texts, r"^[+-]?\d+$")
    real = ~whole & _matches(texts, r"^[+-]?(\d+\.\d*|\.\d+)$")
    date = ~whole & ~real & _matches(texts, r"^\d{1,2}([/.-])\d{1,2}[/.-]\d{4}$")
    if whole.any():
        codes[whole] = _classify_digits(texts.filter(pa.array(whole)))
    if real.any():
        codes[real] = _classify_reals(texts.filter(pa.array(real)))
    if date.any():
        codes[date] = _classify_dates(texts.filter(pa.array(date)))
    rest = ~whole & ~real & ~date
    if rest.any():
        codes[rest] = _classify_marked(texts.filter(pa.array(rest)))
    return codes


def _classify_marked(texts: pa.Array) -> NDArray[np.uint8]:
    codes = _first_match(texts, _MARKS_RULES, "other_text")
    _refine(codes, texts, "ssn_like", "ssn_valid", validators.ssn)
    _refine(codes, texts, "card_like", "card_valid", lambda part: validators.luhn(_only_digits(part)))
    loose = codes == CODE["digits_and_marks"]
    if loose.any():
        codes[loose] = np.where(
            validators.ipv6(texts.filter(pa.array(loose))), CODE["ip_address"], codes[loose]
        )
    return codes


def _classify_mixed(texts: pa.Array) -> NDArray[np.uint8]:
    codes = _first_match(texts, _MIXED_RULES, "mixed_text")
    _refine(
        codes,
        texts,
        "iban_like",
        "iban_valid",
        lambda part: validators.iban(pc.replace_substring(part, " ", "")),
    )
    _refine(codes, texts, "person_name", "full_name", _has_given_name)
    _refine(codes, texts, "code", "ip_address", validators.ipv6)
    return codes


def _classify_letters(texts: pa.Array) -> NDArray[np.uint8]:
    codes = _first_match(texts, _LETTER_RULES, "other_text")
    _refine(codes, texts, "person_name", "full_name", _has_given_name)
    return codes


def _classify_digits(texts: pa.Array) -> NDArray[np.uint8]:
    """Whole numbers, with or without a sign."""
    codes = _first_match(
        texts,
        (
            (r"^0\d", "digits_zero_padded"),
            (r"^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$", "date_compact"),
            (r"^\d{9}$", "digits_9"),
            (r"^\d{10,12}$", "digits_10_to_12"),
            (r"^(4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6\d{15})$", "card_like"),
            (r"^\d{13,19}$", "digits_13_to_19"),
        ),
        "integer",
    )
    _refine(codes, texts, "card_like", "card_valid", validators.luhn)
    # Bare digits are a card only by their checksum; with blanks or dashes the pattern says more.
    codes[codes == CODE["card_like"]] = CODE["digits_13_to_19"]
    return codes


def _classify_reals(texts: pa.Array) -> NDArray[np.uint8]:
    places = pc.subtract(pc.subtract(pc.binary_length(texts), pc.find_substring(texts, ".")), 1)
    position = np.maximum(places.to_numpy(zero_copy_only=False), 1)
    return np.where(position > len(REALS), CODE["real_many"], CODE[REALS[0]] + position - 1).astype(np.uint8)


def _classify_dates(texts: pa.Array) -> NDArray[np.uint8]:
    """Two small numbers and a year of four digits, such as 5/25/1989 or 25.05.1989."""
    parts = pc.extract_regex(texts, r"^(?P<first>\d+)(?P<mark>[/.-])(?P<second>\d+)(?P<mark2>[/.-])")
    first, second, mark, mark2 = (parts.field(name) for name in ("first", "second", "mark", "mark2"))
    a, b = (part.cast(pa.int32()).to_numpy(zero_copy_only=False) for part in (first, second))
    order = np.select([(a <= 12) & (b <= 12), a <= 12, b <= 12], [2, 0, 1])
    padded = _matches(first, "^0") | _matches(second, "^0")
    bare = _matches(first, "^.$") | _matches(second, "^.$")
    pad = np.select([padded, bare], [0, 1], 2)
    codes = np.select(
        [_bools(pc.equal(mark, "/")), _bools(pc.equal(mark, "-"))],
        [CODE["date_mdy_slash_padded"] + 3 * order + pad, CODE["date_mdy_dash"] + order],
        CODE["date_dmy_dot_padded"] + pad,
    )
    is_date = _bools(pc.equal(mark, mark2)) & (np.minimum(a, b) >= 1) & (np.minimum(a, b) <= 12)
    is_date &= np.maximum(a, b) <= 31
    is_date &= _bools(pc.not_equal(mark, ".")) | (b <= 12)
    return np.where(is_date, codes, CODE["digits_and_marks"]).astype(np.uint8)


def _has_given_name(texts: pa.Array) -> NDArray[np.bool_]:
    """Whether a value of two words or more begins with a common given name, or has one after a comma."""
    words = r"^(?P<first>\pL+)\d* +\S|^\S+, +(?P<second>\pL+)"
    parts = pc.extract_regex(texts, words)
    known = [pc.is_in(parts.field(name), value_set=GIVEN_NAMES) for name in ("first", "second")]
    return _bools(pc.fill_null(pc.or_(*(pc.fill_null(part, False) for part in known)), False))


def _refine(
    codes: NDArray[np.uint8],
    texts: pa.Array,
    loose: str,
    strict: str,
    holds: Callable[[pa.Array], NDArray[np.bool_]],
) -> None:
    """Turn the loose class into the strict one where `holds` says so, in place."""
    candidates = codes == CODE[loose]
    if candidates.any():
        good = holds(texts.filter(pa.array(candidates)))
        codes[candidates] = np.where(good, CODE[strict], CODE[loose])


def _first_match(texts: pa.Array, rules: Sequence[tuple[str, str]], default: str) -> NDArray[np.uint8]:
    """The class of the first rule whose pattern matches; each pattern sees only what is left."""
    codes = np.full(len(texts), CODE[default], dtype=np.uint8)
    left = np.arange(len(texts))
    for pattern, name in rules:
        hit = _matches(texts, pattern)
        if hit.any():
            codes[left[hit]] = CODE[name]
            left, texts = left[~hit], texts.filter(pa.array(~hit))
        if not left.size:
            break
    return codes


def _only_digits(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, r"\D", "")


def _matches(texts: pa.Array, pattern: str) -> NDArray[np.bool_]:
    return _bools(pc.match_substring_regex(texts, pattern))


def _bools(array: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.bool_)

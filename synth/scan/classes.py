"""Value classes: every value of every column falls into exactly one, whatever else the table holds."""

from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.scan import validators
from synth.scan.amounts import MAYBE_AMOUNT, classify_amounts
from synth.scan.given_names import GIVEN_NAMES
from synth.scan.matching import NONE, Codes, bools, first_match, lengths, look_up, matches, positions
from synth.scan.moments import classify_named_moments, classify_numeric_moments, moment_grains
from synth.scan.numerals import classify_exponents, classify_reals, classify_whole
from synth.scan.spellings import (
    CODE,
    INFINITE,
    INFINITIES,
    LETTER,
    LETTERS,
    MISSING,
    MISSING_WORDS,
    TRUE_FALSE,
    VALUE_CLASSES,
)

__all__ = ["CODE", "LONG_TEXT_BYTES", "VALUE_CLASSES", "class_counts", "classify"]

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
_BROKEN_NUMBER = r"^[+-]?\d{1,3}([.,]\d{3}){2,}([.,]\d+)?$"
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
_MAYBE_MOMENT = (
    r"^\d{1,4}[/.:-]\d|(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|^\d{4}-?[QW]\d|^Q\d \d{4}"
)

# The first rule that matches decides. Values without letters, with letters and digits, with letters only.
_MARKS_RULES = (
    (r"^\d{3}-\d{2}-\d{4}$|^\d{3} \d{2} \d{4}$", "ssn_like"),
    (_CARD, "card_like"),
    (rf"^{_OCTET}(\.{_OCTET}){{3}}$", "ip_address"),
    (r"^\d{5}-\d{4}$", "digits_and_marks"),
    (_PHONE, "phone"),
    (r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2}$", "date_other"),
)
_CODE_RULES = (
    (_PHONE, "phone"),
    (_IBAN, "iban_like"),
    (r"^[A-Z0-9/._-]+$", "code"),
    (_PERSON, "person_name"),
    (_STREET, "street_address"),
    (rf"^\d{{1,6}}[A-Za-z]? [{_LETTER}][{_LETTER}\d .,'#/-]*$", "number_and_words"),
    (r"^\S+$", "code"),
)
_MIXED_RULES = ((_UUID, "uuid"), (_EMAIL, "email"), (_URL, "url"))
_LETTER_RULES = (
    (_EMAIL, "email"),
    (_URL, "url"),
    (r"(?i)^(na|n/a|nan|null|none|nil|missing|unknown|not available)$", "missing_word"),
    (r"^\pL$", "words"),
    (_PERSON, "person_name"),
    (rf"^[{_LETTER}'.,/&() -]+$", "words"),
)
_CAPITALS_FIRST = r"^(?P<letters>[A-Z]{1,4})(?P<digits>\d{1,10})$"
_DIGITS_FIRST = r"^(?P<digits>\d{1,6})(?P<letters>[A-Z]{1,2})$"
_HEXADECIMAL = r"^[0-9a-f]{8}([0-9a-f]{4})*$"
_WORDS = (*MISSING_WORDS, *INFINITIES, *LETTERS)
_WORD_CODES = look_up(CODE, (*MISSING, *INFINITE, *LETTER))
_TRUTHS = tuple(name.removeprefix("word ") for name in TRUE_FALSE)
_TRUTH_CODES = look_up(CODE, TRUE_FALSE)


def classify(array: pa.Array) -> NDArray[np.uint16]:
    """The class code of every value. [n] -> [n].

    Strings are judged by their text without surrounding blanks; numbers, dates, timestamps and booleans
    by the text that they would have. Other types are `opaque`. Never fails on a value, nor names one.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        return classify(array.cast(kind.value_type))
    null = bools(array.is_null())
    if pa.types.is_timestamp(kind):
        return _with_null(_moments(array), null)
    if pa.types.is_floating(kind):
        return _with_null(_floats(array), null)
    if constant := _class_of_type(kind):
        return _with_null(np.full(len(array), CODE[constant], dtype=np.int32), null)
    encoded = array.dictionary_encode()
    texts = encoded.dictionary.cast(pa.string())
    if pa.types.is_decimal(kind):
        texts = _without_scale(texts)
    distinct = _classify_texts(texts)
    codes = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return np.append(distinct, CODE["null"]).astype(np.uint16)[codes]


def class_counts(array: pa.Array) -> NDArray[np.int64]:
    """How many values fall into each class: int64 [len(VALUE_CLASSES)].

    Guarantee: adding or removing one value moves one count by one.
    """
    return np.bincount(classify(array), minlength=len(VALUE_CLASSES)).astype(np.int64)


def _without_scale(texts: pa.Array) -> pa.Array:
    """Decimals without the zeros that only fill their type's scale, and without powers of ten."""
    small = np.flatnonzero(matches(texts, "E"))
    if small.size:
        spelled = texts.to_pylist()
        for place in small.tolist():
            spelled[place] = f"{Decimal(spelled[place]):f}"
        texts = pa.array(spelled, pa.string())
    texts = pc.replace_substring_regex(texts, r"(\.\d*?)0+$", r"\1")
    return pc.replace_substring_regex(texts, r"\.$", "")


def _with_null(codes: Codes, null: NDArray[np.bool_]) -> NDArray[np.uint16]:
    return np.where(null, CODE["null"], codes).astype(np.uint16)


def _class_of_type(kind: pa.DataType) -> str | None:
    """The class of all non-null values of an Arrow type; None if it depends on the value."""
    if pa.types.is_date(kind):
        return "date_iso"
    by_value = (
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )
    return None if by_value else "opaque"


def _moments(array: pa.Array) -> Codes:
    micros = array.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(pa.int64())
    known = np.asarray(micros.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
    seconds, within = np.divmod(known, 1_000_000)
    return moment_grains(seconds, within)


def _floats(array: pa.Array) -> Codes:
    """Codes of floats by their shortest decimals; NaN and infinities have classes of their own."""
    encoded = array.dictionary_encode()
    distinct = encoded.dictionary
    numbers = np.asarray(distinct.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    codes = _classify_texts(distinct.cast(pa.string()))
    # Arrow writes large numbers with a power of ten.
    whole = np.flatnonzero((np.abs(numbers) < 2.0**53) & (numbers == np.floor(numbers)))
    if whole.size:
        codes[whole] = _classify_texts(pa.array(numbers[whole].astype(np.int64)).cast(pa.string()))
    large = np.flatnonzero(
        (np.abs(numbers) >= 1e9) & (np.abs(numbers) < 1e15) & (numbers != np.floor(numbers))
    )
    for places in range(6, 0, -1):
        exact = large[np.round(numbers[large], places) == numbers[large]]
        codes[exact] = CODE[f"real_{places}"]
    codes[np.isnan(numbers)] = CODE["nan"]
    codes[np.isposinf(numbers)] = CODE["infinite inf"]
    codes[np.isneginf(numbers)] = CODE["infinite -inf"]
    places = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
    return codes[places] if len(codes) else np.zeros(len(array), dtype=np.int32)


def _classify_texts(texts: pa.Array) -> Codes:
    """Class codes of non-null strings."""
    is_empty = lengths(texts) == 0
    texts = pc.ascii_trim_whitespace(texts)
    codes = np.full(len(texts), CODE["other_text"], dtype=np.int32)
    has_letter = matches(texts, r"\pL")
    has_digit = matches(texts, r"[0-9]")
    size = lengths(texts)
    is_long = (size > LONG_TEXT_BYTES) | (has_letter & matches(texts, r"^(\S+\s+){7}"))
    for mask, classify_group in (
        (is_long, _classify_long),
        (~is_long & ~has_letter & has_digit, _classify_marks),
        (~is_long & has_letter & has_digit, _classify_mixed),
        (~is_long & ~has_digit, _classify_words),
    ):
        if mask.any():
            codes[mask] = classify_group(texts.filter(pa.array(mask)))
    codes[size == 0] = CODE["blank"]
    codes[is_empty] = CODE["empty"]
    return codes


def _classify_long(texts: pa.Array) -> Codes:
    return first_match(texts, ((_URL, "url"), (_EMAIL, "email")), "long_text")


def _classify_marks(texts: pa.Array) -> Codes:
    """Digits and marks, no letters: numbers, dates, phones and the like."""
    codes = np.full(len(texts), CODE["digits_and_marks"], dtype=np.int32)
    whole = matches(texts, r"^[+-]?\d+$")
    real = ~whole & matches(texts, r"^[+-]?(\d+\.\d*|\.\d+)$")
    rest = ~whole & ~real
    for mask, classify_group in ((whole, _classify_digits), (real, classify_reals), (rest, _classify_marked)):
        if mask.any():
            codes[mask] = classify_group(texts.filter(pa.array(mask)))
    return codes


def _classify_marked(texts: pa.Array) -> Codes:
    codes = classify_numeric_moments(texts)
    left = np.flatnonzero(codes == NONE)
    if left.size:
        rest = texts.take(pa.array(left))
        found = first_match(rest, _MARKS_RULES, "digits_and_marks")
        loose = np.flatnonzero(found == CODE["digits_and_marks"])
        if loose.size:
            found[loose] = _classify_loose(rest.take(pa.array(loose)))
        codes[left] = found
    _refine(codes, texts, "ssn_like", "ssn_valid", validators.ssn)
    _refine(codes, texts, "card_like", "card_valid", lambda part: validators.luhn(_only_digits(part)))
    for name in ("phone", "card_valid"):
        _refine_by_picture(codes, texts, name)
    return codes


def _refine_by_picture(codes: Codes, texts: pa.Array, name: str) -> None:
    """Give values of a class the one that says where their marks stand, if there is such a class."""
    hit = np.flatnonzero(codes == CODE[name])
    if hit.size:
        pictures = pc.replace_substring_regex(texts.take(pa.array(hit)), r"\d", "0").to_pylist()
        codes[hit] = [CODE.get(f"{name} {picture}", CODE[name]) for picture in pictures]


def _classify_loose(texts: pa.Array) -> Codes:
    """Amounts, broken numbers, network addresses, or any other digits and marks."""
    codes = classify_amounts(texts)
    broken = matches(texts, _BROKEN_NUMBER)
    other = np.where(broken, CODE["number_grouped"], CODE["digits_and_marks"])
    other = np.where(validators.ipv6(texts), CODE["ip_address"], other)
    return np.where(codes == NONE, other, codes).astype(np.int32)


def _classify_mixed(texts: pa.Array) -> Codes:
    codes = classify_exponents(texts)
    for pattern, classify_group in (
        (_MAYBE_MOMENT, _classify_dated),
        (MAYBE_AMOUNT, classify_amounts),
    ):
        left = np.flatnonzero(codes == NONE)
        rest = texts.take(pa.array(left))
        hit = matches(rest, pattern)
        if hit.any():
            codes[left[hit]] = classify_group(rest.filter(pa.array(hit)))
    left = np.flatnonzero(codes == NONE)
    if left.size:
        codes[left] = _classify_words_and_digits(texts.take(pa.array(left)))
    return codes


def _classify_dated(texts: pa.Array) -> Codes:
    codes = classify_numeric_moments(texts)
    left = np.flatnonzero(codes == NONE)
    if left.size:
        codes[left] = classify_named_moments(texts.take(pa.array(left)))
    return codes


def _classify_words_and_digits(texts: pa.Array) -> Codes:
    codes = first_match(texts, (*_MIXED_RULES, *_CODE_RULES), "mixed_text")
    _refine(
        codes,
        texts,
        "iban_like",
        "iban_valid",
        lambda part: validators.iban(pc.replace_substring(part, " ", "")),
    )
    _refine(codes, texts, "person_name", "full_name", _has_given_name)
    _refine(codes, texts, "code", "ip_address", validators.ipv6)
    is_code = (codes == CODE["code"]) | (codes == CODE["person_name"])
    if is_code.any():
        codes[is_code] = _shapes(texts.filter(pa.array(is_code)), codes[is_code])
    return codes


def _shapes(texts: pa.Array, codes: Codes) -> Codes:
    """Codes of one word by the shape of its letters and digits; others keep their code."""
    for pattern, name in ((_CAPITALS_FIRST, "code_A{0}_D{1}"), (_DIGITS_FIRST, "code_D{1}_A{0}")):
        parts = pc.extract_regex(texts, pattern)
        hit = np.flatnonzero(bools(parts.is_valid()))
        if hit.size:
            found = parts.take(pa.array(hit))
            letters, digits = lengths(found.field("letters")), lengths(found.field("digits"))
            table = np.array([[CODE.get(name.format(a, b), NONE) for b in range(11)] for a in range(5)])
            codes[hit] = table[letters, digits]
    hexadecimal = np.flatnonzero((codes == CODE["code"]) & matches(texts, _HEXADECIMAL))
    if hexadecimal.size:
        size = lengths(texts.take(pa.array(hexadecimal)))
        codes[hexadecimal] = [CODE.get(f"hex_{length}", CODE["code"]) for length in size.tolist()]
    return codes


def _classify_words(texts: pa.Array) -> Codes:
    """Letters and marks, no digits."""
    known = positions(texts, _WORDS)
    codes = np.where(known == NONE, NONE, _WORD_CODES[known]).astype(np.int32)
    truth = positions(pc.ascii_lower(texts), _TRUTHS)
    codes = np.where((codes == NONE) & (truth != NONE), _TRUTH_CODES[truth], codes).astype(np.int32)
    left = np.flatnonzero(codes == NONE)
    if left.size:
        rest = texts.take(pa.array(left))
        found = first_match(rest, _LETTER_RULES, "other_text")
        _refine(found, rest, "person_name", "full_name", _has_given_name)
        codes[left] = found
    return codes


def _classify_digits(texts: pa.Array) -> Codes:
    """Whole numbers, with or without a sign."""
    codes = classify_whole(texts)
    _refine(codes, texts, "card_like", "card_valid", validators.luhn)
    # Bare digits are a card only by their checksum; with blanks or dashes the pattern says more.
    lone = np.flatnonzero(codes == CODE["card_like"])
    if lone.size:
        size = lengths(texts.take(pa.array(lone)))
        codes[lone] = [CODE[f"digits_{length}"] for length in size.tolist()]
    return codes


def _has_given_name(texts: pa.Array) -> NDArray[np.bool_]:
    """Whether a value of two words or more begins with a common given name, or has one after a comma."""
    words = r"^(?P<first>\pL+)\d* +\S|^\S+, +(?P<second>\pL+)"
    parts = pc.extract_regex(texts, words)
    known = [pc.is_in(parts.field(name), value_set=GIVEN_NAMES) for name in ("first", "second")]
    return bools(pc.fill_null(pc.or_(*(pc.fill_null(part, False) for part in known)), False))


def _refine(
    codes: Codes, texts: pa.Array, loose: str, strict: str, holds: Callable[[pa.Array], NDArray[np.bool_]]
) -> None:
    """Turn the loose class into the strict one where `holds` says so, in place."""
    candidates = codes == CODE[loose]
    if candidates.any():
        good = holds(texts.filter(pa.array(candidates)))
        codes[candidates] = np.where(good, CODE[strict], CODE[loose])


def _only_digits(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, r"\D", "")

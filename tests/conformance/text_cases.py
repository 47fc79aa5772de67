"""Words, codes, flags, free text and personal data, in columns of strings."""

import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from case import Back, Case, Draw, integers, pool, written
from numpy.random import Generator

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_FIRST_NAMES = (
    "Mary",
    "James",
    "Linda",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Michael",
    "Elizabeth",
    "William",
    "Barbara",
    "David",
    "Susan",
    "Richard",
    "Jessica",
    "Joseph",
    "Sarah",
    "Thomas",
    "Karen",
    "Daniel",
)
_LAST_NAMES = (
    "Smith",
    "Johnson",
    "Brown",
    "Garcia",
    "Miller",
    "Davis",
    "Wilson",
    "Moore",
    "Taylor",
    "Anderson",
)
_STREETS = ("Oak Street", "Maple Avenue", "Main Street", "Park Road", "Cedar Lane", "Hill Drive")
_WORDS = (
    "apple",
    "banana",
    "cherry",
    "grape",
    "lemon",
    "mango",
    "olive",
    "peach",
    "pear",
    "plum",
    "fig",
    "kiwi",
)
_SENTENCES = ("came in with", "was seen for", "complained about", "has a history of", "denies any")
_TEXT = r"[^\x00-\x08]+"


def _words(name: str, *values: str, spelling: str | None = None, **more: Any) -> Case:
    """Values of a small vocabulary."""
    pattern = spelling or "|".join(re.escape(value) for value in values)
    steepness = more.pop("steepness", 0.7)
    return Case(
        name=name, back=Back.CATEGORIES, draw=pool(*values, steepness=steepness), spelling=pattern, **more
    )


def filled(template: str) -> Draw:
    """Draws a digit for each `#`, a capital for each `A`, a letter for each `a`, a hex digit for each `x`."""
    pools = {"#": "0123456789", "9": "123456789", "A": _UPPER, "a": _LOWER, "x": "0123456789abcdef"}

    def draw(rng: Generator, n: int) -> list[str]:
        columns = [
            [pools[mark][k] for k in rng.integers(0, len(pools[mark]), n)] if mark in pools else [mark] * n
            for mark in template
        ]
        return ["".join(row) for row in zip(*columns, strict=True)]

    return draw


def _tokens(name: str, template: str, spelling: str, made_up: str | None = None, **more: Any) -> Case:
    """Codes of a template, nearly all of them different."""
    more = {"back": Back.CATEGORIES, "are_keys": True, **more}
    return Case(name=name, draw=filled(template), spelling=spelling, made_up=made_up, **more)


def _personal(name: str, draw: Draw, spelling: str, **more: Any) -> Case:
    return Case(name=name, back=Back.MADE_UP, draw=draw, spelling=spelling, **more)


def _join(separator: str, *draws: Draw) -> Draw:
    return lambda g, n: [separator.join(parts) for parts in zip(*(draw(g, n) for draw in draws), strict=True)]


def _each(draw: Draw, write: Callable[[str], str]) -> Draw:
    return lambda g, n: [write(value) for value in draw(g, n)]


def _luhn(text: str) -> str:
    """The digits with their check digit."""
    digits = [int(digit) for digit in text]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[::-2]]
    return text + str(-(sum(doubled) + sum(digits[-2::-2])) % 10)


def _cards(rng: Generator, n: int) -> list[str]:
    return [_luhn("4" + digits) for digits in filled("##############")(rng, n)]


def _ssns(rng: Generator, n: int) -> list[str]:
    areas, groups = rng.integers(100, 600, n).tolist(), rng.integers(10, 99, n).tolist()
    return [
        f"{a}-{g}-{s:04d}" for a, g, s in zip(areas, groups, rng.integers(1, 9_999, n).tolist(), strict=True)
    ]


def _uuids(rng: Generator, n: int) -> list[str]:
    return [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(n)]


def _notes(rng: Generator, n: int) -> list[str]:
    verbs, things = pool(*_SENTENCES)(rng, n), pool(*_WORDS)(rng, n)
    numbers = rng.integers(0, 10**6, n).tolist()
    return [
        f"The patient {verb} {thing}, and asked to be called back under number {number} before the weekend."
        for verb, thing, number in zip(verbs, things, numbers, strict=True)
    ]


_numbers = written(lambda g, n: g.integers(1, 10**6, n), str)
_first, _last = pool(*_FIRST_NAMES), pool(*_LAST_NAMES)

FLAGS: tuple[Case, ...] = (
    _words("yes_no", "yes", "no", sentinels=("unknown", "")),
    _words("yes_no_capitals", "YES", "NO", sentinels=("N/A", "")),
    _words("yes_no_titled", "Yes", "No", sentinels=("Not available",)),
    _words("y_n", "Y", "N", sentinels=("U", "")),
    _words("true_false", "true", "false", sentinels=("",)),
    _words("true_false_titled", "True", "False", sentinels=("None",)),
    _words("t_f", "t", "f", sentinels=("?",)),
    _words("zero_one", "0", "1", sentinels=("", "-1")),
    _words("on_off", "on", "off"),
    _words("x_or_blank", "", "X", spelling="X?", remark="a blank is a value like any other"),
    _words("letter_n_alone", "N", remark="a lone `N` is no boolean"),
    _words("letter_n_among_digits", "N", *"123456789", steepness=0.4, remark="`N` is a category, no null"),
    _words("letter_among_digits", "A", "0", "1", "2", "3", "4", steepness=0.3),
    _words("plus_among_digits", "0", "1", "2", "3+", steepness=0.3),
)  # fmt: skip

WORDS: tuple[Case, ...] = (
    _words("words", *_WORDS, sentinels=("unknown", "")),
    _words("capitals", *(word.upper() for word in _WORDS), sentinels=("N/A", "?")),
    _words("words_that_differ_by_case", "red", "Red", "RED", "blue", "Blue"),
    _words("words_with_blanks_around", " left", "right ", " both ", "none at all", "left",
           remark="blanks around a value stay"),
    _words("accents", "Ünal", "Çelik", "Müller", "Łódź", "São Paulo", "naïve", sentinels=("",)),
    _words("emoji", "👍", "👎🏽", "👩‍👩‍👧", "🇳🇴", "ok 🙂"),
    _words("combining_characters", "e\u0301te\u0301", "\u00e9t\u00e9", "n\u0303", "\u00f1", "a\u030a"),
    _words("arabic_digits", "٣", "١٢", "٤٥٦", "٨٩"),
    _words("chinese", "北京", "上海", "广州", "深圳"),
    _words("right_to_left", "שלום", "مرحبا", "תודה"),
    _words("quotes_and_commas", 'say "hi"', "it's", "a,b", "a;b", "back\\slash", "tab\there", "100%"),
    _words("line_ends", "one\ntwo", "one\r\ntwo", "one", "two\n"),
    _words("words_that_yaml_reads", "NO", "SE", "yes", "null", "01234", "1.0", "12:30"),
    _words("state_codes", "CA", "TX", "NY", "FL", "IN", "OR", "ME", "OK", "HI", "NE", column="state"),
    _words("country_names", "Norway", "Sweden", "Denmark", "Côte d'Ivoire", "Bosnia and Herzegovina",
           column="country"),
    _words("cities", "Aberdeen", "Bristol", "Cardiff", "St. Albans", "Stoke-on-Trent", column="city"),
    _words("currencies", "EUR", "USD", "GBP", "CHF", "JPY"),
    _words("weekdays", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    _words("months", "January", "February", "March", "April", "May", "June"),
    _words("ranges", "0-9", "10-19", "20-29", "30-39", ">=40", "<1"),
    _words("blood_pressures", *(f"{s}/{s - 40}" for s in range(100, 150, 5)), sentinels=("", "N/A")),
    _words("coordinates", "51.5, -0.12", "48.85, 2.35", "40.71, -74.01", "-33.87, 151.21"),
    _words("versions", "1.2.3", "1.10.0", "2.0.0", "2.0.1", "10.4.22"),
    _words("codes", *(f"AB-{number}" for number in range(1234, 1254)), sentinels=("", "XX-0000")),
    _words("diagnoses", "E11.9", "I10", "J45.909", "Z00.00", "M54.5", "K21.9"),
    _words("json", '{"a": 1}', '{"a": 2, "b": [1, 2]}', "{}", "[]", "null"),
    _words("paths", "/var/log/a.log", "C:\\Temp\\b.txt", "../c", "~/d"),
    _words("markup", "<b>bold</b>", "a &amp; b", "<br/>", "$x^2$"),
    _words("one_letter", *"ABCDEFG"),
    _words("ordered_words", "low", "medium", "high", "very high"),
    _words("sizes", "XS", "S", "M", "L", "XL", "XXL"),
    _words("levels_of_numbers", "1st", "2nd", "3rd", "4th"),
)  # fmt: skip

_POSTCODES = ("00680", "02134", "01013", "90210", "10001", "60614", "73301", "94105", "30301", "98101")

CODES: tuple[Case, ...] = (
    _words("postcodes", *_POSTCODES, column="zip", spelling=r"\d{5}", sentinels=("00000", ""),
           remark="leading zeros stay"),
    _words("postcodes_few_leading_zeros", *_POSTCODES[::-1], "90211", "90212", "90213", spelling=r"\d{5}",
           steepness=1.5, remark="leading zeros stay at any share"),
    _words("postcodes_unnamed", *_POSTCODES, spelling=r"\d{5}"),
    _words("zip_plus_four", *(f"{code}-{4000 + k}" for k, code in enumerate(_POSTCODES)), column="postcode",
           spelling=r"\d{5}-\d{4}"),
    _words("postcodes_british", "SW1A 1AA", "M1 1AE", "B33 8TH", "CR2 6XH", column="postal_code"),
    Case(name="codes_of_seven_digits", back=Back.NUMBERS, draw=filled("00#####"), spelling=r"\d{7}",
         read=float, remark="leading zeros stay"),
    _tokens("codes_all_different", "AA-####99", r"[A-Z]{2}-\d{6}", r"[A-Z0-9/._-]+"),
    _tokens("hex_tokens", "xxxxxxxxxxxxxxxx", r"[0-9a-f]{16}", r"[0-9a-f]+"),
    _tokens("mac_addresses", "xx:xx:xx:xx:xx:xx", r"([0-9a-f]{2}:){5}[0-9a-f]{2}", r"[0-9A-Fa-f:]+"),
    _tokens("order_numbers", "2024/9#####", r"\d{4}/\d{6}", r"[\d/]+"),
    _tokens("ids_of_10_digits", "9#########", r"\d{10}", back=Back.NUMBERS, read=float),
    _tokens("base64_tokens", "AaAa##AaAa##AaA=", r"[A-Za-z0-9+/]{15}=", r"[A-Za-z0-9+/=]+"),
)  # fmt: skip

PERSONAL: tuple[Case, ...] = (
    _personal("emails", _each(_join(".", _first, _last, _numbers), lambda s: s.lower() + "@mail.com"),
              r"[^@\s]+@[a-z.]+\.[a-z]+", are_keys=True, sentinels=("N/A", "")),
    _personal("social_security_numbers", _ssns, r"\d{3}-\d{2}-\d{4}", are_keys=True),
    _personal("cards", _cards, r"\d{16}", are_keys=True),
    _personal("cards_with_blanks", _each(_cards, lambda s: " ".join(s[k : k + 4] for k in range(0, 16, 4))),
              r"(\d{4} ){3}\d{4}", are_keys=True, remark="the blanks stay"),
    _personal("phones", filled("(99#) 99#-####"), r"\(\d{3}\) \d{3}-\d{4}", remark="the marks stay"),
    _personal("phones_with_dashes", filled("99#-99#-####"), r"\d{3}-\d{3}-\d{4}"),
    _personal("phones_international", filled("+44 20 #### ####"), r"\+\d{1,3}[ 0-9]+"),
    Case(name="phones_as_bigint", spark_type="bigint", back=Back.MADE_UP, column="phone",
         draw=integers(2_000_000_000, 9_999_999_999), spelling=r"\d{10}", remark="never 1, 2, 3"),
    Case(name="customer_ids_as_bigint", spark_type="bigint", back=Back.MADE_UP, column="customer_id",
         draw=integers(1_000_000_000, 9_999_999_999), spelling=r"\d{10}", are_keys=True),
    Case(name="record_ids_as_decimal", spark_type="decimal(38,0)", back=Back.MADE_UP, column="record_id",
         draw=lambda g, n: [Decimal(text) for text in filled("9" + "#" * 37)(g, n)], spelling=r"\d+",
         are_keys=True, remark="never null where the source has no null"),
    Case(name="patient_ids_as_tinyint", spark_type="tinyint", back=Back.MADE_UP, column="patient_id",
         draw=integers(1, 120), spelling=r"\d{1,3}", remark="never below 0"),
    _personal("uuids", _uuids, r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", are_keys=True),
    _personal("ip_addresses", _join(".", *[written(lambda g, n: g.integers(1, 255, n), str)] * 4),
              r"\d{1,3}(\.\d{1,3}){3}"),
    _personal("urls", _each(_numbers, lambda s: f"https://shop.example.net/item/{s}"), r"https?://\S+",
              are_keys=True),
    _personal("first_names", _first, r"[A-Z][A-Za-z'-]+", column="first_name", sentinels=("",)),
    _personal("last_names", _last, r"[A-Z][A-Za-z' -]+", column="last_name"),
    _personal("full_names", _join(" ", _first, _last), r"[A-Z][A-Za-z'. -]+ [A-Z][A-Za-z'. -]+"),
    _personal("streets", _join(" ", written(lambda g, n: g.integers(1, 999, n), str), pool(*_STREETS)),
              r"\d+ [A-Z][A-Za-z' -]+"),
    _personal("free_text", _notes, _TEXT, remark="a text may name anybody"),
)  # fmt: skip

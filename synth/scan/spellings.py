"""The value classes by name: every spelling that a scan tells apart, as public grammar.

Classes come in families. Those of a family are alike (whole numbers by their length, amounts of one currency
by their marks), so that a family is judged together where the noise hides its members.
"""

import itertools

PADS = ("padded", "bare", "two")
"""How the day and the month of a date are written: with a leading zero, with one digit, or the value
shows neither because both have two digits."""

MISSING_WORDS: tuple[str, ...] = (
    *("NA", "N/A", "n/a", "na", "Na", "N.A.", "n.a.", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "NaT"),
    *("NULL", "Null", "null", "(null)", "<null>", "\\N", "None", "none", "NONE", "nil", "Nil", "NIL"),
    *("?", "??", "-", "--", "---", ".", "..", "...", "*", "**", "_", "#", "x"),
    *("missing", "Missing", "MISSING", "unknown", "Unknown", "UNKNOWN", "not available", "Not Available"),
    *("undefined", "Undefined", "not applicable", "Not Applicable", "n.d.", "tbd", "TBD"),
    *("#VALUE!", "#DIV/0!", "#REF!", "#NUM!"),
)
"""Words for a missing value, each a class of its own; other cases of them are `missing_word`."""
INFINITIES = ("inf", "-inf", "+inf", "Infinity", "-Infinity", "INF", "-INF")
LETTERS = tuple(letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwyz")
"""Single letters; a lone `x` marks a missing value."""
TRUTHS = (("true", "false"), ("yes", "no"), ("on", "off"))

REALS = tuple(f"real_{places}" for places in range(1, 11))
"""Numbers with that many digits after the point; more digits are `real_many`."""
LENGTHS = tuple(f"integer_{length}" for length in range(1, 9))
DIGITS = tuple(f"digits_{length}" for length in range(9, 20))
ZERO_PADDED = (*(f"zero_padded_{width}" for width in range(2, 13)), "zero_padded_long")
CALENDARS = ("date_compact", "month_compact", "timestamp_compact", "epoch_s", "epoch_ms", "epoch_us")
SIGNED = ("integer_minus", "integer_plus")
OPEN_REALS = tuple(f"real_open_{places}" for places in range(1, 7))
PLUS_REALS = tuple(f"real_plus_{places}" for places in range(1, 5))
EXPONENTS = (
    "exponent_python",
    "exponent_python_capital",
    "exponent_java",
    "exponent_bare",
    "exponent_bare_capital",
    *(f"exponent_fixed_{places}" for places in range(2, 11)),
    *(f"exponent_fixed_capital_{places}" for places in range(2, 11)),
)

CURRENCIES = (
    *("$0", "€0", "£0", "¥0", "₹0", "$ 0", "€ 0", "£ 0", "US$0", "R$ 0", "R$0", "USD 0", "EUR 0", "GBP 0"),
    *("CHF 0", "0€", "0 €", "0 $", "0 EUR", "0 USD", "0 kr", "0 zł", "($0)", "(€0)", "(£0)", "0+"),
)
SHARES = ("0", "(0)", "0%", "0 %", "+0%")
_UNIT_WORDS = (
    *(
        "kg",
        "g",
        "mg",
        "lb",
        "lbs",
        "oz",
        "t",
        "km",
        "m",
        "cm",
        "mm",
        "mi",
        "miles",
        "ft",
        "in",
        "l",
        "L",
        "ml",
    ),
    *("h", "hr", "hrs", "hours", "min", "mins", "minutes", "s", "sec", "seconds", "ms", "days", "weeks"),
    *("months", "years", "yrs", "GB", "MB", "KB", "TB", "kB", "GHz", "MHz", "Hz", "W", "kW", "kWh", "V"),
    *("mAh", "°C", "°F", "°", "C", "F", "K", "k", "M", "B", "mph", "km/h", "px", "pts", "bpm", "cc", "CC"),
)
_LIKE_A_CODE = frozenset({"C", "F", "B", "t", "V", "W", "l", "L"})
"""Units that are no unit without a blank: `12C` is a seat."""
UNITS = tuple(
    f"0{blank}{word}" for word in _UNIT_WORDS for blank in ("", " ") if blank or word not in _LIKE_A_CODE
)
"""Pictures of what stands around the digits of an amount: currencies, shares and units of measure."""

_MARKED = tuple(f"{mark}_{d}" for mark in ("point", "comma") for d in range(1, 5))
_GROUPED = tuple(
    f"{mark}_{d}" for mark in ("us", "eu", "blank_comma", "blank_point", "swiss") for d in range(5)
)
CORES: tuple[str, ...] = ("none", *_MARKED, "comma_3_sure", *_GROUPED)
"""How the digits of an amount are marked: `us_2` is 1,234.56, `eu_2` 1.234,56, `comma_1` 12,5. `comma_3` is
1,234, which may be grouped or have three decimals; 0,234 is `comma_3_sure`."""
_SHORT_CORES = (
    *("none", "point_1", "point_2", "point_3", "comma_1", "comma_2", "comma_3", "us_0", "us_1", "us_2"),
    *("eu_0", "eu_1", "eu_2", "blank_comma_0", "blank_comma_2", "blank_point_2", "swiss_2"),
)
_UNIT_CORES = ("none", "point_1", "point_2")


def amount(affix: str, core: str) -> str:
    """The class of amounts with that affix and those marks."""
    return f"amount {affix} {core}"


def cores_of(affix: str) -> tuple[str, ...]:
    """The cores that amounts of an affix are told apart by."""
    if affix in SHARES:
        return CORES
    return _SHORT_CORES if affix in CURRENCIES else _UNIT_CORES


AFFIXES: tuple[str, ...] = (*SHARES, *CURRENCIES, *UNITS)
AMOUNTS = {affix: tuple(amount(affix, core) for core in cores_of(affix)) for affix in AFFIXES}

ORDERS, MARKS, YEARS = ("mdy", "dmy", "either"), ("slash", "dash", "dot"), ("", "_yy")
NUMERIC_DATES = tuple(
    f"date_{order}_{mark}_{pad}{year}"
    for year in YEARS
    for mark in MARKS
    for order in (ORDERS if mark != "dot" else ("dmy",))
    for pad in PADS
)
YEAR_FIRST = (
    *("date_iso", "date_iso_two", "date_ymd_dash_bare"),
    *(f"date_ymd_{mark}_{pad}" for mark in ("slash", "dot") for pad in PADS),
)
NAMED_DATES = (
    *(
        f"date_day_{mark}_{name}_{case}_{pad}{year}"
        for mark in ("dash", "space", "slash")
        for name in ("short", "may")
        for case in ("title", "upper")
        for pad in PADS
        for year in YEARS
    ),
    *(f"date_day_space_long_title_{pad}" for pad in PADS),
    *(
        f"date_month_{name}_{comma}_{pad}"
        for name in ("short", "long", "may")
        for comma in ("comma", "plain")
        for pad in PADS
    ),
)
MONTHS = (
    *("month_iso", "month_slash_first", "month_slash_last"),
    *(
        f"month_name_{name}_{mark}{year}"
        for name in ("short", "long", "may")
        for mark in ("dash", "space")
        for year in YEARS
    ),
    *("quarter_dash", "quarter_bare", "quarter_first", "week_iso"),
)
CLOCK_TIMES = tuple(f"time_{clock}_{pad}" for clock in ("hm", "hms", "hm_12", "hms_12") for pad in PADS)
TIMES = (*CLOCK_TIMES, "time_hms_f3", "time_hms_f6", "duration_hm", "duration_hms")

GRAINS = ("", "_minute", "_hour", "_day", *(f"_f{digits}" for digits in range(1, 10)))
"""What a moment is a whole number of, seconds if nothing is said, or digits of a second."""
STAMPS = {
    (sep, zone): tuple(f"timestamp_{sep}{zone}{grain}" for grain in GRAINS)
    for sep in ("space", "t")
    for zone in ("", "_z", "_utc")
}
STAMP_MINUTES = ("timestamp_space_hm", "timestamp_t_hm")
OFFSETS = tuple(
    sorted(
        {f"{'-' if h < 0 else '+'}{abs(h):02d}:00" for h in range(-12, 15)}
        | {"-03:30", "+03:30", "+04:30", "+05:30", "+05:45", "+06:30", "+09:30"}
    )
)
ZONE_STYLES = ("colon", "plain", "hours")
ZONED = {
    (sep, style, digits): tuple(f"timestamp_{sep}_{style}_f{digits} {offset}" for offset in OFFSETS)
    for sep in ("space", "t")
    for style in ZONE_STYLES
    for digits in ((0, 3, 6) if style == "colon" else (0, 3) if style == "plain" else (0, 6))
    if not (sep == "t" and style == "hours")
}
STAMP_CLOCKS = ("hm", "hms", "hm_12", "hms_12")
STAMP_DATES = (
    *(f"{order}_slash_{pad}" for order in ORDERS for pad in PADS),
    *(f"{order}_dash_{pad}" for order in ORDERS for pad in ("padded", "two")),
    *(f"dmy_dot_{pad}" for pad in PADS),
    *(f"ymd_slash_{pad}" for pad in PADS),
)
OTHER_STAMPS = {
    (day, clock): tuple(f"timestamp_{day} {clock} {pad}" for pad in PADS)
    for day in STAMP_DATES
    for clock in STAMP_CLOCKS
}

CODES = (
    "code",
    *(f"code_A{letters}_D{digits}" for letters in range(1, 5) for digits in range(1, 11)),
    *(f"code_D{digits}_A{letters}" for digits in range(1, 7) for letters in range(1, 3)),
    *(f"hex_{length}" for length in (8, 12, 16, 24, 32, 40, 64)),
)
"""One word of letters and digits: so many capitals, then so many digits, or the other way around; `hex_` of
lower-case hexadecimal digits; the rest is `code`."""

CARDS = ("card_valid 0000 0000 0000 0000", "card_valid 0000-0000-0000-0000")
PHONES = tuple(
    f"phone {picture}"
    for picture in (
        *("(000) 000-0000", "(000)000-0000", "000-000-0000", "000.000.0000", "000 000 0000", "000-0000"),
        *("1-000-000-0000", "+0 (000) 000-0000", "+0-000-000-0000", "+0 000-000-0000", "+0 000 000 0000"),
        *("+00 00 0000 0000", "+00 000 0000000", "+00 000 000 0000", "+00 0000 000000", "+00 0 00 00 00 00"),
        *("+00 000 000 000", "+00 00000 00000", "+00-0000000000", "+00 0000000000"),
        *("000 0000 0000", "00000 000000", "0000 000000", "0000 000 0000", "00 00 00 00 00"),
    )
)
"""Cards and telephone numbers by where their marks stand; others are `card_valid` and `phone`."""

_SINGLES = (
    *("null", "nan", "empty", "blank", "missing_word", "opaque", "email", "url", "uuid", "ip_address"),
    *("iban_valid", "iban_like", "ssn_valid", "ssn_like", "card_valid", "card_like", "phone"),
    *("integer_long", "real_many", "real_whole", "amount_inner_minus", "amount_behind_minus"),
    *CARDS,
    *(
        "number_grouped",
        "digits_and_marks",
        "date_other",
        "timestamp_other",
        "timestamp_rfc",
        "timestamp_log",
    ),
    *("full_name", "person_name", "street_address", "number_and_words", "mixed_text", "words"),
    *("other_text", "long_text"),
)

MISSING = tuple(f"missing {word}" for word in MISSING_WORDS)
INFINITE = tuple(f"infinite {word}" for word in INFINITIES)
LETTER = tuple(f"letter {letter}" for letter in LETTERS)
TRUE_FALSE = tuple(f"word {word}" for pair in TRUTHS for word in pair)

FAMILIES: tuple[tuple[str, ...], ...] = (
    *((name,) for name in _SINGLES),
    MISSING,
    INFINITE,
    LETTER,
    TRUE_FALSE,
    LENGTHS,
    DIGITS,
    ZERO_PADDED,
    *((name,) for name in (*CALENDARS, *SIGNED)),
    REALS,
    OPEN_REALS,
    PLUS_REALS,
    EXPONENTS,
    *AMOUNTS.values(),
    NUMERIC_DATES,
    YEAR_FIRST,
    NAMED_DATES,
    MONTHS,
    TIMES,
    *STAMPS.values(),
    STAMP_MINUTES,
    *ZONED.values(),
    *(
        tuple(itertools.chain.from_iterable(OTHER_STAMPS[day, clock] for clock in STAMP_CLOCKS))
        for day in STAMP_DATES
    ),
    CODES,
    PHONES,
)
VALUE_CLASSES: tuple[str, ...] = tuple(itertools.chain.from_iterable(FAMILIES))
"""Public and in fixed order: a class is stored as its position. `*_valid` means that the checksum or the
number rules hold too, `*_like` that only the pattern does."""
CODE = {name: code for code, name in enumerate(VALUE_CLASSES)}

NO_VALUE = ("null", "nan", "empty", "blank", "missing_word", *MISSING, *INFINITE)
"""Classes of what is no value: missing, in whatever spelling."""
INTEGERS = (*LENGTHS, *DIGITS, "integer_long", "card_valid", *CALENDARS, *SIGNED)
FRACTIONS = (*REALS, "real_many", *OPEN_REALS, *PLUS_REALS, *EXPONENTS)
"""Classes of numbers that are not whole."""
NUMBERS = (*INTEGERS, *ZERO_PADDED, "real_whole", *FRACTIONS)
"""Classes of what the common form `-12.5e3` reads."""
DIGITS_OF_CLASS: dict[int, tuple[str, ...]] = {
    length: (
        f"integer_{length}" if length < 9 else f"digits_{length}",
        *((f"zero_padded_{length}",) if 2 <= length <= 12 else ()),
        *{6: ("month_compact",), 8: ("date_compact",), 10: ("epoch_s",), 13: ("epoch_ms",)}.get(length, ()),
        *{14: ("timestamp_compact",), 16: ("epoch_us", "card_valid")}.get(length, ()),
    )
    for length in range(1, 20)
}
"""Number of digits -> the classes of whole numbers of that many."""


def written_null(name: str) -> str | None:
    """How the values of a class of NO_VALUE, or of a single letter, are written; None for null."""
    match name:
        case "null" | "missing_word":
            return None
        case "nan":
            return "NaN"
        case "empty":
            return ""
        case "blank":
            return " "
        case _:
            return name.partition(" ")[2]

"""Dates, moments and times of day: which of the public spellings each string is written in."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.scan.matching import NONE, Codes, bools, lengths, matches, positions
from synth.scan.spellings import CODE, GRAINS, MARKS, OFFSETS, ORDERS, PADS, STAMP_CLOCKS, ZONE_STYLES

ISO_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_ISO_STAMP = rf"^{ISO_DAY}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"
_CLOCK = r"(?P<h>\d{1,2}):(?P<mi>[0-5]\d)(?P<s>:[0-5]\d)?(?P<f>\.\d{1,9})?(?P<p> [AP]M)?"
_STAMP = (
    r"^(?P<a>\d{1,4})(?P<m1>[/.-])(?P<b>\d{1,2})(?P<m2>[/.-])(?P<c>\d{1,4})"
    rf"(?:(?P<sep>[ T]){_CLOCK}(?P<z>Z| UTC|[+-]\d\d(?::?\d\d)?)?)?$"
)
_NUMERIC = r"^\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}($|[ T,])"
_LOOSE_CLOCK = r"\d{1,2}:\d\d"
_TIME = rf"^{_CLOCK}$"
_DURATION = r"^\d{1,4}:[0-5]\d(?P<s>:[0-5]\d)?$"
_SHORT = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTH = rf"(?P<mon>(?i:{_LONG}|{_SHORT}))"
_HAS_MONTH = rf"(?i)(^|[ /-])({_SHORT})"
_DAY_MONTH = rf"^(?P<d>\d{{1,2}})(?P<m1>[ /-]){_MONTH}(?P<m2>[ /-])(?P<y>\d{{2}}|\d{{4}})$"
_MONTH_DAY = rf"^{_MONTH} (?P<d>\d{{1,2}})(?P<comma>,?) (?P<y>\d{{4}})$"
_MONTH_YEAR = rf"^{_MONTH}(?P<m1>[ -])(?P<y>\d{{2}}|\d{{4}})$"
_FIXED = (
    (r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$", "timestamp_rfc"),
    (r"^\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000$", "timestamp_log"),
    (r"^\d{4}-Q[1-4]$", "quarter_dash"),
    (r"^\d{4}Q[1-4]$", "quarter_bare"),
    (r"^Q[1-4] \d{4}$", "quarter_first"),
    (r"^\d{4}-W(0[1-9]|[1-4]\d|5[0-3])$", "week_iso"),
)
_MONTHS = (
    (r"^(1[5-9]|20|21)\d\d-(0[1-9]|1[0-2])$", "month_iso"),
    (r"^(1[5-9]|20|21)\d\d/(0[1-9]|1[0-2])$", "month_slash_first"),
    (r"^(0[1-9]|1[0-2])/(1[5-9]|20|21)\d\d$", "month_slash_last"),
)
_Classify = Callable[[pa.Array], Codes]
_MARK_CHARACTERS = ("/", "-", ".")


def classify_numeric_moments(texts: pa.Array) -> Codes:
    """Codes of dates and moments without letters but `T`, `Z`, `UTC`, `AM`, `PM`; NONE for other strings."""
    codes = np.full(len(texts), NONE, dtype=np.int32)
    _fill(codes, texts, rf"^{ISO_DAY}$", _iso_dates)
    _fill(codes, texts, _ISO_STAMP, _iso_stamps)
    if (codes == NONE).any():
        _fill(codes, texts, _NUMERIC, _stamps)
        _fill(codes, texts, rf"^{_LOOSE_CLOCK}|^\d{{3,4}}:\d\d", _times)
        for pattern, name in _MONTHS:
            _fill(codes, texts, pattern, _constant(name))
    return codes


def classify_named_moments(texts: pa.Array) -> Codes:
    """Codes of dates and moments with the names of months or days; NONE for other strings."""
    codes = np.full(len(texts), NONE, dtype=np.int32)
    for pattern, name in _FIXED:
        _fill(codes, texts, pattern, _constant(name))
    _fill(codes, texts, _HAS_MONTH, _named)
    return codes


def moment_grains(seconds: NDArray[np.int64], micros: NDArray[np.int64]) -> Codes:
    """Codes of moments of a typed column, by what they are a whole number of. [n], [n] -> [n].

    Args:
      micros: microseconds within each second.
    """
    within = np.select(
        [micros % 1000 != 0, micros != 0, seconds % 60 != 0, seconds % 3600 != 0, seconds % 86_400 != 0],
        [GRAINS.index("_f6"), GRAINS.index("_f3"), 0, GRAINS.index("_minute"), GRAINS.index("_hour")],
        GRAINS.index("_day"),
    )
    return _STAMP_CODES["space", ""][within]


def _constant(name: str) -> _Classify:
    return lambda texts: np.full(len(texts), CODE[name], dtype=np.int32)


def _fill(codes: Codes, texts: pa.Array, pattern: str, classify: _Classify) -> None:
    """Classify those of the strings without a code that match the pattern, in place."""
    left = np.flatnonzero(codes == NONE)
    if not left.size:
        return
    rest = texts if len(left) == len(texts) else texts.take(pa.array(left))
    hit = matches(rest, pattern)
    if hit.any():
        codes[left[hit]] = classify(rest.filter(pa.array(hit)))


def _iso_dates(texts: pa.Array) -> Codes:
    two = matches(texts, r"-1[0-2]-[123]\d$")
    return np.where(two, CODE["date_iso_two"], CODE["date_iso"]).astype(np.int32)


def _iso_stamps(texts: pa.Array) -> Codes:
    is_t = matches(texts, "T")
    grain = _grains(texts)
    return np.where(is_t, _STAMP_CODES["t", ""][grain], _STAMP_CODES["space", ""][grain])


def _grains(texts: pa.Array) -> NDArray[np.int64]:
    """Positions in GRAINS of moments that end in `HH:MM:SS`."""
    grain = np.zeros(len(texts), dtype=np.int64)
    whole = np.flatnonzero(matches(texts, ":00$"))
    if whole.size:
        rest = texts.take(pa.array(whole))
        hours, days = matches(rest, ":00:00$"), matches(rest, "00:00:00$")
        grain[whole] = np.select(
            [days, hours], [GRAINS.index("_day"), GRAINS.index("_hour")], GRAINS.index("_minute")
        )
    return grain


def _stamps(texts: pa.Array) -> Codes:
    """Any numbers that may be a date, with or without a clock: `timestamp_other` if no known spelling."""
    parts = pc.extract_regex(texts, _STAMP)
    text = {name: pc.fill_null(parts.field(name), "") for name in ("a", "b", "c", "h", "s", "f", "p", "z")}
    long = [lengths(text[name]) for name in ("a", "b", "c")]
    a, b, c = (_numbers(text[name]) for name in ("a", "b", "c"))
    mark, mark2 = (positions(pc.fill_null(parts.field(m), ""), _MARK_CHARACTERS) for m in ("m1", "m2"))
    year_first = long[0] == 4
    order, day, month = _order(a, b, c, year_first, mark)
    first, second = (text["a"], text["b"]), (text["b"], text["c"])
    pad = np.where(year_first, _pads(*second), _pads(*first))
    good = bools(parts.is_valid()) & (mark == mark2) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    good &= np.where(year_first, long[2] <= 2, (long[0] <= 2) & ((long[2] == 4) | (long[2] == 2)))
    year = ((long[2] == 2) & ~year_first).astype(np.int64)
    has_clock = lengths(text["h"]) > 0
    dates = np.where(good, _DATE_CODES[order, mark, pad, year], NONE)
    hour = _numbers(text["h"])
    clock = (lengths(text["s"]) > 0) + 2 * (lengths(text["p"]) > 0)
    fits = good & np.where(clock >= 2, (hour >= 1) & (hour <= 12), hour < 24)
    plain = fits & (lengths(text["f"]) == 0) & (lengths(text["z"]) == 0) & (year == 0)
    is_space = bools(pc.equal(pc.fill_null(parts.field("sep"), ""), " "))
    other = np.where(
        plain & is_space, _OTHER_CODES[order, mark, pad, clock, _pads(text["h"])], CODE["timestamp_other"]
    )
    is_iso = fits & year_first & (mark == MARKS.index("dash")) & (pad != PADS.index("bare")) & (clock < 2)
    is_iso &= lengths(text["h"]) == 2
    iso = _zoned(text, is_space, clock)
    moments = np.where(is_iso, iso, other)
    moments = np.where(moments == NONE, CODE["timestamp_other"], moments)
    loose = matches(texts, _LOOSE_CLOCK)
    return np.where(has_clock | (loose & ~good), moments, dates).astype(np.int32)


def _order(
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    c: NDArray[np.int64],
    year_first: NDArray[np.bool_],
    mark: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Position in ORDERS (ymd after them), day and month; with dots the day always comes first."""
    is_dot = mark == MARKS.index("dot")
    order = np.select([(a <= 12) & (b <= 12), a <= 12], [2, 0], 1)
    order = np.where(is_dot, 1, order)
    order = np.where(year_first, len(ORDERS), order)
    day = np.select([year_first, order == 0], [c, b], a)
    month = np.select([year_first, order == 0], [b, a], b)
    return order, day, month


def _zoned(text: dict[str, pa.Array], is_space: NDArray[np.bool_], clock: NDArray[np.int64]) -> Codes:
    """Codes of moments in ISO form by their zone, fraction and grain; NONE if no class has them."""
    zone = text["z"]
    sep = np.where(is_space, 0, 1)
    digits = np.maximum(lengths(text["f"]) - 1, 0)
    has_seconds = clock == 1
    style = np.select(
        [matches(zone, "^[+-].*:"), matches(zone, r"^[+-]\d{4}$"), matches(zone, "^[+-]")], [0, 1, 2], NONE
    )
    offset = positions(_offset_texts(zone), OFFSETS)
    with_offset = np.where(
        (style != NONE) & (offset != NONE) & has_seconds, _ZONED_CODES[sep, style, digits, offset], NONE
    )
    kind = np.select(
        [bools(pc.equal(zone, "")), bools(pc.equal(zone, "Z")), bools(pc.equal(zone, " UTC"))],
        [0, 1, 2],
        NONE,
    )
    grain = np.where(digits > 0, GRAINS.index("_f1") + digits - 1, 0)
    by_kind = np.where((kind != NONE) & has_seconds, _KIND_CODES[sep, kind, grain], NONE)
    minutes = np.where((kind == 0) & (clock == 0) & (digits == 0), _MINUTE_CODES[sep], NONE)
    return np.where(minutes != NONE, minutes, np.where(kind != NONE, by_kind, with_offset)).astype(np.int32)


def _offset_texts(zones: pa.Array) -> pa.Array:
    """Zones as `+02:00`."""
    plain = pc.replace_substring_regex(zones, r"^([+-]\d\d):?(\d\d)$", r"\1:\2")
    return pc.replace_substring_regex(plain, r"^([+-]\d\d)$", r"\1:00")


def _times(texts: pa.Array) -> Codes:
    """Times of day and durations."""
    parts = pc.extract_regex(texts, _TIME)
    hour = _numbers(pc.fill_null(parts.field("h"), ""))
    has = {name: lengths(pc.fill_null(parts.field(name), "")) for name in ("s", "f", "p")}
    clock = (has["s"] > 0) + 2 * (has["p"] > 0)
    pad = _pads(pc.fill_null(parts.field("h"), ""))
    fits = bools(parts.is_valid()) & np.where(clock >= 2, (hour >= 1) & (hour <= 12), hour < 24)
    digits = np.maximum(has["f"] - 1, 0)
    codes = np.where(fits & (digits == 0), _TIME_CODES[clock, pad], NONE)
    for places in (3, 6):
        codes = np.where(fits & (clock == 1) & (digits == places), CODE[f"time_hms_f{places}"], codes)
    spans = pc.extract_regex(texts, _DURATION)
    of = np.where(
        bools(pc.equal(pc.fill_null(spans.field("s"), ""), "")), CODE["duration_hm"], CODE["duration_hms"]
    )
    codes = np.where((codes == NONE) & bools(spans.is_valid()), of, codes)
    return codes.astype(np.int32)


def _named(texts: pa.Array) -> Codes:
    codes = np.full(len(texts), NONE, dtype=np.int32)
    _fill(codes, texts, _DAY_MONTH, _day_month)
    _fill(codes, texts, _MONTH_DAY, _month_day)
    _fill(codes, texts, _MONTH_YEAR, _month_year)
    return codes


def _day_month(texts: pa.Array) -> Codes:
    parts = pc.extract_regex(texts, _DAY_MONTH)
    mark, mark2 = (positions(parts.field(name), ("-", " ", "/")) for name in ("m1", "m2"))
    name, case = _month_names(parts.field("mon"))
    day = _numbers(parts.field("d"))
    year = (lengths(parts.field("y")) == 2).astype(np.int64)
    codes = _DAY_MONTH_CODES[mark, name, case, _pads(parts.field("d")), year]
    good = (mark == mark2) & (day >= 1) & (day <= 31) & (codes != NONE)
    return np.where(good, codes, CODE["date_other"]).astype(np.int32)


def _month_day(texts: pa.Array) -> Codes:
    parts = pc.extract_regex(texts, _MONTH_DAY)
    name, case = _month_names(parts.field("mon"))
    day = _numbers(parts.field("d"))
    comma = (lengths(parts.field("comma")) == 0).astype(np.int64)
    codes = _MONTH_DAY_CODES[name, comma, _pads(parts.field("d"))]
    good = (case == 0) & (day >= 1) & (day <= 31)
    return np.where(good, codes, CODE["date_other"]).astype(np.int32)


def _month_year(texts: pa.Array) -> Codes:
    parts = pc.extract_regex(texts, _MONTH_YEAR)
    name, case = _month_names(parts.field("mon"))
    mark = positions(parts.field("m1"), ("-", " "))
    year = (lengths(parts.field("y")) == 2).astype(np.int64)
    codes = _MONTH_YEAR_CODES[name, mark, year]
    return np.where(case == 0, codes, NONE).astype(np.int32)


def _month_names(names: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Whether a month is short, long or May (0, 1, 2), and in title case, capitals or neither (0, 1, 2)."""
    is_may = bools(pc.equal(pc.ascii_lower(names), "may"))
    kind = np.select([is_may, lengths(names) == 3], [2, 0], 1)
    case = np.select([matches(names, "^[A-Z][a-z]+$"), matches(names, "^[A-Z]+$")], [0, 1], 2)
    return kind, case


def _pads(*texts: pa.Array) -> NDArray[np.int64]:
    """Positions in PADS of numbers of one or two digits, together."""
    padded = np.zeros(len(texts[0]), dtype=np.bool_)
    bare = np.zeros(len(texts[0]), dtype=np.bool_)
    for text in texts:
        padded |= matches(text, r"^0\d")
        bare |= lengths(text) == 1
    return np.select([padded, bare], [0, 1], 2)


def _numbers(texts: pa.Array) -> NDArray[np.int64]:
    """Whole numbers of strings of digits; 0 for an empty one."""
    known = pc.if_else(pc.equal(texts, ""), "0", texts)
    return np.asarray(known.cast(pa.int64()).to_numpy(zero_copy_only=False))


def _codes(*axes: tuple[object, ...], name: str) -> Codes:
    """An array of codes with an axis for each part of the name; NONE where there is no such class."""
    shape = tuple(len(axis) for axis in axes)
    table = np.full(shape, NONE, dtype=np.int32)
    for place in np.ndindex(shape):
        parts = [axis[i] for axis, i in zip(axes, place, strict=True)]
        table[place] = CODE.get(name.format(*parts), NONE)
    return table


_YY = ("", "_yy")
_DATE_CODES = _codes((*ORDERS, "ymd"), MARKS, PADS, _YY, name="date_{}_{}_{}{}")
_DATE_CODES[len(ORDERS), MARKS.index("dash"), :, 0] = [
    CODE["date_iso"],
    CODE["date_ymd_dash_bare"],
    CODE["date_iso_two"],
]
_OTHER_CODES = _codes((*ORDERS, "ymd"), MARKS, PADS, STAMP_CLOCKS, PADS, name="timestamp_{}_{}_{} {} {}")
_TIME_CODES = _codes(STAMP_CLOCKS, PADS, name="time_{}_{}")
_STAMP_CODES = {
    (sep, zone): _codes(GRAINS, name=f"timestamp_{sep}{zone}{{}}")
    for sep in ("space", "t")
    for zone in ("", "_z", "_utc")
}
_KIND_CODES = _codes(("space", "t"), ("", "_z", "_utc"), GRAINS, name="timestamp_{}{}{}")
_MINUTE_CODES = _codes(("space", "t"), name="timestamp_{}_hm")
_ZONED_CODES = _codes(("space", "t"), ZONE_STYLES, tuple(range(10)), OFFSETS, name="timestamp_{}_{}_f{} {}")
# Hours alone are written by systems that leave out zeros at the end of a fraction.
_ZONED_CODES[:, 2, 1:] = _ZONED_CODES[:, 2, 6][:, None]
_DAY_MONTH_CODES = _codes(
    ("dash", "space", "slash"),
    ("short", "long", "may"),
    ("title", "upper", "other"),
    PADS,
    _YY,
    name="date_day_{}_{}_{}_{}{}",
)
_MONTH_DAY_CODES = _codes(("short", "long", "may"), ("comma", "plain"), PADS, name="date_month_{}_{}_{}")
_MONTH_YEAR_CODES = _codes(("short", "long", "may"), ("dash", "space"), _YY, name="month_name_{}_{}{}")

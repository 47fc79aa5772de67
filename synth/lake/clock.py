"""Dates, moments and times of day as text: strptime formats, both ways, over whole arrays.

Beside Python's own directives: `%-m`, `%-d`, `%-H`, `%-I` without a leading zero; `%^b` in capitals; `%3f`
three digits of a second, `%-6f` up to six; `%s` seconds since 1970; `%q` a quarter; `%J` hours of a duration,
of which there may be more than 24. A time zone is written as it stands: `%H:%M:%S+02:00`, `%H:%M:%SZ`. Of
alternatives, `%Y-%m-%d|%d.%m.%Y`, all are read and the first is written.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.calendar import SECONDS_A_DAY

_Ints = NDArray[np.int64]
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORTHANDS = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
_DIRECTIVE = re.compile(r"%[-^]?\d?[A-Za-z%]")
_ZONE = re.compile(r"(?<=[SfM])( ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))$")
_ANY_ZONE = r"(?P<z> ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))"
_PLAIN_DIRECTIVES = re.compile(r"%Y[-/.]%m[-/.]%d([ T]%H:%M(:%S)?)?|%[md][-/.]%[md][-/.]%Y( %H:%M(:%S)?)?")
_READS = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "J": r"(?P<J>\d{1,6})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "j": r"(?P<j>\d{1,3})",
    "q": r"(?P<q>[1-4])",
    "s": r"(?P<s>-?\d{1,11}?)",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?",
    "b": r"(?P<b>[A-Za-z]{3})[A-Za-z]*\.?",
    "B": r"(?P<b>[A-Za-z]{3})[A-Za-z]*\.?",
    "a": r"[A-Za-z]+\.?",
    "A": r"[A-Za-z]+",
    "z": _ANY_ZONE,
    "Z": _ANY_ZONE,
    "G": r"(?P<G>\d{4})",
    "V": r"(?P<V>\d{1,2})",
    "u": r"(?P<u>[1-7])",
}
_CENTURY_PIVOT = 69
"""Two-digit years from here on are of the last century, as POSIX has it."""


def read_clock(texts: pa.Array, format: str) -> NDArray[np.float64]:
    """Seconds since 1970-01-01 UTC, or since midnight without a date; NaN where unreadable. [n] -> [n]."""
    first, *others = format.split("|")
    read = _read_plain if _PLAIN_DIRECTIVES.fullmatch(first) else _read_parts
    moments = read(texts, first)
    for other in others:
        left = np.isnan(moments)
        if left.any():
            moments[left] = read_clock(texts.filter(pa.array(left)), other)
    return moments


def _read_plain(texts: pa.Array, format: str) -> NDArray[np.float64]:
    """Padded numbers alone: Arrow's own parser, which turns the 30th of February into the first of March."""
    moments = pc.strptime(texts, format=format, unit="s", error_is_null=True)
    seconds = moments.cast(pa.int64()).cast(pa.float64()).to_numpy(zero_copy_only=False).copy()
    early = pc.less(pc.year(moments), 1000)  # Arrow reads a year of two digits as it stands
    rolled = pc.fill_null(pc.or_(pc.less_equal(pc.day(moments), 3), early), False)
    doubtful = np.asarray(rolled.to_numpy(zero_copy_only=False))
    if doubtful.any():
        seconds[doubtful] = _read_parts(texts.filter(pa.array(doubtful)), format)
    return np.asarray(seconds, dtype=np.float64)


def _read_parts(texts: pa.Array, format: str) -> NDArray[np.float64]:
    pattern, groups = _reader(format)
    parts = pc.extract_regex(texts, pattern)
    part = _Parts(parts, groups)
    days, good = _days(part)
    seconds = part.number("H") * 3600 + part.number("J") * 3600 + part.number("M") * 60 + part.number("S")
    good &= (part.number("H") < 24) & (part.number("M") < 60) & (part.number("S") < 61)
    if "I" in groups:
        hour = part.number("I")
        good &= (hour >= 1) & (hour <= 12)
        afternoon = part.text("p").isin(("p", "P")) if "p" in groups else np.zeros(len(texts), dtype=bool)
        seconds = seconds + (hour % 12 + 12 * afternoon) * 3600
    moment = (days * SECONDS_A_DAY + seconds).astype(np.float64)
    if "s" in groups:
        moment += part.number("s")
    if "z" in groups:
        moment -= 60.0 * _offsets(part.strings("z"))
    if "f" in groups:
        moment += part.fraction("f")
    return np.where(good & part.is_read, moment, np.nan)


def write_clock(seconds: NDArray[np.float64], format: str) -> list[str]:
    """Finite seconds since 1970-01-01 UTC (since midnight without a date) in the format. [n] -> [n]."""
    body, zone, tokens, digits = _taken_apart(format)
    unit = 10**digits
    scaled = np.round(np.asarray(seconds, dtype=np.float64) * unit) if digits else np.floor(seconds)
    ticks = scaled.astype(np.int64) + _offset(zone) * 60 * unit
    template: list[str] = []
    columns: list[list[Any]] = []
    moment = _Moment(ticks, unit)
    position = 0
    for found in _DIRECTIVE.finditer(body):
        template.append(body[position : found.start()].replace("%", "%%"))
        position = found.end()
        if found[0] == "%%":
            template.append("%%")
        else:
            placeholder, values = _WRITES[tokens[found.start()]](moment, found[0])
            template.append(placeholder)
            if "%" in placeholder:
                columns.append(values)
    line = "".join([*template, body[position:].replace("%", "%%"), zone.replace("%", "%%")])
    if not columns:
        return [line % ()] * len(ticks)
    rows = zip(*columns, strict=True)
    texts = [line % row for row in rows]
    if "%-" in body and body.rstrip().endswith("f"):
        texts = [text.removesuffix(".") for text in texts]
    return texts


def smallest_step(format: str) -> int:
    """Seconds between neighbouring values that the format can write: 60 for `%H:%M`."""
    written = set(_taken_apart(format)[2].values())
    if written & {"S", "s", "f"}:
        return 1
    if "M" in written:
        return 60
    return 3600 if written & {"H", "I", "J"} else SECONDS_A_DAY


@lru_cache(maxsize=256)
def _taken_apart(format: str) -> tuple[str, str, dict[int, str], int]:
    """The first alternative without its zone, the zone as written, directive letters by place, digits of a
    second."""
    format = format.partition("|")[0]
    for short, long in _SHORTHANDS.items():
        format = format.replace(short, long)
    found = _ZONE.search(format)
    zone = found[1] if found else ""
    body = format[: found.start()] if found else format
    tokens, digits = {}, 0
    for directive in _DIRECTIVE.finditer(body):
        letter = directive[0][-1]
        tokens[directive.start()] = letter
        if letter not in _WRITES and letter != "%":
            raise ValueError(f"format directive {directive[0]!r} is not known; use those of strptime")
        if letter == "f":
            digits = int(re.sub(r"\D", "", directive[0]) or 6)
    return body, zone, tokens, digits


@lru_cache(maxsize=256)
def _reader(format: str) -> tuple[str, frozenset[str]]:
    """The pattern that reads the format, and its groups."""
    body, zone, tokens, digits = _taken_apart(format)
    pieces, groups, position = [], set(), 0
    for found in _DIRECTIVE.finditer(body):
        literal = body[position : found.start()]
        letter = tokens[found.start()]
        position = found.end()
        if letter == "f":
            # The point goes with the digits: `12:34:56` is read beside `12:34:56.789`.
            dotted = literal.endswith(".")
            pieces.append(re.escape(literal[:-1] if dotted else literal))
            pieces.append(r"(?:\.(?P<f>\d{1,9}))?" if dotted else rf"(?P<f>\d{{{digits}}})")
            groups.add("f")
            continue
        pieces.append(re.escape(literal))
        if letter == "%":
            pieces.append("%")
            continue
        read = _READS[letter]
        named = re.search(r"P<(\w)>", read)
        if named and named[1] in groups:
            read = read.replace(f"?P<{named[1]}>", "?:")
        elif named:
            groups.add(named[1])
        pieces.append(read)
    pieces.append(re.escape(body[position:]))
    if zone:
        pieces.append(_ANY_ZONE)
        groups.add("z")
    return f"^{''.join(pieces)}$", frozenset(groups)


class _Parts:
    """The groups that a pattern found in each string; zero where a group is not in the pattern."""

    def __init__(self, parts: pa.StructArray, groups: frozenset[str]) -> None:
        self._parts = parts
        self._groups = groups
        self.is_read = np.asarray(parts.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)

    def __contains__(self, name: str) -> bool:
        return name in self._groups

    def strings(self, name: str) -> pa.Array:
        return pc.fill_null(self._parts.field(name), "")

    def text(self, name: str) -> "_Texts":
        return _Texts(self.strings(name))

    def number(self, name: str, default: int = 0) -> _Ints:
        if name not in self._groups:
            return np.full(len(self._parts), default, dtype=np.int64)
        texts = self.strings(name)
        known = pc.if_else(pc.equal(texts, ""), str(default), texts)
        return np.asarray(known.cast(pa.int64()).to_numpy(zero_copy_only=False))

    def fraction(self, name: str) -> NDArray[np.float64]:
        texts = pc.binary_join_element_wise("0", self.strings(name), ".")
        return np.asarray(texts.cast(pa.float64()).to_numpy(zero_copy_only=False))


class _Texts:
    def __init__(self, texts: pa.Array) -> None:
        self._texts = texts

    def isin(self, words: tuple[str, ...]) -> NDArray[np.bool_]:
        return np.asarray(pc.is_in(self._texts, value_set=pa.array(words)).to_numpy(zero_copy_only=False))


def _days(part: _Parts) -> tuple[_Ints, NDArray[np.bool_]]:
    """Days since 1970-01-01 of what a date's groups say, and whether there is such a day."""
    n = len(part.is_read)
    if not any(name in part for name in "YyG"):
        return np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.bool_)
    if "G" in part:
        return _days_of_week(part)
    years = part.number("Y", 1970)
    if "y" in part:
        short = part.number("y")
        years = np.where(short >= _CENTURY_PIVOT, 1900, 2000) + short
    months = part.number("m", 1)
    if "b" in part:
        names = pc.ascii_lower(part.strings("b"))
        known = pc.index_in(names, value_set=pa.array([month[:3].lower() for month in _MONTHS]))
        months = np.asarray(pc.fill_null(known, -1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1
    if "q" in part:
        months = 3 * part.number("q", 1) - 2
    days = part.number("d", 1)
    good = (years >= 1) & (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)
    since = (years - 1970) * 12 + months - 1
    firsts = np.where(good, since, 0).astype("datetime64[M]")
    day = firsts.astype("datetime64[D]") + np.where(good, days - 1, 0)
    good &= day.astype("datetime64[M]") == firsts
    if "j" in part:
        day = day + (part.number("j", 1) - 1)
    return day.astype(np.int64), good


def _days_of_week(part: _Parts) -> tuple[_Ints, NDArray[np.bool_]]:
    """ISO 8601 weeks: the week that holds the fourth of January is the first."""
    years, weeks, weekdays = part.number("G", 1970), part.number("V", 1), part.number("u", 1)
    fourth = ((years - 1970) * 12).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 3
    monday = fourth - (fourth + 3) % 7
    return monday + 7 * (weeks - 1) + weekdays - 1, (weeks >= 1) & (weeks <= 53)


def _offsets(zones: pa.Array) -> NDArray[np.float64]:
    """Minutes east of UTC of zones as they are written. [n] -> [n]."""
    coded = zones.dictionary_encode()
    minutes = np.array([_offset(zone) for zone in coded.dictionary.to_pylist()] or [0], dtype=np.float64)
    return minutes[coded.indices.to_numpy(zero_copy_only=False)]


def _offset(zone: str) -> int:
    found = re.fullmatch(r" ?([+-])(\d\d):?(\d\d)?", zone)
    if found is None:
        return 0
    return (60 * int(found[2]) + int(found[3] or 0)) * (-1 if found[1] == "-" else 1)


class _Moment:
    """Fields of moments: whole ticks since 1970-01-01, `unit` of them a second."""

    def __init__(self, ticks: _Ints, unit: int) -> None:
        self.ticks = ticks
        self.seconds, self.fraction = np.divmod(ticks, unit)
        self.unit = unit
        day, self.of_day = np.divmod(self.seconds, SECONDS_A_DAY)
        self.dates = day.astype("datetime64[D]")
        self.day_number = day
        months = self.dates.astype("datetime64[M]").astype(np.int64)
        self.year = months // 12 + 1970
        self.month = months % 12 + 1
        self.day = day - (months.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
        self.hour = self.of_day // 3600


_Written = tuple[str, list[Any]]
"""A placeholder of Python's % operator and the values to put there."""


def _padded(values: _Ints, width: int, directive: str) -> _Written:
    return ("%d" if directive.startswith("%-") else f"%0{width}d"), values.tolist()


def _named(names: tuple[str, ...], values: _Ints, length: int | None, directive: str) -> _Written:
    cut = [name[:length] for name in names]
    spelled = [name.upper() for name in cut] if directive.startswith("%^") else cut
    return "%s", [spelled[value] for value in values.tolist()]


def _fraction(moment: _Moment, directive: str) -> _Written:
    width = len(str(moment.unit)) - 1
    if not directive.startswith("%-"):
        return f"%0{width}d", moment.fraction.tolist()
    return "%s", [f"{value:0{width}d}".rstrip("0") for value in moment.fraction.tolist()]


def _week(moment: _Moment) -> tuple[_Ints, _Ints]:
    """ISO year and week."""
    thursday = moment.day_number - (moment.day_number + 3) % 7 + 3
    years = thursday.astype("datetime64[D]").astype("datetime64[Y]")
    first = years.astype("datetime64[D]").astype(np.int64)
    return years.astype(np.int64) + 1970, (thursday - first) // 7 + 1


_WRITES: dict[str, Callable[[_Moment, str], _Written]] = {
    "Y": lambda moment, d: _padded(moment.year, 4, d),
    "y": lambda moment, d: _padded(moment.year % 100, 2, d),
    "m": lambda moment, d: _padded(moment.month, 2, d),
    "d": lambda moment, d: _padded(moment.day, 2, d),
    "H": lambda moment, d: _padded(moment.hour, 2, d),
    "J": lambda moment, d: _padded(moment.seconds // 3600, 2, d),
    "I": lambda moment, d: _padded((moment.hour - 1) % 12 + 1, 2, d),
    "M": lambda moment, d: _padded(moment.of_day // 60 % 60, 2, d),
    "S": lambda moment, d: _padded(moment.of_day % 60, 2, d),
    "f": _fraction,
    "p": lambda moment, d: _named(("AM", "PM"), moment.hour // 12, None, d),
    "b": lambda moment, d: _named(_MONTHS, moment.month - 1, 3, d),
    "B": lambda moment, d: _named(_MONTHS, moment.month - 1, None, d),
    "a": lambda moment, d: _named(_DAYS, (moment.day_number + 3) % 7, 3, d),
    "A": lambda moment, d: _named(_DAYS, (moment.day_number + 3) % 7, None, d),
    "j": lambda moment, d: _padded(
        moment.day_number - moment.dates.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) + 1,
        3,
        d,
    ),
    "q": lambda moment, d: _padded((moment.month + 2) // 3, 1, d),
    "s": lambda moment, d: _padded(moment.seconds, 1, d),
    "G": lambda moment, d: _padded(_week(moment)[0], 4, d),
    "V": lambda moment, d: _padded(_week(moment)[1], 2, d),
    "u": lambda moment, d: _padded((moment.day_number + 3) % 7 + 1, 1, d),
    "z": lambda moment, d: ("+0000", []),
    "Z": lambda moment, d: ("UTC", []),
}

"""Dates, timestamps and times of day as people and programs spell them, in columns of strings."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from case import Back, Case, Draw, Read, pool, written
from numpy.random import Generator

_START = datetime(2016, 1, 1, tzinfo=UTC)
_DAY = 86_400
_MONTHS = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_LONG_MONTHS = r"(January|February|March|April|May|June|July|August|September|October|November|December)"
_D, _M, _Y = r"(0[1-9]|[12]\d|3[01])", r"(0[1-9]|1[0-2])", r"\d{4}"
_BARE_D, _BARE_M = r"([1-9]|[12]\d|3[01])", r"([1-9]|1[0-2])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)


def _days(rng: Generator, n: int) -> list[datetime]:
    return [_START + timedelta(days=int(day)) for day in (3_000 * rng.beta(3, 1.5, n)).astype(int)]


def _moments(unit_micros: int) -> Callable[[Generator, int], list[datetime]]:
    def draw(rng: Generator, n: int) -> list[datetime]:
        seconds = 3_000 * _DAY * rng.beta(3, 1.5, n)
        micros = (seconds * 1e6 // unit_micros).astype(np.int64) * unit_micros
        return [_START + timedelta(microseconds=int(value)) for value in micros]

    return draw


def _reading(format: str) -> Read:
    @functools.lru_cache(maxsize=1 << 14)
    def read(text: str) -> float:
        moment = datetime.strptime(text, format.replace("%-", "%"))
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()

    return read


def _spelled(
    name: str,
    format: str,
    spelling: str,
    moments: Callable[[Generator, int], list[datetime]] = _days,
    *,
    sentinels: tuple[datetime, ...] = (_LAST, _FIRST),
    words: tuple[str, ...] = (),
    **more: Any,
) -> Case:
    def write(moment: datetime) -> str:
        return moment.strftime(format)

    def draw(rng: Generator, n: int) -> list[str]:
        return [write(moment) for moment in moments(rng, n)]

    return Case(
        name=name,
        back=Back.TIMES,
        draw=draw,
        spelling=spelling,
        read=_reading(format),
        sentinels=(*words, *(write(moment) for moment in sentinels))[:2],
        outermost=tuple(write(moment) for moment in sentinels),
        **more,
    )


def _in_milliseconds() -> Case:
    def draw(rng: Generator, n: int) -> list[str]:
        return [f"{m:%Y-%m-%d %H:%M:%S}.{m.microsecond // 1000:03d}" for m in _moments(1_000)(rng, n)]

    return Case(name="timestamp_with_milliseconds", back=Back.TIMES, draw=draw,
                spelling=rf"{_Y}-{_M}-{_D} {_TIME}\.\d{{3}}", 
                read=_reading("%Y-%m-%d %H:%M:%S.%f"))  # fmt: skip


def _with_offset(name: str, *offsets: str, blank: str = " ") -> Case:
    """Local times with the offset that they were written at."""

    def draw(rng: Generator, n: int) -> list[str]:
        places = rng.integers(0, len(offsets), n).tolist()
        moments = _moments(1_000_000)(rng, n)
        return [
            f"{m:%Y-%m-%d}{blank}{m:%H:%M:%S}{offsets[place]}"
            for m, place in zip(moments, places, strict=True)
        ]

    listed = "|".join(offset.replace("+", r"\+") for offset in offsets)
    return Case(name=name, back=Back.TIMES, draw=draw, spelling=rf"{_Y}-{_M}-{_D}{blank}{_TIME}({listed})",
                read=_reading(f"%Y-%m-%d{blank}%H:%M:%S%z"), sentinels=("",))  # fmt: skip


def _clock(name: str, spelling: str, write: Callable[[int], str], read: Read, draw: Draw) -> Case:
    return Case(name=name, back=Back.TIMES, draw=lambda g, n: [write(s) for s in draw(g, n)],
                spelling=spelling, read=read, sentinels=("", write(0)))  # fmt: skip


def _of_clock(text: str) -> float:
    parts = [float(part) for part in text.split(":")]
    return sum(part * 60.0 ** (2 - index) for index, part in enumerate(parts))


_office_hours = written(lambda g, n: g.normal(13, 2.5, n).clip(0, 23.99) * 3600, int)

SPELLED_TIMES: tuple[Case, ...] = (
    _spelled("date_iso", "%Y-%m-%d", rf"{_Y}-{_M}-{_D}"),
    _spelled("date_compact", "%Y%m%d", rf"{_Y}{_M}{_D}"),
    _spelled("month_compact", "%Y%m", rf"{_Y}{_M}"),
    _spelled("month_iso", "%Y-%m", rf"{_Y}-{_M}"),
    _spelled("date_year_first_slashes", "%Y/%m/%d", rf"{_Y}/{_M}/{_D}"),
    _spelled("date_day_first", "%d/%m/%Y", rf"{_D}/{_M}/{_Y}"),
    _spelled("date_day_first_bare", "%-d/%-m/%Y", rf"{_BARE_D}/{_BARE_M}/{_Y}"),
    _spelled("date_month_first", "%m/%d/%Y", rf"{_M}/{_D}/{_Y}"),
    _spelled("date_month_first_bare", "%-m/%-d/%Y", rf"{_BARE_M}/{_BARE_D}/{_Y}"),
    _spelled("date_points", "%d.%m.%Y", rf"{_D}\.{_M}\.{_Y}"),
    _spelled("date_points_bare", "%-d.%-m.%Y", rf"{_BARE_D}\.{_BARE_M}\.{_Y}"),
    _spelled("date_day_first_dashes", "%d-%m-%Y", rf"{_D}-{_M}-{_Y}"),
    _spelled("date_month_first_dashes", "%m-%d-%Y", rf"{_M}-{_D}-{_Y}"),
    _spelled("date_two_digit_year", "%d/%m/%y", rf"{_D}/{_M}/\d\d", sentinels=(), words=("",)),
    _spelled("date_two_digit_year_us", "%m/%d/%y", rf"{_M}/{_D}/\d\d", sentinels=(), words=("",)),
    _spelled("date_month_name", "%d-%b-%Y", rf"{_D}-{_MONTHS}-{_Y}"),
    _spelled("date_month_name_blank", "%d %b %Y", rf"{_D} {_MONTHS} {_Y}"),
    _spelled("date_month_name_first", "%b %-d, %Y", rf"{_MONTHS} {_BARE_D}, {_Y}"),
    _spelled("date_month_name_long", "%-d %B %Y", rf"{_BARE_D} {_LONG_MONTHS} {_Y}"),
    _spelled("date_with_missing_word", "%Y-%m-%d", rf"{_Y}-{_M}-{_D}", words=("N/A", "")),
    _spelled("timestamp_blank", "%Y-%m-%d %H:%M:%S", rf"{_Y}-{_M}-{_D} {_TIME}", _moments(1_000_000)),
    _spelled("timestamp_t", "%Y-%m-%dT%H:%M:%S", rf"{_Y}-{_M}-{_D}T{_TIME}", _moments(1_000_000)),
    _spelled("timestamp_minutes", "%Y-%m-%d %H:%M", rf"{_Y}-{_M}-{_D} [0-2]\d:[0-5]\d", _moments(60_000_000)),
    _in_milliseconds(),
    _spelled(
        "timestamp_with_microseconds",
        "%Y-%m-%d %H:%M:%S.%f",
        rf"{_Y}-{_M}-{_D} {_TIME}\.\d{{6}}",
        _moments(1),
    ),
    _spelled("timestamp_z", "%Y-%m-%dT%H:%M:%SZ", rf"{_Y}-{_M}-{_D}T{_TIME}Z", _moments(1_000_000)),
    _with_offset("timestamp_one_offset", "+02:00"),
    _with_offset("timestamp_offsets_of_a_year", "+01:00", "+02:00", blank="T"),
    _spelled(
        "timestamp_day_first", "%d/%m/%Y %H:%M:%S", rf"{_D}/{_M}/{_Y} {_TIME}", _moments(1_000_000)
    ),
    _spelled(
        "timestamp_twelve_hours",
        "%m/%d/%Y %I:%M %p",
        rf"{_M}/{_D}/{_Y} (0[1-9]|1[0-2]):[0-5]\d (AM|PM)",
        _moments(60_000_000),
    ),
    Case(name="epoch_seconds", back=Back.TIMES, spelling=r"\d{10}", read=float,
         draw=written(lambda g, n: g.integers(1_577_836_800, 1_704_067_200, n), str)),
    Case(name="epoch_milliseconds", back=Back.TIMES, spelling=r"\d{13}", read=float,
         draw=written(lambda g, n: g.integers(1_577_836_800_000, 1_704_067_200_000, n), str)),
    _clock("hours_and_minutes", r"([01]\d|2[0-3]):[0-5]\d",
           lambda s: f"{s // 3600:02d}:{s // 60 % 60:02d}", _of_clock, _office_hours),
    _clock("hours_minutes_and_seconds", _TIME,
           lambda s: f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}", _of_clock, _office_hours),
    Case(name="years", back=Back.NUMBERS, spelling=r"\d{4}", read=float, sentinels=("9999",),
         draw=written(lambda g, n: 2024 - g.gamma(2, 6, n), lambda y: str(int(y)))),
    Case(name="quarters", back=Back.CATEGORIES, spelling=r"20\d\d-Q[1-4]",
         draw=pool(*(f"{year}-Q{q}" for year in range(2018, 2024) for q in range(1, 5)))),
)  # fmt: skip

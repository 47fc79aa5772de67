"""In which formats a column's dates, moments and times of day are written, judged from noisy class counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from synth.lake.columns import ISO_DATE, ISO_TIMESTAMP
from synth.scan.evidence import ClassCounts
from synth.scan.spellings import (
    GRAINS,
    MARKS,
    NAMED_DATES,
    OFFSETS,
    ORDERS,
    OTHER_STAMPS,
    STAMPS,
    TIMES,
    VALUE_CLASSES,
    YEARS,
    ZONED,
)

# Standard deviations of noise by which dates stand out: in the best of a hundred formats of one column,
# and in the formats that are then summed over all columns.
_OWN_FORMAT, _ANY_FORMAT = 4.5, 4.0
_MOST_FORMATS = 4
_FRACTIONS_OCCUR = 0.02
_FINER_OCCUR = 0.005
_MARK = dict(zip(MARKS, "/-.", strict=True))
_PAD = {"padded": ("%d", "%m", "%H", "%I"), "bare": ("%-d", "%-m", "%-H", "%-I")}
_STEPS = {"_day": 86_400.0, "_hour": 3_600.0, "_minute": 60.0}
_TIME_WORDS = frozenset(
    {"time", "date", "datetime", "timestamp", "ts", "created", "updated", "modified", "at", "epoch", "unix"}
    | {"start", "end", "started", "ended", "expires", "expiry", "since", "until", "seen", "login", "utc"}
)


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """How dates or moments are written.

    Attributes:
      format: the first alternative is how they are written, all are read (`a|b`); None in typed columns.
      classes: the classes that are read.
      decimals: digits of a second. step: seconds that all moments are a multiple of, None if one.
    """

    format: str | None
    classes: tuple[str, ...]
    decimals: int | None = None
    step: float | None = None


def _numeric(order: str, pad: str, mark: str, year: str) -> str:
    day, month, _, _ = _PAD[pad]
    first, second = (month, day) if order == "mdy" else (day, month)
    return f"{first}{mark}{second}{mark}{'%y' if year else '%Y'}"


def _numeric_dates() -> dict[str, tuple[str, ...]]:
    return {
        _numeric(order, pad, _MARK[mark], year): tuple(
            f"date_{one}_{mark}_{shown}{year}"
            for one in ((order, "either") if mark != "dot" else (order,))
            for shown in (pad, "two")
        )
        for year in YEARS
        for mark in MARKS
        for order in ORDERS[:2]
        if (order, mark) != ("mdy", "dot")
        for pad in _PAD
    }


def _named_dates() -> dict[str, tuple[str, ...]]:
    formats: dict[str, tuple[str, ...]] = {}
    known = set(NAMED_DATES)
    for mark, character in (("dash", "-"), ("space", " "), ("slash", "/")):
        for name, directive, case in (
            ("short", "%b", "title"),
            ("short", "%^b", "upper"),
            ("long", "%B", "title"),
        ):
            for pad, (day, *_) in _PAD.items():
                for year in YEARS:
                    classes = [
                        f"date_day_{mark}_{one}_{case}_{shown}{year}"
                        for one in (name, "may")
                        for shown in (pad, "two")
                    ]
                    if classes[0] in known:
                        format = f"{day}{character}{directive}{character}{'%y' if year else '%Y'}"
                        formats[format] = tuple(classes)
    for name, directive in (("short", "%b"), ("long", "%B")):
        for comma, character in (("comma", ","), ("plain", "")):
            for pad, (day, *_) in _PAD.items():
                formats[f"{directive} {day}{character} %Y"] = tuple(
                    f"date_month_{one}_{comma}_{shown}" for one in (name, "may") for shown in (pad, "two")
                )
    return formats


def _months() -> dict[str, tuple[str, ...]]:
    return {
        "%Y-%m": ("month_iso",),
        "%Y/%m": ("month_slash_first",),
        "%m/%Y": ("month_slash_last",),
        "%Y%m": ("month_compact",),
        "%Y-Q%q": ("quarter_dash",),
        "%YQ%q": ("quarter_bare",),
        "Q%q %Y": ("quarter_first",),
        "%G-W%V": ("week_iso",),
        **{
            f"{directive}{character}{'%y' if year else '%Y'}": tuple(
                f"month_name_{one}_{mark}{year}" for one in (name, "may")
            )
            for name, directive in (("short", "%b"), ("long", "%B"))
            for mark, character in (("dash", "-"), ("space", " "))
            for year in YEARS
        },
    }


DATE_FORMATS: dict[str, tuple[str, ...]] = {
    ISO_DATE: ("date_iso", "date_iso_two"),
    "%Y-%-m-%-d": ("date_ymd_dash_bare", "date_iso_two"),
    "%Y%m%d": ("date_compact",),
    **{
        f"%Y{_MARK[mark]}{month}{_MARK[mark]}{day}": (f"date_ymd_{mark}_{pad}", f"date_ymd_{mark}_two")
        for mark in ("slash", "dot")
        for pad, (day, month, _, _) in _PAD.items()
    },
    **_numeric_dates(),
    **_named_dates(),
    **_months(),
}
"""strptime format -> the classes of the dates that it writes."""


def _other_stamps() -> dict[str, tuple[str, ...]]:
    formats: dict[str, tuple[str, ...]] = {
        "%a, %d %b %Y %H:%M:%S GMT": ("timestamp_rfc",),
        "%d/%b/%Y:%H:%M:%S +0000": ("timestamp_log",),
        "%Y%m%d%H%M%S": ("timestamp_compact",),
        "%Y-%m-%d %H:%M": ("timestamp_space_hm",),
        "%Y-%m-%dT%H:%M": ("timestamp_t_hm",),
    }
    for clock in ("hm", "hms", "hm_12", "hms_12"):
        for pad in _PAD:
            for hour_pad in _PAD:
                hour = _PAD[hour_pad][3 if clock.endswith("12") else 2]
                time = f"{hour}:%M{':%S' if 'hms' in clock else ''}{' %p' if clock.endswith('12') else ''}"
                for order, mark in (
                    *((order, mark) for mark in ("slash", "dash") for order in ORDERS[:2]),
                    ("dmy", "dot"),
                    ("ymd", "slash"),
                ):
                    if (mark, pad) == ("dash", "bare"):
                        continue  # hardly anybody writes 1-5-2024 10:00
                    day, month, _, _ = _PAD[pad]
                    date = f"%Y/{month}/{day}" if order == "ymd" else _numeric(order, pad, _MARK[mark], "")
                    classes = tuple(
                        f"timestamp_{one}_{mark}_{shown} {clock} {shown_hour}"
                        for one in ((order, "either") if order != "ymd" and mark != "dot" else (order,))
                        for shown in (pad, "two")
                        for shown_hour in (hour_pad, "two")
                        if (f"{one}_{mark}_{shown}", clock) in OTHER_STAMPS
                    )
                    formats[f"{date} {time}"] = classes
    return formats


STAMP_FORMATS = _other_stamps()
TIME_FORMATS: dict[str, tuple[str, ...]] = {
    **{
        f"{_PAD[pad][3 if clock.endswith('12') else 2]}:%M{':%S' if 'hms' in clock else ''}"
        f"{' %p' if clock.endswith('12') else ''}": (f"time_{clock}_{pad}", f"time_{clock}_two")
        for clock in ("hm", "hms", "hm_12", "hms_12")
        for pad in _PAD
    },
    "%H:%M:%S.%3f": ("time_hms_f3",),
    "%H:%M:%S.%6f": ("time_hms_f6",),
}
_EPOCHS = {"%s": ("epoch_s",), "%s%3f": ("epoch_ms",), "%s%6f": ("epoch_us",)}


def _alike(formats: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What each format reads: what those write that differ from it in leading zeros and capitals alone."""
    groups: dict[str, dict[str, None]] = {}
    for format, classes in formats.items():
        groups.setdefault(_loosely(format), {}).update(dict.fromkeys(classes))
    return {format: tuple(groups[_loosely(format)]) for format in formats}


def _loosely(format: str) -> str:
    return format.replace("%-", "%").replace("%^", "%").replace("%B", "%b")


_READ_DATES, _READ_STAMPS, _READ_TIMES = _alike(DATE_FORMATS), _alike(STAMP_FORMATS), _alike(TIME_FORMATS)
_DATE_CLASSES = tuple(dict.fromkeys(name for classes in DATE_FORMATS.values() for name in classes))


def dates(counts: ClassCounts, usual_format: str = ISO_DATE) -> Calendar:
    """How most dates are written; as the table's other dates are if the noise hides it."""
    best = _best(DATE_FORMATS, counts)
    if not counts.height(DATE_FORMATS[best]) > _OWN_FORMAT:
        return Calendar(format=usual_format, classes=_READ_DATES[usual_format])
    formats, classes = [best], dict.fromkeys(_READ_DATES[best])
    others = sorted(DATE_FORMATS, key=lambda format: -counts.raw(DATE_FORMATS[format]))
    for format in others:
        new = tuple(name for name in _READ_DATES[format] if name not in classes)
        is_told_apart = not set(_READ_DATES[format]) & set(classes)
        # The first of the others is the best of nearly a hundred by its count.
        is_sure = counts.surely_hold(new, _FRACTIONS_OCCUR, among=len(VALUE_CLASSES))
        if is_told_apart and len(formats) < _MOST_FORMATS and is_sure:
            formats.append(format)
            classes.update(dict.fromkeys(new))
    return Calendar(format="|".join(formats), classes=tuple(classes))


def usual_date_format(columns: Iterable[ClassCounts]) -> str:
    """How most of a table's dates are written, judged from all columns together; ISO if there are none."""
    totals = dict.fromkeys(DATE_FORMATS, 0.0)
    for counts in columns:
        for date_format, classes in DATE_FORMATS.items():
            if counts.height(classes) > _ANY_FORMAT:
                totals[date_format] += counts.raw(classes)
    return max(totals, key=lambda date_format: totals[date_format])


def moments(counts: ClassCounts) -> Calendar:
    """How most moments are written."""
    best = _best(STAMP_FORMATS, counts)
    found = Calendar(format=best, classes=_READ_STAMPS[best])
    zoned = max(ZONED, key=lambda key: counts.seen(ZONED[key]))
    stamp = max(STAMPS, key=lambda key: counts.seen(STAMPS[key]))
    held = [counts.seen(found.classes), counts.seen(ZONED[zoned]), counts.seen(STAMPS[stamp])]
    if held[2] == max(held):
        return _stamps(counts, *stamp)
    return _zoned(counts, zoned[0], zoned[1]) if held[1] == max(held) else found


def typed_moments(counts: ClassCounts) -> Calendar:
    """The step and the digits of a second of a timestamp column."""
    found = _stamps(counts, "space", "")
    return Calendar(format=None, classes=found.classes, decimals=found.decimals, step=found.step)


def _stamps(counts: ClassCounts, sep: str, zone: str) -> Calendar:
    classes = dict(zip(GRAINS, STAMPS[sep, zone], strict=True))
    text = f"%Y-%m-%d{'T' if sep == 't' else ' '}%H:%M:%S"
    ending = {"": "", "_z": "Z", "_utc": " UTC"}[zone]
    fractions = {int(grain[2:]): classes[grain] for grain in GRAINS if grain.startswith("_f")}
    written = counts.seen(STAMPS[sep, zone])
    if counts.surely_hold(tuple(fractions.values()), _FRACTIONS_OCCUR):
        digits = max(fractions, key=lambda places: counts.raw([fractions[places]]))
        is_fixed = counts.raw([fractions[digits]]) >= 0.85 * written
        most = digits if is_fixed else min(6, max(digits, 3))
        decimals = min(most, 6)
        return Calendar(
            format=f"{text}.%{'' if is_fixed else '-'}{most}f{ending}",
            classes=STAMPS[sep, zone],
            decimals=decimals,
            step=None,
        )
    return Calendar(
        format=text + ending if (sep, zone) != ("space", "") else ISO_TIMESTAMP,
        classes=STAMPS[sep, zone],
        step=_step(counts, classes),
    )


def _step(counts: ClassCounts, classes: dict[str, str]) -> float | None:
    """Days, hours or minutes, if moments are surely nothing finer."""
    finer = [name for grain, name in classes.items() if grain != "_day"]
    for grain, step in _STEPS.items():
        if grain != "_day":
            finer.remove(classes[grain])
        coarse = [name for name in classes.values() if name not in finer]
        if counts.surely_hold(coarse, 0.5) and not counts.surely_hold(finer, _FINER_OCCUR):
            return step
    return None


def _zoned(counts: ClassCounts, sep: str, style: str) -> Calendar:
    by_digits = {digits: ZONED[s, z, digits] for s, z, digits in ZONED if (s, z) == (sep, style)}
    classes = tuple(name for names in by_digits.values() for name in names)
    digits = max(by_digits, key=lambda places: counts.seen(by_digits[places]))
    offset = max(OFFSETS, key=lambda zone: counts.raw([n for n in classes if n.endswith(f" {zone}")]))
    zone = {"colon": offset, "plain": offset.replace(":", ""), "hours": offset[:3]}[style]
    fraction = "" if digits == 0 else f".%-{digits}f" if style == "hours" else f".%{digits}f"
    text = f"%Y-%m-%d{'T' if sep == 't' else ' '}%H:%M:%S{fraction}{zone}"
    return Calendar(format=text, classes=classes, decimals=digits or None)


def times(counts: ClassCounts) -> Calendar:
    """How most times of day, or durations, are written."""
    if counts.surely_hold(("duration_hm", "duration_hms"), 0.0):
        has_seconds = counts.seen([name for name in TIMES if "hms" in name]) > 0.5 * counts.seen(TIMES)
        kind = "hms" if has_seconds else "hm"
        bare = counts.seen([f"time_{kind}_bare"]) > counts.seen([f"time_{kind}_padded"])
        classes = tuple(name for name in TIMES if name.split("_")[1] == kind and "12" not in name)
        hours = "%-J" if bare else "%J"
        return Calendar(format=f"{hours}:%M{':%S' if has_seconds else ''}", classes=classes)
    best = _best(TIME_FORMATS, counts)
    digits = 3 if best.endswith("%3f") else 6 if best.endswith("%6f") else None
    return Calendar(format=best, classes=_READ_TIMES[best], decimals=digits)


def numbers_as_calendar(counts: ClassCounts, words: tuple[str, ...]) -> tuple[Calendar, bool] | None:
    """How whole numbers write dates or moments, and whether they are dates; None if they are plain numbers.

    Epochs have the look of any large number: the column's name has to speak of time, too.
    """
    for format in ("%Y%m%d", "%Y%m"):
        if counts.most(DATE_FORMATS[format], of=counts.n_values):
            return Calendar(format=format, classes=DATE_FORMATS[format]), True
    if counts.most(("timestamp_compact",), of=counts.n_values):
        return Calendar(format="%Y%m%d%H%M%S", classes=("timestamp_compact",)), False
    if _TIME_WORDS & set(words):
        for format, classes in _EPOCHS.items():
            if counts.most(classes, of=counts.n_values):
                digits = {"%s": None, "%s%3f": 3, "%s%6f": 6}[format]
                return Calendar(format=format, classes=classes, decimals=digits), False
    return None


def _best(formats: dict[str, tuple[str, ...]], counts: ClassCounts) -> str:
    """The format that writes most of the values; the first one if several do."""
    return max(formats, key=lambda date_format: counts.raw(formats[date_format]))

"""What is declared of columns, against the types that the source has: before any row is read."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.config.sections import ColumnSettings, Config
from synth.core.calendar import number_of
from synth.core.feature import gap_name, length_name, part_name, place_name, together_name
from synth.core.schema import Column, Kind, Part
from synth.errors import ConfigError
from synth.lake.columns import from_numbers, to_numbers
from synth.lake.types import Family, as_spark_casts, bounds_of, family, spelled

_ANY = frozenset({Kind.CATEGORICAL, Kind.ORDERED, Kind.TEXT, Kind.ID})
_KINDS = {
    Family.TEXT: _ANY | {Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.TIMESTAMP},
    Family.BOOLEAN: _ANY | {Kind.BOOLEAN},
    Family.INTEGER: _ANY | {Kind.BOOLEAN, Kind.INTEGER},
    Family.FRACTION: _ANY | {Kind.BOOLEAN, Kind.INTEGER, Kind.REAL},
    Family.DATE: _ANY | {Kind.DATE},
    Family.TIMESTAMP: _ANY | {Kind.DATE, Kind.TIMESTAMP},
}
"""What the values of each family of types can be learned as."""
_NATURAL = {
    Family.BOOLEAN: Kind.BOOLEAN,
    Family.INTEGER: Kind.INTEGER,
    Family.FRACTION: Kind.REAL,
    Family.DATE: Kind.DATE,
    Family.TIMESTAMP: Kind.TIMESTAMP,
}
_LISTED = (Kind.CATEGORICAL, Kind.ORDERED, Kind.BOOLEAN)
_MOMENTS = (Kind.DATE, Kind.TIMESTAMP)
_NUMBERS = (Family.INTEGER, Family.FRACTION)
_SHOWN = 3


def check_declared(fields: Mapping[str, str], config: Config) -> None:
    """Raise ConfigError naming everything that is declared and cannot be.

    Args:
      fields: Spark's simple type by column name; columns that are not there are named by `check_columns`.
    """
    faults = [*_names(fields, config), *_partitions(fields, config), *_given(fields, config)]
    for name, settings in config.columns.items():
        if name in fields and not settings.drop:
            faults += [f"columns.{name}.{fault}" for fault in column_faults(fields[name], settings)]
    if faults:
        raise ConfigError("; ".join(faults))


def column_faults(spark_type: str, settings: ColumnSettings) -> Iterator[str]:
    """What a column of that type cannot be, each as `setting: why, and what to write`."""
    held = family(spark_type)
    if held is None:
        return
    kind = settings.kind or _NATURAL.get(held)
    if settings.categories is not None and settings.kind is None:
        kind = Kind.CATEGORICAL
    is_calendar = held in _NUMBERS and kind in _MOMENTS and settings.format is not None
    if kind is not None and kind not in _KINDS[held] and not is_calendar:
        fitting = ", ".join(sorted(k.value for k in _KINDS[held]))
        more = ", or format too, such as %Y%m%d" if held in _NUMBERS and kind in _MOMENTS else ""
        yield f"kind: a column of type {spark_type} cannot be {kind}; declare one of {fitting}{more}"
        return
    yield from _categories(spark_type, settings, kind)
    yield from _bounds(spark_type, settings, kind)
    yield from _format(held, settings, kind)
    yield from _digits(spark_type, settings, kind)
    for part in settings.parts or ():
        if kind is not None and kind not in _MOMENTS:
            yield f"parts: {kind} values have no {part}; leave parts out"
        elif part is Part.HOUR and (kind is Kind.DATE or held is Family.DATE):
            yield "parts: a date has no hour; leave hour out"


def _categories(spark_type: str, settings: ColumnSettings, kind: Kind | None) -> Iterator[str]:
    if settings.categories is None:
        return
    if kind not in _LISTED:
        yield f"categories: {kind} values are not listed; drop categories, or set kind: categorical"
        return
    seen: dict[str, str] = {}
    wrong = []
    for category in settings.categories:
        try:
            text = spelled(category, spark_type)
        except ValueError as error:
            wrong.append(str(error))
            continue
        if text in seen:
            wrong.append(f"{seen[text]!r} and {category!r} are one value of type {spark_type}; keep one")
        seen.setdefault(text, category)
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    if wrong:
        yield f"categories: {'; '.join(wrong[:_SHOWN])}{more}"


def _bounds(spark_type: str, settings: ColumnSettings, kind: Kind | None) -> Iterator[str]:
    both = {"lower": settings.lower, "upper": settings.upper}
    named = {setting: bound for setting, bound in both.items() if bound is not None}
    named |= {f"edges[{index}]": edge for index, edge in enumerate(settings.edges or ())}
    if not named:
        return
    if kind is not None and not kind.is_binned:
        what = "edges" if settings.edges else "lower and upper"
        yield f"{what}: {kind} values have none; leave them out, or set another kind"
        return
    limits = bounds_of(spark_type) if kind not in _MOMENTS else bounds_of(kind.value)
    for setting, bound in named.items():
        if isinstance(bound, datetime) and kind not in _MOMENTS:
            known = (
                "set kind: date or timestamp"
                if kind is None
                else f"{kind} values are no days; write a number"
            )
            yield f"{setting}: {bound} is a moment; {known}"
            continue
        number = number_of(bound, kind or Kind.REAL)
        if limits is not None and not limits[0] <= number <= limits[1]:
            low, high = (f"{limit:.17g}" for limit in limits)
            yield f"{setting}: {bound} lies outside type {spark_type}; stay in {low} to {high}"
        elif kind in (Kind.INTEGER, Kind.DATE) and number != np.floor(number):
            yield f"{setting}: {bound} is not whole, and {kind} values are; write a whole number"


def _digits(spark_type: str, settings: ColumnSettings, kind: Kind | None) -> Iterator[str]:
    if settings.decimals is None:
        return
    scale = int(spark_type.rstrip(")").split(",")[1]) if spark_type.startswith("decimal") else None
    if kind is not None and kind is not Kind.REAL:
        yield f"decimals: {kind} values have no digits after a point; leave decimals out, or set kind: real"
    elif scale is not None and settings.decimals > scale:
        yield f"decimals: type {spark_type} keeps {scale} digits, not {settings.decimals}; write fewer"


def _format(held: Family, settings: ColumnSettings, kind: Kind | None) -> Iterator[str]:
    format = settings.format
    if format is None:
        return
    if held not in (Family.TEXT, *_NUMBERS):
        yield f"format: {held} columns are not read by a format; leave it out"
    elif kind is not None and not kind.is_binned:
        yield f"format: {kind} values have none; set kind: date or timestamp, or leave format out"
    elif held in _NUMBERS and kind not in _MOMENTS:
        yield "format: of numbers only calendars have one; set kind: date or timestamp, or leave it out"
    else:
        guesses = _MOMENTS if "%" in format or not re.search("[0#]", format) else (Kind.INTEGER, Kind.REAL)
        kinds = guesses if kind is None else (kind,)
        faults = [fault for fault in (format_fault(format, k) for k in kinds) if fault]
        if len(faults) == len(kinds):
            yield f"format: {faults[0]}"


def format_fault(format: str, kind: Kind) -> str | None:
    """Why texts of that format would not come back as they were; None if they do.

    Values of many shapes are written, read and written again as the run does it.
    """
    column = Column(name="c", spark_type="string", kind=kind, format=format)
    like = "%Y-%m-%d %H:%M:%S" if kind in _MOMENTS else "#,##0.00"
    try:
        texts = from_numbers(_examples(kind), column, pa.string())
        again = from_numbers(to_numbers(texts, column), column, pa.string())
    except (pa.ArrowException, ValueError, OverflowError):
        return f"{format!r} is no format that can be read; write it like {like}"
    if len(set(texts.to_pylist())) == 1:
        return f"{format!r} holds no part of a {kind}; write it like {like}"
    if not again.equals(texts):
        return f"what {format!r} writes is not read back the same; write it like {like}"
    return None


def _examples(kind: Kind) -> NDArray[np.float64]:
    """Days, times and numbers of many shapes, in the unit of their kind."""
    if kind not in _MOMENTS:
        return np.array([0, 1, 7, 42, 680, 1234, 12 if kind is Kind.INTEGER else 12.5], dtype=np.float64)
    days = [date(1999, 12, 31), date(2000, 2, 29), date(2024, 1, 2), date(2031, 10, 11), date(1987, 6, 5)]
    at = [timedelta(), timedelta(hours=13, minutes=7, seconds=9), timedelta(hours=23, minutes=59, seconds=59)]
    moments = [datetime(d.year, d.month, d.day, tzinfo=UTC) + t for d in days for t in at]
    return np.array([number_of(moment, kind) for moment in moments])


def _names(fields: Mapping[str, str], config: Config) -> Iterator[str]:
    """Columns whose name is that of something that is learned beside them, and two of these of one name."""
    dropped = {name for name, settings in config.columns.items() if settings.drop}
    taken = {name: f"column {name!r}" for name in fields if name not in dropped}
    for name, setting in _made_names(config):
        if name in taken:
            yield f"{setting} is learned as {name!r}, as is {taken[name]}; rename one, or leave {setting} out"
        taken.setdefault(name, setting)


def _made_names(config: Config) -> Iterator[tuple[str, str]]:
    """What is learned beside columns themselves: its name and the setting that asks for it."""
    relations = config.relations
    for column, settings in config.columns.items():
        for part in settings.parts or ():
            yield part_name(column, part), f"columns.{column}.parts"
        if settings.keep_length:
            yield length_name(column), f"columns.{column}.keep_length"
    yield from (
        (place_name(*pair), f"relations.places[{k}]") for k, pair in enumerate(relations.places or ())
    )
    yield from ((together_name(g), f"relations.together[{k}]") for k, g in enumerate(relations.together))
    yield from (
        (gap_name(high, low), f"relations.at_most[{k}]") for k, (low, high) in enumerate(relations.at_most)
    )


def _partitions(fields: Mapping[str, str], config: Config) -> Iterator[str]:
    """Each partition has one spelling, so that the ledger never takes one for two."""
    asked = config.privacy.partitions
    if asked is None or asked.column not in fields:
        return
    spark_type = fields[asked.column]
    if family(spark_type) is Family.FRACTION:
        yield f"privacy.partitions.column: {asked.column!r} has type {spark_type}; name one of whole values"
        return
    for value in asked.values:
        try:
            text = as_spark_casts(value, spark_type)
        except ValueError as error:
            yield f"privacy.partitions.values: {error}"
            continue
        if text != value:
            yield f"privacy.partitions.values: {value!r} is written {text!r} in a column of type {spark_type}"


def _given(fields: Mapping[str, str], config: Config) -> Iterator[str]:
    """Values to be generated, as far as the columns' types and declared categories tell."""
    asked: dict[str, Mapping[str, Any]] = {"fix": config.generate.fix, "rebalance": config.generate.rebalance}
    for setting, by_column in asked.items():
        for name, values in by_column.items():
            where = f"generate.{setting}.{name}"
            if name not in fields:
                yield f"{where}: the source has no such column"
                continue
            settings = config.columns.get(name, ColumnSettings())
            if settings.drop or (settings.kind is not None and settings.kind not in _LISTED):
                yield f"{where}: only categories can be given; set columns.{name}.kind: categorical"
                continue
            listed = values if isinstance(values, tuple | dict) else (values,)
            for value in listed:
                if value is not None:
                    yield from _one_given(where, str(value), fields[name], settings)


def _one_given(where: str, value: str, spark_type: str, settings: ColumnSettings) -> Iterator[str]:
    try:
        text = spelled(value, spark_type)
    except ValueError as error:
        yield f"{where}: {error}"
        return
    if settings.categories is not None and text not in _readable(settings.categories, spark_type):
        yield f"{where}: {value!r} is none of the declared categories; write one of them"


def _readable(categories: tuple[str, ...], spark_type: str) -> Iterator[str]:
    for category in categories:
        with contextlib.suppress(ValueError):  # told with the categories
            yield spelled(category, spark_type)

"""A feature's values from a batch of the source: numbers or strings, whatever columns it is made from."""

import re
from typing import assert_never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.calendar import SECONDS_A_DAY, calendar_part
from synth.core.feature import Feature, Role, box_of
from synth.core.grid import BoundedGrid, DecimalGrid, FloatGrid, Grid, JoinedGrid, LinearGrid
from synth.core.region import steps_of
from synth.core.schema import Column, Kind, Part, TableSchema
from synth.lake.columns import joined, to_numbers, to_strings


def _days(*edges: tuple[str, float]) -> tuple[LinearGrid, ...]:
    """Linear grids between (first day, step in days); the last edge ends the last one."""
    starts = [float(np.datetime64(day, "D").astype(np.int64)) for day, _ in edges]
    steps = [step for _, step in edges]
    return tuple(LinearGrid(a, b, step) for a, b, step in zip(starts, starts[1:], steps, strict=False))


_DATES = JoinedGrid(
    _days(
        ("0001-01-01", 1.0),  # unknown, in some systems: a block of its own
        ("0001-01-02", 16.0),
        ("1800-01-01", 1.0),
        ("2200-01-01", 16.0),
        ("9999-12-31", 1.0),  # for ever, in some systems
        ("10000-01-01", 1.0),
    ),
    top=12,
)
"""Days of the years 1 to 9999, each by itself from 1800 to 2199; 12 bits below a root."""
_DAY = float(SECONDS_A_DAY)
_TIMESTAMPS = JoinedGrid(
    tuple(
        LinearGrid(part.start * _DAY, part.end * _DAY, part.step)
        for part in _days(
            ("0001-01-01", _DAY),
            ("0001-01-02", _DAY),
            ("1900-01-01", 600.0),
            ("1990-01-01", 60.0),
            ("2050-01-01", 600.0),
            ("2100-01-01", _DAY),
            ("9999-12-31", 60.0),
            ("10000-01-01", 1.0),
        )
    ),
    top=20,
)
"""Seconds of the years 1 to 9999: minutes from 1990 to 2049, ten of them from 1900 to 2099, else days."""
_LARGEST_LINEAR = 1 << 20
_WHOLE_BITS = 16
"""Leading bits by which whole numbers are told apart: those below 131,072 have cells of their own."""
_FEW_ROOTS = 16
"""Roots between declared bounds, within which all values are expected."""
_BOOLEANS = pa.array(["false", "true"])


def grid_for(column: Column) -> Grid:
    """The public grid on which a binned column is counted: declared bounds make it finer.

    What lies outside two bounds has a cell on each side. A bound that is declared on one side only is
    applied to the bins afterwards.
    """
    if column.lower is not None and column.upper is not None:
        return _between(column, column.lower, column.upper)
    match column.kind:
        case Kind.DATE:
            return _DATES
        case Kind.TIMESTAMP:
            return _TIMESTAMPS
        case Kind.REAL if column.decimals is not None:
            return DecimalGrid(FloatGrid(_WHOLE_BITS), column.decimals)
        case Kind.INTEGER:
            return FloatGrid(_WHOLE_BITS)
        case _:
            return FloatGrid()


_WHOLE_TYPES = {"tinyint": 7, "smallint": 15, "int": 31, "bigint": 63}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def type_limits(column: Column) -> tuple[float, float]:
    """Least and greatest value that the column's Spark type can hold: public."""
    bits = _WHOLE_TYPES.get(column.spark_type)
    if bits is not None and column.kind in (Kind.INTEGER, Kind.REAL):
        return -(2.0**bits), 2.0**bits - 1
    decimal = _DECIMAL.fullmatch(column.spark_type)
    if decimal is not None:
        most = 10.0 ** (int(decimal[1]) - int(decimal[2]))
        return -most, most
    return -np.inf, np.inf


def _between(column: Column, lower: float, upper: float) -> Grid:
    match column.kind:
        case Kind.PLACE:
            return LinearGrid(lower, upper + 1, 1.0)  # places outside are at its edge already
        case Kind.INTEGER | Kind.DATE | Kind.TIMESTAMP:
            steps = upper + 1 - lower
            step = max(1.0, float(-(-steps // _LARGEST_LINEAR)))
            return BoundedGrid(LinearGrid(lower, upper + 1, step, _FEW_ROOTS))
        case Kind.REAL if column.decimals is not None:
            unit = 10.0**column.decimals
            first, last = round(lower * unit), round(upper * unit) + 1
            step = float(max(1, -(-(last - first) // _LARGEST_LINEAR)))
            inner = LinearGrid(float(first), float(last), step, _FEW_ROOTS)
            return DecimalGrid(BoundedGrid(inner), column.decimals)
        case _:
            return BoundedGrid(LinearGrid(lower, upper, (upper - lower) / (1 << 16), _FEW_ROOTS), closed=True)


def numbers_of(feature: Feature, batch: pa.RecordBatch, schema: TableSchema) -> NDArray[np.float64]:
    """Numbers of a binned feature, NaN where null. -> float64 [n]."""
    columns = [schema.column(name) for name in feature.columns]
    match feature.role:
        case Role.PLAIN | Role.RANGE:
            numbers = to_numbers(batch.column(feature.columns[0]), columns[0], infinite=True)
            decimals = feature.column.decimals
            # As a value is written out it is counted: at its digits.
            return numbers if decimals is None else np.round(numbers, decimals)
        case Role.PLACE:
            latitude, longitude = (to_numbers(batch.column(c.name), c) for c in columns)
            return box_of(*columns).cell(latitude, longitude)
        case Role.GAP:
            high, low = (to_numbers(batch.column(c.name), c) for c in columns)
            gap: NDArray[np.float64] = np.maximum(high - low, 0.0)
            return gap if feature.column.decimals is None else np.round(gap, feature.column.decimals)
        case Role.LENGTH:
            lengths = pc.utf8_length(to_strings(batch.column(columns[0].name))).cast(pa.float64())
            return np.asarray(lengths.fill_null(np.nan).to_numpy(zero_copy_only=False), dtype=np.float64)
        case Role.TOGETHER | Role.PART | Role.LEVEL | Role.REGION:
            raise ValueError(f"{feature.name!r} has no numbers")
        case _:
            assert_never(feature.role)


def strings_of(feature: Feature, batch: pa.RecordBatch, schema: TableSchema) -> pa.Array:
    """Strings of a categorical feature, nulls kept; dictionary-encoded columns stay so. [n]."""
    columns = [schema.column(name) for name in feature.columns]
    match feature.role:
        case Role.PLAIN:
            values = batch.column(feature.name)
            if pa.types.is_boolean(values.type):
                return pa.DictionaryArray.from_arrays(values.cast(pa.int8()), _BOOLEANS)
            return values if pa.types.is_dictionary(values.type) else to_strings(values)
        case Role.TOGETHER:
            values = [to_strings(batch.column(c.name)) for c in columns]
            return joined(values)
        case Role.LEVEL | Role.REGION:
            return _level(feature, batch, columns)
        case Role.PART:
            assert feature.part is not None
            numbers = to_numbers(batch.column(columns[0].name), columns[0])
            return _part(numbers, columns[0].kind, feature.part)
        case Role.PLACE | Role.GAP | Role.LENGTH | Role.RANGE:
            raise ValueError(f"{feature.name!r} has no strings")
        case _:
            assert_never(feature.role)


def _level(feature: Feature, batch: pa.RecordBatch, columns: list[Column]) -> pa.Array:
    """The names of a place down to a level, and its cell where the level counts cells; never null."""
    steps = steps_of(columns)[: feature.depth]
    values = []
    for step in steps:
        texts = to_strings(batch.column(step.column.name))
        values.append(postcode_prefix(texts) if step.is_prefix else texts)
    if feature.bits is not None:
        pair = columns[-2:]
        latitude, longitude = (to_numbers(batch.column(column.name), column) for column in pair)
        cells = box_of(*pair).coarse(latitude, longitude, feature.bits)
        null = np.isnan(cells)
        values.append(pa.array(np.where(null, 0, cells).astype(np.int64), mask=null).cast(pa.string()))
    return joined(values, null_if_all_are=False)


def postcode_prefix(texts: pa.Array) -> pa.Array:
    """The part of a postcode that names the wider place: before its blank or dash, or all but two
    characters."""
    parted = pc.match_substring_regex(texts, "[ -]")
    before = pc.replace_substring_regex(texts, "[ -].*$", "")
    return pc.if_else(parted, before, pc.utf8_slice_codeunits(texts, 0, -2))


def _part(numbers: NDArray[np.float64], kind: Kind, part: Part) -> pa.Array:
    """The calendar part of days (dates) or seconds (timestamps) since 1970-01-01."""
    null = np.isnan(numbers)
    known = np.where(null, 0, numbers)
    days = known if kind is Kind.DATE else np.floor(known / SECONDS_A_DAY)
    values = calendar_part(days.astype(np.int64), part)
    if part is Part.HOUR:
        values = np.floor(known % SECONDS_A_DAY / 3600).astype(np.int64)
    return pa.array(values, mask=null).cast(pa.string())

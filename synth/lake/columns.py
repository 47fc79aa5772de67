"""Between Arrow columns of any type and the plain arrays that the stages work on."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.joined import ESCAPE, ESCAPED, NULL, SEPARATOR
from synth.core.schema import Column, Kind

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_EPOCH = date(1970, 1, 1)
_SECONDS_A_DAY = 86_400
ISO_DATE = "%Y-%m-%d"
ISO_TIMESTAMP = "%Y-%m-%d %H:%M:%S"


def to_numbers(array: pa.Array, column: Column) -> NDArray[np.float64]:
    """Numbers of a binned column; NaN where null, infinite, or not readable as the column's kind.

    Integers and reals come as they are, dates in days and timestamps in seconds since 1970-01-01 UTC.
    Strings are parsed, dates and timestamps by `column.format` (ISO if None).
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        numbers = _parse(array, column)
    elif pa.types.is_date(kind):
        days = array.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())
        numbers = days if column.kind is not Kind.TIMESTAMP else pc.multiply(days, float(_SECONDS_A_DAY))
    elif pa.types.is_timestamp(kind):
        micros = pc.cast(array.cast(pa.timestamp("us", tz=kind.tz), safe=False), pa.int64())
        seconds = pc.divide(micros.cast(pa.float64(), safe=False), 1e6)
        numbers = pc.floor(pc.divide(seconds, float(_SECONDS_A_DAY))) if column.kind is Kind.DATE else seconds
    else:
        numbers = array.cast(pa.float64(), safe=False)
    values: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(kind):
        return values
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)


def to_strings(array: pa.Array) -> pa.Array:
    """Values of a categorical column as strings, nulls kept; booleans are `true` and `false`."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def from_numbers(numbers: NDArray[np.float64], column: Column, arrow_type: pa.DataType) -> pa.Array:
    """The inverse of `to_numbers`: NaN becomes null, strings are written in the column's format."""
    null = np.isnan(numbers)
    if pa.types.is_string(arrow_type):
        return _write(numbers, null, column)
    whole = np.where(null, 0, numbers)
    if pa.types.is_date(arrow_type):
        days = whole // _SECONDS_A_DAY if column.kind is Kind.TIMESTAMP else whole
        return pa.array(days.astype(np.int32), mask=null).cast(pa.date32())
    if pa.types.is_timestamp(arrow_type):
        seconds = whole * _SECONDS_A_DAY if column.kind is Kind.DATE else whole
        micros = pa.array(np.round(seconds * 1e6).astype(np.int64), mask=null)
        return micros.cast(pa.timestamp("us", tz=arrow_type.tz)).cast(arrow_type)
    if pa.types.is_integer(arrow_type):
        limits = np.iinfo(arrow_type.to_pandas_dtype())
        clipped = np.clip(np.round(whole), float(limits.min), np.nextafter(float(limits.max), 0))
        return pa.array(clipped.astype(np.int64), mask=null).cast(arrow_type)
    if pa.types.is_decimal(arrow_type):
        unit = 10.0**-arrow_type.scale
        beyond = 10.0 ** (arrow_type.precision - arrow_type.scale)
        most = min(beyond - unit, float(np.nextafter(beyond, 0)))
        texts = np.char.mod(f"%.{arrow_type.scale}f", np.clip(whole, -most, most))
        return pa.array(texts, mask=null).cast(arrow_type)
    return pa.array(whole, mask=null).cast(arrow_type)


def from_strings(values: pa.Array, arrow_type: pa.DataType) -> pa.Array:
    """The inverse of `to_strings`."""
    return values if pa.types.is_string(arrow_type) else values.cast(arrow_type)


def joined(columns: list[pa.Array], *, null_if_all_are: bool = True) -> pa.Array:
    """One string a row from several columns; null only where all of them are. `split` undoes it.

    Args:
      null_if_all_are: False writes a row without any value as a string too.
    """
    parts = [pc.fill_null(_escaped(column), NULL) for column in columns]
    rows = pc.binary_join_element_wise(*parts, SEPARATOR)
    if not null_if_all_are:
        return rows
    nothing = SEPARATOR.join([NULL] * len(columns))
    return pc.if_else(pc.equal(rows, nothing), pa.scalar(None, pa.string()), rows)


def split(values: pa.Array, n_columns: int) -> list[pa.Array]:
    """The columns that `joined` made the strings of."""
    lists = pc.split_pattern(values, SEPARATOR)
    parts = [pc.list_element(lists, index) for index in range(n_columns)]
    return [
        _unescaped(pc.if_else(pc.equal(part, NULL), pa.scalar(None, pa.string()), part)) for part in parts
    ]


def _escaped(values: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring_regex(values, f"[{SEPARATOR}{NULL}{ESCAPE}]")).as_py():
        return values
    for plain, written in ESCAPED:
        values = pc.replace_substring(values, plain, written)
    return values


def _unescaped(values: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring(values, ESCAPE)).as_py():
        return values
    for plain, written in reversed(ESCAPED):
        values = pc.replace_substring(values, written, plain)
    return values


def parse_format(format: str) -> str:
    """The strptime format that reads what `format` writes: `%-m` reads as `%m`."""
    return format.replace("%-", "%")


def _parse(array: pa.Array, column: Column) -> pa.Array:
    text = pc.utf8_trim_whitespace(array.cast(pa.string()))
    match column.kind:
        case Kind.DATE | Kind.TIMESTAMP:
            default = ISO_DATE if column.kind is Kind.DATE else ISO_TIMESTAMP
            parsed = pc.strptime(
                text, format=parse_format(column.format or default), unit="s", error_is_null=True
            )
            seconds = parsed.cast(pa.int64()).cast(pa.float64())
            return (
                pc.floor(pc.divide(seconds, float(_SECONDS_A_DAY))) if column.kind is Kind.DATE else seconds
            )
        case _:
            good = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
            digits = pc.replace_substring_regex(text, r"^\+", "")
            return pc.if_else(good, digits, pa.scalar(None, pa.string())).cast(pa.float64())


def _write(numbers: NDArray[np.float64], null: NDArray[np.bool_], column: Column) -> pa.Array:
    distinct, position = np.unique(np.where(null, 0, numbers), return_inverse=True)
    match column.kind:
        case Kind.DATE:
            format = column.format or ISO_DATE
            texts = [(_EPOCH + timedelta(days=int(day))).strftime(format) for day in distinct]
        case Kind.TIMESTAMP:
            format = column.format or ISO_TIMESTAMP
            texts = [datetime.fromtimestamp(int(second), UTC).strftime(format) for second in distinct]
        case Kind.INTEGER:
            texts = [str(int(number)) for number in distinct]
        case _ if column.decimals is not None:
            texts = [f"{number:.{column.decimals}f}" for number in distinct]
        case _:
            texts = [repr(float(number)) for number in distinct]
    return pa.array(texts, pa.string()).take(pa.array(position, mask=null))

"""Between Arrow columns of any type and the plain arrays that the stages work on."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.calendar import SECONDS_A_DAY
from synth.core.joined import ESCAPE, ESCAPED, NULL, SEPARATOR
from synth.core.schema import Column, Kind
from synth.core.spelling import fixed, is_clock, number_format
from synth.lake.clock import read_clock, smallest_step, write_clock
from synth.lake.numerals import read_numbers, read_plain, write_numbers

_DAYS = (-719_162.0, 2_932_896.0)
"""0001-01-01 and 9999-12-31 in days since 1970-01-01."""
_LAST_MOMENT = float(np.nextafter((_DAYS[1] + 1.0) * SECONDS_A_DAY, 0.0))
"""As near to the year 10000 as a float64 of seconds can be."""
_LAST_MICROSECOND = np.int64(int(_DAYS[1] + 1) * SECONDS_A_DAY * 1_000_000 - 1)
ISO_DATE = "%Y-%m-%d"
ISO_TIMESTAMP = "%Y-%m-%d %H:%M:%S"


def to_numbers(array: pa.Array, column: Column, *, infinite: bool = False) -> NDArray[np.float64]:
    """Numbers of a binned column; NaN where null, infinite, or not readable as the column's kind.

    Integers and reals come as they are, dates in days and timestamps in seconds since 1970-01-01 UTC, times
    of day in seconds since midnight, or minutes if the format has no seconds.
    Strings, and whole numbers that are calendars, are read by `column.format`.
    Args:
      infinite: keep infinities.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        numbers = _read(pc.utf8_trim_whitespace(array.cast(pa.string())), column)
    elif _is_calendar(kind, column):
        numbers = _read(array.cast(pa.int64(), safe=False).cast(pa.string()), column)
    elif pa.types.is_date(kind):
        days = array.cast(pa.date32()).cast(pa.int32()).cast(pa.float64())
        numbers = days if column.kind is not Kind.TIMESTAMP else pc.multiply(days, float(SECONDS_A_DAY))
    elif pa.types.is_timestamp(kind):
        micros = pc.cast(array.cast(pa.timestamp("us", tz=kind.tz), safe=False), pa.int64())
        seconds = pc.divide(micros.cast(pa.float64(), safe=False), 1e6)
        numbers = pc.floor(pc.divide(seconds, float(SECONDS_A_DAY))) if column.kind is Kind.DATE else seconds
    else:
        numbers = array.cast(pa.float64(), safe=False)
    values: NDArray[np.float64] = (
        numbers if isinstance(numbers, np.ndarray) else numbers.to_numpy(zero_copy_only=False)
    )
    if pa.types.is_integer(kind):
        return values
    if infinite:
        return values
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)


def to_strings(array: pa.Array) -> pa.Array:
    """Values of a categorical column as strings, nulls kept; booleans are `true` and `false`."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def from_numbers(numbers: NDArray[np.float64], column: Column, arrow_type: pa.DataType) -> pa.Array:
    """The inverse of `to_numbers`: NaN becomes null, values are written in the column's format.

    Numbers beyond the type are cut to it, never null.
    """
    null = np.isnan(numbers)
    whole = _in_calendar(np.where(null, 0, numbers), column)
    if pa.types.is_string(arrow_type):
        return _write(whole, null, column)
    if _is_calendar(arrow_type, column):
        return _write(whole, null, column).cast(pa.int64()).cast(arrow_type)
    if pa.types.is_date(arrow_type):
        days = whole // SECONDS_A_DAY if column.kind is Kind.TIMESTAMP else whole
        return pa.array(days.astype(np.int32), mask=null).cast(pa.date32())
    if pa.types.is_timestamp(arrow_type):
        seconds = whole * SECONDS_A_DAY if column.kind is Kind.DATE else whole
        # A float64 of the last second of the year 9999 has steps of 32 microseconds: its last is the type's.
        exact = np.round(seconds * 1e6).astype(np.int64)
        micros = pa.array(np.where(seconds >= _LAST_MOMENT, _LAST_MICROSECOND, exact), mask=null)
        return micros.cast(pa.timestamp("us", tz=arrow_type.tz)).cast(arrow_type)
    if pa.types.is_integer(arrow_type):
        return _integers(np.round(whole), null, arrow_type)
    if pa.types.is_decimal(arrow_type):
        return _decimals(whole, null, arrow_type)
    if pa.types.is_float32(arrow_type):
        most = float(np.finfo(np.float32).max)
        cut = np.where(np.isinf(whole), whole, np.clip(whole, -most, most))
        return pa.array(cut.astype(np.float32), mask=null)
    return pa.array(whole, mask=null).cast(arrow_type)


def with_null_spellings(array: pa.Array, column: Column, uniforms: NDArray[np.float64]) -> pa.Array:
    """Missing values as they are written in the source, in their released shares. [n], [n] -> [n].

    Args:
      uniforms: in [0, 1), independent of whether a value is missing.
    """
    kind = array.type
    is_text = pa.types.is_string(kind)
    if not column.null_spellings or not array.null_count or not (is_text or pa.types.is_floating(kind)):
        return array
    words = [word if is_text or word is None else float(word) for word, _ in column.null_spellings]
    cumulative = np.cumsum([share for _, share in column.null_spellings])
    drawn = np.minimum(np.searchsorted(cumulative / cumulative[-1], uniforms, side="right"), len(words) - 1)
    return pc.if_else(array.is_null(), pa.array(words, kind).take(pa.array(drawn)), array)


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


def _is_calendar(arrow_type: pa.DataType, column: Column) -> bool:
    """Whether a column of numbers holds dates or moments in the form of its format, such as 20240131."""
    return is_clock(column.format) and (pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type))


def _read(texts: pa.Array, column: Column) -> NDArray[np.float64] | pa.Array:
    format = column.format
    match column.kind:
        case Kind.DATE:
            return np.floor(read_clock(texts, format or ISO_DATE) / SECONDS_A_DAY)
        case Kind.TIMESTAMP:
            return read_clock(texts, format or ISO_TIMESTAMP)
        case _ if format is None:
            return read_plain(texts)
        case _ if is_clock(format):
            return read_clock(texts, format) / smallest_step(format)
        case _:
            return read_numbers(texts, number_format(format))


def _write(numbers: NDArray[np.float64], null: NDArray[np.bool_], column: Column) -> pa.Array:
    """Strings of numbers; what a null holds is of no account."""
    distinct, position = np.unique(numbers, return_inverse=True)
    format = column.format
    match column.kind:
        case Kind.DATE:
            texts = write_clock(np.floor(distinct) * SECONDS_A_DAY, format or ISO_DATE)
        case Kind.TIMESTAMP:
            texts = write_clock(distinct, format or ISO_TIMESTAMP)
        case _ if format is not None and is_clock(format):
            texts = write_clock(distinct * smallest_step(format), format)
        case _ if format is not None:
            texts = write_numbers(distinct, number_format(format))
        case Kind.INTEGER:
            texts = [fixed(number, 0) for number in np.round(distinct).tolist()]
        case _ if column.decimals is not None:
            texts = [fixed(number, column.decimals) for number in distinct.tolist()]
        case _:
            texts = [repr(number) for number in distinct.tolist()]
    return pa.array(texts, pa.string()).take(pa.array(position, mask=null))


def _in_calendar(numbers: NDArray[np.float64], column: Column) -> NDArray[np.float64]:
    """Days and moments of the years 1 to 9999, moments on the column's step; other numbers as they are."""
    match column.kind:
        case Kind.DATE:
            return np.clip(numbers, *_DAYS)
        case Kind.TIMESTAMP:
            stepped = numbers if column.step is None else np.floor(numbers / column.step + 1e-6) * column.step
            last = _LAST_MOMENT if column.decimals else np.floor(_LAST_MOMENT)
            return np.clip(stepped, _DAYS[0] * SECONDS_A_DAY, last)
        case Kind.INTEGER | Kind.REAL if is_clock(column.format) and column.format is not None:
            day = SECONDS_A_DAY // smallest_step(column.format)
            last = day - (1.0 if column.kind is Kind.INTEGER else 10.0 ** -(column.decimals or 6))
            return np.clip(numbers, 0, np.inf if "J" in column.format else last)
        case _:
            return numbers


def _integers(whole: NDArray[np.float64], null: NDArray[np.bool_], arrow_type: pa.DataType) -> pa.Array:
    limits = np.iinfo(arrow_type.to_pandas_dtype())
    most = float(limits.max)  # 2^63 for the largest type: one too many
    if int(most) > limits.max:
        most = float(np.nextafter(most, 0))
    return pa.array(np.clip(whole, float(limits.min), most).astype(np.int64), mask=null).cast(arrow_type)


def _decimals(numbers: NDArray[np.float64], null: NDArray[np.bool_], arrow_type: pa.DataType) -> pa.Array:
    """Decimals without the digits that a float64 does not carry."""
    scale = arrow_type.scale
    beyond = 10.0 ** (arrow_type.precision - scale)
    most = min(beyond - 10.0**-scale, float(np.nextafter(beyond, 0)))
    distinct, position = np.unique(np.clip(numbers, -most, most), return_inverse=True)
    texts = [fixed(number, scale) for number in distinct.tolist()]
    return pa.array(texts, pa.string()).cast(arrow_type).take(pa.array(position, mask=null))

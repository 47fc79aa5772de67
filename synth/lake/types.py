"""What the names of Spark's types stand for: Arrow types, ranges, and how a value of theirs is spelled."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa

from synth.lake.columns import from_strings, to_strings

_PLAIN = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970-01-01."""
_SECONDS_A_DAY = 86_400


class Family(StrEnum):
    """What a Spark type holds, in a word."""

    TEXT = "text"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    FRACTION = "fraction"
    DATE = "date"
    TIMESTAMP = "timestamp"


def arrow_type(spark_type: str) -> pa.DataType | None:
    """The Arrow type of a flat Spark type, by its simple string; None for types that are not read."""
    decimal = re.fullmatch(r"decimal\((\d+),(\d+)\)", spark_type)
    if decimal:
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if re.match(r"(string|varchar|char)\b", spark_type):
        return pa.string()
    return _PLAIN.get(spark_type)


def family(spark_type: str) -> Family | None:
    """What the type holds; None for types that are not read."""
    kind = arrow_type(spark_type)
    if kind is None:
        return None
    if pa.types.is_boolean(kind):
        return Family.BOOLEAN
    if pa.types.is_integer(kind):
        return Family.INTEGER
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Family.FRACTION
    if pa.types.is_date(kind):
        return Family.DATE
    return Family.TIMESTAMP if pa.types.is_timestamp(kind) else Family.TEXT


def spelled(value: str, spark_type: str) -> str:
    """A value of a column of categories as the column's own values are spelled: cast to the type and back.

    Raises: ValueError, with what to write instead, if the type has no such value.
    """
    kind = arrow_type(spark_type)
    if kind is None or pa.types.is_string(kind):
        return value
    try:
        return str(to_strings(from_strings(pa.array([_readable(value, kind)]), kind))[0].as_py())
    except (pa.ArrowInvalid, ValueError, OverflowError, InvalidOperation) as error:
        raise ValueError(
            f"{value!r} is no value of type {spark_type}; write {_example(spark_type)}"
        ) from error


def as_spark_casts(value: str, spark_type: str) -> str:
    """The value as `CAST(... AS STRING)` spells it: `2026-11-25 00:00:00` for a timestamp.

    Raises: ValueError if the type has no such value.
    """
    text = spelled(value, spark_type)
    if family(spark_type) is Family.TIMESTAMP:
        return text.removesuffix("Z").rstrip("0").removesuffix(".")
    return text


def bounds_of(spark_type: str) -> tuple[float, float] | None:
    """The least and the greatest value of a type, in days or seconds for dates and timestamps."""
    kind: Any = arrow_type(spark_type)
    match family(spark_type):
        case Family.INTEGER:
            limits = np.iinfo(kind.to_pandas_dtype())
            return float(limits.min), float(limits.max)
        case Family.FRACTION if pa.types.is_decimal(kind):
            most = float((10**kind.precision - 1) * Decimal(10) ** -kind.scale)
            return -most, most
        case Family.FRACTION:
            most = float(np.finfo(kind.to_pandas_dtype()).max)
            return -most, most
        case Family.DATE:
            return float(_FIRST_DAY), float(_LAST_DAY)
        case Family.TIMESTAMP:
            return float(_FIRST_DAY * _SECONDS_A_DAY), float((_LAST_DAY + 1) * _SECONDS_A_DAY)
        case _:
            return None


def _readable(value: str, kind: pa.DataType) -> str:
    """The value in a form that Arrow casts, if it is the same value."""
    if pa.types.is_boolean(kind):
        return value.lower()
    if pa.types.is_integer(kind):
        number = Decimal(value)
        if number != number.to_integral_value():
            raise ValueError("not whole")
        return str(int(number))
    if pa.types.is_decimal(kind):
        number = Decimal(value)
        if not number.is_finite() or number != number.quantize(Decimal(1).scaleb(-kind.scale)):
            raise ValueError("too many digits")
        return f"{number:f}"
    if pa.types.is_timestamp(kind):
        moment = datetime.fromisoformat(value)
        if kind.tz is None:
            if moment.tzinfo is not None:
                raise ValueError("the type has no zone")
            return moment.isoformat(sep=" ")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment.isoformat(sep=" ").replace("+00:00", "Z")
    return value


def _example(spark_type: str) -> str:
    match family(spark_type):
        case Family.BOOLEAN:
            return "true or false"
        case Family.INTEGER:
            low, high = bounds_of(spark_type) or (0, 0)
            return f"a whole number from {low:.0f} to {high:.0f}"
        case Family.DATE:
            return "a day such as 2026-11-25"
        case Family.TIMESTAMP:
            return "a time such as 2026-11-25 10:30:00"
        case _:
            return "a number" + ("" if "(" not in spark_type else f" that {spark_type} holds")

"""Fakes of every type but strings: a valid value of the type in every row, different ones while it has
room."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.entity import Entity
from synth.core.schema import Column
from synth.generate.context import RowContext
from synth.generate.draw import below, permuted
from synth.generate.identifiers import CARDS, SSNS_AN_AREA, cards
from synth.generate.numerals import MOST_DIGITS, numbers_of
from synth.generate.text import digits, joined
from synth.generate.united_states import area_codes, postcodes, state_numbers

_FIRST_DAY, _DAYS = 10_957, 9_131
"""Days that are made up: 2000-01-01 to 2024-12-31."""
_ALL_DAYS = 3_652_059
"""Days from 0001-01-01 to 9999-12-31, the first of them -719162 after 1970-01-01."""
_FIRST_OF_ALL = -719_162

Ints = NDArray[np.int64]


def can_be_typed(spark_type: str) -> bool:
    """Whether values of a Spark type, given as its simple string, can be made up."""
    base = spark_type.split("(")[0].lower()
    return base in (
        *("tinyint", "smallint", "int", "integer", "bigint", "decimal", "float", "double", "boolean", "date"),
        *("timestamp", "timestamp_ntz", "binary", "string", "varchar", "char"),
    ) or base.startswith(("interval day", "interval hour", "interval minute", "interval second"))


def room_of(spark_type: str) -> int:
    """How many different values of a type that is no string can be made up."""
    base, _, rest = spark_type.partition("(")
    match base.lower():
        case "boolean":
            return 2
        case "tinyint":
            return 1 << 8
        case "smallint":
            return 1 << 16
        case "int" | "integer":
            return 1 << 32
        case "decimal":
            return 10 ** min(int(rest.split(",")[0].rstrip(")")), MOST_DIGITS)
        case "float":
            return 1 << 24
        case "date":
            return _ALL_DAYS
        case _:
            return 1 << 53


def typed(column: Column, context: RowContext, arrow_type: pa.DataType) -> pa.Array:
    """Values of a column that holds no strings: [n], none null.

    Raises: ValueError for a type whose values cannot be made up; `can_be_typed` says so beforehand.
    """
    rows = context.row_ids
    bits = context.bits(column.name, 2)
    if pa.types.is_boolean(arrow_type):
        return pa.array((bits[:, 0] & np.uint64(1)).astype(bool))
    if pa.types.is_integer(arrow_type):
        limits = np.iinfo(arrow_type.to_pandas_dtype())
        return pa.array(_integers(column, context, int(limits.min), int(limits.max))).cast(arrow_type)
    if pa.types.is_floating(arrow_type):
        most = 1 << (24 if pa.types.is_float32(arrow_type) else 53)
        return pa.array(_reals(column, context, most)).cast(arrow_type)
    if pa.types.is_decimal(arrow_type):
        return _decimals(column, context, arrow_type)
    if pa.types.is_date(arrow_type):
        return pa.array(_days(column, context).astype(np.int32)).cast(pa.date32()).cast(arrow_type)
    if pa.types.is_timestamp(arrow_type):
        seconds = _days(column, context) * 86_400 + below(bits[:, 1], 86_400)
        return pa.array(seconds * 1_000_000).cast(pa.timestamp("us", tz=arrow_type.tz)).cast(arrow_type)
    if pa.types.is_duration(arrow_type):
        return pa.array(rows % (1 << 40) * 1_000_000).cast(pa.duration("us")).cast(arrow_type)
    if pa.types.is_binary(arrow_type) or pa.types.is_large_binary(arrow_type):
        octets = bits.view(np.uint8).reshape(-1, 16)
        return pa.array([row.tobytes() for row in octets], arrow_type)
    raise ValueError(f"no value of type {arrow_type} can be made up for {column.name!r}")


def _integers(column: Column, context: RowContext, least: int, most: int) -> Ints:
    """Whole numbers within the type: in the shape of the entity and of the released digits. [n]."""
    shaped = _shaped(column, context, most)
    if shaped is not None:
        return shaped
    rows = context.row_ids
    widths = tuple(
        (width, share) for width, share in column.digits if share > 0 and 10 ** (width - 1) <= most
    )
    if widths and not _counts_up(widths):
        narrow = tuple((min(width, MOST_DIGITS), share) for width, share in widths)
        made = numbers_of(
            rows,
            narrow,
            context.key(column.name) >> 2,
            least=max(least, 1 - 10**MOST_DIGITS),
            most=min(most, 10**MOST_DIGITS - 1),
        )[0]
        # Where the type has too few numbers for all rows, one comes twice rather than a negative one once.
        return made if column.unique else np.where(made < 0, 1 + rows % most, made)
    if not column.unique and most < 1 << 31:
        return 1 + rows % most
    # 1, 2, 3, ..., then 0 and what is below it; then again.
    serials = rows % (most - least + 1) if most - least < 1 << 62 else rows
    return np.where(serials < most, serials + 1, most - serials)


def _counts_up(widths: tuple[tuple[int, float], ...]) -> bool:
    """Whether the shares are those of 1, 2, 3, ...: a digit less has a tenth of the numbers."""
    ordered = sorted(widths)
    pairs = list(itertools.pairwise(ordered))
    follow = all(b[0] == a[0] + 1 for a, b in pairs)
    fewer = all(a[1] <= 0.2 * b[1] for a, b in pairs[:-1])
    return len(ordered) > 1 and follow and fewer and (ordered[0][0] == 1 or ordered[0][1] <= 0.2)


def _shaped(column: Column, context: RowContext, most: int) -> Ints | None:
    """Numbers of an entity that has a shape of its own, if they fit the type."""
    match column.entity:
        case Entity.POSTCODE:
            beside = context.beside(column, Entity.STATE)
            if beside is None and column.digits and _main_width(column) != 5:
                return None
            states = np.full(len(context.row_ids), -1) if beside is None else state_numbers(beside)
            made = postcodes(states, context.uniform(column.name))
            prefix = context.prefixes.get(column.name)
            if prefix is not None:  # the last two digits were cut off
                wide = pc.match_substring_regex(prefix, r"^\d{1,16}$")
                known = pc.if_else(wide, prefix, pa.scalar(None, pa.string())).cast(pa.int64())
                numbers = known.fill_null(-1).to_numpy(zero_copy_only=False)
                end = below(context.bits(f"{column.name} end", 1)[:, 0], 100)
                made = np.where(numbers < 0, made, numbers * 100 + end)
        case Entity.PHONE:
            made = phones(column, context)
        case Entity.SSN if _main_width(column) in (None, 9):
            serials = permuted(context.row_ids, SSNS_AN_AREA, context.key(column.name))
            made = 666_000_000 + (1 + serials // 9999) * 10_000 + 1 + serials % 9999
        case Entity.CREDIT_CARD if _main_width(column) in (None, 16):
            made = cards(permuted(context.row_ids, CARDS, context.key(column.name)))
        case _:
            return None
    return made if made.max(initial=0) <= most else None


def phones(column: Column, context: RowContext) -> Ints:
    """Telephone numbers of as many digits as most have: 555-0100 to 555-0199, which are kept for fiction.
    [n].

    The area is one of the row's state where that is known.
    """
    width = _main_width(column) or 10
    beside = context.beside(column, Entity.STATE)
    serials = permuted(context.row_ids, 70_000, context.key(column.name))
    areas, lines = 200 + serials // 100, serials % 100
    if beside is not None and not column.unique:
        known = area_codes(state_numbers(beside), context.uniform(column.name))
        areas = np.where(known > 0, known, areas)
    if width == 7:
        return 5_550_100 + lines
    made = areas * 10**7 + 5_550_100 + lines
    return made + 10**10 if width == 11 else made


def _main_width(column: Column) -> int | None:
    """The number of digits that most values have; None if it is not known."""
    return max(column.digits, key=lambda pair: pair[1])[0] if column.digits else None


def _reals(column: Column, context: RowContext, most: int) -> NDArray[np.float64]:
    if column.entity in (Entity.LATITUDE, Entity.LONGITUDE):
        half = 90 if column.entity == Entity.LATITUDE else 180
        return np.round((context.uniform(column.name) * 2 - 1) * half, column.decimals or 6)
    return _integers(column, context, 1 - most, most).astype(np.float64)


def _decimals(column: Column, context: RowContext, arrow_type: pa.DataType) -> pa.Array:
    """Whole numbers where there is room before the point, else units of the last digit. [n]."""
    before = arrow_type.precision - arrow_type.scale
    if column.entity in (Entity.LATITUDE, Entity.LONGITUDE) and before >= 3:
        texts = np.char.mod(f"%.{arrow_type.scale}f", _reals(column, context, 1 << 53))
        return pa.array(texts).cast(arrow_type)
    if before >= min(MOST_DIGITS, arrow_type.precision) or before >= 9:
        most = 10 ** min(before, MOST_DIGITS) - 1
        return pa.array(_integers(column, context, -most, most)).cast(pa.string()).cast(arrow_type)
    most = 10 ** min(arrow_type.precision, MOST_DIGITS) - 1
    units = _integers(column, context, -most, most)
    if arrow_type.scale == 0:
        return pa.array(units).cast(pa.string()).cast(arrow_type)
    texts = digits(np.abs(units), arrow_type.scale + 1)
    sign = pc.if_else(pa.array(units < 0), "-", "")
    head = pc.utf8_slice_codeunits(texts, 0, -arrow_type.scale)
    tail = pc.utf8_slice_codeunits(texts, -arrow_type.scale)
    return joined(sign, joined(head, tail, separator=".")).cast(arrow_type)


def _days(column: Column, context: RowContext) -> Ints:
    """Days since 1970-01-01: of this century, or of all years if none may come twice."""
    if column.unique:
        return _FIRST_OF_ALL + permuted(context.row_ids, _ALL_DAYS, context.key(column.name))
    return _FIRST_DAY + below(context.bits(column.name, 1)[:, 0], _DAYS)

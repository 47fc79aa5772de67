"""The value that a cell of a public grid most likely stands for, if it is but one: known without any data."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal

import numpy as np

from synth.core.calendar import SECONDS_A_DAY
from synth.core.schema import Kind

_EXACT = Context(prec=800)
"""Digits enough for any float64 as a decimal number."""
_SENTINELS = tuple(sorted({*(10**k - 1 for k in range(3, 39)), *(2**k - 1 for k in range(15, 65))}))
"""All nines, and the largest numbers of so many bits: they stand for missing or unlimited."""


def likely_value(lower: float, upper: float, kind: Kind, decimals: int | None) -> float:
    """The value in [lower, upper) that people and programs would write most often.

    Zero; a power of ten; a sentinel such as 99999; then the number of fewest digits. Of days the
    last and the first of a year, then the first of a month; of moments midnights of such days, then whole
    hours and minutes.
    Args:
      lower, upper: edges, or the same value twice. decimals: digits after the point of reals.
    """
    if lower == upper:
        return lower
    match kind:
        case Kind.INTEGER:
            return float(_number(Decimal(repr(float(lower))), Decimal(repr(float(upper))), 0))
        case Kind.REAL:
            return float(_number(Decimal(repr(float(lower))), Decimal(repr(float(upper))), decimals))
        case Kind.DATE:
            return _day(int(np.ceil(lower)), int(np.ceil(upper)))
        case Kind.TIMESTAMP:
            return _moment(int(np.ceil(lower)), int(np.ceil(upper)))
        case _:
            return float(np.ceil(lower)) if kind is Kind.PLACE else lower


def _number(lower: Decimal, upper: Decimal, decimals: int | None) -> Decimal:
    if lower <= 0 < upper:
        return Decimal(0)
    if upper <= 0:
        # Of whole numbers -8 .. -5 is [-8, -4); of others a negative cell has its upper edge, not its lower.
        unit = Decimal(0) if decimals is None else Decimal(1).scaleb(-decimals)
        return -_positive(unit - upper, unit - lower, decimals)
    return _positive(lower, upper, decimals)


def _positive(lower: Decimal, upper: Decimal, decimals: int | None) -> Decimal:
    power = Decimal(1).scaleb(upper.adjusted(), _EXACT)
    if lower <= power < upper:
        return power
    # 999.99 is the end of a column of prices as 99999 is of one of whole numbers.
    units = (Decimal(1).scaleb(-decimals), Decimal(1)) if decimals else (Decimal(1),)
    for value in (sentinel * unit for unit in units for sentinel in _SENTINELS):
        if lower <= value < upper:
            return value
    for exponent in range(upper.adjusted(), lower.adjusted() - 20, -1):
        step = Decimal(1).scaleb(exponent, _EXACT)
        value = _EXACT.multiply((_EXACT.divide(lower, step)).to_integral_value(ROUND_CEILING), step)
        if lower <= value < upper:
            return value
    return lower


def _day(first: int, end: int) -> float:
    """Days since 1970-01-01; at least one is in [first, end)."""
    return float(next((day for day in _usual_days(first, end) if first <= day < end), first))


def _usual_days(first: int, end: int) -> Iterator[int]:
    start, stop = (np.datetime64(day, "D") for day in (first, max(end - 1, first)))
    years = np.arange(start.astype("datetime64[Y]"), stop.astype("datetime64[Y]") + 2)
    yield from ((years.astype("datetime64[D]") - 1).astype(np.int64)).tolist()
    yield from years.astype("datetime64[D]").astype(np.int64).tolist()
    months = np.arange(start.astype("datetime64[M]"), stop.astype("datetime64[M]") + 2)
    yield from months.astype("datetime64[D]").astype(np.int64).tolist()


def _moment(first: int, end: int) -> float:
    """Seconds since 1970-01-01."""
    last_second = end - 1
    if last_second % SECONDS_A_DAY == SECONDS_A_DAY - 1 and end - first < SECONDS_A_DAY:
        return float(last_second)
    for step in (SECONDS_A_DAY, 3_600, 60):
        start, stop = -(-first // step), -(-end // step)
        if stop > start:
            return (_day(start, stop) if step == SECONDS_A_DAY else float(start)) * step
    return float(first)

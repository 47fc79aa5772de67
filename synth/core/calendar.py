"""Calendar parts of days."""

from datetime import UTC, datetime
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from synth.core.schema import Kind, Part

SECONDS_A_DAY = 86_400


def calendar_part(days: NDArray[np.int64], part: Part) -> NDArray[np.int64]:
    """Month 1-12, day 1-31 or ISO weekday 1-7 of days since 1970-01-01, any shape; zero for the hour."""
    dates = days.astype("datetime64[D]")
    match part:
        case Part.MONTH:
            return dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
        case Part.DAY:
            return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
        case Part.WEEKDAY:
            return (days + 3) % 7 + 1  # 1970-01-01 was a Thursday
        case Part.HOUR:
            return np.zeros_like(days)
        case _:
            assert_never(part)


def number_of(bound: float | datetime, kind: Kind) -> float:
    """A declared bound in the unit of its kind: days since 1970-01-01 for a date, else seconds.

    Args:
      bound: a number, which is in that unit already, or a moment; without a zone it is UTC's.
    """
    if not isinstance(bound, datetime):
        return bound
    seconds = (bound if bound.tzinfo else bound.replace(tzinfo=UTC)).timestamp()
    return float(seconds // SECONDS_A_DAY) if kind is Kind.DATE else seconds

"""How values are rounded: trailing digits of numbers, whole minutes and hours, firsts of months.

Every value falls into exactly one ending, the coarsest that fits. From the counts of endings follows which
share of a column was rounded to what (`roundings`), beyond the multiples that occur by chance; `rounded`
does it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.schema import Kind

_SURE = 2.5
"""Standard deviations by which an ending must be more frequent than chance makes it."""
_ROUNDS = 3
"""Times two trailing digits are looked at: up to multiples of a million."""
_LARGEST_EXACT = 2.0**53


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """Values are multiples of `unit` plus `offset`, in the column's unit; unit 0 leaves them as they are.

    Of dates a unit of 30 means the first of a month, 31 the last, 365 the first of a year.
    """

    unit: float
    offset: float = 0.0
    share: float

    def __post_init__(self) -> None:
        if not (self.unit >= 0 and 0 <= self.share <= 1 and np.isfinite(self.offset)):
            raise ValueError(f"not a rounding: {self}")


@dataclass(frozen=True)
class _Ending:
    name: str
    unit: float
    offset: float = 0.0


_ANY = _Ending("any", 0.0)
_NUMBERS = (
    *(_Ending("1", 1), _Ending("99", 100, 99), _Ending("5", 5), _Ending("95", 100, 95)),
    *(_Ending(str(n), n) for n in (10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000)),  # noqa: E501
)  # fmt: skip
_SECONDS = tuple(_Ending(str(n), n) for n in (1, 60, 300, 900, 3_600, 86_400))
_DATES = (_Ending("day", 1), _Ending("month end", 31), _Ending("month", 30), _Ending("year", 365))
_CHANCE_OF_DAY = np.array([1 - 2 / 30.44, 1 / 30.44, 1 / 30.44 - 1 / 365.25, 1 / 365.25])
_CHANCE_OF_MONTH = np.array([0.0, 0.0, 11 / 12, 1 / 12])


def endings_of(kind: Kind, decimals: int | None) -> tuple[str, ...]:
    """Names of the endings that a column's values are counted by, from fine to coarse; none for places."""
    return tuple(ending.name for ending in _endings(kind, decimals))


def _endings(kind: Kind, decimals: int | None) -> tuple[_Ending, ...]:
    match kind:
        case Kind.INTEGER:
            return _NUMBERS
        case Kind.REAL:
            return (_ANY, *_NUMBERS)
        case Kind.TIMESTAMP:
            return (_ANY, *_SECONDS)
        case Kind.DATE:
            return _DATES
        case _:
            return ()


_OF_TWO_DIGITS = np.zeros(100, dtype=np.int64)
for _place, _ending in enumerate(_NUMBERS[:7]):
    _step = int(_ending.unit)
    _OF_TWO_DIGITS[int(_ending.offset) :: _step] = _place
_OF_TWO_DIGITS[[99, 95]] = [1, 3]


def ending(values: NDArray[np.float64], kind: Kind, decimals: int | None) -> NDArray[np.int64]:
    """The place in `endings_of` of each value that is a number. [n] -> [n]; zero is as fine as can be."""
    match kind:
        case Kind.INTEGER:
            return _of_numbers(values)
        case Kind.REAL:
            units = values if decimals is None else np.round(values * 10.0**decimals)
            with np.errstate(invalid="ignore"):
                whole = (units == np.floor(units)) & (units != 0) & np.isfinite(units)
            return np.where(whole, 1 + _of_numbers(np.where(whole, units, 0.0)), 0)
        case Kind.TIMESTAMP:
            found = np.zeros(len(values), dtype=np.int64)
            for place, step in enumerate(_SECONDS, start=1):
                found = np.where(values % step.unit == 0, place, found)
            return found
        case Kind.DATE:
            days = values.astype(np.int64).astype("datetime64[D]")
            found = np.zeros(len(values), dtype=np.int64)
            found[_is_first(days + 1, "M")] = 1
            found[_is_first(days, "M")] = 2
            found[_is_first(days, "Y")] = 3
            return found
        case _:
            raise ValueError(f"{kind} values have no endings")


def _is_first(days: NDArray[np.datetime64], of: str) -> NDArray[np.bool_]:
    first: NDArray[np.bool_] = days == days.astype(f"datetime64[{of}]").astype("datetime64[D]")
    return first


def _of_numbers(values: NDArray[np.float64]) -> NDArray[np.int64]:
    size = np.abs(values)
    left = np.where(size < _LARGEST_EXACT, size, 1.0).astype(np.int64)
    found = _OF_TWO_DIGITS[left % 100]
    # Places 4, 5, 6 are 10, 50, 100; two digits further on the endings are four places on.
    rest = np.flatnonzero((found == 6) & (left > 0))
    for _ in range(1, _ROUNDS):
        if not len(rest):
            break
        left[rest] //= 100
        further = np.array([0, 0, 1, 1, 2, 3, 4])[_OF_TWO_DIGITS[left[rest] % 100]]
        found[rest] += further
        rest = rest[further == 4]
    return np.where(left == 0, 0, found)


def roundings(
    counts: Sequence[float], kind: Kind, decimals: int | None, *, noise_scale: float
) -> tuple[Rounding, ...]:
    """Which shares of the values are rounded to what; empty if none is.

    A value that is not rounded ends in a zero by chance as well: from fine to coarse, each ending keeps
    what is beyond the chance of all that is finer.
    Args:
      counts: of each ending, released, in the order of `endings_of`.
    """
    endings = _endings(kind, decimals)
    chance = np.array([_chances(endings, place, kind) for place in range(len(endings))])
    left = np.array(counts, dtype=np.float64)
    weights = np.zeros(len(endings))
    for place in range(len(endings)):
        sure = _SURE * np.sqrt(noise_scale**2 + max(counts[place], 0.0)) + 0.01 * max(sum(counts), 0.0)
        if left[place] > sure and chance[place, place] > 0:
            weights[place] = left[place] / chance[place, place]
            left -= weights[place] * chance[place]
    if not weights.sum() > 0 or weights[1:].sum() == 0:
        return ()
    unit = 10.0**-decimals if decimals is not None and kind is Kind.REAL else 1.0
    base = 0.0 if endings[0] is _ANY else 1.0
    found = [
        Rounding(
            unit=0.0 if e.unit == base and kind is not Kind.REAL else e.unit * unit,
            offset=e.offset * unit,
            share=float(weight / weights.sum()),
        )
        for e, weight in zip(endings, weights, strict=True)
        if weight > 0
    ]
    plain = kind is Kind.REAL and decimals is not None and all(r.unit in (0.0, unit) for r in found)
    return () if plain else tuple(found)


def _chances(endings: tuple[_Ending, ...], place: int, kind: Kind) -> NDArray[np.float64]:
    """The chance of each ending for a multiple of the ending at that place."""
    chances = np.zeros(len(endings))
    if endings[place] is _ANY or endings[place].offset:
        chances[place] = 1.0
        return chances
    if kind is Kind.DATE:
        alone = np.eye(len(endings))
        return (_CHANCE_OF_DAY, alone[1], _CHANCE_OF_MONTH, alone[3])[place]
    unit = endings[place].unit
    chain = [k for k in range(place, len(endings)) if not endings[k].offset]
    for k, following in zip(chain, [*chain[1:], None], strict=True):
        beyond = 0.0 if following is None else unit / endings[following].unit
        chances[k] = unit / endings[k].unit - beyond
    for k, e in enumerate(endings):
        if e.offset and e.offset % unit == 0:
            inside = next(j for j in reversed(chain) if e.offset % endings[j].unit == 0)
            chances[k] = unit / e.unit
            chances[inside] -= chances[k]
    return chances


def rounded(
    values: NDArray[np.float64],
    picks: NDArray[np.float64],
    found: tuple[Rounding, ...],
    kind: Kind,
    *,
    least: NDArray[np.float64],
    most: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Values moved to the nearest of a rounding that is drawn by its share. [n] -> [n].

    Args:
      picks: [n] in [0, 1). least, most: [n], results stay between them; a value without a multiple there
        stays as it is.
    """
    shares = np.cumsum([rounding.share for rounding in found])
    which = np.minimum(np.searchsorted(shares, picks * shares[-1], side="right"), len(found) - 1)
    moved = values.copy()
    for number, rounding in enumerate(found):
        mine = which == number
        if rounding.unit and mine.any():
            near = _nearest_day if kind is Kind.DATE else _nearest
            moved[mine] = near(values[mine], rounding, least[mine], most[mine])
    return moved


def _nearest(
    values: NDArray[np.float64], to: Rounding, least: NDArray[np.float64], most: NDArray[np.float64]
) -> NDArray[np.float64]:
    size = np.abs(values)
    multiple = np.maximum(np.floor((size - to.offset) / to.unit + 0.5), 0)
    signed = [np.copysign(_times(multiple + step, to), values) for step in (0, -1, 1)]
    inside = [(candidate >= least) & (candidate <= most) for candidate in signed]
    return np.select(inside, signed, default=values)


def _times(multiple: NDArray[np.float64], to: Rounding) -> NDArray[np.float64]:
    if to.unit >= 1:
        return multiple * to.unit + to.offset
    whole = round(1 / to.unit)  # a division gives 0.15 where 3 x 0.05 is 0.15000000000000002
    return (multiple + np.round(to.offset * whole)) / whole


def _nearest_day(
    values: NDArray[np.float64], to: Rounding, least: NDArray[np.float64], most: NDArray[np.float64]
) -> NDArray[np.float64]:
    days = values.astype(np.int64).astype("datetime64[D]")
    period = "Y" if to.unit == 365 else "M"
    start = days.astype(f"datetime64[{period}]")
    before, after = ((start + step).astype("datetime64[D]").astype(np.int64) for step in (0, 1))
    if to.unit == 31:
        before, after = before - 1, after - 1
    nearer = np.where(values - before <= after - values, before, after).astype(np.float64)
    other = np.where(nearer == before, after, before).astype(np.float64)
    inside = [(day >= least) & (day <= most) for day in (nearer, other)]
    return np.select(inside, [nearer, other], default=values)

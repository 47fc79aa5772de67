"""Fictional patients: each row is a pure function of (seed, row id), with dependences worth learning.

The table is shaped like Synthea's `patients.csv`. City gives county, state, ZIP, position and shares of
race and ethnicity; age gives marital status, documents, death and costs; marital status, gender and age
give the prefix; costs, age, state and ethnicity give the coverage, which is 0 for the uninsured.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.demo import names
from synth.demo.places import CITIES, STATES

COLUMNS: dict[str, str] = {
    "Id": "string",
    "BIRTHDATE": "date",
    "DEATHDATE": "date",
    "SSN": "string",
    "DRIVERS": "string",
    "PASSPORT": "string",
    "PREFIX": "string",
    "FIRST": "string",
    "LAST": "string",
    "MARITAL": "string",
    "RACE": "string",
    "ETHNICITY": "string",
    "GENDER": "string",
    "BIRTHPLACE": "string",
    "ADDRESS": "string",
    "CITY": "string",
    "STATE": "string",
    "COUNTY": "string",
    "ZIP": "string",
    "LAT": "double",
    "LON": "double",
    "HEALTHCARE_EXPENSES": "double",
    "HEALTHCARE_COVERAGE": "double",
}
"""Column -> `string`, `date` or `double`, in the table's order."""

RACES = ("white", "black", "asian", "native", "other")
TODAY = np.datetime64("2025-12-31", "D")
"""The day the table was written: nobody is born or dies after it."""

_DAYS_A_YEAR = 365.25
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Strings = NDArray[np.object_]


class _Draw(IntEnum):
    """One random number of a row; a new one goes to the end, so that the others keep their values."""

    ID_HIGH = auto()
    ID_LOW = auto()
    CITY = auto()
    GENDER = auto()
    BIRTH = auto()
    LIFESPAN = auto()
    RACE = auto()
    ETHNICITY = auto()
    MARITAL_KNOWN = auto()
    MARITAL = auto()
    PREFIX = auto()
    DOCTOR = auto()
    FIRST = auto()
    FIRST_LANGUAGE = auto()
    LAST = auto()
    SSN = auto()
    DRIVERS = auto()
    DRIVERS_HELD = auto()
    PASSPORT = auto()
    PASSPORT_HELD = auto()
    BIRTHPLACE_ABROAD = auto()
    BIRTHPLACE = auto()
    HOUSE = auto()
    STREET = auto()
    STREET_KIND = auto()
    UNIT = auto()
    ZIP = auto()
    ZIP_KNOWN = auto()
    LATITUDE = auto()
    LONGITUDE = auto()
    EXPENSES_A = auto()
    EXPENSES_B = auto()
    INSURED = auto()
    COVERED = auto()


def splitmix64(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One step of SplitMix64: a bijection of 64-bit words. [n] -> [n].

    Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
    """
    with np.errstate(over="ignore"):
        z = state + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class _Rows:
    """The random numbers of some rows, by (seed, row id, draw)."""

    def __init__(self, ids: NDArray[np.int64], seed: int) -> None:
        # The seed is mixed and the id is not: a combination that treats them alike would give
        # (seed 1, id 0) the row of (seed 0, id 1).
        key = splitmix64(np.array([seed % 2**64], dtype=np.uint64))
        with np.errstate(over="ignore"):
            self._state = splitmix64(key + ids.astype(np.uint64))

    def words(self, draw: _Draw) -> NDArray[np.uint64]:
        """64 random bits a row. -> [n]."""
        with np.errstate(over="ignore"):
            return splitmix64(self._state ^ (_GOLDEN * np.uint64(draw)))

    def uniform(self, draw: _Draw) -> Floats:
        """A number in [0, 1) a row. -> [n]."""
        return (self.words(draw) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, first: _Draw, second: _Draw) -> Floats:
        """A standard normal number a row (Box and Muller 1958). -> [n]."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(first)))
        normal: Floats = radius * np.cos(2 * np.pi * self.uniform(second))
        return normal

    def integer(self, draw: _Draw, low: int, high: int) -> NDArray[np.int64]:
        """A whole number in [low, high) a row. -> [n]."""
        return low + np.floor(self.uniform(draw) * (high - low)).astype(np.int64)

    def common(self, draw: _Draw, words: tuple[str, ...]) -> Strings:
        """A word a row, the first ones more often. -> [n]."""
        index = np.floor(self.uniform(draw) ** 1.7 * len(words)).astype(np.int64)
        return np.array(words, dtype=object)[index]

    def common_of(
        self, draw: _Draw, cases: Sequence[tuple[Flags, tuple[str, ...]]], otherwise: tuple[str, ...]
    ) -> Strings:
        """A common word a row, of the first case that holds for it. -> [n]."""
        chosen = self.common(draw, otherwise)
        for holds, words in reversed(cases):
            chosen = _where(holds, self.common(draw, words), chosen)
        return chosen


def patients(ids: NDArray[np.int64], seed: int) -> dict[str, NDArray[Any]]:
    """The patients of these row ids: one array a column, in the order of `COLUMNS`.

    Args:
      ids: int64 [n], >= 0; n may be 0.
      seed: of the whole table.
    Returns: each [n]: strings as objects with None for null, dates as datetime64[D] with NaT for null,
      numbers as float64 without null.
    Guarantee: a row depends on (seed, its id) only, never on the other ids of the call.
    """
    rows = _Rows(ids, seed)
    city, state = _place(rows)
    female = rows.uniform(_Draw.GENDER) < 0.51
    birth, death = _life(rows, female)
    age = (np.where(np.isnat(death), TODAY, death) - birth).astype(np.float64) / _DAYS_A_YEAR
    race, hispanic = _origin(rows, city, state)
    marital = _marital(rows, age)
    expenses = _expenses(rows, age, female, state)
    asian = ~hispanic & (race == "asian")
    last_names = rows.common_of(
        _Draw.LAST, [(hispanic, names.LAST_SPANISH), (asian, names.LAST_ASIAN)], names.LAST
    )
    return {
        "Id": _uuids(rows),
        "BIRTHDATE": birth,
        "DEATHDATE": death,
        "SSN": _social_security_numbers(rows),
        "DRIVERS": _drivers(rows, age),
        "PASSPORT": _passports(rows, age),
        "PREFIX": _prefixes(rows, age, female, marital),
        "FIRST": _first_names(rows, female, hispanic),
        "LAST": last_names,
        "MARITAL": marital,
        "RACE": race,
        "ETHNICITY": _either(hispanic, "hispanic", "nonhispanic"),
        "GENDER": _either(female, "F", "M"),
        "BIRTHPLACE": _birthplaces(rows, city, hispanic, asian),
        "ADDRESS": _addresses(rows),
        **_geography(rows, city),
        "HEALTHCARE_EXPENSES": expenses,
        "HEALTHCARE_COVERAGE": _coverage(rows, age, state, hispanic, marital, expenses),
    }


def _place(rows: _Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of each row's city and state."""
    shares = {state.name: state.share for state in STATES}
    cumulative = np.cumsum([shares[city.state] * city.share for city in CITIES])
    drawn = np.searchsorted(cumulative / cumulative[-1], rows.uniform(_Draw.CITY), side="right")
    order = {state.name: index for index, state in enumerate(STATES)}
    return drawn.astype(np.int64), np.array([order[city.state] for city in CITIES], dtype=np.int64)[drawn]


def _life(rows: _Rows, female: Flags) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Birth, and death by Gompertz's law if it came before today."""
    days = np.floor(104 * rows.uniform(_Draw.BIRTH) ** 1.45 * _DAYS_A_YEAR)
    birth = TODAY - days.astype("timedelta64[D]")
    mode = np.where(female, 88.0, 83.0)
    lifespan = mode + 10.5 * np.log(-np.log1p(-rows.uniform(_Draw.LIFESPAN)) + 1e-4)
    death = birth + np.floor(np.maximum(lifespan, 0) * _DAYS_A_YEAR).astype("timedelta64[D]")
    return birth, np.where(death <= TODAY, death, np.datetime64("NaT", "D"))


def _origin(rows: _Rows, city: NDArray[np.int64], state: NDArray[np.int64]) -> tuple[Strings, Flags]:
    """Race by state, and whether hispanic by state and city."""
    cumulative = np.cumsum([state.races for state in STATES], axis=1)[state]  # [n, races]
    drawn = (rows.uniform(_Draw.RACE)[:, None] >= cumulative[:, :-1]).sum(axis=1)
    share = np.array([state.hispanic for state in STATES])[state]
    odds = share / (1 - share) * np.array([place.hispanic for place in CITIES])[city]
    white_or_other = np.where((drawn == 0) | (drawn == len(RACES) - 1), 1.0, 0.25)
    hispanic = rows.uniform(_Draw.ETHNICITY) < white_or_other * odds / (1 + odds)
    return np.array(RACES, dtype=object)[drawn], hispanic


def _marital(rows: _Rows, age: Floats) -> Strings:
    """M or S by age; unknown for children, and often for young adults."""
    married = 0.86 * _rise(age, 29, 3.5) - 0.20 * _rise(age, 80, 5)
    known = rows.uniform(_Draw.MARITAL_KNOWN) < np.where(age < 18, 0, 0.55 + 0.42 * _rise(age, 27, 4))
    status = _either(rows.uniform(_Draw.MARITAL) < married, "M", "S")
    return _where(known, status, None)


def _prefixes(rows: _Rows, age: Floats, female: Flags, marital: Strings) -> Strings:
    """Mr., Ms., Mrs. (most married women), a few Dr.; none for children."""
    mrs = (marital == "M") & (rows.uniform(_Draw.PREFIX) < 0.85)
    prefix = _where(female, _either(mrs, "Mrs.", "Ms."), "Mr.")
    doctor = (age > 27) & (rows.uniform(_Draw.DOCTOR) < 0.015)
    return _where(age < 18, None, _where(doctor, "Dr.", prefix))


def _first_names(rows: _Rows, female: Flags, hispanic: Flags) -> Strings:
    """By gender; often Spanish ones for hispanic people."""
    spanish = hispanic & (rows.uniform(_Draw.FIRST_LANGUAGE) < 0.6)
    cases = [
        (female & spanish, names.FEMALE_SPANISH),
        (female, names.FEMALE),
        (spanish, names.MALE_SPANISH),
    ]
    return rows.common_of(_Draw.FIRST, cases, names.MALE)


def _expenses(rows: _Rows, age: Floats, female: Flags, state: NDArray[np.int64]) -> Floats:
    """Lifetime costs in dollars: log-normal around a median that grows faster than age."""
    median = 2_500 + 650 * age**1.6 * np.where(female & (age > 18), 1.12, 1.0)
    median = median * np.array([state.expenses for state in STATES])[state]
    spread = np.exp(0.55 * rows.normal(_Draw.EXPENSES_A, _Draw.EXPENSES_B))
    expenses: Floats = np.round(median * spread, 2)
    return expenses


def _coverage(
    rows: _Rows, age: Floats, state: NDArray[np.int64], hispanic: Flags, marital: Strings, expenses: Floats
) -> Floats:
    """What insurance paid in dollars: nothing for the uninsured, more of it from 65 on."""
    uninsured = np.array([state.uninsured for state in STATES])[state]
    uninsured = uninsured * np.where(hispanic, 1.6, 1.0) * np.where(marital == "M", 0.6, 1.2)
    uninsured = np.where(age >= 65, 0.01, np.where(age < 18, 0.4 * uninsured, uninsured))
    covered = np.where(age >= 65, 0.55, 0.18) + 0.35 * rows.uniform(_Draw.COVERED)
    return np.where(rows.uniform(_Draw.INSURED) < uninsured, 0.0, np.round(covered * expenses, 2))


def _geography(rows: _Rows, city: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """City, state, county, ZIP, and a position near the centre of the ZIP's neighbourhood."""
    area = np.floor(rows.uniform(_Draw.ZIP) ** 2 * 24).astype(np.int64)  # low numbers are the busy ones
    centres = np.array([(place.latitude, place.longitude) for place in CITIES])[city]  # [n, 2]
    angle = 2.4 * area  # a sunflower's turn: neighbourhoods spread around the centre
    distance = 0.018 * np.sqrt(area)
    latitude = centres[:, 0] + distance * np.sin(angle) + 0.008 * (rows.uniform(_Draw.LATITUDE) - 0.5)
    longitude = centres[:, 1] + distance * np.cos(angle) + 0.008 * (rows.uniform(_Draw.LONGITUDE) - 0.5)
    prefixes = np.array([place.zip_prefix for place in CITIES], dtype=object)[city]
    codes = _each(f"{prefix}{number:02d}" for prefix, number in zip(prefixes, area + 1, strict=True))
    return {
        "CITY": np.array([place.name for place in CITIES], dtype=object)[city],
        "STATE": np.array([place.state for place in CITIES], dtype=object)[city],
        "COUNTY": np.array([place.county for place in CITIES], dtype=object)[city],
        "ZIP": _where(rows.uniform(_Draw.ZIP_KNOWN) < 0.05, None, codes),
        "LAT": np.round(latitude, 6),
        "LON": np.round(longitude, 6),
    }


def _birthplaces(rows: _Rows, city: NDArray[np.int64], hispanic: Flags, asian: Flags) -> Strings:
    """`City  State  US`, mostly where people live now; else a place abroad."""
    homes = np.array([f"{place.name}  {place.state}  US" for place in CITIES], dtype=object)
    moved = rows.uniform(_Draw.BIRTHPLACE_ABROAD)
    abroad = moved < np.where(hispanic | asian, 0.35, 0.06)
    anywhere = np.floor(rows.uniform(_Draw.BIRTHPLACE) * len(CITIES)).astype(np.int64)
    here = homes[np.where(moved > 0.70, anywhere, city)]
    cases = [(hispanic, names.ABROAD_SPANISH), (asian, names.ABROAD_ASIAN)]
    return _where(abroad, rows.common_of(_Draw.BIRTHPLACE, cases, names.ABROAD), here)


def _addresses(rows: _Rows) -> Strings:
    houses = rows.integer(_Draw.HOUSE, 1, 1200)
    streets = rows.common(_Draw.STREET, names.STREETS)
    kinds = rows.common(_Draw.STREET_KIND, names.STREET_KINDS)
    units = rows.integer(_Draw.UNIT, -150, 100)  # three in five live in a house without units
    return _each(
        f"{house} {street} {kind} Unit {unit}" if unit > 0 else f"{house} {street} {kind}"
        for house, street, kind, unit in zip(houses, streets, kinds, units, strict=True)
    )


def _uuids(rows: _Rows) -> Strings:
    """Random UUIDs (RFC 9562, version 4)."""
    high = (rows.words(_Draw.ID_HIGH) & np.uint64(0xFFFFFFFFFFFF0FFF)) | np.uint64(0x4000)
    low = (rows.words(_Draw.ID_LOW) & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    texts = (f"{a:016x}{b:016x}" for a, b in zip(high.tolist(), low.tolist(), strict=True))
    return _each(f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts)


def _social_security_numbers(rows: _Rows) -> Strings:
    """Numbers from the area 999, which is never issued."""
    numbers = rows.integer(_Draw.SSN, 0, 99 * 9_999).tolist()
    return _each(f"999-{1 + number // 9_999:02d}-{1 + number % 9_999:04d}" for number in numbers)


def _drivers(rows: _Rows, age: Floats) -> Strings:
    """Licences, from 16 on."""
    held = (age >= 16) & (rows.uniform(_Draw.DRIVERS_HELD) < 0.94)
    numbers = rows.integer(_Draw.DRIVERS, 0, 1_000_000).tolist()
    return _where(held, _each(f"S99{number:06d}" for number in numbers), None)


def _passports(rows: _Rows, age: Floats) -> Strings:
    """Passports, rarely before 18."""
    held = rows.uniform(_Draw.PASSPORT_HELD) < np.where(age < 18, 0.05, 0.80)
    numbers = rows.integer(_Draw.PASSPORT, 0, 100_000_000).tolist()
    return _where(held, _each(f"X{number:08d}X" for number in numbers), None)


def _rise(age: Floats, middle: float, width: float) -> Floats:
    """A smooth step from 0 to 1 around `middle` years."""
    rise: Floats = 1 / (1 + np.exp((middle - age) / width))
    return rise


def _where(condition: Flags, yes: Strings | str | None, no: Strings | str | None) -> Strings:
    """np.where for strings and None."""
    chosen: Strings = np.where(condition, np.asarray(yes, dtype=object), np.asarray(no, dtype=object))
    return chosen


def _either(condition: Flags, yes: str, no: str) -> Strings:
    """`yes` or `no` as objects, so that None may join them."""
    return np.array([no, yes], dtype=object)[condition.astype(np.int64)]


def _each(texts: Iterable[str]) -> Strings:
    """An array of objects from an iterable of strings."""
    return np.array(list(texts), dtype=object)

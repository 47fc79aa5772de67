"""Columns of every type that Spark knows."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from case import Back, Case, Draw, integers, pool, written
from numpy.random import Generator

_DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = 1 - _EPOCH, date(9999, 12, 31).toordinal() - _EPOCH
"""0001-01-01 and 9999-12-31, in days since 1970-01-01."""
_YEAR_1900 = date(1900, 1, 1).toordinal() - _EPOCH
_YEAR_2020 = date(2020, 1, 1).toordinal() - _EPOCH


def _whole(name: str, spark_type: str, draw: Draw, least: int, most: int, **more: Any) -> Case:
    settings = {"outermost": (least, most), "sentinels": (-1, 99), "spelling": r"-?\d+", "read": float}
    return Case(name=name, spark_type=spark_type, draw=draw, back=Back.NUMBERS, **{**settings, **more})


def _real(name: str, draw: Draw, spark_type: str = "double", **more: Any) -> Case:
    settings = {"read": float, "sentinels": (-999.0,)}
    return Case(name=name, spark_type=spark_type, draw=draw, back=Back.NUMBERS, **{**settings, **more})


def _decimal(precision: int, scale: int, draw: Draw, **more: Any) -> Case:
    unit = Decimal(1).scaleb(-scale)
    most = Decimal(10) ** (precision - scale) - unit if precision < 28 else _all_nines(precision, scale)
    settings = {
        "outermost": (most.copy_negate(), most),
        "sentinels": (Decimal(-1), Decimal(0)),
        "spelling": rf"-?\d+\.\d{{{scale}}}" if scale else r"-?\d+",
    }
    return Case(
        name=f"decimal_{precision}_{scale}",
        spark_type=f"decimal({precision},{scale})",
        draw=draw,
        back=Back.NUMBERS,
        read=float,
        **{**settings, **more},
    )


def _all_nines(precision: int, scale: int) -> Decimal:
    return Decimal((0, (9,) * precision, -scale))


def _cents(median: float, spread: float, scale: int) -> Draw:
    """Amounts as decimals of that many digits, made of digits so that nothing is rounded twice."""

    def draw(rng: Generator, n: int) -> list[Decimal]:
        amounts = rng.lognormal(np.log(median), spread, n).clip(0, 999)
        return [Decimal(f"{amount:.{scale}f}") for amount in amounts.tolist()]

    return draw


def _long_keys(rng: Generator, n: int) -> list[Decimal]:
    """Numbers of 38 digits."""
    halves = rng.integers(10**18, 10**19 - 1, (n, 2), dtype=np.uint64)
    return [Decimal(f"{first}{second}") for first, second in halves.tolist()]


def _moments(name: str, spark_type: str, draw: Draw, **more: Any) -> Case:
    return Case(
        name=name,
        spark_type=spark_type,
        draw=draw,
        back=Back.TIMES,
        read=float,
        outermost=(_FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1),
        sentinels=(_LAST_DAY * _DAY, 0),
        **more,
    )


def _micros(rng: Generator, n: int) -> list[int]:
    return (_YEAR_2020 * _DAY + rng.integers(0, 4 * 365 * _DAY, n)).tolist()


def _seconds(rng: Generator, n: int) -> list[int]:
    return (_YEAR_2020 * _DAY + rng.integers(0, 4 * 365 * 86_400, n) * 1_000_000).tolist()


def _normal(rng: Generator, n: int) -> list[float]:
    return rng.normal(50, 12, n).tolist()


def _mostly_zero(rng: Generator, n: int) -> list[float]:
    return np.where(rng.random(n) < 0.78, 0.0, rng.lognormal(2, 1, n)).tolist()


def _float32(rng: Generator, n: int) -> list[float]:
    return rng.normal(50, 12, n).astype(np.float32).tolist()


_INFINITE = (float("nan"), float("inf"))

TYPED: tuple[Case, ...] = (
    Case(name="boolean", spark_type="boolean", back=Back.CATEGORIES, draw=pool(True, False, steepness=1)),
    _whole("tinyint", "tinyint", integers(-100, 98), -128, 127),
    _whole("smallint", "smallint", integers(0, 3_000), -(2**15), 2**15 - 1),
    _whole("int", "int", written(lambda g, n: g.normal(40_000, 9_000, n), round), -(2**31), 2**31 - 1),
    _whole("bigint", "bigint", written(lambda g, n: g.lognormal(12, 2, n), round), -(2**63), 2**63 - 1),
    _whole("int_small_table_of_years", "int", pool(2020, 2021, 2022), 1900, 2100),
    _whole(
        "int_multiples_of_1000",
        "int",
        written(lambda g, n: g.lognormal(4, 0.7, n).round() + 1, lambda k: int(k) * 1000),
        0,
        2_000_000_000,
        spelling=r"0|\d+000",
        sentinels=(),
        remark="multiples of 10, 100, 1,000 and 10,000 stay multiples",
    ),
    _whole(
        "bigint_ids_of_10_digits",
        "bigint",
        integers(1_000_000_000, 9_999_999_999),
        1_000_000_000,
        9_999_999_999,
        spelling=r"\d{10}",
        sentinels=(),
        are_keys=True,
    ),
    _real("float", _float32, "float", outermost=(-3.4028234663852886e38, 3.4028234663852886e38)),
    _real("double", _normal, outermost=(-1e300, 1e300), sentinels=(-999.0, 0.0)),
    _real("double_nan_and_infinity", _normal, sentinels=_INFINITE, remark="NaN and infinities stay"),
    _real("float_nan_and_infinity", _float32, "float", sentinels=_INFINITE),
    _real("double_mostly_zero", _mostly_zero, outermost=(0.0, 1e6)),
    _real("double_minus_zero", pool(-0.0, 1.5, -2.5), remark="-0.0 is 0"),
    _real("double_of_1e19", written(lambda g, n: g.normal(1e19, 1e18, n), float), outermost=(1e18, 9e19)),
    _real("double_of_1e_minus_12", written(lambda g, n: g.lognormal(-27.6, 0.5, n), float)),
    _real("double_of_1e30", written(lambda g, n: g.lognormal(69, 0.5, n), float), sentinels=(-1.0,)),
    _real("double_whole", written(lambda g, n: g.normal(60, 20, n), lambda x: float(round(x))),
          spelling=r"-?\d+\.0"),
    _real("double_of_cents", written(lambda g, n: g.lognormal(3, 1, n), lambda x: round(x, 2)),
          spelling=r"-?\d+\.\d\d?"),
    _real("double_whole_beside_tails", written(lambda g, n: g.standard_t(2, n) * 10, float)),
    _decimal(5, 2, _cents(40, 1, 2)),
    _decimal(10, 0, _cents(200, 1, 0)),
    _decimal(18, 6, _cents(40, 1, 6)),
    _decimal(38, 18, _cents(40, 1, 18)),
    _decimal(
        38, 0, _long_keys, outermost=(), sentinels=(), spelling=r"\d{38}", are_keys=True,
        remark="keys of 38 digits are never null in a column that has no nulls",
    ),
    Case(name="varchar", spark_type="varchar(12)", back=Back.CATEGORIES, spelling=r".{1,12}",
         draw=pool("north", "south", "east", "west", "twelve chars", steepness=1)),
    Case(name="char", spark_type="char(3)", back=Back.CATEGORIES, spelling=r"[A-Z]{3}",
         draw=pool("EUR", "USD", "GBP", "CHF", steepness=1)),
    Case(
        name="date",
        spark_type="date",
        back=Back.TIMES,
        read=float,
        draw=written(lambda g, n: _YEAR_2020 - g.gamma(2, 2000, n), int),
        outermost=(_FIRST_DAY, _LAST_DAY),
        sentinels=(_LAST_DAY, _YEAR_1900),
    ),
    Case(name="date_of_old_books", spark_type="date", back=Back.TIMES, read=float,
         draw=integers(-160_000, -60_000), remark="years 1 to 9999"),
    _moments("timestamp", "timestamp", _micros),
    _moments("timestamp_ntz", "timestamp_ntz", _micros),
    _moments("timestamp_whole_seconds", "timestamp", _seconds, spelling=r"-?\d*0{6}"),
    Case(name="timestamp_midnights", spark_type="timestamp", back=Back.TIMES, read=float,
         draw=written(lambda g, n: g.integers(_YEAR_2020, _YEAR_2020 + 1_000, n), lambda d: d * _DAY),
         remark="days stay days"),
    Case(name="bigint_epoch_seconds", spark_type="bigint", back=Back.TIMES, read=float, spelling=r"\d{10}",
         draw=integers(1_577_836_800, 1_704_067_199)),
    Case(name="bigint_epoch_milliseconds", spark_type="bigint", back=Back.TIMES, read=float,
         spelling=r"\d{13}", draw=integers(1_577_836_800_000, 1_704_067_199_999)),
    Case(name="int_yyyymm", spark_type="int", back=Back.TIMES, read=float, spelling=r"20\d\d(0[1-9]|1[0-2])",
         draw=written(lambda g, n: g.integers(0, 96, n), lambda m: (2016 + m // 12) * 100 + m % 12 + 1)),
    Case(
        name="int_yyyymmdd",
        spark_type="int",
        back=Back.TIMES,
        read=float,
        spelling=r"(19|20|99)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
        draw=written(
            lambda g, n: g.integers(_YEAR_2020, _YEAR_2020 + 1_400, n),
            lambda day: int(date.fromordinal(day + _EPOCH).strftime("%Y%m%d")),
        ),
        sentinels=(99_991_231, 19_000_101),
        remark="every key is a day that exists",
    ),
)  # fmt: skip

REFUSED_TYPES: dict[str, str] = {
    "binary": "X'00ff'",
    "array<int>": "array(1, 2)",
    "map<string,int>": "map('a', 1)",
    "struct<a:int>": "named_struct('a', 1)",
    "void": "null",
    "interval day to second": "interval '1 02:03:04' day to second",
    "interval year to month": "interval '1-2' year to month",
    "variant": """parse_json('{"a": 1}')""",
}
"""Type -> a Spark SQL expression of it: columns that are refused before anything is charged."""

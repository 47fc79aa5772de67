"""Numbers as people and programs spell them, in columns of strings."""

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Back, Case, Read, reader, written
from numpy.random import Generator

_MISSING = ("N/A", "")
_dot, _comma = reader("."), reader(",")


def _whole(rng: Generator, n: int) -> Any:
    return rng.lognormal(7, 1.2, n).round()


def _large(rng: Generator, n: int) -> Any:
    return rng.integers(1_000_000, 90_000_000, n)


def _money(rng: Generator, n: int) -> Any:
    return rng.lognormal(6.5, 1.2, n).round(2)


def _signed_money(rng: Generator, n: int) -> Any:
    return np.where(rng.random(n) < 0.3, -1, 1) * _money(rng, n)


def _share(rng: Generator, n: int) -> Any:
    return (100 * rng.beta(2, 5, n)).round(1)


def _small(rng: Generator, n: int) -> Any:
    return rng.normal(0, 20, n).round()


def _number(
    name: str,
    spelling: str,
    write: Callable[[Any], str],
    numbers: Callable[[Generator, int], Any] = _money,
    *,
    read: Read = _dot,
    outermost: tuple[float, ...] = (),
    sentinels: tuple[Any, ...] = _MISSING,
    remark: str = "",
) -> Case:
    return Case(
        name=name,
        back=Back.NUMBERS,
        draw=written(numbers, write),
        spelling=spelling,
        read=read,
        outermost=tuple(write(number) for number in outermost),
        sentinels=sentinels,
        remark=remark,
    )


def _grouped(mark: str, point: str = ".") -> Callable[[float], str]:
    swap = str.maketrans({",": mark, ".": point})
    return lambda x: f"{x:,.2f}".translate(swap)


def _grouped_whole(mark: str) -> Callable[[float], str]:
    return lambda x: f"{int(x):,}".replace(",", mark)


def _in_brackets(x: float) -> str:
    return f"({-x:,.2f})" if x < 0 else f"{x:,.2f}"


def _of(pattern: str) -> Callable[[float], str]:
    """Writes by an f-string's format, such as `$%s` with two digits."""
    return lambda x: pattern % x


_G = r"\d{1,3}(%s\d{3})*"

SPELLED_NUMBERS: tuple[Case, ...] = (
    _number("integers", r"\d+", lambda x: str(int(x)), _whole,
            outermost=(0, 10**18), sentinels=("-1", "999")),
    _number("integers_of_both_signs", r"-?\d+", lambda x: str(int(x)), _small, sentinels=("999", "")),
    _number("integers_always_signed", r"[+-]\d+", lambda x: f"{int(x):+d}", _small, sentinels=("",)),
    _number(
        "integers_zero_padded", r"\d{6}", lambda x: f"{int(x) % 10**6:06d}", _whole, sentinels=("000000",),
        outermost=(0, 999_999), remark="leading zeros stay at any share",
    ),
    _number("grouped_by_comma", _G % ",", _grouped_whole(","), _whole, outermost=(0, 9_999_999_999)),
    _number("grouped_by_point", _G % r"\.", _grouped_whole("."), _large, read=reader("~")),
    _number("grouped_by_blank", _G % " ", _grouped_whole(" "), _whole),
    _number("grouped_by_apostrophe", _G % "'", _grouped_whole("'"), _whole),
    _number("grouped_with_cents", _G % "," + r"\.\d\d", _grouped(","), outermost=(0.01, 9_999_999.99)),
    _number("german_money", _G % r"\." + r",\d\d", _grouped(".", ","), read=_comma),
    _number("swiss_money", _G % "'" + r"\.\d\d", _grouped("'")),
    _number("french_money", _G % " " + r",\d\d", _grouped(" ", ","), read=_comma),
    _number("comma_decimals", r"\d+,\d\d", lambda x: f"{x:.2f}".replace(".", ","), read=_comma),
    _number("one_decimal", r"\d+\.\d", _of("%.1f"), _share, outermost=(0, 100)),
    _number("two_decimals", r"-?\d+\.\d\d", _of("%.2f"), outermost=(0, 10**9), sentinels=("-1.00", ""),
            remark="trailing zeros stay"),
    _number("whole_with_point_zero", r"\d+\.0", _of("%.1f"), _whole, outermost=(0, 10**9),
            remark="`126857.0` is a whole number written with `.0`"),
    _number("decimals_as_short_as_can_be", r"\d+(\.\d\d?)?", lambda x: f"{round(x, 2):.10g}"),
    _number("decimals_without_zero", r"(\d+)?\.\d\d", lambda x: f"{x / 100:.2f}".lstrip("0"), _share),
    _number("many_decimals", r"0\.\d{1,18}", repr, lambda g, n: 0.01 + 0.98 * g.beta(2, 5, n)),
    _number("exponents", r"\d\.\d{3}e[+-]\d\d", _of("%.3e"), lambda g, n: g.lognormal(-16, 1, n), read=float,
            outermost=(1e-30, 1e30), sentinels=("",)),
    _number("exponents_capital", r"\d\.\d{6}E[+-]\d\d", _of("%.6E"), lambda g, n: g.lognormal(30, 1, n),
            read=float, sentinels=("",)),
    _number("dollars", r"\$" + _G % "," + r"\.\d\d", lambda x: f"${x:,.2f}", outermost=(0, 9_999_999.99)),
    _number("dollars_whole", r"\$" + _G % ",", lambda x: f"${int(x):,}", _whole),
    _number("dollars_minus_before", r"-?\$\d+", lambda x: f"{'-' if x < 0 else ''}${abs(int(x))}", _small),
    _number("euros_before", r"€\d+", lambda x: f"€{int(x)}", _whole),
    _number("euros_after", r"\d+ €", lambda x: f"{int(x)} €", _whole),
    _number("euros_german", _G % r"\." + r",\d\d €", lambda x: _grouped(".", ",")(x) + " €", read=_comma),
    _number("pounds", r"£\d+\.\d\d", lambda x: f"£{x:.2f}"),
    _number("currency_code", r"USD \d+\.\d\d", lambda x: f"USD {x:.2f}"),
    _number("negative_in_brackets", rf"\({_G % ','}\.\d\d\)|{_G % ','}\.\d\d", _in_brackets, _signed_money),
    _number("percent", r"\d+\.\d%", lambda x: f"{x:.1f}%", _share, outermost=(0, 100)),
    _number("percent_with_blank", r"\d+ %", lambda x: f"{int(x)} %", _share),
    _number("percent_with_comma", r"\d+,\d%", lambda x: f"{x:.1f}%".replace(".", ","), _share, read=_comma),
    _number("kilograms", r"\d+ kg", lambda x: f"{int(x)} kg", lambda g, n: g.normal(70, 12, n).clip(5)),
    _number("years_old", r"\d+ years", lambda x: f"{int(x)} years", lambda g, n: g.uniform(18, 95, n)),
    _number("centimetres_without_blank", r"\d+\.\dcm", lambda x: f"{x:.1f}cm",
            lambda g, n: g.normal(170, 10, n)),
)  # fmt: skip

MISSING_WORDS = ("NA", "N/A", "nan", "null", "None", "?", "-", ".", "unknown", "", " ", "#N/A", "NULL", "--")


def _with_word(word: str, number: int) -> Case:
    def draw(rng: Generator, n: int) -> list[str]:
        ages = rng.normal(45, 14, n).clip(18, 95).round().astype(int).tolist()
        return [
            word if missing else str(age) for age, missing in zip(ages, rng.random(n) < 0.15, strict=True)
        ]

    shown = {"": "blank", " ": "space"}.get(word, word)
    return Case(
        name=f"integers_with_missing_{number}",
        back=Back.NUMBERS,
        draw=draw,
        read=reader("."),
        spelling=rf"\d+|{word.replace('?', '[?]').replace('.', '[.]')}",
        sentinels=(word,),
        remark=f"the word for missing (`{shown}`) stays as it is, a number among numbers",
    )


WITH_MISSING_WORDS = tuple(_with_word(word, number) for number, word in enumerate(MISSING_WORDS, start=1))

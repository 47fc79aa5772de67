"""A case: one column as somebody's table has it, and how it must come back."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.random import Generator

Draw = Callable[[Generator, int], Sequence[Any]]
Read = Callable[[Any], float]


class Back(StrEnum):
    """How a column comes back; the value is what the docs say of it."""

    NUMBERS = "learned as numbers, written in the same form"
    TIMES = "learned as points in time, written in the same form"
    CATEGORIES = "learned value by value where values repeat; else made up in its shape"
    MADE_UP = "made up in its shape, never learned"
    REFUSED = "refused in one line before anything is charged"


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One column.

    Attributes:
      name: what it is, in words of a file name; unique.
      back: how it must come back.
      draw: n values of it, no nulls. Dates are days and timestamps microseconds since 1970-01-01 UTC.
      spark_type: as Spark spells it.
      spelling: pattern that all of a value's text must match, of real values and of those that come back.
      read: the number that a value stands for, ValueError if none; None where values are words.
      outermost: the least and the greatest value of its type or spelling.
      sentinels: values that stand for none, such as -1 or `N/A`.
      made_up: pattern of values that are made up; None: `spelling`.
      column: what the column is called, where its name must say what it holds.
      are_keys: whether values that never repeat must not repeat in the copy.
      remark: what else the docs say.
    """

    name: str
    back: Back
    draw: Draw
    spark_type: str = "string"
    spelling: str = r"(?s).*"
    read: Read | None = None
    outermost: tuple[Any, ...] = ()
    sentinels: tuple[Any, ...] = ()
    made_up: str | None = None
    column: str | None = None
    are_keys: bool = False
    remark: str = ""


def reader(point: str = ".") -> Read:
    """Reads a number from digits, signs and one mark, whatever else is around it."""
    others = re.compile(rf"[^0-9+\-{re.escape(point)}]")

    def read(text: str) -> float:
        number = float(others.sub("", text).replace(point, "."))
        return -number if text.startswith("(") else number

    return read


def pool(*values: Any, steepness: float = 0.5) -> Draw:
    """Draws from some values, the first ones more often."""
    weights = np.arange(1.0, len(values) + 1) ** -steepness

    def draw(rng: Generator, n: int) -> list[Any]:
        return [values[index] for index in rng.choice(len(values), n, p=weights / weights.sum())]

    return draw


def written(numbers: Callable[[Generator, int], Any], write: Callable[[Any], Any]) -> Draw:
    """Draws numbers and writes each."""

    def draw(rng: Generator, n: int) -> list[Any]:
        return [write(number) for number in np.asarray(numbers(rng, n)).tolist()]

    return draw


def integers(low: int, high: int) -> Draw:
    """Whole numbers low .. high, all alike often."""
    return lambda rng, n: rng.integers(low, high + 1, n).tolist()

"""Columns of which one is never above the other, such as a start and an end: found, not declared.

Which pairs are asked about is public or was released before: kinds and column names. What each pair's rows
say is one noisy histogram a pair (`Order.of` in which a row counts once at most); what follows from it is
post-processing.
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.core.calendar import SECONDS_A_DAY
from synth.core.schema import Column, Kind, Relations, TableSchema
from synth.lake.columns import to_numbers
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, Event, NoPrivacy
from synth.privacy.entry import Receipt

SHARE = 0.04
"""Of preparation's mu^2, where there is a candidate."""
_LEAST = 0.98
"""Share of the rows that must keep an order."""
_BLUR = 0.03
"""Standard deviation, as a share of all rows, that what speaks against an order may have at most."""
_MOST_PAIRS = 40
_CLOSE_DAYS, _FURTHEST_DAYS = 366.0, 36_525.0
"""Moments further apart tell little of each other; beyond the second, one is a sentinel: 9999-12-31."""
_NUMBERS, _MOMENTS = (Kind.INTEGER, Kind.REAL), (Kind.DATE, Kind.TIMESTAMP)
_WORDS = (
    *(("min", "max"), ("minimum", "maximum"), ("low", "high"), ("lower", "upper"), ("lowest", "highest")),
    *(("from", "to"), ("start", "end"), ("begin", "end"), ("first", "last"), ("net", "gross")),
    *(("subtotal", "total"), ("fare", "total"), ("diastolic", "systolic"), ("built", "renovated")),
    *(("made", "attempted"), ("dep", "arr"), ("departure", "arrival"), ("low", "open"), ("low", "close")),
)
"""Words of column names by which two numbers are of one scale."""
_TOTAL = "total"
"""A column of this word may be the sum of those that it shares another word with."""


class Cell(IntEnum):
    """Where a row falls for the columns (first, second); rows with neither, or equal but missing, nowhere."""

    EQUAL = 0
    BELOW = 1
    """The first is below the second."""
    FAR_BELOW = 2
    ABOVE = 3
    FAR_ABOVE = 4
    FURTHEST = 5
    FIRST_MISSING = 6
    SECOND_MISSING = 7


@dataclass(frozen=True, kw_only=True)
class OrderPlan:
    """What is asked: a histogram of `Cell` for each pair of columns.

    Attributes:
      pairs: (first, second) in the order of the table's columns; never empty.
      mu: Gaussian mu of all of them together; None for no privacy.
      max_rows: of one privacy unit, by which it moves each histogram at most (L2).
    """

    pairs: tuple[tuple[str, str], ...]
    mu: float | None
    max_rows: int

    @staticmethod
    def of(
        schema: TableSchema, mu: float | None, n_rows: float, apart: Collection[str] = ()
    ) -> "OrderPlan | None":
        """The likeliest candidates, so many as the noise lets us tell apart; None if there are none.

        Args:
          mu: of all preparation. n_rows: released.
          apart: columns that are to be learned as themselves.
        """
        pairs = _candidates(schema, apart)[:_MOST_PAIRS]
        m = schema.unit.max_rows
        if mu is not None:
            most = (_BLUR * n_rows * mu * math.sqrt(SHARE) / (2 * m)) ** 2
            pairs, mu = pairs[: math.floor(most)], mu * math.sqrt(SHARE)
        return OrderPlan(pairs=tuple(pairs), mu=mu, max_rows=m) if pairs else None

    @property
    def event(self) -> DiscreteGaussian | None:
        """All histograms; None without privacy."""
        if self.mu is None:
            return None
        scale = self.max_rows * math.sqrt(len(self.pairs)) / self.mu
        return DiscreteGaussian(scale=scale, sensitivity=self.max_rows, count=len(self.pairs))

    def events(self) -> tuple[Event, ...]:
        """What it charges."""
        return (NoPrivacy(),) if self.event is None else (self.event,)

    def release(self, counts: NDArray[np.int64], receipt: Receipt) -> tuple["Order", ...]:
        """The orders that hold, each column made from one other at most.

        Args:
          counts: exact, [pairs, cells].
        Guarantee: reads the counts only through `synth.privacy`, once each.
        """
        found: list[Order] = []
        for pair, exact in zip(self.pairs, counts, strict=True):
            paid = receipt
            if self.event is not None:
                paid = noise.part_of(receipt, replace(self.event, count=1))
            noisy = noise.noisy_counts(exact, paid).value.astype(np.float64)
            found.extend(_orders(pair, noisy, noise.scale_of(paid)))
        return _chosen(found, self.pairs)


@dataclass(frozen=True, kw_only=True)
class Order:
    """One column is at most another.

    Attributes:
      share: released, of the rows in which it holds.
    """

    low: str
    high: str
    share: float

    def __str__(self) -> str:
        # Rounded down: what is not in every row is not called so.
        return f"{self.low} at most {self.high}, found in {math.floor(1000 * self.share) / 10:g}% of rows"


def found_orders(relations: Relations) -> tuple[Order, ...]:
    """The orders among the relations that were found."""
    return tuple(Order(low=low, high=high, share=share) for low, high, share in relations.found)


def with_orders(schema: TableSchema, orders: Sequence[Order]) -> TableSchema:
    """The schema whose orders hold in every generated row."""
    relations = schema.relations
    at_most = (*relations.at_most, *((order.low, order.high) for order in orders))
    found = tuple((order.low, order.high, order.share) for order in orders)
    return replace(schema, relations=replace(relations, at_most=at_most, found=found))


def count_orders(
    batch: pa.RecordBatch, schema: TableSchema, pairs: Sequence[tuple[str, str]]
) -> NDArray[np.int64]:
    """Exact counts of each pair's cells. -> int64 [pairs, cells]."""
    names = dict.fromkeys(name for pair in pairs for name in pair)
    numbers = {name: to_numbers(batch.column(name), schema.column(name)) for name in names}
    return np.stack([_count(numbers[a], numbers[b], schema.column(a).kind) for a, b in pairs])


def _count(first: NDArray[np.float64], second: NDArray[np.float64], kind: Kind) -> NDArray[np.int64]:
    day = {Kind.DATE: 1.0, Kind.TIMESTAMP: float(SECONDS_A_DAY)}.get(kind, math.inf)
    no_first, no_second = np.isnan(first), np.isnan(second)
    known = ~(no_first | no_second)
    with np.errstate(invalid="ignore"):
        gap = np.where(known & (first != second), second - first, 0.0)
    size = np.abs(gap)
    cells = np.where(gap > 0, Cell.BELOW, Cell.ABOVE) + (size > _CLOSE_DAYS * day)
    cells = np.where(size > _FURTHEST_DAYS * day, Cell.FURTHEST, cells)
    cells = np.where(gap == 0, Cell.EQUAL, cells)
    cells = np.where(no_first, Cell.FIRST_MISSING, np.where(no_second, Cell.SECOND_MISSING, cells))
    return np.bincount(cells[~(no_first & no_second)], minlength=len(Cell))


def _candidates(schema: TableSchema, apart: Collection[str]) -> list[tuple[str, str]]:
    """Pairs that may be asked about: all of two dates or of two moments, and numbers whose names say so.

    The likeliest come first: those whose names say so, then the nearest in the table.
    """
    relations = schema.relations
    taken = {name for group in (*relations.places, *relations.regions, *relations.together) for name in group}
    taken |= {*apart, *(name for pair in relations.at_most for name in pair)}
    columns = [column for column in schema.columns if column.name not in taken and _may_be_asked(column)]
    rated = []
    for place, first in enumerate(columns):
        for distance, second in enumerate(columns[place + 1 :], start=1):
            says_so = _names_say_so(first.name, second.name)
            are_moments = first.kind is second.kind and first.kind in _MOMENTS
            if are_moments or (says_so and first.kind in _NUMBERS and second.kind in _NUMBERS):
                rated.append((not says_so, distance, place, (first.name, second.name)))
    return [pair for *_, pair in sorted(rated)]


def _may_be_asked(column: Column) -> bool:
    """Whether it is learned as numbers, from the data alone."""
    is_declared = column.public or column.constant or column.derived or column.parts or column.edges
    return column.kind.is_binned and not is_declared


def _names_say_so(first: str, second: str) -> bool:
    """Whether the names differ in two words that stand for less and more, or one is a total of the other."""
    a, b = _words(first), _words(second)
    for low, high in _WORDS:
        for less, more in ((a, b), (b, a)):
            if low in less and high in more and high not in less:
                rest, other = less - {low}, more - {high}
                if rest == other or not rest or not other:
                    return True
    is_total = (_TOTAL in a) != (_TOTAL in b)
    return is_total and bool(a & b)


def _words(name: str) -> set[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])", " ", name)
    words = re.findall(r"[a-z]+|[0-9]+", parted.lower())
    joined = re.sub(r"\bsub total\b", "subtotal", " ".join(words))
    return set(joined.split())


def _orders(pair: tuple[str, str], counts: NDArray[np.float64], scale: float) -> Iterator[Order]:
    """In which direction the pair's order holds: as (first, second), else as (second, first), or in none."""
    first, second = pair
    for low, high, near, far, against, missing in (
        (first, second, Cell.BELOW, Cell.FAR_BELOW, (Cell.ABOVE, Cell.FAR_ABOVE), Cell.FIRST_MISSING),
        (second, first, Cell.ABOVE, Cell.FAR_ABOVE, (Cell.BELOW, Cell.FAR_BELOW), Cell.SECOND_MISSING),
    ):
        close = counts[Cell.EQUAL] + counts[near]
        holds = close + counts[far]
        fails = float(counts[[*against, Cell.FURTHEST, missing]].sum())
        blur = 2 * scale  # of the four counts that speak against it
        total = holds + fails
        is_told = total > 0 and blur <= 2 * _BLUR * total
        if is_told and fails <= (1 - _LEAST) * total + blur and close >= total / 2:
            yield Order(low=low, high=high, share=min(1.0, 1 - max(fails, 0.0) / total))
            return


def _chosen(found: Sequence[Order], pairs: Sequence[tuple[str, str]]) -> tuple[Order, ...]:
    """Of each column the nearest one below it: a step over a third column follows from two shorter ones."""
    holds = {(order.low, order.high) for order in found}
    rank = {frozenset(pair): number for number, pair in enumerate(pairs)}

    def follows(order: Order) -> bool:
        return any((order.low, name) in holds and (name, order.high) in holds for name in _names(found))

    low_of: dict[str, str] = {}
    chosen = []
    for order in sorted(found, key=lambda order: (follows(order), rank[frozenset((order.low, order.high))])):
        if order.high not in low_of and not _leads_to(order.low, order.high, low_of):
            low_of[order.high] = order.low
            chosen.append(order)
    return tuple(chosen)


def _names(found: Sequence[Order]) -> set[str]:
    return {name for order in found for name in (order.low, order.high)}


def _leads_to(name: str | None, end: str, low_of: dict[str, str]) -> bool:
    while name is not None and name != end:
        name = low_of.get(name)
    return name == end

"""How preparation's share of the budget is divided over its queries, before any data is looked at.

Every query is a histogram in which one privacy unit counts a bounded number of times. Queries with a greater
weight get less noise: a query of weight w gets the share w / (sum of weights) of mu^2.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from synth.config.sections import Prepare, PrepareWeights
from synth.core.feature import Feature, features_of
from synth.core.schema import TableSchema
from synth.prepare.features import grid_for
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, Event, NoPrivacy, Selection
from synth.privacy.entry import Receipt
from synth.privacy.select import pruned_count

_LEAST_SIGNAL = 4.0
_SIGNAL_A_LEVEL = 10.0
"""A tree's finest level k is left out if fewer rows are there than noise x 4 x 10^(k-1)."""


class Purpose(StrEnum):
    """What a query is for."""

    ROWS = "rows"
    UNITS = "units"
    FOUND = "found categories"
    DECLARED = "declared categories"
    BINS = "bins"
    CELLS = "cells of places"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One histogram: of a feature (None for row and unit counts), on one level of its grid's tree."""

    purpose: Purpose
    feature: str | None
    level: int
    weight: float
    sensitivity: int


@dataclass(frozen=True, kw_only=True)
class PreparePlan:
    """What preparation will charge: a noise scale for each query.

    Attributes:
      mu: Gaussian mu of all queries together; None for no privacy.
      selection_delta: delta for naming categories, shared evenly by the columns where they are found.
    """

    queries: tuple[Query, ...]
    mu: float | None
    selection_delta: float

    @staticmethod
    def of(
        schema: TableSchema,
        settings: Prepare,
        mu: float | None,
        selection_delta: float,
        n_rows: float,
    ) -> "PreparePlan":
        """One query for each categorical feature, one for each tree level of a binned one, and the counts.

        Columns declared public are not queried. Levels too fine for the budget are not asked for.
        Args:
          n_rows: released number of rows.
        """
        skipped = 0
        while True:
            queries = tuple(_queries(schema, settings.weights, skipped))
            plan = PreparePlan(queries=queries, mu=mu, selection_delta=selection_delta)
            finest = max((q.level for q in queries), default=0)
            if mu is None or finest == 0 or plan._tells_apart(n_rows):
                return plan
            skipped += 1

    def _tells_apart(self, n_rows: float) -> bool:
        finest = max(self.queries, key=lambda query: query.level)
        return n_rows >= self.event(finest).scale * _LEAST_SIGNAL * _SIGNAL_A_LEVEL ** (finest.level - 1)

    @property
    def n_selections(self) -> int:
        """Features whose categories are found."""
        return sum(query.purpose is Purpose.FOUND for query in self.queries)

    def event(self, query: Query) -> DiscreteGaussian:
        """The query's own event; ValueError without privacy."""
        if self.mu is None:
            raise ValueError("without privacy there is no noise")
        total = sum(q.weight for q in self.queries)
        scale = query.sensitivity * math.sqrt(total / query.weight) / self.mu
        return DiscreteGaussian(scale=scale, sensitivity=query.sensitivity, count=1)

    def events(self) -> tuple[Event, ...]:
        """Events that together cost Gaussian mu, and `selection_delta` for naming categories."""
        if self.mu is None:
            return (NoPrivacy(),)
        counts = Counter(self.event(query) for query in self.queries)
        events: list[Event] = [
            DiscreteGaussian(scale=e.scale, sensitivity=e.sensitivity, count=n) for e, n in counts.items()
        ]
        if self.n_selections:
            events.append(replace(self.selection, count=self.n_selections))
        return tuple(events)

    def receipts(self, receipt: Receipt, purpose: Purpose, feature: Feature | None = None) -> list[Receipt]:
        """The receipts of a feature's queries, by level; a public feature's are exact and free."""
        if feature is not None and feature.column.public:
            levels = len(grid_for(feature.column).levels) if feature.column.kind.is_binned else 1
            return [noise.public(receipt)] * levels
        name = None if feature is None else feature.name
        asked = [q for q in self.queries if (q.purpose, q.feature) == (purpose, name)]
        if self.mu is None:
            return [receipt] * len(asked)
        named = (self.selection,) if purpose is Purpose.FOUND else ()
        return [noise.part_of(receipt, self.event(query), *named) for query in asked]

    def describe(self) -> list[tuple[str, str, float, float | None]]:
        """(feature or "", purpose, share of mu^2, noise scale of a query) of the queries of each feature."""
        total = sum(query.weight for query in self.queries)
        rows: dict[tuple[str, str], list[Query]] = {}
        for query in self.queries:
            rows.setdefault((query.feature or "", query.purpose.value), []).append(query)
        return [
            (
                feature,
                f"{purpose}, {len(queries)} levels" if len(queries) > 1 else purpose,
                sum(query.weight for query in queries) / total,
                None if self.mu is None else self.event(queries[0]).scale,
            )
            for (feature, purpose), queries in rows.items()
        ]

    def pruned(self) -> dict[str, int]:
        """Of each feature whose categories are found: rows up to which a category may be left uncounted."""
        if self.mu is None:
            return {}
        found = [query for query in self.queries if query.purpose is Purpose.FOUND]
        return {str(q.feature): pruned_count(self.event(q).scale, max_rows=q.sensitivity) for q in found}

    @property
    def selection(self) -> Selection:
        """What naming the categories of one feature costs beside the noise."""
        return Selection(delta=self.selection_delta / self.n_selections, count=1)


def _queries(schema: TableSchema, weights: PrepareWeights, skipped: int) -> Iterator[Query]:
    """All queries, with the `skipped` finest levels left out of every tree that has more."""
    m = schema.unit.max_rows
    yield _query(Purpose.ROWS, None, weights.counts, m)
    if schema.unit.entity is not None:
        yield _query(Purpose.UNITS, None, weights.counts, 1)
    for feature in features_of(schema):
        column = feature.column
        if column.public:
            continue
        if column.kind.is_binned:
            levels = 1 if column.edges is not None else len(grid_for(column).levels)
            for level in range(max(1, levels - skipped)):
                yield _query(Purpose.BINS, feature.name, weights.bins * column.weight, m, level)
        elif feature.bits is not None:
            yield _query(Purpose.CELLS, feature.name, weights.found * column.weight, m)
        elif column.categories is not None:
            yield _query(Purpose.DECLARED, feature.name, weights.declared * column.weight, m)
        else:
            yield _query(Purpose.FOUND, feature.name, weights.found * column.weight, m)


def _query(purpose: Purpose, feature: str | None, weight: float, sensitivity: int, level: int = 0) -> Query:
    return Query(purpose=purpose, feature=feature, level=level, weight=weight, sensitivity=sensitivity)

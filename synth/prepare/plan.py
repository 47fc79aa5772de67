"""How preparation's share of the budget is divided over its queries, before any data is looked at.

Every query is a histogram in which one privacy unit counts a bounded number of times. Queries with a greater
weight get less noise: a query of weight w gets the share w / (sum of weights) of mu^2. The row count gets a
fixed share, however many columns there are: its error goes into the size of everything that is modelled.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from synth.config.sections import Prepare, PrepareWeights
from synth.core.digits import endings_of
from synth.core.feature import Feature, Role, features_of
from synth.core.schema import Kind, TableSchema
from synth.prepare.features import grid_for
from synth.prepare.values import parts_of
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, Event, NoPrivacy, Selection
from synth.privacy.entry import Receipt
from synth.privacy.select import pruned_count

_LEAST_SIGNAL = 4.0
_SIGNAL_A_LEVEL = 10.0
"""A tree's round k is left out if fewer rows are there than noise x 4 x 10^(k-1)."""
_LEAST_ROUNDS = 4
"""So many rounds are always asked: what is too light to be split is asked for once more, so none is lost."""


class Purpose(StrEnum):
    """What a query is for."""

    ROWS = "rows"
    UNITS = "units"
    FOUND = "found categories"
    DECLARED = "declared categories"
    BINS = "bins"
    ENDINGS = "trailing digits"
    VALUES = "values of heavy cells"
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
            if mu is None or finest < _LEAST_ROUNDS or plan._tells_apart(n_rows):
                return plan
            skipped += 1

    def _tells_apart(self, n_rows: float) -> bool:
        finest = max(self.queries, key=lambda query: query.level)
        return n_rows >= self.event(finest).scale * _LEAST_SIGNAL * _SIGNAL_A_LEVEL ** (finest.level - 1)

    @cached_property
    def _weight(self) -> float:
        """Of all queries together."""
        return sum(query.weight for query in self.queries)

    @cached_property
    def _by_feature(self) -> dict[str | None, list[Query]]:
        """The queries of each feature; those of the table under None."""
        found: dict[str | None, list[Query]] = {}
        for query in self.queries:
            found.setdefault(query.feature, []).append(query)
        return found

    @cached_property
    def n_selections(self) -> int:
        """Features whose categories are found."""
        return sum(query.purpose is Purpose.FOUND for query in self.queries)

    def event(self, query: Query) -> DiscreteGaussian:
        """The query's own event; ValueError without privacy."""
        if self.mu is None:
            raise ValueError("without privacy there is no noise")
        scale = query.sensitivity * math.sqrt(self._weight / query.weight) / self.mu
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
            is_tree = feature.column.kind.is_binned and purpose is Purpose.BINS
            levels = len(grid_for(feature.column).levels) if is_tree else 1
            levels = parts_of(feature.column) if purpose is Purpose.VALUES else levels
            return [noise.public(receipt)] * levels
        name = None if feature is None else feature.name
        asked = [query for query in self._by_feature.get(name, ()) if query.purpose is purpose]
        if self.mu is None:
            return [receipt] * len(asked)
        named = (self.selection,) if purpose is Purpose.FOUND else ()
        return [noise.part_of(receipt, self.event(query), *named) for query in asked]

    def noise_scale(self, feature: str) -> float:
        """Scale of the noise on a feature's counts, on its noisiest level; 0 if they are exact or public."""
        asked = self._by_feature.get(feature, ())
        return 0.0 if self.mu is None else max((self.event(query).scale for query in asked), default=0.0)

    def describe(self) -> list[tuple[str, str, float, float | None]]:
        """(feature or "", purpose, share of mu^2, noise scale of a query) of the queries of each feature."""
        rows: dict[tuple[str, str], list[Query]] = {}
        for query in self.queries:
            rows.setdefault((query.feature or "", query.purpose.value), []).append(query)
        return [
            (
                feature,
                f"{purpose}, {len(queries)} levels" if len(queries) > 1 else purpose,
                sum(query.weight for query in queries) / self._weight,
                None if self.mu is None else self.event(queries[0]).scale,
            )
            for (feature, purpose), queries in rows.items()
        ]

    def pruned(self, schema: TableSchema) -> dict[str, int]:
        """Of each feature whose categories are found: rows up to which a category may be left uncounted.

        None of a boolean's: the usual spellings are counted however rare they are.
        """
        if self.mu is None:
            return {}
        booleans = {f.name for f in features_of(schema) if f.column.kind is Kind.BOOLEAN}
        found = [q for q in self.queries if q.purpose is Purpose.FOUND and q.feature not in booleans]
        return {str(q.feature): pruned_count(self.event(q).scale, max_rows=q.sensitivity) for q in found}

    @property
    def selection(self) -> Selection:
        """What naming the categories of one feature costs beside the noise."""
        return Selection(delta=self.selection_delta / self.n_selections, count=1)


def has_endings(feature: Feature) -> bool:
    """Whether it is counted how the values of a binned feature end."""
    column = feature.column
    is_coded = feature.role is not Role.RANGE
    return is_coded and column.edges is None and bool(endings_of(column.kind, column.decimals))


def _queries(schema: TableSchema, weights: PrepareWeights, skipped: int) -> Iterator[Query]:
    """All queries, with the `skipped` finest levels left out of every tree that has more."""
    m = schema.unit.max_rows
    asked = tuple(_of_features(schema, weights, skipped, m))
    n_counts = 1 if schema.unit.entity is None else 2
    others = sum(query.weight for query in asked) or 1.0
    weight = others * weights.counts / (1 - n_counts * weights.counts)
    yield _query(Purpose.ROWS, None, weight, m)
    if schema.unit.entity is not None:
        yield _query(Purpose.UNITS, None, weight, 1)
    yield from asked


def _of_features(schema: TableSchema, weights: PrepareWeights, skipped: int, m: int) -> Iterator[Query]:
    for feature in features_of(schema):
        column = feature.column
        if column.public or column.constant:
            continue
        if column.kind.is_binned:
            levels = 1 if column.edges is not None else len(grid_for(column).levels)
            # One level needs no search: it is asked like declared categories.
            least = 1 if levels == 1 else min(_LEAST_ROUNDS, levels + 1)
            for level in range(max(least, levels - skipped)):
                yield _query(Purpose.BINS, feature.name, weights.bins * column.weight, m, level)
            for _ in range(parts_of(column)):
                yield _query(Purpose.VALUES, feature.name, weights.values * column.weight, m)
            if has_endings(feature):
                yield _query(Purpose.ENDINGS, feature.name, weights.endings * column.weight, m)
        elif feature.bits is not None:
            yield _query(Purpose.CELLS, feature.name, weights.found * column.weight, m)
        elif column.categories is not None:
            yield _query(Purpose.DECLARED, feature.name, weights.declared * column.weight, m)
        else:
            weight = weights.declared if column.kind is Kind.BOOLEAN else weights.found
            yield _query(Purpose.FOUND, feature.name, weight * column.weight, m)


def _query(purpose: Purpose, feature: str | None, weight: float, sensitivity: int, level: int = 0) -> Query:
    return Query(purpose=purpose, feature=feature, level=level, weight=weight, sensitivity=sensitivity)

"""From an exact summary and a receipt to released codebooks: where preparation's noise is drawn."""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Codebook
from synth.core.grid import LEVELS, Grid
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, TableSchema
from synth.prepare.summary import ColumnSummary, Summary, grid_for
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, Event, NoPrivacy, Selection
from synth.privacy.ledger import Receipt
from synth.privacy.quantile import MassCells, equal_mass_groups, release_mass
from synth.privacy.select import select_keys

_MOSTLY_OTHER = 0.5
"""Share of values outside the released categories above which a column is made up, not learned."""


_MOST_CATEGORIES = 10_000
"""Categories of one column that keep a code of their own; codes are 16 bits wide."""


@dataclass(frozen=True, kw_only=True)
class PreparePlan:
    """What preparation will charge: one noise scale for all its counts."""

    queries: int
    selections: int
    max_rows: int

    @staticmethod
    def of(schema: TableSchema) -> "PreparePlan":
        """A histogram per categorical column, one per tree level of a binned one, and the row count.

        With entity units, the number of entities is one query more.
        """
        binned = sum(column.kind.is_binned for column in schema.modelled)
        categorical = len(schema.modelled) - binned
        return PreparePlan(
            queries=categorical + len(LEVELS) * binned + (1 if schema.unit.entity is None else 2),
            selections=sum(_is_open(column) for column in schema.modelled),
            max_rows=schema.unit.max_rows,
        )

    def events(self, mu: float | None, selection_delta: float) -> tuple[Event, ...]:
        """Events that together cost Gaussian mu, and `selection_delta` for naming categories.

        Args:
          mu: None for no privacy.
        """
        if mu is None:
            return (NoPrivacy(),)
        scale = self.max_rows * math.sqrt(self.queries) / mu
        events: list[Event] = [DiscreteGaussian(scale=scale, sensitivity=self.max_rows, count=self.queries)]
        if self.selections:
            events.append(Selection(delta=selection_delta / self.selections, count=self.selections))
        return tuple(events)


def fit(summary: Summary, schema: TableSchema, receipt: Receipt, settings: Prepare) -> PreparedManifest:
    """Released codebooks of all modelled columns, with the released row count.

    Columns most of whose values cannot be named privately become made-up text.
    Guarantee: reads the summary only through `synth.privacy`, one release per query of PreparePlan.
    """
    counts = np.array([summary.n_rows], dtype=np.int64)
    if schema.unit.entity is not None:
        counts = np.array([summary.n_rows, summary.n_units], dtype=np.int64)
    released = noise.noisy_counts(counts, receipt).value
    n_rows = max(1, int(released[0]))
    n_units = n_rows if len(released) == 1 else int(np.clip(released[1], 1, n_rows))

    codebooks: list[Codebook] = []
    columns: list[Column] = []
    for column in schema.columns:
        if column.kind.is_made_up:
            columns.append(column)
            continue
        codebook = _fit_column(summary.columns[column.name], column, receipt, settings, n_rows)
        if codebook is None:
            columns.append(replace(column, kind=Kind.TEXT))
        else:
            columns.append(column)
            codebooks.append(codebook)
    return PreparedManifest(
        schema=replace(schema, columns=tuple(columns)),
        codebooks=tuple(codebooks),
        n_rows=n_rows,
        n_units=n_units,
        entries=(receipt.entry,),
        is_private=noise.scale_of(receipt) > 0,
    )


def _fit_column(
    summary: ColumnSummary, column: Column, receipt: Receipt, settings: Prepare, n_rows: int
) -> Codebook | None:
    nulls = float(noise.noisy_counts(np.array([summary.nulls]), receipt).value[0])
    if not column.nullable or nulls <= 2 * noise.scale_of(receipt):
        nulls = 0.0  # too few to be told apart from noise around none
    if column.kind.is_binned:
        return _fit_bins(summary, column, receipt, settings, nulls)
    if column.categories is not None:
        keys = column.categories
        exact = np.array([summary.categories[key] for key in keys], dtype=np.int64)
        found = np.maximum(noise.noisy_counts(exact, receipt).value, 0)
        return CategoricalCodebook(
            column=column.name, categories=keys, counts=(nulls, *map(float, found)), closed=True
        )
    named = select_keys(summary.categories, receipt, max_rows=_max_rows(receipt)).value
    keys = tuple(sorted(named, key=lambda key: (-named[key], key)))[:_MOST_CATEGORIES]
    other = max(0.0, n_rows - nulls - sum(named[key] for key in keys))
    if other > _MOSTLY_OTHER * max(n_rows - nulls, 1):
        return None
    if noise.scale_of(receipt) > 0:
        # A rest smaller than the noise of its own estimate is no rest.
        other = other if other > 2 * noise.scale_of(receipt) * math.sqrt(len(keys) + 2) else 0.0
    return CategoricalCodebook(
        column=column.name, categories=keys, counts=(nulls, *(float(named[key]) for key in keys), other)
    )


def _fit_bins(
    summary: ColumnSummary, column: Column, receipt: Receipt, settings: Prepare, nulls: float
) -> BinnedCodebook:
    grid = grid_for(column)
    mass = release_mass(summary.cells, grid, receipt, bins=settings.bins).value
    groups = equal_mass_groups(mass.mass, settings.bins, noise.scale_of(receipt))
    lowers, uppers, counts = _bins(grid, mass, groups, column)
    return BinnedCodebook(
        column=column.name,
        kind=column.kind,
        lowers=tuple(lowers),
        uppers=tuple(uppers),
        counts=(nulls, *counts),
        decimals=column.decimals,
    )


def _bins(
    grid: Grid, mass: MassCells, groups: list[slice], column: Column
) -> tuple[list[float], list[float], list[float]]:
    """Edges and counts of the groups; for whole-numbered kinds the edges are whole, empty bins merged."""
    lowers: list[float] = []
    uppers: list[float] = []
    counts: list[float] = []
    for group in groups:
        lower = _edge(grid, mass.first[group][:1], column)
        upper = _edge(grid, mass.last[group][-1:] + 1, column)
        if column.lower is not None:
            lower, upper = max(lower, column.lower), max(upper, column.lower)
        if column.upper is not None:
            top = column.upper if column.kind is Kind.REAL else column.upper + 1
            lower, upper = min(lower, top), min(upper, top)
        weight = float(mass.mass[group].sum())
        if counts and (upper <= lower and column.kind is not Kind.REAL):
            counts[-1] += weight  # no whole number lies in it
        else:
            lowers.append(lower)
            uppers.append(max(upper, lower))
            counts.append(weight)
    # Bounds that were cut to the same place would make empty bins; merge them into their neighbour.
    for index in reversed(range(1, len(lowers))):
        if lowers[index] < uppers[index - 1]:
            lowers[index] = uppers[index - 1]
    assert all(a <= b for a, b in itertools.pairwise(lowers))
    return lowers, uppers, counts


def _edge(grid: Grid, cell: NDArray[np.int64], column: Column) -> float:
    """Lower edge of a cell; for whole-numbered kinds, the smallest whole number in it or above."""
    lower = float(grid.lower(cell)[0])
    if column.kind is Kind.REAL:
        return lower
    # Cells of negative numbers hold their upper edge, not their lower one.
    return (
        math.floor(lower) + 1.0
        if lower < 0 and grid.cell(np.array([lower]))[0] < cell[0]
        else math.ceil(lower)
    )


def _is_open(column: Column) -> bool:
    return not column.kind.is_binned and column.categories is None


def _max_rows(receipt: Receipt) -> int:
    return max((e.sensitivity for e in receipt.events if isinstance(e, DiscreteGaussian)), default=1)

"""From an exact summary and a receipt to released codebooks: where preparation's noise is drawn."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from synth.config.sections import Prepare
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Cell, Codebook
from synth.core.finding import Findings
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


def fit(
    summary: Summary, schema: TableSchema, receipt: Receipt, settings: Prepare, findings: Findings
) -> PreparedManifest:
    """Released codebooks of all modelled columns, with the released row count.

    Columns most of whose values cannot be named privately become made-up text.
    Args:
      findings: what the schema was resolved from: the manifest is private only if they are.
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
        entries=(*findings.entries, receipt.entry),
        is_private=findings.is_private and noise.scale_of(receipt) > 0,
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
    bins = _bins(grid, mass, groups, column)
    return BinnedCodebook(
        column=column.name,
        kind=column.kind,
        lowers=tuple(cells[0][0] for cells in bins),
        uppers=tuple(cells[-1][1] for cells in bins),
        counts=(nulls, *(sum(count for _, _, count in cells) for cells in bins)),
        cells=tuple(tuple(cells) for cells in bins),
        decimals=column.decimals,
    )


def _bins(grid: Grid, mass: MassCells, groups: list[slice], column: Column) -> list[list[Cell]]:
    """The cells of each bin, within the declared bounds; for whole-numbered kinds their edges are whole.

    Mass of a cell that holds no whole number, or lies outside the bounds, goes to the cell before it.
    """
    top = None if column.upper is None else column.upper + (0 if column.kind is Kind.REAL else 1)
    bins: list[list[Cell]] = []
    reached = -math.inf
    waiting = 0.0  # mass that no cell has taken yet
    for group in groups:
        cells: list[Cell] = []
        for index in range(group.start, group.stop):
            lower = max(_edge(grid, mass.first[index : index + 1], column), reached)
            upper = max(_edge(grid, mass.last[index : index + 1] + 1, column), lower)
            if column.lower is not None:
                lower, upper = max(lower, column.lower), max(upper, column.lower)
            if top is not None:
                lower, upper = min(lower, top), min(upper, top)
            weight = float(mass.mass[index])
            if upper > lower:
                cells.append((lower, upper, weight + waiting))
                waiting, reached = 0.0, upper
            elif cells:
                cells[-1] = (cells[-1][0], cells[-1][1], cells[-1][2] + weight)
            else:
                waiting += weight
        if cells:
            bins.append(cells)
    if waiting and bins:
        lower, upper, weight = bins[-1][-1]
        bins[-1][-1] = (lower, upper, weight + waiting)
    return bins


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

"""Exact counts of a table's columns, mergeable; never to leave the trusted side without noise."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synth.core.grid import FloatGrid, Grid, LinearGrid
from synth.core.schema import Column, Kind
from synth.lake.columns import to_numbers, to_strings

Record = tuple[str, str | None, int | None, int]
"""(column name, category, cell, count); neither category nor cell means null."""

_DATES = LinearGrid(-43_829.0, 54_787.0, 1.0)
"""Days from 1850-01-01 to 2120-01-01."""
_TIMESTAMPS = LinearGrid(-2_208_988_800.0, 4_733_510_400.0, 600.0)
"""Ten-minute steps from 1900-01-01 to 2120-01-01."""
_LARGEST_LINEAR = 1 << 20


def grid_for(column: Column) -> Grid:
    """The public grid on which a binned column is counted: declared bounds make it finer.

    A bound that is declared on one side only is applied to the bins afterwards.
    """
    lower, upper = column.lower, column.upper
    if lower is not None and upper is not None:
        match column.kind:
            case Kind.INTEGER | Kind.DATE:
                steps = upper + 1 - lower
                return LinearGrid(lower, upper + 1, float(max(1, -(-steps // _LARGEST_LINEAR))))
            case Kind.TIMESTAMP:
                return LinearGrid(
                    lower, upper + 1, max(1.0, float(-(-(upper + 1 - lower) // _LARGEST_LINEAR)))
                )
            case _:
                return LinearGrid(lower, upper, (upper - lower) / (1 << 16))
    match column.kind:
        case Kind.DATE:
            return _DATES
        case Kind.TIMESTAMP:
            return _TIMESTAMPS
        case _:
            return FloatGrid()


@dataclass(kw_only=True)
class ColumnSummary:
    """Counts of one column: of its categories, or of its grid cells; nulls apart."""

    categories: Counter[str] = field(default_factory=Counter)
    cells: Counter[int] = field(default_factory=Counter)
    nulls: int = 0

    def add(self, array: pa.Array, column: Column) -> None:
        """Count one batch of the column's values."""
        if column.kind.is_binned:
            numbers = to_numbers(array, column)
            known = numbers[~np.isnan(numbers)]
            self.nulls += len(numbers) - len(known)
            cells, counts = np.unique(grid_for(column).cell(known), return_counts=True)
            self.cells.update(dict(zip(cells.tolist(), counts.tolist(), strict=True)))
            return
        strings = to_strings(array)
        self.nulls += strings.null_count
        counted = pc.value_counts(strings.drop_null())
        pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
        self.categories.update(dict(pairs))

    def merge(self, other: "ColumnSummary") -> "ColumnSummary":
        """The summary of both tables' rows together."""
        return ColumnSummary(
            categories=self.categories + other.categories,
            cells=self.cells + other.cells,
            nulls=self.nulls + other.nulls,
        )

    @property
    def distinct(self) -> int:
        """How many counts it holds: what it costs in memory."""
        return len(self.categories) + len(self.cells)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Exact summary of a table: rows, privacy units, and each modelled column by name."""

    n_rows: int
    n_units: int
    columns: dict[str, ColumnSummary]

    @staticmethod
    def of_records(
        records: Iterable[Record],
        columns: Iterable[Column],
        n_units: int | None,
    ) -> "Summary":
        """From (column name, category, cell, count) records; neither category nor cell means null.

        The record of the column "" counts the rows. `n_units` None: every row is a unit.
        """
        found = {column.name: ColumnSummary() for column in columns}
        n_rows = 0
        for name, category, cell, count in records:
            if name == "":
                n_rows += count
            elif category is not None:
                found[name].categories[category] += count
            elif cell is not None:
                found[name].cells[cell] += count
            else:
                found[name].nulls += count
        return Summary(n_rows=n_rows, n_units=n_rows if n_units is None else n_units, columns=found)


def records_of(name: str, summary: ColumnSummary) -> Iterator[Record]:
    """The records that `Summary.of_records` reads."""
    for category, count in summary.categories.items():
        yield name, category, None, count
    for cell, count in summary.cells.items():
        yield name, None, cell, count
    if summary.nulls:
        yield name, None, None, summary.nulls

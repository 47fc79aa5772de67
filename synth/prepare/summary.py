"""Exact counts of a table's features, mergeable; never to leave the trusted side without noise."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.digits import ending, endings_of
from synth.core.feature import Feature
from synth.core.schema import TableSchema
from synth.prepare.features import grid_for, numbers_of, strings_of
from synth.prepare.values import BUCKETS, FIRST, PART_BITS, counters, parts_of

ROWS = -1
"""Feature number of the record that counts the rows."""
_BUFFERED = 1 << 18
_DENSE = 1 << 23
"""Cells that a task may hold an array of, 64 MiB, for a moment."""
RECORD_TYPES = {"feature": pa.int32(), "category": pa.string(), "cell": pa.int64(), "count": pa.int64()}
"""A record: feature number, category or cell, count; neither category nor cell means null."""


_NO_CELLS = np.zeros(0, dtype=np.int64)


@dataclass(kw_only=True)
class Tally:
    """Counts of one feature while batches come in: of its categories, or of its grid cells; nulls apart."""

    categories: Counter[str] = field(default_factory=Counter)
    cells: NDArray[np.int64] = field(default_factory=lambda: _NO_CELLS)
    counts: NDArray[np.int64] = field(default_factory=lambda: _NO_CELLS)
    values: NDArray[np.int64] = field(default_factory=lambda: _NO_CELLS)
    nulls: int = 0
    _waiting: list[NDArray[np.int64]] = field(default_factory=list)
    _n_waiting: int = 0

    def add(self, feature: Feature, batch: pa.RecordBatch, schema: TableSchema) -> None:
        """Count one batch."""
        if not feature.column.kind.is_binned:
            values, counts, nulls = _count_strings(strings_of(feature, batch, schema))
            self.nulls += nulls
            self.categories.update(dict(zip(values, counts, strict=True)))
            return
        numbers = numbers_of(feature, batch, schema)
        null = np.isnan(numbers)
        n_null = int(np.count_nonzero(null))
        self.nulls += n_null
        known = numbers[~null] if n_null else numbers
        cells = grid_for(feature.column).cell(known)
        self._waiting.append(cells)
        self._count_values(known, cells, feature)
        self._count_endings(known, feature)
        self._n_waiting += len(numbers) - n_null
        if self._n_waiting >= _BUFFERED:
            self._settle()

    def _count_endings(self, numbers: NDArray[np.float64], feature: Feature) -> None:
        column = feature.column
        names = endings_of(column.kind, column.decimals)
        if names and column.edges is None:
            counts = np.bincount(ending(numbers, column.kind, column.decimals), minlength=len(names))
            # A Counter adds up; what no value ends in is not worth a record.
            self.categories.update({name: n for name, n in zip(names, counts.tolist(), strict=True) if n})

    def _count_values(self, numbers: NDArray[np.float64], cells: NDArray[np.int64], feature: Feature) -> None:
        n_parts = parts_of(feature.column)
        if n_parts and not len(self.values):
            self.values = np.zeros(BUCKETS * n_parts << PART_BITS, dtype=np.int64)
        for part in counters(numbers, cells, feature.column, n_parts) if n_parts else ():
            self.values += np.bincount(part - FIRST, minlength=len(self.values))

    def _settle(self) -> None:
        """Count what waits: many cells at once cost less than few at a time."""
        if self._n_waiting:
            self.cells, self.counts = _counted(np.concatenate(self._waiting), self.cells, self.counts)
        self._waiting, self._n_waiting = [], 0

    @property
    def distinct(self) -> int:
        """How many counts it holds: what it costs in memory."""
        return len(self.categories) + len(self.cells)  # counters of values are bounded

    def records(self, number: int) -> Iterator[pa.RecordBatch]:
        """The counts as records of the feature of that number."""
        self._settle()
        if self.categories:
            names = pa.array(self.categories.keys(), pa.string())
            yield _records(number, names, None, self.categories.values())
        if len(self.cells):
            yield _records(number, None, pa.array(self.cells), self.counts)
        used = np.flatnonzero(self.values)
        if len(used):
            yield _records(number, None, pa.array(used + FIRST), self.values[used])
        if self.nulls:
            yield _records(number, None, None, [self.nulls])


def count_batches(
    batches: Iterator[pa.RecordBatch], features: Sequence[Feature], schema: TableSchema, *, max_held: int
) -> Iterator[pa.RecordBatch]:
    """Records of all features and of the number of rows over some batches.

    Args:
      max_held: a feature with more distinct counts hands them on and starts anew, so that memory is
        bounded; records of equal feature, category and cell are to be added up.
    """
    tallies = [Tally() for _ in features]
    n_rows = 0
    for batch in batches:
        n_rows += batch.num_rows
        for number, feature in enumerate(features):
            tallies[number].add(feature, batch, schema)
            if tallies[number].distinct > max_held:
                yield from tallies[number].records(number)
                tallies[number] = Tally()
    for number, tally in enumerate(tallies):
        yield from tally.records(number)
    yield _records(ROWS, None, None, [n_rows])


def _count_strings(values: pa.Array) -> tuple[list[str], list[int], int]:
    """Distinct strings with their counts, and the number of nulls."""
    known = values.drop_null() if values.null_count else values
    counted = pc.value_counts(known)
    distinct = counted.field("values")
    if pa.types.is_dictionary(distinct.type):
        distinct = distinct.cast(pa.string())
    return distinct.to_pylist(), counted.field("counts").to_pylist(), values.null_count


def _records(
    number: int,
    categories: pa.Array | None,
    cells: pa.Array | None,
    counts: Iterable[int] | NDArray[np.int64],
) -> pa.RecordBatch:
    counted = pa.array(counts, pa.int64())
    n = len(counted)
    arrays = {
        "feature": pa.array(np.full(n, number, dtype=np.int32)),
        "category": pa.nulls(n, pa.string()) if categories is None else categories,
        "cell": pa.nulls(n, pa.int64()) if cells is None else cells,
        "count": counted,
    }
    return pa.RecordBatch.from_arrays([arrays[name] for name in RECORD_TYPES], names=list(RECORD_TYPES))


@dataclass(frozen=True, kw_only=True)
class FeatureSummary:
    """Exact counts of one feature.

    Attributes:
      categories: of a categorical feature, the more frequent of them at least; of a binned one, how its
        values end (`synth.core.digits`).
      cells, counts: int64 [m], occupied grid cells in order with their counts, of a binned one.
      counters, counter_counts: int64 [k], the same of what tells values within cells (`prepare.values`).
    """

    categories: dict[str, int]
    cells: NDArray[np.int64]
    counts: NDArray[np.int64]
    nulls: int
    counters: NDArray[np.int64] = field(default_factory=lambda: _NO_CELLS)
    counter_counts: NDArray[np.int64] = field(default_factory=lambda: _NO_CELLS)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Exact summary of a table: rows, privacy units, and each feature in order."""

    n_rows: int
    n_units: int
    features: tuple[FeatureSummary, ...]

    @staticmethod
    def of_records(records: pa.Table, n_features: int, n_units: int | None) -> "Summary":
        """From records, of which equal ones may repeat. `n_units` None: every row is a unit."""
        numbers = records["feature"].to_numpy()
        order = np.argsort(numbers, kind="stable")
        table = records.take(pa.array(order))
        bounds = np.searchsorted(numbers[order], np.arange(-1, n_features + 1))
        n_rows = int(pc.sum(table["count"].slice(0, int(bounds[1]))).as_py() or 0)
        parts = [table.slice(int(a), int(b - a)) for a, b in itertools.pairwise(bounds[1:])]
        return Summary(
            n_rows=n_rows,
            n_units=n_rows if n_units is None else n_units,
            features=tuple(_summary_of(part) for part in parts),
        )


def _summary_of(records: pa.Table) -> FeatureSummary:
    counts = records["count"].to_numpy()
    is_category = records["category"].is_valid().to_numpy()
    is_cell = records["cell"].is_valid().to_numpy()
    categories: Counter[str] = Counter()
    names = records["category"].filter(pa.array(is_category)).to_pylist()
    for name, count in zip(names, counts[is_category].tolist(), strict=True):
        categories[name] += count
    cells, sums = _added_up(records["cell"].filter(pa.array(is_cell)).to_numpy(), counts[is_cell])
    nulls = int(counts[~is_category & ~is_cell].sum())
    end = int(np.searchsorted(cells, FIRST))
    return FeatureSummary(
        categories=dict(categories),
        cells=cells[:end],
        counts=sums[:end],
        nulls=nulls,
        counters=cells[end:] - FIRST,
        counter_counts=sums[end:],
    )


def _counted(
    waiting: NDArray[np.int64], cells: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of cells, some counted before. [n], [m], [m] -> distinct cells in order, their counts."""
    first = int(min(waiting.min(), cells[0] if len(cells) else waiting.min()))
    last = int(max(waiting.max(), cells[-1] if len(cells) else waiting.max()))
    if last - first < _DENSE:
        # Adding to an array of all cells between costs far less than looking each one up.
        dense = np.bincount(waiting - first, minlength=last - first + 1)
        dense[cells - first] += counts
        present = np.flatnonzero(dense)
        return present + first, dense[present]
    counted = pc.value_counts(pa.array(waiting))
    found, times = counted.field("values").to_numpy(), counted.field("counts").to_numpy()
    return _added_up(np.concatenate([cells, found]), np.concatenate([counts, times]))


def _added_up(
    cells: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct cells in order with the sums of their counts. [n], [n] -> [m], [m]."""
    order = np.argsort(cells, kind="stable")
    cells, counts = cells[order].astype(np.int64), counts[order].astype(np.int64)
    firsts = np.flatnonzero(np.concatenate([[True], np.diff(cells) != 0])[: len(cells)])
    return cells[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts

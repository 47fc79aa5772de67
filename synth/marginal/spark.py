"""Marginals' door to Spark: one job counts everything asked for, however many marginals it is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from synth.lake.tables import map_in_arrow, quoted
from synth.marginal.count import CountPlan
from synth.models.tables import Scope

_PARTIAL = "place int, slice int, counts binary"
_BRANCHES = 16
"""Tasks that add up the partial vectors of all others."""
_SLICE = 1 << 17
"""Cells of a vector that travel as one row, 1 MiB: Spark's heap holds a few, however wide the table is."""


def coded_table(spark: SparkSession, prepared: Path) -> DataFrame:
    """The coded rows that the prepare stage wrote."""
    return spark.read.parquet(f"file://{(prepared / 'codes').absolute()}")


def collect_marginals(
    frame: DataFrame, names: Sequence[str], plan: CountPlan
) -> dict[Scope, NDArray[np.int64]]:
    """Exact counts of the plan's cliques in one job.

    Every task sends one vector in slices; those are added in a tree of tasks, and the driver gets one
    vector, whatever the number of partitions.

    Args:
      names: the coded columns in the order of the domain.
    """
    wanted = [names[column] for column in plan.columns]
    partials = map_in_arrow(
        frame.select(*(quoted(name) for name in wanted)), _count_partition(plan, names), _PARTIAL
    )
    partials = map_in_arrow(partials.repartition(_BRANCHES, "place", "slice"), _add_up, _PARTIAL)
    partials = map_in_arrow(partials.repartition(_BRANCHES, "slice"), _add_up, _PARTIAL)
    collected = partials.toArrow()
    total = np.zeros(plan.length, dtype=np.int64)
    for number, counts in zip(collected.column("slice").to_pylist(), collected.column("counts"), strict=True):
        begin = number * _SLICE
        total[begin : begin + _SLICE] += np.frombuffer(counts.as_buffer(), dtype="<i8")
    return plan.marginals(total)


def _count_partition(
    plan: CountPlan, names: Sequence[str]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        total = np.zeros(plan.length, dtype=np.int64)
        for batch in batches:
            total += plan.count({column: batch.column(names[column]).to_numpy() for column in plan.columns})
        context = TaskContext.get()
        place = 0 if context is None else context.partitionId()
        for begin in range(0, len(total), _SLICE):
            yield _partial(place, begin // _SLICE, total[begin : begin + _SLICE])

    return count


def _add_up(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    totals: dict[int, NDArray[np.int64]] = {}
    for batch in batches:
        for number, counts in zip(batch.column("slice").to_pylist(), batch.column("counts"), strict=True):
            vector = np.frombuffer(counts.as_buffer(), dtype="<i8")
            totals[number] = totals[number] + vector if number in totals else vector.copy()
    for number, total in totals.items():
        yield _partial(0, number, total)


def _partial(place: int, number: int, counts: NDArray[np.int64]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array([place], pa.int32()),
            pa.array([number], pa.int32()),
            pa.array([counts.astype("<i8").tobytes()], pa.binary()),
        ],
        names=["place", "slice", "counts"],
    )

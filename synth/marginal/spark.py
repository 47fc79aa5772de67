"""Marginals' door to Spark: one job counts everything asked for, however many marginals it is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synth.lake.tables import map_in_arrow, quoted
from synth.marginal.count import CountPlan
from synth.models.tables import Scope

_PARTIAL = "place int, counts binary"
_BRANCHES = 16
"""Tasks that add up the partial vectors of all others, before one task adds up theirs."""


def coded_table(spark: SparkSession, prepared: Path) -> DataFrame:
    """The coded rows that the prepare stage wrote."""
    return spark.read.parquet(f"file://{(prepared / 'codes').absolute()}")


def collect_marginals(
    frame: DataFrame, names: Sequence[str], plan: CountPlan
) -> dict[Scope, NDArray[np.int64]]:
    """Exact counts of the plan's cliques in one job.

    Every task sends one vector; vectors are added in a tree of tasks, and the driver gets one, whatever
    the number of partitions.

    Args:
      names: the coded columns in the order of the domain.
    """
    wanted = [names[column] for column in plan.columns]
    partials = map_in_arrow(
        frame.select(*(quoted(name) for name in wanted)), _count_partition(plan, names), _PARTIAL
    )
    partials = map_in_arrow(partials.repartition(_BRANCHES, F.col("place")), _add_up, _PARTIAL)
    partials = map_in_arrow(partials.repartition(1), _add_up, _PARTIAL)
    collected = partials.toArrow().column("counts").to_pylist()
    total = np.zeros(plan.length, dtype=np.int64)
    for counts in collected:
        total += np.frombuffer(counts, dtype="<i8")
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
        yield _partial(0 if context is None else context.partitionId(), total)

    return count


def _add_up(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    total: NDArray[np.int64] | None = None
    for batch in batches:
        for counts in batch.column("counts"):
            vector = np.frombuffer(counts.as_buffer(), dtype="<i8")
            total = vector.copy() if total is None else total + vector
    if total is not None:
        yield _partial(0, total)


def _partial(place: int, counts: NDArray[np.int64]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([place], pa.int32()), pa.array([counts.astype("<i8").tobytes()], pa.binary())],
        names=["place", "counts"],
    )

"""The door to Spark: sample each table once, count all its marginals in one more job."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from synth.config.sections import Evaluate
from synth.core.schema import Column, TableSchema
from synth.errors import SourceError
from synth.evaluate.bins import Bins, encode, fit_bins
from synth.evaluate.evaluation import Evaluation, Measured, compare
from synth.evaluate.marginals import Counts, Workload, plan_workload
from synth.evaluate.rows import Rows
from synth.lake.tables import quoted

_SAMPLE_SEED = 20_240_229
_CELLS = "marginal int, cell int, count bigint"


def evaluate(
    real: DataFrame,
    synthetic: DataFrame,
    holdout: DataFrame | None,
    schema: TableSchema,
    settings: Evaluate,
    progress: Callable[[str], None],
) -> Evaluation:
    """Compare a synthetic table with its real one, two jobs a table, the rest on the driver.

    Columns may be typed in one table and strings in another. Samples are the same again as long as the
    tables are cut into the same partitions.

    Args:
      holdout: real rows that the synthesizer has not seen; None if there are none.
      settings: target of the utility test, and how many rows of each table are sampled.
      progress: called with a line about what begins.
    Raises: SourceError if a table lacks a modelled column or has no rows; ConfigError if the target is
      not a modelled column.
    Guarantee: none. All figures are exact: internal (not DP).
    """
    columns = schema.modelled
    tables = {"real": real, "synthetic": synthetic}
    if holdout is not None:
        tables["holdout"] = holdout
    for name, frame in tables.items():
        _check_columns(name, frame, columns)
    samples = {}
    for name, frame in tables.items():
        progress(f"sampling the {name} table")
        samples[name] = collect_sample(frame, columns, settings.sample_rows)
    bins = fit_bins(samples["real"], columns)
    workload = plan_workload([column_bins.n_codes for column_bins in bins.values()])
    measured = {}
    for name, frame in tables.items():
        progress(f"counting {len(workload.cliques)} marginals of the {name} table")
        counts = collect_marginals(frame, columns, bins, workload)
        n_rows = int(counts[0].sum()) if counts else frame.count()
        measured[name] = Measured(n_rows=n_rows, counts=counts, sample=samples[name])
    return compare(
        schema,
        settings,
        bins,
        workload,
        measured["real"],
        measured["synthetic"],
        measured.get("holdout"),
        progress,
    )


def collect_sample(frame: DataFrame, columns: Sequence[Column], n_rows: int) -> Rows:
    """At most `n_rows` rows drawn evenly without replacement, in random order."""
    if not columns:
        return Rows(n_rows=min(n_rows, frame.limit(n_rows).count()), columns={})
    drawn = _select(frame, columns).orderBy(F.rand(_SAMPLE_SEED)).limit(n_rows)
    return Rows.from_arrow(drawn.toArrow(), _fields(columns))


def collect_marginals(
    frame: DataFrame, columns: Sequence[Column], bins: Mapping[str, Bins], workload: Workload
) -> Counts:
    """Exact counts of every marginal of the workload over all rows, in one job."""
    counts = workload.zeros()
    if not columns:
        return counts
    partial = _select(frame, columns).mapInArrow(_counter(_fields(columns), dict(bins), workload), _CELLS)
    # (marginal, cell, count), once per partition -> once
    total = partial.groupBy("marginal", "cell").agg(F.sum("count").alias("count")).toArrow()
    marginal, cell, count = (total.column(name).to_numpy() for name in ("marginal", "cell", "count"))
    order = np.argsort(marginal, kind="stable")
    starts = np.searchsorted(marginal[order], np.arange(len(counts) + 1))
    for place, histogram in enumerate(counts):
        rows = order[starts[place] : starts[place + 1]]
        histogram[cell[rows]] = count[rows]
    return counts


def _counter(
    fields: dict[str, Column], bins: dict[str, Bins], workload: Workload
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What each worker does: sum the counts of its batches and hand on the cells that are not empty."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        totals = workload.zeros()
        for batch in batches:
            codes = encode(Rows.from_arrow(batch, fields), bins)
            for total, counted in zip(totals, workload.count(codes), strict=True):
                total += counted
        for marginal, total in enumerate(totals):
            cells = np.flatnonzero(total)
            if len(cells) > 0:
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array(np.full(len(cells), marginal), pa.int32()),
                        pa.array(cells, pa.int32()),
                        pa.array(total[cells], pa.int64()),
                    ],
                    names=["marginal", "cell", "count"],
                )

    return count


def _check_columns(name: str, frame: DataFrame, columns: Sequence[Column]) -> None:
    missing = [column.name for column in columns if column.name not in frame.columns]
    if missing:
        raise SourceError(
            f"the {name} table lacks columns that are to be compared: {', '.join(missing)}; "
            f"it has {', '.join(frame.columns)}"
        )


def _select(frame: DataFrame, columns: Sequence[Column]) -> DataFrame:
    return frame.select(*(quoted(column.name).alias(field) for field, column in _fields(columns).items()))


def _fields(columns: Sequence[Column]) -> dict[str, Column]:
    """Plain field names for the columns: mapInArrow misreads a column whose name holds a dot or backtick."""
    return {f"column_{position}": column for position, column in enumerate(columns)}

"""All pairs in one Spark job, against one groupBy job a pair, and against reading the table.

    python bench/counting.py --rows 10000000 --out bench/results/counting.md

Also what one more row or column costs, and rows a second of the sampler against mbi's own. All in one run on
one machine, so that the ratios mean something elsewhere.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from show import show

from synth.core.domain import Domain
from synth.marginal.candidates import pairs
from synth.marginal.count import CountPlan
from synth.marginal.spark import collect_marginals
from synth.models.tables import Grouping, elimination_order, tables_of_factors
from synth.models.tables_sampler import TablesSampler

SIZES = (21, 9, 21, 16, 16, 7, 15, 6, 5, 2, 12, 8, 20, 40, 2)


def seconds(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def coded(spark: SparkSession, folder: Path, rows: int, sizes: tuple[int, ...]) -> DataFrame:
    """A coded table of 16 files, as prepare writes them."""
    columns = [
        F.floor(F.pow(F.rand(i), 1.5) * size).cast("smallint").alias(f"c{i}") for i, size in enumerate(sizes)
    ]
    path = str(folder / f"{rows}x{len(sizes)}")
    spark.range(0, rows, 1, 16).select(*columns).write.parquet(path)
    return spark.read.parquet(path)


def count_all(frame: DataFrame, sizes: tuple[int, ...]) -> Any:
    plan = CountPlan.of([Grouping.identity(size) for size in sizes], pairs(sizes, 10**6))
    return collect_marginals(frame, frame.columns, plan)


def counting(spark: SparkSession, folder: Path, rows: int, n_jobs: int) -> list[str]:
    frame = coded(spark, folder, rows, SIZES)
    total = [F.sum(name) for name in frame.columns]
    read = min(seconds(lambda: frame.agg(*total).collect()) for _ in range(2))
    ours = min(seconds(lambda: count_all(frame, SIZES)) for _ in range(2))
    chosen = list(itertools.combinations(frame.columns, 2))[:: max(1, 105 // n_jobs)]
    jobs = seconds(lambda: [frame.groupBy(*pair).count().collect() for pair in chosen])
    return [
        f"## All pairs of {len(SIZES)} columns x {rows:,} rows\n",
        "| | seconds | ratio |",
        "|---|---|---|",
        f"| read the table (a sum of every column) | {read:.1f} | 1.0 |",
        f"| all {len(pairs(SIZES, 10**6))} pairs in one job | {ours:.1f} | {ours / read:.1f} |",
        f"| {len(chosen)} groupBy jobs, one a pair | {jobs:.1f} | {jobs / read:.1f} |",
        f"| a pair by groupBy, against a pair of ours | | {jobs / len(chosen) / (ours / 105):.1f} |\n",
    ]


def growth(spark: SparkSession, folder: Path, rows: int) -> list[str]:
    lines = [
        "## Cost against rows and columns\n",
        "| rows | columns | pairs | seconds | ns a row and pair |",
        "|---|---|---|---|---|",
    ]
    for n, k in ((rows // 4, 15), (rows // 2, 15), (rows // 4, 8), (rows // 4, 30)):
        sizes = (SIZES * 2)[:k]
        frame = coded(spark, folder / "growth", n, sizes)
        took = seconds(lambda frame=frame, sizes=sizes: count_all(frame, sizes))
        n_pairs = k * (k - 1) // 2
        lines.append(f"| {n:,} | {k} | {n_pairs} | {took:.1f} | {took / n / n_pairs * 1e9:.1f} |")
    return [*lines, ""]


def sampling(rows: int) -> list[str]:
    """The same chain of pairs, drawn by our tables on one core and by mbi."""
    from synth.marginal import estimate as door  # sets JAX up

    rng = np.random.default_rng(0)
    scopes = [(i, i + 1) for i in range(len(SIZES) - 1)]
    measurements = [
        door.Measurement(
            scope=scope,
            values=rng.dirichlet(np.ones(SIZES[scope[0]] * SIZES[scope[1]])).reshape(
                [SIZES[c] for c in scope]
            )
            * rows,
            stddev=10.0,
        )
        for scope in scopes
    ]
    fit = door.estimate(SIZES, measurements, n_rows=rows, max_seconds=60)
    domain = Domain(tuple(f"c{i}" for i in range(len(SIZES))), SIZES)
    groupings = [Grouping.identity(size) for size in SIZES]
    tables = tables_of_factors(domain, groupings, fit.factors, elimination_order(SIZES, scopes))
    sampler = TablesSampler(tables)
    uniforms = rng.random((4096, len(SIZES)))
    ours = min(seconds(lambda: [sampler.sample(uniforms) for _ in range(rows // 4096)]) for _ in range(2))

    import mbi

    names = [f"c{i}" for i in range(len(SIZES))]
    theirs_domain = mbi.Domain(names, SIZES)
    linear = [
        mbi.LinearMeasurement(m.values.ravel(), tuple(names[c] for c in m.scope), stddev=m.stddev)
        for m in measurements
    ]
    model = mbi.estimation.MirrorDescent().estimate(theirs_domain, linear, known_total=float(rows), iters=100)
    first = seconds(lambda: model.synthetic_data(rows=rows))
    again = seconds(lambda: model.synthetic_data(rows=rows))
    return [
        f"## Sampling {rows:,} rows of {len(SIZES)} columns, one chain of pairs\n",
        "| | rows/s | ratio |",
        "|---|---|---|",
        f"| conditional tables, one core, blocks of 4,096 | {rows / ours:,.0f} | {again / ours:.1f} |",
        f"| mbi's synthetic_data, second call, all cores | {rows / again:,.0f} | 1.0 |",
        f"| mbi's synthetic_data, first call | {rows / first:,.0f} | {again / first:.2f} |\n",
    ]


def main() -> None:
    """Run and print; write to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--jobs", type=int, default=105, help="pairs that are also counted by groupBy")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    lines = ["# Counting and sampling marginals\n", f"`local[2]`, {json.dumps(list(SIZES))} codes.\n"]
    with tempfile.TemporaryDirectory(prefix="lakesynth-bench-") as scratch:
        lines += counting(spark, Path(scratch), asked.rows, asked.jobs)
        lines += growth(spark, Path(scratch), asked.rows)
    spark.stop()
    lines += sampling(1_000_000)
    show(lines, asked.out)


if __name__ == "__main__":
    main()

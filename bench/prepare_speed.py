"""What preparation takes, against the time Spark takes to read and count the same table.

    python bench/prepare_speed.py [--rows 10000000] [--folder build/bench]

The table is made up: 15 columns, 8 Parquet files. Each figure is the median of three runs, taken in turns.
The driver's memory is its peak over the process, in a process of its own for each number of rows.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FILES, RUNS = 8, 3


def make_table(folder: Path, rows: int) -> None:
    """Write the table unless it is there: categories, integers, reals, a day, a time, a flag."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    n = rows // FILES
    for part in range(FILES):
        rng = np.random.default_rng(part)

        def category(k: int, rng: np.random.Generator = rng) -> pa.Array:
            codes = np.minimum(rng.zipf(1.5, n) - 1, k - 1).astype(np.int32)
            return pa.DictionaryArray.from_arrays(codes, [f"value {i}" for i in range(k)]).cast(pa.string())

        table = pa.table(
            {
                **{name: category(k) for name, k in
                   (("sex", 2), ("state", 50), ("job", 15), ("plan", 5), ("city", 1000))},
                "age": np.clip(rng.normal(45, 18, n), 0, 99).astype(np.int32),
                "hours": np.where(rng.random(n) < 0.5, 40, rng.integers(1, 99, n)).astype(np.int32),
                "visits": rng.poisson(3, n),
                "points": rng.integers(0, 100_000, n),
                "income": np.round(rng.lognormal(10, 1, n), 2),
                "balance": rng.normal(0, 1e4, n),
                "score": rng.random(n),
                "born": pa.array(rng.integers(0, 20_000, n).astype(np.int32)).cast(pa.date32()),
                "seen": pa.array(rng.integers(14 * 10**14, 16 * 10**14, n)).cast(pa.timestamp("us")),
                "active": rng.random(n) < 0.7,
            }
        )  # fmt: skip
        pq.write_table(table, folder / f"part-{part}.parquet")


def measure(folder: Path, scratch: Path, *, through_spark: bool) -> dict[str, float]:
    """Seconds of each step, and the driver's peak memory in MiB."""
    import shutil

    from pyspark.sql import functions as F

    from synth.config.sections import Prepare, Source, SparkSettings
    from synth.core.finding import Findings
    from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
    from synth.lake.batches import SourceBatches, readable_files
    from synth.lake.session import open_session
    from synth.prepare.fit import fit
    from synth.prepare.plan import PreparePlan
    from synth.prepare.spark import collect_summary, write_codes
    from synth.privacy.entry import Receipt

    conf = {"spark.driver.memory": "3g", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = open_session("bench", SparkSettings(master="local[2]", conf=conf))
    frame = spark.read.parquet(str(folder))
    kinds = {"string": Kind.CATEGORICAL, "int": Kind.INTEGER, "bigint": Kind.INTEGER, "double": Kind.REAL,
             "date": Kind.DATE, "timestamp_ntz": Kind.TIMESTAMP, "boolean": Kind.BOOLEAN}  # fmt: skip
    columns = tuple(
        Column(name=name, spark_type=kind, kind=kinds[kind], decimals=2 if name == "income" else None,
               categories=("false", "true") if kind == "boolean" else None)
        for name, kind in frame.dtypes
    )  # fmt: skip
    schema = TableSchema(name="bench", columns=columns, unit=PrivacyUnit())
    n_rows = float(frame.count())
    plan = PreparePlan.of(schema, Prepare(), 0.1, 1e-7, n_rows)
    files = None if through_spark else readable_files(frame, Source(path=str(folder)))
    source = SourceBatches(frame=frame, unit=PrivacyUnit(), salt=b"x" * 32, files=files)
    receipt = Receipt(entry=1, events=plan.events())
    findings = Findings(table="bench", n_rows=n_rows, columns=(), is_private=True)
    seconds: dict[str, list[float]] = {"read and count": [], "summarize": [], "encode": []}

    def timed(name: str, work: Callable[[], object]) -> object:
        began = time.monotonic()
        result = work()
        seconds[name].append(time.monotonic() - began)
        return result

    for run in range(RUNS + 1):  # the first warms up
        timed("read and count", lambda: frame.select([F.count(name) for name in frame.columns]).collect())
        summary = timed(
            "summarize",
            lambda: collect_summary(source, schema, pruned=plan.pruned(schema), max_distinct=10**6),
        )
        manifest = fit(summary, schema, plan, receipt, Prepare(), findings)  # type: ignore[arg-type]
        codes = scratch / f"codes-{run}"
        timed("encode", lambda m=manifest, c=codes: write_codes(source, m, c, files=8))
        shutil.rmtree(codes)
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    return {**medians, "driver MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--one", choices=["files", "spark"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = (arguments.folder / f"table-{arguments.rows}").absolute()
    if arguments.one:
        print(json.dumps(measure(folder, folder.parent, through_spark=arguments.one == "spark")))
        return 0
    print("| rows | batches | read and count | summarize | encode | both / read and count | driver, MiB |")
    print("|---|---|---|---|---|---|---|")
    for rows, way in ((arguments.rows // 10, "files"), (arguments.rows, "files"), (arguments.rows, "spark")):
        make_table(arguments.folder / f"table-{rows}", rows)
        command = [sys.executable, __file__, "--rows", str(rows), "--folder", str(arguments.folder)]
        done = subprocess.run([*command, "--one", way], stdout=subprocess.PIPE, text=True, check=True)
        took = json.loads(done.stdout.splitlines()[-1])
        ratio = (took["summarize"] + took["encode"]) / took["read and count"]
        words = "files by Arrow" if way == "files" else "through Spark"
        print(f"| {rows:,} | {words} | {took['read and count']:.1f} s | {took['summarize']:.1f} s | "
              f"{took['encode']:.1f} s | {ratio:.1f} | {took['driver MiB']:.0f} |", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

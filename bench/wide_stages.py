"""Wide tables through all stages, from the command line, nothing declared: minutes against columns.

    python bench/wide_stages.py [--columns 15 50 ...] [--rows 100000] --out bench/results/wide_stages.md

The made-up tables of wide.py as typed Parquet: few bins as words or small numbers, many as decimals and whole
numbers. Each run is scan, prepare, train, generate and evaluate at epsilon 1, delta 1e-5, in a fresh folder
with a fresh ledger on Spark's local[2]. Distances of the rows that came out: total variation over at most
2,000 pairs of columns, numbers in ten bins of equal mass; the mean and that of the worst twentieth.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray
from show import show
from wide import BINS, numbers_of, table

REPOSITORY = Path(__file__).parents[1]
STAGES = ("scan", "prepare", "train", "generate", "evaluate")
USABLE = (0, 3)


def written(n_columns: int, n_rows: int) -> pa.Table:
    """The table of wide.py, of words, whole numbers and decimals."""
    codes, numbers = table(n_columns, n_rows), numbers_of(n_columns, n_rows)
    columns: dict[str, pa.Array] = {}
    for column in range(n_columns):
        name = f"c{column}"
        match BINS[column % len(BINS)]:
            case 2 | 5:
                columns[name] = pa.array([f"word{code}" for code in range(5)]).take(
                    pa.array(codes[:, column])
                )
            case 3 | 10:
                columns[name] = pa.array(codes[:, column].astype(np.int32))
            case 20:
                columns[name] = pa.array(np.round(50 + 10 * numbers[:, column].astype(float), 2))
            case _:
                columns[name] = pa.array(np.rint(1000 + 100 * numbers[:, column]).astype(np.int64))
    return pa.table(columns)


def run(folder: Path) -> dict[str, dict]:
    """Seconds and exit code of each stage; one that fails ends the run."""
    config = {
        "name": "wide",
        "source": {"path": str(folder / "wide.parquet"), "format": "parquet"},
        "privacy": {"epsilon": 1, "delta": 1e-5},
        "ledger": {"url": f"sqlite:///{folder / 'ledger.db'}"},
        "track": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        "spark": {"master": "local[2]", "conf": {"spark.driver.memory": "4g"}},
    }
    (folder / "table.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYSPARK_PYTHON": sys.executable}
    told: dict[str, dict] = {"seconds": {}, "exit_codes": {}}
    for stage in STAGES:
        command = [sys.executable, "-m", "synth.cli", stage, "--config", "table.yaml", "--workdir", "work"]
        started = time.monotonic()
        with (folder / f"{stage}.log").open("w", encoding="utf-8") as log:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False
            )
        told["seconds"][stage] = round(time.monotonic() - started, 1)
        told["exit_codes"][stage] = done.returncode
        print("  ", stage, told["seconds"][stage], done.returncode, flush=True)
        (folder / "told.json").write_text(json.dumps(told, indent=1), encoding="utf-8")
        if done.returncode not in USABLE:
            break
    return told


def distances(real: pa.Table, made: pa.Table) -> dict[str, tuple[float, float]]:
    """Mean and worst twentieth over pairs: of the rows made, of rows drawn again, of each column shuffled."""
    rng = np.random.default_rng(1)
    names = real.column_names
    every = list(itertools.combinations(range(len(names)), 2))
    chosen = [every[k] for k in rng.permutation(len(every))[:2000]]
    codes = [_binned(real[name], made[name]) for name in names]
    again = rng.integers(0, real.num_rows, real.num_rows)
    found: dict[str, list[float]] = {"rows": [], "another draw": [], "independence": []}
    for a, b in chosen:
        (ra, ma, n), (rb, mb, m) = codes[a], codes[b]
        pair = _shares(ra, rb, n, m)
        for name, other in (
            ("rows", _shares(ma, mb, n, m)),
            ("another draw", _shares(ra[again], rb[again], n, m)),
            ("independence", np.outer(pair.sum(1), pair.sum(0))),
        ):
            found[name].append(float(np.abs(other - pair).sum()) / 2)
    worst = max(1, len(chosen) // 20)
    return {name: (float(np.mean(v)), float(np.mean(sorted(v)[-worst:]))) for name, v in found.items()}


def _binned(real: pa.ChunkedArray, made: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Codes of both by the real values, one for null; and how many codes there are."""
    if pa.types.is_string(real.type):
        words = {word: code for code, word in enumerate(sorted(set(real.to_pylist())))}
        first = np.array([words[word] for word in real.to_pylist()])
        second = np.array([words.get(word, len(words)) for word in made.to_pylist()])
        return first, second, len(words) + 1
    values = real.to_numpy().astype(float)
    edges = np.unique(np.quantile(values, np.arange(1, 10) / 10))
    other = made.to_pandas().to_numpy(dtype=float, na_value=np.nan)
    second = np.where(np.isnan(other), len(edges) + 1, np.searchsorted(edges, other, side="right"))
    return np.searchsorted(edges, values, side="right"), second, len(edges) + 2


def _shares(a: NDArray[np.int64], b: NDArray[np.int64], n: int, m: int) -> NDArray[np.float64]:
    return np.bincount(a * m + b, minlength=n * m).reshape(n, m) / len(a)


def main() -> None:
    """One row of the result for each number of columns."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--columns", type=int, nargs="+", default=[15, 50, 100, 200, 500])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--scratch", type=Path, help="a folder for all that runs leave; default: temporary")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    scratch = asked.scratch or Path(tempfile.mkdtemp(prefix="wide-"))
    lines = [
        "# Wide tables, all stages",
        "",
        f"{asked.rows:,} rows, typed Parquet, nothing declared; epsilon 1 in all; `local[2]`; seconds.",
        "",
        "| columns | " + " | ".join(STAGES) + " | minutes in all | largest process, GiB "
        "| 2-way, worst twentieth | another draw | independence |",
        "|---" * 11 + "|",
    ]
    for n_columns in asked.columns:
        folder = (scratch / str(n_columns)).resolve()
        folder.mkdir(parents=True)
        real = written(n_columns, asked.rows)
        pq.write_table(real, folder / "wide.parquet")
        told = run(folder)
        seconds = told["seconds"]
        cells = [f"{seconds[s]:.0f}" if told["exit_codes"].get(s) in USABLE else "failed" for s in STAGES]
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        made = folder / "work" / "synthetic"
        figures = distances(real, pq.read_table(made)) if made.is_dir() else {}
        shown = [f"{mean:.4f}, {worst:.4f}" for mean, worst in figures.values()] or ["", "", ""]
        row = [str(n_columns), *cells, f"{sum(seconds.values()) / 60:.1f}", f"{peak:.1f}", *shown]
        lines.append("| " + " | ".join(row) + " |")
        show(lines, asked.out)


if __name__ == "__main__":
    main()

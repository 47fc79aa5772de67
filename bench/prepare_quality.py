"""What preparation's noise costs: 1-way distances after decode, against exact preparation and a peer.

    python bench/prepare_quality.py TABLE.csv [TABLE.csv ...]

Every table is coded by codebooks fitted at a budget for preparation alone, decoded again, and compared with
itself: the mean total variation distance over its columns, numbers in ten bins of equal mass. Numbers are
also coded by quantiles from the exponential mechanism (Kaplan, Schnapp, Stemmer 2022) at the same budget.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from synth.config.sections import Prepare
from synth.core.feature import features_of
from synth.core.finding import Findings
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.generate.fields import columns_of
from synth.prepare.encode import encode_batch
from synth.prepare.features import grid_for
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan, Purpose
from synth.prepare.summary import FeatureSummary, Summary, count_batches
from synth.privacy import accountant
from synth.privacy.budget import Budget
from synth.privacy.ledger import Receipt

DELTA, SELECTION = 1e-5, 0.2
BINS = 10


@dataclass(frozen=True)
class Case:
    """A table in memory with its exact summary."""

    name: str
    frame: pd.DataFrame
    batch: pa.RecordBatch
    schema: TableSchema
    summary: Summary


def load(path: Path) -> Case:
    """Read a CSV with a header; several of the same folder and suffix are one table in parts."""
    frame = pd.concat([pd.read_csv(part) for part in sorted(path.parent.glob("*.csv*"))])
    schema = TableSchema(
        name=path.parent.name, columns=tuple(_column(frame[name]) for name in frame), unit=PrivacyUnit()
    )
    batch = pa.RecordBatch.from_pandas(frame, preserve_index=False)
    features = features_of(schema)
    records = pa.Table.from_batches(list(count_batches(iter([batch]), features, schema, max_held=10**6)))
    return Case(path.parent.name, frame, batch, schema, Summary.of_records(records, len(features), None))


def _column(values: pd.Series) -> Column:
    if values.dtype.kind == "i":
        return Column(name=str(values.name), spark_type="bigint", kind=Kind.INTEGER, nullable=False)
    if values.dtype.kind == "f":
        places = values.map(lambda value: len(repr(value).rpartition(".")[2]))
        decimals = int(places.quantile(0.95))
        return Column(
            name=str(values.name), spark_type="double", kind=Kind.REAL, nullable=False, decimals=decimals
        )
    return Column(name=str(values.name), spark_type="string", kind=Kind.CATEGORICAL)


def distances(case: Case, mu: float | None, rng: np.random.Generator) -> dict[str, float]:
    """Distance of each column after encoding and decoding; 1 for a column that could not be learned."""
    plan = PreparePlan.of(case.schema, Prepare(), mu, DELTA * SELECTION, len(case.frame))
    receipt = Receipt(entry=1, events=plan.events())
    findings = Findings(table=case.name, n_rows=1.0, columns=(), is_private=mu is not None)
    manifest = fit(case.summary, case.schema, plan, receipt, Prepare(), findings)
    coded = encode_batch(case.batch, manifest.features, manifest.codebooks, manifest.schema)
    codes = {name: array.to_numpy() for name, array in coded.items()}
    uniforms = {name: rng.random(len(case.frame)) for name in codes}
    types = {field.name: field.type for field in case.batch.schema}
    decoded = columns_of(manifest, codes, uniforms, types)
    return {
        column.name: distance(case.frame[column.name], decoded[column.name].to_pandas(), column)
        if column.name in decoded
        else 1.0
        for column in case.schema.columns
    }


def distance(real: pd.Series, other: pd.Series, column: Column) -> float:
    """Total variation distance of two columns."""
    if column.kind.is_binned:
        edges = np.unique(np.quantile(real, np.linspace(0, 1, BINS + 1)[1:-1]))
        shares = [np.bincount(np.searchsorted(edges, v, side="right"), minlength=BINS) / len(v)
                  for v in (real.to_numpy(), other.to_numpy())]  # fmt: skip
        return float(0.5 * np.abs(shares[0] - shares[1]).sum())
    left, right = (v.fillna("\0").value_counts(normalize=True) for v in (real, other))
    return float(0.5 * left.sub(right, fill_value=0).abs().sum())


def exponential_distances(case: Case, mu: float, rng: np.random.Generator) -> dict[str, float]:
    """The same for numbers, by quantiles from the exponential mechanism with each column's share of mu^2."""
    plan = PreparePlan.of(case.schema, Prepare(), mu, DELTA * SELECTION, len(case.frame))
    total = sum(query.weight for query in plan.queries)
    found = {}
    for feature, counted in zip(features_of(case.schema), case.summary.features, strict=True):
        if not feature.column.kind.is_binned:
            continue
        weight = sum(q.weight for q in plan.queries if (q.purpose, q.feature) == (Purpose.BINS, feature.name))
        grid = grid_for(feature.column)
        n_bins = 32
        depth = int(np.log2(n_bins))
        # Of each column's rho = mu^2 / 2 a level gets 1 / depth; bounded range has rho = eps^2 / 8.
        epsilon = np.sqrt(8 * (mu**2 * weight / total / 2) / depth)
        edges = _quantiles(counted, 0, grid.n_cells, depth, epsilon, rng)
        cells = np.array([0, *edges, grid.n_cells - 1])
        picked = rng.integers(0, n_bins, len(case.frame))
        low, high = cells[picked], np.maximum(cells[picked + 1], cells[picked] + 1)
        values = grid.lower((low + rng.random(len(picked)) * (high - low)).astype(np.int64))
        found[feature.name] = distance(case.frame[feature.name], pd.Series(values), feature.column)
    return found


def _quantiles(
    counted: FeatureSummary, low: int, high: int, depth: int, epsilon: float, rng: np.random.Generator
) -> list[int]:
    """Cells that halve the mass again and again, 2^depth - 1 of them."""
    if depth == 0:
        return []
    inside = (counted.cells >= low) & (counted.cells < high)
    cells, mass = counted.cells[inside], counted.counts[inside]
    middle = _median(cells, mass, low, high, epsilon, rng) if high - low > 1 else low
    left = _quantiles(counted, low, middle, depth - 1, epsilon, rng)
    return [*left, middle, *_quantiles(counted, middle, max(high, middle + 1), depth - 1, epsilon, rng)]


def _median(
    cells: NDArray[np.int64], mass: NDArray[np.int64], low: int, high: int, epsilon: float,
    rng: np.random.Generator,
) -> int:  # fmt: skip
    edges = np.concatenate([[low], cells + 1, [high]])
    below = np.concatenate([[0], np.cumsum(mass)])
    scores = -np.abs(below - mass.sum() / 2) * epsilon / 2 + np.log(np.maximum(np.diff(edges), 1e-300))
    picked = int(np.argmax(scores + rng.gumbel(size=len(scores))))
    return int(rng.integers(edges[picked], max(edges[picked + 1], edges[picked] + 1)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| table | epsilon of preparation | all columns | above exact | numbers | numbers, exponential "
          "mechanism | categories |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for case in map(load, arguments.tables):
        numbers = {column.name for column in case.schema.columns if column.kind.is_binned}
        exact = float("nan")
        for epsilon in (None, 0.05, 0.1, 0.3, 1.0):
            usable = None if epsilon is None else Budget(epsilon=epsilon, delta=DELTA * (1 - SELECTION))
            mu = None if usable is None else accountant.gaussian_mu(usable)
            runs = [distances(case, mu, rng) for _ in range(arguments.repeats)]
            peers = [] if mu is None else [exponential_distances(case, mu, rng) for _ in runs]
            whole = _mean(runs, set(runs[0]))
            exact = whole if epsilon is None else exact
            print(f"| {case.name} | {epsilon or 'none'} | {whole:.4f} | {whole - exact:.4f} | "
                  f"{_mean(runs, numbers):.4f} | {_mean(peers, numbers):.4f} | "
                  f"{_mean(runs, set(runs[0]) - numbers):.4f} |", flush=True)  # fmt: skip
    return 0


def _mean(runs: list[dict[str, float]], names: set[str]) -> float:
    values = [run[name] for run in runs for name in names]
    return float(np.mean(values)) if values else float("nan")


if __name__ == "__main__":
    sys.exit(main())

"""Wide tables: seconds of a step against columns, and what is learned under epsilon 1.

    python bench/wide.py [--columns 15 50 100 200 500] [--rows 100000] --out bench/results/wide.md

Made-up tables of normal numbers in 2 to 40 bins: a third of the columns lean on an earlier one, the others
on one of some hidden levels, more or less. The mixture measures as the product does, but for Spark: counted
in this process. The autoregressive network takes timed steps on random codes, as before each charge.
Distances are total variation over pairs, the mean and that of the worst twentieth; the model's are exact.
"""

import argparse
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from show import show

from synth.config.model import MarginalMethod, MixtureSettings, Model, ModelKind
from synth.config.train import Train
from synth.core.codebook import CategoricalCodebook
from synth.core.domain import Domain
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.marginal import mixture
from synth.marginal.candidates import pairs
from synth.marginal.count import CountPlan
from synth.marginal.learn import spec_of
from synth.marginal.mixture_fit import FitSettings, MixtureFit
from synth.marginal.problem import Problem
from synth.models.mixture import pair_marginals
from synth.models.tables import Grouping, Scope
from synth.privacy.budget import Budget
from synth.privacy.entry import Receipt
from synth.privacy.policy import Cap
from synth.train.pace import minutes_of_training

BINS = (2, 3, 5, 10, 20, 20, 40)
BUDGET = Budget(epsilon=0.85, delta=1e-6)  # about what a total epsilon of 1 leaves to training


def numbers_of(n_columns: int, n_rows: int) -> NDArray[np.float32]:
    """What stands behind the codes [n_rows, n_columns]: normal numbers that lean on each other."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n_rows, max(2, n_columns // 20))).astype(np.float32)
    numbers = np.zeros((n_rows, n_columns), dtype=np.float32, order="F")
    for column in range(n_columns):
        own = rng.normal(size=n_rows).astype(np.float32)
        if column % 3 == 2:
            earlier = numbers[:, rng.integers(0, column)]
            numbers[:, column] = np.float32(0.8) * earlier + np.float32(0.5) * own
        else:
            lean = np.float32(rng.choice([0.0, 0.5, 1.0, 2.0]))
            numbers[:, column] = lean * hidden[:, column % hidden.shape[1]] + own
    return numbers


def table(n_columns: int, n_rows: int) -> NDArray[np.uint16]:
    """Codes [n_rows, n_columns]."""
    rng = np.random.default_rng(1)
    numbers = numbers_of(n_columns, n_rows)
    codes = np.zeros((n_rows, n_columns), dtype=np.uint16)
    for column in range(n_columns):
        edges = np.quantile(numbers[:, column], np.sort(rng.random(BINS[column % len(BINS)] - 1)))
        codes[:, column] = np.searchsorted(edges, numbers[:, column])
    return codes


def learned(codes: NDArray[np.uint16], say: bool) -> tuple[dict[str, float], mixture.FittedMixture]:
    """The mixture of a table, and seconds of its parts."""
    sizes = tuple(int(size) for size in codes.max(0) + 1)
    groupings = tuple(Grouping.identity(size) for size in sizes)
    seconds = {"count": 0.0}

    def count(cliques: Sequence[Scope]) -> Mapping[Scope, NDArray[np.int64]]:
        started = time.monotonic()
        plan = CountPlan.of(groupings, cliques)
        found = plan.marginals(plan.count({column: codes[:, column] for column in plan.columns}))
        seconds["count"] += time.monotonic() - started
        return found

    candidates = pairs(sizes, 50_000)
    cap = Cap(name="all", budget=BUDGET, entries=(), streams=((),))
    plan = spec_of(MarginalMethod.MIXTURE, len(sizes), len(candidates), 1).calibrate([cap])
    problem = Problem(
        domain=Domain(tuple(f"c{k}" for k in range(len(sizes))), sizes),
        groupings=groupings,
        n_rows=len(codes),
        weights=dict.fromkeys(candidates, 1.0),
        pairs={},
        count_more=count,
        max_cells=50_000,
        total_cells=10**8,
        max_seconds=1200,
        say=(lambda line: print("  ", line, flush=True)) if say else (lambda line: None),
    )
    started = time.monotonic()
    fitted = mixture.learn(problem, MixtureSettings(fits=2), plan, Receipt(entry=1, events=plan.charge))
    seconds["all"] = time.monotonic() - started
    return seconds, fitted


def seconds_a_step(fitted: mixture.FittedMixture, n_rows: int) -> float:
    """Of the fit of 64 parts with the model's tree."""
    sizes = [grouping.n_groups for grouping in fitted.mixture.groupings]
    engine = MixtureFit(sizes, fitted.mixture.forest, fitted.measurements, n_rows=n_rows)
    start = [np.full(size, 1 / size) for size in sizes]
    settings = FitSettings(parts=64, smooth=0.02, ridge=0.003, steps=50)
    engine.fit(start, settings, seed=0)  # compiles
    started = time.monotonic()
    engine.fit(start, settings, seed=0)
    return (time.monotonic() - started) / settings.steps


def network_seconds_a_step(sizes: Sequence[int], n_rows: int) -> float:
    """Of the autoregressive network, as foretold before its charge."""
    names = [f"c{k}" for k in range(len(sizes))]
    manifest = PreparedManifest(
        schema=TableSchema(
            name="wide",
            columns=tuple(Column(name=name, spark_type="string", kind=Kind.CATEGORICAL) for name in names),
            unit=PrivacyUnit(),
        ),
        codebooks=tuple(
            CategoricalCodebook(
                column=name,
                categories=tuple(str(k) for k in range(size - 1)),
                counts=(1.0,) * size,
                closed=True,
            )
            for name, size in zip(names, sizes, strict=True)
        ),
        n_rows=n_rows,
        n_units=n_rows,
        entries=(1,),
        is_private=True,
    )
    train = Train(steps=1).of(ModelKind.ARN)
    return 60 * minutes_of_training(manifest, Model(kind=ModelKind.ARN), train, 1)


def distances(codes: NDArray[np.uint16], fitted: mixture.FittedMixture) -> dict[str, tuple[float, float]]:
    """Mean and worst twentieth over at most 2,000 pairs: of the model, of independence, of another draw."""
    rng = np.random.default_rng(1)
    sizes = codes.max(0).astype(int) + 1
    every = list(itertools.combinations(range(len(sizes)), 2))
    chosen = [every[k] for k in rng.permutation(len(every))[:2000]]
    again = codes[rng.integers(0, len(codes), len(codes))]
    model = dict(pair_marginals(fitted.mixture.parts, sorted(chosen)))

    def shares(rows: NDArray[np.uint16], scope: Scope) -> NDArray[np.float64]:
        flat = rows[:, scope[0]].astype(np.int64) * sizes[scope[1]] + rows[:, scope[1]]
        counts = np.bincount(flat, minlength=sizes[scope[0]] * sizes[scope[1]])
        return counts.reshape(sizes[scope[0]], sizes[scope[1]]) / len(rows)

    found: dict[str, list[float]] = {"model": [], "independence": [], "another draw": []}
    for scope in chosen:
        real = shares(codes, scope)
        apart = np.outer(real.sum(1), real.sum(0))
        for name, other in (
            ("model", model[scope]),
            ("independence", apart),
            ("another draw", shares(again, scope)),
        ):
            found[name].append(float(np.abs(other - real).sum()) / 2)
    worst = max(1, len(chosen) // 20)
    return {name: (float(np.mean(v)), float(np.mean(sorted(v)[-worst:]))) for name, v in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--columns", type=int, nargs="+", default=[15, 50, 100, 200, 500])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--no-network", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        "# Wide tables",
        "",
        f"{options.rows:,} rows, about 14 codes a column; epsilon 1 in all; two fits; two busy cores.",
        "",
        "| columns | codes | pairs measured | a step of the mixture, s | of `arn`, s | counting, s | all, s "
        "| 2-way, worst twentieth | independence | another draw |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for n_columns in options.columns:
        codes = table(n_columns, options.rows)
        seconds, fitted = learned(codes, say=True)
        step = seconds_a_step(fitted, options.rows)
        sizes = [grouping.n_groups for grouping in fitted.mixture.groupings]
        network = "" if options.no_network else f"{network_seconds_a_step(sizes, options.rows):.2f}"
        found = distances(codes, fitted)
        n_pairs = sum(len(one.scope) == 2 for one in fitted.measurements)
        told = [
            f"{mean:.4f}, {worst:.4f}"
            for mean, worst in (found[k] for k in ("model", "independence", "another draw"))
        ]
        row = [
            n_columns,
            sum(sizes),
            n_pairs,
            f"{step:.4f}",
            network,
            f"{seconds['count']:.0f}",
            f"{seconds['all']:.0f}",
            *told,
        ]
        lines.append("| " + " | ".join(map(str, row)) + " |")
        show(lines, options.out)


if __name__ == "__main__":
    main()

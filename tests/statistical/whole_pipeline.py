"""A small table through scan, preparation, measuring and drawing of rows, many times, beside its neighbour.

Exact counts are made once for each of the two tables by the product's code; only what is drawn, and all that
follows from it, is repeated. Noise comes from a table of the discrete Gaussian's probabilities, many times
faster than the exact sampler, which `test_noise.py` holds to its scale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth import spending
from synth.config.sections import Prepare, Privacy, Scan
from synth.core.codebook import CategoricalCodebook
from synth.core.feature import features_of
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.generate.rows import block_of_rows
from synth.lake import tables
from synth.marginal.candidates import pairs
from synth.marginal.count import CountPlan
from synth.marginal.grouping import grouping_of
from synth.marginal.learn import spec_of
from synth.marginal.measure import measure
from synth.marginal.plan import MeasuringPlan
from synth.marginal.problem import Problem, measure_columns, paid_counts
from synth.models.tables import Scope
from synth.prepare.encode import encode
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan
from synth.prepare.summary import Summary, count_batches
from synth.privacy import accountant
from synth.privacy.budget import Budget, Event
from synth.privacy.entry import Receipt
from synth.privacy.policy import Cap
from synth.scan.classes import class_counts
from synth.scan.findings import release_findings

MAX_ROWS = 4
UNIT = PrivacyUnit(entity="who", max_rows=MAX_ROWS)
SHARES = {"scan": 0.02, "prepare": 0.1}
Row = Mapping[str, Any]
LIKE_OTHERS: Row = {"who": "canary", "sex": "X", "ward": "ward west", "stay": 95.0, "pay": 450}
"""One entity of many rows, all alike: all that it can move, it moves in cells that others are in too."""
OF_ITS_OWN: Row = {"who": "canary", "sex": "X", "ward": "a ward of its own", "stay": 95.0, "pay": 990}
"""One with values that no other row has."""
_CANARY_ROWS = 40
SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="who", spark_type="string", kind=Kind.ID),
        Column(name="sex", spark_type="string", kind=Kind.CATEGORICAL, categories=("F", "M", "X")),
        Column(name="ward", spark_type="string", kind=Kind.CATEGORICAL),
        Column(name="stay", spark_type="double", kind=Kind.REAL, edges=(0.0, 10.0, 30.0, 90.0, 100.0)),
        Column(name="pay", spark_type="int", kind=Kind.INTEGER, lower=0, upper=1023),
    ),
    unit=UNIT,
)
WITHOUT_TREE = replace(SCHEMA, columns=SCHEMA.columns[:-1])
TYPES = {"who": pa.string(), "sex": pa.string(), "ward": pa.string(), "stay": pa.float64(), "pay": pa.int32()}
_SPARK = "who string, sex string, ward string, stay double, pay int"
METHOD = "mixture"


def rows() -> list[tuple[Any, ...]]:
    """D: 1,200 entities of up to three rows each."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(1200), rng.integers(1, 4, 1200))
    n = len(who)
    return list(
        zip(
            (f"e{k}" for k in who),
            rng.choice(["F", "M", "X"], n, p=[0.5, 0.4, 0.1]).tolist(),
            rng.choice(["ward north", "ward south", "ward west"], n).tolist(),
            rng.uniform(0, 100, n).tolist(),
            rng.integers(0, 500, n).tolist(),
            strict=True,
        )
    )


@dataclass(frozen=True, kw_only=True)
class Exact:
    """One of the two tables, with what the product counts of it exactly."""

    batch: pa.RecordBatch
    classes: dict[str, NDArray[np.int64]]
    summary: Summary

    @staticmethod
    def of(spark: Any, canary_row: Row | None) -> "Exact":
        """Capped by Spark, counted as its tasks count."""
        canary = [] if canary_row is None else [tuple(canary_row[name] for name in TYPES)] * _CANARY_ROWS
        frame = tables.bound_contribution(spark.createDataFrame([*rows(), *canary], _SPARK), UNIT, b"s" * 32)
        batch = frame.toArrow().combine_chunks().to_batches()[0]
        return Exact.counted(batch, SCHEMA)

    @staticmethod
    def counted(batch: pa.RecordBatch, schema: TableSchema) -> "Exact":
        """The counts of rows that are capped already."""
        features = features_of(schema)
        records = pa.Table.from_batches(count_batches(iter([batch]), features, schema, max_held=1 << 20))
        n_units = len(batch.column("who").unique())
        return Exact(
            batch=batch,
            classes={name: class_counts(batch.column(name)) for name in TYPES},
            summary=Summary.of_records(records, len(features), n_units),
        )


@dataclass(frozen=True, kw_only=True)
class Charges:
    """What the stages charge, fixed before the first draw."""

    scan: tuple[Event, ...]
    prepare: PreparePlan
    train: MeasuringPlan
    budget: Budget

    @staticmethod
    def of(epsilon: float, schema: TableSchema = SCHEMA) -> "Charges":
        privacy = Privacy(epsilon=epsilon, delta=1e-5)
        scan = spending.scan_events(len(TYPES), UNIT, spending.stage_mu(privacy, SHARES["scan"]))
        mu, delta = spending.stage_mu(privacy, SHARES["prepare"]), spending.selection_delta(privacy)
        prepare = PreparePlan.of(schema, Prepare(bins=6), mu, delta, 2_000.0)
        assert privacy.budget is not None
        prior = (*scan, *prepare.events())
        cap = Cap(name="privacy.epsilon", budget=privacy.budget, entries=(), streams=(prior,))
        n_learned = len(schema.columns) - 1
        spec = spec_of(METHOD, n_learned, n_learned * (n_learned - 1) // 2, MAX_ROWS)  # type: ignore[arg-type]
        return Charges(scan=scan, prepare=prepare, train=spec.calibrate([cap]), budget=privacy.budget)

    @property
    def events(self) -> tuple[Event, ...]:
        """All of them."""
        return (*self.scan, *self.prepare.events(), *self.train.charge)

    @property
    def epsilon(self) -> float:
        """The claim."""
        return accountant.epsilon(self.events, self.budget.delta)


@dataclass(frozen=True, kw_only=True)
class Released:
    """Everything that leaves, of one run.

    Attributes:
      news: noisy answers in the canary's cells less what others count there, by columns of a marginal.
      counts: the same of the manifest's counts, by column.
    """

    findings: Findings
    manifest: PreparedManifest
    rows: pa.RecordBatch
    news: dict[int, float]
    counts: dict[str, float]


class _Independent:
    """Rows by the noisy answers of each column alone: the cheapest model there is."""

    def __init__(self, shares: Sequence[NDArray[np.float64]]) -> None:
        self._ends = [np.cumsum(share) for share in shares]

    @property
    def n_uniforms(self) -> int:
        return len(self._ends)

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        columns = [np.searchsorted(e, uniforms[:, k] * e[-1], side="right") for k, e in enumerate(self._ends)]
        return np.stack(columns, axis=1).astype(np.uint16)

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "_Independent":
        return self


def scanned(exact: Exact, charges: Charges) -> Findings:
    """What the scan releases."""
    return release_findings(
        exact.classes,
        Receipt(entry=1, events=charges.scan),
        table="t",
        spark_types={column.name: column.spark_type for column in SCHEMA.columns},
        columns={},
        settings=Scan(),
    ).value


def run_once(
    exact: Exact, known: Exact, charges: Charges, findings: Findings, canary_row: Row, schema: TableSchema
) -> Released:
    """Prepare, train and generate, with noise of their own.

    Args:
      known: D, which an attacker may know row by row: what it counts is taken from what is seen.
    """
    receipt = Receipt(entry=2, events=charges.prepare.events())
    manifest = fit(exact.summary, schema, charges.prepare, receipt, Prepare(bins=6), findings)
    books = list(zip(manifest.features, manifest.codebooks, strict=True))
    coded = [encode(exact.batch, feature, book, schema) for feature, book in books]
    groupings = tuple(grouping_of(book, charges.train.rare) for book in manifest.codebooks)

    def count(scopes: Sequence[Scope]) -> Mapping[Scope, NDArray[np.int64]]:
        plan = CountPlan.of(groupings, scopes)
        return plan.marginals(plan.count({c: coded[c] for c in plan.columns}))

    sizes = [grouping.n_groups for grouping in groupings]
    candidates = pairs(sizes, 10_000)
    problem = Problem(
        domain=manifest.domain,
        groupings=groupings,
        n_rows=manifest.n_rows,
        weights=dict.fromkeys(candidates, 1.0),
        pairs=count(candidates),
        count_more=count,
        max_cells=10_000,
        total_cells=100_000,
        max_seconds=60.0,
        say=lambda line: None,
    )
    paid = Receipt(entry=3, events=charges.train.charge)
    found = measure_columns(problem, paid_counts(problem, charges.train, "columns", paid))
    cells = paid_counts(problem, charges.train, "cells", paid)
    found += [measure(scope, problem.pairs[scope], cells, 1) for scope in candidates]
    shares = []
    for one, grouping in zip(found, groupings, strict=False):
        by_group = np.maximum(one.values, 1e-9)
        shares.append(np.where(grouping.group >= 0, by_group[grouping.group] * grouping.share, 0.0))
    drawn = block_of_rows(_Independent(shares), manifest, 0, 1, TYPES)
    one_row = pa.RecordBatch.from_pydict({k: pa.array([v], TYPES[k]) for k, v in canary_row.items()})
    codes = [int(encode(one_row, feature, book, schema)[0]) for feature, book in books]
    others = [encode(known.batch, feature, book, schema) for feature, book in books]
    groups = [np.maximum(grouping.group, 0) for grouping in groupings]
    news = {1: 0.0, 2: 0.0}
    for one in found:
        at = tuple(int(groups[c][codes[c]]) for c in one.scope)
        is_there = np.all([groups[c][others[c]] == g for c, g in zip(one.scope, at, strict=True)], axis=0)
        news[len(one.scope)] += float(one.values[at]) - float(is_there.sum())
    counts = {
        book.column: float(book.counts[code]) - float((column == code).sum())
        for (_, book), code, column in zip(books, codes, others, strict=True)
    }
    return Released(findings=findings, manifest=manifest, news=news, counts=counts, rows=drawn)


def figures(released: Released) -> list[float]:
    """Numbers in which the canary may show, of everything that leaves."""
    findings, manifest = released.findings, released.manifest
    books = {book.column: book for book in manifest.codebooks}
    seen = [findings.n_rows, float(manifest.n_rows), float(manifest.n_units)]
    for finding in findings.columns:
        seen += [finding.share or 0.0, finding.null_share, float(bool(finding.entity))]
    for name in ("sex", "ward", "stay", "pay"):
        seen += [released.counts.get(name, 0.0), float(name in books)]
    ward, pay = books.get("ward"), books.get("pay")
    named = isinstance(ward, CategoricalCodebook) and OF_ITS_OWN["ward"] in ward.categories
    seen += [float(named), 0.0 if pay is None else float(pay.uppers[-1])]  # type: ignore[union-attr]
    seen += [released.news[1], released.news[2]]
    drawn = {name: released.rows.column(name) for name in released.rows.schema.names}
    seen += [
        float(drawn["sex"].to_pylist().count("X")),
        float(drawn["ward"].to_pylist().count(OF_ITS_OWN["ward"])),
        float(pc.max(drawn["pay"]).as_py() or 0) if "pay" in drawn else 0.0,
    ]
    return seen


def watched(
    worlds: tuple[Exact, Exact],
    charges: Charges,
    runs: int,
    *,
    canary_row: Row,
    schema: TableSchema = SCHEMA,
    same_scan: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The figures of so many runs of each world, [runs, k] each.

    Args:
      same_scan: draw one scan, of D, for all runs: then the scan's part of the claim is not watched.
    """
    once = [scanned(worlds[0], charges)] if same_scan else []
    found = []
    for exact in worlds:
        runs_of_one = []
        for _ in range(runs):
            findings = once[0] if once else scanned(exact, charges)
            released = run_once(exact, worlds[0], charges, findings, canary_row, schema)
            runs_of_one.append(figures(released))
        found.append(np.array(runs_of_one))
    return found[0], found[1]

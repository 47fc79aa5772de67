"""Training of marginal models, wired: Spark counts, the driver charges, measures and fits."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synth.config.load import config_hash
from synth.core.prepared import PreparedManifest
from synth.lake.artifacts import artifact_digest, check_artifact, write_artifact
from synth.marginal.candidates import pairs
from synth.marginal.plan import MeasuringPlan
from synth.models.tables import Scope
from synth.models.tables_artifact import MeasuringRecord
from synth.run import Run

_SERVED_MODEL = Path(__file__).parents[1] / "served_model.py"
_BYTES_A_CELL = 8 * 16
"""float64 tables that fitting keeps of each cell at once."""


def train_marginal(run: Run) -> None:
    """Measure marginals with all that is left of the budget, and fit a graphical model to them."""
    from synth.evaluate.tree import ties_picture
    from synth.marginal.count import CountPlan
    from synth.marginal.export import artifact_of
    from synth.marginal.grouping import grouping_of
    from synth.marginal.learn import learn, spec_of
    from synth.marginal.problem import Problem
    from synth.marginal.spark import coded_table, collect_marginals

    config = run.config
    settings = config.model.marginal
    manifest = run.manifest()
    domain = manifest.domain
    upstream = artifact_digest(run.workspace.prepared)
    shaping = (settings, config.model.max_minutes, config.model.max_memory_gib, config.evaluate.target)
    key = config_hash("train", "marginal", *shaping, config.privacy, upstream)
    with run.stage("train", run.workspace.model, key) as stage:
        if stage is None:
            return
        check_artifact(run.workspace.prepared)
        max_rows = config.privacy.privacy_unit.max_rows
        candidates = pairs(domain.sizes, settings.max_cells)
        spec = spec_of(settings.method, len(domain), len(candidates), max_rows)
        caps = run.caps()
        plan = spec.calibrate(caps) if caps else spec.without_privacy()
        run.check("train", plan.charge)
        groupings = tuple(grouping_of(book, plan.rare) for book in manifest.codebooks)
        frame = coded_table(run.spark, run.workspace.prepared)

        def count(cliques: Sequence[Scope]) -> Mapping[Scope, NDArray[np.int64]]:
            started = time.monotonic()
            counted = collect_marginals(frame, domain.names, CountPlan.of(groupings, cliques))
            run.say(f"train: counted {len(cliques)} marginals in {time.monotonic() - started:.1f} s")
            return counted

        problem = Problem(
            domain=domain,
            groupings=groupings,
            n_rows=manifest.n_rows,
            weights=_weights(candidates, manifest, config.evaluate.target, settings.target_weight),
            pairs=count(candidates) if candidates else {},
            count_more=count,
            max_cells=settings.max_cells,
            total_cells=int(config.model.max_memory_gib * 2**30 / _BYTES_A_CELL),
            max_seconds=config.model.max_minutes * 60,
            say=lambda line: run.say(f"train: {line}"),
        )
        receipt = run.reserve("train", plan.charge)
        stage.parameters(_parameters(settings.method.value, plan))
        fitted = learn(settings.method, problem, plan, receipt)
        record = MeasuringRecord(
            is_private=plan.is_private and manifest.is_private,
            statement=run.spent().in_words(str(config.privacy.privacy_unit)),
            events={name: str(event) for name, event in plan.events.items()},
            entries=(*manifest.entries, receipt.entry),
            prepared=upstream,
        )
        run.settle(receipt)
        artifact = artifact_of(fitted, settings.method.value, record)
        with write_artifact(run.workspace.model, key) as folder:
            artifact.save(folder)
            (folder / "ties.svg").write_text(ties_picture(artifact.ties), encoding="utf-8")
        stage.metrics({"marginals": len(artifact.measured), "cells": artifact.tables.cells})
        stage.artifact(run.workspace.model / "ties.svg")
        bundle = {"model": run.workspace.model, "prepared": run.workspace.prepared / "prepared.json"}
        stage.model(bundle, _SERVED_MODEL)


def _weights(
    candidates: Sequence[Scope], manifest: PreparedManifest, target: str | None, weight: float
) -> dict[Scope, float]:
    """How much each pair matters: those with the column to predict matter more."""
    names = manifest.domain.names
    place = names.index(target) if target in names else None
    return {scope: weight if place in scope else 1.0 for scope in candidates}


def _parameters(method: str, plan: MeasuringPlan) -> dict[str, str]:
    return {
        "marginal.method": method,
        **{f"marginal.{name}": str(event) for name, event in plan.events.items()},
    }

"""Training of marginal models, wired: Spark counts, the driver charges, measures and fits."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from synth.config.load import config_hash
from synth.config.model import MarginalMethod
from synth.config.sections import Config
from synth.core.prepared import PreparedManifest
from synth.errors import BudgetExceeded, ConfigError
from synth.lake.artifacts import artifact_digest, artifact_key, check_artifact, read_json, write_artifact
from synth.marginal.candidates import cells, pairs
from synth.marginal.plan import MeasuringPlan, MeasuringSpec
from synth.models.tables import Grouping, Scope
from synth.models.tables_artifact import MeasuringRecord
from synth.privacy.entry import Receipt
from synth.run import Run

if TYPE_CHECKING:
    from synth.marginal.answers import Answers
    from synth.marginal.pace import Pace
    from synth.marginal.problem import Problem

_SERVED_MODEL = Path(__file__).parents[1] / "served_model.py"
_BYTES_A_CELL = 8 * 16
"""float64 tables that fitting keeps of each cell at once."""
_COUNTED_CELLS = 1 << 23
"""Cells of pairs that are all counted before the charge: 64 MiB."""

CountMore = Callable[[Sequence[Scope]], Mapping[Scope, NDArray[np.int64]]]


def train_marginal(run: Run) -> None:
    """Measure marginals with all that is left of the budget, and fit a model to them.

    Answers are kept in WORKDIR/measured as they are drawn: a training that ended before its model was whole
    goes on from them, under the ledger's entry that paid for them.
    """
    from synth.evaluate.tree import ties_picture
    from synth.marginal.export import artifact_of
    from synth.marginal.learn import learn

    config = run.config
    settings = config.model.marginal
    manifest = run.manifest()
    domain = manifest.domain
    upstream = artifact_digest(run.workspace.prepared)
    target = target_of(config)
    shaping = (settings, config.model.max_minutes, config.model.max_memory_gib, target, config.model.seed)
    key = config_hash("train", "marginal", *shaping, config.privacy, upstream)
    with run.stage("train", run.workspace.model, key) as stage:
        if stage is None:
            return
        check_artifact(run.workspace.prepared)
        spec, candidates, place = _asked(run, manifest)
        earlier = _paid_earlier(run, key, spec)
        plan = _uncharged(run, spec) if earlier is None else earlier[0]
        groupings = _groupings(manifest, plan)
        _foresee(run, groupings, candidates, plan)
        count = _counting(run, domain.names, groupings)
        weights = {scope: settings.target_weight if place in scope else 1.0 for scope in candidates}
        # Charged after it counted, where all is counted at once: a source that fails costs nothing.
        problem = _problem(run, manifest, groupings, weights, place, count)
        plan, receipt, answers = earlier or _charged(run, key, plan)
        problem = replace(problem, answers=answers)
        stage.parameters(_parameters(settings.method.value, plan))
        fitted = learn(settings, problem, plan, receipt)
        record = MeasuringRecord(
            is_private=plan.is_private and manifest.is_private,
            statement=run.spent().in_words(str(config.privacy.privacy_unit)),
            events={name: str(event) for name, event in plan.events.items()},
            entries=(*manifest.entries, receipt.entry),
            prepared=upstream,
        )
        run.settle(receipt)
        artifact = artifact_of(fitted, settings.method.value, manifest.n_rows, record)
        with write_artifact(run.workspace.model, key) as folder:
            artifact.save(folder)
            (folder / "ties.svg").write_text(ties_picture(artifact.ties), encoding="utf-8")
        stage.metrics({"marginals": len(artifact.measured), "cells": artifact.cells})
        stage.artifact(run.workspace.model / "ties.svg")
        bundle = {"model": run.workspace.model, "prepared": run.workspace.prepared / "prepared.json"}
        stage.model(bundle, _SERVED_MODEL)


def target_of(config: Config) -> str | None:
    """The column to predict that the user named, if one."""
    return config.model.target or config.evaluate.target


def foretold(run: Run) -> str | None:
    """How long the training of a mixture will take, by what is prepared; None if that cannot be told yet.

    Raises: ConfigError if it cannot end in time.
    """
    from synth.config.choose import choose_model
    from synth.config.model import ModelKind

    model = run.config.model
    if artifact_key(run.workspace.prepared) is None or model.marginal.method is not MarginalMethod.MIXTURE:
        return None
    manifest = run.manifest()
    kind = model.kind
    if kind is ModelKind.AUTO:
        kind, _ = choose_model(manifest.domain, run.config.privacy)
    if kind is not ModelKind.MARGINAL:
        return None
    spec, candidates, _ = _asked(run, manifest)
    caps = run.caps()
    try:
        plan = spec.calibrate(caps) if caps else spec.without_privacy()
    except BudgetExceeded:
        return None  # the table of what is charged says it
    return str(_pace(run, _groupings(manifest, plan), candidates, plan))


def measuring_to_audit(
    run: Run, manifest: PreparedManifest
) -> tuple[MeasuringPlan, tuple[Grouping, ...], tuple[Scope, ...], str]:
    """The plan of the workspace's marginal model if it has one, else of the training that would come; with
    the groups and pairs that it asks about, and whose plan it is.

    Raises: BudgetExceeded if nothing is left for a training. ConfigError without noise.
    """
    spec, candidates, _ = _asked(run, manifest)
    path = run.workspace.model / "model.json"
    made = read_json(path) if path.is_file() else {}
    if "events" in made.get("training", {}):
        run.check_model()
        paid = run.ledger.receipt(run.config.name, made["training"]["entries"][-1])
        try:
            plan, whose = spec.for_charged(paid.events), f"the marginal model in {run.workspace.model.name}/"
        except ValueError as error:
            raise ConfigError(f"the configuration is not that of the workdir's model: {error}") from error
    else:
        plan, whose = spec.calibrate(run.caps()), "the marginal model that train would make"
    if not plan.is_private:
        raise ConfigError("the model was measured without privacy: there is no claim to audit")
    return plan, _groupings(manifest, plan), candidates, whose


def _asked(run: Run, manifest: PreparedManifest) -> tuple[MeasuringSpec, tuple[Scope, ...], int | None]:
    """What will be asked, the pairs that may be measured, and the place of the column to predict."""
    from synth.marginal.learn import spec_of

    settings, domain = run.config.model.marginal, manifest.domain
    candidates = pairs(domain.sizes, settings.max_cells)
    target = target_of(run.config)
    place = domain.names.index(target) if target in domain.names else None
    spec = spec_of(
        settings.method,
        len(domain),
        len(candidates),
        run.config.privacy.privacy_unit.max_rows,
        n_with_target=sum(place in scope for scope in candidates),
    )
    return spec, candidates, place


def _groupings(manifest: PreparedManifest, plan: MeasuringPlan) -> tuple[Grouping, ...]:
    from synth.marginal.grouping import grouping_of

    return tuple(grouping_of(book, plan.rare) for book in manifest.codebooks)


def _pace(
    run: Run, groupings: Sequence[Grouping], candidates: Sequence[Scope], plan: MeasuringPlan
) -> "Pace":
    from synth.marginal.pace import check_pace, pace_of

    model = run.config.model
    sizes = [grouping.n_groups for grouping in groupings]
    pace = pace_of(sizes, candidates, plan, model.marginal.mixture, n_rows=run.manifest().n_rows)
    check_pace(pace, model.max_minutes)
    return pace


def _foresee(
    run: Run, groupings: Sequence[Grouping], candidates: Sequence[Scope], plan: MeasuringPlan
) -> None:
    """Say how long the fits will take; ConfigError if none can end in time: before the charge."""
    if run.config.model.marginal.method is MarginalMethod.MIXTURE:
        run.say(f"train: {_pace(run, groupings, candidates, plan)}, at most {run.config.model.max_minutes:g}")


def _paid_earlier(run: Run, key: str, spec: MeasuringSpec) -> "tuple[MeasuringPlan, Receipt, Answers] | None":
    """The plan, receipt and answers of a training with the same key that did not come to its model."""
    from synth.marginal.answers import Answers

    folder = run.workspace.measured
    if run.fresh or artifact_key(folder) != key:
        return None
    check_artifact(folder)
    answers = Answers.load(folder, _keeper(run, key))
    run.check_paid((answers.entry,), folder)
    receipt = run.ledger.receipt(run.config.name, answers.entry)
    plan = spec.for_charged(receipt.events)
    run.say(
        f"train: going on with the {len(answers.kept)} noisy answers that entry {receipt.entry} paid for; "
        "nothing is charged"
    )
    return plan, receipt, answers


def _uncharged(run: Run, spec: MeasuringSpec) -> MeasuringPlan:
    """All that is left of the budget; BudgetExceeded before anything is counted."""
    caps = run.caps()
    plan = spec.calibrate(caps) if caps else spec.without_privacy()
    run.check("train", plan.charge)
    return plan


def _charged(run: Run, key: str, plan: MeasuringPlan) -> "tuple[MeasuringPlan, Receipt, Answers]":
    """Charge, and begin to keep what will be drawn."""
    from synth.marginal.answers import Answers

    receipt = run.reserve("train", plan.charge)
    answers = Answers(entry=receipt.entry, write=_keeper(run, key))
    answers.save()
    return plan, receipt, answers


def _keeper(run: Run, key: str) -> "Callable[[Answers], None]":
    def write(answers: "Answers") -> None:
        with write_artifact(run.workspace.measured, key) as folder:
            answers.store(folder)

    return write


def _counting(run: Run, names: Sequence[str], groupings: Sequence[Grouping]) -> CountMore:
    """Exact counts of marginals over the prepared rows, one Spark job a call."""
    from synth.marginal.count import CountPlan
    from synth.marginal.spark import coded_table, collect_marginals

    frame = coded_table(run.spark, run.workspace.prepared)

    def count(cliques: Sequence[Scope]) -> Mapping[Scope, NDArray[np.int64]]:
        started = time.monotonic()
        counted = collect_marginals(frame, names, CountPlan.of(groupings, cliques))
        run.say(f"train: counted {len(cliques)} marginals in {time.monotonic() - started:.1f} s")
        return counted

    return count


def _problem(
    run: Run,
    manifest: PreparedManifest,
    groupings: tuple[Grouping, ...],
    weights: Mapping[Scope, float],
    target: int | None,
    count: CountMore,
) -> "Problem":
    """What the method is given; all pairs are counted at once, unless they are many and chosen first."""
    from synth.marginal.problem import Problem

    model = run.config.model
    sizes = [grouping.n_groups for grouping in groupings]
    is_small = sum(cells(sizes, scope) for scope in weights) <= _COUNTED_CELLS
    at_once = weights and (is_small or model.marginal.method is not MarginalMethod.MIXTURE)
    return Problem(
        domain=manifest.domain,
        groupings=groupings,
        n_rows=manifest.n_rows,
        weights=weights,
        pairs=count(tuple(weights)) if at_once else {},
        count_more=count,
        max_cells=model.marginal.max_cells,
        total_cells=int(model.max_memory_gib * 2**30 / _BYTES_A_CELL),
        max_seconds=model.max_minutes * 60,
        say=lambda line: run.say(f"train: {line}"),
        target=target,
    )


def _parameters(method: str, plan: MeasuringPlan) -> dict[str, str]:
    return {
        "marginal.method": method,
        **{f"marginal.{name}": str(event) for name, event in plan.events.items()},
    }

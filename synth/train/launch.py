"""A training from its charged plan to its model artifact, and an audit from its plan to what it found."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth.errors import TrainingError
from synth.lake.artifacts import read_json, write_json
from synth.privacy import accountant
from synth.train.progress import CURVE, note_sums, reserve_steps
from synth.train.ranks import Report, run_ranks
from synth.train.spec import AUDIT, Job, TrainSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EPSILON_POINTS = 8


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """What a training took.

    Attributes:
      steps: that shaped the weights.
      seconds: of the loop in its last run, not of starting it.
      curve: by step, figures that may be shown to anyone: learning rate, steps per second, epsilon of the
        training so far, the noisy loss if it was paid for.
      units_per_second: privacy units that joined, by their expected number: the exact one is private.
    """

    steps: int
    seconds: float
    units_per_second: float
    model_folder: Path
    curve: tuple[tuple[int, Mapping[str, float]], ...] = ()


def launch(spec: TrainSpec, spark: "SparkSession | None", progress: Report) -> TrainingOutcome:
    """Train as `spec.train.launcher` says and leave a model artifact in `spec.model_folder`.

    Called again with the same ledger entry and run folder after a crash, it goes on from the last
    checkpoint with the steps that are left.

    Args:
      spark: the session; needed by the spark launcher only.
      progress: takes lines that may be shown to anyone.
    Raises: TrainingError, with the first cause that a rank gave; what was charged stays charged.
    """
    spec = replace(spec, epsilon_by_step=_epsilon_by_step(spec))
    _open_run_folder(spec)
    run_ranks(spec, spark, progress, Job.TRAIN)
    outcome = read_json(spec.run_folder / "outcome.json")
    expected_units = outcome["steps"] * spec.plan.expected_batch_size
    return TrainingOutcome(
        steps=outcome["steps"],
        seconds=outcome["seconds"],
        units_per_second=expected_units / max(outcome["seconds"], 1e-9),
        model_folder=spec.model_folder,
        curve=tuple(_curve(spec)),
    )


def launch_audit(spec: TrainSpec, spark: "SparkSession | None", progress: Report) -> dict[str, Any]:
    """Run the planned training on canaries by the same launcher and ranks; what `audit_rank` found.

    Raises: TrainingError as `launch`.
    """
    shutil.rmtree(spec.run_folder, ignore_errors=True)
    spec.run_folder.mkdir(mode=0o700, parents=True)
    write_json(spec.run_folder / "spec.json", spec.to_dict())
    run_ranks(spec, spark, progress, Job.AUDIT)
    found: dict[str, Any] = read_json(spec.run_folder / AUDIT)
    return found


def _curve(spec: TrainSpec) -> Iterator[tuple[int, Mapping[str, float]]]:
    for step, epsilon in spec.epsilon_by_step:
        yield step, {"training_epsilon": epsilon}
    curve = spec.run_folder / CURVE
    for line in curve.read_text(encoding="utf-8").splitlines() if curve.exists() else ():
        values = json.loads(line)
        yield values.pop("step"), values


def _epsilon_by_step(spec: TrainSpec) -> tuple[tuple[int, float], ...]:
    """Epsilon of the training alone at a few steps; computed once, for each takes part of a second.

    Sums count from the start, whenever they are taken.
    """
    plan = spec.plan
    if not plan.is_private:
        return ()
    numbers = sorted({max(1, plan.steps * i // _EPSILON_POINTS) for i in range(1, _EPSILON_POINTS + 1)})
    so_far = [replace(plan, steps=number).events for number in numbers]
    return tuple(
        (number, accountant.epsilon(events, spec.delta))
        for number, events in zip(numbers, so_far, strict=True)
    )


def _open_run_folder(spec: TrainSpec) -> None:
    """Make the folder, or keep what the same charge left there; another charge's progress is removed.

    Raises: TrainingError if the same ledger entry paid for a training with other settings.
    """
    spec.run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    spec_file = spec.run_folder / "spec.json"
    if spec_file.exists():
        earlier = read_json(spec_file)
        if earlier["entry"] != spec.receipt.entry:
            for name in ("checkpoint.pt", CURVE, "loss.jsonl", "outcome.json"):
                (spec.run_folder / name).unlink(missing_ok=True)
            _open_notes(spec)
        elif any(earlier[name] != spec.to_dict()[name] for name in ("prepared", "plan", "model")):
            raise TrainingError(
                f"ledger entry {spec.receipt.entry} was spent on a training with other settings; charge anew"
            )
    else:
        _open_notes(spec)
    write_json(spec_file, spec.to_dict())


def _open_notes(spec: TrainSpec) -> None:
    """Say that nothing is drawn yet."""
    reserve_steps(spec.run_folder, entry=spec.receipt.entry, may_have_drawn=0)
    note_sums(spec.run_folder, entry=spec.receipt.entry, drawn=0, state=None)

"""One training rank: `python -m synth.train.worker --spec FILE` under Horovod."""

import argparse
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import assert_never

import torch
from torch.nn.utils import vector_to_parameters

from synth.config.train import Train
from synth.core.prepared import PreparedManifest
from synth.errors import SynthError
from synth.lake.artifacts import artifact_digest, read_json, write_artifact, write_json
from synth.models.artifact import TrainingRecord
from synth.models.neural import build_network, finished
from synth.models.sums import NoisySums
from synth.train.canaries import observe
from synth.train.collective import Collective, Elastic, HorovodCollective
from synth.train.cores import bind, own_cores
from synth.train.device import training_device
from synth.train.loop import Training, train
from synth.train.memory import freed_memory_kept
from synth.train.progress import sole_trainer
from synth.train.randomness import Randomness
from synth.train.shard import read_shard
from synth.train.spec import AUDIT, Job, TrainSpec
from synth.train.step import StepSettings
from synth.train.sums import take_sums
from synth.train.verdict import verdict

PROGRESS_MARK = "progress: "
CAUSE_MARK = "cause: "
"""What the launcher looks for in a worker's output; all else goes to the private log only."""

_NO_GUARANTEE = (
    "No differential privacy: the training, or the preparation under it, had no noise. The model and all "
    "that is made from it may reveal the source rows."
)


def run_rank(spec: TrainSpec, collective: Collective, report: Callable[[str], None]) -> None:
    """Train on this rank's part of the data; rank 0 writes the model artifact and `outcome.json`.

    Raises: TrainingError if another process trains under the same charge.
    """
    run_share(spec, _new_training(spec, collective), collective, report)


def run_share(
    spec: TrainSpec,
    training: Training,
    collective: Collective,
    report: Callable[[str], None],
    after_step: Callable[[int], None] = lambda _: None,
) -> None:
    """`run_rank` of a training that may have begun with more ranks."""
    with sole_trainer(spec.run_folder) if collective.rank == 0 else nullcontext():
        _run_share(spec, training, collective, report, after_step)


def _new_training(spec: TrainSpec, collective: Collective) -> Training:
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    assert spec.train.learning_rate is not None, "a TrainSpec has one"
    device = training_device(spec.train.device, collective.local_rank)
    return Training(build_network(manifest, spec.model), spec.train.learning_rate, device)


def take_cores(settings: Train, collective: Collective) -> None:
    """As many threads as this rank has cores, bound to them if that is asked for."""
    cores = own_cores(local_rank=collective.local_rank, local_size=collective.local_size)
    torch.set_num_threads(len(cores))
    if settings.bind_cores:
        bind(cores)


def _run_share(
    spec: TrainSpec,
    training: Training,
    collective: Collective,
    report: Callable[[str], None],
    after_step: Callable[[int], None],
) -> None:
    take_cores(spec.train, collective)
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    shard = read_shard(spec.prepared, manifest, rank=collective.rank, size=collective.size)
    # A row weighs the same whoever owns it, and a mean unit weighs 1: both counts are released.
    row_weight = manifest.n_units / manifest.n_rows
    randomness, network = Randomness.from_os(), training.model

    def learn_sums(sums: NoisySums | None) -> None:
        if sums is not None:
            network.keep(
                take_sums(
                    sums,
                    spec,
                    shard=shard,
                    row_weight=row_weight,
                    n_normals=network.n_normals,
                    collective=collective,
                    randomness=randomness,
                    device=training.device,
                    report=report,
                )
            )

    began = time.monotonic()
    learn_sums(network.sums_before())
    train(
        spec,
        training,
        shard=shard,
        row_weight=row_weight,
        collective=collective,
        randomness=randomness,
        report=report,
        after_step=after_step,
    )
    if network.averages:
        vector_to_parameters(training.average, network.trained().parameters())
    learn_sums(network.sums_after())
    if collective.rank != 0:
        return
    seconds = time.monotonic() - began
    record = training_record(spec, manifest, steps=training.step)
    artifact = finished(network.cpu(), manifest, spec.model, record, report)
    with write_artifact(spec.model_folder, spec.model_key) as staging:
        artifact.save(staging)
    write_json(spec.run_folder / "outcome.json", {"steps": training.step, "seconds": seconds})


def training_record(spec: TrainSpec, manifest: PreparedManifest, *, steps: int) -> TrainingRecord:
    """How the model came to be, and its guarantee in words."""
    plan = spec.plan
    is_private = plan.is_private and manifest.is_private
    statement = _statement(spec, manifest) if is_private else _NO_GUARANTEE
    return TrainingRecord(
        steps=steps,
        is_private=is_private,
        statement=statement,
        noise_multiplier=plan.noise_multiplier,
        max_grad_norm=plan.max_grad_norm,
        sample_rate=plan.sample_rate,
        sums=plan.sums,
        sums_noise_multiplier=plan.sums_noise_multiplier,
        entries=(*manifest.entries, spec.receipt.entry),
        prepared=artifact_digest(spec.prepared),
    )


def _statement(spec: TrainSpec, manifest: PreparedManifest) -> str:
    plan = spec.plan
    _, epsilon = spec.epsilon_by_step[-1]
    loss = f", its loss beside it scaled to {plan.loss_ratio:g} of that" if plan.loss_ratio else ""
    sums = (
        f"; beside the steps {plan.sums} sums over all units, each unit's part of L2 norm 1 at most, got "
        f"noise of {plan.sums_noise_multiplier:.6g}"
        if plan.sums
        else ""
    )
    return (
        f"Trained by DP-SGD under add/remove of one privacy unit ({manifest.schema.unit}): each unit "
        f"joins each of {plan.steps} steps with probability {plan.sample_rate:.6g}, its gradient is "
        f"clipped to L2 norm {plan.max_grad_norm:g}{loss}, and Gaussian noise of {plan.noise_multiplier:.6g} "
        f"times the norm of the whole is added to each sum{sums}. This training alone is "
        f"({epsilon:.6g}, {spec.delta:g})-differentially private; the ledger of table "
        f"{manifest.schema.name!r} holds it as entry {spec.receipt.entry}, beside everything else that "
        "was spent on the table."
    )


def perform(job: Job) -> Callable[[TrainSpec, Collective, Callable[[str], None]], None]:
    """What a rank does for a job."""
    match job:
        case Job.TRAIN:
            return run_rank
        case Job.AUDIT:
            return audit_rank
        case _:
            assert_never(job)


def audit_rank(spec: TrainSpec, collective: Collective, report: Callable[[str], None]) -> None:
    """Run the planned training on canaries, and no row; rank 0 writes `audit.json` into the run folder.

    Args:
      spec: its receipt need not be a ledger's, for nothing is looked at.
    """
    take_cores(spec.train, collective)
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    seen = observe(
        spec.plan,
        network=build_network(manifest, spec.model),
        domain=manifest.domain,
        collective=collective,
        settings=StepSettings.of(spec.train),
        report=report if collective.rank == 0 else lambda _: None,
    )
    if collective.rank == 0:
        checks = [check.to_dict() for check in verdict(seen, spec.plan)]
        write_json(spec.run_folder / AUDIT, {"checks": checks, "ranks": collective.size})


def run_horovod_rank(spec: TrainSpec, job: Job = Job.TRAIN) -> None:
    """One rank of a Horovod job; a failure is told in one marked line that holds no data, and raised."""

    def report(line: str) -> None:
        print(PROGRESS_MARK + line, flush=True)

    try:
        collective = HorovodCollective()
        try:
            with freed_memory_kept():
                if job is Job.TRAIN and spec.train.min_ranks is not None:
                    _run_elastic(spec, collective, report)
                else:
                    perform(job)(spec, collective, report)
        finally:
            collective.close()
    except Exception as error:
        print(CAUSE_MARK + readable_cause(error), flush=True)
        raise


def _run_elastic(spec: TrainSpec, collective: HorovodCollective, report: Callable[[str], None]) -> None:
    """Train with the ranks that there are: when one is lost or joins, the others go on from their memory."""
    training = _new_training(spec, collective)

    def share(elastic: Elastic) -> None:
        if training.is_live and collective.rank == 0:
            report(f"going on with {collective.size} rank(s) after step {training.step}")
        run_share(spec, training, collective, report, elastic.after_step)

    collective.run_elastic(share)


def readable_cause(error: Exception) -> str:
    """One line about an error; only our own errors' messages are known to hold no data."""
    if isinstance(error, SynthError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    detail = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}{detail}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, required=True, help="JSON that launch wrote")
    parser.add_argument("--job", type=Job, default=Job.TRAIN)
    arguments = parser.parse_args()
    try:
        run_horovod_rank(TrainSpec.from_dict(read_json(arguments.spec)), arguments.job)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Training of neural models by DP-SGD, wired."""

import shutil
from pathlib import Path

from synth.config.choose import check_condition
from synth.config.load import config_hash
from synth.config.model import Model, ModelKind
from synth.config.train import Launcher, Train
from synth.core.prepared import PreparedManifest
from synth.lake.artifacts import artifact_digest, check_artifact, read_json, write_json
from synth.privacy.dpsgd import DpSgdPlan, DpSgdSpec
from synth.privacy.entry import Receipt
from synth.run import Run

_LOSS_RATIO = 0.2
_SERVED_MODEL = Path(__file__).parents[1] / "served_model.py"


def train_neural(run: Run, kind: ModelKind) -> None:
    """Train the network of a kind by DP-SGD with all that is left of the budget."""
    from synth.train.launch import launch
    from synth.train.ranks import check_launcher
    from synth.train.spec import TrainSpec

    config = run.config
    manifest = run.manifest()
    upstream = artifact_digest(run.workspace.prepared)
    train = config.train.of(kind)
    model = config.model.model_copy(update={"kind": kind})
    shaping = (train.steps, train.sample_rate, train.expected_batch_size, train.max_grad_norm)
    how = (train.clipping, train.noisy_loss, train.precision, train.learning_rate)
    check_condition(manifest.domain, model)
    key = config_hash("train", model, *shaping, *how, config.privacy, upstream)
    run_folder = run.workspace.training / key[:16]
    with run.stage("train", run.workspace.model, key) as stage:
        if stage is None:
            return
        check_artifact(run.workspace.prepared)
        check_launcher(train)
        plan, receipt = _charged_plan(run, train, model, manifest, run_folder)
        stage.parameters({f"dp_sgd.{name}": value for name, value in plan.to_dict().items()})
        spec = TrainSpec(
            prepared=run.workspace.prepared,
            run_folder=run_folder,
            model_folder=run.workspace.model,
            model_key=key,
            plan=plan,
            receipt=receipt,
            delta=config.privacy.delta,
            model=model,
            train=train,
        )
        spark = run.spark if config.train.launcher is Launcher.SPARK else None
        outcome = launch(spec, spark, lambda line: run.say(f"train: {line}"))
        run.settle(receipt)
        shutil.rmtree(run_folder, ignore_errors=True)
        pace = outcome.steps / max(outcome.seconds, 1e-9)
        for step, values in outcome.curve:
            stage.metrics(values, step=step)
        stage.metrics({"steps": outcome.steps, "mean_steps_per_second": pace})
        bundle = {"model": run.workspace.model, "prepared": run.workspace.prepared / "prepared.json"}
        stage.model(bundle, _SERVED_MODEL)


def _charged_plan(
    run: Run, train: Train, model: Model, manifest: PreparedManifest, run_folder: Path
) -> tuple[DpSgdPlan, Receipt]:
    """The training plan with its receipt: of an interrupted training if there is one, else a new one."""
    note = run_folder / "charge.json"
    if note.is_file() and not run.fresh:
        paid = read_json(note)
        run.check_paid((paid["entry"],), note)
        receipt = run.ledger.receipt(run.config.name, paid["entry"])
        run.say(f"train: going on with the training that entry {receipt.entry} paid for")
        return DpSgdPlan.for_charged(paid["plan"], receipt.events), receipt
    _foresee(run, train, model, manifest)
    caps, spec = run.caps(), spec_of_plan(train, model)
    plan = spec.calibrate(caps, manifest.n_units) if caps else spec.without_privacy(manifest.n_units)
    receipt = run.reserve("train", plan.events)
    shutil.rmtree(run_folder, ignore_errors=True)
    run_folder.mkdir(parents=True)
    write_json(note, {"entry": receipt.entry, "plan": plan.to_dict()})
    return plan, receipt


def _foresee(run: Run, train: Train, model: Model, manifest: PreparedManifest) -> None:
    """Say how long the training will take; ConfigError if that is longer than it may: before the charge."""
    from synth.train.device import has_gpus
    from synth.train.pace import check_minutes, minutes_of_training

    if has_gpus(train.device):
        return  # the driver's cores tell nothing of them
    # Ranks of this machine share its cores, as the timed steps have them all.
    ranks = train.ranks if train.hosts is not None or train.launcher is Launcher.SPARK else 1
    minutes = minutes_of_training(manifest, model, train, ranks)
    run.say(f"train: about {minutes:.1f} minutes for {train.steps} steps, by steps on random codes")
    check_minutes(minutes, model, train)


def spec_of_plan(train: Train, model: Model) -> DpSgdSpec:
    """What the settings of a kind of model want of a plan."""
    sums, share = model.noisy_sums
    assert train.expected_batch_size is not None, "Train.of has filled it in"
    return DpSgdSpec(
        steps=train.steps,
        max_grad_norm=train.max_grad_norm,
        sample_rate=train.sample_rate,
        expected_batch_size=train.expected_batch_size,
        loss_ratio=_LOSS_RATIO if train.noisy_loss else 0.0,
        sums=sums,
        sums_share=share,
    )

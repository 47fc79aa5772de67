"""The audit, wired: the planned training, or measuring, on canaries; no row and no budget."""

from typing import Any

from synth.config.choose import check_condition, choose_model
from synth.config.model import Model, ModelKind
from synth.config.train import Launcher, Train
from synth.core.prepared import PreparedManifest
from synth.errors import ConfigError
from synth.lake.artifacts import read_json, write_artifact, write_json
from synth.privacy.dpsgd import DpSgdPlan
from synth.privacy.entry import Receipt
from synth.run import Run
from synth.stages.train_marginal import measuring_to_audit
from synth.stages.train_neural import spec_of_plan

_OF_PLAN = ("sample_rate", "steps", "noise_multiplier", "max_grad_norm", "sums", "sums_noise_multiplier")


def audit(run: Run) -> dict[str, Any]:
    """Audit the training of this workspace: of its model if there is one, else the one that comes next.

    Returns: `audit.json`, which is left with a picture in the workspace's `audit/`.
    Raises: ConfigError if there is no claim to audit.
    """
    from synth.track.audit_picture import draw_audit

    config, manifest = run.config, run.manifest()
    kind = config.model.kind
    if kind is ModelKind.AUTO:
        kind, _ = choose_model(manifest.domain, config.privacy)
    if config.privacy.epsilon is None:
        raise ConfigError("privacy.epsilon is null: there is no claim to audit")
    found = _of_measuring(run, manifest) if kind is ModelKind.MARGINAL else _of_training(run, manifest, kind)
    result = {"table": config.name, "kind": kind.value, **found}
    with write_artifact(run.workspace.audit, None) as folder:
        write_json(folder / "audit.json", result)
        title = f"Audit of {config.name}: {found['of']}, {found['ranks']} rank(s)"
        draw_audit(folder / "audit.png", title=title, checks=found["checks"])
    return result


def _of_measuring(run: Run, manifest: PreparedManifest) -> dict[str, Any]:
    """The audit of the questions that a marginal model was learned from, or will be."""
    from synth.marginal.audit import audit_measuring

    plan, groupings, pairs, whose = measuring_to_audit(run, manifest)
    run.say(f"audit: {whose}: noisy answers to the planned questions, on made-up rows with a canary")
    checks = audit_measuring(plan, groupings, pairs, run.say)
    events = {name: str(event) for name, event in plan.events.items()}
    return {"of": whose, "plan": events, "ranks": 1, "checks": [check.to_dict() for check in checks]}


def _of_training(run: Run, manifest: PreparedManifest, kind: ModelKind) -> dict[str, Any]:
    """The audit of DP-SGD through the real launcher."""
    from synth.train.launch import launch_audit
    from synth.train.ranks import check_launcher
    from synth.train.spec import TrainSpec

    config = run.config
    train = config.train.of(kind)
    check_launcher(train)
    model = config.model.model_copy(update={"kind": kind})
    check_condition(manifest.domain, model)
    plan, whose = _plan(run, model, train, manifest)
    run.say(
        f"audit: {whose}: noise multiplier {plan.noise_multiplier:.4g}, sample rate {plan.sample_rate:.4g}, "
        f"{plan.steps} steps"
    )
    spec = TrainSpec(
        prepared=run.workspace.prepared,
        run_folder=run.workspace.auditing,
        model_folder=run.workspace.model,
        model_key=None,
        plan=plan,
        # No row is looked at, so that there is nothing to pay.
        receipt=Receipt(entry=0, events=plan.events),
        delta=config.privacy.delta,
        model=model,
        train=train,
    )
    spark = run.spark if train.launcher is Launcher.SPARK else None
    found = launch_audit(spec, spark, lambda line: run.say(line))
    return {"of": whose, "plan": plan.to_dict(), **found}


def _plan(run: Run, model: Model, train: Train, manifest: PreparedManifest) -> tuple[DpSgdPlan, str]:
    """The plan of the trained model if there is one of this kind, else of the training that would come."""
    path = run.workspace.model / "model.json"
    if path.is_file() and (described := read_json(path))["kind"] == model.kind.value:
        run.check_model()
        made = described["training"]
        fields = {name: made.get(name, 0) for name in _OF_PLAN}
        fields["expected_batch_size"] = made["sample_rate"] * manifest.n_units
        if not made["noise_multiplier"] > 0:
            raise ConfigError("the model was trained without privacy: there is no claim to audit")
        return DpSgdPlan.uncharged(fields), f"the {model.kind.value} in {run.workspace.model.name}/"
    plan = spec_of_plan(train, model).calibrate(run.caps(), manifest.n_units)
    return plan, f"the {model.kind.value} that train would make"

"""The train stage, wired: which kind of model learns, and why."""

from typing import assert_never

from synth.config.choose import choose_model
from synth.config.model import ModelKind
from synth.run import Run


def train(run: Run) -> None:
    """Train the model of the configured kind with all that is left of the budget."""
    kind = run.config.model.kind
    if kind is ModelKind.AUTO:
        manifest = run.manifest()
        kind, reason = choose_model(manifest.domain, run.config.privacy)
        run.say(f"train: model.kind auto chose {kind.value}: {reason}")
    match kind:
        case ModelKind.MARGINAL:
            from synth.stages.train_marginal import train_marginal

            train_marginal(run)
        case ModelKind.VAE | ModelKind.ARN | ModelKind.GAN:
            from synth.stages.train_neural import train_neural

            train_neural(run, kind)
        case ModelKind.AUTO:
            raise ValueError("choose_model answered auto")
        case _:
            assert_never(kind)

"""Which network a kind of model is, before training and after it."""

from collections.abc import Callable
from typing import assert_never

from synth.config.model import Model, ModelKind
from synth.core.prepared import PreparedManifest
from synth.models import arn, gan, vae
from synth.models.arn import Arn
from synth.models.artifact import NeuralArtifact, TrainingRecord
from synth.models.gan import Gan
from synth.models.rows import RowModel
from synth.models.vae import Vae


def build_network(manifest: PreparedManifest, settings: Model) -> RowModel:
    """The untrained network of `settings.kind`, made from released values and a public seed alone."""
    match settings.kind:
        case ModelKind.VAE:
            return vae.build(manifest, settings)
        case ModelKind.ARN:
            return arn.build(manifest, settings)
        case ModelKind.GAN:
            return gan.build(manifest, settings)
        case ModelKind.AUTO | ModelKind.MARGINAL:
            raise ValueError(f"{settings.kind} is no kind of network")
        case _:
            assert_never(settings.kind)


def finished(
    network: RowModel,
    manifest: PreparedManifest,
    settings: Model,
    training: TrainingRecord,
    report: Callable[[str], None],
) -> NeuralArtifact:
    """What a trained network leaves: post-processing of its weights and of released values alone.

    Args:
      report: takes a line that may be shown to anyone.
    """
    match network:
        case Vae():
            return vae.finished(network, manifest, settings, training, report)
        case Gan():
            return gan.finished(network, manifest, settings, training, report)
        case Arn():
            return arn.finished(network, manifest, settings, training, report)
        case _:
            raise TypeError(f"{type(network).__name__} has no artifact")

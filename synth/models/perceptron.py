"""Perceptrons in torch, and what a trained one leaves for sampling: shared by the VAE and the GAN."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from synth.config.model import Model
from synth.core.prepared import PreparedManifest
from synth.models.align import align_marginals, marginal_shares, without_unreleased
from synth.models.artifact import NeuralArtifact, TrainingRecord
from synth.models.decoder import Condition, DecoderWeights, Mixture

_INITIAL_FLOOR = 1e-4
"""Least share of a code at the start: a smaller one would take long to grow."""


def linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """A linear layer; the same weights for the same seed on every machine."""
    layer = nn.Linear(n_in, n_out)
    nn.init.normal_(layer.weight, std=math.sqrt(1 / n_in), generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def perceptron(widths: Sequence[int], generator: torch.Generator) -> nn.Sequential:
    """Linear layers with rectifiers between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [linear(n_in, n_out, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def decoder(
    widths: Sequence[int], log_shares: NDArray[np.float64], generator: torch.Generator
) -> nn.Sequential:
    """A perceptron that starts at the independent model: each column has its released marginal.

    Args:
      log_shares: logarithms of the released 1-way marginals, [widths[-1]].
    """
    layers = perceptron(widths, generator)
    output = layers[-1]
    assert isinstance(output, nn.Linear)
    nn.init.zeros_(output.weight)
    output.bias.data = torch.from_numpy(log_shares).float()
    return layers


def decoder_weights(
    layers: nn.Sequential, *, condition: Condition | None, prior: Mixture | None = None
) -> DecoderWeights:
    """A copy of what sampling needs."""
    linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
    return DecoderWeights(
        kernels=tuple(layer.weight.detach().T.contiguous().cpu().numpy().copy() for layer in linears),
        biases=tuple(layer.bias.detach().cpu().numpy().copy() for layer in linears),
        condition=condition,
        prior=prior,
    )


def initial_log_shares(manifest: PreparedManifest) -> NDArray[np.float64]:
    """Logarithms of the released 1-way marginals, none quite impossible; [domain.total]."""
    shares = [marginal_shares(codebook, _INITIAL_FLOOR) for codebook in manifest.codebooks]
    return np.log(np.concatenate(shares))


def condition_on(settings: Model, manifest: PreparedManifest) -> Condition | None:
    """The column that is drawn first, by its released marginal; None if none is named.

    Raises: ValueError if the column is not learned.
    """
    if settings.condition is None:
        return None
    _, name = settings.condition
    column = manifest.domain.names.index(name)
    return Condition(column=column, shares=marginal_shares(manifest.codebooks[column], 0.0))


def finished_decoder(
    weights: DecoderWeights,
    manifest: PreparedManifest,
    settings: Model,
    training: TrainingRecord,
    report: Callable[[str], None],
) -> NeuralArtifact:
    """A decoder's artifact, brought to the released marginals if the settings ask for it."""
    if settings.align_marginals:
        aligned = align_marginals(weights, manifest.codebooks)
        weights = aligned.weights
        report(aligned.in_words())
    weights = without_unreleased(weights, manifest.codebooks)
    return NeuralArtifact(
        kind=settings.kind.value,
        domain=manifest.domain,
        architecture=weights.architecture(),
        weights=weights.arrays(),
        training=training,
    )

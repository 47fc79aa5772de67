"""A variational autoencoder over coded rows; every layer is linear, so that gradients clip cheaply."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.config.model import Model
from synth.core.domain import Domain
from synth.core.prepared import PreparedManifest
from synth.models.align import align_marginals, marginal_shares, without_unreleased
from synth.models.artifact import NeuralArtifact, TrainingRecord
from synth.models.decoder import DecoderWeights
from synth.models.rows import RowModel

_LOG_VARIANCE = 8.0
"""Posterior log variances are kept within +- this, so that exp never overflows."""
_WARM_SHARE = 0.5
_INITIAL_FLOOR = 1e-4
"""Least share of a code at the start: a smaller one would take long to grow."""


class Vae(RowModel):
    """One-hot codes -> Gaussian latent -> one softmax a column.

    No batch norm and nothing else that mixes rows: the loss of a row depends on that row alone.
    """

    def __init__(
        self,
        *,
        domain: Domain,
        latent: int,
        hidden: Sequence[int],
        beta: float,
        log_shares: NDArray[np.float64],
        seed: int,
    ) -> None:
        """Start at the independent model: whatever the latent, each column has its released marginal.

        Args:
          beta: weight of the Kullback-Leibler term.
          hidden: widths of the decoder's hidden layers; the encoder mirrors them.
          log_shares: logarithms of the released 1-way marginals, [domain.total].
        """
        super().__init__()
        self.domain = domain
        self.n_normals = latent
        self.loss_bound = domain.nats
        self.beta = self.kl_weight = beta
        self.encoder = _perceptron([domain.total, *reversed(hidden), 2 * latent], seed)
        self.decoder = _perceptron([latent, *hidden, domain.total], seed + 1)
        self._offsets = torch.tensor(domain.offsets[:-1])
        *_, output = (layer for layer in self.decoder if isinstance(layer, nn.Linear))
        nn.init.zeros_(output.weight)
        output.bias.data = torch.from_numpy(log_shares).float()

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """Negative evidence lower bound of each row: cross entropies of its columns + beta * KL.

        Args:
          codes: int64 [..., K]. normals: float32 [..., latent], standard normal, one draw a row.
        Returns: float32 [...], in nats.
        Source: Kingma, Welling 2014; Higgins et al. 2017 for beta.
        """
        mean, log_variance = self.encode(codes)
        logits = self.decoder(mean + (0.5 * log_variance).exp() * normals)  # [..., latent] -> [..., total]
        columns = torch.split(logits, list(self.domain.sizes), dim=-1)
        normalisers = torch.stack([column.logsumexp(-1) for column in columns], dim=-1)  # [..., K]
        chosen = logits.gather(-1, codes + self._offsets)  # [..., total] -> [..., K]
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(-1)
        return (normalisers - chosen).sum(-1) + self.kl_weight * kl

    def before_step(self, step: int, steps: int, *, is_private: bool) -> None:
        self.kl_weight = kl_weight(self.beta, step, steps, is_private=is_private)

    def encode(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the posterior. int64 [..., K] -> 2 x float32 [..., latent]."""
        one_hot = torch.zeros(*codes.shape[:-1], self.domain.total)
        one_hot.scatter_(-1, codes + self._offsets, 1.0)  # [..., K] -> [..., total]
        mean, log_variance = self.encoder(one_hot).chunk(2, dim=-1)  # [..., 2 latent] -> 2 x [..., latent]
        return mean, log_variance.clamp(-_LOG_VARIANCE, _LOG_VARIANCE)

    def decoder_weights(self) -> DecoderWeights:
        """A copy of what sampling needs."""
        layers = [layer for layer in self.decoder if isinstance(layer, nn.Linear)]
        return DecoderWeights(
            kernels=tuple(layer.weight.detach().T.contiguous().numpy().copy() for layer in layers),
            biases=tuple(layer.bias.detach().numpy().copy() for layer in layers),
        )


def kl_weight(beta: float, step: int, steps: int, *, is_private: bool) -> float:
    """`beta`; without privacy, rising to it in a line from near zero over the first part of the plan.

    The untrained decoder ignores the latent. At full weight from the start and unclipped, the encoder
    learns to leave the latent empty and the columns stay independent. Clipped gradients do not fall into
    that, and early steps are too dear under noise to be spent at another weight (both seen on Adult).
    """
    return beta if is_private else beta * min(1.0, (step + 1) / (_WARM_SHARE * steps))


def build(manifest: PreparedManifest, settings: Model) -> Vae:
    """The untrained network: it draws every column from its released marginal, independently."""
    shares = [marginal_shares(codebook, _INITIAL_FLOOR) for codebook in manifest.codebooks]
    return Vae(
        domain=manifest.domain,
        latent=settings.vae.latent,
        hidden=settings.vae.hidden,
        beta=settings.vae.beta,
        log_shares=np.log(np.concatenate(shares)),
        seed=settings.seed,
    )


def finished(
    network: Vae,
    manifest: PreparedManifest,
    settings: Model,
    training: TrainingRecord,
    report: Callable[[str], None],
) -> NeuralArtifact:
    """The decoder, brought to the released marginals if the settings ask for it."""
    weights = network.decoder_weights()
    if settings.align_marginals:
        aligned = align_marginals(weights, manifest.codebooks)
        weights = aligned.weights
        report(aligned.in_words())
    weights = without_unreleased(weights, manifest.codebooks)
    return NeuralArtifact(
        kind="vae",
        domain=manifest.domain,
        architecture=weights.architecture(),
        weights=weights.arrays(),
        training=training,
    )


def _perceptron(widths: Sequence[int], seed: int) -> nn.Sequential:
    """Linear layers with rectifiers between them; the same weights for the same seed on every machine."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        linear = nn.Linear(n_in, n_out)
        nn.init.normal_(linear.weight, std=math.sqrt(1 / n_in), generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])

"""An autoencoder over coded rows, variational or plain, of layers whose gradients clip cheaply."""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.config.model import LatentPrior, Model, VaeSettings
from synth.core.domain import Domain
from synth.core.prepared import PreparedManifest
from synth.models.artifact import NeuralArtifact, TrainingRecord
from synth.models.decoder import Condition, DecoderWeights, Mixture
from synth.models.em import ExpectationMaximization
from synth.models.kmeans import KMeans
from synth.models.perceptron import (
    condition_on,
    decoder,
    decoder_weights,
    finished_decoder,
    initial_log_shares,
    perceptron,
)
from synth.models.rows import RowModel

_LOG_VARIANCE = 8.0
"""Log variances are kept within +- this, so that exp never overflows."""
_WARM_SHARE = 0.5
_SIDE = 3.0
"""A plain autoencoder's latent lies within +- this in every direction: a known ball for its density."""
_RADII = 2.0
"""Radius of a variational one's ball, in roots of the latent's width, where a standard normal has 1."""


class Vae(RowModel):
    """One-hot codes -> latent -> one softmax a column.

    Variational: a Gaussian posterior against the prior, a standard normal or one Gaussian for each cluster
    of rows, which private k-means finds first. Plain: the latent is a point. Either way a mixture that DP-EM
    fits to the trained latents may take the prior's place in sampling.

    No batch norm and nothing else that mixes rows: the loss of a row depends on that row alone.
    """

    offsets: Tensor
    prior_state: Tensor

    def __init__(
        self,
        *,
        domain: Domain,
        settings: VaeSettings,
        log_shares: NDArray[np.float64],
        seed: int,
        condition: Condition | None = None,
    ) -> None:
        """Start at the independent model: whatever the latent, each column has its released marginal.

        Args:
          log_shares: logarithms of the released 1-way marginals, [domain.total].
          condition: a column that is drawn first, by its released marginal, and given to the decoder.
        """
        super().__init__()
        latent, hidden = settings.latent, settings.hidden
        self.domain, self.settings, self.condition = domain, settings, condition
        self._seed = seed
        self.n_normals = latent if settings.variational else 0
        self.loss_bound = domain.nats
        self.kl_weight = settings.beta
        generator = torch.Generator().manual_seed(seed)
        n_out = 2 * latent if settings.variational else latent
        self.encoder = perceptron([domain.total, *reversed(hidden), n_out], generator)
        n_given = len(condition.shares) if condition else 0
        generator = torch.Generator().manual_seed(seed + 1)
        self.decoder = decoder([latent + n_given, *hidden, domain.total], log_shares, generator)
        self.register_buffer("offsets", torch.tensor(domain.offsets[:-1]), persistent=False)
        self._sums = self._prior_sums(np.exp(log_shares))
        self.register_buffer("prior_state", self._sums.start if self._sums else torch.zeros(0))
        self.priors = None
        if settings.prior is LatentPrior.CLUSTERS:
            self.priors = nn.Embedding(settings.parts, 2 * latent)
            nn.init.zeros_(self.priors.weight)

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """Negative evidence lower bound of each row: cross entropies of its columns + beta * KL.

        Args:
          codes: int64 [..., K]. normals: float32 [..., latent], standard normal, one draw a row.
        Returns: float32 [...], in nats; plain: the cross entropies alone.
        Source: Kingma, Welling 2014; Higgins et al. 2017 for beta.
        """
        rows = self._one_hot(codes)
        if self.settings.variational:
            mean, log_variance = self._posterior(rows)
            latents = mean + (0.5 * log_variance).exp() * normals
            return self._entropies(rows, latents, codes) + self.kl_weight * self._divergence(
                mean, log_variance, codes
            )
        return self._entropies(rows, self._point(rows), codes)

    def latents(self, codes: Tensor, normals: Tensor) -> Tensor:
        """A draw of each row's latent. int64 [..., K], float32 [..., n_normals] -> float32 [..., latent]."""
        rows = self._one_hot(codes)
        if not self.settings.variational:
            return self._point(rows)
        mean, log_variance = self._posterior(rows)
        return mean + (0.5 * log_variance).exp() * normals

    def before_step(self, step: int, steps: int, *, is_private: bool) -> None:
        self.kl_weight = kl_weight(self.settings.beta, step, steps, is_private=is_private)

    def sums_before(self) -> KMeans | None:
        return self._sums if isinstance(self._sums, KMeans) else None

    def sums_after(self) -> ExpectationMaximization | None:
        return self._sums if isinstance(self._sums, ExpectationMaximization) else None

    def keep(self, state: Tensor) -> None:
        self.prior_state.copy_(state)

    def decoder_weights(self) -> DecoderWeights:
        """A copy of what sampling needs."""
        return decoder_weights(self.decoder, condition=self.condition, prior=self._prior())

    def _prior_sums(self, shares: NDArray[np.float64]) -> KMeans | ExpectationMaximization | None:
        settings = self.settings
        how = {"parts": settings.parts, "turns": settings.prior_turns, "seed": self._seed}
        match settings.prior:
            case LatentPrior.CLUSTERS:
                return KMeans(domain=self.domain, shares=shares, **how)
            case LatentPrior.MIXTURE:
                side = _RADII if settings.variational else _SIDE
                radius = side * math.sqrt(settings.latent)
                return ExpectationMaximization(
                    encode=self.latents, latent=settings.latent, radius=radius, **how
                )
            case LatentPrior.NORMAL:
                return None

    def _prior(self) -> Mixture | None:
        state = self.prior_state.cpu()
        if isinstance(self._sums, ExpectationMaximization):
            return self._sums.mixture(state)
        if self.priors is None or not isinstance(self._sums, KMeans):
            return None
        mean, log_variance = self.priors.weight.detach().cpu().chunk(2, dim=-1)
        spread = (0.5 * log_variance.clamp(-_LOG_VARIANCE, _LOG_VARIANCE)).exp()
        return Mixture(
            shares=self._sums.shares(state).numpy().copy(),
            means=mean.numpy().copy(),
            factors=torch.diag_embed(spread).numpy(),
        )

    def _one_hot(self, codes: Tensor) -> Tensor:
        """int64 [..., K] -> float32 [..., total]."""
        rows = torch.zeros(*codes.shape[:-1], self.domain.total, device=codes.device)
        return rows.scatter_(-1, codes + self.offsets, 1.0)

    def _posterior(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance. [..., total] -> 2 x [..., latent]."""
        mean, log_variance = self.encoder(rows).chunk(2, dim=-1)
        return mean, log_variance.clamp(-_LOG_VARIANCE, _LOG_VARIANCE)

    def _point(self, rows: Tensor) -> Tensor:
        """The latent of a plain autoencoder. [..., total] -> [..., latent]."""
        point: Tensor = _SIDE * torch.tanh(self.encoder(rows) / _SIDE)
        return point

    def _entropies(self, rows: Tensor, latents: Tensor, codes: Tensor) -> Tensor:
        """Cross entropies of a row's columns, but for the one that is given. -> [...]."""
        condition, sizes = self.condition, list(self.domain.sizes)
        if condition:
            latents = torch.cat([latents, torch.split(rows, sizes, dim=-1)[condition.column]], dim=-1)
        logits = self.decoder(latents)  # [..., latent] -> [..., total]
        columns = torch.split(logits, sizes, dim=-1)
        normalisers = torch.stack([column.logsumexp(-1) for column in columns], dim=-1)  # [..., K]
        entropies = normalisers - logits.gather(-1, codes + self.offsets)
        if condition:
            entropies = torch.cat(
                [entropies[..., : condition.column], entropies[..., condition.column + 1 :]], dim=-1
            )
        return entropies.sum(-1)

    def _divergence(self, mean: Tensor, log_variance: Tensor, codes: Tensor) -> Tensor:
        """Kullback-Leibler divergence of the posterior from the prior. [..., latent] -> [...]."""
        if self.priors is None or not isinstance(self._sums, KMeans):
            return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(-1)
        of_cluster = self.priors(self._sums.nearest(codes, self.prior_state))
        middle, spread = of_cluster.chunk(2, dim=-1)
        spread = spread.clamp(-_LOG_VARIANCE, _LOG_VARIANCE)
        away = (mean - middle).square() * (-spread).exp()
        return 0.5 * (away + (log_variance - spread).exp() - (log_variance - spread) - 1).sum(-1)


def kl_weight(beta: float, step: int, steps: int, *, is_private: bool) -> float:
    """`beta`; without privacy, rising to it in a line from near zero over the first part of the plan.

    The untrained decoder ignores the latent. At full weight from the start and unclipped, the encoder
    learns to leave the latent empty and the columns stay independent. Clipped gradients do not fall into
    that, and early steps are too dear under noise to be spent at another weight (both seen on Adult).
    """
    return beta if is_private else beta * min(1.0, (step + 1) / (_WARM_SHARE * steps))


def build(manifest: PreparedManifest, settings: Model) -> Vae:
    """The untrained network: it draws every column from its released marginal, independently.

    Raises: ValueError if the conditional column is not learned.
    """
    return Vae(
        domain=manifest.domain,
        settings=settings.vae,
        condition=condition_on(settings, manifest),
        log_shares=initial_log_shares(manifest),
        seed=settings.seed,
    )


def finished(
    network: Vae,
    manifest: PreparedManifest,
    settings: Model,
    training: TrainingRecord,
    report: Callable[[str], None],
) -> NeuralArtifact:
    """The decoder and what its latent is drawn from."""
    return finished_decoder(network.decoder_weights(), manifest, settings, training, report)

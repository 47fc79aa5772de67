"""A generative adversarial network over coded rows; only the discriminator ever sees one.

The discriminator learns by DP-SGD to tell rows from generated ones. The generator learns from the
discriminator's noisy weights alone: post-processing, on every rank alike from a public seed.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from synth.config.model import GanLoss, Model
from synth.core.domain import Domain
from synth.core.prepared import PreparedManifest
from synth.models.artifact import NeuralArtifact, TrainingRecord
from synth.models.decoder import Condition, DecoderWeights
from synth.models.perceptron import (
    condition_on,
    decoder,
    decoder_weights,
    finished_decoder,
    initial_log_shares,
    linear,
)
from synth.models.rows import RowModel

_GENERATOR = (128, 256, 512)
_DISCRIMINATOR = (512, 256, 128)
_SLOPE = 0.2
_DROPPED = 0.1
_KEPT_ABOVE = float(torch.special.ndtri(torch.tensor(_DROPPED)))
_GENERATOR_ROWS = 1000
_GENERATOR_RATE = 2e-4
_TEMPERATURE = 0.5
_ANCHOR = 1.0
_WEIGHT_BOUND = 0.05
_AVERAGE_DECAY = 0.99
_SMALL = 1e-6


class Discriminator(nn.Module):
    """One number a row, from a generated row and a real one in one pass."""

    def __init__(self, n_in: int, generator: torch.Generator) -> None:
        super().__init__()
        widths = [n_in, *_DISCRIMINATOR, 1]
        self.layers = nn.ModuleList(linear(a, b, generator) for a, b in itertools.pairwise(widths))

    def forward(self, rows: Tensor, kept: Sequence[Tensor]) -> Tensor:
        """Args:
          rows: float32 [..., n_in]. kept: for each hidden layer, what its units are multiplied by.
        Returns: float32 [...].
        """
        *hidden, last = self.layers
        for layer, factor in zip(hidden, kept, strict=True):
            rows = nn.functional.leaky_relu(layer(rows), _SLOPE) * factor
        out: Tensor = last(rows).squeeze(-1)
        return out


class Gan(RowModel):
    """Generator 128-256-512 to one softmax a column; discriminator 512-256-128 with dropout of a tenth.

    No batch norm and no packing: the loss of a row depends on that row and on one generated for it alone.
    Source: Goodfellow et al. 2014; Arjovsky, Chintala, Bottou 2017 for Wasserstein with bounded weights,
    which need no second backward pass; Jang, Gu, Poole 2017 for the draw; several discriminator steps for one
    of the generator as in Bie, Kamath, Zhang 2023.
    """

    averages: ClassVar[bool] = False
    average: Tensor
    log_shares: Tensor

    def __init__(
        self,
        *,
        domain: Domain,
        latent: int,
        loss: GanLoss,
        condition: Condition | None,
        steps_per_generator_step: int,
        log_shares: NDArray[np.float64],
        seed: int,
    ) -> None:
        """Start at the independent model: whatever the latent, each column has its released marginal.

        Args:
          condition: a column that is drawn first, by its released marginal, and given to the generator.
        """
        super().__init__()
        self.domain, self.latent, self.loss = domain, latent, loss
        self.condition = condition
        self.steps_per_generator_step = steps_per_generator_step
        self._seed = seed
        generator = torch.Generator().manual_seed(seed)
        n_in = latent + (len(condition.shares) if condition else 0)
        self.generator = decoder([n_in, *_GENERATOR, domain.total], log_shares, generator)
        self.discriminator = Discriminator(domain.total, generator)
        self.register_buffer("log_shares", torch.from_numpy(log_shares).float(), persistent=False)
        self.register_buffer("average", parameters_to_vector(self.generator.parameters()).detach().clone())
        self.n_normals = latent + 1 + domain.total + 2 * sum(_DISCRIMINATOR)
        self.loss_bound = 2 * math.log(2) * 4
        self._optimizer = torch.optim.Adam(self.generator.parameters(), lr=_GENERATOR_RATE, betas=(0.5, 0.9))

    def trained(self) -> nn.Module:
        return self.discriminator

    def get_extra_state(self) -> dict[str, Any]:
        """The generator's optimizer travels with the weights: tensors and numbers."""
        return self._optimizer.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state)

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """What the discriminator loses on a row and on one generated for it.

        Args:
          codes: int64 [..., K]. normals: of the latent, the condition, the draws of codes, the dropout.
        """
        sizes = [self.latent, 1, self.domain.total, *(2 * width for width in _DISCRIMINATOR)]
        latents, conditions, draws, *dropped = torch.split(normals, sizes, dim=-1)
        with torch.no_grad():
            made = self.generate(latents, normal_cdf(conditions.squeeze(-1)), normal_cdf(draws))
        offsets = torch.tensor(self.domain.offsets[:-1], device=codes.device)
        real = torch.zeros(*codes.shape[:-1], self.domain.total, device=codes.device)
        real.scatter_(-1, codes + offsets, 1.0)
        kept = [
            (part.reshape(*part.shape[:-1], 2, -1) > _KEPT_ABOVE).float() / (1 - _DROPPED) for part in dropped
        ]
        of_real, of_made = self.discriminator(torch.stack([real, made], dim=-2), kept).unbind(-1)
        match self.loss:
            case GanLoss.CLASSIC:
                return softplus(-of_real) + softplus(of_made)
            case GanLoss.WASSERSTEIN:
                return of_made - of_real
            case _:
                assert_never(self.loss)

    def generate(self, latents: Tensor, conditions: Tensor, draws: Tensor) -> Tensor:
        """One-hot rows, through which gradients pass as if they were soft.

        Args:
          latents: [..., latent], standard normal. conditions: [...], draws: [..., total], uniform.
        Returns: float32 [..., total].
        """
        inputs, given = self._inputs(latents, conditions)
        gumbels = -torch.log(-torch.log(draws.clamp(_SMALL, 1 - _SMALL)))
        scores = (self.generator(inputs) + gumbels) / _TEMPERATURE
        columns = []
        for number, column in enumerate(torch.split(scores, list(self.domain.sizes), dim=-1)):
            if given is not None and self.condition is not None and number == self.condition.column:
                columns.append(given)
                continue
            soft = column.softmax(-1)
            hard = one_hot(soft.argmax(-1), soft.shape[-1]).float()
            columns.append(hard + soft - soft.detach())
        return torch.cat(columns, dim=-1)

    def _inputs(self, latents: Tensor, conditions: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the generator sees, and the one-hot codes that it is given. -> [..., n_in], [..., codes]."""
        if self.condition is None:
            return latents, None
        reached = torch.from_numpy(np.cumsum(self.condition.shares)).float().to(latents.device)
        codes = torch.searchsorted(reached, conditions.contiguous()).clamp(max=len(reached) - 1)
        given = one_hot(codes, len(reached)).float()
        return torch.cat([latents, given], dim=-1), given

    def after_step(self, step: int, steps: int) -> None:
        """Bound the discriminator's weights for Wasserstein; now and then, move the generator against it."""
        if self.loss is GanLoss.WASSERSTEIN:
            with torch.no_grad():
                for parameter in self.discriminator.parameters():
                    parameter.clamp_(-_WEIGHT_BOUND, _WEIGHT_BOUND)
        if (step + 1) % self.steps_per_generator_step:
            return
        rng, device = np.random.default_rng([self._seed, step]), self.average.device
        latents = torch.from_numpy(rng.standard_normal((_GENERATOR_ROWS, self.latent), dtype=np.float32))
        conditions = torch.from_numpy(rng.random(_GENERATOR_ROWS, dtype=np.float32)).to(device)
        draws = torch.from_numpy(rng.random((_GENERATOR_ROWS, self.domain.total), dtype=np.float32))
        latents, draws = latents.to(device), draws.to(device)
        made = self.generate(latents, conditions, draws)
        ones = [torch.ones((), device=device) for _ in _DISCRIMINATOR]
        scores = self.discriminator(made, ones)
        loss = softplus(-scores).mean() if self.loss is GanLoss.CLASSIC else -scores.mean()
        loss = loss + _ANCHOR * self._away_from_marginals(latents, conditions)
        parameters = list(self.generator.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        for group in self._optimizer.param_groups:
            group["lr"] = _GENERATOR_RATE * (steps - step) / steps
        self._optimizer.step()
        turn = (step + 1) // self.steps_per_generator_step
        weight = max(1 - _AVERAGE_DECAY, 1 / turn)
        self.average.lerp_(parameters_to_vector(parameters).detach(), weight)

    def _away_from_marginals(self, latents: Tensor, conditions: Tensor) -> Tensor:
        """Divergence of the generated 1-way marginals from the released ones, in nats, over all columns.

        It keeps the generator from falling into a few rows, at no cost: the marginals were paid for.
        """
        logits = self.generator(self._inputs(latents, conditions)[0])
        columns = torch.split(logits, list(self.domain.sizes), dim=-1)
        made = torch.cat([column.softmax(-1).mean(0) for column in columns])
        return (self.log_shares.exp() * (self.log_shares - (made + _SMALL).log())).sum()

    def generator_weights(self) -> DecoderWeights:
        """A copy of the generator's running average."""
        vector_to_parameters(self.average, self.generator.parameters())
        return decoder_weights(self.generator, condition=self.condition)


def normal_cdf(normals: Tensor) -> Tensor:
    """Uniforms from standard normals."""
    return torch.special.ndtr(normals)


def build(manifest: PreparedManifest, settings: Model) -> Gan:
    """The untrained network of the settings.

    Raises: ValueError if the conditional column is not learned.
    """
    return Gan(
        domain=manifest.domain,
        latent=settings.gan.latent,
        loss=settings.gan.loss,
        condition=condition_on(settings, manifest),
        steps_per_generator_step=settings.gan.steps_per_generator_step,
        log_shares=initial_log_shares(manifest),
        seed=settings.seed,
    )


def finished(
    network: Gan,
    manifest: PreparedManifest,
    settings: Model,
    training: TrainingRecord,
    report: Callable[[str], None],
) -> NeuralArtifact:
    """The generator's running average."""
    return finished_decoder(network.generator_weights(), manifest, settings, training, report)

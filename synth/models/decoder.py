"""A perceptron from a Gaussian latent to one softmax a column, and rows drawn from it; without torch."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from synth.core.domain import Domain
from synth.models.artifact import NeuralArtifact, expect

_ROWS_AT_ONCE = 2048
"""Activations of so many rows stay in a core's cache."""
_BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A column that is drawn before the others and given to the perceptron, one-hot, after the latent.

    Attributes:
      column: its number in the domain. shares: [codes], of its codes, adding up to 1.
    """

    column: int
    shares: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Gaussians, of which one is chosen for a row and its latent drawn from it.

    Attributes:
      shares: float32 [M], adding up to 1. means: float32 [M, latent].
      factors: float32 [M, latent, latent]; a covariance is its factor times the factor's transpose.
    """

    shares: NDArray[np.float32]
    means: NDArray[np.float32]
    factors: NDArray[np.float32]

    def place(self, normals: NDArray[np.float32], uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
        """Latents from standard normals, [n, latent], and a uniform each that chooses the component, [n]."""
        reached = np.cumsum(self.shares, dtype=np.float64)
        chosen = np.searchsorted(reached / reached[-1], uniforms, side="right").clip(max=len(reached) - 1)
        placed: NDArray[np.float32] = np.empty_like(normals)
        for number, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            rows = chosen == number
            placed[rows] = normals[rows] @ factor.T + mean
        return placed


@dataclass(frozen=True, kw_only=True)
class DecoderWeights:
    """A perceptron from the latent to the logits of all columns, rectified between its layers.

    Attributes:
      kernels: float32 [n_in, n_out] each, from the latent's width (and the condition's) to `domain.total`.
      biases: float32 [n_out] each.
      condition: the column that is given, if one is.
      prior: what the latent is drawn from; None for a standard normal.
    """

    kernels: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    condition: Condition | None = None
    prior: Mixture | None = None

    @property
    def latent(self) -> int:
        """Width of the latent."""
        given = len(self.condition.shares) if self.condition else 0
        return self.kernels[0].shape[0] - given

    @property
    def widths(self) -> tuple[int, ...]:
        """Input, hidden and output widths."""
        return (self.kernels[0].shape[0], *(kernel.shape[1] for kernel in self.kernels))

    def architecture(self) -> dict[str, Any]:
        """What an artifact says of it."""
        described: dict[str, Any] = {"widths": list(self.widths), "activation": "relu"}
        if self.condition:
            described["condition"] = {
                "column": self.condition.column,
                "shares": self.condition.shares.tolist(),
            }
        if self.prior:
            described["prior"] = len(self.prior.shares)
        return described

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name; `of` turns them back."""
        kernels = {f"kernel_{i}": kernel for i, kernel in enumerate(self.kernels)}
        biases = {f"bias_{i}": bias for i, bias in enumerate(self.biases)}
        prior = {f"prior_{name}": array for name, array in vars(self.prior).items()} if self.prior else {}
        return kernels | biases | prior

    @staticmethod
    def of(artifact: NeuralArtifact) -> "DecoderWeights":
        """The decoder of an artifact.

        Raises: ValueError or KeyError if its arrays are no decoder of its domain.
        """
        widths = artifact.architecture["widths"]
        expect(artifact.architecture["activation"] == "relu", "its activation is not relu")
        expect(len(widths) >= 2, "it has no layers")
        expect(widths[-1] == artifact.domain.total, f"{widths[-1]} logits for {artifact.domain.total} codes")
        shapes = list(itertools.pairwise(widths))
        condition = None
        if (given := artifact.architecture.get("condition")) is not None:
            condition = Condition(column=given["column"], shares=np.array(given["shares"]))
            size = artifact.domain.sizes[condition.column]
            expect(condition.shares.shape == (size,), "its condition does not fit its column")
        weights = DecoderWeights(
            condition=condition,
            kernels=tuple(_shaped(artifact.weights, f"kernel_{i}", shape) for i, shape in enumerate(shapes)),
            biases=tuple(_shaped(artifact.weights, f"bias_{i}", shape[1:]) for i, shape in enumerate(shapes)),
        )
        if (parts := artifact.architecture.get("prior")) is None:
            return weights
        shape = (parts, weights.latent)
        prior = Mixture(
            shares=_shaped(artifact.weights, "prior_shares", shape[:1]),
            means=_shaped(artifact.weights, "prior_means", shape),
            factors=_shaped(artifact.weights, "prior_factors", (*shape, shape[1])),
        )
        return replace(weights, prior=prior)


def _shaped(
    arrays: Mapping[str, NDArray[np.float32]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    expect(arrays[name].shape == shape, f"{name} has shape {arrays[name].shape} for {shape}")
    return arrays[name]


class DecoderSampler:
    """Draws a latent, decodes it, then draws each column by inverting its cumulative distribution.

    A row takes `latent` uniforms for its latent, then one for each column, then one for the component of a
    mixture; a column that conditions the others is drawn first, from its own shares.
    """

    def __init__(self, domain: Domain, weights: DecoderWeights) -> None:
        self.domain = domain
        self._weights = weights

    @property
    def n_uniforms(self) -> int:
        return self._weights.latent + len(self.domain) + (self._weights.prior is not None)

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "DecoderSampler":
        """The sampler with other shares of the column that conditions the others.

        Raises: ValueError for any other column, or a temperature: a latent decides all columns at once.
        """
        condition = self._weights.condition
        if temperature != 1.0 or not set(first) <= ({condition.column} if condition else set()):
            raise ValueError(
                "this model draws all columns at once, but for model.vae.condition or model.gan.condition; "
                "train kind marginal or arn to fix some"
            )
        if condition is None or not first:
            return self
        started = replace(condition, shares=first[condition.column])
        return DecoderSampler(self.domain, replace(self._weights, condition=started))

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        if uniforms.shape[1] != self.n_uniforms:
            raise ValueError(f"{uniforms.shape[1]} uniforms a row for {self.n_uniforms}")
        latent, condition = self._weights.latent, self._weights.condition
        columns = slice(latent, latent + len(self.domain))
        codes = np.empty((len(uniforms), len(self.domain)), dtype=np.uint16)
        for start in range(0, len(uniforms), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            given = uniforms[rows, latent + condition.column] if condition else None
            latents = normal_quantiles(uniforms[rows, :latent])
            inputs, first = decoder_inputs(self._weights, latents, uniforms[rows, -1], given)
            codes[rows] = _draw(self.domain, decoder_logits(self._weights, inputs), uniforms[rows, columns])
            if condition:
                codes[rows, condition.column] = first
        return codes


def decoder_inputs(
    weights: DecoderWeights,
    normals: NDArray[np.float32],
    components: NDArray[np.float64],
    given: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """What the perceptron sees, and the codes of the condition that it was given.

    Args:
      normals: [n, latent]. components: [n], uniforms; of the mixture if there is one.
      given: [n], uniforms of the condition; None without one.
    Returns: [n, n_in], [n].
    """
    latents = weights.prior.place(normals, components) if weights.prior else normals
    if weights.condition is None or given is None:
        return latents, np.zeros(len(latents), dtype=np.uint16)
    reached = np.cumsum(weights.condition.shares)
    codes = np.searchsorted(reached / reached[-1], given, side="right")
    one_hot = np.eye(len(reached), dtype=np.float32)[codes]
    return np.concatenate([latents, one_hot], axis=1), codes.astype(np.uint16)


def normal_quantiles(uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
    """Standard normals by inversion; 0 and 1 become the furthest finite ones (about -8.2 and 8.2)."""
    guard = np.finfo(np.float64).eps / 2
    quantiles: NDArray[np.float32] = ndtri(np.clip(uniforms, guard, 1 - guard)).astype(np.float32)
    return quantiles


def decoder_logits(weights: DecoderWeights, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of all columns side by side, transposed. [n, n_in] -> [total, n].

    Transposed, so that what is done for every code of a column runs over contiguous rows.
    """
    hidden = last_hidden(weights, inputs)  # [n, n_in] -> [n_hidden, n]
    return weights.kernels[-1].T @ hidden + weights.biases[-1][:, None]  # [n_hidden, n] -> [total, n]


def last_hidden(weights: DecoderWeights, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the output layer sees, transposed. [n, n_in] -> [n_hidden, n]."""
    hidden = inputs.T
    for kernel, bias in zip(weights.kernels[:-1], weights.biases[:-1], strict=True):
        hidden = np.maximum(kernel.T @ hidden + bias[:, None], 0)
    return hidden


def _draw(domain: Domain, logits: NDArray[np.float32], uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
    """One code a column and row by inverting the column's softmax. [total, n], [n, K] -> [n, K]."""
    thresholds = uniforms.T.astype(np.float32)  # [n, K] -> [K, n]
    columns = [
        inverse_draw(logits[start:end], thresholds[column])
        for column, (start, end) in enumerate(pairwise(domain.offsets))
    ]
    return np.stack(columns, axis=1)


def inverse_draw(logits: NDArray[np.float32], thresholds: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The code at which a softmax passes a uniform. [codes, n], [n] in [0, 1] -> [n]."""
    cumulative = np.cumsum(np.exp(logits - logits.max(axis=0)), axis=0)  # [codes, n]
    # A uniform just below 1 is rounded to 1 in float32, where every code would lie below it, possible or not.
    threshold = np.minimum(thresholds, _BELOW_ONE) * cumulative[-1]
    codes = np.zeros(len(thresholds), dtype=np.uint16)
    for below in cumulative[:-1]:
        # A code without probability has an empty interval and is never drawn.
        codes += below <= threshold
    return codes

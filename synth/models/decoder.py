"""A perceptron from a Gaussian latent to one softmax a column, and rows drawn from it; without torch."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from synth.core.domain import Domain
from synth.models.artifact import NeuralArtifact, expect

_ROWS_AT_ONCE = 2048
"""Activations of so many rows stay in a core's cache."""


@dataclass(frozen=True, kw_only=True)
class DecoderWeights:
    """A perceptron from the latent to the logits of all columns, rectified between its layers.

    Attributes:
      kernels: float32 [n_in, n_out] each, from the latent's width to `domain.total`.
      biases: float32 [n_out] each.
    """

    kernels: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Latent, hidden and output widths."""
        return (self.kernels[0].shape[0], *(kernel.shape[1] for kernel in self.kernels))

    def architecture(self) -> dict[str, Any]:
        """What an artifact says of it."""
        return {"widths": list(self.widths), "activation": "relu"}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights by name; `of` turns them back."""
        kernels = {f"kernel_{i}": kernel for i, kernel in enumerate(self.kernels)}
        return kernels | {f"bias_{i}": bias for i, bias in enumerate(self.biases)}

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
        return DecoderWeights(
            kernels=tuple(_shaped(artifact.weights, f"kernel_{i}", shape) for i, shape in enumerate(shapes)),
            biases=tuple(_shaped(artifact.weights, f"bias_{i}", shape[1:]) for i, shape in enumerate(shapes)),
        )


def _shaped(
    arrays: Mapping[str, NDArray[np.float32]], name: str, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    expect(arrays[name].shape == shape, f"{name} has shape {arrays[name].shape} for {shape}")
    return arrays[name]


class DecoderSampler:
    """Draws a latent, decodes it, then draws each column by inverting its cumulative distribution.

    A row takes `latent` uniforms for its latent, then one for each column.
    """

    def __init__(self, domain: Domain, weights: DecoderWeights) -> None:
        self.domain = domain
        self._weights = weights
        self._latent = weights.widths[0]

    @property
    def n_uniforms(self) -> int:
        return self._latent + len(self.domain)

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "DecoderSampler":
        """Itself if nothing is asked for; a latent decides all columns at once.

        Raises: ValueError otherwise.
        """
        if first or temperature != 1.0:
            raise ValueError("a vae draws all columns at once; train kind marginal or arn to fix some")
        return self

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        if uniforms.shape[1] != self.n_uniforms:
            raise ValueError(f"{uniforms.shape[1]} uniforms a row for {self.n_uniforms}")
        codes = np.empty((len(uniforms), len(self.domain)), dtype=np.uint16)
        for start in range(0, len(uniforms), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            latents = normal_quantiles(uniforms[rows, : self._latent])
            logits = decoder_logits(self._weights, latents)
            codes[rows] = _draw(self.domain, logits, uniforms[rows, self._latent :])
        return codes


def normal_quantiles(uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
    """Standard normals by inversion; 0 and 1 become the furthest finite ones (about -8.2 and 8.2)."""
    guard = np.finfo(np.float64).eps / 2
    quantiles: NDArray[np.float32] = ndtri(np.clip(uniforms, guard, 1 - guard)).astype(np.float32)
    return quantiles


def decoder_logits(weights: DecoderWeights, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of all columns side by side, transposed. [n, latent] -> [total, n].

    Transposed, so that what is done for every code of a column runs over contiguous rows.
    """
    hidden = last_hidden(weights, latents)  # [n, latent] -> [n_hidden, n]
    return weights.kernels[-1].T @ hidden + weights.biases[-1][:, None]  # [n_hidden, n] -> [total, n]


def last_hidden(weights: DecoderWeights, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the output layer sees, transposed. [n, latent] -> [n_hidden, n]."""
    hidden = latents.T
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
    threshold = thresholds * cumulative[-1]
    codes = np.zeros(len(thresholds), dtype=np.uint16)
    for below in cumulative[:-1]:
        # A code without probability has an empty interval and is never drawn.
        codes += below <= threshold
    return codes

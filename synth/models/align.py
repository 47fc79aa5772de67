"""Shift a decoder's output biases until its 1-way marginals are the released ones.

Post-processing of released values alone: it costs no privacy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from synth.core.codebook import Codebook
from synth.core.domain import Domain
from synth.models.decoder import DecoderWeights, decoder_inputs, last_hidden

_ROWS = 50_000
_ITERATIONS = 40
_DAMPING = 0.8
_FLOOR = 1e-6
_SEED = 0
_IMPOSSIBLE = -1e4
"""A bias whose exponential is exactly zero in float32, whatever the hidden layers add."""


W = TypeVar("W")


@dataclass(frozen=True, kw_only=True)
class Aligned(Generic[W]):
    """Weights after alignment, and how far their 1-way marginals were and are from the released ones.

    Attributes:
      distance_before, distance_after: mean total variation distance over the columns, in [0, 1].
    """

    weights: W
    distance_before: float
    distance_after: float

    def in_words(self) -> str:
        """A line that may be shown to anyone."""
        return (
            "aligned with the released marginals: mean distance "
            f"{self.distance_before:.4f} -> {self.distance_after:.4f}"
        )


def marginal_shares(codebook: Codebook, floor: float) -> NDArray[np.float64]:
    """Released counts of a column as shares that sum to 1, none below about `floor`; [n_codes].

    Counts that are all zero, as noise may leave them, give even shares.
    """
    counts = np.asarray(codebook.counts, dtype=np.float64)
    shares = counts / counts.sum() if counts.sum() > 0 else np.full(len(counts), 1 / len(counts))
    shares = np.maximum(shares, floor)
    normalised: NDArray[np.float64] = shares / shares.sum()
    return normalised


def align_marginals(weights: DecoderWeights, codebooks: Sequence[Codebook]) -> Aligned[DecoderWeights]:
    """Damped fixed-point iteration on the output biases, over one fixed sample of the latent.

    Expected probabilities are compared, not samples, so sampling noise never enters the biases. A code
    with no released count keeps a share of 1e-6: a bias of minus infinity could never be moved again.

    Args:
      codebooks: with released counts, in the order of the decoder's columns.
    """
    domain = Domain(tuple(book.column for book in codebooks), tuple(book.n_codes for book in codebooks))
    targets = np.concatenate([marginal_shares(codebook, _FLOOR) for codebook in codebooks])  # [total]
    rng = np.random.default_rng(_SEED)
    latents = rng.standard_normal((_ROWS, weights.latent), dtype=np.float32)
    given = rng.random(_ROWS) if weights.condition else None
    inputs, _ = decoder_inputs(weights, latents, rng.random(_ROWS), given)
    hidden = last_hidden(weights, inputs)  # [rows, n_in] -> [n_hidden, rows]
    biases = weights.biases[-1].copy()
    distances = []
    for start, end in pairwise(domain.offsets):
        column = slice(start, end)
        logits = weights.kernels[-1][:, column].T @ hidden  # [n_hidden, rows] -> [codes, rows]
        biases[column], before, after = align_column(logits, biases[column], targets[column])
        distances.append((before, after))
    before, after = np.mean(distances, axis=0)
    return Aligned(
        weights=replace(weights, biases=(*weights.biases[:-1], biases)),
        distance_before=float(before),
        distance_after=float(after),
    )


def without_unreleased(weights: DecoderWeights, codebooks: Sequence[Codebook]) -> DecoderWeights:
    """The decoder with every code that has no released count made impossible.

    Such a code was found empty, or could not be told from empty; a model would draw it now and then.
    A column whose counts are all zero is left as it is.
    """
    gone = np.concatenate([unreleased(codebook) for codebook in codebooks])  # [total]
    biases = np.where(gone, _IMPOSSIBLE, weights.biases[-1]).astype(np.float32)
    return replace(weights, biases=(*weights.biases[:-1], biases))


def unreleased(codebook: Codebook) -> NDArray[np.bool_]:
    """Codes without a released count in a column where another has one; [n_codes]."""
    counts = np.asarray(codebook.counts)
    return (counts == 0) & (counts.sum() > 0)


def align_column(
    logits: NDArray[np.float32], bias: NDArray[np.float32], target: NDArray[np.float64]
) -> tuple[NDArray[np.float32], float, float]:
    """The best bias seen, and the column's distance with the first and with the best."""
    best, first, shortest = bias, np.inf, np.inf
    for iteration in range(_ITERATIONS):
        current = _mean_softmax(logits, bias)
        distance = 0.5 * float(np.abs(current - target).sum())
        if iteration == 0:
            first = distance
        if distance < shortest:
            best, shortest = bias, distance
        if shortest < 1e-5:
            break
        step = _DAMPING * np.log(target / np.maximum(current, 1e-12))
        bias = (bias + step).astype(np.float32)
    return best, first, shortest


def _mean_softmax(logits: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float64]:
    """Expected share of each code over the sample. [codes, rows], [codes] -> [codes]."""
    scores = logits + bias[:, None]
    weights = np.exp(scores - scores.max(axis=0))
    # Row by row: one product with the rows' normalisers instead of a division of the whole matrix.
    shares: NDArray[np.float64] = (weights @ (1 / weights.sum(axis=0))).astype(np.float64) / weights.shape[1]
    return shares

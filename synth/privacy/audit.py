"""Lower bounds on what a training leaks, from what an attacker with every advantage sees of canaries.

A bound above the claim proves a fault; a bound below it proves nothing. The checks of noise and signal
are two-sided and see faults that no bound on epsilon would.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, chi2, norm

FALSE_ALARM = 1e-6
"""Chance that a check fails a training without fault."""


def confidence() -> str:
    """The checks' false alarms, in words."""
    return f"a check of chance fails a training without fault about {FALSE_ALARM:g} of the time"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of an audit.

    Attributes:
      name: what is checked. figure: what was seen. low, high: where it must lie.
    """

    name: str
    figure: float
    low: float
    high: float

    @property
    def passes(self) -> bool:
        """Whether the figure lies where it must; NaN does not."""
        return self.low <= self.figure <= self.high

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "passes": self.passes}


def noise_range(n_values: int) -> tuple[float, float]:
    """Where the mean square of so many standard normal values lies, but for a chance of `FALSE_ALARM`."""
    low, high = chi2.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], df=n_values) / n_values
    return float(low), float(high)


def least_noise(n_draws: int, n_coordinates: int) -> float:
    """Below which no coordinate's mean square over so many draws lies, but for a chance of `FALSE_ALARM`."""
    return float(chi2.ppf(FALSE_ALARM / n_coordinates, df=n_draws)) / n_draws


def likeness(vectors: NDArray[np.float64]) -> float:
    """Greatest cosine, without its sign, of two of the vectors; [n >= 2, d], a zero vector is like none."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    cosines = np.abs(directions @ directions.T)
    np.fill_diagonal(cosines, 0.0)
    return float(cosines.max())


def most_likeness(n_vectors: int, dimensions: int) -> float:
    """Above which no `likeness` of independent normal vectors lies, but for a chance of `FALSE_ALARM`."""
    pairs = n_vectors * (n_vectors - 1) / 2
    return math.sqrt(float(beta.isf(FALSE_ALARM / pairs, 1 / 2, (dimensions - 1) / 2)))


def mean_range(standard_deviation: float, n_values: int) -> float:
    """How far the mean of so many normal values lies from its own, but for a chance of `FALSE_ALARM`."""
    return float(norm.isf(FALSE_ALARM / 2)) * standard_deviation / math.sqrt(n_values)


def noise_checks(noise: NDArray[Any], where: str) -> list[Check]:
    """Of what should be standard normal and independent over draws and coordinates, [draws, coordinates].

    A variance that is right on average may be twice the right one here and none there, or the noise of two
    coordinates the same, so that their difference shows everything.
    """
    draws, coordinates = noise.shape
    squares = np.square(noise, dtype=np.float64)
    low, high = noise_range(noise.size)
    return [
        Check(name=f"noise of {where}", figure=float(squares.mean()), low=low, high=high),
        Check(
            name=f"least noise of a coordinate, {where}",
            figure=float(squares.mean(axis=0).min()),
            low=least_noise(draws, coordinates),
            high=noise_range(draws)[1],  # the least of a few may well be above 1
        ),
        Check(
            name=f"likeness of two coordinates, {where}",
            figure=likeness(noise.T.astype(np.float64)),
            low=0.0,
            high=most_likeness(coordinates, draws),
        ),
        Check(
            name=f"likeness of two draws, {where}",
            figure=likeness(noise.astype(np.float64)),
            low=0.0,
            high=most_likeness(draws, coordinates),
        ),
    ]


def two_world_mu(without: NDArray[np.float64], with_canary: NDArray[np.float64]) -> float:
    """Lower bound on mu of Gaussian differential privacy, at confidence 1 - `FALSE_ALARM`.

    Args:
      without, with_canary: what was seen along a canary's gradient, [n] and [m], in units in which the canary
        moves it by 1; seen values of 1/2 and more are guessed to hold the canary.
    Source: Nasr et al. 2023 (arXiv 2302.07956), with Clopper-Pearson bounds on both error rates.
    """
    false_positive = _rate_at_most(int((without >= 0.5).sum()), len(without))
    false_negative = _rate_at_most(int((with_canary < 0.5).sum()), len(with_canary))
    if false_positive + false_negative >= 1:
        return 0.0
    return float(norm.isf(false_positive) - norm.ppf(false_negative))


def chosen_event_mu(without: NDArray[np.float64], with_canary: NDArray[np.float64]) -> float:
    """Lower bound on mu from an event chosen on the first third of what was seen, and held against the rest.

    The event is that a weighted sum of the figures is beyond a threshold; weights and threshold are those of
    two normal distributions with independent coordinates. A figure that never varies in either world and
    differs between them shows everything, and decides alone.

    Args:
      without, with_canary: [n, k] and [m, k], k figures of each run; whatever leaves may be a figure.
    Returns: at confidence 1 - `FALSE_ALARM`, for the runs that choose are none of those that tell.
    """
    n, m = len(without) // 3, len(with_canary) // 3
    moved = with_canary[:m].mean(axis=0) - without[:n].mean(axis=0)
    variance = (with_canary[:m].var(axis=0) + without[:n].var(axis=0)) / 2
    certain = (variance == 0) & (moved != 0)
    if certain.any():
        weights = np.where(certain, np.sign(moved), 0.0)
    else:
        weights = np.divide(moved, variance, out=np.zeros_like(moved), where=variance > 0)
    seen, seen_with = without @ weights, with_canary @ weights
    middle = (seen[:n].mean() + seen_with[:m].mean()) / 2
    unit = max(float(seen_with[:m].mean() - seen[:n].mean()), 1e-300)
    return two_world_mu((seen[n:] - middle) / unit + 0.5, (seen_with[m:] - middle) / unit + 0.5)


def one_run_epsilon(scores: NDArray[np.float64], included: NDArray[np.bool_], delta: float) -> float:
    """Lower bound on epsilon from one training with canaries, at confidence 1 - `FALSE_ALARM`.

    The third of the canaries with the highest scores is guessed to have taken part, the third with the lowest
    not to; whether a canary does was decided by a fair coin.

    Args:
      scores: [m], how much of each canary's gradient was seen over all steps.
      included: [m].
    Source: Steinke, Nasr, Jagielski 2023 (arXiv 2305.08846), theorem 5.2.
    """
    each = len(scores) // 3
    order = np.argsort(scores)
    correct = int((~included[order[:each]]).sum() + included[order[-each:]].sum())
    low, high = 0.0, 50.0
    if _one_run_p_value(correct, 2 * each, len(scores), low, delta) > FALSE_ALARM:
        return 0.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        if _one_run_p_value(correct, 2 * each, len(scores), middle, delta) > FALSE_ALARM:
            high = middle
        else:
            low = middle
    return low


def _one_run_p_value(correct: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """Most probable it is that an (epsilon, delta)-private training lets so many guesses be right."""
    rate = 1 / (1 + math.exp(-epsilon))
    tail = float(binom.sf(correct - 1, guesses, rate))
    # What delta may add: the best average of the mass just below.
    below = np.cumsum(binom.pmf(np.arange(correct - 1, -1, -1), guesses, rate))
    most = float(np.max(below / np.arange(1, correct + 1))) if correct else 0.0
    return min(1.0, tail + 2 * canaries * delta * most)


def _rate_at_most(errors: int, n: int) -> float:
    """Upper Clopper-Pearson bound on a rate; both bounds hold at once but for `FALSE_ALARM`."""
    if errors == n:
        return 1.0
    return float(beta.ppf(1 - FALSE_ALARM / 2, errors + 1, n - errors))

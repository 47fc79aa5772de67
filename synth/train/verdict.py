"""What an audit concludes from what was seen: a check a line, each with its figure and what it may be."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.privacy import accountant
from synth.privacy.audit import (
    least_noise,
    likeness,
    mean_range,
    most_likeness,
    noise_range,
    one_run_epsilon,
    two_world_mu,
)
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.canaries import Seen

_MOST_RULE_ERROR = 1e-3
_DELTA = 1e-9
"""At which epsilons are compared: at a larger delta so sure a bound as ours would say nothing."""


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


def verdict(seen: Seen, plan: DpSgdPlan) -> tuple[Check, ...]:
    """All checks of a private plan; a check of chance fails a training without fault by `FALSE_ALARM`.

    Counts of units are taken as normal, and their spread gets a tenth more; gradients may differ by rounding.

    Raises: ValueError for a plan without noise: there is no claim to audit.
    """
    if not plan.is_private:
        raise ValueError("the training has no noise, so there is no claim to audit")
    noise = plan.noise_multiplier
    signal = mean_range(noise, len(seen.with_canary))
    silence = mean_range(noise, len(seen.without))
    n, rate = len(seen.included), plan.sample_rate
    spread = n * rate * (1 - rate)
    claimed = accountant.epsilon(plan.events, _DELTA)
    checks = [
        *_of_noise(seen.empty / noise, "empty batches"),
        Check(
            name="signal of a canary",
            figure=float(seen.with_canary.mean()),
            low=1 - signal,
            high=1 + signal,
        ),
        Check(name="silence without it", figure=float(seen.without.mean()), low=-silence, high=silence),
        Check(
            name="mu of one step, at least",
            figure=two_world_mu(seen.without, seen.with_canary),
            low=0.0,
            high=1 / noise,
        ),
        Check(
            name="epsilon of the training, at least",
            figure=one_run_epsilon(seen.scores, seen.included, _DELTA),
            low=0.0,
            high=claimed,
        ),
        Check(name="gradients, one by one", figure=seen.rule_error, low=0.0, high=_MOST_RULE_ERROR),
    ]
    if plan.sums:
        checks += _of_sums(seen, plan.sums_noise_multiplier)
    if spread > 0:
        away = mean_range(math.sqrt(spread), len(seen.batch_sizes))
        mean = float(seen.batch_sizes.mean())
        checks.append(Check(name="units a step", figure=mean, low=n * rate - away, high=n * rate + away))
        low, high = noise_range(len(seen.batch_sizes))
        figure = _mean_square((seen.batch_sizes - n * rate) / math.sqrt(spread))
        # Counts are not quite normal: their squares spread a little more.
        checks.append(Check(name="spread of units a step", figure=figure, low=0.9 * low, high=1.1 * high))
    return tuple(checks)


def _of_sums(seen: Seen, noise: float) -> list[Check]:
    """Of the noisy sums beside the steps: how much noise, and how much of a unit."""
    signal = mean_range(noise, len(seen.sums_with_canary))
    mean = float(seen.sums_with_canary.mean())
    return [
        *_of_noise(seen.sums_without / noise, "sums"),
        Check(name="signal of a canary in sums", figure=mean, low=1 - signal, high=1 + signal),
    ]


def _of_noise(noise: NDArray[Any], where: str) -> list[Check]:
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
            high=1.0,
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


def _mean_square(values: np.ndarray) -> float:
    return float(np.mean(np.square(values, dtype=np.float64)))

"""What an audit concludes from what was seen: a check a line, each with its figure and what it may be."""

import math

import numpy as np

from synth.privacy import accountant
from synth.privacy.audit import (
    Check,
    mean_range,
    noise_checks,
    noise_range,
    one_run_epsilon,
    two_world_mu,
)
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.canaries import Seen

_MOST_RULE_ERROR = 1e-3
_DELTA = 1e-9
"""At which epsilons are compared: at a larger delta so sure a bound as ours would say nothing."""


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
        *noise_checks(seen.empty / noise, "empty batches"),
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
        *noise_checks(seen.sums_without / noise, "sums"),
        Check(name="signal of a canary in sums", figure=mean, low=1 - signal, high=1 + signal),
    ]


def _mean_square(values: np.ndarray) -> float:
    return float(np.mean(np.square(values, dtype=np.float64)))

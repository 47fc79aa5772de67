"""Epsilon of a list of events: a view on the book, never stored in it.

Composition is by privacy loss distributions (PLD), which every event here has; Renyi differential
privacy (RDP) checks it. The neighbouring relation is add/remove of one privacy unit.
"""

import functools
import logging
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, assert_never

from dp_accounting import dp_event, rdp
from dp_accounting.pld import common, privacy_loss_distribution
from scipy.optimize import brentq
from scipy.stats import norm

from synth.privacy.budget import (
    Budget,
    DiscreteGaussian,
    DpSgdSteps,
    Event,
    ExponentialMechanism,
    NoPrivacy,
    Selection,
)

_INTERVAL = 1e-4
# It warns of every Renyi order that it leaves out, which only makes the cross-check looser.
logging.getLogger("absl").setLevel(logging.ERROR)
_Pld = Any  # dp_accounting ships no types


def epsilon(events: Sequence[Event], delta: float) -> float:
    """Smallest epsilon for which the composed events are (epsilon, delta)-DP, add/remove.

    Returns: >= 0; infinity if a release had no noise or the selections alone exceed `delta`.
    Raises: ArithmeticError if PLD claims more than 1% above RDP, which bounds it from above: one of
      the two is wrong then, and neither is to be trusted.
    """
    merged = _merge(events)
    if not merged:
        return 0.0
    if any(isinstance(event, NoPrivacy) for event in merged):
        return math.inf
    return _epsilon(tuple(merged), delta)


@functools.lru_cache(maxsize=4096)
def _epsilon(merged: tuple[Event, ...], delta: float) -> float:
    tight = float(_compose(merged).get_epsilon_for_delta(delta))
    loose = _rdp_epsilon(merged, delta)
    if tight > loose * 1.01 + 1e-3:
        raise ArithmeticError(f"PLD gives epsilon {tight:.4g} where RDP proves {loose:.4g}")
    return max(tight, 0.0)


def calibrate_noise_multiplier(
    prior: Sequence[Event], *, budget: Budget, events: Callable[[float], Sequence[Event]]
) -> float:
    """Smallest noise multiplier (to 0.1%) whose events fit the budget on top of `prior`.

    Args:
      events: what a training releases by its noise multiplier; a larger one must cost less.
    Raises: ValueError if `prior` alone leaves nothing, or only noise above 10^4 would fit.
    """
    if epsilon(prior, budget.delta) >= budget.epsilon:
        raise ValueError("the budget is already spent")
    before = _merge(prior)

    def fits(noise_multiplier: float) -> bool:
        composed = _compose([*before, *_merge(events(noise_multiplier))])
        return float(composed.get_epsilon_for_delta(budget.delta)) <= budget.epsilon

    low, high = 0.05, 1.0
    while not fits(high):
        low, high = high, high * 2
        if high > 1e4:
            raise ValueError("no noise multiplier below 10^4 fits what is left of the budget")
    while high > low * 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high  # `high` has been tried and fits: calibration never gives less privacy than asked


def calibrate_scale(
    prior: Sequence[Event],
    *,
    budget: Budget,
    events: Callable[[float], Sequence[Event]],
    highest: float,
) -> float:
    """Smallest noise scale (to 0.02%) whose events fit the budget on top of `prior`.

    Args:
      events: the events of a release by its scale; a larger scale must cost less.
      highest: a scale above which the release is of no use.
    Raises: ValueError if `prior` alone leaves nothing, or only a scale above `highest` would fit.
    """
    if epsilon(prior, budget.delta) >= budget.epsilon:
        raise ValueError("the budget is already spent")
    before = _merge(prior)

    def fits(scale: float) -> bool:
        composed = _compose([*before, *_merge(events(scale))])
        return float(composed.get_epsilon_for_delta(budget.delta)) <= budget.epsilon

    high = highest
    if not fits(high):
        raise ValueError(f"no noise scale below {highest:.4g} fits what is left of the budget")
    low = high / 4
    while low > 1e-3 and fits(low):
        low, high = low / 4, low
    while high > low * 1.0002:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high  # `high` has been tried and fits, as above


def gaussian_mu(budget: Budget) -> float:
    """mu of the Gaussian mechanism (sensitivity / standard deviation) that spends the whole budget.

    Gaussian mechanisms compose by adding mu^2, so shares of mu^2 are a currency for planning; what is
    spent is always computed from the events. Source: Dong, Roth, Su 2019, Corollary 1.
    """

    def excess(mu: float) -> float:
        loss = norm.cdf(mu / 2 - budget.epsilon / mu)
        gain = math.exp(min(budget.epsilon, 700)) * norm.cdf(-mu / 2 - budget.epsilon / mu)
        return float(loss - gain - budget.delta)

    return float(brentq(excess, 1e-6, 200.0))


def _merge(events: Sequence[Event]) -> list[Event]:
    """Equal mechanisms added up, so that replaying a book step by step costs no precision."""
    steps: Counter[tuple[float, float]] = Counter()
    counts: Counter[tuple[float, int]] = Counter()
    selections: Counter[float] = Counter()
    choices: Counter[float] = Counter()
    merged: list[Event] = []
    for event in events:
        match event:
            case DpSgdSteps():
                steps[event.sample_rate, event.noise_multiplier] += event.steps
            case DiscreteGaussian():
                counts[event.scale, event.sensitivity] += event.count
            case Selection():
                selections[event.delta] += event.count
            case ExponentialMechanism():
                choices[event.epsilon] += event.count
            case NoPrivacy():
                merged.append(event)
            case _:
                assert_never(event)
    merged += [Selection(delta=d, count=n) for d, n in sorted(selections.items())]
    merged += [ExponentialMechanism(epsilon=e, count=n) for e, n in sorted(choices.items())]
    merged += [DiscreteGaussian(scale=s, sensitivity=k, count=n) for (s, k), n in sorted(counts.items())]
    merged += [DpSgdSteps(sample_rate=q, noise_multiplier=s, steps=n) for (q, s), n in sorted(steps.items())]
    return merged


def _compose(events: Sequence[Event]) -> _Pld:
    parts = [_pld(event) for event in events]
    return functools.reduce(lambda a, b: a.compose(b), parts)


@functools.lru_cache(maxsize=64)
def _pld(event: Event) -> _Pld:
    match event:
        case DiscreteGaussian():
            one = privacy_loss_distribution.from_discrete_gaussian_mechanism(
                event.scale,
                sensitivity=event.sensitivity,
                value_discretization_interval=_INTERVAL,
                use_connect_dots=True,
            )
            return one.self_compose(event.count)
        case Selection():
            parameters = common.DifferentialPrivacyParameters(0.0, selection_delta(event))
            return privacy_loss_distribution.from_privacy_parameters(
                parameters, value_discretization_interval=_INTERVAL
            )
        case ExponentialMechanism():
            # Every epsilon-DP mechanism is dominated by randomized response (Kairouz, Oh, Viswanath 2015).
            one = privacy_loss_distribution.from_privacy_parameters(
                common.DifferentialPrivacyParameters(event.epsilon, 0.0),
                value_discretization_interval=_INTERVAL,
            )
            return one.self_compose(event.count)
        case DpSgdSteps():
            one = privacy_loss_distribution.from_gaussian_mechanism(
                event.noise_multiplier,
                sampling_prob=event.sample_rate,
                value_discretization_interval=_INTERVAL,
            )
            return one.self_compose(event.steps)
        case NoPrivacy():
            raise ValueError("a release without noise has no privacy loss distribution")
        case _:
            assert_never(event)


def selection_delta(event: Selection) -> float:
    """Delta of all the selections of the event together."""
    return float(-math.expm1(event.count * math.log1p(-event.delta)))


def _rdp_epsilon(events: Sequence[Event], delta: float) -> float:
    accountant = rdp.RdpAccountant()
    for event in events:
        match event:
            case DiscreteGaussian():
                # Never worse than the continuous Gaussian of the same variance parameter (ibid., Theorem 4).
                noise = dp_event.GaussianDpEvent(event.scale / event.sensitivity)
                accountant.compose(noise, event.count)
            case DpSgdSteps():
                noise = dp_event.GaussianDpEvent(event.noise_multiplier)
                accountant.compose(dp_event.PoissonSampledDpEvent(event.sample_rate, noise), event.steps)
            case ExponentialMechanism():
                # epsilon-DP is (epsilon tanh(epsilon / 2))-zCDP (Bun, Steinke 2016, Proposition 3.3).
                rho = event.epsilon * math.tanh(event.epsilon / 2)
                accountant.compose(dp_event.ZCDpEvent(rho), event.count)
            case Selection():
                delta -= selection_delta(event)
            case NoPrivacy():
                return math.inf
            case _:
                assert_never(event)
    return float(accountant.get_epsilon(delta)) if delta > 0 else math.inf

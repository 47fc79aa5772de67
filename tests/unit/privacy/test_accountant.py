"""Epsilon of events: closed forms, published figures, and laws."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from synth.errors import BudgetExceeded
from synth.privacy import accountant
from synth.privacy.budget import (
    Budget,
    DiscreteGaussian,
    DpSgdSteps,
    Event,
    NoPrivacy,
    Selection,
    event_from_dict,
    event_to_dict,
)
from synth.privacy.dpsgd import DpSgdPlan, DpSgdSpec
from synth.privacy.policy import Cap


def cap(budget: Budget, prior: Sequence[Event]) -> Cap:
    return Cap(name="privacy.epsilon", budget=budget, entries=(), streams=(tuple(prior),))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """Balle and Wang 2018, Theorem 8, solved for epsilon."""

    def excess(epsilon: float) -> float:
        left = norm.cdf(mu / 2 - epsilon / mu)
        return left - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu) - delta

    return brentq(excess, 0, 100)


@pytest.mark.parametrize(
    ("sample_rate", "noise_multiplier", "steps", "expected"),
    [(0.01, 1.0, 1000, 1.828), (0.01, 0.6, 1000, 7.434), (0.001, 0.8, 10_000, 0.783), (0.1, 2.0, 300, 4.183)],
)
def test_dp_sgd_costs_what_others_published(
    sample_rate: float, noise_multiplier: float, steps: int, expected: float
) -> None:
    event = DpSgdSteps(sample_rate=sample_rate, noise_multiplier=noise_multiplier, steps=steps)
    assert accountant.epsilon([event], 1e-5) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("scale", "count"), [(30.0, 1), (30.0, 40), (200.0, 9)])
def test_wide_discrete_noise_costs_as_the_gaussian_does(scale: float, count: int) -> None:
    event = DiscreteGaussian(scale=scale, sensitivity=1, count=count)
    expected = gaussian_epsilon(math.sqrt(count) / scale, 1e-6)
    assert accountant.epsilon([event], 1e-6) == pytest.approx(expected, rel=0.01, abs=2e-3)


def test_noise_scaled_with_the_sensitivity_costs_the_same() -> None:
    one = DiscreteGaussian(scale=50.0, sensitivity=1, count=5)
    ten = DiscreteGaussian(scale=500.0, sensitivity=10, count=5)
    assert accountant.epsilon([ten], 1e-5) == pytest.approx(accountant.epsilon([one], 1e-5), rel=0.02)


def test_step_by_step_costs_what_all_at_once_costs() -> None:
    whole = DpSgdSteps(sample_rate=0.02, noise_multiplier=1.2, steps=30)
    part = DpSgdSteps(sample_rate=0.02, noise_multiplier=1.2, steps=1)
    assert accountant.epsilon([part] * 30, 1e-5) == accountant.epsilon([whole], 1e-5)


def test_more_steps_never_lower_epsilon() -> None:
    costs = [
        accountant.epsilon([DpSgdSteps(sample_rate=0.05, noise_multiplier=1.0, steps=n)], 1e-5)
        for n in (1, 10, 100, 1000)
    ]
    assert costs == sorted(costs)
    assert costs[0] > 0


def test_composing_costs_less_than_adding_and_more_than_either() -> None:
    noise = DiscreteGaussian(scale=40.0, sensitivity=1, count=20)
    steps = DpSgdSteps(sample_rate=0.02, noise_multiplier=1.5, steps=500)
    alone = [accountant.epsilon([event], 1e-5) for event in (noise, steps)]
    both = accountant.epsilon([noise, steps], 1e-5)
    assert max(alone) < both < sum(alone)


def test_a_selection_uses_delta_up() -> None:
    noise = DiscreteGaussian(scale=40.0, sensitivity=1, count=1)
    assert accountant.epsilon([noise, Selection(delta=1e-7, count=10)], 1e-5) > accountant.epsilon(
        [noise], 1e-5
    )
    assert accountant.epsilon([noise, Selection(delta=1e-5, count=10)], 1e-5) == math.inf


def test_no_noise_costs_everything_and_nothing_costs_nothing() -> None:
    assert accountant.epsilon([NoPrivacy()], 1e-5) == math.inf
    assert accountant.epsilon([], 1e-5) == 0


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0, 10.0])
def test_gaussian_mu_spends_exactly_the_budget(epsilon: float) -> None:
    mu = accountant.gaussian_mu(Budget(epsilon=epsilon, delta=1e-5))
    assert gaussian_epsilon(mu, 1e-5) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_calibration_fits_the_budget_and_wastes_little_of_it(epsilon: float) -> None:
    prior = [DiscreteGaussian(scale=100.0, sensitivity=1, count=30), Selection(delta=1e-8, count=9)]
    budget = Budget(epsilon=epsilon, delta=1e-5)
    spec = DpSgdSpec(steps=300, max_grad_norm=1.0, sample_rate=0.03, expected_batch_size=1)
    plan = spec.calibrate([cap(budget, prior)], n_units=1000)
    total = accountant.epsilon([*prior, *plan.events], budget.delta)
    assert 0.99 * epsilon < total <= epsilon


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("rate", [0.03, 1.0])
def test_sums_get_about_their_share_and_all_together_fit_the_budget(rate: float, share: float) -> None:
    prior = [DiscreteGaussian(scale=100.0, sensitivity=1, count=30)]
    budget = Budget(epsilon=3.0, delta=1e-5)
    bare = DpSgdSpec(steps=300, max_grad_norm=1.0, sample_rate=rate, expected_batch_size=1)
    plan = replace(bare, sums=6, sums_share=share).calibrate([cap(budget, prior)], n_units=1000)
    assert 0.99 * budget.epsilon < accountant.epsilon([*prior, *plan.events], budget.delta) <= budget.epsilon
    assert DpSgdPlan.for_charged(plan.to_dict(), plan.events) == plan
    steps, sums = plan.events
    # Of mu^2, by the accountant's own epsilon of either alone.
    of_sums, of_both = (
        accountant.gaussian_mu(Budget(epsilon=accountant.epsilon(events, 1e-5), delta=1e-5))
        for events in ([sums], plan.events)
    )
    assert of_sums**2 / of_both**2 == pytest.approx(share, rel=0.5)
    assert accountant.epsilon([steps], 1e-5) < accountant.epsilon(plan.events, 1e-5)


def test_the_same_event_does_not_pay_twice() -> None:
    fields = {
        "sample_rate": 1.0,
        "steps": 5,
        "noise_multiplier": 9.0,
        "max_grad_norm": 1.0,
        "expected_batch_size": 10.0,
        "sums": 5,
        "sums_noise_multiplier": 9.0,
    }
    plan = DpSgdPlan.uncharged(fields)
    assert plan.is_paid_by(plan.events)
    with pytest.raises(ValueError, match="does not pay"):
        DpSgdPlan.for_charged(fields, plan.events[:1])


def test_training_is_refused_when_nothing_is_left() -> None:
    prior = [DiscreteGaussian(scale=1.0, sensitivity=1, count=30)]
    spec = DpSgdSpec(steps=10, max_grad_norm=1.0, sample_rate=0.1, expected_batch_size=1)
    with pytest.raises(BudgetExceeded, match="nothing to spend"):
        spec.calibrate([cap(Budget(epsilon=1, delta=1e-5), prior)], n_units=100)


def test_a_plan_cannot_be_made_by_hand() -> None:
    with pytest.raises(TypeError, match="calibrate"):
        DpSgdPlan(sample_rate=0.1, steps=1, noise_multiplier=0.0, max_grad_norm=1.0, expected_batch_size=1)


def test_a_plan_that_the_ledger_did_not_pay_for_is_refused() -> None:
    spec = DpSgdSpec(steps=10, max_grad_norm=1.0, sample_rate=0.1, expected_batch_size=1)
    plan = spec.calibrate([cap(Budget(epsilon=1, delta=1e-5), [])], n_units=100)
    assert DpSgdPlan.for_charged(plan.to_dict(), plan.events) == plan
    cheaper = {**plan.to_dict(), "noise_multiplier": plan.noise_multiplier / 2}
    with pytest.raises(ValueError, match="does not pay"):
        DpSgdPlan.for_charged(cheaper, plan.events)


@pytest.mark.parametrize(
    "event",
    [
        DiscreteGaussian(scale=3.5, sensitivity=2, count=7),
        Selection(delta=1e-9, count=3),
        DpSgdSteps(sample_rate=0.1, noise_multiplier=1.1, steps=5),
        NoPrivacy(),
    ],
)
def test_an_event_survives_the_book(event: object) -> None:
    assert event_from_dict(event_to_dict(event)) == event  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0.0, -1.0])
def test_budgets_and_events_refuse_numbers_that_are_none(wrong: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        Budget(epsilon=wrong, delta=1e-5)
    with pytest.raises(ValueError, match="must be"):
        DiscreteGaussian(scale=wrong, sensitivity=1, count=1)
    with pytest.raises(ValueError, match="must be"):
        DpSgdSteps(sample_rate=0.1, noise_multiplier=wrong, steps=1)

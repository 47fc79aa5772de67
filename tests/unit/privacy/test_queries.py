"""Queries that look at earlier answers: no more than was paid for, with the noise that was paid for."""

import math

import numpy as np
import pytest

from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, ExponentialMechanism, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.queries import PaidChoices, PaidCounts


def paid(scale: float, count: int) -> PaidCounts:
    event = DiscreteGaussian(scale=scale, sensitivity=1, count=count)
    return PaidCounts(event, Receipt(entry=1, events=(event,)))


def test_no_more_queries_than_were_paid_for() -> None:
    queries = paid(5.0, 10)
    queries.ask(np.zeros(3, dtype=np.int64), 7)
    assert queries.left == 3
    with pytest.raises(ValueError, match="4 queries asked, 3 left"):
        queries.ask(np.zeros(3, dtype=np.int64), 4)
    assert queries.left == 3  # what was refused was not drawn
    queries.ask(np.zeros(3, dtype=np.int64), 3)
    with pytest.raises(ValueError, match="0 left"):
        queries.ask(np.zeros(3, dtype=np.int64))


def test_a_receipt_that_does_not_pay_is_refused() -> None:
    mine = DiscreteGaussian(scale=5.0, sensitivity=1, count=10)
    other = DiscreteGaussian(scale=5.0, sensitivity=1, count=9)
    with pytest.raises(ValueError, match="does not pay"):
        PaidCounts(mine, Receipt(entry=1, events=(other,)))
    with pytest.raises(ValueError, match="does not pay"):
        PaidChoices(NoPrivacy(), Receipt(entry=1, events=(other,)), sensitivity=1)


@pytest.mark.parametrize("times", [1, 4, 25])
def test_the_mean_of_queries_has_the_scale_of_its_share(times: int) -> None:
    # False alarms: 1e-6, twice the tail beyond 4.9 standard errors.
    n, scale = 4000, 30.0
    counts = np.arange(n, dtype=np.int64).reshape(40, 100)
    drawn = paid(scale, times).ask(counts, times).value - counts

    def has(expected: float) -> bool:
        return abs(np.mean(drawn**2) / expected**2 - 1) < 4.9 * math.sqrt(2 / n)

    expected = scale / math.sqrt(times)
    assert has(expected)
    assert not has(0.7 * expected)
    assert not has(1.3 * expected)


def test_without_privacy_answers_are_exact_and_without_limit() -> None:
    bare = PaidCounts(NoPrivacy(), Receipt(entry=1, events=(NoPrivacy(),)))
    assert bare.left is None
    assert bare.ask(np.array([3, 0]), 10_000).value.tolist() == [3.0, 0.0]


def test_choices_follow_permute_and_flip() -> None:
    # Two candidates with a gap of g: the worse wins with probability exp(-epsilon g / 2 sensitivity) / 2.
    # False alarms: 1e-6 by the acceptance; the wrong rates lie 12 standard errors away.
    epsilon, gap, sensitivity, n = 0.5, 9, 3, 12_000
    event = ExponentialMechanism(epsilon=epsilon, count=n)
    choices = PaidChoices(event, Receipt(entry=1, events=(event,)), sensitivity=sensitivity)
    worse = sum(choices.best(np.array([20, 20 - gap])).value for _ in range(n))
    expected = math.exp(-epsilon * gap / (2 * sensitivity)) / 2
    assert abs(worse / n - expected) < 4.9 * math.sqrt(expected * (1 - expected) / n)
    for factor in (0.7, 1.3):
        wrong = math.exp(-factor * epsilon * gap / (2 * sensitivity)) / 2
        assert abs(worse / n - wrong) > 4.9 * math.sqrt(wrong * (1 - wrong) / n)
    with pytest.raises(ValueError, match="no choice is left"):
        choices.best(np.array([1, 2]))


def test_choices_cost_what_pure_composition_says() -> None:
    one = ExponentialMechanism(epsilon=0.7, count=1)
    assert accountant.epsilon([one], 1e-9) == pytest.approx(0.7, abs=1e-3)
    # k-fold randomized response, by summing its binomial privacy loss (Kairouz, Oh, Viswanath 2015).
    epsilon, count, delta = 0.1, 30, 1e-5
    p = math.exp(epsilon) / (1 + math.exp(epsilon))
    losses = [((2 * i - count) * epsilon, math.comb(count, i) * p**i * (1 - p) ** (count - i))
              for i in range(count + 1)]  # fmt: skip

    def delta_at(total: float) -> float:
        return sum(weight * max(0.0, 1 - math.exp(total - loss)) for loss, weight in losses)

    low, high = 0.0, count * epsilon
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_at(middle) > delta else (low, middle)
    many = ExponentialMechanism(epsilon=epsilon, count=count)
    assert accountant.epsilon([many], delta) == pytest.approx(high, rel=2e-3)
    assert accountant.epsilon([one] * 5, 1e-5) == accountant.epsilon(
        [ExponentialMechanism(epsilon=0.7, count=5)], 1e-5
    )


@pytest.mark.parametrize("total", [0.3, 1.0, 10.0])
def test_calibration_spends_all_that_is_left_and_no_more(total: float) -> None:
    budget = Budget(epsilon=total, delta=1e-5)
    prior = [DiscreteGaussian(scale=100.0 / total, sensitivity=1, count=9)]

    def events(scale: float) -> list[DiscreteGaussian | ExponentialMechanism]:
        return [
            DiscreteGaussian(scale=10 * scale, sensitivity=2, count=60),
            ExponentialMechanism(epsilon=0.1 / scale, count=5),
        ]

    scale = accountant.calibrate_scale(prior, budget=budget, events=events, highest=1000.0)
    spent = accountant.epsilon([*prior, *events(scale)], budget.delta)
    assert 0.999 * total < spent <= total
    with pytest.raises(ValueError, match="already spent"):
        accountant.calibrate_scale([*prior, *events(scale / 2)], budget=budget, events=events, highest=9.0)

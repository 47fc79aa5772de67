"""The audit's bounds against mechanisms whose epsilon is known: never above it, and near it for a fault."""

import math

import numpy as np
import pytest
from scipy.stats import norm

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
from synth.privacy.budget import DpSgdSteps

N = 40_000


def worlds(mu: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What is seen without and with a canary that moves noise of 1 / mu by 1."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1 / mu, N), rng.normal(1, 1 / mu, N)


@pytest.mark.parametrize("mu", [0.2, 1.0, 3.0])
def test_the_two_world_bound_is_below_the_truth_and_sees_noise_of_four_fifths(mu: float) -> None:
    bounds = [two_world_mu(*worlds(mu, seed)) for seed in range(20)]
    assert 0.5 * mu < min(bounds) < max(bounds) < mu
    if mu >= 1.0:
        assert all(two_world_mu(*worlds(mu / 0.8, seed)) > mu for seed in range(20))


def test_two_equal_worlds_tell_nothing() -> None:
    same = np.random.default_rng(0).normal(0.5, 1, N)
    assert two_world_mu(same, same) == 0


def scores(mu: float, seed: int, m: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Canaries of which each moves its own score by mu, under noise of 1."""
    rng = np.random.default_rng(seed)
    included = rng.random(m) < 0.5
    return rng.normal(size=m) + mu * included, included


@pytest.mark.parametrize("mu", [0.5, 1.0, 2.0])
def test_the_one_run_bound_is_below_the_truth(mu: float) -> None:
    # A step that every unit joins is the Gaussian mechanism.
    epsilon = accountant.epsilon([DpSgdSteps(sample_rate=1.0, noise_multiplier=1 / mu, steps=1)], 1e-9)
    bounds = [one_run_epsilon(*scores(mu, seed), 1e-9) for seed in range(10)]
    assert max(bounds) < epsilon
    assert min(bounds) > 0.05


def test_canaries_that_show_themselves_prove_as_much_as_their_number_can() -> None:
    # All 1,332 guesses right: the truth is at least log(p / (1 - p)) with p^1332 = 1e-6.
    rate = math.exp(math.log(1e-6) / 1332)
    assert one_run_epsilon(*scores(100.0, 0), 1e-9) == pytest.approx(math.log(rate / (1 - rate)), abs=0.02)


def test_guesses_no_better_than_chance_prove_nothing() -> None:
    values, _ = scores(0.0, 1)
    assert one_run_epsilon(values, np.random.default_rng(2).random(2000) < 0.5, 1e-9) == 0


def test_ranges_hold_what_they_should_and_no_more() -> None:
    low, high = noise_range(N)
    squares = [np.mean(np.random.default_rng(seed).normal(size=N) ** 2) for seed in range(50)]
    assert low < min(squares) < max(squares) < high
    assert not low < 0.9**2 < high
    assert mean_range(3.0, N) == pytest.approx(norm.isf(5e-7) * 3.0 / math.sqrt(N))


def test_bounds_on_single_coordinates_and_pairs_hold_and_are_near() -> None:
    draws = [np.random.default_rng(seed).normal(size=(50, 500)) for seed in range(50)]
    least = [float((noise**2).mean(axis=0).min()) for noise in draws]
    assert least_noise(50, 500) < min(least) < 2 * least_noise(50, 500)
    pairs = [likeness(noise.T) for noise in draws]
    assert 0.8 * most_likeness(500, 50) < max(pairs) < most_likeness(500, 50)


def test_likeness_is_the_greatest_cosine_of_a_pair_and_a_zero_vector_is_like_none() -> None:
    assert likeness(np.array([[1.0, 0], [0, 1], [-3, 3], [0, 0]])) == pytest.approx(math.sqrt(0.5))
    assert likeness(np.array([[1.0, 2], [-2, -4]])) == pytest.approx(1.0)
    assert likeness(np.zeros((2, 3))) == 0

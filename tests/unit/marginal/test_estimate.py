"""Estimation against brute force over the whole joint distribution of a small domain."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from synth.core.domain import Domain
from synth.marginal.estimate import estimate
from synth.marginal.measure import Measurement
from synth.marginal.pairs import mutual_information, pair_marginals
from synth.models.tables import (
    Factor,
    Grouping,
    Tables,
    elimination_order,
    marginalised,
    tables_of_factors,
)

SIZES = (3, 2, 4, 2)
N_ROWS = 5000.0
SCOPES = ((0,), (1,), (2,), (3,), (0, 1), (1, 2), (0, 2))
ALL = (0, 1, 2, 3)


def truth() -> NDArray[np.float64]:
    joint = np.random.default_rng(0).dirichlet(np.full(48, 0.5)).reshape(SIZES)
    return joint * N_ROWS


def measured(stddev: float) -> list[Measurement]:
    rng = np.random.default_rng(1)
    made = []
    for scope in SCOPES:
        exact = marginalised(truth(), ALL, scope)
        values = exact + stddev * rng.normal(size=exact.shape)
        made.append(Measurement(scope=scope, values=values, stddev=max(stddev, 1.0)))
    return made


def fitted(measurements: list[Measurement], **settings: float) -> tuple[Tables, float]:
    found = estimate(SIZES, measurements, n_rows=N_ROWS, tolerance=1e-6, **settings)
    domain = Domain(tuple("abcd"), SIZES)
    groupings = [Grouping.identity(size) for size in SIZES]
    order = elimination_order(SIZES, [factor.scope for factor in found.factors])
    assert found.converged
    return tables_of_factors(domain, groupings, found.factors, order), found.objective


def objective(joint: NDArray[np.float64], measurements: list[Measurement]) -> float:
    return sum(
        float((((marginalised(joint, ALL, m.scope) - m.values) / m.stddev) ** 2).sum() / 2)
        for m in measurements
    )


def brute_force(measurements: list[Measurement]) -> float:
    """The least objective of any distribution, by optimising all 48 cells directly."""

    def of_logits(logits: NDArray[np.float64]) -> float:
        weights = np.exp(logits - logits.max())
        return objective((weights / weights.sum() * N_ROWS).reshape(SIZES), measurements)

    tries = [
        minimize(of_logits, start, method="L-BFGS-B", options={"maxiter": 3000, "maxfun": 10**6})
        for start in (np.zeros(48), np.random.default_rng(2).normal(size=48))
    ]
    return min(float(one.fun) for one in tries)


@pytest.mark.parametrize("stddev", [5.0, 60.0])
def test_no_distribution_fits_better(stddev: float) -> None:
    measurements = measured(stddev)
    _, found = fitted(measurements)
    least = brute_force(measurements)
    assert found <= least * 1.01 + 0.05
    assert found >= least * 0.99 - 0.05


def test_what_is_measured_without_noise_comes_back() -> None:
    tables, found = fitted(measured(0.0))
    assert found < 5.0
    pairs = pair_marginals(tables)
    for scope in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(pairs[scope] * N_ROWS - marginalised(truth(), ALL, scope)).max() < 2.0


def test_what_is_not_measured_is_as_even_as_it_can_be() -> None:
    tables, _ = fitted(measured(0.0))
    pairs = pair_marginals(tables)
    for other in range(3):
        assert mutual_information(pairs[other, 3]) < 1e-9


def of_one_hidden_value(columns: int, codes: int, n_rows: int, stddev: float) -> list[Measurement]:
    """Noisy counts of columns that follow one hidden value, and of pairs at most three apart."""
    rng = np.random.default_rng(0)
    shares = 1.0 / np.arange(1, codes + 1) ** 1.5
    hidden = rng.choice(codes, n_rows, p=shares / shares.sum())
    table = [
        np.where(rng.random(n_rows) < 0.95, hidden, rng.integers(codes, size=n_rows)) for _ in range(columns)
    ]
    near = [(a, b) for a, b in itertools.combinations(range(columns), 2) if b - a <= 3]
    made = []
    for scope in [*((c,) for c in range(columns)), *near]:
        shape = (codes,) * len(scope)
        cells = np.ravel_multi_index([table[c] for c in scope], shape)
        exact = np.bincount(cells, minlength=codes ** len(scope)).reshape(shape)
        made.append(Measurement(scope=scope, values=exact + stddev * rng.normal(size=shape), stddev=stddev))
    return made


@pytest.mark.parametrize(("columns", "codes"), [(5, 2), (5, 12), (14, 5), (20, 3)])
@pytest.mark.parametrize("stddev", [3.0, 40.0])
def test_columns_that_move_together_are_fitted_to_their_noise(
    columns: int, codes: int, stddev: float
) -> None:
    measurements = of_one_hidden_value(columns, codes, 15_000, stddev)
    found = estimate((codes,) * columns, measurements, n_rows=15_000)
    assert found.converged
    assert found.is_sound
    assert found.objective < 0.75 * found.cells


def test_a_fit_that_contradicts_its_measurements_is_not_sound() -> None:
    contradicting = [
        Measurement(scope=(0,), values=np.array([900.0, 100.0]), stddev=5.0),
        Measurement(scope=(0, 1), values=np.array([[50.0, 50.0], [450.0, 450.0]]), stddev=5.0),
        Measurement(scope=(1,), values=np.array([500.0, 500.0]), stddev=5.0),
    ]
    assert not estimate((2, 2), contradicting, n_rows=1000).is_sound


def test_a_warm_start_needs_fewer_steps() -> None:
    measurements = measured(5.0)
    cold = estimate(SIZES, measurements, n_rows=N_ROWS, tolerance=1e-6)
    warm = estimate(SIZES, measurements, n_rows=N_ROWS, tolerance=1e-6, warm=cold.factors)
    assert warm.steps < cold.steps
    assert warm.objective == pytest.approx(cold.objective, rel=0.01, abs=0.05)


def test_time_that_runs_out_is_told() -> None:
    assert not estimate(SIZES, measured(5.0), n_rows=N_ROWS, max_seconds=0.0).converged


def test_pairs_of_a_model_are_those_of_its_enumeration() -> None:
    sizes = (3, 4, 2, 5, 3, 2)
    rng = np.random.default_rng(3)
    scopes = ((0, 1), (1, 2), (2, 3), (0, 3), (3, 4))
    factors = [Factor(scope, rng.normal(size=[sizes[c] for c in scope])) for scope in scopes]
    everything = tuple(range(6))
    joint = np.exp(sum(factor.over(everything) for factor in factors)) * np.ones(sizes)
    joint /= joint.sum()
    tables = tables_of_factors(
        Domain(tuple("abcdef"), sizes),
        [Grouping.identity(size) for size in sizes],
        factors,
        elimination_order(sizes, scopes),
    )
    found = pair_marginals(tables)
    assert set(found) == set(itertools.combinations(range(6), 2))
    for scope, pair in found.items():
        assert np.abs(pair - marginalised(joint, everything, scope)).max() < 1e-12

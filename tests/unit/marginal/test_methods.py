"""The methods on a small table: what they charge, what they learn, and that they never overspend."""

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from small import problem_of, table

from synth.config.model import MarginalMethod, MarginalSettings, MixtureSettings
from synth.errors import BudgetExceeded
from synth.marginal.answers import Answers, KeptCounts
from synth.marginal.learn import learn, spec_of
from synth.marginal.measure import Measurement, combined, noise_error, shared_out
from synth.marginal.mixture import FittedMixture
from synth.marginal.mst import spanning_tree
from synth.marginal.pairs import pair_marginals
from synth.marginal.plan import MeasuringPlan
from synth.marginal.problem import Fitted, Problem, score
from synth.models.mixture import pair_marginals as mixture_pairs
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Event, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.policy import Cap
from synth.privacy.queries import PaidCounts

METHODS = list(MarginalMethod)


def learned(
    method: MarginalMethod, problem: Problem, plan: MeasuringPlan
) -> tuple[dict[tuple[int, ...], NDArray[np.float64]], Fitted | FittedMixture]:
    """Every pair under the model that a method learns, and the model."""
    settings = MarginalSettings(method=method, mixture=MixtureSettings(fits=1, parts=16))
    fitted = learn(settings, problem, plan, Receipt(entry=1, events=plan.charge))
    if isinstance(fitted, FittedMixture):
        return dict(mixture_pairs(fitted.mixture.parts)), fitted
    return pair_marginals(fitted.tables), fitted


BUDGET = Budget(epsilon=1.0, delta=1e-5)
PRIOR = [DiscreteGaussian(scale=60.0, sensitivity=1, count=30)]


def cap(prior: list[Event], budget: Budget = BUDGET) -> Cap:
    return Cap(name="privacy.epsilon", budget=budget, entries=(), streams=(tuple(prior),))


def plan_of(method: MarginalMethod, problem: Problem, max_rows: int = 1) -> MeasuringPlan:
    return spec_of(method, len(problem.sizes), len(problem.pairs), max_rows).calibrate([cap(PRIOR)])


@pytest.mark.parametrize("method", METHODS)
def test_the_charge_is_all_that_is_left_of_the_budget(method: MarginalMethod, problem: Problem) -> None:
    plan = plan_of(method, problem)
    spent = accountant.epsilon([*PRIOR, *plan.charge], BUDGET.delta)
    assert 0.999 < spent <= 1.0
    with pytest.raises(BudgetExceeded, match="too little to learn from"):
        spec_of(method, 5, 10, 1).calibrate([cap([*PRIOR, *plan.charge])])


@pytest.mark.parametrize("method", METHODS)
def test_an_entity_of_many_rows_gets_as_much_more_noise(method: MarginalMethod, problem: Problem) -> None:
    one, four = plan_of(method, problem).events, plan_of(method, problem, max_rows=4).events
    for name, event in one.items():
        wide = four[name]
        if isinstance(event, DiscreteGaussian) and isinstance(wide, DiscreteGaussian):
            assert wide.sensitivity == 4
            assert wide.scale == pytest.approx(4 * event.scale, rel=0.01)
        else:
            assert wide.epsilon == pytest.approx(event.epsilon, rel=0.01)  # type: ignore[union-attr]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_the_ties_under_the_budget(method: MarginalMethod, problem: Problem) -> None:
    plan = plan_of(method, problem)
    found, _ = learned(method, problem, plan)
    distances, ties = [], []
    for scope, counts in problem.pairs.items():
        real = counts / counts.sum()
        apart = np.outer(real.sum(axis=1), real.sum(axis=0))
        distances.append(np.abs(found[scope] - real).sum() / 2)
        ties.append(np.abs(apart - real).sum() / 2)
    assert np.mean(distances) < 0.4 * np.mean(ties)


@pytest.mark.parametrize("method", METHODS)
def test_without_privacy_the_tables_of_strong_ties_are_near_exact(
    method: MarginalMethod, problem: Problem
) -> None:
    plan = spec_of(method, 5, len(problem.pairs), 1).without_privacy()
    assert plan.charge == (NoPrivacy(),)
    found = learned(method, problem, plan)[0][0, 1]
    real = problem.pairs[0, 1] / problem.pairs[0, 1].sum()
    assert np.abs(found - real).sum() / 2 < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_no_method_draws_more_than_its_events(
    method: MarginalMethod, problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[Event, int] = {}
    ask, each = PaidCounts.ask, PaidCounts.each

    def counting(self: PaidCounts, counts: np.ndarray, times: int = 1) -> object:
        drawn[self._event] = drawn.get(self._event, 0) + times
        return ask(self, counts, times)

    def counting_each(self: PaidCounts, counts: np.ndarray) -> object:
        drawn[self._event] = drawn.get(self._event, 0) + counts.size
        return each(self, counts)

    monkeypatch.setattr(PaidCounts, "ask", counting)
    monkeypatch.setattr(PaidCounts, "each", counting_each)
    plan = plan_of(method, problem)
    learned(method, problem, plan)
    for event, times in drawn.items():
        assert event in plan.charge
        assert isinstance(event, DiscreteGaussian)
        assert times <= event.count
    cells = plan.events["cells"]
    assert isinstance(cells, DiscreteGaussian)
    assert drawn[cells] == cells.count  # nothing that was paid for is wasted


def test_one_row_moves_each_score_by_at_most_one() -> None:
    rows = table(3000)
    paid = PaidCounts(NoPrivacy(), Receipt(entry=1, events=(NoPrivacy(),)))
    bare = KeptCounts(paid, "scores", Answers.unkept(1))
    reference = problem_of(rows)
    expected = {s: np.full(c.shape, 3000 / c.size) for s, c in reference.pairs.items()}
    before = score(reference, reference.pairs, expected, bare)
    for n_rows in (1, 5):
        moved = []
        for seed in range(30):
            extra = np.repeat(table(3000)[seed : seed + 1], n_rows, axis=0)
            changed = problem_of(np.concatenate([rows, extra]), n_rows=3000)
            after = score(changed, changed.pairs, expected, bare)
            moved += [abs(after[s] - before[s]) * 2 * 3000 for s in before]
        assert max(moved) == pytest.approx(n_rows)


def test_a_clique_that_would_be_too_large_is_not_chosen() -> None:
    small = problem_of(table(), max_cells=20)
    plan = spec_of(MarginalMethod.ROUNDS, 5, len(small.pairs), 1).without_privacy()
    _, fitted = learned(MarginalMethod.ROUNDS, small, plan)
    assert isinstance(fitted, Fitted)
    assert max(joint.size for _, joint in fitted.tables.families.values()) <= 20


def test_queries_go_where_they_lower_the_sum_of_errors_most() -> None:
    weights = {(0, 1): 100.0, (1, 2): 10.0, (2, 3): 1.0}
    times = shared_out(weights, 300)
    assert sum(times.values()) == 300

    def total(split: dict[tuple[int, ...], int]) -> float:
        return sum(weight / math.sqrt(split[scope]) for scope, weight in weights.items())

    for gains, loses in itertools.permutations(weights, 2):
        if times[loses] > 1:
            moved = {**times, gains: times[gains] + 1, loses: times[loses] - 1}
            assert total(moved) >= total(times) * (1 - 1e-3)


def test_measurements_of_one_scope_add_up_by_precision() -> None:
    rough = Measurement(scope=(0,), values=np.array([10.0, 0.0]), stddev=2.0)
    fine = Measurement(scope=(0,), values=np.array([0.0, 5.0]), stddev=1.0)
    (one,) = combined([rough, fine])
    assert one.values.tolist() == [2.0, 4.0]
    assert one.stddev == pytest.approx(math.sqrt(1 / 1.25))


def test_noise_is_not_foreseen_to_take_more_than_there_is() -> None:
    full = np.full(100, 100.0)
    assert noise_error(full, 1.0, 10_000) == pytest.approx(math.sqrt(2 / math.pi) * 100 / 20_000)
    empty = np.zeros(100)
    assert noise_error(empty, 1.0, 10_000) == 0.0


def test_the_tree_is_the_heaviest() -> None:
    scores = {(0, 1): 0.5, (1, 2): 0.4, (0, 2): 0.45, (2, 3): 0.1}
    assert spanning_tree(4, scores) == [(0, 1), (0, 2), (2, 3)]
    assert spanning_tree(4, {(0, 1): 1.0}) == [(0, 1)]


def test_the_tightest_cap_decides(problem: Problem) -> None:
    spec = spec_of(MarginalMethod.MST, 5, len(problem.pairs), 1)
    tight, wide = Budget(epsilon=0.5, delta=1e-5), Budget(epsilon=3.0, delta=1e-5)
    both = spec.calibrate([cap(PRIOR, wide), cap(PRIOR, tight)])
    assert both.charge == spec.calibrate([cap(PRIOR, tight)]).charge
    assert both.charge != spec.calibrate([cap(PRIOR, wide)]).charge


def test_a_plan_cannot_be_made_by_hand() -> None:
    with pytest.raises(TypeError, match="calibrate"):
        MeasuringPlan(events={}, max_rows=1)


def test_a_table_of_one_column_needs_no_pairs() -> None:
    for method in METHODS:
        assert set(spec_of(method, 1, 0, 1).parts) == {"columns"}

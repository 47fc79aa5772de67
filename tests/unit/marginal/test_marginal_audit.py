"""The audit of measured marginals passes the product and sees planted faults; false alarms: 1e-6 a check."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.config.model import MarginalMethod
from synth.marginal.audit import audit_measuring
from synth.marginal.count import CountPlan
from synth.marginal.learn import spec_of
from synth.marginal.problem import Problem
from synth.privacy import queries
from synth.privacy.budget import Budget
from synth.privacy.policy import Cap
from synth.privacy.queries import PaidChoices

BUDGET = Budget(epsilon=3.0, delta=1e-5)


def failed(problem: Problem, method: MarginalMethod, max_rows: int = 3) -> set[str]:
    cap = Cap(name="privacy.epsilon", budget=BUDGET, entries=(), streams=((),))
    plan = spec_of(method, len(problem.sizes), len(problem.pairs), max_rows).calibrate([cap])
    checks = audit_measuring(plan, problem.groupings, tuple(problem.pairs), lambda line: None)
    return {check.name for check in checks if not check.passes}


@pytest.mark.parametrize("method", list(MarginalMethod))
def test_the_answers_of_every_method_pass(problem: Problem, method: MarginalMethod) -> None:
    assert failed(problem, method) == set()


def test_less_noise_is_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = queries.discrete_gaussian
    monkeypatch.setattr(queries, "discrete_gaussian", lambda scale, n: honest(0.7 * scale, n))
    found = failed(problem, MarginalMethod.MIXTURE)
    assert {"noise of cells", "noise of columns"} <= found
    assert {"least noise of a coordinate, cells", "least noise of a coordinate, columns"} <= found


def test_noise_that_is_used_twice_is_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = queries.discrete_gaussian

    def repeated(scale: float, n: int) -> NDArray[np.int64]:
        return np.resize(honest(scale, (n + 1) // 2), n)

    monkeypatch.setattr(queries, "discrete_gaussian", repeated)
    assert "likeness of two coordinates, cells" in failed(problem, MarginalMethod.MIXTURE)


def test_exact_answers_are_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "discrete_gaussian", lambda scale, n: np.zeros(n, dtype=np.int64))
    assert {"noise of whole marginals, cells", "mu of 10 answers, at least, cells"} <= failed(
        problem, MarginalMethod.MIXTURE
    )


def test_a_row_that_counts_twice_is_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = CountPlan.count
    monkeypatch.setattr(CountPlan, "count", lambda plan, codes: 2 * honest(plan, codes))
    found = failed(problem, MarginalMethod.MIXTURE)
    assert {"rows of a canary, cells", "signal of a canary, cells", "rows of a canary, columns"} <= found


def test_a_choice_by_too_little_noise_is_caught(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    if "aim" not in list(MarginalMethod):
        pytest.skip("no method chooses by the exponential mechanism")
    honest = PaidChoices.best
    monkeypatch.setattr(PaidChoices, "best", lambda self, scores: honest(self, 100 * scores))
    assert "epsilon of a choice, at least, choices" in failed(problem, MarginalMethod("aim"))

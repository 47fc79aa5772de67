"""Answers are drawn once: a second run of a method gets them again, and never more than was paid for."""

from pathlib import Path

import numpy as np
import pytest
from small import problem_of, table

from synth.config.model import MarginalMethod, MarginalSettings, MixtureSettings
from synth.errors import ArtifactError
from synth.marginal import mixture, mst, rounds
from synth.marginal.answers import Answers, KeptCounts
from synth.marginal.learn import learn, spec_of
from synth.marginal.plan import MeasuringPlan
from synth.privacy.budget import Budget, DiscreteGaussian, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.policy import Cap
from synth.privacy.queries import PaidCounts

EVENT = DiscreteGaussian(scale=50.0, sensitivity=1, count=6)
RECEIPT = Receipt(entry=7, events=(EVENT,))


class Killed(BaseException):
    """What stands for a kill."""


def kept(answers: Answers) -> KeptCounts:
    return KeptCounts(PaidCounts(EVENT, RECEIPT, used=answers.used("cells")), "cells", answers)


def stored(answers: Answers, folder: Path) -> Answers:
    answers.store(folder)
    return Answers.load(folder, lambda again: None)


def test_the_same_questions_get_the_same_answers(tmp_path: Path) -> None:
    counts = np.arange(6).reshape(2, 3)
    first = Answers(entry=7)
    paid = kept(first)
    before = [paid.ask("one", counts, 2), paid.each("scores", np.array([5, 6]))]
    again = stored(first, tmp_path)
    assert again.entry == 7
    paid = kept(again)
    after = [paid.ask("one", counts, 2), paid.each("scores", np.array([5, 6]))]
    for left, right in zip(before, after, strict=True):
        assert np.array_equal(left, right)
    assert paid.left == 2
    assert not np.array_equal(paid.ask("new", counts, 1), counts)


def test_other_questions_are_drawn_anew_within_what_was_paid_for(tmp_path: Path) -> None:
    first = Answers(entry=7)
    kept(first).ask("one", np.zeros(3, np.int64), 4)
    again = stored(first, tmp_path)
    paid = kept(again)
    paid.ask("another", np.zeros(3, np.int64), 2)
    with pytest.raises(ValueError, match="0 left of those that were paid for"):
        paid.ask("a third", np.zeros(3, np.int64), 1)


def test_damaged_answers_are_refused(tmp_path: Path) -> None:
    first = Answers(entry=7)
    kept(first).ask("one", np.zeros(3, np.int64), 4)
    first.store(tmp_path)
    (tmp_path / "answers.npz").write_bytes(b"PK")
    with pytest.raises(ArtifactError, match="damaged"):
        Answers.load(tmp_path, lambda again: None)


def plan_of(method: MarginalMethod) -> MeasuringPlan:
    budget = Budget(epsilon=1.0, delta=1e-5)
    cap = Cap(name="all", budget=budget, entries=(), streams=((),))
    return spec_of(method, 5, 10, 1).calibrate([cap])


@pytest.mark.parametrize(
    ("method", "module", "killed_at"),
    [
        (MarginalMethod.MIXTURE, mixture, 1),
        (MarginalMethod.ROUNDS, rounds, 2),
        (MarginalMethod.ROUNDS, rounds, 3),
        (MarginalMethod.MST, mst, 2),
    ],
)
def test_a_killed_fit_goes_on_from_all_that_was_drawn(
    method: MarginalMethod, module: object, killed_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = MarginalSettings(method=method, mixture=MixtureSettings(fits=1, parts=4, steps=50))
    plan = plan_of(method)
    receipt = Receipt(entry=7, events=plan.charge)
    name = "fitted" if method is MarginalMethod.MIXTURE else "fit"
    real, calls = getattr(module, name), []

    def killing(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == killed_at:
            raise Killed
        return real(*arguments)

    monkeypatch.setattr(module, name, killing)
    answers = Answers(entry=7, write=lambda all_: all_.store(tmp_path))
    with pytest.raises(Killed):
        learn(settings, problem_of(table(), answers=answers), plan, receipt)
    again = Answers.load(tmp_path, lambda all_: all_.store(tmp_path))
    assert len(again.kept) == len(answers.kept) > 0
    fitted = learn(settings, problem_of(table(), answers=again), plan, receipt)
    # What the model is fitted to begins with the very values of the killed run.
    values = {one.label: one.values for one in answers.kept if one.label.startswith("marginal")}
    for one in fitted.measurements:
        if f"marginal {one.scope}" in values and len(one.scope) == 1:
            assert np.allclose(one.values, values[f"marginal {one.scope}"], rtol=1e-12)
    for before, after in zip(answers.kept, again.kept[: len(answers.kept)], strict=True):
        assert before.label == after.label
        assert np.array_equal(before.values, after.values)
    for part, event in plan.events.items():
        assert isinstance(event, DiscreteGaussian)
        assert sum(one.times for one in again.kept if one.part == part) <= event.count


def test_a_charged_plan_comes_back_from_the_ledgers_events() -> None:
    for method in MarginalMethod:
        plan = plan_of(method)
        assert spec_of(method, 5, 10, 1).for_charged(plan.charge).events == plan.events
    with pytest.raises(ValueError, match="does not pay"):
        spec_of(MarginalMethod.MIXTURE, 5, 10, 1).for_charged(plan_of(MarginalMethod.ROUNDS).charge)
    assert not spec_of(MarginalMethod.MIXTURE, 5, 10, 1).for_charged([NoPrivacy()]).is_private


def test_answers_are_written_before_they_are_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method, at every fit: nothing that was drawn is unwritten."""
    for method, module in (
        (MarginalMethod.MIXTURE, mixture),
        (MarginalMethod.ROUNDS, rounds),
        (MarginalMethod.MST, mst),
    ):
        written: list[int] = []
        answers = Answers(entry=7, write=lambda all_, w=written: w.append(len(all_.kept)))  # type: ignore[misc]
        name = "fitted" if method is MarginalMethod.MIXTURE else "fit"
        real = getattr(module, name)

        def checking(
            *arguments: object, a: Answers = answers, w: list[int] = written, r: object = real
        ) -> object:
            assert w
            assert w[-1] == len(a.kept)
            return r(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(module, name, checking)
        plan = plan_of(method)
        settings = MarginalSettings(method=method, mixture=MixtureSettings(fits=1, parts=4, steps=50))
        learn(settings, problem_of(table(), answers=answers), plan, Receipt(entry=7, events=plan.charge))

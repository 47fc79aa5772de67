"""Limits on a table: whoever asks, whatever the configuration says."""

from dataclasses import replace
from pathlib import Path

import pytest

from synth.errors import BudgetExceeded
from synth.privacy import accountant, ledger
from synth.privacy.budget import Budget, DiscreteGaussian, NoPrivacy, Spend
from synth.privacy.dpsgd import DpSgdSpec
from synth.privacy.ledger import Ledger
from synth.privacy.policy import Cap, Period, Policy

DELTA = 1e-5
EVENT = DiscreteGaussian(scale=10.0, sensitivity=1, count=1)
SPEND = Spend(table="t", unit="row", stage="prepare", events=(EVENT,), run="r" * 16, config="c")


def budget(count: int, delta: float = DELTA) -> Budget:
    """As much as that many EVENTs cost, and a little more."""
    whole = DiscreteGaussian(scale=10.0, sensitivity=1, count=count)
    return Budget(epsilon=accountant.epsilon([whole], delta) * 1.001, delta=delta)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def at(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    monkeypatch.setattr(ledger, "_now", lambda: moment)


@pytest.mark.parametrize(
    ("period", "moment", "name"),
    [
        (Period.DAY, "2026-12-31T23:59:59+00:00", "2026-12-31"),
        (Period.DAY, "2027-01-01T00:00:00+00:00", "2027-01-01"),
        (Period.DAY, "2027-01-01T00:30:00+02:00", "2026-12-31"),
        (Period.WEEK, "2026-11-29T23:59:59+00:00", "2026-W48"),
        (Period.WEEK, "2026-11-30T00:00:00+00:00", "2026-W49"),
        (Period.WEEK, "2027-01-03T23:59:59+00:00", "2026-W53"),
        (Period.WEEK, "2027-01-04T00:00:00+00:00", "2027-W01"),
        (Period.MONTH, "2026-11-30T23:59:59+00:00", "2026-11"),
        (Period.MONTH, "2026-12-01T00:00:00+00:00", "2026-12"),
        (Period.MONTH, "2026-11-30T23:30:00-01:00", "2026-12"),
        (Period.YEAR, "2026-12-31T23:59:59+00:00", "2026"),
        (Period.YEAR, "2026-12-31T23:59:59-05:00", "2027"),
    ],
)
def test_periods_are_those_of_the_calendar_in_utc(period: Period, moment: str, name: str) -> None:
    assert period.of(moment) == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"period": Period.DAY},
        {"period_epsilon": 1.0},
        {"period": Period.DAY, "period_epsilon": 0.0},
        {"period": Period.DAY, "period_epsilon": float("nan")},
    ],
)
def test_a_period_and_its_epsilon_come_together(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="epsilon"):
        Policy(total=budget(1), **wrong)  # type: ignore[arg-type]


def test_a_cap_per_month_refuses_and_names_who_spent_it_until_the_next_month(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.set_policy("t", Policy(total=budget(9), period=Period.MONTH, period_epsilon=budget(2).epsilon))
    monkeypatch.setattr(ledger, "_user", lambda: "ada")
    at(monkeypatch, "2026-11-03T10:00:00+00:00")
    book.reserve(SPEND, budget(9))
    at(monkeypatch, "2026-11-30T23:59:59+00:00")
    book.reserve(replace(SPEND, stage="train"), budget(9))
    with pytest.raises(BudgetExceeded) as error:
        book.reserve(SPEND, budget(9))
    said = str(error.value)
    spent = accountant.epsilon([EVENT, EVENT], DELTA)
    assert "the policy's cap for month 2026-11" in said
    assert "prepare by ada in run rrrrrrrr on 2026-11-03" in said
    assert "train by ada in run rrrrrrrr on 2026-11-30" in said
    assert f"{spent:.4g} of {budget(2).epsilon:.4g} is spent" in said
    assert f"{budget(2).epsilon - spent:.4g} is left" in said
    at(monkeypatch, "2026-12-01T00:00:00+00:00")
    book.reserve(SPEND, budget(9))
    assert len(book.entries("t")) == 3


def test_another_months_spending_still_counts_against_the_total(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.set_policy("t", Policy(total=budget(2), period=Period.MONTH, period_epsilon=budget(1).epsilon))
    for moment in ("2026-10-01T00:00:00+00:00", "2026-11-01T00:00:00+00:00"):
        at(monkeypatch, moment)
        book.reserve(SPEND, budget(9))
    at(monkeypatch, "2026-12-01T00:00:00+00:00")
    with pytest.raises(BudgetExceeded, match="under the table's policy"):
        book.reserve(SPEND, budget(9))


@pytest.mark.parametrize(
    ("configured", "policy", "name"), [(3, 1, "the table's policy"), (1, 3, "privacy.epsilon")]
)
def test_the_smaller_of_policy_and_configuration_holds(
    book: Ledger, configured: int, policy: int, name: str
) -> None:
    book.set_policy("t", Policy(total=budget(policy)))
    book.reserve(SPEND, budget(configured))
    for ask in (book.check, book.reserve):
        with pytest.raises(BudgetExceeded, match=f"is left under {name} "):
            ask(SPEND, budget(configured))
    assert len(book.entries("t")) == 1


def test_a_policy_is_kept_and_limits_its_own_table_alone(book: Ledger, tmp_path: Path) -> None:
    policy = Policy(total=budget(1), period=Period.WEEK, period_epsilon=0.01)
    assert book.policy("t") is None
    book.set_policy("t", policy)
    assert Ledger(f"sqlite:///{tmp_path / 'ledger.db'}").policy("t") == policy
    assert book.policy("another") is None
    book.reserve(replace(SPEND, table="another"), budget(1))
    with pytest.raises(BudgetExceeded):
        book.reserve(SPEND, budget(1))


def test_the_last_policy_holds(book: Ledger) -> None:
    book.set_policy("t", Policy(total=budget(1)))
    book.reserve(SPEND, budget(9))
    book.set_policy("t", Policy(total=budget(2)))
    book.reserve(SPEND, budget(9))
    book.set_policy("t", Policy(total=budget(1)))
    assert book.policy("t") == Policy(total=budget(1))
    with pytest.raises(BudgetExceeded, match="0 is left under the table's policy"):
        book.reserve(SPEND, budget(9))


def test_a_run_without_privacy_is_refused_under_a_policy(book: Ledger) -> None:
    bare = replace(SPEND, events=(NoPrivacy(),))
    book.reserve(bare, None)
    book.set_policy("t", Policy(total=budget(9)))
    for ask in (book.check, book.reserve):
        with pytest.raises(BudgetExceeded, match=r"has a policy.*no privacy at all; set privacy\.epsilon"):
            ask(bare, None)
    assert len(book.entries("t")) == 1


def test_training_gets_the_noise_of_the_tightest_cap(book: Ledger) -> None:
    book.reserve(replace(SPEND, events=(DiscreteGaussian(scale=100.0, sensitivity=1, count=1),)), budget(99))
    book.set_policy(
        "t", Policy(total=Budget(epsilon=2.0, delta=DELTA), period=Period.DAY, period_epsilon=1.0)
    )
    limits = book.caps("t", Budget(epsilon=3.0, delta=1e-6), None)
    assert [cap.budget.epsilon for cap in limits] == [3.0, 2.0, 1.0]
    spec = DpSgdSpec(steps=200, max_grad_norm=1.0, sample_rate=0.03, expected_batch_size=1)
    alone = [spec.calibrate([cap], n_units=1000).noise_multiplier for cap in limits]
    plan = spec.calibrate(limits, n_units=1000)
    assert plan.noise_multiplier == max(alone) == alone[2]
    for cap in limits:
        assert cap.epsilon(plan.events) <= cap.budget.epsilon
    book.reserve(replace(SPEND, stage="train", events=plan.events), Budget(epsilon=3.0, delta=1e-6))


def test_the_tightest_cap_may_be_the_one_with_less_delta_or_more_spent() -> None:
    spec = DpSgdSpec(steps=200, max_grad_norm=1.0, sample_rate=0.03, expected_batch_size=1)

    def cap(epsilon: float, delta: float, *prior: DiscreteGaussian) -> Cap:
        return Cap(name="c", budget=Budget(epsilon=epsilon, delta=delta), entries=(), streams=(prior,))

    spent = DiscreteGaussian(scale=5.0, sensitivity=1, count=1)
    for limits in ([cap(1.0, 1e-5), cap(1.0, 1e-9)], [cap(1.0, 1e-5), cap(1.2, 1e-5, spent)]):
        loose, tight = (spec.calibrate([limit], n_units=1000).noise_multiplier for limit in limits)
        assert tight > loose
        for order in (limits, limits[::-1]):
            assert spec.calibrate(order, n_units=1000).noise_multiplier == tight

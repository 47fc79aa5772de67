"""Charges on partitions: every kind of unit is held to the cap, not only the one that leads so far."""

from dataclasses import replace
from pathlib import Path

import pytest

from synth.errors import BudgetExceeded
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Event, Partitions, Selection, Spend
from synth.privacy.dpsgd import DpSgdSpec
from synth.privacy.entry import epsilon_of
from synth.privacy.ledger import Ledger

BUDGET = Budget(epsilon=4.0, delta=1e-5)
SPENT_EPSILON = DiscreteGaussian(scale=2.0, sensitivity=1, count=1)
SPENT_DELTA = Selection(delta=9e-6, count=1)


def day(*values: str) -> Partitions:
    return Partitions(column="DAY", values=values)


def spend(event: Event, partitions: Partitions | None = None) -> Spend:
    return Spend(
        table="t", unit="row", stage="s", events=(event,), run="r", config="c", partitions=partitions
    )


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    """Units of day 1 have spent their epsilon, those of day 2 their delta."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.reserve(spend(SPENT_EPSILON, day("1")), BUDGET)
    ledger.reserve(spend(SPENT_DELTA, day("2")), BUDGET)
    return ledger


def test_a_charge_that_fits_only_the_unit_that_leads_is_refused(book: Ledger) -> None:
    more_delta = spend(Selection(delta=5e-6, count=1))
    assert accountant.epsilon([SPENT_EPSILON, *more_delta.events], BUDGET.delta) < BUDGET.epsilon
    with pytest.raises(BudgetExceeded, match="epsilon=inf"):
        book.reserve(more_delta, BUDGET)
    with pytest.raises(BudgetExceeded):
        book.check(replace(more_delta, partitions=day("1", "2")), BUDGET)
    assert len(book.entries("t")) == 2
    book.reserve(replace(more_delta, partitions=day("1")), BUDGET)
    assert epsilon_of(book.entries("t"), BUDGET.delta) <= BUDGET.epsilon


def test_training_is_calibrated_for_every_unit(book: Ledger) -> None:
    spec = DpSgdSpec(steps=200, max_grad_norm=1.0, sample_rate=0.05, expected_batch_size=1)
    plan = spec.calibrate(book.caps("t", BUDGET, None), n_units=1000)
    alone = {
        name: spec.calibrate(book.caps("t", BUDGET, day(name)), n_units=1000).noise_multiplier
        for name in ("1", "2")
    }
    assert plan.noise_multiplier == max(alone.values())
    book.reserve(spend(*plan.events), BUDGET)
    assert 0.95 * BUDGET.epsilon < epsilon_of(book.entries("t"), BUDGET.delta) <= BUDGET.epsilon * (1 + 1e-6)


def test_training_gets_the_noise_that_the_unit_behind_needs(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.reserve(spend(DiscreteGaussian(scale=20.0, sensitivity=1, count=1), day("leads")), BUDGET)
    ledger.reserve(spend(Selection(delta=9.9e-6, count=1), day("behind")), BUDGET)
    spec = DpSgdSpec(steps=200, max_grad_norm=1.0, sample_rate=0.05, expected_batch_size=1)
    leading = spec.calibrate(ledger.caps("t", BUDGET, day("leads")), n_units=1000)
    whole = spec.calibrate(ledger.caps("t", BUDGET, None), n_units=1000)
    assert whole.noise_multiplier > 1.05 * leading.noise_multiplier
    ledger.reserve(spend(*whole.events), BUDGET)
    with pytest.raises(BudgetExceeded):
        ledger.check(spend(*leading.events), BUDGET)

"""The plan of a run, from its configuration and the book alone."""

from pathlib import Path

import pytest

from synth.config.sections import Config
from synth.privacy.budget import Budget, Selection, Spend
from synth.privacy.ledger import Ledger
from synth.privacy.policy import Period, Policy
from synth.spending import describe_plan, within

CONFIG = Config.model_validate(
    {"name": "t", "source": {"path": "/d"}, "privacy": {"epsilon": 3.0, "delta": 1e-5}}
)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def after(book: Ledger) -> dict[str, float]:
    return {stage: epsilon for stage, _, epsilon in describe_plan(CONFIG, book) if epsilon is not None}


def test_the_plan_climbs_to_the_cap(book: Ledger) -> None:
    planned = after(book)
    assert list(planned) == ["before this run", "scan", "prepare", "train"]
    assert 0 == planned["before this run"] < planned["scan"] < planned["prepare"] < planned["train"] == 3


def test_the_plan_keeps_to_a_policy_that_allows_less(book: Ledger) -> None:
    free = after(book)
    total = Budget(epsilon=1.0, delta=1e-6)
    book.set_policy("t", Policy(total=total, period=Period.MONTH, period_epsilon=0.5))
    bound = after(book)
    assert bound["prepare"] < free["prepare"] / 3
    assert bound["train"] == 1.0
    lowered = within(CONFIG.privacy, book.policy("t"))
    assert (lowered.epsilon, lowered.delta) == (0.5, 1e-6)


def test_the_plan_starts_from_what_the_book_holds(book: Ledger) -> None:
    spent = Spend(
        table="t", unit="row", stage="scan", events=(Selection(delta=8e-6, count=1),), run="r", config="c"
    )
    free = after(book)
    book.reserve(spent, Budget(epsilon=3.0, delta=1e-5))
    assert after(book)["scan"] > 1.1 * free["scan"]


def test_the_plan_tells_of_noisy_sums_and_of_ranks_that_may_be_lost(book: Ledger) -> None:
    model = {"kind": "vae", "vae": {"prior": "mixture", "prior_turns": 4, "prior_share": 0.2}}
    asked = CONFIG.model_dump() | {"model": model, "train": {"min_ranks": 1}}
    (words,) = (
        words for stage, words, _ in describe_plan(Config.model_validate(asked), book) if stage == "train"
    )
    assert "4 noisy sums beside them (about 20% of the training's mu^2), down to 1 if ranks are lost" in words

"""The book: nobody can overspend it, and what is written stays written."""

import multiprocessing
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from synth.errors import BudgetExceeded, ConfigError
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, NoPrivacy, Spend
from synth.privacy.ledger import Ledger, private_events
from synth.privacy.view import spent

BUDGET = Budget(epsilon=1.0, delta=1e-5)


def spend(scale: float, stage: str = "prepare", table: str = "t", count: int = 1) -> Spend:
    event = DiscreteGaussian(scale=scale, sensitivity=1, count=count)
    return Spend(table=table, unit="row", stage=stage, events=(event,), run="r" * 16, config="c")


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"


def test_epsilon_of_the_replayed_book_is_epsilon_of_the_live_one(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    live = [book.reserve(spend(20.0 + i), BUDGET).events[0] for i in range(4)]
    replayed = private_events(Ledger(url(tmp_path)).entries("t"))
    assert accountant.epsilon(replayed, 1e-5) == accountant.epsilon(live, 1e-5)


def test_a_charge_above_the_cap_is_refused_and_leaves_no_line(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    book.reserve(spend(8.0, stage="scan"), BUDGET)
    with pytest.raises(BudgetExceeded, match=r"'train'.*epsilon=.*of 1 is spent.*scan of run rrrrrrrr"):
        book.reserve(spend(1.0, stage="train"), BUDGET)
    assert [entry.stage for entry in book.entries("t")] == ["scan"]


def test_checking_refuses_as_charging_would_and_writes_nothing(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    with pytest.raises(BudgetExceeded):
        book.check(spend(0.5), BUDGET)
    book.check(spend(20.0), BUDGET)
    assert book.entries("t") == []


def test_tables_have_budgets_of_their_own(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    book.reserve(spend(4.5, table="a"), BUDGET)
    book.reserve(spend(4.5, table="b"), BUDGET)
    assert book.tables() == ["a", "b"]
    with pytest.raises(BudgetExceeded):
        book.reserve(spend(4.5, table="a"), BUDGET)


def _try(address: str, start: object, granted: object) -> None:
    book = Ledger(address)
    start.wait()  # type: ignore[attr-defined]
    try:
        book.reserve(spend(10.0), BUDGET)
        granted.put(1)  # type: ignore[attr-defined]
    except BudgetExceeded:
        granted.put(0)  # type: ignore[attr-defined]


def test_twenty_processes_at_once_spend_exactly_the_cap(tmp_path: Path) -> None:
    most = max(
        n
        for n in range(1, 20)
        if accountant.epsilon([DiscreteGaussian(scale=10.0, sensitivity=1, count=n)], 1e-5) <= 1.0
    )
    assert 2 <= most <= 15, "the test needs a cap that some of the twenty must hit"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["synth.privacy.ledger"])
    start, granted = context.Barrier(20), context.Queue()
    workers = [context.Process(target=_try, args=(url(tmp_path), start, granted)) for _ in range(20)]
    for worker in workers:
        worker.start()
    results = [granted.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(results) == most
    assert len(Ledger(url(tmp_path)).entries("t")) == most


def test_a_process_killed_right_after_charging_leaves_the_charge(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from synth.privacy.budget import *\nfrom synth.privacy.ledger import Ledger\n"
        f"book = Ledger({url(tmp_path)!r})\n"
        "event = DiscreteGaussian(scale=20.0, sensitivity=1, count=1)\n"
        "book.reserve(Spend(table='t', unit='row', stage='s', events=(event,), run='r', config='c'),\n"
        "            Budget(epsilon=1.0, delta=1e-5))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -9
    assert len(Ledger(url(tmp_path)).entries("t")) == 1


def test_charges_per_row_and_per_entity_are_never_added_up(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    book.reserve(spend(30.0), BUDGET)
    entity = replace(spend(30.0), unit="entity id, at most 3 rows")
    with pytest.raises(BudgetExceeded, match=r"per privacy unit 'row'.*per 'entity id"):
        book.reserve(entity, BUDGET)
    assert len(book.entries("t")) == 1


def test_a_release_without_noise_is_written_down_and_told(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    bare = Spend(table="t", unit="row", stage="train", events=(NoPrivacy(),), run="r", config="c")
    receipt = book.reserve(bare, None)
    assert book.receipt("t", receipt.entry).events == (NoPrivacy(),)
    view = spent(book.entries("t"), 1e-5)
    assert view.unprotected == 1
    assert "WITHOUT PRIVACY" in view.in_words("row")
    with pytest.raises(ValueError, match="NoPrivacy"):
        book.reserve(spend(5.0), None)


def test_stages_add_up_to_the_whole(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    for scale, stage in ((30.0, "scan"), (20.0, "prepare"), (9.0, "train")):
        book.reserve(spend(scale, stage=stage), BUDGET)
    view = spent(book.entries("t"), 1e-5)
    assert list(view.by_stage) == ["scan", "prepare", "train"]
    assert sum(view.by_stage.values()) == pytest.approx(view.epsilon)
    assert view.epsilon <= BUDGET.epsilon


def test_an_address_that_is_no_book_is_one_readable_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("this is no database, but it is long enough to be read as one" * 20)
    with pytest.raises(ConfigError, match=r"cannot be opened.*set ledger\.url"):
        Ledger(url(tmp_path))

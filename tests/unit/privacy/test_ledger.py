"""The book: nobody can overspend it, and what is written stays written."""

import multiprocessing
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sql
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.errors import BudgetExceeded, ConfigError
from synth.privacy import accountant
from synth.privacy.budget import (
    Budget,
    DiscreteGaussian,
    DpSgdSteps,
    Event,
    NoPrivacy,
    Partitions,
    Selection,
    Spend,
)
from synth.privacy.entry import private_events
from synth.privacy.ledger import Ledger
from synth.privacy.ledger_schema import RELEASES
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


EVENTS = st.one_of(
    st.builds(
        DiscreteGaussian, scale=st.floats(5, 500), sensitivity=st.integers(1, 3), count=st.integers(1, 30)
    ),
    st.builds(Selection, delta=st.floats(1e-12, 1e-8), count=st.integers(1, 9)),
    st.builds(
        DpSgdSteps,
        sample_rate=st.floats(0.001, 0.1),
        noise_multiplier=st.floats(0.8, 3),
        steps=st.integers(1, 50),
    ),
)


@settings(max_examples=12)
@given(st.lists(st.lists(EVENTS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_epsilon_of_a_replayed_book_is_that_of_the_live_events_whatever_they_are(
    charges: list[list[Event]],
) -> None:
    everything = Budget(epsilon=1e9, delta=1e-5)
    with tempfile.TemporaryDirectory() as folder:
        book = Ledger(url(Path(folder)))
        live: list[Event] = []
        for events in charges:
            live += book.reserve(replace(spend(1.0), events=tuple(events)), everything).events
        replayed = private_events(Ledger(url(Path(folder))).entries("t"))
    assert replayed == [event for events in charges for event in events]
    assert accountant.epsilon(replayed, 1e-5) == accountant.epsilon(live, 1e-5)


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        (
            DiscreteGaussian(scale=20.0, sensitivity=2, count=6),
            [DiscreteGaussian(scale=20.0, sensitivity=2, count=n) for n in (1, 2, 3)],
        ),
        (
            DpSgdSteps(sample_rate=0.02, noise_multiplier=1.1, steps=60),
            [DpSgdSteps(sample_rate=0.02, noise_multiplier=1.1, steps=n) for n in (10, 20, 30)],
        ),
    ],
)
def test_a_charge_of_many_costs_what_entries_one_after_the_other_cost(
    tmp_path: Path, whole: Event, parts: list[Event]
) -> None:
    book = Ledger(url(tmp_path))
    everything = Budget(epsilon=1e9, delta=1e-5)
    for event in parts:
        book.reserve(replace(spend(1.0, table="parts"), events=(event,)), everything)
    book.reserve(replace(spend(1.0, table="whole"), events=(whole,)), everything)
    at_once = spent(book.entries("whole"), 1e-5).epsilon
    assert at_once > 0
    assert spent(book.entries("parts"), 1e-5).epsilon == pytest.approx(at_once, rel=1e-3)


def test_a_charge_above_the_cap_is_refused_and_leaves_no_line(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    book.reserve(spend(8.0, stage="scan"), BUDGET)
    with pytest.raises(
        BudgetExceeded, match=r"'train'.*epsilon=.*of 1 is spent.*scan by .* in run rrrrrrrr on 20"
    ):
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


def test_a_line_counts_as_spent_before_and_after_it_is_settled(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    receipt = book.reserve(spend(20.0), BUDGET)
    assert not book.entries("t")[0].settled
    before = spent(book.entries("t"), 1e-5)
    for _ in range(2):  # whoever settles twice does no harm
        book.settle("t", receipt)
    after = spent(book.entries("t"), 1e-5)
    assert book.entries("t")[0].settled
    assert (before.unsettled, after.unsettled) == (1, 0)
    assert before.epsilon == after.epsilon > 0


def test_a_release_is_given_back_by_its_table_and_key_alone(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    receipt = book.reserve(spend(20.0), BUDGET)
    book.settle("t", receipt, key="what it was made from", content='{"n": 7}')
    kept = Ledger(url(tmp_path)).release("t", "what it was made from")
    assert kept is not None
    assert (kept.entry, kept.content) == (receipt.entry, '{"n": 7}')
    assert book.release("t", "something else") is None
    assert book.release("another table", "what it was made from") is None
    assert book.keeps("t", receipt.entry)
    assert not book.keeps("another table", receipt.entry)


def test_a_charge_that_kept_nothing_gives_nothing_back(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    receipt = book.reserve(spend(20.0), BUDGET)
    book.settle("t", receipt)
    assert not book.keeps("t", receipt.entry)


def test_the_newest_release_of_a_key_wins(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    receipts = [book.reserve(spend(30.0), BUDGET) for _ in range(2)]
    for receipt, content in zip(receipts, ("old", "new"), strict=True):
        book.settle("t", receipt, key="k", content=content)
    kept = book.release("t", "k")
    assert kept is not None
    assert (kept.entry, kept.content) == (receipts[1].entry, "new")


def test_the_book_hides_what_a_release_was_made_from_under_a_salt_of_its_own(tmp_path: Path) -> None:
    key, stored = "0123456789abcdef" * 4, []
    for name in ("a", "b"):
        book = Ledger(url(tmp_path / name))
        book.settle("t", book.reserve(spend(20.0), BUDGET), key=key, content="")
        engine = sql.create_engine(url(tmp_path / name), poolclass=sql.pool.NullPool)
        with engine.connect() as connection:
            stored.append(connection.scalar(sql.select(RELEASES.c.key)))
        assert key.encode() not in (tmp_path / name / "ledger.db").read_bytes()
    assert len({key, *stored}) == 3


def test_a_receipt_of_no_entry_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no entry 3 for table 't'"):
        Ledger(url(tmp_path)).receipt("t", 3)


def test_charges_by_partitions_of_two_columns_are_never_added_up(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    by_day = replace(spend(20.0), partitions=Partitions(column="day", values=("1",)))
    book.reserve(by_day, BUDGET)
    with pytest.raises(BudgetExceeded, match=r"by partitions of 'day'.*asks by those of 'state'"):
        book.reserve(replace(by_day, partitions=Partitions(column="state", values=("1",))), BUDGET)
    book.reserve(spend(30.0), BUDGET)  # the whole table comes on top of each partition
    assert len(book.entries("t")) == 2


def test_disjoint_partitions_spend_in_parallel_and_shared_ones_in_sequence(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    cap = Budget(epsilon=accountant.epsilon(spend(10.0).events, 1e-5), delta=1e-5)
    for day in ("1", "2", "3"):  # each day takes all of the cap, and they share it
        book.reserve(replace(spend(10.0), partitions=Partitions(column="day", values=(day,))), cap)
    assert spent(book.entries("t"), 1e-5).epsilon == pytest.approx(cap.epsilon)
    for partitions in (Partitions(column="day", values=("3", "4")), None):
        with pytest.raises(BudgetExceeded):
            book.reserve(replace(spend(10.0), partitions=partitions), cap)
    book.reserve(replace(spend(10.0), partitions=Partitions(column="day", values=("4",))), cap)


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


def test_a_book_that_goes_away_in_the_middle_is_one_readable_error(tmp_path: Path) -> None:
    book = Ledger(url(tmp_path))
    (tmp_path / "ledger.db").write_text("this is no database, but it is long enough to be read as one" * 20)
    with pytest.raises(ConfigError, match=r"cannot be used.*see that it is up"):
        book.reserve(spend(10.0), BUDGET)
    with pytest.raises(ConfigError, match="cannot be used"):
        book.entries("t")

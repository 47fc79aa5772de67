"""The book on SQLite and on a real PostgreSQL server: processes at once, processes killed, older books."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sql

from synth.errors import BudgetExceeded, ConfigError
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Partitions, Spend, event_to_dict
from synth.privacy.ledger import Ledger
from synth.privacy.ledger_schema import BOOK, ENTRIES, POLICIES, RELEASES, SETTLEMENTS
from synth.privacy.noise import noisy_counts
from synth.privacy.policy import Policy

from .conftest import Server

DELTA = 1e-5
EVENT = DiscreteGaussian(scale=10.0, sensitivity=1, count=1)
FIVE = Budget(
    epsilon=accountant.epsilon([DiscreteGaussian(scale=10.0, sensitivity=1, count=5)], DELTA), delta=DELTA
)
"""A cap that admits EVENT five times."""
SPEND = Spend(table="t", unit="row", stage="prepare", events=(EVENT,), run="r" * 16, config="c")


def workers() -> ForkServerContext:
    """Real processes, each without anything that another one opened."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["synth.privacy.ledger", "synth.privacy.noise"])
    return context


def engine_of(address: str) -> sql.Engine:
    return sql.create_engine(
        address.replace("postgresql://", "postgresql+psycopg://"), poolclass=sql.pool.NullPool
    )


def _try_to_reserve(address: str, start: Any, results: Any) -> None:
    book = Ledger(address)
    start.wait()
    try:
        results.put(("granted", book.reserve(SPEND, FIVE).entry))
    except BudgetExceeded as error:
        results.put(("refused", str(error)))


def _open(address: str, start: Any, results: Any) -> None:
    start.wait()
    try:
        Ledger(address)
        results.put(("opened", ""))
    except Exception as error:
        results.put(("failed", repr(error)))


def all_at_once(task: Callable[[str, Any, Any], None], address: str, count: int) -> list[tuple[str, Any]]:
    context = workers()
    start, results = context.Barrier(count), context.Queue()
    processes = [context.Process(target=task, args=(address, start, results)) for _ in range(count)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    return answers


def test_twenty_processes_at_once_spend_exactly_the_cap(address: str) -> None:
    answers = all_at_once(_try_to_reserve, address, 20)
    granted = sorted(what for answer, what in answers if answer == "granted")
    lines = Ledger(address).entries("t")
    assert len(granted) == 5
    assert granted == [line.id for line in lines]
    epsilon = accountant.epsilon([event for line in lines for event in line.events], DELTA)
    assert epsilon == pytest.approx(FIVE.epsilon, rel=1e-6)
    assert all("under privacy.epsilon" in what for answer, what in answers if answer == "refused")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed_before_the_draw(address: str) -> None:
    Ledger(address).reserve(SPEND, FIVE)
    die()


def _killed_before_settling(address: str) -> None:
    receipt = Ledger(address).reserve(SPEND, FIVE)
    noisy_counts(np.array([100]), receipt)
    die()


def _killed_before_the_commit(address: str) -> None:
    book = Ledger(address)
    sql.event.listen(book.store.engine, "commit", lambda _connection: die())
    book.reserve(SPEND, FIVE)


def killed(task: Callable[[str], None], address: str) -> None:
    process = workers().Process(target=task, args=(address,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("task", [_killed_before_the_draw, _killed_before_settling])
def test_a_process_killed_after_reserving_leaves_the_charge_spent(
    address: str, task: Callable[[str], None]
) -> None:
    for _ in range(5):
        killed(task, address)
    book = Ledger(address)
    assert [line.settled for line in book.entries("t")] == [False] * 5
    with pytest.raises(BudgetExceeded, match="spent by prepare"):
        book.reserve(SPEND, FIVE)


def test_a_process_killed_before_the_commit_writes_nothing_and_blocks_nobody(address: str) -> None:
    killed(_killed_before_the_commit, address)
    book = Ledger(address)
    assert book.entries("t") == []
    began = time.monotonic()
    book.reserve(SPEND, FIVE)
    assert time.monotonic() - began < 5
    assert len(book.entries("t")) == 1


@pytest.mark.parametrize("table", [ENTRIES, SETTLEMENTS, RELEASES, POLICIES, BOOK], ids=lambda t: t.name)
def test_the_database_itself_refuses_changes(address: str, table: sql.Table) -> None:
    book = Ledger(address)
    book.settle("t", book.reserve(SPEND, FIVE), key="k", content="7")
    book.set_policy("t", Policy(total=FIVE))
    engine = engine_of(address)
    column = list(table.columns)[-1].name
    changes = [f"UPDATE {table.name} SET {column} = {column}", f"DELETE FROM {table.name}"]
    if engine.dialect.name == "postgresql":
        changes.append(f"TRUNCATE {table.name}")

    def lines() -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(sql.select(table)))

    before = lines()
    assert before
    for change in changes:
        with pytest.raises(sql.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(sql.text(change))
    assert lines() == before


def write_first_book(address: str) -> None:
    """A book as the first version wrote it: one table, no version."""
    metadata = sql.MetaData()
    entries = sql.Table(
        "entries",
        metadata,
        sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
        *(
            sql.Column(name, sql.Text if name == "events" else sql.String(255), nullable=False)
            for name in (
                "table_name",
                "unit",
                "stage",
                "events",
                "run",
                "config_hash",
                "version",
                "user_name",
            )
        ),
        sql.Column("charged_at", sql.String(40), nullable=False),
    )
    sql.Index("ix_entries_table_name", entries.c.table_name)
    line = {
        "table_name": "t", "unit": "row", "stage": "scan", "events": json.dumps([event_to_dict(EVENT)]),
        "run": "old", "config_hash": "c", "version": "0.1", "user_name": "ada",
        "charged_at": "2025-01-02T03:04:05+00:00",
    }  # fmt: skip
    with engine_of(address).begin() as connection:
        metadata.create_all(connection)
        connection.execute(entries.insert(), [line, line])


def test_a_book_of_the_first_version_is_brought_up_to_date_once(address: str) -> None:
    write_first_book(address)
    book = Ledger(address)
    old = book.entries("t")
    assert [(line.id, line.user, line.events, line.settled) for line in old] == [
        (1, "ada", (EVENT,), False),
        (2, "ada", (EVENT,), False),
    ]
    part = Partitions(column="day", values=("1",))
    receipt = book.reserve(Spend(**{**vars(SPEND), "partitions": part}), FIVE)
    book.settle("t", receipt, key="k", content="7")
    again = Ledger(address)
    assert again.entries("t")[:2] == old
    assert again.entries("t")[2].partitions == part
    kept = again.release("t", "k")
    assert kept is not None
    assert (kept.entry, kept.content) == (3, "7")
    with pytest.raises(sql.exc.DBAPIError, match="append-only"), engine_of(address).begin() as connection:
        connection.execute(sql.text("DELETE FROM entries"))


@pytest.mark.parametrize("old", [True, False], ids=["a book of the first version", "no book yet"])
def test_several_processes_may_open_a_book_at_once(address: str, old: bool) -> None:
    if old:
        write_first_book(address)
    answers = all_at_once(_open, address, 6)
    assert answers == [("opened", "")] * 6
    assert len(Ledger(address).entries("t")) == (2 if old else 0)
    with engine_of(address).connect() as connection:
        assert connection.scalar(sql.select(sql.func.count()).select_from(BOOK)) == 1


def test_a_newer_book_is_refused_in_one_line(address: str) -> None:
    Ledger(address)
    with engine_of(address).begin() as connection:
        connection.execute(BOOK.insert().values(version=99, salt="s"))
    with pytest.raises(ConfigError, match=r"it has version 99, this program knows \d") as error:
        Ledger(address)
    assert "\n" not in str(error.value)


def test_an_error_never_shows_the_password(server: Server) -> None:
    good = server.create_database()
    Ledger(good)
    for wrong in (
        good.replace(server.password, "hunter2"),
        good.replace(f":{server.port}/", ":1/").replace(server.password, "hunter2"),
        good.replace("/book_", "/missing_"),
        good.replace(f":{server.password}@", "@") + "?password=hunter2",
    ):
        with pytest.raises(ConfigError, match=r"cannot be opened.*set ledger\.url") as error:
            Ledger(wrong)
        said = str(error.value)
        assert "hunter2" not in said
        assert server.password not in said
        assert "\n" not in said
        assert "127.0.0.1" in said

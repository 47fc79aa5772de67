"""The append-only book of what was spent on each table, across runs and people.

Charging persists the events before any noise is drawn, under one exclusive transaction, so that
processes that try at once cannot overspend together, and a crash leaves the charge spent.
"""

import getpass
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

import synth
from synth.errors import BudgetExceeded, ConfigError
from synth.privacy import accountant
from synth.privacy.budget import Budget, Event, NoPrivacy, Spend, event_from_dict, event_to_dict

_METADATA = sql.MetaData()
_ENTRIES = sql.Table(
    "entries",
    _METADATA,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("table_name", sql.String(255), nullable=False, index=True),
    sql.Column("unit", sql.String(255), nullable=False),
    sql.Column("stage", sql.String(64), nullable=False),
    sql.Column("events", sql.Text, nullable=False),
    sql.Column("run", sql.String(64), nullable=False),
    sql.Column("config_hash", sql.String(64), nullable=False),
    sql.Column("version", sql.String(32), nullable=False),
    sql.Column("user_name", sql.String(255), nullable=False),
    sql.Column("charged_at", sql.String(40), nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the book."""

    id: int
    table: str
    unit: str
    stage: str
    events: tuple[Event, ...]
    run: str
    config: str
    version: str
    user: str
    charged_at: str

    @property
    def is_private(self) -> bool:
        """False if this line is a release without noise."""
        return not any(isinstance(event, NoPrivacy) for event in self.events)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Proof that `events` were charged; the mechanisms in `synth.privacy` ask for it."""

    entry: int
    events: tuple[Event, ...]


class Ledger:
    """The book at an SQLAlchemy URL; SQLite files are created where they are missing.

    An SQLite book must lie on a local disk: its locks are not safe over NFS.
    """

    def __init__(self, url: str) -> None:
        try:
            address = sql.make_url(url)
            if address.get_backend_name() == "sqlite" and address.database:
                path = Path(address.database).expanduser()
                path.parent.mkdir(parents=True, exist_ok=True)
                address = address.set(database=str(path))
            self._engine = sql.create_engine(address, poolclass=sql.pool.NullPool)
            self._is_sqlite = address.get_backend_name() == "sqlite"
            if self._is_sqlite:
                _hand_transactions_to_us(self._engine)
            with self._locked() as connection:
                _METADATA.create_all(connection)
        except (SQLAlchemyError, OSError, ImportError) as error:
            reason = getattr(error, "orig", error)
            raise ConfigError(f"the ledger {url!r} cannot be opened ({reason}); set ledger.url") from error

    def charge(self, spend: Spend, budget: Budget | None) -> Receipt:
        """Write the spend into the book, or refuse it and write nothing.

        Args:
          budget: the cap on everything ever spent on the table; None records a release without
            privacy, whose only event is `NoPrivacy`.
        Raises: BudgetExceeded, naming what was asked, what is left, and which runs spent the rest.
        """
        if budget is None and spend.events != (NoPrivacy(),):
            raise ValueError("without a budget, only NoPrivacy can be charged")
        with self._locked() as connection:
            if budget is not None:
                self._refuse_overspending(self._read(connection, spend.table), spend, budget)
            inserted = connection.execute(
                _ENTRIES.insert().values(
                    table_name=spend.table,
                    unit=spend.unit,
                    stage=spend.stage,
                    events=json.dumps([event_to_dict(event) for event in spend.events]),
                    run=spend.run,
                    config_hash=spend.config,
                    version=synth.__version__,
                    user_name=_user(),
                    charged_at=datetime.now(UTC).isoformat(timespec="seconds"),
                )
            )
            key = inserted.inserted_primary_key
        assert key is not None
        return Receipt(entry=int(key[0]), events=spend.events)

    def check(self, spend: Spend, budget: Budget | None) -> None:
        """Raise BudgetExceeded if `charge` would, and write nothing: for asking before long work."""
        if budget is not None:
            self._refuse_overspending(self.entries(spend.table), spend, budget)

    def entries(self, table: str) -> list[Entry]:
        """All lines of one table, oldest first."""
        with self._engine.connect() as connection:
            return self._read(connection, table)

    def tables(self) -> list[str]:
        """Names of all tables in the book."""
        with self._engine.connect() as connection:
            return list(
                connection.scalars(sql.select(_ENTRIES.c.table_name).distinct().order_by("table_name"))
            )

    def receipt(self, table: str, entry: int) -> Receipt:
        """The receipt of an earlier charge, for work that resumes under it; KeyError if there is none."""
        for line in self.entries(table):
            if line.id == entry:
                return Receipt(entry=line.id, events=line.events)
        raise KeyError(f"the ledger has no entry {entry} for table {table!r}")

    @staticmethod
    def _refuse_overspending(entries: Sequence[Entry], spend: Spend, budget: Budget) -> None:
        others = sorted({entry.unit for entry in entries if entry.is_private} - {spend.unit})
        if others:
            raise BudgetExceeded(
                f"table {spend.table!r} was charged per privacy unit {others[0]!r}, stage "
                f"{spend.stage!r} asks per {spend.unit!r}: one book cannot add them up; set privacy.unit "
                "back, or give the table another name and budget"
            )
        prior = private_events(entries)
        total = accountant.epsilon([*prior, *spend.events], budget.delta)
        if total <= budget.epsilon * (1 + 1e-6):
            return
        spent = accountant.epsilon(prior, budget.delta)
        earlier = ", ".join(sorted({f"{entry.stage} of run {entry.run[:8]}" for entry in entries}))
        raise BudgetExceeded(
            f"stage {spend.stage!r} would take table {spend.table!r} to epsilon={total:.4g}; "
            f"{spent:.4g} of {budget.epsilon:.4g} is spent at delta={budget.delta:g} "
            f"({earlier or 'nothing charged yet'}); raise privacy.epsilon or lower what the stage asks"
        )

    def _read(self, connection: sql.Connection, table: str) -> list[Entry]:
        query = sql.select(_ENTRIES).where(_ENTRIES.c.table_name == table).order_by(_ENTRIES.c.id)
        return [_entry(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _locked(self) -> Iterator[sql.Connection]:
        """One transaction that no other charge can interleave with."""
        with self._engine.begin() as connection:
            if not self._is_sqlite and _ENTRIES.name in sql.inspect(connection).get_table_names():
                connection.execute(sql.text(f"LOCK TABLE {_ENTRIES.name} IN EXCLUSIVE MODE"))
            yield connection


def private_events(entries: Sequence[Entry]) -> list[Event]:
    """The events of all lines that had noise; lines without noise have no finite epsilon to add."""
    return [event for entry in entries if entry.is_private for event in entry.events]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"


def _entry(row: Any) -> Entry:
    return Entry(
        id=row["id"],
        table=row["table_name"],
        unit=row["unit"],
        stage=row["stage"],
        events=tuple(event_from_dict(event) for event in json.loads(row["events"])),
        run=row["run"],
        config=row["config_hash"],
        version=row["version"],
        user=row["user_name"],
        charged_at=row["charged_at"],
    )


def _hand_transactions_to_us(engine: sql.Engine) -> None:
    """BEGIN IMMEDIATE takes the write lock before reading; the driver's own BEGIN would read first."""

    @sql.event.listens_for(engine, "connect")
    def _no_driver_begin(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 60000")

    @sql.event.listens_for(engine, "begin")
    def _begin_immediate(connection: sql.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

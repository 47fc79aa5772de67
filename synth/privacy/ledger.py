"""The append-only book of what was spent on each table, across runs and people.

Reserving persists the events before any noise is drawn, under one exclusive transaction, so that processes
that try at once cannot overspend together, and a crash leaves the reservation spent. Settling says that
what was paid for was drawn, and keeps it, so that it need never be paid for again.
"""

import getpass
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql

import synth
from synth.errors import BudgetExceeded
from synth.privacy.budget import (
    Budget,
    NoPrivacy,
    Partitions,
    Spend,
    event_from_dict,
    event_to_dict,
)
from synth.privacy.entry import Entry, Receipt
from synth.privacy.ledger_schema import BOOK, ENTRIES, POLICIES, RELEASES, SETTLEMENTS
from synth.privacy.ledger_store import Store
from synth.privacy.policy import Cap, Period, Policy, caps


@dataclass(frozen=True, kw_only=True)
class PaidRelease:
    """A released value that the book kept, and the entry that paid for it."""

    entry: int
    content: str


class Ledger:
    """The book at an SQLAlchemy URL; SQLite files are created where they are missing.

    An SQLite book must lie on a local disk: its locks are not safe over NFS.
    """

    def __init__(self, url: str) -> None:
        self.store = Store(url)

    @property
    def file(self) -> Path | None:
        """The book's file; None if a server keeps it."""
        address = self.store.engine.url
        is_file = address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:")
        return Path(str(address.database)).absolute() if is_file else None

    def reserve(self, spend: Spend, budget: Budget | None) -> Receipt:
        """Write the spend into the book, or refuse it and write nothing.

        Args:
          budget: the configuration's cap on everything ever spent on the table, beside the table's policy;
            None records a release without privacy, whose only event is `NoPrivacy`.
        Raises: BudgetExceeded, naming what was asked, what is left, and who spent the rest.
        """
        if budget is None and spend.events != (NoPrivacy(),):
            raise ValueError("without a budget, only NoPrivacy can be charged")
        partitions = None if spend.partitions is None else json.dumps(asdict(spend.partitions))
        with self.store.writing() as connection:
            now = _now()
            self._refuse(self._read(connection, spend.table), self._policy(connection, spend.table),
                         spend, budget, now)  # fmt: skip
            inserted = connection.execute(
                ENTRIES.insert().values(
                    table_name=spend.table,
                    unit=spend.unit,
                    stage=spend.stage,
                    events=json.dumps([event_to_dict(event) for event in spend.events]),
                    run=spend.run,
                    config_hash=spend.config,
                    version=synth.__version__,
                    user_name=_user(),
                    charged_at=now,
                    partitions=partitions,
                )
            )
            key = inserted.inserted_primary_key
        assert key is not None
        return Receipt(entry=int(key[0]), events=spend.events)

    def settle(self, table: str, receipt: Receipt, *, key: str | None = None, content: str = "") -> None:
        """Say that what a receipt paid for was drawn, and keep the released value.

        Args:
          key: hash of all that the release was made from: whoever asks for the same again is given it;
            None keeps nothing.
          content: the released value, as text.
        """
        with self.store.writing() as connection:
            known = sql.select(SETTLEMENTS.c.entry).where(SETTLEMENTS.c.entry == receipt.entry)
            if connection.scalar(known) is None:
                connection.execute(SETTLEMENTS.insert().values(entry=receipt.entry, settled_at=_now()))
            if key is not None:
                connection.execute(
                    RELEASES.insert().values(
                        table_name=table,
                        key=self._hidden(connection, key),
                        entry=receipt.entry,
                        content=content,
                    )
                )

    def release(self, table: str, key: str) -> PaidRelease | None:
        """The newest release that was kept under that key; None if there is none."""
        with self.store.reading() as connection:
            query = (
                sql.select(RELEASES.c.entry, RELEASES.c.content)
                .where(RELEASES.c.table_name == table, RELEASES.c.key == self._hidden(connection, key))
                .order_by(RELEASES.c.id.desc())
                .limit(1)
            )
            row = connection.execute(query).first()
        return None if row is None else PaidRelease(entry=int(row.entry), content=str(row.content))

    def check(self, spend: Spend, budget: Budget | None) -> None:
        """Raise BudgetExceeded if `reserve` would, and write nothing: for asking before long work."""
        self._refuse(self.entries(spend.table), self.policy(spend.table), spend, budget, _now())

    def caps(self, table: str, budget: Budget, partitions: Partitions | None) -> list[Cap]:
        """Every limit that a new charge on the table must keep to, with what was spent against it."""
        return caps(self.entries(table), budget, self.policy(table), partitions, _now())

    def set_policy(self, table: str, policy: Policy) -> None:
        """Limit a table from now on, for everybody; the last policy holds."""
        with self.store.writing() as connection:
            connection.execute(
                POLICIES.insert().values(
                    table_name=table,
                    epsilon=policy.total.epsilon,
                    delta=policy.total.delta,
                    period=None if policy.period is None else policy.period.value,
                    period_epsilon=policy.period_epsilon,
                    user_name=_user(),
                    set_at=_now(),
                )
            )

    def policy(self, table: str) -> Policy | None:
        """The table's policy; None if nobody set one."""
        with self.store.reading() as connection:
            return self._policy(connection, table)

    def entries(self, table: str) -> list[Entry]:
        """All lines of one table, oldest first."""
        with self.store.reading() as connection:
            return self._read(connection, table)

    def tables(self) -> list[str]:
        """Names of all tables in the book."""
        with self.store.reading() as connection:
            return list(
                connection.scalars(sql.select(ENTRIES.c.table_name).distinct().order_by("table_name"))
            )

    def receipt(self, table: str, entry: int) -> Receipt:
        """The receipt of an earlier charge, for work that resumes under it; KeyError if there is none."""
        for line in self.entries(table):
            if line.id == entry:
                return Receipt(entry=line.id, events=line.events)
        raise KeyError(f"the ledger has no entry {entry} for table {table!r}")

    def keeps(self, table: str, entry: int) -> bool:
        """Whether the book itself holds what the entry paid for."""
        with self.store.reading() as connection:
            query = sql.select(RELEASES.c.id).where(RELEASES.c.table_name == table, RELEASES.c.entry == entry)
            return connection.scalar(query.limit(1)) is not None

    @staticmethod
    def _refuse(
        entries: Sequence[Entry], policy: Policy | None, spend: Spend, budget: Budget | None, now: str
    ) -> None:
        if budget is None:
            if policy is not None:
                raise BudgetExceeded(
                    f"table {spend.table!r} has a policy of epsilon={policy.total.epsilon:.4g}, stage "
                    f"{spend.stage!r} asks for no privacy at all; set privacy.epsilon"
                )
            return
        _refuse_other_units(entries, spend)
        for cap in caps(entries, budget, policy, spend.partitions, now):
            total = cap.epsilon(spend.events)
            if total <= cap.budget.epsilon * (1 + 1e-6):
                continue
            spent = cap.epsilon()
            raise BudgetExceeded(
                f"stage {spend.stage!r} would take table {spend.table!r} to epsilon={total:.4g}; "
                f"{spent:.4g} of {cap.budget.epsilon:.4g} is spent at delta={cap.budget.delta:g}, "
                f"{max(cap.budget.epsilon - spent, 0.0):.4g} is left under {cap.name} "
                f"({_who(cap.entries)}); raise that cap or lower what the stage asks"
            )

    def _read(self, connection: sql.Connection, table: str) -> list[Entry]:
        query = (
            sql.select(ENTRIES, SETTLEMENTS.c.settled_at)
            .outerjoin(SETTLEMENTS, SETTLEMENTS.c.entry == ENTRIES.c.id)
            .where(ENTRIES.c.table_name == table)
            .order_by(ENTRIES.c.id)
        )
        return [_entry(row) for row in connection.execute(query).mappings()]

    def _policy(self, connection: sql.Connection, table: str) -> Policy | None:
        query = sql.select(POLICIES).where(POLICIES.c.table_name == table).order_by(POLICIES.c.id.desc())
        row = connection.execute(query.limit(1)).mappings().first()
        if row is None:
            return None
        return Policy(
            total=Budget(epsilon=row["epsilon"], delta=row["delta"]),
            period=None if row["period"] is None else Period(row["period"]),
            period_epsilon=row["period_epsilon"],
        )

    def _hidden(self, connection: sql.Connection, key: str) -> str:
        """The key under the book's own salt: it tells nothing of the files that it was made from.

        What another version of the program released may have another form, so it is not given again.
        """
        salt = connection.scalar(sql.select(BOOK.c.salt).order_by(BOOK.c.version).limit(1))
        return hashlib.sha256(f"{salt}{synth.__version__}{key}".encode()).hexdigest()


def _refuse_other_units(entries: Sequence[Entry], spend: Spend) -> None:
    noisy = [entry for entry in entries if entry.is_private]
    others = sorted({entry.unit for entry in noisy} - {spend.unit})
    if others:
        raise BudgetExceeded(
            f"table {spend.table!r} was charged per privacy unit {others[0]!r}, stage "
            f"{spend.stage!r} asks per {spend.unit!r}: one book cannot add them up; set privacy.unit "
            "back, or give the table another name and budget"
        )
    columns = {entry.partitions.column for entry in noisy if entry.partitions is not None}
    if spend.partitions is not None and columns - {spend.partitions.column}:
        raise BudgetExceeded(
            f"table {spend.table!r} was charged by partitions of {sorted(columns)[0]!r}, stage "
            f"{spend.stage!r} asks by those of {spend.partitions.column!r}: they may share units; set "
            "privacy.partitions.column back, or leave privacy.partitions out"
        )


def _who(entries: Sequence[Entry]) -> str:
    if not entries:
        return "nothing charged yet"
    lines = [f"{e.stage} by {e.user} in run {e.run[:8]} on {e.charged_at[:10]}" for e in entries]
    return "spent by " + ", ".join(dict.fromkeys(lines))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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
        partitions=None if row["partitions"] is None else Partitions.from_dict(json.loads(row["partitions"])),
        settled=row["settled_at"] is not None,
    )

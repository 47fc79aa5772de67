"""Where the book is kept: one database, opened, migrated and locked; its errors told in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from synth.core.address import shown_address
from synth.errors import ConfigError
from synth.privacy.ledger_schema import NewerBook, migrate

_LOCK = 0x6C616B65
"""Key of PostgreSQL's advisory lock on the whole book."""


class Store:
    """The database at an SQLAlchemy URL; SQLite files are created where they are missing.

    Raises: ConfigError if it cannot be opened, or was written by a newer version.
    """

    def __init__(self, url: str) -> None:
        self._shown, self._ready = shown_address(url), False
        try:
            address = sql.make_url(url)
            if address.get_backend_name() == "sqlite" and address.database:
                path = Path(address.database).expanduser()
                path.parent.mkdir(parents=True, exist_ok=True)
                address = address.set(database=str(path))
            if address.drivername == "postgresql":
                address = address.set(drivername="postgresql+psycopg")
            self.engine = sql.create_engine(address, poolclass=sql.pool.NullPool)
            self._is_sqlite = address.get_backend_name() == "sqlite"
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise self._unusable(error) from error
        if self._is_sqlite:
            _hand_transactions_to_us(self.engine)
        try:
            with self.writing() as connection:
                migrate(connection)
        except NewerBook as error:
            raise self._unusable(error) from error
        self._ready = True

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """One transaction that no other writer can interleave with; nothing is kept if it fails."""
        with self._told(), self.engine.begin() as connection:
            if not self._is_sqlite:
                connection.execute(sql.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """A connection that only reads."""
        with self._told(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ConfigError:
        reason = str(getattr(error, "orig", error)).strip().replace("\n", " ")
        how = "used" if self._ready else "opened"
        return ConfigError(
            f"the ledger {self._shown!r} cannot be {how} ({reason}); set ledger.url, or see that it is up"
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

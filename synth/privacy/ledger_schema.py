"""The tables of the book, and the numbered steps that bring an older book up to date."""

import secrets
from collections.abc import Callable

import sqlalchemy as sql

METADATA = sql.MetaData()
ENTRIES = sql.Table(
    "entries",
    METADATA,
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
    sql.Column("partitions", sql.Text, nullable=True),
)
SETTLEMENTS = sql.Table(
    "settlements",
    METADATA,
    sql.Column("entry", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("settled_at", sql.String(40), nullable=False),
)
RELEASES = sql.Table(
    "releases",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("table_name", sql.String(255), nullable=False, index=True),
    sql.Column("key", sql.String(64), nullable=False, index=True),
    sql.Column("entry", sql.Integer, nullable=False),
    sql.Column("content", sql.Text, nullable=False),
)
POLICIES = sql.Table(
    "policies",
    METADATA,
    sql.Column("id", sql.Integer, primary_key=True, autoincrement=True),
    sql.Column("table_name", sql.String(255), nullable=False, index=True),
    sql.Column("epsilon", sql.Float, nullable=False),
    sql.Column("delta", sql.Float, nullable=False),
    sql.Column("period", sql.String(16), nullable=True),
    sql.Column("period_epsilon", sql.Float, nullable=True),
    sql.Column("user_name", sql.String(255), nullable=False),
    sql.Column("set_at", sql.String(40), nullable=False),
)
BOOK = sql.Table(
    "book",
    METADATA,
    sql.Column("version", sql.Integer, primary_key=True, autoincrement=False),
    sql.Column("salt", sql.String(64), nullable=False),
)
"""A line for each version that the book has had; the salt hides what releases are keyed by."""


class NewerBook(Exception):  # noqa: N818 - the name is the sentence
    """The book was written by a newer version than this one."""


def migrate(connection: sql.Connection) -> None:
    """Bring the book to the newest version, from none at all or any older one.

    Raises: NewerBook if this code is too old for it.
    """
    names = sql.inspect(connection).get_table_names()
    if BOOK.name in names:
        version = connection.scalar(sql.select(sql.func.max(BOOK.c.version)))
    else:
        version = 0 if ENTRIES.name in names else -1
    if version > len(_STEPS):
        raise NewerBook(f"it has version {version}, this program knows {len(_STEPS)}")
    if version < 0:
        METADATA.create_all(connection)
    for number, step in enumerate(_STEPS, start=1):
        if version < number:
            if version >= 0:
                step(connection)
            _forbid_changes(connection)
            connection.execute(BOOK.insert().values(version=number, salt=secrets.token_hex(32)))


def _settle_release_and_limit(connection: sql.Connection) -> None:
    """From the first books, which held entries alone."""
    connection.execute(sql.text("ALTER TABLE entries ADD COLUMN partitions TEXT"))
    METADATA.create_all(connection, tables=[SETTLEMENTS, RELEASES, POLICIES, BOOK])


_STEPS: tuple[Callable[[sql.Connection], None], ...] = (_settle_release_and_limit,)
"""Step k brings a book of version k - 1 to version k."""


def _forbid_changes(connection: sql.Connection) -> None:
    """Lines are added, never changed or taken out: the database itself refuses."""
    tables = (ENTRIES, SETTLEMENTS, RELEASES, POLICIES, BOOK)
    if connection.dialect.name == "sqlite":
        for table in tables:
            for change in ("UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER IF NOT EXISTS no_{change.lower()}_of_{table.name} BEFORE {change} "
                    f"ON {table.name} BEGIN SELECT RAISE(ABORT, 'the book is append-only'); END"
                )
        return
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION lakesynth_append_only() RETURNS trigger AS $$ BEGIN "
        "RAISE EXCEPTION 'the book is append-only'; END $$ LANGUAGE plpgsql"
    )
    for table in tables:
        connection.exec_driver_sql(
            f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION lakesynth_append_only()"
        )

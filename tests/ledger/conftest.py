"""Books at real database engines: SQLite's files, and a PostgreSQL server of the tests' own."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import REPOSITORY


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running PostgreSQL server on 127.0.0.1."""

    port: int
    password: str

    def url(self, database: str) -> str:
        return f"postgresql://book:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The address of a new, empty database."""
        import psycopg

        name = f"book_{secrets.token_hex(6)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def programs() -> Path:
    """Folder of initdb; skips without it, and fails where CI=true."""
    found = subprocess.run(
        [REPOSITORY / "deploy" / "postgresql.sh"], capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return Path(found.stdout.strip())
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have PostgreSQL's server: {found.stderr.strip()}")
    pytest.skip(found.stderr.strip())


def unprivileged() -> tuple[list[str], str | None]:
    """A prefix that gives up root's rights, which the server refuses, and the user it becomes."""
    if os.getuid() != 0:
        return [], None
    known = subprocess.run(["getent", "passwd", "postgres"], capture_output=True, check=False).returncode == 0
    user = "postgres" if known else "nobody"
    return ["setpriv", f"--reuid={user}", "--clear-groups", "--"], user


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that asks for a password; it is stopped and its files are removed at the end."""
    binaries = programs()
    prefix, user = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="lakesynth-pg-"))
    running = Server(port=free_port(), password=secrets.token_hex(12))
    (folder / "password").write_text(running.password)
    if user is not None:
        for path in (folder, folder / "password"):
            shutil.chown(path, user)

    def call(program: str, *arguments: str) -> None:
        command = [*prefix, str(binaries / program), "-D", str(folder / "data"), *arguments]
        with (folder / "output").open("w+") as output:
            done = subprocess.run(
                command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False
            )
            output.seek(0)
            assert done.returncode == 0, output.read()

    try:
        call("initdb", "-U", "book", "-A", "scram-sha-256", "--pwfile", str(folder / "password"),
             "-E", "UTF8", "--locale", "C", "--no-sync")  # fmt: skip
        options = f"-p {running.port} -h 127.0.0.1 -k {folder} -c fsync=off -c max_connections=60"
        call("pg_ctl", "-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield running
        finally:
            call("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that holds no book yet, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    running: Server = request.getfixturevalue("server")
    return running.create_database()

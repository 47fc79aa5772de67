"""A made-up table of hospital visits, and the product as a user starts it."""

import contextlib
import io
import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sql
import yaml

from synth.cli import main

REPOSITORY = Path(__file__).parents[2]
BESIDE = Path(sys.executable).parent
ROWS = 1500
PATIENTS = 600
CITIES = ("Aberdeen", "Bristol", "Cardiff")
WARDS = ("north", "south", "west")
RARE_CITY = "Llanfairpwll"

# Enough training to make a model, too little to make a good one.
SETTINGS: dict[str, Any] = {
    "privacy": {"epsilon": 3.0, "delta": 1e-5},
    "model": {"kind": "vae", "vae": {"hidden": [32], "latent": 4}},
    "train": {"steps": 20, "expected_batch_size": 200},
    "prepare": {"files": 2, "bins": 8},
    "evaluate": {"sample_rows": 1000},
    "spark": {"master": "local[2]", "conf": {"spark.sql.shuffle.partitions": 4, "spark.driver.memory": "2g"}},
}


@dataclass(frozen=True)
class Run:
    """What one command left on its streams."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The one line that tells a user what is wrong."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("synth: ")]
        assert len(lines) == 1, self.stderr
        return lines[0]


@dataclass(frozen=True)
class Project:
    """One table's configuration with its own folder and ledger.

    Attributes:
      folder: holds everything of this project but the source.
    """

    folder: Path
    config: Path
    name: str

    @property
    def workdir(self) -> Path:
        return self.folder / "work"

    @property
    def ledger(self) -> str:
        return f"sqlite:///{self.folder / 'ledger.db'}"

    @property
    def synthetic(self) -> Path:
        return self.workdir / "synthetic"

    def arguments(self, command: str, *overrides: str, workdir: Path | None = None) -> list[str]:
        """What follows `synth` on the command line."""
        sets = [part for override in overrides for part in ("--set", override)]
        return [command, "--config", str(self.config), "--workdir", str(workdir or self.workdir), *sets]

    def entries(self) -> list[dict[str, Any]]:
        """The ledger's lines, read as plain SQL; none if there is no ledger."""
        if not (self.folder / "ledger.db").is_file():
            return []
        engine = sql.create_engine(self.ledger, poolclass=sql.pool.NullPool)
        with engine.connect() as connection:
            rows = connection.execute(sql.text("SELECT * FROM entries ORDER BY id")).mappings().all()
        return [dict(row) for row in rows]

    def json(self, *parts: str) -> Any:
        return json.loads(self.workdir.joinpath(*parts).read_text(encoding="utf-8"))


def make_project(folder: Path, source: dict[str, Any], name: str = "visits", **sections: Any) -> Project:
    """Write a configuration; `sections` replace those of SETTINGS key by key."""
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder, folder / "table.yaml", name)
    content = {
        "name": name,
        "source": source,
        "ledger": {"url": project.ledger},
        **{key: dict(value) for key, value in SETTINGS.items()},
    }
    for key, value in sections.items():
        content[key] = {**content.get(key, {}), **value}
    project.config.write_text(yaml.safe_dump(content), encoding="utf-8")
    return project


def start(*command: str | Path, cwd: Path = REPOSITORY) -> Run:
    """Run a program to its end, with the ledgers and stores of the user's home out of reach."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def synth(*arguments: str) -> Run:
    """`synth ...` in a process of its own."""
    return start(BESIDE / "synth", *arguments)


def inside(*arguments: str) -> Run:
    """`synth ...` in this process, on the session of the `spark` fixture where it needs one."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
    return Run(code, stdout.getvalue(), stderr.getvalue())


def environment() -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("LAKESYNTH_", "MLFLOW_"))}
    return {**ours, "PYSPARK_PYTHON": sys.executable, "PATH": f"{BESIDE}{os.pathsep}{os.environ['PATH']}"}


def visits_table(rows: int = ROWS) -> pa.Table:
    """Visits with every type that a lake table commonly has; about 2.5 a patient."""
    rng = np.random.default_rng(11)
    patient = rng.integers(0, PATIENTS, rows)
    ids = [str(uuid.UUID(int=int(n) | (4 << 76) | (8 << 60))) for n in rng.integers(0, 2**62, PATIENTS)]
    ssns = [
        f"{a:03d}-{b:02d}-{c:04d}" for a, b, c in rng.integers((100, 1, 1), (665, 99, 9999), (PATIENTS, 3))
    ]
    first = rng.choice(["Ada", "Grace", "Alan", "Edsger", "Barbara"], PATIENTS)
    last = rng.choice(["Quillfeather", "Brackenbury", "Oxenstierna", "Zubrowski"], PATIENTS)
    city = rng.choice(CITIES, rows, p=(0.5, 0.3, 0.2)).astype(object)
    city[rng.random(rows) < 0.15] = None
    city[7] = RARE_CITY  # one person in the whole table: naming it would give that person away
    age = rng.integers(18, 95, rows)
    day = [date(2021, 1, 1) + timedelta(days=int(n)) for n in rng.integers(0, 700, rows)]
    seconds = rng.integers(0, 86_400, rows)
    columns = {
        "patient_id": pa.array([ids[p] for p in patient]),
        "ssn": pa.array([ssns[p] for p in patient]),
        "full_name": pa.array([f"{first[p]} {last[p]}" for p in patient]),
        "city": pa.array(city.tolist(), pa.string()),
        "age": pa.array(age, pa.int32(), mask=rng.random(rows) < 0.1),
        "charge": pa.array([Decimal(int(n)).scaleb(-2) for n in 1000 + rng.integers(0, 90_000, rows)],
                           pa.decimal128(10, 2)),
        "weight": pa.array(np.round(rng.normal(75, 12, rows), 2)),
        "smoker": pa.array(rng.random(rows) < 0.3),
        "admitted": pa.array(day, pa.date32()),
        "seen_at": pa.array(
            [datetime(d.year, d.month, d.day, tzinfo=UTC) + timedelta(seconds=int(s))
             for d, s in zip(day, seconds, strict=True)],
            pa.timestamp("us", tz="UTC"),
        ),
        "visit.count": pa.array(1 + rng.poisson(2, rows), pa.int64()),
        "ward": pa.array(rng.choice(WARDS, rows, p=(0.5, 0.3, 0.2))),
    }  # fmt: skip
    return pa.table(columns)


def rows_of(table: pa.Table) -> list[str]:
    """The rows as sorted text, whatever types the values were written and read with."""
    columns = {name: [_plain(value) for value in table[name].to_pylist()] for name in table.column_names}
    names = sorted(columns)
    return sorted(repr(row) for row in zip(*(columns[name] for name in names), strict=True))


def _plain(value: Any) -> Any:
    if value is None or value != value or value is pd.NaT:
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, datetime):
        stamp = pd.Timestamp(value)
        return str(stamp if stamp.tzinfo is None else stamp.tz_convert("UTC").tz_localize(None))
    return str(value) if isinstance(value, date) else round(float(value), 6)


@pytest.fixture(scope="session")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table as a folder of Parquet files, partitioned by `ward`."""
    folder = tmp_path_factory.mktemp("lake") / "visits"
    pq.write_to_dataset(visits_table(), folder, partition_cols=["ward"])
    return folder


@pytest.fixture(scope="session")
def finished(visits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Run]:
    """One whole `synth run` on the visits, in a process of its own; its folder's name has spaces."""
    project = make_project(
        tmp_path_factory.mktemp("a finished run"),
        {"path": str(visits)},
        generate={"rows": 5000, "seed": 3},
        evaluate={"target": "smoker", "sample_rows": 1000},
    )
    done = synth(*project.arguments("run"))
    assert done.code == 0, done.stderr
    return project, done

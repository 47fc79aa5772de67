"""A user's mistake ends in one readable line and exit code 2, spends nothing and leaves nothing behind."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import Project, Run, environment, inside, make_project

pytestmark = pytest.mark.e2e

SECRET = "Xerxes-4711"
"""A cell value of every bad source; it must not be seen in any message."""

LINES = "".join(f"{n},{SECRET},{n % 7}\n" for n in range(3000))
HEADER = "number,name,digit\n"


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
      says: what the one line must hold.
      source: writes the source into a folder and describes it; None for a good table.
      overrides: `--set` values.
      sections: of the configuration.
    """

    says: str
    source: Callable[[Path], dict[str, Any]] | None = None
    overrides: tuple[str, ...] = ()
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)


def good(folder: Path) -> dict[str, Any]:
    return csv(HEADER + LINES)(folder)


def csv(text: str, **options: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "source.csv").write_text(text, encoding="utf-8")
        return {"path": str(folder / "source.csv"), "format": "csv", "options": options}

    return write


def parquet(table: pa.Table) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "source").mkdir()
        pq.write_table(table, folder / "source" / "a.parquet")
        return {"path": str(folder / "source")}

    return write


def damaged(damage: Callable[[bytes], bytes]) -> Callable[[Path], dict[str, Any]]:
    """Two Parquet files of one table, of which the one that Spark reads last, the smaller, is damaged."""

    def write(folder: Path) -> dict[str, Any]:
        described = parquet(plain(30_000))(folder)
        path = folder / "source" / "b.parquet"
        pq.write_table(plain(500), path, compression="none", use_dictionary=False)
        path.write_bytes(damage(path.read_bytes()))
        return described

    return write


def plain(rows: int = 3000) -> pa.Table:
    return pa.table({"name": [f"{SECRET}-{n}" for n in range(rows)], "digit": [n % 7 for n in range(rows)]})


def nested() -> pa.Table:
    return pa.table({"digit": [1, 2], "name": [{"first": SECRET, "last": "b"}] * 2})


def existing(folder: Path) -> dict[str, Any]:
    """A good source, and a table where the target is to go."""
    (folder / "taken").mkdir()
    (folder / "taken" / "keep.txt").write_text("keep", encoding="utf-8")
    return good(folder)


def files(*tables: pa.Table, **log: str) -> Callable[[Path], dict[str, Any]]:
    """A folder of Parquet files, with the log that a table format keeps beside them."""

    def write(folder: Path) -> dict[str, Any]:
        (folder / "source").mkdir()
        for number, table in enumerate(tables):
            pq.write_table(table, folder / "source" / f"{number}.parquet")
        for name in log.values():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_text("{}", encoding="utf-8")
        return {"path": str(folder / "source")}

    return write


def two_csv(first: str, second: str) -> Callable[[Path], dict[str, Any]]:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "source").mkdir()
        for number, text in enumerate((first, second)):
            (folder / "source" / f"{number}.csv").write_text(text, encoding="utf-8")
        return {"path": str(folder / "source"), "format": "csv"}

    return write


def numbers(kind: pa.DataType, name: str = "digit") -> pa.Table:
    return plain().set_column(1, name, pa.array([n % 7 for n in range(3000)]).cast(kind))


CASES = {
    "a Delta table": Case("holds a table of Delta", files(plain(), log="_delta_log/0.json")),
    "an Iceberg table": Case("holds a table of Iceberg", files(plain(), log="metadata/v1.metadata.json")),
    "a Hudi table": Case("holds a table of Hudi", files(plain(), log=".hoodie/hoodie.properties")),
    "int in one file and long in another": Case(
        "different types, such as int and long", files(numbers(pa.int32()), numbers(pa.int64()))
    ),
    "nanoseconds": Case("Spark does not read", files(numbers(pa.timestamp("ns")))),
    "times of day": Case("does not read", files(numbers(pa.int64()).append_column(
        "t", pa.array(range(3000)).cast(pa.time64("us"))))),
    "half floats": Case("does not read", files(numbers(pa.float64()).append_column(
        "h", pa.array([1.0] * 3000).cast(pa.float16())))),
    "binary": Case("which is not read", files(plain().append_column("b", pa.array([b"b"] * 3000)))),
    "names that differ in case alone": Case(
        "differ in case alone", files(plain().append_column("DIGIT", pa.array(range(3000))))
    ),
    "names that differ in case in one file": Case(
        "differ in case alone", files(plain(9000), plain(10).append_column("DIGIT", pa.array(range(10))))
    ),
    "semicolons": Case('source.options.sep: ";"', csv((HEADER + LINES).replace(",", ";"))),
    "no header": Case("begin with values", csv(f"2.5,{SECRET},4\n" + LINES)),
    "another order": Case("in another order", two_csv(HEADER + LINES, f"name,number,digit\n{SECRET},4,4\n")),
    "other columns": Case("other columns", two_csv(HEADER + LINES, f"number,name,more\n1,{SECRET},4\n")),
    "a repeated header": Case("its header again", csv(HEADER + LINES + HEADER)),
    "a kind that a type cannot have": Case(
        "columns.digit.kind", files(plain()), sections={"columns": {"digit": {"kind": "date"}}}
    ),
    "categories that a type cannot have": Case(
        "columns.digit.categories: 'a' is no value of type bigint", files(plain()),
        sections={"columns": {"digit": {"categories": ["a"]}, "name": {"lower": "2020-01-01"}}},
    ),
    "a column named like a part of another": Case(
        "learned as 'day month'",
        files(numbers(pa.int32()).append_column("day", pa.array(range(3000), pa.int32()).cast(pa.date32()))
              .append_column("day month", pa.array(range(3000)))),
        sections={"columns": {"day": {"parts": ["month"]}}},
    ),
    "a partition of another spelling": Case(
        "privacy.partitions.values: '01' is written '1'", files(plain()),
        overrides=("privacy.partitions={column: digit, values: [01]}",),
    ),
    "a partition without rows": Case(
        "no rows", files(plain()), overrides=("privacy.partitions={column: digit, values: [9]}",)
    ),
    "a key that is there twice": Case("there twice", overrides=("privacy={epsilon: 1, epsilon: 50}",)),
    "an unknown key": Case("train.stepz: unknown key", overrides=("train.stepz=3",)),
    "an unknown section": Case("training: unknown key", overrides=("training.steps=3",)),
    "a word for a number": Case("train.steps", overrides=("train.steps=many",)),
    "an override without a value": Case("--set 'train.steps'", overrides=("train.steps",)),
    "epsilon 0": Case("privacy.epsilon: must be > 0", overrides=("privacy.epsilon=0",)),
    "epsilon below 0": Case("privacy.epsilon: must be > 0", overrides=("privacy.epsilon=-1",)),
    "epsilon not a number": Case("privacy.epsilon", overrides=("privacy.epsilon=.nan",)),
    "two mistakes": Case("train.steps", overrides=("train.steps=0", "privacy.epsilon=-1")),
    "no such ledger": Case("ledger.url", overrides=("ledger.url=sqlite:////proc/nowhere/ledger.db",)),
    "no such file": Case("does not exist", lambda folder: {"path": str(folder / "nothing.parquet")}),
    "no such table": Case("catalog", lambda _: {"table": "nowhere.nothing"}),
    "no such column": Case("columns.nope", sections={"columns": {"nope": {"kind": "integer"}}}),
    "no such target column": Case("evaluate.target", overrides=("evaluate.target=nope",)),
    "no such entity": Case("privacy.unit.entity", overrides=("privacy.unit={entity: nope, max_rows: 2}",)),
    "no such partition": Case("target.partition_by", overrides=("target.partition_by=[nope]",)),
    "no such partition before another": Case(
        "target.partition_by", overrides=("target.partition_by=[nope, digit]",)
    ),
    "a CSV of a header alone": Case("no rows", csv(HEADER)),
    "an empty CSV": Case("synth: source", csv("")),
    "a Parquet file of no rows": Case("no rows", parquet(plain(0))),
    "a folder of no files": Case("source", lambda folder: {"path": str(folder)}),
    "a text called Parquet": Case("not Parquet", damaged(lambda _: SECRET.encode() * 100)),
    "a cut Parquet file": Case("source", damaged(lambda content: content[: len(content) // 2])),
    "a Parquet file damaged inside": Case(
        "damaged", damaged(lambda content: content[:4] + b"\xff" * 8000 + content[8004:])
    ),
    "a CSV with a quoted line end": Case("multiLine", csv(HEADER + LINES + f'9,"{SECRET}\nb",3\n' + LINES)),
    "a CSV with a torn line": Case(
        "does not fit its header", csv(HEADER + LINES + f"9,{SECRET}\n" + LINES)
    ),
    "a CSV with a field too many": Case(
        "does not fit its header", csv(HEADER + LINES + f"9,{SECRET},3,4\n" + LINES)
    ),
    "a nested column": Case("flatten it first", parquet(nested())),
    "every column made up": Case(
        "every column would be made up",
        sections={"columns": {name: {"kind": "text"} for name in ("number", "name", "digit")}},
    ),
    "a target that exists": Case(
        "target.mode is error",
        existing,
        overrides=("target.mode=error", "target.path={folder}/taken", "train.launcher=single"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, tuple[Project, Run]], str]:
    """What each case did, all in one process; and what that process's JVM said."""
    root = tmp_path_factory.mktemp("bad input")
    projects = {}
    for number, (name, case) in enumerate(CASES.items()):
        folder = root / str(number)
        folder.mkdir()
        source = (case.source or good)(folder)
        projects[name] = make_project(folder, source, name=f"case {number}", **case.sections)
    commands = [
        projects[name].arguments(
            "run", *(o.replace("{folder}", str(projects[name].folder)) for o in case.overrides)
        )
        for name, case in CASES.items()
    ]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("commands.py")), str(root / "outcomes.json")],
        input=json.dumps(commands),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs = [Run(**fields) for fields in json.loads((root / "outcomes.json").read_text(encoding="utf-8"))]
    return {name: (projects[name], run) for name, run in zip(CASES, runs, strict=True)}, done.stderr


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_one_readable_line(
    outcomes: tuple[dict[str, tuple[Project, Run]], str], name: str
) -> None:
    _, run = outcomes[0][name]
    assert run.code == 2, run.stderr
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert CASES[name].says in run.error
    assert SECRET not in run.stderr + run.stdout


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_spends_and_leaves_nothing(
    outcomes: tuple[dict[str, tuple[Project, Run]], str], name: str
) -> None:
    project, _ = outcomes[0][name]
    assert [entry["stage"] for entry in project.entries()] == []
    left = [path for path in project.folder.rglob("*") if "staging" in path.name or ".old-" in path.name]
    assert left == []
    made = [path.name for path in project.workdir.glob("*") if path.is_dir()]
    assert set(made) <= {"private", "mlartifacts"}
    if (project.folder / "taken").exists():
        assert [path.name for path in (project.folder / "taken").iterdir()] == ["keep.txt"]


def test_spark_says_no_cell_value_and_no_stack_trace(
    outcomes: tuple[dict[str, tuple[Project, Run]], str],
) -> None:
    said = outcomes[1]
    assert SECRET not in said
    assert "Traceback" not in said
    assert "\tat " not in said


def test_all_mistakes_of_a_configuration_are_told_at_once(
    outcomes: tuple[dict[str, tuple[Project, Run]], str],
) -> None:
    error = outcomes[0]["two mistakes"][1].error
    assert "train.steps" in error
    assert "privacy.epsilon" in error


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read: No such file"),
        ("name: [one, two", "is not valid YAML"),
        ("just words", "must hold sections"),
        ("name: t\n", "source"),
    ],
    ids=["missing", "not YAML", "no sections", "no source"],
)
def test_a_bad_configuration_file_is_one_readable_line(tmp_path: Path, text: str | None, says: str) -> None:
    config = tmp_path / "table.yaml"
    if text is not None:
        config.write_text(text, encoding="utf-8")
    for command in (["run", "--workdir", str(tmp_path / "work")], ["plan"]):
        done = inside(*command, "--config", str(config))
        assert done.code == 2
        assert says in done.error
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("stage", ["mask", "prepare", "train", "generate", "evaluate"])
def test_a_stage_before_its_turn_says_which_to_run(spark: Any, tmp_path: Path, stage: str) -> None:
    project = make_project(tmp_path, good(tmp_path))
    done = inside(*project.arguments(stage))
    assert done.code == 2, done.stderr
    assert "run the" in done.error
    assert "stage" in done.error
    assert project.entries() == []


def test_a_workdir_that_is_a_file_is_one_readable_line(tmp_path: Path) -> None:
    project = make_project(tmp_path, good(tmp_path))
    done = inside(*project.arguments("scan", workdir=project.config))
    assert done.code == 2
    assert "cannot be written" in done.error


def test_a_book_without_the_table_is_one_readable_line(tmp_path: Path) -> None:
    done = inside("budget", "--table", "nobody", "--ledger", f"sqlite:///{tmp_path}/ledger.db")
    assert done.code == 2
    assert "nothing on table 'nobody'" in done.error

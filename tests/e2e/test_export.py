"""What `synth export` hands on: what is on the list and nothing else, signed, without exact digests."""

import json
import shutil
from pathlib import Path

import pytest

from synth.core.leaving import is_known, may_leave
from synth.errors import ArtifactError
from synth.lake.artifacts import artifact_digest
from synth.stages.export import check_export

from .conftest import Project, Run, inside

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def exported(finished: tuple[Project, Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "handed_on"
    run = inside(*finished[0].arguments("export"), "--to", str(folder))
    assert run.code == 0, run.error
    return folder


def test_every_file_of_a_finished_run_is_on_one_of_the_lists(finished: tuple[Project, Run]) -> None:
    root = finished[0].workdir
    files = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
    visible = [name for name in files if not any(part.startswith(".") for part in name.split("/"))]
    assert [name for name in visible if not is_known(name)] == []
    assert not is_known("prepared/rows.parquet"), "a file that nobody thought of is not known"


def test_what_is_exported_is_the_list_and_nothing_else(finished: tuple[Project, Run], exported: Path) -> None:
    found = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    statement = check_export(exported)
    assert found == {*statement["files"], "statement.json", "statement.sig", "statement.pub"}
    assert all(may_leave(name) for name in statement["files"])
    assert {"scan/findings.json", "prepared/prepared.json", "model/model.json"} <= found
    assert not [name for name in found if "manifest" in name or "private" in name or "codes" in name]


def test_no_digest_of_exact_files_and_no_path_of_the_trusted_side_is_exported(
    finished: tuple[Project, Run], exported: Path
) -> None:
    work = finished[0].workdir
    told = b"".join(path.read_bytes() for path in exported.rglob("*") if path.is_file())
    files = json.loads((work / "prepared" / "manifest.json").read_text())["files"]
    exact = {name: digest for name, digest in files.items() if not may_leave(f"prepared/{name}")}
    assert exact
    secrets = [*exact.values(), *(artifact_digest(work / name) for name in ("prepared", "model"))]
    assert not [digest for digest in secrets if digest.encode() in told]


def test_the_statement_has_all_assumptions(finished: tuple[Project, Run], exported: Path) -> None:
    statement = check_export(exported)
    assert statement["epsilon"] > 0
    assert statement["unit"]
    assert "differential privacy" in statement["statement"]
    assert [entry["stage"] for entry in statement["ledger"]["entries"]] == ["scan", "prepare", "train"]
    assert set(statement) >= {"delta", "exact_columns", "declared", "partitions", "accounting", "public"}


@pytest.mark.parametrize("fault", ["changed", "added", "statement"])
def test_an_export_that_was_changed_is_refused(exported: Path, tmp_path: Path, fault: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    match fault:
        case "changed":
            (copy / "scan" / "findings.json").write_text("{}")
        case "added":
            (copy / "rows.csv").write_text("1")
        case _:
            text = (copy / "statement.json").read_text()
            (copy / "statement.json").write_text(text.replace('"epsilon"', '"Epsilon"', 1))
    with pytest.raises(ArtifactError):
        check_export(copy)


def test_an_export_never_overwrites(finished: tuple[Project, Run], exported: Path) -> None:
    run = inside(*finished[0].arguments("export"), "--to", str(exported))
    assert run.code == 2
    assert "exists" in run.error

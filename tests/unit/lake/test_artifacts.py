"""Artifacts are there whole or not at all."""

from pathlib import Path

import pytest

from synth.errors import ArtifactError
from synth.lake.artifacts import artifact_digest, artifact_key, check_artifact, write_artifact
from synth.lake.workspace import Workspace


def test_a_failing_block_leaves_the_old_artifact_untouched(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with write_artifact(folder, "one") as staging:
        (staging / "a.txt").write_text("first")

    def fail_half_way() -> None:
        with write_artifact(folder, "two") as staging:
            (staging / "a.txt").write_text("second")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert (folder / "a.txt").read_text() == "first"
    assert artifact_key(folder) == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_new_artifact_replaces_the_old_one_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for name in ("a", "b"):
        with write_artifact(folder, name) as staging:
            (staging / name).write_text(name)
    assert sorted(path.name for path in folder.iterdir()) == ["b", "manifest.json"]


def test_a_changed_or_missing_file_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(ArtifactError, match="does not exist"):
        check_artifact(folder)
    with write_artifact(folder, None) as staging:
        (staging / "a").write_text("a")
    check_artifact(folder)
    assert len(artifact_digest(folder)) == 64
    (folder / "a").write_text("b")
    with pytest.raises(ArtifactError, match="was changed"):
        check_artifact(folder)
    (folder / "a").unlink()
    with pytest.raises(ArtifactError, match="is missing"):
        check_artifact(folder)


def test_a_secret_is_drawn_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "work")
    assert workspace.secret("mask") == workspace.secret("mask") != workspace.secret("rows")
    key = workspace.root / "private" / "mask.key"
    assert key.stat().st_mode & 0o077 == 0
    assert key.parent.stat().st_mode & 0o077 == 0
    assert len(workspace.secret("mask")) == 32


@pytest.mark.parametrize("name", ["extra.parquet", ".hidden.parquet", "codes/extra.parquet"])
def test_a_file_that_is_not_in_the_manifest_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "prepared"
    with write_artifact(folder, None) as staging:
        (staging / "codes").mkdir()
        (staging / "codes" / "a").write_text("a")
        (staging / "codes" / ".a.crc").write_text("Hadoop's")
    check_artifact(folder)
    (folder / name).write_text("added")
    with pytest.raises(ArtifactError, match="was not written by Lakesynth"):
        check_artifact(folder)
    with pytest.raises(ArtifactError, match="was not written by Lakesynth"):
        check_artifact(folder, "codes/a")


def test_what_a_killed_process_left_is_swept_and_what_it_set_aside_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with write_artifact(folder, "one") as staging:
        (staging / "a").write_text("old")
    folder.rename(tmp_path / ".model.old-1")
    (tmp_path / ".model.staging-1").mkdir()
    with pytest.raises(RuntimeError), write_artifact(folder, "two"):
        raise RuntimeError("fails")
    assert (folder / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("content", ["", "ab", "not hexadecimal", "ab" * 31])
def test_an_empty_or_torn_key_is_one_line_and_never_a_weaker_secret(tmp_path: Path, content: str) -> None:
    workspace = Workspace.open(tmp_path / "work")
    (workspace.root / "private" / "rows.key").write_text(content)
    with pytest.raises(ArtifactError, match="is empty or damaged"):
        workspace.secret("rows")

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

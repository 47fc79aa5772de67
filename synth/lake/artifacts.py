"""Folders that are written whole or not at all, and know what they were made from."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synth.errors import ArtifactError

_MANIFEST = "manifest.json"


@contextmanager
def write_artifact(folder: Path, key: str | None) -> Iterator[Path]:
    """A staging folder that replaces `folder` when the block ends well and is removed when it does not.

    Args:
      key: hash of all that the content was made from; None for content that must not be reused.
    """
    staging = folder.with_name(f".{folder.name}.staging-{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    try:
        yield staging
        manifest = {"key": key, "files": {name: _sha256(staging / name) for name in _files(staging)}}
        (staging / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
        if folder.exists():
            folder.rename(old)
        staging.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def artifact_key(folder: Path) -> str | None:
    """The key of a whole artifact; None if there is none, or it may not be reused."""
    manifest = _manifest(folder)
    return None if manifest is None else manifest["key"]


def artifact_digest(folder: Path) -> str:
    """One hash over all files of an artifact, for the key of what is made from it.

    Raises: ArtifactError if the artifact is missing.
    """
    manifest = _manifest(folder)
    if manifest is None:
        raise ArtifactError(f"{folder} does not exist; run the stage that makes it")
    return hashlib.sha256(json.dumps(manifest["files"], sort_keys=True).encode()).hexdigest()


def check_artifact(folder: Path) -> None:
    """Raise ArtifactError unless every file of the artifact is there with the digest it was written with."""
    manifest = _manifest(folder)
    if manifest is None:
        raise ArtifactError(f"{folder} does not exist; run the stage that makes it")
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing; remove {folder} and run its stage again")
        if _sha256(path) != digest:
            raise ArtifactError(
                f"{path} was changed after it was written; remove {folder} and run its stage again"
            )


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, readable by people."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Read JSON; ArtifactError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} does not exist; run the stage that makes it") from error
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged; remove its folder and run its stage again") from error


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / _MANIFEST
    if not path.is_file():
        return None
    manifest: dict[str, Any] = read_json(path)
    return manifest


def _files(folder: Path) -> list[str]:
    # Hadoop writes hidden checksum files beside its own; they guard files that we digest anyway.
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(str(path.relative_to(folder)) for path in found)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

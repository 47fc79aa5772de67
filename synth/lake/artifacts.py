"""Folders that are written whole or not at all, and know what they were made from."""

import glob
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synth.errors import ArtifactError

_MANIFEST = "manifest.json"
_LOG = logging.getLogger(__name__)


@contextmanager
def write_artifact(folder: Path, key: str | None) -> Iterator[Path]:
    """A staging folder that replaces `folder` when the block ends well and is removed when it does not.

    Args:
      key: hash of all that the content was made from; None for content that must not be reused.
    """
    _sweep(folder)
    staging = folder.with_name(f".{folder.name}.staging-{os.getpid()}")
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


def _sweep(folder: Path) -> None:
    """Remove what a killed process left beside the artifact; put back what it had set aside to replace.

    One process at a time writes an artifact: the workspace is locked.
    """
    for old in sorted(folder.parent.glob(f".{glob.escape(folder.name)}.old-*")):
        if not folder.exists():
            old.rename(folder)
        else:
            shutil.rmtree(old, ignore_errors=True)
    for staging in folder.parent.glob(f".{glob.escape(folder.name)}.staging-*"):
        _LOG.warning("removing %s, which a run that was killed left half-written", staging.name)
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


def check_artifact(folder: Path, *read: str) -> None:
    """Raise ArtifactError unless the artifact holds its files and no others, each as it was written.

    Args:
      read: names of the files to be read, whose digests are compared; those of all files if none is named.
    """
    manifest = _manifest(folder)
    if manifest is None:
        raise ArtifactError(f"{folder} does not exist; run the stage that makes it")
    sums = {str(Path(name).with_name(f".{Path(name).name}.crc")) for name in manifest["files"]}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_dir() and name not in manifest["files"] and name != _MANIFEST and name not in sums:
            raise ArtifactError(f"{path} was not written by Lakesynth; remove it and run again")
    for name in read:
        if name not in manifest["files"]:
            raise ArtifactError(
                f"{folder / name} is not of this artifact; remove {folder} and run its stage again"
            )
    for name, digest in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path} is missing; remove {folder} and run its stage again")
        if (not read or name in read) and _sha256(path) != digest:
            raise ArtifactError(
                f"{path} was changed after it was written; remove {folder} and run its stage again"
            )


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, readable by people."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
        file.flush()
        os.fsync(file.fileno())
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

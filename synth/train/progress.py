"""How many steps and sums may have been drawn under a ledger entry, written down before they are drawn.

The driver opens the note when it has charged; rank 0 moves it on. A note that is missing means that
nobody knows what was drawn, so nothing more is.
"""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from synth.errors import TrainingError
from synth.lake.artifacts import read_json, write_json
from synth.lake.lock import sole_holder

_PROGRESS = "progress.json"
_SUMS = "sums.json"
_LOCK = "lock"
CURVE = "curve.jsonl"
"""Lines of figures about the training that may be shown to anyone."""


def reserve_steps(folder: Path, *, entry: int, may_have_drawn: int) -> None:
    """Write down, durably, that steps up to this number may be drawn from now on under a ledger entry."""
    _note(folder / _PROGRESS, {"entry": entry, "may_have_drawn": may_have_drawn})


def may_have_drawn(folder: Path, *, entry: int) -> int:
    """Steps that may have been drawn under the entry so far.

    Raises: TrainingError if the note is missing or belongs to another entry.
    """
    return int(_noted(folder / _PROGRESS, entry)["may_have_drawn"])


def note_sums(folder: Path, *, entry: int, drawn: int, state: Sequence[float] | None) -> None:
    """Write down, durably, that so many noisy sums may be drawn, and what all before them taught.

    Args:
      state: None before the first.
    """
    _note(folder / _SUMS, {"entry": entry, "drawn": drawn, "state": state})


def noted_sums(folder: Path, *, entry: int) -> tuple[int, list[float] | None]:
    """Noisy sums that may have been drawn under the entry, and what they taught.

    Raises: TrainingError if the note is missing or belongs to another entry.
    """
    noted = _noted(folder / _SUMS, entry)
    return int(noted["drawn"]), noted["state"]


def _note(path: Path, content: dict[str, Any]) -> None:
    write_json(path, content)
    sync(path)
    sync(path.parent)


def _noted(path: Path, entry: int) -> dict[str, Any]:
    if not path.exists():
        raise TrainingError(
            f"{path.parent} has no note of what was drawn under ledger entry {entry}: it was removed, or "
            "rank 0 does not see the driver's WORKDIR; put it where all ranks see it, and train with --fresh"
        )
    noted: dict[str, Any] = read_json(path)
    if noted["entry"] != entry:
        raise TrainingError(
            f"{path.parent} belongs to ledger entry {noted['entry']}, not {entry}; train in another workdir"
        )
    return noted


def sole_trainer(folder: Path) -> AbstractContextManager[None]:
    """Hold the run folder for this process: two trainings under one ledger entry would draw twice.

    Raises: TrainingError if another process trains there, such as one whose driver was killed.
    """
    refusal = TrainingError(f"another process still trains in {folder}; wait until it ends, or end it")
    return sole_holder(folder / _LOCK, refusal)


def sync(path: Path) -> None:
    """Wait until the file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

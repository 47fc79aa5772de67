"""How many steps may have been drawn under a ledger entry, written down before they are drawn.

The driver opens the note when it has charged; rank 0 moves it on. A note that is missing means that
nobody knows what was drawn, so nothing more is.
"""

import os
from contextlib import AbstractContextManager
from pathlib import Path

from synth.errors import TrainingError
from synth.lake.artifacts import read_json, write_json
from synth.lake.lock import sole_holder

_PROGRESS = "progress.json"
_LOCK = "lock"
CURVE = "curve.jsonl"
"""Lines of figures about the training that may be shown to anyone."""


def reserve_steps(folder: Path, *, entry: int, may_have_drawn: int) -> None:
    """Write down, durably, that steps up to this number may be drawn from now on under a ledger entry."""
    write_json(folder / _PROGRESS, {"entry": entry, "may_have_drawn": may_have_drawn})
    sync(folder / _PROGRESS)
    sync(folder)


def may_have_drawn(folder: Path, *, entry: int) -> int:
    """Steps that may have been drawn under the entry so far.

    Raises: TrainingError if the note is missing or belongs to another entry.
    """
    if not (folder / _PROGRESS).exists():
        raise TrainingError(
            f"{folder} has no note of the steps drawn under ledger entry {entry}: it was removed, or rank 0 "
            "does not see the driver's WORKDIR; put WORKDIR where all ranks see it, and train with --fresh"
        )
    progress = read_json(folder / _PROGRESS)
    if progress["entry"] != entry:
        raise TrainingError(
            f"{folder} belongs to ledger entry {progress['entry']}, not {entry}; train in another workdir"
        )
    return int(progress["may_have_drawn"])


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

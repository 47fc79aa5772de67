"""What outlives a crash: the model so far, and how many steps may already have been drawn.

The whole plan is charged before training. A step that was drawn and then lost still counts against
that charge: what may have been drawn is written down *before* it is drawn, and a resumed training
takes only the steps that are left. Noise and sampling state is never written: it comes from the
operating system, afresh.
"""

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.errors import TrainingError
from synth.train.collective import Collective
from synth.train.progress import may_have_drawn, sync

_CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training after `step` steps.

    Attributes:
      step: steps that shaped the weights.
      drawn: steps that may have been drawn, lost ones included; `step` <= `drawn` <= planned steps.
      model, optimizer: state dicts.
      average: flat running average of the weights, float32 [P].
    """

    step: int
    drawn: int
    model: dict[str, Any]
    optimizer: dict[str, Any]
    average: Tensor

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        torch.save(vars(self), buffer)
        return buffer.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> "Checkpoint":
        return Checkpoint(**torch.load(io.BytesIO(content), weights_only=True, map_location="cpu"))


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint, durably: a crash leaves the old one or the new one."""
    _write_durably(folder / _CHECKPOINT, checkpoint.to_bytes())


def last_checkpoint(folder: Path, *, entry: int, fresh: Checkpoint) -> Checkpoint:
    """Where to go on under a ledger entry: the folder's checkpoint, or `fresh` if there is none yet.

    `drawn` of the result is what may have been drawn under the entry, whatever the checkpoint saw.

    Raises: TrainingError if the progress is missing or of another entry, or the checkpoint is damaged.
    """
    drawn = may_have_drawn(folder, entry=entry)
    kept = fresh
    if (folder / _CHECKPOINT).exists():
        try:
            kept = Checkpoint.from_bytes((folder / _CHECKPOINT).read_bytes())
        except Exception as error:  # torch raises many kinds for a damaged file
            raise TrainingError(
                f"{folder / _CHECKPOINT} is damaged; training must be charged anew"
            ) from error
    return replace(kept, drawn=drawn)


def agree(collective: Collective, checkpoint: Checkpoint) -> Checkpoint:
    """Rank 0's checkpoint, on every rank: weights and optimizer are the same everywhere from the start."""
    content = checkpoint.to_bytes() if collective.rank == 0 else b""
    length = int(collective.broadcast(torch.tensor([len(content)])).item())
    padded = bytearray(content.ljust(length, b"\0"))
    shared = collective.broadcast(torch.frombuffer(padded, dtype=torch.uint8))
    return Checkpoint.from_bytes(shared.numpy().tobytes())


def _write_durably(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    sync(partial)
    partial.replace(path)
    sync(path.parent)

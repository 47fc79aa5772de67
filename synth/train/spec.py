"""Everything a training rank needs to know, as one JSON file."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from synth.config.model import Model
from synth.config.train import Train
from synth.privacy.budget import event_from_dict, event_to_dict
from synth.privacy.dpsgd import DpSgdPlan
from synth.privacy.entry import Receipt

AUDIT = "audit.json"
"""What an audit leaves in its run folder."""


class Job(StrEnum):
    """What ranks are started for."""

    TRAIN = "train"
    AUDIT = "audit"


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """One training, paid for.

    Attributes:
      prepared: folder of the prepared table.
      run_folder: private folder of checkpoints, logs and progress; with ranks on several hosts, rank 0's
        host must see it, and keep it for as long as the charge may be resumed.
      model_folder, model_key: where the model artifact goes, and the key it is written with.
      plan, receipt: the calibrated numbers and the ledger's proof that all their steps are paid.
      delta: at which epsilons are told.
      epsilon_by_step: for some steps, in order, the epsilon of the training up to there, the last at the
        plan's end; `launch` fills it in, and leaves it empty without privacy.
    """

    prepared: Path
    run_folder: Path
    model_folder: Path
    model_key: str | None
    plan: DpSgdPlan
    receipt: Receipt
    delta: float
    model: Model
    train: Train
    epsilon_by_step: tuple[tuple[int, float], ...] = ()

    def __post_init__(self) -> None:
        if self.train.learning_rate is None:
            raise ValueError("the training settings are not yet those of a kind of model")
        if not self.plan.is_paid_by(self.receipt.events):
            raise ValueError("the ledger's entry does not pay for this training plan")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` turns them back."""
        return {
            "prepared": str(self.prepared),
            "run_folder": str(self.run_folder),
            "model_folder": str(self.model_folder),
            "model_key": self.model_key,
            "plan": self.plan.to_dict(),
            "entry": self.receipt.entry,
            "events": [event_to_dict(event) for event in self.receipt.events],
            "delta": self.delta,
            "model": self.model.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json"),
            "epsilon_by_step": [list(point) for point in self.epsilon_by_step],
        }

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> "TrainSpec":
        """The spec that `to_dict` described."""
        events = tuple(event_from_dict(event) for event in fields["events"])
        return TrainSpec(
            prepared=Path(fields["prepared"]),
            run_folder=Path(fields["run_folder"]),
            model_folder=Path(fields["model_folder"]),
            model_key=fields["model_key"],
            plan=DpSgdPlan.for_charged(fields["plan"], events),
            receipt=Receipt(entry=fields["entry"], events=events),
            delta=fields["delta"],
            model=Model.model_validate(fields["model"]),
            train=Train.model_validate(fields["train"]),
            epsilon_by_step=tuple((int(step), float(epsilon)) for step, epsilon in fields["epsilon_by_step"]),
        )

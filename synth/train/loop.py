"""The training loop of one rank: flat, a planned number of steps, no decision by what the data say."""

import json
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch.nn.utils import parameters_to_vector

from synth.errors import TrainingError
from synth.models.rows import RowModel
from synth.train.batch import Batch
from synth.train.checkpoint import Checkpoint, agree, last_checkpoint, save_checkpoint
from synth.train.collective import Collective
from synth.train.interrupt import interruption
from synth.train.progress import CURVE, reserve_steps
from synth.train.randomness import Randomness
from synth.train.shard import Shard
from synth.train.spec import TrainSpec
from synth.train.step import StepSettings
from synth.train.steps import Setting, Taken, learning_rate, take_steps

STEPS_RESERVED = 50
"""Steps written down as drawn before they are; a crash loses at most these and those since a checkpoint."""

_AVERAGE_DECAY = 0.99
_REPORT_SECONDS = 5.0
_IN_FLIGHT = 2
"""Steps beyond a survivor's last that may have been drawn when a rank was lost."""


class Training:
    """A network with its optimizer and running average, in this process's memory.

    It outlives the loss of another rank, so that a survivor goes on from where it is.

    Attributes:
      step: steps that shaped the weights; `drawn`: steps known to be drawn, lost ones included.
      is_live: whether it has been brought to where all ranks are, once.
    """

    def __init__(self, model: RowModel, learning_rate: float, device: torch.device) -> None:
        self.model = model.to(device)
        self.device = device
        self.optimizer = torch.optim.Adam(model.trained().parameters(), lr=learning_rate, fused=True)
        self.average = parameters_to_vector(model.trained().parameters()).detach().clone()
        self.step = self.drawn = 0
        self.is_live = False

    def checkpoint(self) -> Checkpoint:
        """What it is now."""
        return Checkpoint(
            step=self.step,
            drawn=self.drawn,
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            average=self.average,
        )

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on from there."""
        self.model.load_state_dict(checkpoint.model)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.average = checkpoint.average.to(self.device)
        self.step, self.drawn = checkpoint.step, checkpoint.drawn
        self.is_live = True

    def took_step(self) -> None:
        """Count a step that has moved the model, and let the average follow."""
        weight = max(1 - _AVERAGE_DECAY, 1 / (self.step + 1))
        self.average.lerp_(parameters_to_vector(self.model.trained().parameters()).detach(), weight)
        self.step += 1
        self.drawn += 1


def train(
    spec: TrainSpec,
    training: Training,
    *,
    shard: Shard,
    row_weight: float,
    collective: Collective,
    randomness: Randomness,
    report: Callable[[str], None],
    after_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Take all planned steps that are not drawn yet; the same on every rank, whatever its shard holds.

    The released weights are `training.average`, a running average of the noisy ones: post-processing.

    Args:
      training: anew, or as another rank's loss left it in this process.
      row_weight: of each row in its unit's loss.
      report: takes lines about progress; rank 0 calls it; nothing in them depends on the data.
      after_step: called with the number of steps that this call has taken, on every rank.
    Guarantee: over all runs under one ledger entry, at most `spec.plan.steps` steps are drawn.
    """
    rate = spec.train.learning_rate
    assert rate is not None, "a TrainSpec has one"
    _agree(spec, training, collective)
    left = spec.plan.steps - training.drawn
    setting = Setting(
        plan=spec.plan,
        step=StepSettings.of(spec.train),
        shard=shard,
        row_weight=row_weight,
        learning_rate=rate,
        collective=collective,
        randomness=randomness,
        device=training.device,
    )
    clerk = _Clerk(spec, training, report) if collective.rank == 0 else None
    if clerk and left:
        clerk.before(0)
    steps = take_steps(training.model, training.optimizer, first=training.step, count=left, setting=setting)
    with interruption() as was_asked_to_stop:
        for done, taken in enumerate(steps, start=1):
            training.took_step()
            if clerk:
                clerk.after(done, taken)
                if done < left:
                    if was_asked_to_stop():
                        clerk.stop()
                    clerk.before(done)
            after_step(done)


def _agree(spec: TrainSpec, training: Training, collective: Collective) -> None:
    """Bring every rank to where rank 0 goes on."""
    start = training.checkpoint()
    if collective.rank == 0:
        start = last_checkpoint(spec.run_folder, entry=spec.receipt.entry, fresh=start)
        if training.is_live:
            # Survivors may be a step apart, and the one ahead may have begun another.
            drawn = min(training.drawn + _IN_FLIGHT, start.drawn)
            start = replace(training.checkpoint(), drawn=drawn)
    training.load(agree(collective, start))


class _Clerk:
    """What rank 0 does beside training: reserve, save, report, and keep the private loss curve."""

    def __init__(self, spec: TrainSpec, training: Training, report: Callable[[str], None]) -> None:
        self._spec = spec
        self._training = training
        self._first = training.drawn
        self._report = report
        self._losses: list[float] = []
        self._began = self._saved = self._reported = time.monotonic()

    def before(self, done: int) -> None:
        """No step's sum is begun that is not written down as drawn."""
        if time.monotonic() - self._began > self._spec.train.timeout_seconds:
            raise TrainingError(
                f"training ran past train.timeout_seconds={self._spec.train.timeout_seconds:g}; raise it and "
                "run again: it goes on from the last checkpoint"
            )
        if done % STEPS_RESERVED == 0:
            drawn = min(self._first + done + STEPS_RESERVED, self._spec.plan.steps)
            reserve_steps(self._spec.run_folder, entry=self._spec.receipt.entry, may_have_drawn=drawn)

    def after(self, done: int, taken: Taken) -> None:
        """Save and report when it is time, and after the last step."""
        now = time.monotonic()
        drawn, loss = self._training.drawn, taken.released.loss
        if loss is not None:
            self._losses.append(loss)
        is_last = drawn == self._spec.plan.steps
        if is_last or now - self._saved > self._spec.train.checkpoint_seconds:
            self._saved = now
            save_checkpoint(self._spec.run_folder, self._training.checkpoint())
        if is_last or now - self._reported > _REPORT_SECONDS:
            self._reported = now
            steps_per_second = done / (now - self._began)
            self._report(self._progress(drawn, steps_per_second))
            self._note_loss(drawn, taken.batch)
            self._note_curve(drawn, steps_per_second)

    def stop(self) -> None:
        """End in good order: what was drawn is known exactly, so that no step is lost.

        Raises: TrainingError that says so.
        """
        save_checkpoint(self._spec.run_folder, self._training.checkpoint())
        drawn = self._training.drawn
        reserve_steps(self._spec.run_folder, entry=self._spec.receipt.entry, may_have_drawn=drawn)
        raise TrainingError(
            f"training was asked to stop after step {drawn} of {self._spec.plan.steps}; run again and it "
            "goes on from there, under the same charge"
        )

    def _progress(self, drawn: int, steps_per_second: float) -> str:
        plan = self._spec.plan
        reached = next((point for point in self._spec.epsilon_by_step if point[0] >= drawn), None)
        spent = f"training epsilon {reached[1]:.3g} at delta {self._spec.delta:g}, " if reached else ""
        left = (plan.steps - drawn) / steps_per_second
        return f"step {drawn}/{plan.steps}, {steps_per_second:.1f} steps/s, {spent}{left:.0f} s left"

    def _note_curve(self, drawn: int, steps_per_second: float) -> None:
        """Figures that may be shown to anyone: public ones, and losses that were released with noise."""
        rate = self._spec.train.learning_rate or 0.0
        line = {
            "step": drawn,
            "learning_rate": learning_rate(rate, self._training.step - 1, self._spec.plan.steps),
            "steps_per_second": steps_per_second,
        }
        if self._losses:
            line["noisy_loss"] = sum(self._losses) / len(self._losses)
            self._losses = []
        with (self._spec.run_folder / CURVE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _note_loss(self, drawn: int, batch: Batch) -> None:
        """Exact figures about this rank's batch: for the trusted side only."""
        with torch.no_grad():
            loss = (self._training.model.losses(batch.codes, batch.normals) * batch.weights).sum()
        n_rows = int((batch.weights > 0).sum())
        line = {"step": drawn, "rank_0_rows": n_rows, "mean_loss": float(loss) / max(n_rows, 1)}
        with (self._spec.run_folder / "loss.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "note": "internal (not DP)"}) + "\n")

"""The training loop of one rank: flat, a planned number of steps, no decision by what the data say."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils import parameters_to_vector

from synth.errors import TrainingError
from synth.models.rows import RowModel
from synth.train.checkpoint import Checkpoint, agree, last_checkpoint, save_checkpoint
from synth.train.collective import Collective
from synth.train.interrupt import interruption
from synth.train.noise import gaussian_noise
from synth.train.progress import CURVE, reserve_steps
from synth.train.sampler import os_entropy_generator, poisson_steps
from synth.train.shard import Shard
from synth.train.spec import TrainSpec
from synth.train.step import Batch, DrawNoise, StepSettings, apply_gradient, noisy_step

STEPS_RESERVED = 50
"""Steps written down as drawn before they are; a crash loses at most these and those since a checkpoint."""

_AVERAGE_DECAY = 0.99
_REPORT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Randomness:
    """Where privacy's randomness comes from: the operating system, but for tests.

    Attributes:
      sampling: of Poisson sampling and the latents; its own on every rank.
      draw_noise: of DP-SGD's noise.
    """

    sampling: np.random.Generator
    draw_noise: DrawNoise = gaussian_noise

    @staticmethod
    def from_os() -> "Randomness":
        return Randomness(sampling=os_entropy_generator())


def train(
    spec: TrainSpec,
    *,
    model: RowModel,
    shard: Shard,
    row_weight: float,
    collective: Collective,
    randomness: Randomness,
    report: Callable[[str], None],
) -> Checkpoint:
    """Take all planned steps that are not drawn yet; the same on every rank, whatever its shard holds.

    Args:
      row_weight: of each row in its unit's loss.
      report: takes lines about progress; rank 0 calls it; nothing in them depends on the data.
    Returns: the training after its last step. The released weights are its `average`: a running average
      of the noisy ones, which is post-processing.
    Guarantee: over all runs under one ledger entry, at most `spec.plan.steps` steps are drawn.
    """
    plan = spec.plan
    trained = model.trained()
    rate = spec.train.learning_rate
    assert rate is not None, "a TrainSpec has one"
    optimizer = torch.optim.Adam(trained.parameters(), lr=rate)
    start = _start(spec, model, optimizer, collective)
    average = start.average
    clerk = _Clerk(spec, start, report) if collective.rank == 0 else None
    left = plan.steps - start.drawn
    settings = StepSettings(
        physical_batch_size=spec.train.physical_batch_size,
        clipping=spec.train.clipping,
        precision=spec.train.precision,
    )
    units_of_steps = poisson_steps(
        shard.n_units, sample_rate=plan.sample_rate, steps=left, rng=randomness.sampling
    )
    with interruption() as was_asked_to_stop:
        for done, units in enumerate(units_of_steps):
            if clerk:
                clerk.before(done)
            batch = _batch(shard, units, row_weight, model.n_normals, randomness.sampling)
            step = start.step + done
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(rate, step, plan.steps)
            model.before_step(step, plan.steps, is_private=plan.is_private)
            released = noisy_step(
                model,
                batch,
                plan=plan,
                collective=collective,
                settings=settings,
                draw_noise=randomness.draw_noise,
            )
            apply_gradient(trained, optimizer, released.gradient)
            model.after_step(step, plan.steps)
            weight = max(1 - _AVERAGE_DECAY, 1 / (step + 1))
            average.lerp_(parameters_to_vector(trained.parameters()).detach(), weight)
            if clerk:
                clerk.after(done + 1, model, optimizer, average, batch, released.loss)
                if was_asked_to_stop() and done + 1 < left:
                    clerk.stop(done + 1, model, optimizer, average)
    return Checkpoint(
        step=start.step + left,
        drawn=plan.steps,
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        average=average,
    )


def learning_rate(base: float, step: int, steps: int) -> float:
    """Falling in a line from `base` to zero at the end of the plan."""
    return base * (steps - step) / steps


def _start(
    spec: TrainSpec, model: RowModel, optimizer: torch.optim.Optimizer, collective: Collective
) -> Checkpoint:
    """Bring every rank to where rank 0 goes on."""
    start = Checkpoint(
        step=0,
        drawn=0,
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        average=parameters_to_vector(model.trained().parameters()).detach().clone(),
    )
    if collective.rank == 0:
        start = last_checkpoint(spec.run_folder, entry=spec.receipt.entry, fresh=start)
    start = agree(collective, start)
    model.load_state_dict(start.model)
    optimizer.load_state_dict(start.optimizer)
    return start


def _batch(
    shard: Shard, units: NDArray[np.int64], row_weight: float, n_normals: int, rng: np.random.Generator
) -> Batch:
    codes, present = shard.gather(units)  # [B, R, K], [B, R]
    normals = rng.standard_normal((*present.shape, n_normals), dtype=np.float32)
    return Batch(
        codes=torch.from_numpy(codes),
        weights=torch.from_numpy(present * np.float32(row_weight)),
        normals=torch.from_numpy(normals),
    )


class _Clerk:
    """What rank 0 does beside training: reserve, save, report, and keep the private loss curve."""

    def __init__(self, spec: TrainSpec, start: Checkpoint, report: Callable[[str], None]) -> None:
        self._spec = spec
        self._start = start
        self._report = report
        self._losses: list[float] = []
        self._began = self._saved = self._reported = time.monotonic()

    def before(self, done: int) -> None:
        """Nothing is drawn that is not written down as drawn."""
        if time.monotonic() - self._began > self._spec.train.timeout_seconds:
            raise TrainingError(
                f"training ran past train.timeout_seconds={self._spec.train.timeout_seconds:g}; raise it and "
                "run again: it goes on from the last checkpoint"
            )
        if done % STEPS_RESERVED == 0:
            drawn = min(self._start.drawn + done + STEPS_RESERVED, self._spec.plan.steps)
            reserve_steps(self._spec.run_folder, entry=self._spec.receipt.entry, may_have_drawn=drawn)

    def after(
        self,
        done: int,
        model: RowModel,
        optimizer: torch.optim.Optimizer,
        average: torch.Tensor,
        batch: Batch,
        loss: float | None,
    ) -> None:
        """Save and report when it is time, and after the last step."""
        now = time.monotonic()
        drawn = self._start.drawn + done
        if loss is not None:
            self._losses.append(loss)
        is_last = drawn == self._spec.plan.steps
        if is_last or now - self._saved > self._spec.train.checkpoint_seconds:
            self._saved = now
            self._save(done, model, optimizer, average)
        if is_last or now - self._reported > _REPORT_SECONDS:
            self._reported = now
            self._report(self._progress(drawn, done / (now - self._began)))
            self._note_loss(drawn, model, batch)
            self._note_curve(drawn, self._start.step + done, done / (now - self._began))

    def stop(
        self, done: int, model: RowModel, optimizer: torch.optim.Optimizer, average: torch.Tensor
    ) -> None:
        """End in good order: what was drawn is known exactly, so that no step is lost.

        Raises: TrainingError that says so.
        """
        self._save(done, model, optimizer, average)
        drawn = self._start.drawn + done
        reserve_steps(self._spec.run_folder, entry=self._spec.receipt.entry, may_have_drawn=drawn)
        raise TrainingError(
            f"training was asked to stop after step {drawn} of {self._spec.plan.steps}; run again and it "
            "goes on from there, under the same charge"
        )

    def _save(
        self, done: int, model: RowModel, optimizer: torch.optim.Optimizer, average: torch.Tensor
    ) -> None:
        checkpoint = Checkpoint(
            step=self._start.step + done,
            drawn=self._start.drawn + done,
            model=model.state_dict(),
            optimizer=optimizer.state_dict(),
            average=average,
        )
        save_checkpoint(self._spec.run_folder, checkpoint)

    def _progress(self, drawn: int, steps_per_second: float) -> str:
        plan = self._spec.plan
        reached = next((point for point in self._spec.epsilon_by_step if point[0] >= drawn), None)
        spent = f"training epsilon {reached[1]:.3g} at delta {self._spec.delta:g}, " if reached else ""
        left = (plan.steps - drawn) / steps_per_second
        return f"step {drawn}/{plan.steps}, {steps_per_second:.1f} steps/s, {spent}{left:.0f} s left"

    def _note_curve(self, drawn: int, step: int, steps_per_second: float) -> None:
        """Figures that may be shown to anyone: public ones, and losses that were released with noise."""
        rate = self._spec.train.learning_rate or 0.0
        line = {
            "step": drawn,
            "learning_rate": learning_rate(rate, step - 1, self._spec.plan.steps),
            "steps_per_second": steps_per_second,
        }
        if self._losses:
            line["noisy_loss"] = sum(self._losses) / len(self._losses)
            self._losses = []
        with (self._spec.run_folder / CURVE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _note_loss(self, drawn: int, model: RowModel, batch: Batch) -> None:
        """Exact figures about this rank's batch: for the trusted side only."""
        with torch.no_grad():
            loss = (model.losses(batch.codes, batch.normals) * batch.weights).sum()
        n_rows = int((batch.weights > 0).sum())
        line = {"step": drawn, "rank_0_rows": n_rows, "mean_loss": float(loss) / max(n_rows, 1)}
        with (self._spec.run_folder / "loss.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "note": "internal (not DP)"}) + "\n")

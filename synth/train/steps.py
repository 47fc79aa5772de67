"""The steps of DP-SGD on one rank, one after another: the loop that trains, and the one that is audited."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from synth.models.rows import RowModel
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.ahead import Ahead
from synth.train.batch import Batch, batch_of
from synth.train.collective import Collective
from synth.train.noise import OwnNoise
from synth.train.randomness import Randomness
from synth.train.sampler import poisson_steps
from synth.train.shard import Shard
from synth.train.step import NoisyStep, StepSettings, apply_gradient, begin_step, length_of_sum

STEPS_AHEAD = 3
"""Most steps whose batch and noise are held ready."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything that a rank takes its steps with.

    Attributes:
      row_weight: of each row in its unit's loss.
      learning_rate: at the first step of the plan.
    """

    plan: DpSgdPlan
    step: StepSettings
    shard: Shard
    row_weight: float
    learning_rate: float
    collective: Collective
    randomness: Randomness
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What a rank draws for one step; nothing that another step makes known goes into it.

    Attributes:
      batch: this rank's units in it.
      noise: this rank's part.
    """

    batch: Batch
    noise: OwnNoise


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A step that was taken.

    Attributes:
      batch: this rank's units in it; exact, never to be shown.
      released: the same on every rank.
    """

    batch: Batch
    released: NoisyStep


def take_steps(
    model: RowModel, optimizer: torch.optim.Optimizer, *, first: int, count: int, setting: Setting
) -> Iterator[Taken]:
    """Take `count` steps of the plan, from its step `first` on; every rank takes the same number.

    No step is left out or repeated by what the data say: one that nobody joined is like any other. While a
    rank waits for others, it draws what it will need for the next steps; what was drawn for a step that is
    never taken is forgotten.

    Yields: after each step, when the model has moved.
    """
    plan = setting.plan
    ahead = Ahead(_draws(model, count, setting), most=STEPS_AHEAD)
    for step in range(first, first + count):
        draws = ahead.next()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(setting.learning_rate, step, plan.steps)
        model.before_step(step, plan.steps, is_private=plan.is_private)
        begun = begin_step(
            model, draws.batch, draws.noise, plan=plan, collective=setting.collective, settings=setting.step
        )
        ahead.work_during(begun)
        released = begun.result()
        apply_gradient(model.trained(), optimizer, released.gradient)
        model.after_step(step, plan.steps)
        yield Taken(batch=draws.batch, released=released)


def _draws(model: RowModel, count: int, setting: Setting) -> Iterator[Draws | None]:
    """Those of `count` steps, in pieces."""
    plan, randomness = setting.plan, setting.randomness
    units_of_steps = poisson_steps(
        setting.shard.n_units,
        sample_rate=plan.sample_rate,
        steps=count,
        draw_uniforms=randomness.draw_uniforms,
    )
    for units in units_of_steps:
        batch = batch_of(setting.shard, units, setting.row_weight, model.n_normals, randomness.sampling)
        batch = batch.to(setting.device)
        yield None
        noise = OwnNoise(
            length_of_sum(model),
            plan.noise_standard_deviation,
            collective=setting.collective,
            draw_noise=randomness.draw_noise,
        )
        while noise.draw_piece():
            yield None
        yield Draws(batch=batch, noise=noise)


def learning_rate(base: float, step: int, steps: int) -> float:
    """Falling in a line from `base` to zero at the end of the plan."""
    return base * (steps - step) / steps

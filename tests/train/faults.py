"""Two real ranks that train on canaries, once as the product does and once with each planted fault.

Run by horovodrun for test_audit.py; rank 0 writes each audit's checks.
"""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ranks import DOMAIN, make_model
from torch import Tensor

from synth.lake.artifacts import write_json
from synth.privacy.dpsgd import DpSgdPlan
from synth.train import noise as source
from synth.train import step as engine
from synth.train import steps as loop
from synth.train import sums as beside
from synth.train.ahead import Pending
from synth.train.canaries import observe
from synth.train.collective import HorovodCollective
from synth.train.noise import DrawNoise, OwnNoise, gaussian_noise, own_part
from synth.train.randomness import Randomness
from synth.train.sampler import os_entropy_generator, secret_uniforms
from synth.train.step import NoisyStep, StepSettings, begin_step
from synth.train.verdict import verdict

SETTINGS = StepSettings(physical_batch_size=512)
# A claim of 2.8 at delta 1e-9: low enough for one run to prove more of a training without noise.
PLAN = {
    "sample_rate": 0.1,
    "steps": 800,
    "noise_multiplier": 6.0,
    "max_grad_norm": 0.5,
    "expected_batch_size": 200.0,
    "sums": 4,
    "sums_noise_multiplier": 5.0,
}


class UsedTwice(OwnNoise):
    """Fault: what was drawn ahead for one step is added in the next one too."""

    _kept: tuple[int, list[Tensor]] | None = None

    def __init__(self, length: int, *arguments: Any, **named: Any) -> None:
        super().__init__(length, *arguments, **named)
        kept, UsedTwice._kept = UsedTwice._kept, None
        if kept is not None and kept[0] == length:
            self._drawn, self._n_left = list(kept[1]), 0
        else:
            while self.draw_piece():
                pass
            UsedTwice._kept = (length, list(self._drawn))


class Averaged(HorovodCollective):
    """Fault: Horovod's default operation."""

    def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
        return Pending.done(self._hvd.allreduce(vector, op=self._hvd.Average))


def scaled(factor: Callable[[int], float]) -> Callable[[int], DrawNoise]:
    """Noise of a scale that the fault changes, by rank."""
    return lambda rank: lambda length, deviation: gaussian_noise(length, deviation * factor(rank))


def seeded(rank: int) -> DrawNoise:
    """Fault: the ranks' seeds are those of the draws, the same on all."""
    seeds = itertools.count(11)
    return lambda length, deviation: from_seed(next(seeds), length) * deviation


def repeated(rank: int) -> DrawNoise:
    """Fault: every draw begins anew from the rank's seed."""
    return lambda length, deviation: from_seed(rank, length) * deviation


def from_seed(seed: int, length: int) -> Tensor:
    """Standard normal values."""
    return torch.randn(length, generator=torch.Generator().manual_seed(seed))


def everything(length: int, *, rank: int, size: int) -> slice:
    """Fault: each rank noises all coordinates."""
    return slice(0, length)


def first_part(length: int, *, rank: int, size: int) -> slice:
    """Fault: all ranks noise the same coordinates. The variance is right on average."""
    return own_part(length, rank=0, size=size)


def unclipped(*arguments: Any, **named: Any) -> Pending[NoisyStep]:
    """Fault: no gradient is cut."""
    clip, engine.clip_factors = engine.clip_factors, lambda norms, _: torch.ones_like(norms)
    try:
        return begin_step(*arguments, **named)
    finally:
        engine.clip_factors = clip


def without_empty(
    model: Any, batch: Any, noise: OwnNoise, *, collective: HorovodCollective, **named: Any
) -> Pending[NoisyStep]:
    """Fault: where nobody joined, nothing is drawn."""
    joined = collective.sum(torch.tensor([float(len(batch.codes))]))
    if joined.item() == 0:
        size = sum(parameter.numel() for parameter in model.parameters())
        return Pending.done(NoisyStep(gradient=torch.zeros(size), loss=None))
    return begin_step(model, batch, noise, collective=collective, **named)


def by_exact_size(
    model: Any, batch: Any, noise: OwnNoise, *, plan: Any, collective: HorovodCollective, **named: Any
) -> Pending[NoisyStep]:
    """Fault: the divisor is what the data say."""
    joined = collective.sum(torch.tensor([float(len(batch.codes))])).item()
    begun = begin_step(model, batch, noise, plan=plan, collective=collective, **named)
    scale = plan.expected_batch_size / max(joined, 1.0)
    return begun.then(lambda step: NoisyStep(gradient=step.gradient * scale, loss=None))


def skipping(taken: Callable[..., Any]) -> Callable[..., Any]:
    """Fault: the loop itself passes over every fourth step."""

    def steps(*arguments: Any, **named: Any) -> Any:
        for number, units in enumerate(taken(*arguments, **named)):
            if number % 4:
                yield units
            else:
                yield units[:0]

    return steps


FAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "noise halved": {"draw_noise": scaled(lambda rank: 0.5)},
    "no noise": {"draw_noise": scaled(lambda rank: 0.0)},
    "units skipped by the loop": {"poisson_steps": skipping(loop.poisson_steps)},
    "noise divided by the ranks": {"own_part": everything, "draw_noise": scaled(lambda rank: 0.5)},
    "noise on every rank": {"own_part": everything},
    "noise missing on one rank": {"draw_noise": scaled(lambda rank: 1.0 - rank)},
    "noise of all ranks in one place": {"own_part": first_part},
    "noise seed shared by the ranks": {"draw_noise": seeded},
    "noise repeated": {"draw_noise": repeated},
    "noise used in two steps": {"OwnNoise": UsedTwice},
    "sampling seed shared by the ranks": {"sampling": True},
    "no clipping": {"begin_step": unclipped},
    "sums not cut": {"clip_and_sum": lambda parts, _: parts.sum(0)},
    "averaged": {"collective": Averaged},
    "empty batches skipped": {"begin_step": without_empty},
    "divided by the exact size": {"begin_step": by_exact_size},
}


def main() -> None:
    torch.set_num_threads(1)
    plan = DpSgdPlan.uncharged(PLAN)
    network = make_model()
    found = {}
    for name, fault in FAULTS.items():
        planted = dict(fault)
        collective = planted.pop("collective", HorovodCollective)()
        randomness = Randomness(
            sampling=os_entropy_generator(),
            draw_uniforms=np.random.default_rng(3).random
            if planted.pop("sampling", False)
            else secret_uniforms,
            draw_noise=planted.pop("draw_noise", lambda _: gaussian_noise)(collective.rank),
        )
        places = {
            part: next(place for place in (loop, beside, source) if hasattr(place, part)) for part in planted
        }
        sound = {part: getattr(place, part) for part, place in places.items()}
        for part, faulty in planted.items():
            setattr(places[part], part, faulty)
        seen = observe(
            plan,
            network=network,
            domain=DOMAIN,
            collective=collective,
            settings=SETTINGS,
            randomness=randomness,
        )
        for part, own in sound.items():
            setattr(places[part], part, own)
        found[name] = [check.to_dict() for check in verdict(seen, plan)]
    if HorovodCollective().rank == 0:
        write_json(Path(sys.argv[1]) / "audits.json", found)


if __name__ == "__main__":
    main()

"""What two real ranks do, for test_two_ranks.py: run by horovodrun, it saves what it saw.

Every experiment of EXPERIMENTS takes the same injected batches through our step; all but "ours" plant a
fault that is known to void privacy above one rank.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synth.config.model import VaeSettings
from synth.core.domain import Domain
from synth.models.vae import Vae
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.ahead import Pending
from synth.train.batch import Batch
from synth.train.collective import Collective, HorovodCollective
from synth.train.noise import DrawNoise, OwnNoise, gaussian_noise, own_part
from synth.train.step import NoisyStep, StepSettings, apply_gradient, begin_step, length_of_sum

DOMAIN = Domain(("a", "b", "c"), (3, 5, 2))
EXPERIMENTS = ("ours", "averaged", "distributed optimizer", "noise on every rank", "noise halved")
STEPS = 3
EMPTY_STEPS = 40
NOISE_MULTIPLIER = 2.0
MAX_GRAD_NORM = 0.5
EXPECTED_BATCH_SIZE = 10.0


def make_model() -> Vae:
    settings = VaeSettings(latent=2, hidden=(8,), beta=0.5)
    return Vae(domain=DOMAIN, settings=settings, log_shares=np.log(np.full(10, 0.1)), seed=1)


def make_plan(noise_multiplier: float) -> DpSgdPlan:
    fields = {
        "sample_rate": 0.1,
        "steps": 50,
        "noise_multiplier": noise_multiplier,
        "max_grad_norm": MAX_GRAD_NORM,
        "expected_batch_size": EXPECTED_BATCH_SIZE,
    }
    return DpSgdPlan.uncharged(fields)


def make_batch(step: int, rank: int, size: int) -> Batch:
    """Rank's part of 12 units, the same 12 whatever the number of ranks; unequal parts."""
    rng = np.random.default_rng(step)
    codes = np.stack([rng.integers(0, n, (12, 1)) for n in DOMAIN.sizes], axis=-1)
    normals = rng.standard_normal((12, 1, 2), dtype=np.float32)
    mine = slice(0, 12) if size == 1 else (slice(0, 3) if rank == 0 else slice(3, 12))
    return Batch(
        codes=torch.from_numpy(codes[mine]),
        weights=torch.ones(codes[mine].shape[:2]),
        normals=torch.from_numpy(normals[mine]),
    )


def noisy_step(
    model: Vae, batch: Batch, plan: DpSgdPlan, collective: Collective, draw_noise: DrawNoise
) -> NoisyStep:
    """A whole step."""
    noise = OwnNoise(
        length_of_sum(model), plan.noise_standard_deviation, collective=collective, draw_noise=draw_noise
    )
    settings = StepSettings(physical_batch_size=4)
    return begin_step(model, batch, noise, plan=plan, collective=collective, settings=settings).result()


def injected_noise(model: torch.nn.Module, collective: Collective) -> DrawNoise:
    """A rank's part of what is the same on every run: for comparing ranks, never for privacy."""
    length = 1 + sum(parameter.numel() for parameter in model.parameters())
    whole = torch.randn(length, generator=torch.Generator().manual_seed(9))
    own = whole[own_part(length, rank=collective.rank, size=collective.size)]

    def draw(length: int, standard_deviation: float) -> Tensor:
        assert length == len(own)
        return own * standard_deviation

    return draw


class Averaged(HorovodCollective):
    """Fault: Horovod's default operation."""

    def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
        return Pending.done(self._hvd.allreduce(vector, op=self._hvd.Average))


class EveryRankIsAlone(HorovodCollective):
    """Fault: each rank believes that all of the noise is its to add."""

    def __init__(self) -> None:
        super().__init__()
        self.rank, self.size = 0, 1


def train_steps(collective: Collective, noise_multiplier: float, *, wrapped: bool = False) -> np.ndarray:
    """The gradients that reached the optimizer; [STEPS, P]."""
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if wrapped:
        import horovod.torch as hvd

        optimizer = hvd.DistributedOptimizer(optimizer, named_parameters=model.named_parameters())
    seen, draw_noise = [], injected_noise(model, collective)
    for step in range(STEPS):
        batch = make_batch(step, collective.rank, collective.size)
        if wrapped:
            # As Opacus does: a backward pass for its hooks; it is what sets Horovod's hooks off.
            optimizer.zero_grad()
            model.losses(batch.codes, batch.normals).mean().backward()
        gradient = noisy_step(model, batch, make_plan(noise_multiplier), collective, draw_noise).gradient
        apply_gradient(model, optimizer, gradient)
        seen.append(torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).clone())
    return torch.stack(seen).numpy()


def empty_steps(collective: Collective, factor: float) -> np.ndarray:
    """Noise over all ranks that reached the optimizer, in units of what it should be; [EMPTY_STEPS, P]."""
    model, plan = make_model(), make_plan(NOISE_MULTIPLIER)
    empty = make_batch(0, 0, 1)
    empty = Batch(codes=empty.codes[:0], weights=empty.weights[:0], normals=empty.normals[:0])
    gradients = [
        noisy_step(model, empty, plan, collective, lambda n, s: gaussian_noise(n, s * factor)).gradient
        for _ in range(EMPTY_STEPS)
    ]
    return (torch.stack(gradients) * EXPECTED_BATCH_SIZE / (NOISE_MULTIPLIER * MAX_GRAD_NORM)).numpy()


def main() -> None:
    torch.set_num_threads(1)
    results = {}
    for name in EXPERIMENTS:
        kinds = {"averaged": Averaged, "noise on every rank": EveryRankIsAlone}
        collective = kinds.get(name, HorovodCollective)()
        wrapped = name == "distributed optimizer"
        results[f"{name}/empty"] = empty_steps(collective, 0.5 if name == "noise halved" else 1.0)
        if name in ("ours", "averaged", "distributed optimizer"):
            results[f"{name}/quiet"] = train_steps(collective, 0.0, wrapped=wrapped)
            results[f"{name}/noisy"] = train_steps(collective, NOISE_MULTIPLIER, wrapped=wrapped)
    np.savez(Path(sys.argv[1]) / f"rank-{HorovodCollective().rank}.npz", **results)


if __name__ == "__main__":
    main()

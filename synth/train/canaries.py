"""What a training with canaries shows to an attacker who sees every noisy sum: the audit's raw material.

Canaries are privacy units whose gradients are orthogonal and longer than the clipping norm: the worst that a
unit can be. No row of the table takes part, so that watching costs no budget.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.core.domain import Domain
from synth.models.layers import ColumnEmbedding
from synth.models.rows import RowModel
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.collective import Collective
from synth.train.noise import gaussian_noise
from synth.train.sampler import os_entropy_generator, poisson_steps
from synth.train.step import (
    Batch,
    DrawNoise,
    NoisyStep,
    StepSettings,
    clip_and_sum,
    noisy_step,
    sum_clipped_gradients,
)

CANARIES = 2000
EMPTY_STEPS = 20
_LENGTH = 10.0
"""Of a canary's gradient, in clipping norms."""
_SEEN_PER_WORLD = 10_000
_CHECKED_ROWS = 32

TakeStep = Callable[..., NoisyStep]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What rank 0 saw, in units of the clipping norm.

    Attributes:
      empty: float32 [steps, m], sums of empty batches.
      without, with_canary: [n] each, a canary's coordinate where it took no part, and where it did.
      scores: [m], each canary's coordinate added up over all planned steps; `included`: [m], whether its coin
        let it be sampled.
      batch_sizes: [steps], how many joined each of them over all ranks; `n_sampled`: of how many.
      rule_error: distance of the network's clipped sum from that of units one by one, in clipping norms.
    """

    empty: NDArray[np.float32]
    without: NDArray[np.float64]
    with_canary: NDArray[np.float64]
    scores: NDArray[np.float64]
    included: NDArray[np.bool_]
    batch_sizes: NDArray[np.float64]
    n_sampled: int
    rule_error: float


class CanaryNetwork(RowModel):
    """A parameter for each canary: a canary's gradient lies along its own and nowhere else."""

    def __init__(self, n_canaries: int, length: float) -> None:
        super().__init__()
        self.n_normals, self.loss_bound = 0, 1.0
        domain = Domain(("canary",), (n_canaries,))
        self.embedding = ColumnEmbedding(domain, 1, torch.Generator().manual_seed(0))
        self._length = length

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """A plane whose slope is the canary's length."""
        return self._length * self.embedding(codes).sum((-2, -1))


def observe(
    plan: DpSgdPlan,
    *,
    network: RowModel,
    domain: Domain,
    collective: Collective,
    settings: StepSettings,
    report: Callable[[str], None] = lambda _: None,
    draw_noise: DrawNoise = gaussian_noise,
    sampling: np.random.Generator | None = None,
    take_step: TakeStep = noisy_step,
) -> Seen:
    """Run the planned training on canaries in place of rows, through the same step, ranks and sampler.

    Args:
      plan: of the training to audit; its loss is not watched.
      network, domain: whose layers' rules are compared with units one by one.
      draw_noise, sampling, take_step: the product's own; tests plant faults in them.
    Returns: the same on every rank.
    """
    plan = replace(plan, loss_ratio=0.0)
    rng = sampling or os_entropy_generator()
    coins = _shared_coins(collective)
    watched = CanaryNetwork(CANARIES, _LENGTH * plan.max_grad_norm)
    mine = np.arange(collective.rank, CANARIES, collective.size)

    def seen_sum(units: NDArray[np.int64]) -> NDArray[np.float32]:
        step = take_step(
            watched, _units(units), plan=plan, collective=collective, settings=settings, draw_noise=draw_noise
        )
        seen: NDArray[np.float32] = (step.gradient * plan.expected_batch_size / plan.max_grad_norm).numpy()
        return seen

    report("audit: sums of empty batches")
    empty = np.stack([seen_sum(mine[:0]) for _ in range(EMPTY_STEPS)])
    report("audit: sums with and without each canary")
    there = mine[coins[mine]]
    # So many that an error of a fifth in mu = 1 / noise_multiplier stands out.
    n_worlds = math.ceil(max(_SEEN_PER_WORLD, (44 * plan.noise_multiplier) ** 2) / (CANARIES // 2))
    worlds = np.stack([seen_sum(there) for _ in range(n_worlds)]).astype(np.float64)
    report(f"audit: a training of {plan.steps} steps with {CANARIES} canaries")
    scores, sizes = np.zeros(CANARIES), np.zeros(plan.steps)
    steps = poisson_steps(len(mine), sample_rate=plan.sample_rate, steps=plan.steps, rng=rng)
    for number, joined in enumerate(steps):
        units = mine[joined]
        sizes[number] = len(units)
        scores += seen_sum(units[coins[units]])
    return Seen(
        empty=empty,
        without=worlds[:, ~coins].ravel(),
        with_canary=worlds[:, coins].ravel(),
        scores=scores,
        included=coins,
        batch_sizes=collective.sum(torch.from_numpy(sizes.astype(np.float32))).numpy().astype(np.float64),
        n_sampled=CANARIES,
        rule_error=rule_error(network, domain, plan, settings),
    )


def rule_error(network: RowModel, domain: Domain, plan: DpSgdPlan, settings: StepSettings) -> float:
    """Distance of the clipped sum over made-up rows from that of their own backward passes."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, _CHECKED_ROWS) for size in domain.sizes], axis=1)
    batch = Batch(
        codes=torch.from_numpy(codes)[:, None],
        weights=torch.ones(_CHECKED_ROWS, 1),
        normals=torch.from_numpy(
            rng.standard_normal((_CHECKED_ROWS, 1, network.n_normals), dtype=np.float32)
        ),
    )
    parameters = list(network.trained().parameters())
    by_unit = []
    for unit in range(_CHECKED_ROWS):
        loss = network.losses(batch.codes[unit], batch.normals[unit]).sum()
        grads = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        by_unit.append(torch.cat([grad.flatten() for grad in grads]))
    expected = clip_and_sum(torch.stack(by_unit), plan.max_grad_norm)
    got = sum_clipped_gradients(network, batch, max_grad_norm=plan.max_grad_norm, settings=settings)[:-1]
    return float((got - expected).norm()) / plan.max_grad_norm


def _shared_coins(collective: Collective) -> NDArray[np.bool_]:
    """A fair coin for each canary from OS entropy, rank 0's on all ranks; [CANARIES]."""
    own = torch.from_numpy((os_entropy_generator().random(CANARIES) < 0.5).astype(np.float32))
    coins: NDArray[np.bool_] = collective.broadcast(own).numpy() > 0.5
    return coins


def _units(units: NDArray[np.int64]) -> Batch:
    return Batch(
        codes=torch.from_numpy(units)[:, None, None],
        weights=torch.ones(len(units), 1),
        normals=torch.zeros(len(units), 1, 0),
    )

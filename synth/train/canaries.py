"""What a training with canaries shows to an attacker who sees every noisy sum: the audit's raw material.

Canaries are privacy units whose gradients are orthogonal and longer than the clipping norm: the worst that a
unit can be. No row of the table takes part, so that watching costs no budget.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synth.core.domain import Domain
from synth.models.layers import ColumnEmbedding
from synth.models.rows import RowModel
from synth.models.sums import NoisySums
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.batch import Batch, batch_of
from synth.train.collective import Collective
from synth.train.randomness import Randomness
from synth.train.sampler import os_entropy_generator
from synth.train.shard import Shard
from synth.train.step import StepSettings, clip_and_sum, sum_clipped_gradients
from synth.train.steps import Setting, take_steps
from synth.train.sums import noisy_sum

CANARIES = 2000
EMPTY_STEPS = 50
_LENGTH = 10.0
"""Of a canary's gradient, in clipping norms."""
_SEEN_PER_WORLD = 10_000
_CHECKED_ROWS = 32


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What rank 0 saw, in units of the clipping norm.

    Attributes:
      empty: float32 [steps, m], sums of empty batches.
      without, with_canary: [n] each, a canary's coordinate where it took no part, and where it did.
      scores: [m], each canary's coordinate added up over all planned steps; `included`: [m], whether its coin
        gave it a row; without one it is sampled all the same, and adds nothing.
      batch_sizes: [steps], how many of the m joined each of them, over all ranks.
      sums_without: [turns, m'], the coordinates of canaries that took no part, in each sum beside the steps;
        `sums_with_canary`: [n], those of canaries that did, in all of them. Both empty without such sums.
      rule_error: distance of the network's clipped sum from that of units one by one, in clipping norms.
    """

    empty: NDArray[np.float32]
    without: NDArray[np.float64]
    with_canary: NDArray[np.float64]
    scores: NDArray[np.float64]
    included: NDArray[np.bool_]
    batch_sizes: NDArray[np.float64]
    sums_without: NDArray[np.float64]
    sums_with_canary: NDArray[np.float64]
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


class CanarySums(NoisySums):
    """A coordinate for each canary, longer than the norm to which a unit's part is cut."""

    turns, start = 1, torch.zeros(0)

    def statistics(self, codes: Tensor, weights: Tensor, normals: Tensor, state: Tensor) -> Tensor:
        return _LENGTH * nn.functional.one_hot(codes[:, 0, 0], CANARIES) * weights

    def updated(self, state: Tensor, sums: Tensor, turn: int) -> Tensor:
        return state


def observe(
    plan: DpSgdPlan,
    *,
    network: RowModel,
    domain: Domain,
    collective: Collective,
    settings: StepSettings,
    report: Callable[[str], None] = lambda _: None,
    randomness: Randomness | None = None,
) -> Seen:
    """Run the planned training on canaries in place of rows, through the same loop, ranks and sampler.

    Args:
      plan: of the training to audit; its loss is not watched.
      network, domain: whose layers' rules are compared with units one by one.
      randomness: the product's own; tests plant faults in it.
    Returns: the same on every rank.
    """
    randomness = randomness or Randomness.from_os()
    coins = _shared_coins(collective)
    mine = np.arange(collective.rank, CANARIES, collective.size)
    setting = Setting(
        plan=replace(plan, loss_ratio=0.0),
        step=settings,
        shard=_shard(mine, coins[mine]),
        row_weight=1.0,
        learning_rate=0.01,
        collective=collective,
        randomness=randomness,
    )
    report("audit: sums of empty batches")
    empty = np.stack(
        [seen for seen, _ in _seen(replace(setting, shard=_shard(mine[:0], coins[:0])), EMPTY_STEPS)]
    )
    report("audit: sums with and without each canary")
    everyone = replace(setting, plan=replace(setting.plan, sample_rate=1.0))
    # So many that an error of a fifth in mu = 1 / noise_multiplier stands out.
    worlds = np.stack([seen for seen, _ in _seen(everyone, _n_worlds(plan.noise_multiplier))])
    of_sums = np.empty((0, CANARIES))
    if plan.sums:
        report("audit: noisy sums with and without each canary")
        of_sums = np.stack([_seen_sum(setting) for _ in range(_n_worlds(plan.sums_noise_multiplier))])
    report(f"audit: a training of {plan.steps} steps with {CANARIES} canaries")
    scores, sizes = np.zeros(CANARIES), np.zeros(plan.steps)
    for number, (seen, size) in enumerate(_seen(setting, plan.steps)):
        scores += seen
        sizes[number] = size
    return Seen(
        empty=empty,
        without=worlds[:, ~coins].ravel().astype(np.float64),
        with_canary=worlds[:, coins].ravel().astype(np.float64),
        scores=scores,
        included=coins,
        batch_sizes=collective.sum(torch.from_numpy(sizes.astype(np.float32))).numpy().astype(np.float64),
        sums_without=of_sums[:, ~coins],
        sums_with_canary=of_sums[:, coins].ravel(),
        rule_error=rule_error(network, domain, plan, settings),
    )


def _n_worlds(noise_multiplier: float) -> int:
    return math.ceil(max(_SEEN_PER_WORLD, (44 * noise_multiplier) ** 2) / (CANARIES // 2))


def _seen(setting: Setting, count: int) -> Iterator[tuple[NDArray[np.float32], int]]:
    """The sum of each step, in clipping norms, and how many of this rank's canaries were in it."""
    plan = setting.plan
    watched = CanaryNetwork(CANARIES, _LENGTH * plan.max_grad_norm)
    optimizer = torch.optim.Adam(watched.parameters())
    for taken in take_steps(watched, optimizer, first=0, count=count, setting=setting):
        gradient = taken.released.gradient
        yield (gradient * plan.expected_batch_size / plan.max_grad_norm).numpy(), len(taken.batch.codes)


def _seen_sum(setting: Setting) -> NDArray[np.float64]:
    """One noisy sum over all canaries that are there."""
    everyone = np.arange(setting.shard.n_units)
    total = noisy_sum(
        CanarySums(),
        torch.zeros(0),
        [batch_of(setting.shard, everyone, 1.0, 0, setting.randomness.sampling)],
        noise_multiplier=setting.plan.sums_noise_multiplier,
        collective=setting.collective,
        draw_noise=setting.randomness.draw_noise,
    )
    return total.numpy().astype(np.float64)


def _shard(canaries: NDArray[np.int64], included: NDArray[np.bool_]) -> Shard:
    """A unit for each canary, of one coded row if it is included, else of none. [n], [n]."""
    return Shard(
        codes=canaries[included, None].astype(np.uint16), starts=np.concatenate([[0], np.cumsum(included)])
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

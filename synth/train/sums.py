"""Noisy sums over all privacy units of all ranks, turn by turn: what `synth.models.sums` asks for."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from synth.models.sums import NoisySums
from synth.train.batch import Batch, batch_of
from synth.train.collective import Collective
from synth.train.noise import DrawNoise, OwnNoise
from synth.train.progress import note_sums, noted_sums
from synth.train.randomness import Randomness
from synth.train.shard import Shard
from synth.train.spec import TrainSpec
from synth.train.step import clip_and_sum


def take_sums(
    sums: NoisySums,
    spec: TrainSpec,
    *,
    shard: Shard,
    row_weight: float,
    n_normals: int,
    collective: Collective,
    randomness: Randomness,
    device: torch.device,
    report: Callable[[str], None],
) -> Tensor:
    """Take all planned turns that are not drawn yet; the last state, the same on every rank.

    Guarantee: over all runs under one ledger entry at most `spec.plan.sums` turns are drawn. A turn is
    written down as drawn before it is, with all that was known before; one that a crash lost is not repeated.
    """
    entry, folder = spec.receipt.entry, spec.run_folder
    known = torch.cat([torch.zeros(1), sums.start])
    if collective.rank == 0:
        drawn, kept = noted_sums(folder, entry=entry)
        known = torch.cat([torch.tensor([float(drawn)]), sums.start if kept is None else torch.tensor(kept)])
    known = collective.broadcast(known)
    first, state = int(known[0]), known[1:]
    for turn in range(first, sums.turns):
        if collective.rank == 0:
            note_sums(folder, entry=entry, drawn=turn + 1, state=state.tolist())
            report(f"noisy sum {turn + 1}/{sums.turns} over all rows")
        batches = _batches(shard, spec.train.physical_batch_size, row_weight, n_normals, randomness)
        released = noisy_sum(
            sums,
            state,
            (batch.to(device) for batch in batches),
            noise_multiplier=spec.plan.sums_noise_multiplier,
            collective=collective,
            draw_noise=randomness.draw_noise,
        )
        state = sums.updated(state, released, turn)
    if collective.rank == 0:
        note_sums(folder, entry=entry, drawn=sums.turns, state=state.tolist())
    return state


def noisy_sum(
    sums: NoisySums,
    state: Tensor,
    batches: Iterable[Batch],
    *,
    noise_multiplier: float,
    collective: Collective,
    draw_noise: DrawNoise,
) -> Tensor:
    """One sum over the units of all ranks, float32 [N], the same on every rank.

    Args:
      batches: all of this rank's units, each once; one batch at least, which may be empty.
    Guarantee: the Gaussian mechanism of standard deviation `noise_multiplier` on a sum that one unit moves by
      at most 1 in L2 norm, wherever it lives; without noise at 0.
    """
    with torch.no_grad():
        parts = [
            clip_and_sum(sums.statistics(batch.codes, batch.weights, batch.normals, state), 1.0)
            for batch in batches
        ]
    total = torch.stack(parts).double().sum(0).float().cpu()
    OwnNoise(len(total), noise_multiplier, collective=collective, draw_noise=draw_noise).add_to(total)
    return collective.sum(total)


def _batches(
    shard: Shard, n_at_once: int, row_weight: float, n_normals: int, randomness: Randomness
) -> Iterator[Batch]:
    """All units of a shard in their order; an empty batch if there are none."""
    for start in range(0, max(shard.n_units, 1), n_at_once):
        units = np.arange(start, min(start + n_at_once, shard.n_units))
        yield batch_of(shard, units, row_weight, n_normals, randomness.sampling)

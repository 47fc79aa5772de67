"""Rows that each kind of model draws in a second on one core, beside each other.

    OMP_NUM_THREADS=1 python bench/sampling.py --out bench/results/sampling.md

Networks of default size with random weights over 15 columns as wide as Adult's; marginals of random pairs.
Kinds take turns; medians of processor time over blocks of 4,096 rows. Codes alone: decoding and writing come
on top and are the same for all.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from show import show

from synth.config.model import GanLoss, Model
from synth.core.domain import Domain
from synth.generate.rows import BLOCK
from synth.models.arn import Arn
from synth.models.arn_sampler import ArnSampler
from synth.models.decoder import DecoderSampler
from synth.models.gan import Gan
from synth.models.sampler import Sampler
from synth.models.tables import Factor, Grouping, elimination_order, tables_of_factors
from synth.models.tables_sampler import TablesSampler
from synth.models.vae import Vae

SIZES = (22, 10, 21, 18, 17, 9, 17, 8, 7, 4, 9, 9, 13, 34, 4)
PEER = 29_000
"""mostlyai-engine's rows a second on two cores, measured apart on Adult without privacy."""


def samplers() -> dict[str, Sampler]:
    """One of each kind."""
    domain = Domain(tuple(f"c{number}" for number in range(len(SIZES))), SIZES)
    even = np.log(np.concatenate([np.full(size, 1 / size) for size in SIZES]))
    model = Model()
    arn = Arn(
        domain=domain, width=model.arn.width, hidden=model.arn.hidden, shuffled=0.5, log_shares=even, seed=0
    )
    vae = Vae(domain=domain, settings=model.vae, log_shares=even, seed=0)
    gan = Gan(
        domain=domain,
        latent=model.gan.latent,
        loss=GanLoss.CLASSIC,
        condition=None,
        steps_per_generator_step=1,
        log_shares=even,
        seed=0,
    )
    for network in (arn, vae, gan):
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    rng = np.random.default_rng(0)
    pairs = [(i, i + 1) for i in range(len(SIZES) - 1)]
    factors = [Factor(pair, rng.normal(size=[SIZES[c] for c in pair])) for pair in pairs]
    groupings = tuple(Grouping.identity(size) for size in SIZES)
    tables = tables_of_factors(domain, groupings, factors, elimination_order(list(SIZES), pairs))
    return {
        "marginal": TablesSampler(tables),
        "arn": ArnSampler(domain, arn.weights()),
        "vae": DecoderSampler(domain, vae.decoder_weights()),
        "gan": DecoderSampler(domain, gan.generator_weights()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    times: dict[str, list[float]] = {}
    kinds = samplers()
    for repeat in range(arguments.repeats + 1):
        for kind, sampler in kinds.items():
            uniforms = rng.random((BLOCK, sampler.n_uniforms))
            began = time.process_time()
            sampler.sample(uniforms)
            if repeat:  # the first warms up
                times.setdefault(kind, []).append(time.process_time() - began)
    lines = ["| kind | rows/s on one core | against half of mostlyai-engine's on two |", "|---|---|---|"]
    for kind, seconds in times.items():
        rate = BLOCK / statistics.median(seconds)
        lines.append(f"| {kind} | {rate:,.0f} | {rate / (PEER / 2):.0f} |")
    lines += ["", "Codes alone; the peer's figure (29,000 rows/s on two cores, Adult) includes its decoding."]
    show(lines, arguments.out)


if __name__ == "__main__":
    main()

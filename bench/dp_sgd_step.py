"""What a step of DP-SGD costs: ours and Opacus' modes against the plain step of the same network.

    OMP_NUM_THREADS=1 python bench/dp_sgd_step.py --out bench/results/dp_sgd_step.md

A perceptron 64-256-256-64 that reproduces random rows, one thread, Adam. All ways take turns, so that a
busy machine slows them alike; the table holds medians of processor time, which with one thread is the time
on a quiet machine. Opacus draws its fast noise, ours the slower one that resists floating-point attacks.
Memory is the peak of a process of its own. What a second rank gains is in ranks.py.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from show import show
from torch import Tensor, nn

from synth.models.rows import RowModel
from synth.privacy.budget import DpSgdSteps
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.ahead import Ahead
from synth.train.batch import Batch
from synth.train.collective import Collective, SingleProcess
from synth.train.noise import OwnNoise, gaussian_noise
from synth.train.step import StepSettings, apply_gradient, begin_step, length_of_sum
from synth.train.steps import STEPS_AHEAD

WIDTH, HIDDEN = 64, 256
MAX_GRAD_NORM, NOISE_MULTIPLIER = 1.0, 1.0
PHYSICAL = 4096
OPACUS_MODES = ("hooks", "ghost", "functorch")
Step = Callable[[], None]


class Perceptron(RowModel):
    """Reproduces its `normals`; the codes are not looked at."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.n_normals, self.loss_bound = WIDTH, 4.0 * WIDTH
        self.layers = perceptron(hidden)

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        out: Tensor = (self.layers(normals) - normals).square().sum(-1)
        return out


def perceptron(hidden: int = HIDDEN) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(WIDTH, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, WIDTH)
    )


def rows(n: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((n, WIDTH), dtype=np.float32))


def plain_step(n: int) -> Step:
    model, x = perceptron(), rows(n)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def step() -> None:
        for start in range(0, n, PHYSICAL):
            part = x[start : start + PHYSICAL]
            ((model(part) - part).square().sum(-1).sum() / n).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def our_step(
    n: int, collective: Collective, *, expected: int, hidden: int = HIDDEN, physical: int = PHYSICAL
) -> Step:
    model = Perceptron(hidden)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    batch = Batch(
        codes=torch.zeros(n, 1, 1, dtype=torch.int64), weights=torch.ones(n, 1), normals=rows(n)[:, None]
    )
    event = DpSgdSteps(sample_rate=0.1, noise_multiplier=NOISE_MULTIPLIER, steps=1)
    plan = DpSgdPlan.for_charged(
        {
            "sample_rate": 0.1,
            "steps": 1,
            "noise_multiplier": NOISE_MULTIPLIER,
            "max_grad_norm": MAX_GRAD_NORM,
            "expected_batch_size": float(expected),
        },
        [event],
    )

    length, settings = length_of_sum(model), StepSettings(physical_batch_size=physical)

    def noises() -> Iterator[OwnNoise | None]:
        while True:
            noise = OwnNoise(
                length, plan.noise_standard_deviation, collective=collective, draw_noise=gaussian_noise
            )
            while noise.draw_piece():
                yield None
            yield noise

    ahead = Ahead(noises(), most=STEPS_AHEAD)

    def step() -> None:
        begun = begin_step(model, batch, ahead.next(), plan=plan, collective=collective, settings=settings)
        ahead.work_during(begun)
        apply_gradient(model, optimizer, begun.result().gradient)

    return step


class RowLoss(nn.Module):
    """Mean over rows of the squared error; by row where Opacus asks for it through `reduction`."""

    reduction = "mean"

    def forward(self, out: Tensor, target: Tensor) -> Tensor:
        by_row = (out - target).square().sum(-1)
        return by_row if self.reduction == "none" else by_row.mean()


def opacus_step(n: int, mode: str) -> Step:
    """Opacus through its front door, with its default (fast, not secure) noise."""
    from opacus import PrivacyEngine

    x = rows(n)
    model = perceptron()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=n)
    criterion: nn.Module = RowLoss()
    made = PrivacyEngine().make_private(
        module=model,
        optimizer=torch.optim.Adam(model.parameters(), fused=True),
        criterion=criterion,
        data_loader=loader,
        noise_multiplier=NOISE_MULTIPLIER,
        max_grad_norm=MAX_GRAD_NORM,
        poisson_sampling=False,
        grad_sample_mode=mode,
    )
    module, optimizer = made[0], made[1]
    if mode == "ghost":
        criterion = made[2]

    def step() -> None:
        optimizer.zero_grad()
        criterion(module(x), x).backward()
        optimizer.step()

    return step


def in_turns(
    steps: dict[str, Step], repeats: int, clock: Callable[[], float] = time.process_time
) -> dict[str, float]:
    """Median milliseconds of each, taking turns; of processor time, for others may use the machine."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            began = clock()
            step()
            if repeat:  # the first warms up
                times[name].append(1000 * (clock() - began))
    return {name: statistics.median(values) for name, values in times.items()}


def peak_mebibytes(n: int) -> tuple[float, float]:
    """Peak of a fresh process that takes two of our steps at this batch; beside it, what its rows weigh."""
    command = [sys.executable, __file__, "--peak", str(n)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]), n * (WIDTH * 4 + 12) / 2**20


def steps_table(repeats: int) -> list[str]:
    lines = [
        "| batch | way | CPU ms a step | against plain |",
        "|---|---|---|---|",
    ]
    for batch in (512, 4096):
        steps = {
            "plain": plain_step(batch),
            "ours": our_step(batch, SingleProcess(), expected=batch),
            **{f"Opacus {mode}": opacus_step(batch, mode) for mode in OPACUS_MODES},
        }
        slow = {"Opacus hooks", "Opacus functorch"}
        times = in_turns({k: v for k, v in steps.items() if k not in slow}, repeats)
        # The slow ones in few turns of their own, beside a plain step again.
        slow_times = in_turns({k: v for k, v in steps.items() if k in {"plain", *slow}}, 3)
        for part in (times, slow_times):
            ratios = {k: t / part["plain"] for k, t in part.items() if part is times or k in slow}
            lines += [f"| {batch} | {k} | {part[k]:.1f} | {ratio:.2f} |" for k, ratio in ratios.items()]
        if batch == 512:
            parameters = sum(p.numel() for p in perceptron().parameters())
            noise = in_turns({"noise": lambda n=parameters: gaussian_noise(n, 1.0)}, repeats)["noise"]
            lines.append(f"| - | noise for {parameters:,} parameters alone | {noise:.1f} | - |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--peak", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="opacus|torch")
    if arguments.peak:
        step = our_step(arguments.peak, SingleProcess(), expected=arguments.peak)
        for _ in range(2):
            step()
        # Not ru_maxrss: that one begins at the peak of the process that started this one.
        status = Path("/proc/self/status").read_text()
        print(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)  # type: ignore[index]
        return
    lines = steps_table(arguments.repeats)
    lines += ["", "| batch | peak MiB of the process | of it the rows |", "|---|---|---|"]
    for batch in (4096, 16384, 65536):
        peak, held = peak_mebibytes(batch)
        lines.append(f"| {batch} | {peak:.0f} | {held:.0f} |")
    show(lines, arguments.out)


if __name__ == "__main__":
    main()

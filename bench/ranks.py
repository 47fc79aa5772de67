"""What a second rank of DP-SGD gains: two ranks against one that is alone.

    python bench/ranks.py --out bench/results/ranks.md

One thread a rank, by the clock on the wall. One Horovod job of two ranks takes turns, a few steps each: one
alone on a batch while the other process is stopped, Horovod's threads included; both ranks on halves of that
batch; both on as many examples each; and both on halves without ever adding up: what two cores could give at
best. Gains are in examples a second, medians over turns. One job lets ranks move between cores, the other
binds each to its own as `train.bind_cores` does.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from dp_sgd_step import Step, our_step
from show import show

from synth.config.train import Train
from synth.train.collective import HorovodCollective, SingleProcess
from synth.train.cores import bind, own_cores
from synth.train.memory import freed_memory_kept

WIDTHS = (256, 1024)
BATCHES = (4096, 16384)
STEPS_A_TURN = 4
WAYS = ("alone", "halves", "both", "apart", "apart of rank 1")


class Apart(SingleProcess):
    """Noises its part as one of two ranks, and adds up nothing."""

    size = 2


def rank_main(folder: Path, turns: int, is_bound: bool) -> None:
    """One rank of the job; rank 0 writes the seconds of each way's turns, `apart` for both ranks."""
    torch.set_num_threads(1)
    collective = HorovodCollective()
    if is_bound:
        bind(own_cores(local_rank=collective.local_rank, local_size=collective.local_size))
    other = int(collective.sum(torch.tensor([float(os.getpid())])).item()) - os.getpid()  # exact below 2^24
    found = {}
    for hidden in WIDTHS:
        for batch in BATCHES:
            half = batch // 2
            apart = Apart()
            apart.rank = collective.rank
            make = partial(our_step, expected=batch, hidden=hidden, physical=Train().physical_batch_size)
            halves, both, separate = make(half, collective), make(batch, collective), make(half, apart)
            alone = make(batch, SingleProcess())
            times: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(turns + 1):
                times["halves"].append(_turn(halves, collective))
                times["both"].append(_turn(both, collective))
                if collective.rank == 0:
                    os.kill(other, signal.SIGSTOP)
                    times["alone"].append(_seconds(alone))
                    os.kill(other, signal.SIGCONT)
                seconds = torch.zeros(2)
                seconds[collective.rank] = _turn(separate, collective)
                of_ranks = collective.sum(seconds).tolist()
                times["apart"].append(of_ranks[0])
                times["apart of rank 1"].append(of_ranks[1])
            # The first warms up.
            found[f"{hidden} {batch}"] = {way: values[1:] for way, values in times.items()}
    if collective.rank == 0:
        (folder / "ranks.json").write_text(json.dumps(found))
    collective.close()


def _turn(step: Step, collective: HorovodCollective) -> float:
    """Seconds a step, begun together."""
    collective.sum(torch.zeros(2))
    return _seconds(step)


def _seconds(step: Step) -> float:
    began = time.perf_counter()
    for _ in range(STEPS_A_TURN):
        step()
    return (time.perf_counter() - began) / STEPS_A_TURN


def measured(turns: int, is_bound: bool) -> dict[str, dict[str, list[float]]]:
    """Run the job of two ranks."""
    beside = Path(sys.executable).parent
    path = f"{beside}{os.pathsep}{os.environ.get('PATH', '')}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(str(beside / "horovodrun"), "-np", "2", "--gloo", "--network-interface", "lo"),
                *(sys.executable, __file__, "--rank", folder, "--turns", str(turns)),
                *(["--bound"] if is_bound else []),
            ],
            check=True,
            capture_output=True,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        )
        found: dict[str, dict[str, list[float]]] = json.loads((Path(folder) / "ranks.json").read_text())
        return found


def _line(name: str, is_bound: bool, times: dict[str, list[float]]) -> str:
    """A line of the table; ratios are of each turn's own times."""
    hidden, batch = name.split()
    turns = zip(*(times[way] for way in WAYS), strict=True)
    gains = [(one / two, 2 * one / twice, one * (1 / a + 1 / b) / 2) for one, two, twice, a, b in turns]
    medians = (statistics.median(values) for values in zip(*gains, strict=True))
    one, two, twice = (1000 * statistics.median(times[way]) for way in WAYS[:3])
    figures = (f"{one:.1f}", f"{two:.1f}", f"{twice:.1f}", *(f"{gain:.2f}" for gain in medians))
    return f"| {' | '.join((hidden, batch, 'yes' if is_bound else 'no', *figures))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=25)
    parser.add_argument("--rank", type=Path)
    parser.add_argument("--bound", action="store_true", help="of one job's rank, started by this program")
    arguments = parser.parse_args()
    if arguments.rank:
        with freed_memory_kept():
            rank_main(arguments.rank, arguments.turns, arguments.bound)
        return
    columns = (
        "hidden units",
        "batch",
        "bound to cores",
        "one rank, ms a step",
        "two on halves",
        "two on it each",
    )
    columns = (*columns, "gain on halves", "on it each", "on halves, nothing added up")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    jobs = {is_bound: measured(arguments.turns, is_bound) for is_bound in (False, True)}
    for name in jobs[True]:
        lines += [_line(name, is_bound, found[name]) for is_bound, found in jobs.items()]
    show(lines, arguments.out)


if __name__ == "__main__":
    main()

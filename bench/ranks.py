"""What a second rank of DP-SGD gains: two ranks that share a batch against one that takes it alone.

    python bench/ranks.py --out bench/results/ranks.md

One thread a rank, each bound to a core as `train.bind_cores` does it, by the clock on the wall. One Horovod
job of two ranks takes turns, a few steps each: both ranks on halves of the batch, rank 0 alone on all of it
while the other process is stopped, Horovod's threads included, and both on halves without ever adding up:
what two cores could give at best. Medians over turns.

Horovod's own threads wake every HOROVOD_CYCLE_TIME milliseconds, and take that from ranks that use all cores.
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

WIDTHS = (256, 1024)
BATCHES = (4096, 16384)
CYCLES = (1, 3)
STEPS_A_TURN = 4


class Apart(SingleProcess):
    """Noises its part as one of two ranks, and adds up nothing."""

    size = 2


def rank_main(folder: Path, turns: int) -> None:
    """One rank of the job; rank 0 writes the seconds of each way's turns, those of `apart` for both ranks."""
    torch.set_num_threads(1)
    collective = HorovodCollective()
    bind(own_cores(local_rank=collective.local_rank, local_size=collective.local_size))
    other = int(collective.sum(torch.tensor([float(os.getpid())])).item()) - os.getpid()  # exact below 2^24
    found = {}
    for hidden in WIDTHS:
        for batch in BATCHES:
            half = batch // 2
            apart = Apart()
            apart.rank = collective.rank
            make = partial(our_step, expected=batch, hidden=hidden, physical=Train().physical_batch_size)
            together, alone = make(half, collective), make(batch, SingleProcess())
            separate = make(half, apart)
            times: dict[str, list[float]] = {"together": [], "alone": [], "apart": [], "apart of rank 1": []}
            for _ in range(turns + 1):
                times["together"].append(_turn(together, collective))
                if collective.rank == 0:
                    os.kill(other, signal.SIGSTOP)
                    times["alone"].append(_seconds(alone))
                    os.kill(other, signal.SIGCONT)
                seconds = torch.zeros(2)
                seconds[collective.rank] = _turn(separate, collective)
                both = collective.sum(seconds).tolist()
                times["apart"].append(both[0])
                times["apart of rank 1"].append(both[1])
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


def measured(turns: int, cycle: int) -> dict[str, dict[str, list[float]]]:
    """Run the job of two ranks, Horovod waking every `cycle` milliseconds."""
    beside = Path(sys.executable).parent
    path = f"{beside}{os.pathsep}{os.environ.get('PATH', '')}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(str(beside / "horovodrun"), "-np", "2", "--gloo", "--network-interface", "lo"),
                *(sys.executable, __file__, "--rank", folder, "--turns", str(turns)),
            ],
            check=True,
            capture_output=True,
            env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "HOROVOD_CYCLE_TIME": str(cycle)},
        )
        found: dict[str, dict[str, list[float]]] = json.loads((Path(folder) / "ranks.json").read_text())
        return found


def _line(name: str, cycle: int, times: dict[str, list[float]]) -> str:
    """A line of the table; ratios are of each turn's own times."""
    hidden, batch = name.split()
    turns = zip(*(times[way] for way in ("together", "alone", "apart", "apart of rank 1")), strict=True)
    ratios = [(one / two, one * (1 / a + 1 / b) / 2) for two, one, a, b in turns]
    gain, most = (statistics.median(values) for values in zip(*ratios, strict=True))
    one, two = (1000 * statistics.median(times[way]) for way in ("alone", "together"))
    figures = (f"{one:.1f}", f"{two:.1f}", f"{1000 * int(batch) / two:,.0f}", f"{gain:.2f}", f"{most:.2f}")
    return f"| {' | '.join((hidden, batch, str(cycle), *figures))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--turns", type=int, default=25)
    parser.add_argument("--rank", type=Path)
    arguments = parser.parse_args()
    if arguments.rank:
        rank_main(arguments.rank, arguments.turns)
        return
    columns = ("hidden units", "batch", "Horovod's cycle, ms", "one rank, ms a step", "two ranks")
    columns = (*columns, "examples/s of two", "two against one", "two that add nothing up")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    by_cycle = {cycle: measured(arguments.turns, cycle) for cycle in CYCLES}
    for name in by_cycle[CYCLES[0]]:
        lines += [_line(name, cycle, found[name]) for cycle, found in by_cycle.items()]
    show(lines, arguments.out)


if __name__ == "__main__":
    main()

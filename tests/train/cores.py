"""Which cores two real ranks and Horovod's threads have, for test_cores.py: run by horovodrun."""

import json
import os
import sys
from pathlib import Path

from synth.config.train import Train
from synth.train.collective import HorovodCollective
from synth.train.worker import take_cores


def threads() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}


def main() -> None:
    before = threads()
    collective = HorovodCollective()
    policies = [os.sched_getscheduler(thread) for thread in threads() - before]
    cores = []
    for is_bound in (False, True):
        take_cores(Train(bind_cores=is_bound), collective)
        cores.append([sorted(os.sched_getaffinity(thread)) for thread in threads()])
    found = {"policies": policies, "own": os.sched_getscheduler(0), "cores": cores}
    (Path(sys.argv[1]) / f"rank-{collective.rank}.json").write_text(json.dumps(found))
    collective.close()


if __name__ == "__main__":
    main()

"""Which cores a rank runs on, and how Horovod's threads share them with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_AT_START = frozenset(os.sched_getaffinity(0))
"""What this process may use; an elastic rank's share of it changes."""


@contextmanager
def patient_threads() -> Iterator[None]:
    """Threads that begin in the block do not interrupt a computing one when they wake.

    Horovod's wake every millisecond; on a core that a rank uses wholly, each time costs it twice a switch.
    They keep their full share of the core (SCHED_BATCH), so that a busy neighbour cannot starve them.
    Not those that Horovod begins later, when elastic ranks were lost or joined.
    """
    before = _threads()
    yield
    for thread in _threads() - before:
        # It may have ended; or a sandbox forbids it, and the rank is slower.
        with suppress(ProcessLookupError, PermissionError):
            os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))


def own_cores(*, local_rank: int, local_size: int) -> list[int]:
    """A rank's share of the cores that the process began with: disjoint over a machine's ranks.

    With more ranks than cores, ranks share.
    """
    cores = sorted(_AT_START)
    if local_size > len(cores):
        return [cores[local_rank % len(cores)]]
    return cores[len(cores) * local_rank // local_size : len(cores) * (local_rank + 1) // local_size]


def bind(cores: list[int]) -> None:
    """Keep all threads of this process, and those they begin, on these cores."""
    for thread in _threads():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, cores)


def _threads() -> set[int]:
    return {int(entry.name) for entry in Path("/proc/self/task").iterdir()}

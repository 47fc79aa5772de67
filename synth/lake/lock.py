"""A lock that one process holds, and that goes with it however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synth.errors import SynthError


@contextmanager
def sole_holder(path: Path, refusal: SynthError) -> Iterator[None]:
    """Hold the lock file for the block; raise `refusal` if another process holds it.

    Between hosts it holds only as far as the file system honours `flock`.
    """
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise refusal from error
        yield

"""Freed memory is kept inside the block, and given back after it."""

import ctypes
import subprocess
import sys

import pytest

_PROGRAM = """
import resource
from contextlib import nullcontext
from pathlib import Path
import torch
from synth.train.memory import freed_memory_kept

def step():
    return [torch.ones(1 << 20) for _ in range(10)]  # 4 MiB each

def faults():
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

outside = faults()
with freed_memory_kept():
    inside, held = faults(), resident()
print(outside, inside, held - resident(), resource.getpagesize())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc: nothing to keep")
def test_steps_do_not_fault_in_what_they_freed_before() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True)
    outside, inside, given_back, page = map(int, done.stdout.split())
    a_step = (40 << 20) // page
    assert outside > a_step, "without the block there is nothing to win; is it still needed?"
    assert inside < a_step / 10
    assert given_back > 0.9 * a_step

"""A machine's ranks share its cores without overlap, and Horovod's threads yield to computing ones."""

import os
import subprocess
import sys
import threading

import pytest

from synth.train import cores
from synth.train.cores import own_cores, patient_threads


@pytest.mark.parametrize("local_size", [1, 2, 3, 5])
def test_ranks_of_a_machine_have_disjoint_cores_that_are_all_of_its(
    local_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_AT_START", frozenset({1, 3, 4, 6, 8}))
    shares = [own_cores(local_rank=rank, local_size=local_size) for rank in range(local_size)]
    assert sorted(core for share in shares for core in share) == [1, 3, 4, 6, 8]
    assert all(shares)


def test_more_ranks_than_cores_still_have_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_AT_START", frozenset({0, 2}))
    assert [own_cores(local_rank=rank, local_size=3) for rank in range(3)] == [[0], [2], [0]]


def test_threads_begun_in_the_block_are_patient_and_others_are_not() -> None:
    end = threading.Event()
    with patient_threads():
        thread = threading.Thread(target=end.wait)
        thread.start()
    try:
        assert thread.native_id is not None
        assert os.sched_getscheduler(thread.native_id) == os.SCHED_BATCH
        assert os.sched_getscheduler(threading.get_native_id()) == os.SCHED_OTHER
    finally:
        end.set()
        thread.join()


def test_a_bound_process_keeps_all_its_threads_on_its_cores() -> None:
    core = min(os.sched_getaffinity(0))
    program = f"""
import os, threading
from synth.train.cores import bind, own_cores
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
all_cores = own_cores(local_rank=0, local_size=1)
bind([{core}])
print(os.sched_getaffinity(0), os.sched_getaffinity(thread.native_id))
assert own_cores(local_rank=0, local_size=1) == all_cores, "a share is of what the process began with"
end.set()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"{{{core}}}", f"{{{core}}}"]

"""Two real ranks on one machine: Horovod's threads wait for computing ones, and bound ranks keep apart."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def seen(
    on_two_ranks: Callable[[str, Path], None], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("cores")
    on_two_ranks("cores.py", folder)
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(2)]


def test_horovods_threads_wait_for_their_turn_and_the_ranks_own_does_not(seen: list[dict[str, Any]]) -> None:
    for rank in seen:
        assert rank["policies"]
        assert set(rank["policies"]) == {os.SCHED_BATCH}
        assert rank["own"] == os.SCHED_OTHER


def test_only_bound_ranks_keep_all_their_threads_on_cores_that_no_other_has(
    seen: list[dict[str, Any]],
) -> None:
    machine = sorted(os.sched_getaffinity(0))
    if len(machine) < 2:
        pytest.skip("one core: ranks must share it")
    bound = []
    for rank in seen:
        free, own = rank["cores"]
        assert all(cores == machine for cores in free)
        assert all(cores == own[0] for cores in own)
        bound.append(set(own[0]))
    assert not bound[0] & bound[1]
    assert bound[0] | bound[1] == set(machine)

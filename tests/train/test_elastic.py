"""A rank that dies in an elastic training: the other goes on, and no step beyond the plan is drawn."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.errors import TrainingError
from synth.lake.artifacts import read_json
from synth.train.launch import TrainingOutcome, launch
from synth.train.spec import TrainSpec

pytestmark = pytest.mark.train
STEPS = 1500


class Launched(threading.Thread):
    """A training in the background, with the lines it told."""

    def __init__(self, spec: TrainSpec) -> None:
        super().__init__(daemon=True)
        self.spec = spec
        self.lines: list[str] = []
        self.outcome: TrainingOutcome | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.outcome = launch(self.spec, None, self.lines.append)
        except TrainingError as error:
            self.error = error

    def wait_for_steps(self, number: int) -> None:
        note = self.spec.run_folder / "progress.json"
        deadline = time.monotonic() + 120
        while not note.exists() or read_json(note)["may_have_drawn"] < number:
            assert self.is_alive(), (self.lines, self.error)
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)


def workers(spec: TrainSpec) -> dict[int, bytes]:
    """The ranks' processes, each with the name of its host."""
    wanted = str(spec.run_folder / "spec.json").encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
            environment = dict(
                pair.split(b"=", 1) for pair in (folder / "environ").read_bytes().split(b"\0") if b"=" in pair
            )
        except (OSError, ValueError):
            continue  # gone, or another user's
        if wanted in arguments and b"synth.train.worker" in arguments and b"HOROVOD_HOSTNAME" in environment:
            found[int(folder.name)] = environment[b"HOROVOD_HOSTNAME"]
    return found


@pytest.mark.parametrize("host", [b"localhost", b"127.0.0.1"])
def test_the_other_rank_goes_on_and_draws_no_step_twice(
    make_spec: Callable[..., TrainSpec], host: bytes
) -> None:
    spec = make_spec("horovodrun", min_ranks=1, steps=STEPS, checkpoint_seconds=1e9)
    launched = Launched(spec)
    launched.start()
    launched.wait_for_steps(500)
    os.kill(next(pid for pid, name in workers(spec).items() if name == host), signal.SIGKILL)
    launched.join(240)
    assert launched.outcome is not None, (launched.lines, launched.error)
    assert any(line.startswith("going on with 1 rank(s) after step") for line in launched.lines)
    assert read_json(spec.run_folder / "progress.json")["may_have_drawn"] == STEPS
    # Two steps beyond the survivor's last count as drawn; without a checkpoint the rest was in its memory.
    assert STEPS - 2 <= launched.outcome.steps < STEPS


def test_a_host_that_joins_takes_the_place_of_a_lost_one(
    make_spec: Callable[..., TrainSpec], tmp_path: Path
) -> None:
    def name_hosts(*names: str) -> None:
        script.write_text("\n".join(["#!/bin/sh", *(f"echo {name}:1" for name in names), ""]))

    script = tmp_path / "discover.sh"
    name_hosts("localhost", "127.0.0.1")
    script.chmod(0o700)
    spec = make_spec(
        "horovodrun", min_ranks=1, discovery=str(script), steps=2 * STEPS, checkpoint_seconds=1e9
    )
    launched = Launched(spec)
    launched.start()
    launched.wait_for_steps(300)
    name_hosts("localhost", socket.gethostname())
    os.kill(next(pid for pid, name in workers(spec).items() if name == b"127.0.0.1"), signal.SIGKILL)
    launched.join(240)
    assert launched.outcome is not None, (launched.lines, launched.error)
    assert any(line.startswith("going on with 2 rank(s) after step") for line in launched.lines)
    assert read_json(spec.run_folder / "progress.json")["may_have_drawn"] == 2 * STEPS
    # Two for the loss, and two for the joining.
    assert 2 * STEPS - 4 <= launched.outcome.steps < 2 * STEPS

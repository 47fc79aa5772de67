"""Training as it is started for real: by Spark tasks under spark-submit, and after a sudden death."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import BESIDE, REPOSITORY, Project, environment, inside, make_project, start, synth

pytestmark = pytest.mark.e2e

STEPS = 1000


def test_the_jobs_run_under_spark_submit_and_train_on_spark(visits: Path, tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {"path": str(visits)},
        train={"launcher": "spark", "ranks": 2, "steps": 20, "expected_batch_size": 200},
        spark={"master": None, "conf": {"spark.sql.shuffle.partitions": 4}},
    )
    for job in ("scan_pii", "prepare", "train"):
        done = start(
            BESIDE / "spark-submit",
            *("--master", "local[2]", "--conf", "spark.ui.enabled=false"),
            REPOSITORY / "jobs" / f"{job}.py",
            *project.arguments("-")[1:],
        )
        assert done.code == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert [entry["stage"] for entry in project.entries()] == ["scan", "prepare", "train"]
    training = project.json("model", "model.json")["training"]
    assert training["steps"] == 20
    assert training["is_private"] is True
    assert training["noise_multiplier"] > 0


def ranks_of(project: Project) -> list[int]:
    """Processes that still work on a training of this project."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(project.workdir / "private" / "training") in command:
            found.append(int(folder.name))
    return found


def wait_for(condition: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def begun(
    visits: Path, folder: Path, *, checkpoint_seconds: float
) -> tuple[Project, subprocess.Popen[bytes]]:
    """A prepared project, and its training as a process in a group of its own."""
    project = make_project(
        folder,
        {"path": str(visits)},
        train={"steps": STEPS, "expected_batch_size": 200, "checkpoint_seconds": checkpoint_seconds},
    )
    for stage in ("scan", "prepare"):
        done = inside(*project.arguments(stage))
        assert done.code == 0, done.stderr
    process = subprocess.Popen(
        [BESIDE / "synth", *project.arguments("train")],
        cwd=REPOSITORY,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return project, process


def test_a_killed_training_goes_on_under_the_same_charge(spark: Any, visits: Path, tmp_path: Path) -> None:
    import torch

    project, process = begun(visits, tmp_path, checkpoint_seconds=0.2)
    folder = project.workdir / "private" / "training"
    try:
        assert wait_for(lambda: list(folder.glob("*/checkpoint.pt")) or process.poll() is not None, 120)
        assert process.poll() is None, "training ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        orphans_end = wait_for(lambda: not ranks_of(project), 10)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        left = ranks_of(project)
        for rank in left:
            os.kill(rank, signal.SIGKILL)
    assert orphans_end, f"{len(left)} processes of the killed training went on without it"
    before = project.entries()
    assert [entry["stage"] for entry in before] == ["scan", "prepare", "train"]
    (run_folder,) = folder.iterdir()
    progress = project.json("private", "training", run_folder.name, "progress.json")
    checkpoint = torch.load(run_folder / "checkpoint.pt", weights_only=True)
    assert progress["entry"] == before[-1]["id"]
    assert 0 < checkpoint["step"] <= progress["may_have_drawn"] < STEPS
    assert not (project.workdir / "model").exists()

    again = synth(*project.arguments("train"))
    assert again.code == 0, again.stderr
    assert f"going on with the training that entry {before[-1]['id']} paid for" in again.stdout
    assert project.entries() == before
    training = project.json("model", "model.json")["training"]
    # What was drawn before and what was drawn after make up the plan, and not one step more.
    assert training["steps"] == checkpoint["step"] + STEPS - progress["may_have_drawn"]
    assert training["entries"][-1] == before[-1]["id"]
    assert f"step {STEPS}/{STEPS}" in again.stdout


def test_a_training_that_is_asked_to_end_saves_what_it_drew(spark: Any, visits: Path, tmp_path: Path) -> None:
    import torch

    project, process = begun(visits, tmp_path, checkpoint_seconds=1e6)
    folder = project.workdir / "private" / "training"

    def has_begun() -> bool:
        notes = [json.loads(note.read_text()) for note in folder.glob("*/progress.json")]
        return any(note["may_have_drawn"] > 0 for note in notes) or process.poll() is not None

    try:
        assert wait_for(has_begun, 120)
        assert process.poll() is None, "training ended before it could be asked"
        process.terminate()  # the driver alone: it passes the word on to its ranks
        assert process.wait(60) == 128 + signal.SIGTERM
        assert wait_for(lambda: not ranks_of(project), 10)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    (run_folder,) = folder.iterdir()
    progress = project.json("private", "training", run_folder.name, "progress.json")
    checkpoint = torch.load(run_folder / "checkpoint.pt", weights_only=True)
    assert 0 < checkpoint["step"] == progress["may_have_drawn"] < STEPS
    again = synth(*project.arguments("train"))
    assert again.code == 0, again.stderr
    assert project.json("model", "model.json")["training"]["steps"] == STEPS

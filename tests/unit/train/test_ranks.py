import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.config.train import Train
from synth.errors import TrainingError
from synth.train import ranks
from synth.train.launch import launch
from synth.train.spec import TrainSpec


def fake_horovodrun(folder: Path, script: str) -> Path:
    program = folder / "horovodrun"
    program.write_text(f"#!{sys.executable}\nimport time\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.fixture
def horovod_spec(make_spec: Callable[..., TrainSpec]) -> Callable[..., TrainSpec]:
    return lambda **train: make_spec(steps=10, launcher="horovodrun", **train)


def test_a_failed_rank_gives_one_readable_cause(
    horovod_spec: Callable[..., TrainSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_horovodrun(
        tmp_path,
        "print('[0]<stdout>:progress: step 1/10')\n"
        "print('[0]<stdout>:cause: HorovodInternalError at x.py:1')\n"
        "print('[1]<stdout>:cause: /codes is damaged')\nraise SystemExit(3)",
    )
    monkeypatch.setattr(ranks.shutil, "which", lambda *_, **__: str(program))
    lines: list[str] = []
    with pytest.raises(TrainingError, match="training failed: /codes is damaged; see ") as caught:
        launch(horovod_spec(), None, lines.append)
    assert lines == ["step 1/10"]
    assert "\n" not in str(caught.value)
    assert "cause" in (tmp_path / "private" / "workers.log").read_text()


def test_workers_that_hang_are_stopped(
    horovod_spec: Callable[..., TrainSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_horovodrun(tmp_path, "time.sleep(600)")
    monkeypatch.setattr(ranks.shutil, "which", lambda *_, **__: str(program))
    monkeypatch.setattr(ranks, "_GRACE_SECONDS", 0.5)
    with pytest.raises(TrainingError, match="was stopped"):
        launch(horovod_spec(timeout_seconds=0.1), None, lambda _: None)


def test_a_missing_horovodrun_is_said(
    horovod_spec: Callable[..., TrainSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks.shutil, "which", lambda *_, **__: None)
    with pytest.raises(TrainingError, match="horovodrun is not installed"):
        launch(horovod_spec(), None, lambda _: None)


def test_a_discovery_program_that_cannot_be_run_is_said_before_any_charge(tmp_path: Path) -> None:
    script = tmp_path / "hosts.sh"
    train = Train(min_ranks=1, discovery=str(script))
    folder = train.model_copy(update={"discovery": str(tmp_path)})
    for asked in (train, folder):
        with pytest.raises(TrainingError, match=r"train\.discovery: .* no file that can be run"):
            ranks.check_launcher(asked)
    script.write_text("#!/bin/sh\necho localhost:1\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="no file that can be run"):
        ranks.check_launcher(train)
    script.chmod(0o700)
    ranks.check_launcher(train)


def test_elastic_ranks_of_one_machine_go_by_two_names(
    horovod_spec: Callable[..., TrainSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_horovodrun(
        tmp_path,
        "import subprocess, sys\n"
        "script = sys.argv[sys.argv.index('--host-discovery-script') + 1]\n"
        "hosts = subprocess.run([script], capture_output=True, text=True).stdout.split()\n"
        "print('[0]<stdout>:progress:', *hosts)\nraise SystemExit(3)",
    )
    monkeypatch.setattr(ranks.shutil, "which", lambda *_, **__: str(program))
    lines: list[str] = []
    with pytest.raises(TrainingError):
        launch(horovod_spec(min_ranks=1, ranks=3), None, lines.append)
    assert lines == ["localhost:2 127.0.0.1:1"]

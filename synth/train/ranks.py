"""Starts ranks and waits for them: horovodrun, Spark tasks, or this process; all run the same `perform`."""

import ctypes
import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, assert_never

from synth.config.train import Launcher, Train
from synth.errors import TrainingError
from synth.train.spec import Job, TrainSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Report = Callable[[str], None]

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 15.0
_START_SECONDS = 120
_LOOPBACK = "lo"
_PR_SET_PDEATHSIG = 1


def run_ranks(spec: TrainSpec, spark: "SparkSession | None", progress: Report, job: Job) -> None:
    """Do a job on all ranks by the launcher of the settings, and return when they are done.

    Args:
      spark: the session; needed by the spark launcher only.
      progress: takes lines that may be shown to anyone.
    Raises: TrainingError, with the first cause that a rank gave.
    """
    match spec.train.launcher:
        case Launcher.HOROVODRUN:
            _run_horovodrun(spec, progress, job)
        case Launcher.SPARK:
            if spark is None:
                raise ValueError("the spark launcher needs a Spark session")
            _run_on_spark(spec, spark, progress, job)
        case Launcher.SINGLE:
            _run_single(spec, progress, job)
        case _:
            assert_never(spec.train.launcher)


def _run_single(spec: TrainSpec, progress: Report, job: Job) -> None:
    from synth.train.collective import SingleProcess
    from synth.train.memory import freed_memory_kept
    from synth.train.worker import perform

    with freed_memory_kept():
        perform(job)(spec, SingleProcess(), progress)


def _run_horovodrun(spec: TrainSpec, progress: Report, job: Job) -> None:
    """Run the workers under horovodrun; its whole output goes to the private log, progress to `progress`."""
    log = spec.run_folder / "workers.log"
    beside = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ.get('PATH', '')}"}
    program = _horovodrun()
    deadline = time.monotonic() + spec.train.timeout_seconds + _GRACE_SECONDS
    reader = _Reader(progress)
    with _process(_horovodrun_command(program, spec, job), environment, log) as process:
        with log.open(encoding="utf-8", errors="replace") as lines:
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
                reader.write(lines.read())
            reader.write(lines.read() + "\n")
        status = process.poll()
    if status is None:
        limit = f"train.timeout_seconds={spec.train.timeout_seconds:g}"
        raise TrainingError(f"training ran past {limit} and was stopped; see {log}")
    if status != 0:
        cause = reader.cause(f"horovodrun ended with status {status}")
        raise TrainingError(f"training failed: {cause}; see {log}")


def check_launcher(train: Train) -> None:
    """Raise TrainingError if the launcher's programs are missing: for asking before anything is charged."""
    if train.launcher is Launcher.HOROVODRUN:
        _horovodrun()
    if train.discovery is not None and shutil.which(Path(train.discovery).resolve()) is None:
        raise TrainingError(f"train.discovery: {train.discovery} is no file that can be run; chmod +x it")
    if train.launcher is not Launcher.SINGLE and importlib.util.find_spec("horovod") is None:
        raise TrainingError("horovod is not installed; see deploy/horovod, or set train.launcher: single")


def _horovodrun() -> str:
    beside = Path(sys.executable).parent
    program = shutil.which("horovodrun", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        raise TrainingError("horovodrun is not installed beside this Python; see deploy/horovod")
    return program


def _horovodrun_command(program: str, spec: TrainSpec, job: Job) -> list[str]:
    train = spec.train
    interface = train.network_interface or (None if train.hosts or train.discovery else _LOOPBACK)
    where: tuple[str, ...] = ("-H", train.hosts) if train.hosts else ()
    if train.min_ranks is not None and job is Job.TRAIN:
        script = Path(train.discovery).resolve() if train.discovery else _hosts_script(spec)
        least = ("--min-np", str(train.min_ranks), "--max-np", str(train.ranks))
        where = (*least, "--host-discovery-script", str(script))
    return [
        program,
        "--gloo",
        *("-np", str(train.ranks)),
        *(("--network-interface", interface) if interface else ()),
        *where,
        *(sys.executable, "-m", "synth.train.worker", "--spec", str(spec.run_folder / "spec.json")),
        *("--job", job.value),
    ]


def _hosts_script(spec: TrainSpec) -> Path:
    """A script that names the same hosts whenever Horovod asks for them."""
    train = spec.train
    # A host that lost a rank is given up whole: this machine goes by two names, so that one of them stays.
    half = train.ranks // 2
    local = [f"localhost:{train.ranks - half}", *([f"127.0.0.1:{half}"] if half else [])]
    hosts = train.hosts.split(",") if train.hosts else local
    script = spec.run_folder / "hosts.sh"
    lines = [f"echo {shlex.quote(host.strip())}" for host in hosts]
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    script.chmod(0o700)
    return script


def _run_on_spark(spec: TrainSpec, spark: "SparkSession", progress: Report, job: Job) -> None:
    """Run the workers inside Spark tasks. A task that Spark retries takes only the steps that are left."""
    import horovod.spark

    log = spec.run_folder / "workers.log"
    # Tasks of a local session are on this machine; elsewhere Horovod looks for a shared interface.
    local = (spark.sparkContext.master or "").startswith("local")
    interface = spec.train.network_interface or (_LOOPBACK if local else None)
    reader = _Reader(progress, log.open("w", encoding="utf-8"))
    try:
        horovod.spark.run(
            _spark_rank,
            args=(spec.to_dict(), job.value),
            num_proc=spec.train.ranks,
            start_timeout=_START_SECONDS,
            use_mpi=False,
            use_gloo=True,
            stdout=reader,
            stderr=reader,
            verbose=0,
            nics={interface} if interface else None,
            executable=sys.executable,
        )
    except Exception as error:  # horovod.spark raises plain exceptions
        told = f"{type(error).__name__} in horovod.spark"
        raise TrainingError(f"training failed: {reader.cause(told)}; see {log}") from error
    finally:
        reader.close()


def _spark_rank(fields: dict[str, Any], job: str) -> None:
    from synth.train.worker import run_horovod_rank

    run_horovod_rank(TrainSpec.from_dict(fields), Job(job))


class _Reader:
    """A text stream that passes on the workers' marked lines and forgets the rest, or logs it."""

    _LINE = re.compile(r"(?:\[\d+(?:,\d+)?\]<(?:stdout|stderr)>:\s*)?(progress|cause): (.*)")

    def __init__(self, progress: Report, log: TextIO | None = None) -> None:
        self._progress = progress
        self._log = log
        self._causes: list[str] = []
        self._rest = ""

    def write(self, text: str) -> int:
        if self._log:
            self._log.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if found := self._LINE.match(line):
                mark, content = found.groups()
                if mark == "progress":
                    self._progress(content)
                else:
                    self._causes.append(content)
        return len(text)

    def flush(self) -> None:
        if self._log:
            self._log.flush()

    def close(self) -> None:
        if self._log:
            self._log.close()

    def cause(self, otherwise: str) -> str:
        """The first cause that is not the echo of another rank's failure."""
        own = [cause for cause in self._causes if not cause.startswith("HorovodInternalError")]
        return next(iter([*own, *self._causes]), otherwise)


def _die_with_parent() -> None:
    """In the child: killed when its parent is, so that no rank goes on drawing unseen (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, which is gone when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, number)
                try:
                    process.wait(_GRACE_SECONDS)
                except subprocess.TimeoutExpired:
                    continue

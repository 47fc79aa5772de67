"""One parent run per workspace, one child run per stage, and the rule of what may be sent.

Released values (paid for in the ledger) go to the store. Exact ones, marked `internal`, are dropped
unless the user opts in by `track.internal: true`; then they carry the prefix `internal.`, the runs
carry a tag that says so, and a warning is logged.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import synth
from synth.errors import ArtifactError
from synth.lake.artifacts import read_json, write_json
from synth.track.events import AddArtifact, AddModel, End, Log, Start, Status, Store

_LOG = logging.getLogger(__name__)

INTERNAL = "internal"
PRIVACY_TAG = "privacy"
NOT_PRIVATE = "contains values that are not differentially private"


class RunTrack(Protocol):
    """What can be said about any run. Nothing here raises when the store is down or refuses."""

    def parameters(self, values: Mapping[str, object]) -> None:
        """Settings, logged as text. The first value of a name stays; another one becomes the tag
        `changed.NAME`."""
        ...

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Released values only: what the ledger paid for, or what follows from it or from the config."""
        ...

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """A file, or all of a folder, that holds released values only.

        While the store is down only the path is kept, so the file should stay where it is.
        """
        ...


class StageTrack(RunTrack, Protocol):
    """The child run of one stage."""

    def internal_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Exact values: dropped unless `track.internal`, else logged as `internal.NAME`."""
        ...

    def internal_artifact(self, path: Path, folder: str | None = None) -> None:
        """A file or folder with exact values: dropped unless `track.internal`, else below `internal/`."""
        ...

    def model(self, artifacts: Mapping[str, Path], script: Path) -> None:
        """Log a model written as code, without any pickle.

        Args:
          artifacts: released files and folders; the script finds each as `context.artifacts[NAME]`.
          script: Python file that ends in `mlflow.models.set_model(...)`; it is run when logged.
        """
        ...


class Tracker(RunTrack, Protocol):
    """The parent run of all stages of a workspace."""

    def stage(self, name: str) -> AbstractContextManager[StageTrack]:
        """A child run for the block: FINISHED at its end; FAILED, like the parent, if it raises.

        Of an error, only its kind is sent: a message may hold an exact count, or quote a cell value.
        """
        ...

    def finish(self, status: Status = Status.FINISHED) -> None:
        """All stages are done. Without it the parent stays RUNNING, for the stages to come."""
        ...

    def where(self) -> str:
        """One line that tells a person where to see the run."""
        ...


class _Run:
    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._run = run

    def parameters(self, values: Mapping[str, object]) -> None:
        texts = {_legal(name): str(value) for name, value in values.items()}
        self._store.apply(Log(run=self._run, time=_now(), parameters=texts))

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        numbers = {_legal(name): float(value) for name, value in values.items()}
        self._store.apply(Log(run=self._run, time=_now(), metrics=numbers, step=step or 0))

    def artifact(self, path: Path, folder: str | None = None) -> None:
        self._store.apply(AddArtifact(run=self._run, path=str(path.absolute()), folder=folder))

    def _tag(self, name: str, value: str) -> None:
        self._store.apply(Log(run=self._run, time=_now(), tags={name: value}))


class _Stage(_Run):
    def __init__(self, store: Store, run: str, *, name: str, parent: "RunTracker", internal: bool) -> None:
        super().__init__(store, run)
        self._name = name
        self._parent = parent
        self._internal = internal
        self._warned = False

    def internal_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        if self._allows_internal():
            self.metrics({f"{INTERNAL}.{name}": value for name, value in values.items()}, step)

    def internal_artifact(self, path: Path, folder: str | None = None) -> None:
        if self._allows_internal():
            self.artifact(path, f"{INTERNAL}/{folder}" if folder else INTERNAL)

    def model(self, artifacts: Mapping[str, Path], script: Path) -> None:
        self._store.apply(
            AddModel(
                run=self._run,
                script=str(script.absolute()),
                artifacts={name: str(path.absolute()) for name, path in artifacts.items()},
                requirement=f"lakesynth=={synth.__version__}",
            )
        )

    def _allows_internal(self) -> bool:
        if self._internal and not self._warned:
            self._warned = True
            _LOG.warning(
                "NOT PRIVATE: stage %r sends exact scores of the real table to the tracking store, "
                "because track.internal is true",
                self._name,
            )
            self._tag(PRIVACY_TAG, NOT_PRIVATE)
            self._parent.mark_not_private()
        return self._internal


class RunTracker(_Run):
    """A Tracker over any store; opening it starts the parent run, or takes it up again."""

    def __init__(self, store: Store, *, run: str, table: str, internal: bool) -> None:
        super().__init__(store, run)
        self._table = table
        self._internal = internal
        tags = {"lakesynth.table": table, "lakesynth.version": synth.__version__}
        store.apply(Start(run=run, name=table, time=_now(), tags=tags))

    @contextmanager
    def stage(self, name: str) -> Iterator[StageTrack]:
        run = uuid4().hex
        tags = {"lakesynth.table": self._table, "lakesynth.stage": name}
        self._store.apply(Start(run=run, name=name, time=_now(), parent=self._run, tags=tags))
        stage = _Stage(self._store, run, name=name, parent=self, internal=self._internal)
        try:
            yield stage
        except BaseException as error:
            status = Status.FAILED if isinstance(error, Exception) else Status.KILLED
            stage._tag("error", type(error).__name__)
            self._store.apply(End(run=run, status=status, time=_now()))
            self.finish(status)
            raise
        self._store.apply(End(run=run, status=Status.FINISHED, time=_now()))

    def finish(self, status: Status = Status.FINISHED) -> None:
        self._store.apply(End(run=self._run, status=Status(status), time=_now()))

    def where(self) -> str:
        return self._store.where(self._run)

    def mark_not_private(self) -> None:
        """Tag the parent: one of its stages holds exact values."""
        self._tag(PRIVACY_TAG, NOT_PRIVATE)


def parent_run(run_file: Path, *, store: str, experiment: str, table: str) -> str:
    """The key of the workspace's parent run, written down for the stages that come after.

    Args:
      store: where runs are kept, without any password; another store begins another parent.
    """
    place = {"store": store, "experiment": experiment, "table": table}
    try:
        held = read_json(run_file)
    except ArtifactError:  # missing or damaged: the run file holds nothing that cannot be begun anew
        held = None
    if isinstance(held, dict) and isinstance(held.get("run"), str) and held.items() >= place.items():
        return str(held["run"])
    run = uuid4().hex
    write_json(run_file, {**place, "run": run})
    return run


def _legal(name: str) -> str:
    """The name with what MLflow refuses replaced: column names may hold anything."""
    return re.sub(r"[^\w.\- :/]", "_", name).strip("/. ") or "_"


def _now() -> int:
    return time.time_ns() // 1_000_000

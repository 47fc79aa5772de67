"""Runs kept by MLflow, through its client alone: no active run, no global tracking URI."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, assert_never

# MLflow reads these when it is imported. Its own defaults wait about four minutes for a server that
# refuses connections, unpickle whatever a model holds, and report usage to its makers.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import sqlalchemy as sql
from mlflow.entities import LoggedModelOutput, LoggedModelStatus, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from synth.core.address import redact, shown_address
from synth.track.events import (
    AddArtifact,
    AddModel,
    End,
    Event,
    Log,
    Start,
    Status,
    StoreDown,
    StoreRefused,
)

_KEY_TAG = "lakesynth.run"
_REFUSALS = {
    "BAD_REQUEST",
    "ENDPOINT_NOT_FOUND",  # a server older than the call
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_DOES_NOT_EXIST",
}
_BATCH = 100
"""MLflow takes at most 100 parameters, 100 tags and 1000 metrics a call."""

MODEL_INPUT = ("first_row", "rows", "seed")
"""A logged model makes `rows` synthetic rows from row id `first_row` on, by `seed`: int64 columns."""


class MlflowStore:
    """Runs of one experiment at a tracking URI; each carries our key as a tag, so any process finds it.

    Nothing is opened before the first event.
    """

    def __init__(self, uri: str, *, experiment: str) -> None:
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self._uri = uri
        self._experiment = experiment
        self._shown_uri = shown_address(uri)
        self._run_ids: dict[str, str] = {}
        self._opened: tuple[MlflowClient, str] | None = None

    def apply(self, event: Event) -> None:
        with _readable_errors():
            client, experiment_id = self._open()
            match event:
                case Start():
                    self._start(client, experiment_id, event)
                case Log():
                    self._log(client, event)
                case AddArtifact():
                    self._add_artifact(client, event)
                case AddModel():
                    self._add_model(client, experiment_id, event)
                case End():
                    client.set_terminated(self._run_id(event.run), event.status.value, event.time)
                case _:
                    assert_never(event)

    def where(self, run: str) -> str:
        run_id = self._run_ids.get(run, "unknown")
        if self._shown_uri.startswith("http") and self._opened is not None:
            return f"MLflow run {run_id}: {self._shown_uri}/#/experiments/{self._opened[1]}/runs/{run_id}"
        return f"MLflow run {run_id}: mlflow ui --backend-store-uri {self._shown_uri}"

    def _open(self) -> tuple[MlflowClient, str]:
        """The client and the id of the experiment, which is made if it is missing."""
        if self._opened is None:
            folder = _artifact_folder(self._uri)
            client = MlflowClient(self._uri)
            held = client.get_experiment_by_name(self._experiment)
            if held is None:
                try:
                    key = client.create_experiment(self._experiment, artifact_location=folder)
                except MlflowException:  # another process may have made it meanwhile
                    held = client.get_experiment_by_name(self._experiment)
                    if held is None:
                        raise
            if held is not None:
                key = held.experiment_id
                if held.lifecycle_stage == "deleted":
                    client.restore_experiment(key)
            self._opened = (client, key)
        return self._opened

    def _start(self, client: MlflowClient, experiment_id: str, event: Start) -> None:
        found = self._find(client, experiment_id, event.run)
        if found is not None:
            self._run_ids[event.run] = found
            client.update_run(found, Status.RUNNING.value)
            return
        tags = {**event.tags, _KEY_TAG: event.run}
        if event.parent is not None:
            tags[MLFLOW_PARENT_RUN_ID] = self._run_id(event.parent)
        made = client.create_run(experiment_id, event.time, tags, event.name)
        self._run_ids[event.run] = made.info.run_id

    def _run_id(self, key: str) -> str:
        """MLflow's id of the run; StoreRefused if it was deleted there."""
        if key not in self._run_ids:
            client, experiment_id = self._open()
            found = self._find(client, experiment_id, key)
            if found is None:
                raise StoreRefused("the run was deleted")
            self._run_ids[key] = found
        return self._run_ids[key]

    def _find(self, client: MlflowClient, experiment_id: str, key: str) -> str | None:
        runs = client.search_runs([experiment_id], f"tags.`{_KEY_TAG}` = '{key}'", max_results=1)
        return runs[0].info.run_id if runs else None

    def _log(self, client: MlflowClient, event: Log) -> None:
        run_id = self._run_id(event.run)
        tags = dict(event.tags)
        parameters = dict(event.parameters)
        if parameters:
            # MLflow refuses another value of a parameter, and with it the whole batch.
            held = client.get_run(run_id).data.params
            for name in [name for name in parameters if name in held]:
                text = parameters.pop(name)
                if held[name] != text:
                    tags[f"changed.{name}"] = text
        metrics = [Metric(name, value, event.time, event.step) for name, value in event.metrics.items()]
        for some in _batches([RunTag(name, text) for name, text in tags.items()]):
            client.log_batch(run_id, tags=some)
        for some in _batches([Param(name, text) for name, text in parameters.items()]):
            client.log_batch(run_id, params=some)
        for some in _batches(metrics):
            client.log_batch(run_id, metrics=some)

    def _add_artifact(self, client: MlflowClient, event: AddArtifact) -> None:
        path = Path(event.path)
        if not path.exists():
            raise StoreRefused(f"{path.name} is no longer there")
        if path.is_dir():
            client.log_artifacts(self._run_id(event.run), str(path), event.folder)
        else:
            client.log_artifact(self._run_id(event.run), str(path), event.folder)

    def _add_model(self, client: MlflowClient, experiment_id: str, event: AddModel) -> None:
        import mlflow.pyfunc  # seconds long, and only one stage needs it
        from mlflow.models import Model, ModelSignature
        from mlflow.types import ColSpec, Schema

        run_id = self._run_id(event.run)
        missing = [Path(path).name for path in event.artifacts.values() if not Path(path).exists()]
        if missing:
            raise StoreRefused(f"{', '.join(missing)} of the model is no longer there")
        # What `mlflow.pyfunc.log_model` does, without its active run and its global tracking URI.
        logged = client.create_logged_model(experiment_id, name="model", source_run_id=run_id)
        with tempfile.TemporaryDirectory() as scratch:
            folder = str(Path(scratch) / "model")
            try:
                mlflow.pyfunc.save_model(
                    folder,
                    python_model=event.script,
                    artifacts=dict(event.artifacts),
                    signature=ModelSignature(inputs=Schema([ColSpec("long", name) for name in MODEL_INPUT])),
                    pip_requirements=[event.requirement],
                    mlflow_model=Model(
                        run_id=run_id, model_id=logged.model_id, artifact_path=logged.artifact_location
                    ),
                )
            except Exception as error:  # the script is run here and may raise anything
                client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
                raise StoreRefused(f"the model's script does not run: {_first_line(error)}") from error
            client.log_model_artifacts(logged.model_id, folder)
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])


def _artifact_folder(uri: str) -> str | None:
    """Beside an SQLite file, where MLflow would use the current folder; else where the server says."""
    if not uri.startswith("sqlite"):
        return None
    database = sql.make_url(uri).database
    return (Path(database or ".").absolute().parent / "mlartifacts").as_uri()


def _batches(entries: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(entries), _BATCH):
        yield entries[start : start + _BATCH]


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Sort MLflow's errors into two, and keep the warnings of its own insides from the user."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        # Its advice to authors of models: hints and examples that a signature makes needless.
        warnings.filterwarnings("ignore", category=UserWarning)
        try:
            yield
        except MlflowException as error:
            kind = StoreRefused if error.error_code in _REFUSALS else StoreDown
            raise kind(_first_line(error)) from error
        except (OSError, sql.exc.SQLAlchemyError) as error:
            raise StoreDown(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return redact((str(error).splitlines() or [type(error).__name__])[0][:200])

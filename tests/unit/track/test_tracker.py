"""What every tracker promises, whatever keeps its runs; and what MLflow adds."""

import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synth.config.sections import Track
from synth.errors import ConfigError, SynthError, TrainingError
from synth.lake.workspace import Workspace
from synth.track.events import (
    Status,
)
from synth.track.memory import MemoryStore
from synth.track.open import open_tracker
from synth.track.tracker import NOT_PRIVATE, PRIVACY_TAG, RunTracker, Tracker, parent_run

TABLE = "people"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One run as the store shows it."""

    name: str
    parent: str | None
    status: str
    parameters: dict[str, str]
    metrics: dict[str, list[tuple[int, float]]]
    tags: dict[str, str]
    artifacts: list[str]


class TrackerContract:
    """Laws of a Tracker; a subclass opens one on `workspace` and reads back what its store holds."""

    def open(self, workspace: Workspace, *, internal: bool = False, table: str = TABLE) -> Tracker:
        raise NotImplementedError

    def seen(self, workspace: Workspace) -> list[Seen]:
        raise NotImplementedError

    def one(self, workspace: Workspace, name: str) -> Seen:
        (run,) = [run for run in self.seen(workspace) if run.name == name]
        return run

    def test_stages_are_children_of_one_parent(self, workspace: Workspace) -> None:
        tracker = self.open(workspace)
        for name in ("prepare", "train"):
            with tracker.stage(name):
                assert self.one(workspace, name).status == "RUNNING"
        assert self.one(workspace, TABLE).status == "RUNNING"
        tracker.finish()
        runs = {run.name: run for run in self.seen(workspace)}
        assert set(runs) == {TABLE, "prepare", "train"}
        assert {run.status for run in runs.values()} == {"FINISHED"}
        assert runs[TABLE].parent is None
        assert runs["prepare"].parent == runs["train"].parent == TABLE

    def test_parameters_and_metrics_reach_their_own_run(self, workspace: Workspace) -> None:
        tracker = self.open(workspace)
        tracker.parameters({"privacy.epsilon": 3.0})
        tracker.metrics({"epsilon_spent": 0.5}, step=0)
        with tracker.stage("train") as stage:
            stage.parameters({"steps": 1500, "hidden": (256, 256), "hosts": None})
            stage.metrics({"epsilon": 2.5})
        tracker.metrics({"epsilon_spent": 3.0}, step=1)
        parent, train = self.one(workspace, TABLE), self.one(workspace, "train")
        assert parent.parameters == {"privacy.epsilon": "3.0"}
        assert parent.metrics == {"epsilon_spent": [(0, 0.5), (1, 3.0)]}
        assert train.parameters == {"steps": "1500", "hidden": "(256, 256)", "hosts": "None"}
        assert train.metrics == {"epsilon": [(0, 2.5)]}

    def test_names_of_any_column_are_accepted(self, workspace: Workspace) -> None:
        with self.open(workspace).stage("evaluate") as stage:
            stage.metrics({"fidelity.Größe (cm) #1/€": 0.5, "/": 1.0})
        assert set(self.one(workspace, "evaluate").metrics) == {"fidelity.Größe _cm_ _1/_", "_"}

    def test_a_number_without_a_finite_value_is_no_failure(
        self, workspace: Workspace, caplog: pytest.LogCaptureFixture
    ) -> None:
        with self.open(workspace).stage("train") as stage:
            stage.metrics({"epsilon_spent": float("inf"), "auc": float("nan")})
        assert set(self.one(workspace, "train").metrics) == {"epsilon_spent", "auc"}
        assert caplog.messages == []

    def test_hundreds_of_values_fit_in_one_call(self, workspace: Workspace) -> None:
        with self.open(workspace).stage("evaluate") as stage:
            stage.parameters({f"p{i}": i for i in range(250)})
            stage.metrics({f"m{i}": i for i in range(250)})
        run = self.one(workspace, "evaluate")
        assert len(run.parameters) == len(run.metrics) == 250

    def test_a_parameter_keeps_its_first_value_and_the_change_is_visible(self, workspace: Workspace) -> None:
        tracker = self.open(workspace)
        tracker.parameters({"model": "vae", "ranks": 2})
        tracker.parameters({"model": "gan", "ranks": 2, "steps": 7})
        run = self.one(workspace, TABLE)
        assert run.parameters == {"model": "vae", "ranks": "2", "steps": "7"}
        assert run.tags["changed.model"] == "gan"
        assert "changed.ranks" not in run.tags

    def test_exact_values_never_reach_the_store_unless_opted_in(
        self, workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        plot = tmp_path / "real_rows.svg"
        plot.write_text("exact")
        with self.open(workspace).stage("evaluate") as stage:
            stage.internal_metrics({"auc_on_real": 0.9})
            stage.internal_artifact(plot)
        for run in self.seen(workspace):
            assert run.metrics == {}
            assert run.artifacts == []
            assert PRIVACY_TAG not in run.tags
        assert caplog.messages == []

    def test_opting_in_marks_values_and_runs_and_warns_once(
        self, workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        plot = tmp_path / "real_rows.svg"
        plot.write_text("exact")
        tracker = self.open(workspace, internal=True)
        with tracker.stage("generate"):
            pass
        with tracker.stage("evaluate") as stage:
            stage.internal_metrics({"auc_on_real": 0.9}, step=2)
            stage.internal_artifact(plot, "plots")
        run = self.one(workspace, "evaluate")
        assert run.metrics == {"internal.auc_on_real": [(2, 0.9)]}
        assert run.artifacts == ["internal/plots/real_rows.svg"]
        assert run.tags[PRIVACY_TAG] == self.one(workspace, TABLE).tags[PRIVACY_TAG] == NOT_PRIVATE
        assert PRIVACY_TAG not in self.one(workspace, "generate").tags
        assert [message.split(":")[0] for message in caplog.messages] == ["NOT PRIVATE"]

    def test_artifacts_are_files_or_whole_folders(self, workspace: Workspace, tmp_path: Path) -> None:
        folder = tmp_path / "report"
        (folder / "images").mkdir(parents=True)
        (folder / "report.html").write_text("<p>")
        (folder / "images" / "a.svg").write_text("<svg/>")
        tracker = self.open(workspace)
        tracker.artifact(folder / "report.html")
        with tracker.stage("evaluate") as stage:
            stage.artifact(folder, "report")
        assert self.one(workspace, TABLE).artifacts == ["report.html"]
        assert self.one(workspace, "evaluate").artifacts == ["report/images/a.svg", "report/report.html"]

    def test_a_failing_stage_is_failed_and_says_what_kind_of_error(self, workspace: Workspace) -> None:
        tracker = self.open(workspace)
        with pytest.raises(SynthError), tracker.stage("train"):
            raise TrainingError("rank 1 did not finish")
        run = self.one(workspace, "train")
        assert run.status == "FAILED"
        assert run.tags["error"] == "TrainingError"
        assert self.one(workspace, TABLE).status == "FAILED"

    def test_no_error_message_is_sent_because_it_may_quote_a_value(self, workspace: Workspace) -> None:
        with pytest.raises(ValueError, match="Ada"), self.open(workspace).stage("prepare"):
            raise ValueError("cannot convert 'Ada Lovelace'")
        run = self.one(workspace, "prepare")
        assert run.status == "FAILED"
        assert run.tags["error"] == "ValueError"
        assert "Ada" not in repr(self.seen(workspace))

    def test_an_interrupted_stage_is_killed(self, workspace: Workspace) -> None:
        with pytest.raises(KeyboardInterrupt), self.open(workspace).stage("train"):
            raise KeyboardInterrupt
        assert self.one(workspace, "train").status == "KILLED"

    def test_a_later_process_joins_the_same_parent_and_opens_it_again(self, workspace: Workspace) -> None:
        first = self.open(workspace)
        with first.stage("prepare"):
            pass
        first.finish()
        second = self.open(workspace)
        assert self.one(workspace, TABLE).status == "RUNNING"
        with second.stage("train"):
            pass
        assert self.one(workspace, "prepare").parent == self.one(workspace, "train").parent == TABLE
        assert self.one(workspace, TABLE).status == "RUNNING"
        second.finish(Status.KILLED)
        assert self.one(workspace, TABLE).status == "KILLED"

    def test_another_table_begins_another_parent(self, workspace: Workspace) -> None:
        self.open(workspace)
        self.open(workspace, table="visits")
        assert {run.name for run in self.seen(workspace) if run.parent is None} == {TABLE, "visits"}

    def test_a_damaged_run_file_begins_another_parent(self, workspace: Workspace) -> None:
        self.open(workspace)
        workspace.run_file.write_text("{")
        self.open(workspace)
        assert len(self.seen(workspace)) == 2

    def test_it_says_where_to_look(self, workspace: Workspace) -> None:
        assert "\n" not in self.open(workspace).where()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "work")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has seen its migrations, made once: they take seconds."""
    workspace = Workspace.open(tmp_path_factory.mktemp("mlflow"))
    open_tracker(Track(uri=workspace.mlflow_uri, experiment="made before"), workspace, "none")
    return workspace.root / "mlflow.db"


class TestMemoryTracker(TrackerContract):
    @pytest.fixture(autouse=True)
    def _store(self) -> None:
        self.store = MemoryStore()

    def open(self, workspace: Workspace, *, internal: bool = False, table: str = TABLE) -> Tracker:
        run = parent_run(workspace.run_file, store="memory", experiment="lakesynth", table=table)
        return RunTracker(self.store, run=run, table=table, internal=internal)

    def seen(self, workspace: Workspace) -> list[Seen]:
        return [
            Seen(
                name=run.name,
                parent=self.store.runs[run.parent].name if run.parent else None,
                status=run.status,
                parameters=run.parameters,
                metrics=run.metrics,
                tags=run.tags,
                artifacts=run.artifacts,
            )
            for run in self.store.runs.values()
        ]


class TestMlflowTracker(TrackerContract):
    @pytest.fixture(autouse=True)
    def _environment(self, migrated: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        shutil.copy(migrated, workspace.root / "mlflow.db")

    def open(self, workspace: Workspace, *, internal: bool = False, table: str = TABLE) -> Tracker:
        return open_tracker(Track(internal=internal), workspace, table)

    def seen(self, workspace: Workspace) -> list[Seen]:
        client = _client(workspace)
        experiment = client.get_experiment_by_name("lakesynth")
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
        names = {run.info.run_id: run.info.run_name for run in runs}
        return [
            Seen(
                name=run.info.run_name,
                parent=names.get(run.data.tags.get("mlflow.parentRunId")),
                status=run.info.status,
                parameters=run.data.params,
                metrics={
                    name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
                    for name in run.data.metrics
                },
                tags=run.data.tags,
                artifacts=sorted(_artifacts(client, run.info.run_id, None)),
            )
            for run in runs
        ]

    def test_artifacts_of_the_default_store_lie_in_the_workspace(
        self, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        report = tmp_path / "report.html"
        report.write_text("<p>")
        self.open(workspace).artifact(report)
        assert list(workspace.mlflow_artifacts.rglob("report.html"))
        assert not list(elsewhere.iterdir())

    def test_another_address_begins_another_parent(self, workspace: Workspace, tmp_path: Path) -> None:
        self.open(workspace)
        before = workspace.run_file.read_text()
        other = Workspace.open(tmp_path / "other")
        shutil.copy(workspace.root / "mlflow.db", other.root / "mlflow.db")
        open_tracker(Track(uri=other.mlflow_uri), workspace, TABLE)
        assert json.loads(workspace.run_file.read_text())["run"] != json.loads(before)["run"]

    def test_a_deleted_parent_or_experiment_is_begun_again(self, workspace: Workspace) -> None:
        self.open(workspace)
        client = _client(workspace)
        experiment = client.get_experiment_by_name("lakesynth")
        assert experiment is not None
        (run,) = client.search_runs([experiment.experiment_id])
        client.delete_run(run.info.run_id)
        client.delete_experiment(experiment.experiment_id)
        with self.open(workspace).stage("train"):
            pass
        assert {run.name for run in self.seen(workspace)} >= {TABLE, "train"}

    def test_the_hint_names_the_command_and_the_run(self, workspace: Workspace) -> None:
        hint = self.open(workspace).where()
        assert f"mlflow ui --backend-store-uri {workspace.mlflow_uri}" in hint
        assert "unknown" not in hint

    def test_a_model_is_logged_as_code_and_makes_rows_without_pickle(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        workspace.model.mkdir()
        (workspace.model / "weights.json").write_text("[10]")
        script = tmp_path / "model_script.py"
        script.write_text(_MODEL_SCRIPT)
        with self.open(workspace).stage("train") as stage:
            stage.model({"model": workspace.model}, script)
        client = _client(workspace)
        experiment = client.get_experiment_by_name("lakesynth")
        assert experiment is not None
        (logged,) = client.search_logged_models([experiment.experiment_id])
        assert logged.status == "READY"
        assert not [path for path in Path(logged.artifact_location[7:]).rglob("*") if "pkl" in path.suffix]
        import mlflow.pyfunc  # warns when imported first; logging the model has done so, in silence
        import pandas as pd

        model = mlflow.pyfunc.load_model(logged.artifact_location)
        made = model.predict(pd.DataFrame({"first_row": [5], "rows": [3], "seed": [0]}))
        assert list(made["id"]) == [15, 16, 17]

    def test_a_script_that_fails_does_not_fail_the_stage(
        self, workspace: Workspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        workspace.model.mkdir()
        script = tmp_path / "model_script.py"
        script.write_text("raise RuntimeError('no such module')")
        with self.open(workspace).stage("train") as stage:
            stage.model({"model": workspace.model}, script)
        assert self.one(workspace, "train").status == "FINISHED"
        assert any("script does not run" in message for message in caplog.messages)

    def test_a_server_that_is_down_neither_hangs_nor_loses_a_call(
        self,
        workspace: Workspace,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        report = tmp_path / "report.html"
        report.write_text("<p>")
        began = time.monotonic()
        uri = f"http://ada:secret@127.0.0.1:{_closed_port()}"
        tracker = open_tracker(Track(uri=uri), workspace, TABLE)
        with tracker.stage("train") as stage:
            stage.parameters({"steps": 10})
            stage.metrics({"epsilon": 2.5})
            stage.artifact(report)
        tracker.finish()
        assert time.monotonic() - began < 15
        assert len(caplog.messages) == 1
        assert "wait in" in tracker.where()
        everything = caplog.text + tracker.where() + workspace.run_file.read_text()
        assert "secret" not in everything

        # The user corrects the address; the next stage sends what waited.
        with self.open(workspace).stage("evaluate"):
            pass
        run = self.one(workspace, "train")
        assert run.parameters == {"steps": "10"}
        assert run.metrics == {"epsilon": [(0, 2.5)]}
        assert run.artifacts == ["report.html"]
        assert run.status == "FINISHED"
        assert run.parent == TABLE
        assert not list((workspace.root / "private").glob("track-spool*"))

    def test_pickles_usage_reports_and_long_retries_are_off(self) -> None:
        assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        assert int(os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]) <= 2
        assert logging.getLogger("mlflow.store.db.utils").getEffectiveLevel() >= logging.WARNING


def test_a_plain_folder_is_refused_with_a_hint(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="sqlite:///"):
        open_tracker(Track(uri="./mlruns"), workspace, TABLE)


_MODEL_SCRIPT = """
import json
from pathlib import Path

import mlflow
import pandas as pd


class Rows(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        (self.offset,) = json.loads((Path(context.artifacts["model"]) / "weights.json").read_text())

    def predict(self, context, model_input: pd.DataFrame, params=None):  # without the hint MLflow warns
        asked = model_input.iloc[0]
        first = int(asked["first_row"]) + self.offset
        return pd.DataFrame({"id": range(first, first + int(asked["rows"]))})


mlflow.models.set_model(Rows())
"""


def _client(workspace: Workspace) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(workspace.mlflow_uri)


def _artifacts(client: Any, run_id: str, folder: str | None) -> Iterator[str]:
    for entry in client.list_artifacts(run_id, folder):
        if entry.is_dir:
            yield from _artifacts(client, run_id, entry.path)
        else:
            yield entry.path


def _closed_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

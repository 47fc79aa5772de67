"""From the settings of a table to the tracker of its workspace."""

import os
import re

from synth.config.sections import Track
from synth.core.address import shown_address
from synth.errors import ConfigError
from synth.lake.workspace import Workspace
from synth.track.spool import SpooledStore
from synth.track.tracker import RunTracker, Tracker, parent_run

_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")


def open_tracker(settings: Track, workspace: Workspace, table: str) -> Tracker:
    """The tracker of the workspace's parent run, begun here or taken up again.

    The store is `settings.uri`, else MLFLOW_TRACKING_URI, else a database in the workspace. A store
    that does not answer delays a stage by less than a minute and loses nothing.
    Raises: ConfigError if the address is not one of a store, or MLflow is not installed.
    """
    uri = settings.uri or os.environ.get("MLFLOW_TRACKING_URI") or workspace.mlflow_uri
    scheme = re.split(r"[:+]", uri, maxsplit=1)[0]
    if scheme not in _SCHEMES:
        raise ConfigError(
            f"track.uri or MLFLOW_TRACKING_URI is {shown_address(uri)!r}; it must begin with one of "
            f"{', '.join(_SCHEMES)}, such as sqlite:///mlflow.db (a plain folder is no longer a store)"
        )
    try:
        from synth.track.mlflow_tracker import MlflowStore
    except ModuleNotFoundError as error:
        raise ConfigError(f"{error.name} is not installed; pip install 'lakesynth[track]'") from error
    run = parent_run(
        workspace.run_file, store=shown_address(uri), experiment=settings.experiment, table=table
    )
    store = SpooledStore(
        MlflowStore(uri, experiment=settings.experiment), workspace.root / "private" / "track-spool.jsonl"
    )
    return RunTracker(store, run=run, table=table, internal=settings.internal)

"""Fixtures that several folders of tests share."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Shared machines stall; a slow example is no fault of the code.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One local Spark for all tests that are marked `spark`."""
    from synth.config.sections import SparkSettings
    from synth.lake.session import open_session

    warehouse = tmp_path_factory.mktemp("warehouse")
    settings = SparkSettings(
        master="local[2]",
        conf={
            "spark.driver.memory": "3g",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": "4",
            "spark.sql.warehouse.dir": str(warehouse),
        },
    )
    with warnings.catch_warnings():
        # Spark leaves its gateway's sockets to the end of the process.
        warnings.simplefilter("ignore", ResourceWarning)
        session = open_session("lakesynth-tests", settings)
        yield session
        session.stop()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real tables that are no part of this repository; tests that need it skip without it."""
    folder = Path(os.environ.get("LAKESYNTH_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real tables at {folder}; set LAKESYNTH_SHARED_DATA to test on them")
    return folder

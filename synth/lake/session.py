"""The Spark session, with the few settings that correctness depends on."""

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from synth.config.sections import SparkSettings

_LOGGING = Path(__file__).with_name("log4j2.properties").resolve()

_REQUIRED = {
    # Dates and timestamps mean the same on every machine.
    "spark.sql.session.timeZone": "UTC",
    # Every field of a CSV line is looked at, so that FAILFAST sees every damaged line.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    # What a partition's rows hold does not depend on which other partitions there are: 001 stays 001.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
}

_DEFAULTS = {
    "spark.sql.shuffle.partitions": "16",
    "spark.sql.adaptive.enabled": "true",
    "spark.driver.memory": "4g",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),
}


def open_session(app_name: str, settings: SparkSettings, scratch: Path | None = None) -> SparkSession:
    """The running session, or a new one; the user's `spark.conf` wins over our defaults.

    A session started by spark-submit keeps the master it was submitted to, and its folders for scratch.
    Args:
      scratch: folder for shuffled and spilled rows, closed to others; None for Spark's own, in /tmp.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app_name)
    if settings.master:
        builder = builder.master(settings.master)
    if not _submitted():
        if not settings.master:
            builder = builder.master("local[*]")
        if scratch is not None:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            builder = builder.config("spark.local.dir", str(scratch))
        for key, value in _DEFAULTS.items():
            builder = builder.config(key, value)
    for key, value in {**settings.conf, **_REQUIRED}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    _silence_tasks(session)
    return session


def _silence_tasks(session: SparkSession) -> None:
    """A failed task's log quotes the record that it failed on; the driver tells the reason without it."""
    jvm = session.sparkContext._jvm
    assert jvm is not None
    log4j = jvm.org.apache.logging.log4j
    for name in ("executor.Executor", "scheduler.TaskSetManager"):
        log4j.core.config.Configurator.setLevel(f"org.apache.spark.{name}", log4j.Level.OFF)


def _submitted() -> bool:
    """Whether spark-submit started this process: it hands the gateway to the Java side over."""
    return "PYSPARK_GATEWAY_PORT" in os.environ

"""The demo table on a real Spark: the same rows whatever the partitions, and written whole."""

from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from synth.demo.spark import demo_patients, write_demo

pytestmark = pytest.mark.spark


def test_rows_are_the_same_whatever_the_partitions_and_batches(spark: SparkSession) -> None:
    def made(partitions: int, batch: int) -> pa.Table:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(batch))
        return demo_patients(spark, rows=300, seed=5, partitions=partitions).toArrow().sort_by("Id")

    before = spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    try:
        one = made(1, 1000)
        assert one.num_rows == 300
        assert one.equals(made(3, 7))
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(before))


def test_the_holdout_has_other_people(spark: SparkSession, tmp_path: Path) -> None:
    for _ in range(2):  # the second time replaces the first
        write_demo(spark, str(tmp_path), rows=200, holdout_rows=50, seed=5)
    table = spark.read.parquet(str(tmp_path / "patients"))
    holdout = spark.read.parquet(str(tmp_path / "holdout"))
    assert table.count() == 200
    assert holdout.count() == 50
    assert table.join(holdout, "Id").count() == 0
    assert (tmp_path / "patients" / "STATE=Massachusetts").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holdout", "patients"]

"""The demo's one door to Spark: writes the lake table of patients and a holdout."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from synth.config.sections import SparkSettings, Target
from synth.core import check
from synth.demo.patients import COLUMNS, patients
from synth.lake.session import open_session
from synth.lake.targets import write_table

_ARROW_TYPES = {"string": pa.string(), "date": pa.date32(), "double": pa.float64()}
ARROW_SCHEMA = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in COLUMNS.items()])


def demo_patients(
    spark: SparkSession, *, rows: int, seed: int, partitions: int | None = None, first_row: int = 0
) -> DataFrame:
    """The patients of row ids first_row .. first_row + rows - 1, as a lazy DataFrame.

    Args:
      partitions: None for Spark's default parallelism.
    Guarantee: the same rows whatever the partitions, batches and retries.
    """
    check.at_least(rows, 1, "rows")
    check.at_least(first_row, 0, "first_row")
    ids = spark.range(first_row, first_row + rows, numPartitions=partitions)
    schema = ", ".join(f"`{name}` {kind}" for name, kind in COLUMNS.items())
    return ids.mapInArrow(_to_patients(seed), schema)


def write_demo(spark: SparkSession, folder: str, *, rows: int, holdout_rows: int, seed: int) -> None:
    """Write `folder`/patients, partitioned by STATE, and `folder`/holdout: other people of the same kind.

    Each replaces an earlier table only after it was written whole.
    """
    train = demo_patients(spark, rows=rows, seed=seed)
    where = Target(path=f"{folder}/patients", partition_by=("STATE",))
    write_table(train, where, expected_rows=rows)
    holdout = demo_patients(spark, rows=holdout_rows, seed=seed, first_row=rows, partitions=1)
    write_table(holdout, Target(path=f"{folder}/holdout"), expected_rows=holdout_rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the demo table from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write a lake table of patients who do not exist.")
    parser.add_argument("--folder", default="build/demo/lake", help="where patients/ and holdout/ go")
    parser.add_argument("--rows", type=_count, default=50_000, help="rows of patients")
    parser.add_argument("--holdout-rows", type=_count, default=10_000, help="rows of holdout")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same people")
    asked = parser.parse_args(argv)
    spark = open_session("lakesynth demo table", SparkSettings())
    try:
        write_demo(spark, asked.folder, rows=asked.rows, holdout_rows=asked.holdout_rows, seed=asked.seed)
    finally:
        spark.stop()
    folder = Path(asked.folder) if "://" not in asked.folder else asked.folder
    print(f"wrote {asked.rows:,} patients and {asked.holdout_rows:,} holdout rows to {folder}")
    return 0


def _to_patients(seed: int) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Batches of row ids become batches of patients, one for one."""

    def to_patients(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = patients(batch.column("id").to_numpy(), seed)
            arrays = [pa.array(columns[field.name], type=field.type) for field in ARROW_SCHEMA]
            yield pa.RecordBatch.from_arrays(arrays, schema=ARROW_SCHEMA)

    return to_patients


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text}")
    return int(text)

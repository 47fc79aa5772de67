"""Batches read from files by Arrow are those that Spark would hand over: values, types, nulls, rows."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.config.sections import Source
from synth.core.prepared import UNIT_COLUMN
from synth.core.schema import PrivacyUnit
from synth.lake.batches import SourceBatches, readable_files

pytestmark = pytest.mark.spark
ROWS = 3_000


def lake_table(rows: int = ROWS) -> pa.Table:
    rng = np.random.default_rng(5)
    hole = rng.random(rows) < 0.1
    start = datetime(2020, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(seconds=int(s)) for s in rng.integers(0, 10**8, rows)]
    cents = [Decimal(int(n)).scaleb(-2) for n in rng.integers(0, 10**6, rows)]
    return pa.table(
        {
            "odd name.`s": pa.array(rng.choice(["ä", "b", ""], rows), mask=hole),
            "small": pa.array(rng.integers(-5, 5, rows), pa.int16(), mask=hole),
            "real": pa.array(rng.normal(0, 1, rows), mask=hole),
            "money": pa.array(cents, pa.decimal128(12, 2)),
            "day": pa.array([date(1990, 1, 1) + timedelta(days=int(n)) for n in rng.integers(0, 9999, rows)]),
            "moment": pa.array(moments, pa.timestamp("us", tz="UTC"), mask=hole),
            "local": pa.array([m.replace(tzinfo=None) for m in moments], pa.timestamp("us")),
            "flag": pa.array(rng.random(rows) < 0.5, mask=hole),
            "part": pa.array(rng.choice(["x y", "z=1", "ü"], rows)),
            "number": pa.array(rng.choice([7, 8], rows)),
        }
    )  # fmt: skip


def write_in_pieces(table: pa.Table, folder: Path) -> None:
    """Two files a folder with several row groups each; timestamps of one as Spark 2 wrote them."""
    for index, piece in enumerate((table.slice(0, 1_000), table.slice(1_000))):
        pq.write_to_dataset(
            piece, folder, partition_cols=["part", "number"], basename_template=f"p{index}-{{i}}.parquet",
            row_group_size=70, use_deprecated_int96_timestamps=index == 1,
        )  # fmt: skip


def as_text(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Every row as one string that shows its values and their types."""
    for batch in batches:
        plain = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in batch.columns]
        rows = zip(*(c.to_pylist() for c in plain), strict=True)
        types = "|".join(str(c.type) for c in plain)
        yield pa.RecordBatch.from_arrays([pa.array([f"{types}: {row!r}" for row in rows])], names=["row"])


def rows_of(source: SourceBatches, names: list[str]) -> list[str]:
    return sorted(row["row"] for row in source.map(names, as_text, "row string").collect())


def sources(spark: Any, folder: Path, **settings: Any) -> tuple[SourceBatches, SourceBatches]:
    frame = spark.read.parquet(str(folder))
    files = readable_files(frame, Source(path=str(folder), **settings))
    assert files, "the files must be readable, or nothing is compared"
    return tuple(
        SourceBatches(frame=frame, unit=PrivacyUnit(), salt=b"s" * 32, files=way) for way in (files, None)
    )


def test_arrow_reads_what_spark_reads(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "a lake & its table"
    write_in_pieces(lake_table(), folder)
    by_arrow, by_spark = sources(spark, folder)
    names = by_spark.frame.columns
    assert set(names) == set(lake_table().column_names)
    found = rows_of(by_arrow, names)
    assert len(found) == ROWS
    assert found == rows_of(by_spark, names)


def test_a_column_that_an_older_file_lacks_is_null(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "grown"
    folder.mkdir()
    pq.write_table(lake_table(50).select(["small"]), folder / "b-old.parquet")
    pq.write_table(lake_table(60).select(["small", "real"]), folder / "a-new.parquet")
    by_arrow, by_spark = sources(spark, folder)
    assert rows_of(by_arrow, by_spark.frame.columns) == rows_of(by_spark, by_spark.frame.columns)


def test_every_row_is_a_unit_of_its_own_however_often_it_is_read(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "same rows"
    folder.mkdir()
    for name in ("a", "b"):
        pq.write_table(pa.table({"v": [1] * 500}), folder / f"{name}.parquet", row_group_size=90)
    source, _ = sources(spark, folder)
    first = rows_of(source, [UNIT_COLUMN])
    assert len(set(first)) == 1_000
    assert first == rows_of(source, [UNIT_COLUMN])


@pytest.mark.parametrize(
    "settings",
    [{"options": {"mergeSchemaNot": "x"}}, {"format": "orc"}, {"table": "t", "path": None}],
)
def test_other_sources_go_through_spark(spark: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
    pq.write_table(pa.table({"v": [1]}), tmp_path / "a.parquet")
    frame = spark.read.parquet(str(tmp_path))
    source = Source(**{"path": str(tmp_path), **settings})
    assert readable_files(frame, source) is None

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
from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException

from synth.config.sections import Source
from synth.core.prepared import UNIT_COLUMN
from synth.core.schema import PrivacyUnit
from synth.lake.batches import SourceBatches, readable_files, unread_columns

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


def test_columns_that_spark_does_not_see_are_told(spark: Any, tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "B": [2]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [1], "b": [2], "later": [3]}), tmp_path / "1.parquet")
    frame = spark.read.parquet(str(tmp_path / "0.parquet"), str(tmp_path / "1.parquet"))
    assert unread_columns(frame.select("a", "b"), Source(path=str(tmp_path))) == ["later"]


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


def texts(rng: np.random.Generator, n: int) -> pa.Array:
    return pa.array(rng.choice(["ä", "b", "", " x ", "a,b"], n), mask=rng.random(n) < 0.2)


def latin(rng: np.random.Generator, n: int) -> pa.Array:
    """Text that is UTF-8 in some rows only."""
    found = [[b"plain", "ü".encode(), "ü".encode("latin-1")][k] for k in rng.integers(0, 3, n)]
    return pa.array(found, pa.binary()).cast(pa.string(), safe=False).view(pa.string())


def moments(unit: str, zone: str | None) -> Any:
    def make(rng: np.random.Generator, n: int) -> pa.Array:
        scale = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
        return pa.array(rng.integers(-9 * 10**9, 9 * 10**9, n) * scale, pa.timestamp(unit, zone))

    return make


def numbers(kind: pa.DataType, low: int, high: int) -> Any:
    return lambda rng, n: pa.array(rng.integers(low, high, n), kind, mask=rng.random(n) < 0.2)


def cents(precision: int, scale: int) -> Any:
    wide, kind = pa.decimal128(38, 0), pa.decimal128(precision, scale)
    return lambda rng, n: pa.array(rng.integers(-999, 999, n)).cast(wide).cast(kind)


KINDS: dict[str, Any] = {
    "text": texts,
    "latin": latin,
    "dictionary": lambda rng, n: texts(rng, n).dictionary_encode(),
    "large text": lambda rng, n: texts(rng, n).cast(pa.large_string()),
    "bool": lambda rng, n: pa.array(rng.random(n) < 0.5),
    "i8": numbers(pa.int8(), -9, 9),
    "i32": numbers(pa.int32(), -9, 9),
    "i64": numbers(pa.int64(), -9, 9),
    "u8": numbers(pa.uint8(), 0, 255),
    "u32": numbers(pa.uint32(), 0, 2**32),
    "u64": lambda rng, n: pa.array(rng.integers(0, 2**63, n, dtype=np.uint64) * np.uint64(2), pa.uint64()),
    "f32": lambda rng, n: pa.array(rng.normal(0, 1, n), pa.float32()),
    "f64": lambda rng, n: pa.array(rng.choice([0.0, -0.0, np.nan, np.inf, 1.5], n)),
    "d10.2": cents(10, 2),
    "d12.4": cents(12, 4),
    "day": lambda rng, n: pa.array(rng.integers(-90_000, 90_000, n), pa.int32()).cast(pa.date32()),
    "ms": moments("ms", "UTC"),
    "us": moments("us", "Europe/Berlin"),
    "local": moments("us", None),
}  # fmt: skip
"""How a column's values are made; each file of a folder makes its own."""
FOLDERS = (
    "",
    "p=001/",
    "p=1/",
    "p=2026-11-25/",
    "p=a%2Fb/",
    "p=__HIVE_DEFAULT_PARTITION__/",
    "p=x y/",
    "_hid/",
    ".hid/",
)
COLUMNS = ("a", "B", "c.d", "é")


def write_a_file(path: Path, rng: np.random.Generator, kinds: dict[str, str], odd: bool) -> None:
    """A file of the table; an odd one differs from the others in a way that happens in lakes."""
    n = int(rng.integers(0, 40))
    if odd and rng.random() < 0.2:
        path.write_bytes(b"")
        return
    table = pa.table({name: KINDS[kind](rng, n) for name, kind in kinds.items()})
    way = str(rng.choice(["none", "case", "lacks", "more", "order", "kind"])) if odd else "none"
    name = str(rng.choice(list(kinds)))
    match way:
        case "case":
            table = table.rename_columns([c.swapcase() if c == name else c for c in table.column_names])
        case "lacks" if len(kinds) > 1:
            table = table.drop_columns([name])
        case "more":
            table = table.append_column("later", pa.array(range(n), pa.int64()))
        case "order":
            table = table.select(list(reversed(table.column_names)))
        case "kind" if kinds[name] in WIDER:
            table = table.set_column(table.column_names.index(name), name, KINDS[WIDER[kinds[name]]](rng, n))
        case _:
            pass
    pq.write_table(
        table, path, row_group_size=int(rng.integers(1, 50)), use_dictionary=bool(rng.random() < 0.5),
        use_deprecated_int96_timestamps=bool(rng.random() < 0.3), version=str(rng.choice(["1.0", "2.6"])),
        data_page_version=str(rng.choice(["1.0", "2.0"])), compression=str(rng.choice(["none", "zstd"])),
        store_schema=bool(rng.random() < 0.5),
    )  # fmt: skip


WIDER = {
    "i32": "i64",
    "i64": "i32",
    "d10.2": "d12.4",
    "i8": "i32",
    "f32": "f64",
    "day": "local",
    "text": "i64",
}


def write_a_folder(folder: Path, rng: np.random.Generator) -> None:
    names = list(rng.choice(COLUMNS, rng.integers(1, 5), replace=False))
    kinds = {str(name): str(rng.choice(list(KINDS))) for name in names}
    partitioned = rng.random() < 0.5
    for number in range(int(rng.integers(1, 5))):
        below = str(rng.choice(FOLDERS[1:])) if partitioned else str(rng.choice(["", "", "", "_hid/"]))
        (folder / below).mkdir(parents=True, exist_ok=True)
        file = (
            folder
            / below
            / f"{rng.choice(['part', '_part', '.part', 'p art'], p=[0.7, 0.1, 0.1, 0.1])}-{number}.parquet"
        )
        write_a_file(file, rng, kinds, odd=number > 0 and rng.random() < 0.5)


def test_arrow_gives_the_rows_that_spark_gives_or_leaves_it_to_spark(spark: Any, tmp_path: Path) -> None:
    """Forty folders with all that lakes hold; the ways of reading agree on every row, or Arrow reads none."""
    by_arrow = 0
    for seed in range(40):
        folder = tmp_path / f"day=7/table {seed}"
        write_a_folder(folder, np.random.default_rng(seed))
        try:
            frame = spark.read.parquet(str(folder))
        except (AnalysisException, Py4JJavaError):
            continue  # a folder that Spark takes for no table
        files = readable_files(frame, Source(path=str(folder)))
        if files is None:
            continue
        by_spark, one = (
            SourceBatches(frame=frame, unit=PrivacyUnit(), salt=b"s" * 32, files=way) for way in (None, files)
        )
        wanted = rows_of(by_spark, frame.columns)
        assert rows_of(one, frame.columns) == wanted, seed
        by_arrow += len(wanted) > 0
    assert by_arrow >= 10, "too few folders were read by Arrow for this to say anything"

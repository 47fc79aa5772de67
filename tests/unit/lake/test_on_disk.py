"""The columns of a source are known from its files' own descriptions."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from synth.config.sections import Source
from synth.lake.on_disk import columns_on_disk


def test_parquet_in_folders_of_partitions(tmp_path: Path) -> None:
    folder = tmp_path / "t" / "DAY=001"
    folder.mkdir(parents=True)
    (folder / "_SUCCESS").write_text("")
    kinds = {"a.b": pa.int16(), "d": pa.decimal128(9, 2), "t": pa.timestamp("us", "UTC"),
             "s": pa.large_string(), "u": pa.uint32(), "n": pa.timestamp("us"),
             "l": pa.list_(pa.int8())}  # fmt: skip
    pq.write_table(pa.table({name: pa.nulls(0, kind) for name, kind in kinds.items()}), folder / "f.parquet")
    assert columns_on_disk(Source(path=str(tmp_path / "t"))) == {
        "a.b": "smallint", "d": "decimal(9,2)", "t": "timestamp", "s": "string", "u": "bigint",
        "n": "timestamp_ntz", "l": "list<element: int8>", "DAY": "string",
    }  # fmt: skip


def test_the_header_of_a_csv(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('\ufeffa,"b,c"\n1,2\n', encoding="utf-8")
    source = Source(path=str(tmp_path / "t.csv"), format="csv")
    assert columns_on_disk(source) == {"a": "string", "b,c": "string"}
    assert columns_on_disk(source.model_copy(update={"options": {"header": "false"}})) is None


@pytest.mark.parametrize(
    "source", [Source(table="t"), Source(path="s3a://b/t"), Source(path="/nowhere/at/all")]
)
def test_what_is_not_on_a_disk_is_not_known(source: Source) -> None:
    assert columns_on_disk(source) is None

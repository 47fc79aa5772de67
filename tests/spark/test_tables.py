"""Tables on a real Spark: one readable error for bad input, whole tables or none."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from synth.config.sections import ColumnSettings, Source, Target
from synth.core.schema import PrivacyUnit
from synth.errors import ConfigError, SourceError
from synth.lake import tables, targets
from synth.lake.readable import readable_errors

pytestmark = pytest.mark.spark


def rows(spark: Any, n: int) -> Any:
    return spark.range(n).select(
        F.col("id"), (F.col("id") % 3).cast("string").alias("kind"), (F.col("id") / 7).alias("x")
    )


def csv(folder: Path, text: str) -> Source:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return Source(path=str(path), format="csv")


def test_a_csv_is_read_as_strings_with_its_accents(spark: Any, tmp_path: Path) -> None:
    source = csv(tmp_path, '\ufeffname,city\n"José ""Pepe""",Zürich\n,"a,b"\n')
    frame = tables.read_table(spark, source)
    assert frame.dtypes == [("name", "string"), ("city", "string")]
    assert [tuple(row) for row in frame.collect()] == [('José "Pepe"', "Zürich"), (None, "a,b")]


@pytest.mark.parametrize("text", ['a,b\n1,"x\ny"\n2,z\n', 'a,b\n"x\ny",1\n2,z\n', "a,b\n1,2,3\n", "a,b\n1\n"])
def test_a_csv_with_a_torn_line_is_one_readable_error(spark: Any, tmp_path: Path, text: str) -> None:
    source = csv(tmp_path, text)
    frame = tables.read_table(spark, source)
    with (
        pytest.raises(SourceError, match="does not fit its header") as caught,
        readable_errors(source),
    ):
        frame.select("b").toArrow()
    assert (
        "x"
        not in str(caught.value).replace("table.csv", "").replace(str(tmp_path), "").split("has a line")[0]
    )


def test_a_quoted_line_end_is_read_when_it_is_allowed(spark: Any, tmp_path: Path) -> None:
    source = csv(tmp_path, 'a,b\n1,"x\ny"\n2,z\n').model_copy(update={"options": {"multiLine": "true"}})
    assert tables.read_table(spark, source).count() == 2


def test_missing_sources_are_readable(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        tables.read_table(spark, Source(path=str(tmp_path / "none")))
    with pytest.raises(SourceError, match="not in the catalog"):
        tables.read_table(spark, Source(table="nothing_here"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no files of that format"):
        tables.read_table(spark, Source(path=str(tmp_path / "empty")))


def test_corrupt_parquet_is_readable_wherever_it_breaks(spark: Any, tmp_path: Path) -> None:
    good = tmp_path / "good"
    rows(spark, 1000).coalesce(1).write.parquet(str(good))
    part = next(good.glob("part-*"))
    content = part.read_bytes()
    for name, damaged in (("cut", content[: len(content) // 2]), ("text", b"no parquet at all" * 20)):
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(damaged)
        source = Source(path=str(path))
        with pytest.raises(SourceError, match="replace that file"), readable_errors(source):
            tables.read_table(spark, source).count()


def test_an_empty_table_and_unknown_columns_are_readable(spark: Any, tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows(spark, 0).write.parquet(str(path))
    frame = tables.read_table(spark, Source(path=str(path)))
    with pytest.raises(SourceError, match="has no rows"):
        tables.check_not_empty(frame, Source(path=str(path)))
    with pytest.raises(ConfigError, match=r"columns\.AGE \('AGE'\); the source has id, kind, x"):
        tables.check_columns(frame, {"AGE": ColumnSettings()}, {})
    nested = frame.withColumn("deep", F.struct("id"))
    with pytest.raises(ConfigError, match="flatten it first"):
        tables.check_columns(nested, {}, {})
    tables.check_columns(nested, {"deep": ColumnSettings(drop=True)}, {})


def test_a_failing_write_leaves_the_old_table_whole(spark: Any, tmp_path: Path) -> None:
    target = Target(path=str(tmp_path / "out"), partition_by=("kind",))
    targets.write_table(rows(spark, 30), target, expected_rows=30, properties={"lakesynth.privacy": "words"})
    failing = rows(spark, 30).withColumn("x", F.raise_error(F.lit("planted")).cast("double"))
    with pytest.raises(Exception, match="planted"):
        targets.write_table(failing, target, expected_rows=30)
    with pytest.raises(SourceError, match="did not get all rows"):
        targets.write_table(rows(spark, 20), target, expected_rows=21)
    assert spark.read.parquet(target.path).count() == 30
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "no staging folder may stay behind"
    assert (tmp_path / "out" / "kind=0").is_dir()
    assert json.loads((tmp_path / "out" / "_lakesynth.json").read_text())["lakesynth.privacy"] == "words"


def test_the_three_modes_of_a_path(spark: Any, tmp_path: Path) -> None:
    target = Target(path=str(tmp_path / "out"))
    targets.write_table(rows(spark, 5), target, expected_rows=5)
    targets.write_table(rows(spark, 7), target, expected_rows=7)
    assert spark.read.parquet(target.path).count() == 7
    targets.write_table(rows(spark, 3), target.model_copy(update={"mode": "append"}), expected_rows=3)
    assert spark.read.parquet(target.path).count() == 10
    with pytest.raises(ConfigError, match=r"target\.mode is error"):
        targets.check_target(spark, target.model_copy(update={"mode": "error"}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_catalog_table_is_replaced_by_name_not_by_position(spark: Any) -> None:
    spark.sql("DROP TABLE IF EXISTS swapped")
    target = Target(table="swapped")
    targets.write_table(rows(spark, 5), target, expected_rows=5, properties={"lakesynth.privacy": "it's"})
    turned = rows(spark, 6).select("x", "kind", "id")
    targets.write_table(turned, target, expected_rows=6)
    assert sorted(row.id for row in spark.table("swapped").collect()) == [0, 1, 2, 3, 4, 5]
    targets.write_table(turned, target.model_copy(update={"mode": "append"}), expected_rows=6)
    assert spark.table("swapped").count() == 12
    with pytest.raises(ConfigError, match="other columns"):
        targets.write_table(rows(spark, 2).drop("x"), target, expected_rows=2)
    assert spark.table("swapped").count() == 12
    assert not [t.name for t in spark.catalog.listTables() if "staging" in t.name]
    spark.sql("DROP TABLE swapped")


def test_an_entity_contributes_at_most_its_rows_and_always_the_same_ones(spark: Any) -> None:
    frame = spark.range(1000).select((F.col("id") % 10).alias("who"), F.col("id").alias("what"))
    unit = PrivacyUnit(entity="who", max_rows=7)
    once = tables.bound_contribution(frame, unit, b"salt" * 8)
    counts = {row["who"]: row["count"] for row in once.groupBy("who").count().collect()}
    assert counts == dict.fromkeys(range(10), 7)
    again = tables.bound_contribution(frame.repartition(5), unit, b"salt" * 8)
    assert set(once.toArrow()["what"].to_pylist()) == set(again.toArrow()["what"].to_pylist())
    fewer = tables.bound_contribution(frame.where("who != 3"), unit, b"salt" * 8)
    kept = set(once.where("who != 3").toArrow()["what"].to_pylist())
    assert set(fewer.toArrow()["what"].to_pylist()) == kept, "leaving one entity out must not move the others"
    assert tables.bound_contribution(frame, PrivacyUnit(), b"").count() == 1000


@pytest.mark.parametrize("kind", ["timestamp", "timestamp_ntz"])
def test_rows_of_one_millisecond_are_kept_in_no_order_of_arrival(spark: Any, kind: str) -> None:
    """Ties would be broken by the shuffle, which follows all rows: one entity would move another's."""
    values = ", ".join(f"(1, {kind} '2020-01-01 00:00:00.0000{n:02d}')" for n in range(20))
    frame = spark.sql(f"SELECT * FROM VALUES {values} AS t(who, moment)").coalesce(1)
    unit = PrivacyUnit(entity="who", max_rows=3)
    kept = [
        set(tables.bound_contribution(rows, unit, b"salt" * 8).toArrow()["moment"].to_pylist())
        for rows in (frame.sort("moment"), frame.sort(F.desc("moment")))
    ]
    assert kept[0] == kept[1]


def test_the_fingerprint_changes_with_the_input_only(spark: Any, tmp_path: Path) -> None:
    source = Source(path=str(tmp_path / "t"))
    rows(spark, 10).write.partitionBy("kind").parquet(source.path)
    frame = tables.read_table(spark, source)
    before = tables.fingerprint(frame, source)
    assert before == tables.fingerprint(tables.read_table(spark, source), source)
    assert tables.partition_columns(frame, source) == ("kind",)
    rows(spark, 10).write.partitionBy("kind").mode("append").parquet(source.path)
    assert tables.fingerprint(tables.read_table(spark, source), source) != before


@pytest.mark.parametrize(
    ("values", "asked", "kind"),
    [
        (("2026-11-25", "2026-11-26"), "2026-11-25", "date"),
        (("20261125", "20261126"), "20261125", "int"),
        (("2026-11-25 00:00:00", "2026-11-25 10:30:00"), "2026-11-25 00:00:00", "timestamp"),
        (("001", "1"), "001", "string"),
        (("true", "false"), "true", "boolean"),
    ],
)
def test_a_partition_is_compared_in_its_own_type(
    spark: Any, values: tuple[str, ...], asked: str, kind: str
) -> None:
    frame = spark.createDataFrame([(v,) for v in values], "`a.b` string").selectExpr(
        f"cast(`a.b` AS {kind}) AS `a.b`"
    )
    found = tables.in_partitions(frame, "a.b", [asked]).selectExpr("cast(`a.b` AS string) AS v").collect()
    assert [row.v for row in found] == [asked]
    assert tables.empty_partitions(frame, "a.b", values) == []
    other = tables.in_partitions(frame, "a.b", [asked])
    assert tables.empty_partitions(other, "a.b", values) == [value for value in values if value != asked]


def test_folders_of_partitions_decide_no_type(spark: Any, tmp_path: Path) -> None:
    base = tmp_path / "month=7" / "t"
    for day in ("001", "002"):
        rows(spark, 3).coalesce(1).write.parquet(str(base / f"DAY={day}"))
    source = Source(path=str(base))
    frame = tables.read_table(spark, source)
    assert dict(frame.dtypes)["DAY"] == "string"
    assert {row.DAY for row in frame.select("DAY").collect()} == {"001", "002"}
    assert tables.partition_columns(frame, source) == ("DAY",), "not month, which is above the table"


@pytest.mark.parametrize("log", ["_delta_log", ".hoodie", "metadata/v1.metadata.json"])
def test_a_folder_below_a_table_of_a_format_is_refused_too(spark: Any, tmp_path: Path, log: str) -> None:
    rows(spark, 3).coalesce(1).write.parquet(str(tmp_path / "t" / "data" / "x"))
    (tmp_path / "t" / log).mkdir(parents=True)
    for path in ("t/data/x", "t/data", "t/*/x"):
        with pytest.raises(SourceError, match=r"holds a table of .*; name it in source\.table"):
            tables.read_table(spark, Source(path=str(tmp_path / path)))


def test_any_error_of_a_reader_is_one_line_without_a_value(spark: Any) -> None:
    source = Source(path="/d")
    frame = spark.createDataFrame([("Xerxes",)], "v string")
    for make in (
        lambda: frame.selectExpr("cast(v AS int)").collect(),
        lambda: frame.selectExpr("raise_error(v)").collect(),
        lambda: tables.map_in_arrow(frame, lambda bs: (b.cast(None) for b in bs), "v string").collect(),
    ):
        with (
            pytest.raises(SourceError, match="source /d could not be read") as caught,
            readable_errors(source),
        ):
            make()
        assert "Xerxes" not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1

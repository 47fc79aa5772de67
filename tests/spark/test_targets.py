"""Only what Lakesynth wrote is overwritten, whatever links, patterns or mounts lead there."""

from pathlib import Path
from typing import Any

import pytest

from synth.config.sections import Target
from synth.errors import ConfigError
from synth.lake import targets
from synth.lake.apart import check_apart, check_ours, resolved

pytestmark = pytest.mark.spark


def test_a_folder_of_others_is_neither_replaced_nor_extended(spark: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years")
    for mode in ("overwrite", "append"):
        with pytest.raises(ConfigError, match="which Lakesynth did not write"):
            targets.write_table(spark.range(5), Target(path=str(home), mode=mode), expected_rows=5)
    spark.range(3).write.parquet(str(tmp_path / "table"))
    with pytest.raises(ConfigError, match="which Lakesynth did not write"):
        targets.check_target(spark, Target(path=str(tmp_path / "table")))
    assert (home / "thesis.txt").read_text() == "years"
    assert spark.read.parquet(str(tmp_path / "table")).count() == 3


def test_our_table_with_a_strangers_file_in_it_is_refused(spark: Any, tmp_path: Path) -> None:
    target = Target(path=str(tmp_path / "out"))
    targets.write_table(spark.range(5), target, expected_rows=5)
    check_ours(spark, target)
    (tmp_path / "out" / "notes.md").write_text("mine")
    with pytest.raises(ConfigError, match="notes"):
        targets.write_table(spark.range(5), target, expected_rows=5)


def test_a_file_or_a_pattern_is_no_target_and_a_link_stays_one(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="a file"):
        check_ours(spark, Target(path=str(tmp_path / "file")))
    with pytest.raises(ConfigError, match="is a pattern"):
        check_ours(spark, Target(path=str(tmp_path / "o*")))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    targets.write_table(spark.range(5), Target(path=str(tmp_path / "link")), expected_rows=5)
    assert (tmp_path / "link").is_symlink()
    assert spark.read.parquet(str(tmp_path / "real")).count() == 5


def test_a_table_of_others_in_the_catalog_is_refused_until_it_is_given(spark: Any) -> None:
    spark.sql("DROP TABLE IF EXISTS others")
    spark.range(4).write.saveAsTable("others")
    target = Target(table="others")
    with pytest.raises(ConfigError, match="ALTER TABLE others"):
        targets.write_table(spark.range(5), target, expected_rows=5)
    assert spark.table("others").count() == 4
    spark.sql("ALTER TABLE others SET TBLPROPERTIES ('lakesynth.target' = 'true')")
    targets.write_table(spark.range(5), target, expected_rows=5)
    assert spark.table("others").count() == 5


def test_links_lead_to_the_same_place(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "lake" / "day=1").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "lake")
    read = {"source": [resolved(spark, str(tmp_path / "elsewhere" / "day=1" / "a.parquet"))]}
    for path in ("lake", "lake/day=1", "elsewhere", "."):
        with pytest.raises(ConfigError, match="overlaps source"):
            check_apart(read, {"target.path": resolved(spark, str(tmp_path / path))})
    check_apart(read, {"target.path": resolved(spark, str(tmp_path / "lake" / "day=2"))})
    both = {
        "target.path": resolved(spark, str(tmp_path / "a")),
        "mask.path": resolved(spark, str(tmp_path / "a" / "b")),
    }
    with pytest.raises(ConfigError, match="overlaps mask.path"):
        check_apart({}, both)

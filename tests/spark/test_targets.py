"""Only what Lakesynth wrote is overwritten, whatever links, patterns or mounts lead there."""

from pathlib import Path
from typing import Any

import pytest

from synth.config.sections import Config, LedgerSettings, Source, Target
from synth.errors import ArtifactError, ConfigError, SourceError
from synth.lake import targets
from synth.lake.apart import check_apart, check_ours, resolved
from synth.lake.artifacts import write_artifact, write_json
from synth.lake.workspace import Workspace
from synth.run import Run

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
    with pytest.raises(ConfigError, match=r"overlaps mask\.path"):
        check_apart({}, both)


def run_of(folder: Path, said: list[str], **sections: Any) -> Run:
    ledger = LedgerSettings(url=f"sqlite:///{folder / 'book' / 'ledger.db'}")
    config = Config(name="people", ledger=ledger, **sections)
    return Run(config=config, workspace=Workspace.open(folder / "work"), say=said.append)


def test_a_source_that_changes_while_it_is_read_ends_the_run(spark: Any, tmp_path: Path) -> None:
    lake, said = tmp_path / "lake" / "day=1", list[str]()
    spark.range(3).write.parquet(str(lake))
    run = run_of(tmp_path, said, source=Source(path=str(lake)))
    assert run.key("scan") is not None
    run.check_unchanged()
    assert any("day=1 lies in source.path" in line for line in said)
    spark.range(1).write.mode("append").parquet(str(lake))
    with pytest.raises(SourceError, match="changed while it was read"):
        run.check_unchanged()


@pytest.mark.parametrize(
    "place", ["work/private", "work/prepared", "book", "lake", "lake/below", "work", "."]
)
def test_no_table_is_written_over_what_a_run_reads_or_keeps(spark: Any, tmp_path: Path, place: str) -> None:
    spark.range(3).write.parquet(str(tmp_path / "lake"))
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path / place, tmp_path / "link" / place):
        run = run_of(tmp_path, [], source=Source(path=f"{tmp_path}/l*e"), target=Target(path=str(path)))
        with pytest.raises(ConfigError, match="overlaps"):
            _ = run.source
    assert spark.read.parquet(str(tmp_path / "lake")).count() == 3
    assert not run.ledger.entries("people")


def test_a_changed_manifest_of_prepare_is_not_drawn_from(tmp_path: Path) -> None:
    run = run_of(tmp_path, [], source=Source(path="nowhere"))
    with write_artifact(run.workspace.prepared, "key") as folder:
        write_json(folder / "prepared.json", {"rows": 1})
    write_json(run.workspace.prepared / "prepared.json", {"rows": 2})
    with pytest.raises(ArtifactError, match="was changed after it was written"):
        run.manifest()

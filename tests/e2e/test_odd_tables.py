"""Tables with odd names, few rows, many columns and empty ones: a run ends well, or in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import Project, inside, make_project

pytestmark = pytest.mark.e2e

NAMES = ("a.b", "a", " lead", "trail ", "it's", 'say "x"', "select", "order by", "😀", "back`tick", "c,d",
         "e;f", "g=h", "(k)", "[m]", "{n}", "%", "#1", "ünï", "null", "1", "_x", "x" * 200)  # fmt: skip
MARGINAL = {
    "model": {"kind": "marginal", "max_minutes": 0.3, "marginal": {"method": "mst"}},
    "prepare": {"files": 2, "bins": 4},
}


def odd_table(rows: int, names: tuple[str, ...] = NAMES, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    kinds = (
        lambda: pa.array(rng.integers(0, 3, rows)),
        lambda: pa.array(rng.choice(["p", "q"], rows)),
        lambda: pa.array([1] * rows),
        lambda: pa.nulls(rows, pa.string()),
        lambda: pa.array(np.round(rng.normal(0, 1, rows), 1)),
        lambda: pa.nulls(rows, pa.int32()),
    )
    return pa.table({name: kinds[k % len(kinds)]() for k, name in enumerate(names)})


def project_of(folder: Path, table: pa.Table, **sections: Any) -> Project:
    (folder / "lake").mkdir(parents=True)
    pq.write_table(table, folder / "lake" / "0.parquet")
    return make_project(folder, {"path": str(folder / "lake")}, **{**MARGINAL, **sections})


def test_a_day_of_a_table_with_odd_names_comes_out_on_that_day_alone(spark: Any, tmp_path: Path) -> None:
    for day in (20261124, 20261125, 20261126):
        (tmp_path / "lake" / f"DAY={day}").mkdir(parents=True)
        pq.write_table(
            odd_table(300, ("plain", *NAMES[:12]), seed=day), tmp_path / "lake" / f"DAY={day}" / "0.parquet"
        )
    project = make_project(
        tmp_path / "run",
        {"path": str(tmp_path / "lake")},
        **MARGINAL,
        privacy={"epsilon": 8.0, "partitions": {"column": "DAY", "values": ["20261125"]}},
        evaluate={"sample_rows": 1000},
        target={"path": str(tmp_path / "out"), "format": "csv", "partition_by": []},
    )
    done = inside(*project.arguments("run"))
    assert done.code == 0, done.stderr
    made = spark.read.options(header="true", escape='"').csv(str(tmp_path / "out"))
    assert set(made.columns) == {"plain", *NAMES[:12], "DAY"}
    assert {row["DAY"] for row in made.collect()} == {"20261125"}
    manifest = project.json("prepared", "prepared.json")
    (day,) = [book for book in manifest["codebooks"] if book["column"] == "DAY"]
    assert (day["categories"], day["counts"]) == (["20261125"], [0.0, manifest["n_rows"]])
    report = project.json("report", "report.json")
    assert report["fidelity"]["tvd_1way"] < 0.5
    assert report["columns"]["DAY"]["tvd"] == 0, "evaluated against that day's rows alone"
    assert report["rows"]["real"]["n_rows"] == 300


@pytest.mark.parametrize("rows", [1, 2])
def test_a_table_of_hardly_any_rows_ends_well_or_in_one_line(spark: Any, tmp_path: Path, rows: int) -> None:
    project = project_of(tmp_path, odd_table(rows, ("a.b", "it's", "constant", "nothing")))
    for stage in ("scan", "prepare", "train", "generate"):
        done = inside(*project.arguments(stage))
        if done.code == 3:
            assert stage == "generate"
            verdict = [line for line in done.stdout.splitlines() if "NOT USABLE" in line][-1]
            assert "; raise privacy.epsilon" in verdict, "it must say what to do"
        elif done.code:
            assert done.code == 2, done.stderr
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert ";" in done.error or "declare" in done.error, "it must say what to do"
            break
    assert "Traceback" not in done.stderr


def test_five_hundred_columns_of_odd_names_are_scanned_and_prepared(spark: Any, tmp_path: Path) -> None:
    names = (*NAMES, *(f"column {k}.x" for k in range(500 - len(NAMES))))
    project = project_of(tmp_path, odd_table(300, names))
    for stage in ("scan", "prepare"):
        done = inside(*project.arguments(stage))
        assert done.code == 0, done.stderr
    assert len(project.json("prepared", "prepared.json")["columns"]) == 500

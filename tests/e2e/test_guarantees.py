"""Runs whose guarantee differs: none at all, one for whole people, and one on real patients."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from .conftest import inside, make_project, visits_table

pytestmark = pytest.mark.e2e

SINGLE = {"steps": 20, "expected_batch_size": 200, "launcher": "single"}


def test_without_epsilon_everything_says_that_there_is_no_privacy(
    spark: Any, visits: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path, {"path": str(visits)}, privacy={"epsilon": None}, train=SINGLE)
    done = inside(*project.arguments("run"))
    assert done.code == 0, done.stderr
    assert done.stdout.count("NO PRIVACY") >= 1
    assert "WITHOUT PRIVACY" in done.stdout[done.stdout.index("Lakesynth: ") :]
    privacy = project.json("report", "report.json")["privacy"]
    assert privacy["is_private"] is False
    assert privacy["epsilon_total"] is None
    assert "WITHOUT privacy" in privacy["statement"]
    page = (project.workdir / "report" / "report.html").read_text(encoding="utf-8")
    assert "made WITHOUT privacy" in page
    assert "differentially private: epsilon" not in page
    beside = json.loads((project.synthetic / "_lakesynth.json").read_text(encoding="utf-8"))
    assert "WITHOUT PRIVACY" in beside["lakesynth.privacy"]
    training = project.json("model", "model.json")["training"]
    assert training["is_private"] is False
    assert "No differential privacy" in training["statement"]
    shown = inside("budget", "--table", "visits", "--ledger", project.ledger)
    assert "WITHOUT PRIVACY" in shown.stdout


def test_a_person_of_many_rows_counts_as_one_stage_by_stage(spark: Any, visits: Path, tmp_path: Path) -> None:
    project = make_project(
        tmp_path,
        {"path": str(visits)},
        privacy={"unit": {"entity": "patient_id", "max_rows": 3}, "epsilon": 3.0, "delta": 1e-5},
        train=SINGLE,
    )
    for stage in ("scan", "mask", "prepare", "train", "generate", "evaluate"):
        done = inside(*project.arguments(stage))
        assert done.code == 0, done.stderr
    entries = project.entries()
    assert [entry["stage"] for entry in entries] == ["scan", "prepare", "train"]
    assert {entry["unit"] for entry in entries} == {"entity patient_id, at most 3 rows"}
    noisy = [e for entry in entries for e in json.loads(entry["events"]) if "sensitivity" in e]
    assert len(noisy) >= 2
    # Rows are counted up to 3 times; how many people there are moves by one.
    assert {event["sensitivity"] for event in noisy} == {1, 3}
    assert sum(event["count"] for event in noisy if event["sensitivity"] == 1) == 1
    privacy = project.json("report", "report.json")["privacy"]
    assert 0 < privacy["epsilon_total"] <= 3.0
    assert "patient_id, at most 3 rows" in privacy["unit"]
    kept = sum(min(3, n) for n in visits_table()["patient_id"].value_counts().field("counts").to_pylist())
    prepared = project.json("prepared", "prepared.json")
    # Fails by chance once in 10^15 runs.
    assert abs(prepared["n_rows"] - kept) < 8 * max(event["scale"] for event in noisy)
    assert prepared["n_units"] < prepared["n_rows"]
    assert pq.read_table(project.workdir / "prepared" / "codes").num_rows == kept
    assert pq.read_table(project.synthetic).num_rows == prepared["n_rows"]


PATIENTS_IDENTIFIERS = ("Id", "SSN", "DRIVERS", "PASSPORT", "FIRST", "LAST", "MAIDEN", "ADDRESS")


def test_real_patients_leave_no_identifier_behind(spark: Any, shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "synthea" / "patients.csv"
    project = make_project(
        tmp_path,
        {"path": str(path), "format": "csv", "options": {"sep": ";"}},
        name="patients",
        train=SINGLE,
        generate={"rows": 2000},
    )
    done = inside(*project.arguments("run"))
    assert done.code == 0, done.stderr
    with path.open(encoding="utf-8-sig", newline="") as file:
        real = list(csv.DictReader(file, delimiter=";"))
    made = pq.read_table(project.synthetic)
    assert made.num_rows == 2000
    assert made.column_names == list(real[0])
    for name in PATIENTS_IDENTIFIERS:
        values = {value for value in made[name].to_pylist() if value}
        assert values, name
        # Names of these patients end in digits, which no made-up name does.
        assert values.isdisjoint({row[name] for row in real}), name
    assert project.json("report", "report.json")["privacy"]["epsilon_total"] <= 3.0
    ssns = [value for value in made["SSN"].to_pylist() if value]
    assert all(re.fullmatch(r"(000|666|9\d\d)-\d\d-\d{4}", ssn) for ssn in ssns)  # areas never issued
    told = done.stdout + done.stderr
    names = ("Id", "SSN", "PASSPORT")
    assert not any(row[name] in told for row in real for name in names if row[name])

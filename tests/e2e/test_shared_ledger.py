"""One book for several workdirs, people and days: what is given again, what adds up, what is refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from synth.privacy.ledger import Ledger
from synth.privacy.view import spent

from .conftest import Project, inside, make_project

pytestmark = pytest.mark.e2e


def run(project: Project, *stages: str, workdir: Path | None = None, sets: tuple[str, ...] = ()) -> None:
    for stage in stages:
        done = inside(*project.arguments(stage, *sets, workdir=workdir))
        assert done.code == 0, done.stderr


def test_another_workdir_is_given_what_the_book_paid_for(spark: Any, visits: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": str(visits)})
    other = tmp_path / "another person's"
    run(project, "scan", "prepare")
    run(project, "scan", "prepare", workdir=other)
    assert [entry["stage"] for entry in project.entries()] == ["scan", "prepare"]
    for name in ("scan/findings.json", "prepared/prepared.json"):
        assert (other / name).read_bytes() == (project.workdir / name).read_bytes()
    rows = [pq.read_table(folder / "prepared" / "codes").num_rows for folder in (project.workdir, other)]
    assert rows[0] == rows[1] > 0


def test_other_settings_are_drawn_and_paid_for_anew(spark: Any, visits: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": str(visits)})
    run(project, "scan", "prepare")
    run(project, "scan", "prepare", workdir=tmp_path / "b", sets=("prepare.bins=9",))
    assert [entry["stage"] for entry in project.entries()] == ["scan", "prepare", "prepare"]
    run(project, "scan", workdir=tmp_path / "c", sets=("scan.min_share=0.4",))
    assert [entry["stage"] for entry in project.entries()][-1] == "scan"


def test_a_policy_binds_a_configuration_that_asks_for_more(spark: Any, visits: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": str(visits)})
    limits = ("--table", "visits", "--epsilon", "0.5", "--delta", "1e-6", "--ledger", project.ledger)
    assert inside("budget", "policy", *limits).code == 0
    run(project, "scan", "prepare")
    entries = Ledger(project.ledger).entries("visits")
    assert 0.05 < spent(entries, 1e-6).epsilon < 0.3, "shares are those of the policy, not of epsilon 3"
    tighter = ("--table", "visits", "--epsilon", "0.1", "--delta", "1e-6", "--ledger", project.ledger)
    assert inside("budget", "policy", *tighter).code == 0
    refused = inside(*project.arguments("scan", workdir=tmp_path / "b"), "--fresh")
    assert refused.code == 2
    assert "the table's policy" in refused.error
    assert "scan by " in refused.error
    assert len(project.entries()) == 2


def test_days_do_not_add_up_but_the_same_day_does(spark: Any, visits: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": str(visits)})

    def day(ward: str) -> tuple[str, ...]:
        return (f"privacy.partitions={{column: ward, values: [{ward}]}}",)

    epsilons = []
    for ward in ("north", "south", "west"):
        run(project, "scan", "prepare", workdir=tmp_path / ward, sets=day(ward))
        epsilons.append(spent(Ledger(project.ledger).entries("visits"), 1e-5).epsilon)
        seen = json.loads((tmp_path / ward / "prepared" / "prepared.json").read_text())
        wards = next((c for c in seen["codebooks"] if c["column"] == "ward"), None)
        assert wards is None or set(wards["categories"]) <= {ward}
    assert max(epsilons) == pytest.approx(min(epsilons), rel=0.1)
    run(project, "scan", workdir=tmp_path / "again", sets=(*day("north"), "scan.min_share=0.4"))
    assert spent(Ledger(project.ledger).entries("visits"), 1e-5).epsilon > 1.01 * max(epsilons)
    shown = inside("budget", "--table", "visits", "--ledger", project.ledger)
    assert "in parallel" in shown.stdout
    book = json.loads(inside("budget", "--table", "visits", "--json", "--ledger", project.ledger).stdout)
    assert book["entries"][0]["partitions"] == {"column": "ward", "values": ["north"]}
    assert "key" not in book["entries"][0]


def test_the_budget_is_drawn(spark: Any, visits: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": str(visits)})
    run(project, "scan", "prepare")
    assert (project.workdir / "budget.png").read_bytes().startswith(b"\x89PNG")

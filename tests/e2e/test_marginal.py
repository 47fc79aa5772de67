"""A whole run with the model of marginals, as `auto` chooses it: within the budget, repeatable, told."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from .conftest import RARE_CITY, Project, Run, inside, make_project, rows_of, visits_table

pytestmark = pytest.mark.e2e

Finished = tuple[Project, Run]


@pytest.fixture(scope="module")
def finished_marginal(visits: Path, tmp_path_factory: pytest.TempPathFactory, spark: object) -> Finished:
    project = make_project(
        tmp_path_factory.mktemp("marginal run"),
        {"path": str(visits)},
        privacy={"epsilon": 3.0, "delta": 1e-5, "unit": {"entity": "patient_id", "max_rows": 3}},
        model={"kind": "auto"},
        generate={"rows": 3000, "seed": 3},
        evaluate={"target": "smoker", "sample_rows": 1000},
    )
    done = inside(*project.arguments("run"))
    assert done.code == 0, done.stderr
    return project, done


def test_auto_says_what_it_chose_and_why(finished_marginal: Finished) -> None:
    project, run = finished_marginal
    assert "model.kind auto chose marginal: " in run.stdout
    model = project.json("model", "model.json")
    assert model["kind"] == "mixture"
    assert model["training"]["is_private"]


def test_a_run_says_that_its_table_is_usable(finished_marginal: Finished) -> None:
    _, run = finished_marginal
    assert "usable" in run.stdout
    assert "NOT USABLE" not in run.stdout


def test_a_run_that_noise_leaves_nothing_of_ends_with_a_code_of_its_own_and_says_why(
    tmp_path: Path, spark: object
) -> None:
    (tmp_path / "lake").mkdir()
    pq.write_table(visits_table(40), tmp_path / "lake" / "0.parquet")
    project = make_project(
        tmp_path / "few",
        {"path": str(tmp_path / "lake")},
        privacy={"epsilon": 0.1, "delta": 1e-6},
        model={"kind": "auto"},
        evaluate={"target": "smoker", "sample_rows": 1000},
    )
    done = inside(*project.arguments("run"))
    said = " ".join((done.stdout + done.stderr).split())
    assert done.code == 3, said
    assert "NOT USABLE: " in said
    assert "noise hides" in said
    assert "raise privacy.epsilon" in said
    assert "Traceback" not in said


def test_the_whole_budget_is_spent_and_no_more(finished_marginal: Finished) -> None:
    project, _ = finished_marginal
    privacy = project.json("report", "report.json")["privacy"]
    assert 2.99 < privacy["epsilon_total"] <= 3.0 * (1 + 1e-6)
    train = [entry for entry in project.entries() if entry["stage"] == "train"]
    assert len(train) == 1
    assert '"sensitivity": 3' in train[0]["events"]


def test_the_report_shows_the_ties_and_their_picture_may_leave(
    finished_marginal: Finished,
) -> None:
    project, _ = finished_marginal
    report = project.json("report", "report.json")
    assert report["ties"]
    assert "ties" in report["released_parts"]
    assert "Which columns the model ties" in (project.workdir / "report" / "report.html").read_text()
    assert (project.workdir / "model" / "ties.svg").read_text().startswith("<svg")


def test_the_same_seed_gives_the_same_rows_however_they_are_cut(
    finished_marginal: Finished,
) -> None:
    project, _ = finished_marginal
    before = rows_of(pq.read_table(project.synthetic))
    assert len(before) == 3000
    assert not any(RARE_CITY in row for row in before)
    again = inside(*project.arguments("generate", "generate.partitions=7"))
    assert again.code == 0, again.stderr
    assert rows_of(pq.read_table(project.synthetic)) == before


def test_training_again_is_free(finished_marginal: Finished) -> None:
    project, _ = finished_marginal
    n_entries = len(project.entries())
    again = inside(*project.arguments("train"))
    assert "using model/ again, nothing is charged" in again.stdout
    assert len(project.entries()) == n_entries

"""One whole run on a typed, partitioned table: what it makes, what it says, what it never spends twice."""

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import CITIES, RARE_CITY, WARDS, Project, Run, inside, make_project, rows_of, visits_table

pytestmark = pytest.mark.e2e

Finished = tuple[Project, Run]
IDENTIFIERS = ("patient_id", "ssn", "full_name")


def digests(folder: Path) -> dict[str, int]:
    """Every file below the folder with when it was written."""
    return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_plan_needs_no_source_and_spends_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": str(tmp_path / "nothing")})
    done = inside("plan", "--config", str(project.config), "--set", "train.steps=77")
    assert done.code == 0, done.stderr
    for word in ("scan", "mask", "prepare", "train", "generate", "evaluate", "epsilon 3", "77 steps"):
        assert word in done.stdout
    assert "3%" in done.stdout
    assert "30%" in done.stdout
    assert project.entries() == []
    assert not project.workdir.exists()


def test_the_plan_of_no_privacy_says_so(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"path": "nothing"}, privacy={"epsilon": None})
    assert "NO PRIVACY" in inside("plan", "--config", str(project.config)).stdout


def test_a_run_tells_where_to_look_and_shows_no_trace(finished: Finished) -> None:
    project, run = finished
    assert "Traceback" not in run.stderr
    assert "synth: " not in run.stderr
    end = run.stdout[run.stdout.index("Lakesynth: visits") :]
    assert "5000 rows" in end
    assert str(project.workdir / "report" / "report.html") in end
    assert "mlflow" in end
    assert "of 3 at delta 1e-05" in end


def test_the_report_holds_every_figure_within_the_budget(finished: Finished) -> None:
    project, _ = finished
    report = project.json("report", "report.json")
    for name in ("tvd_1way", "tvd_2way", "tvd_3way"):
        assert 0 < report["fidelity"][name] < 1
    assert 0 <= report["discriminator_auc"] <= 1
    assert 0 <= report["utility"]["auc_synthetic"] <= 1
    assert 0 <= report["utility"]["auc_real"] <= 1
    privacy = report["privacy"]
    assert privacy["delta"] == 1e-5
    assert set(privacy["by_stage"]) == {"scan", "prepare", "train"}
    assert all(epsilon > 0 for epsilon in privacy["by_stage"].values())
    assert sum(privacy["by_stage"].values()) == pytest.approx(privacy["epsilon_total"], abs=1e-6)
    assert 2.5 < privacy["epsilon_total"] <= 3.0
    page = (project.workdir / "report" / "report.html").read_text(encoding="utf-8")
    assert "differentially private: epsilon" in page
    assert "WITHOUT" not in page


def test_the_synthetic_table_keeps_names_order_types_and_partitions(
    spark: Any, finished: Finished, visits: Path
) -> None:
    project, _ = finished
    source, made = spark.read.parquet(str(visits)), spark.read.parquet(str(project.synthetic))
    assert made.dtypes == source.dtypes
    assert sorted(path.name for path in project.synthetic.glob("ward=*")) == sorted(
        f"ward={ward}" for ward in WARDS
    )
    assert made.count() == 5000


def test_no_category_is_released_that_is_not_in_the_source_and_the_rarest_is_not(finished: Finished) -> None:
    project, _ = finished
    made = pq.read_table(project.synthetic)
    cities = set(made["city"].to_pylist())
    # One row is named with probability 5e-7 (the ledger's Selection); the least frequent of the others
    # and null, of some 250 rows, are kept but for six standard deviations of noise.
    assert RARE_CITY not in cities
    assert cities == {None, *CITIES}
    assert set(made["ward"].to_pylist()) == set(WARDS)


def test_made_up_identifiers_are_nobodys(finished: Finished) -> None:
    project, _ = finished
    made, real = pq.read_table(project.synthetic), visits_table()
    for name in IDENTIFIERS:
        values = set(made[name].to_pylist())
        assert len(values) > 1000
        assert values.isdisjoint(real[name].to_pylist()), name
    assert project.json("report", "report.json")["made_up"] == list(IDENTIFIERS)


def test_numbers_keep_their_decimals_and_nulls(finished: Finished) -> None:
    project, _ = finished
    made = pq.read_table(project.synthetic)
    weights = made["weight"].to_pylist()
    assert all(round(weight, 2) == weight for weight in weights)
    assert len(set(weights)) > 100
    assert made["weight"].null_count == 0
    assert 0 < made["age"].null_count < 2500
    ages = [age for age in made["age"].to_pylist() if age is not None]
    assert 0 <= min(ages) < 40
    assert 70 < max(ages) < 200
    days = [str(day) for day in made["admitted"].to_pylist()]
    assert max(days) > "2022-01-01"
    assert min(days) < "2022-01-01"


def test_the_masked_copy_has_every_row_and_no_identifier(finished: Finished) -> None:
    project, _ = finished
    masked, real = pq.read_table(project.workdir / "masked"), visits_table()
    assert masked.num_rows == real.num_rows
    for name in set(IDENTIFIERS) & set(masked.column_names):
        shown = {value for value in masked[name].to_pylist() if value is not None}
        assert shown.isdisjoint(real[name].to_pylist()), name


@pytest.mark.parametrize("partitions", [1, 7])
def test_the_same_rows_come_out_whatever_the_partitions(
    spark: Any, finished: Finished, tmp_path: Path, partitions: int
) -> None:
    project, _ = finished
    overrides = [f"generate.partitions={partitions}", f"target.path={tmp_path / 'again'}"]
    done = inside(*project.arguments("generate", *overrides))
    assert done.code == 0, done.stderr
    again = rows_of(pq.read_table(tmp_path / "again"))
    assert again == rows_of(pq.read_table(project.synthetic))
    assert len(set(again)) == 5000


def test_another_seed_gives_other_rows_in_the_shape_that_is_asked(
    spark: Any, finished: Finished, tmp_path: Path
) -> None:
    project, _ = finished
    overrides = [
        "generate.seed=4", "generate.rows=100", "target.format=csv", "target.partition_by=[]",
        f"target.path={tmp_path / 'other'}",
    ]  # fmt: skip
    done = inside(*project.arguments("generate", *overrides))
    assert done.code == 0, done.stderr
    made = pd.concat(pd.read_csv(path) for path in (tmp_path / "other").glob("*.csv"))
    assert list(made.columns) == visits_table().column_names
    assert len(made) == 100
    assert set(made["patient_id"]).isdisjoint(pq.read_table(project.synthetic)["patient_id"].to_pylist())


def test_the_budget_prints_the_book(finished: Finished) -> None:
    project, _ = finished
    shown = inside("budget", "--table", "visits", "--ledger", project.ledger)
    assert shown.code == 0, shown.stderr
    for word in ("scan", "prepare", "train", "differential privacy under add/remove"):
        assert word in shown.stdout
    book = json.loads(inside("budget", "--table", "visits", "--ledger", project.ledger, "--json").stdout)
    report = project.json("report", "report.json")
    assert [entry["stage"] for entry in book["entries"]] == ["scan", "prepare", "train"]
    assert book["entries"][2]["events"][0]["steps"] == 20
    assert book["epsilon"] == pytest.approx(report["privacy"]["epsilon_total"])


def test_a_rerun_charges_nothing_and_a_fresh_one_is_refused(spark: Any, finished: Finished) -> None:
    project, _ = finished
    before = project.entries()
    assert len(before) == 3
    model = digests(project.workdir / "model")
    again = inside(*project.arguments("run"))
    assert again.code == 0, again.stderr
    assert again.stdout.count("nothing is charged") == 3
    assert project.entries() == before
    artifacts = {**digests(project.workdir / "prepared"), **digests(project.synthetic)}
    fresh = inside(*project.arguments("run"), "--fresh")
    assert fresh.code == 2
    assert "is spent" in fresh.error
    assert project.entries() == before
    assert digests(project.workdir / "model") == model
    assert {**digests(project.workdir / "prepared"), **digests(project.synthetic)} == artifacts


def test_a_spent_budget_is_refused_in_any_workdir(spark: Any, finished: Finished, tmp_path: Path) -> None:
    project, _ = finished
    before = project.entries()
    elsewhere = tmp_path / "elsewhere"
    done = inside(*project.arguments("run", workdir=elsewhere))
    assert done.code == 2
    assert "3 of 3 is spent" in done.error or "is spent at delta" in done.error
    assert project.entries() == before
    assert not (elsewhere / "model").exists(), "what was paid for is given again, training is not"


def test_mlflow_holds_released_values_only(finished: Finished) -> None:
    project, _ = finished
    client = mlflow_client(project)
    (experiment,) = (e for e in client.search_experiments() if e.name == "lakesynth")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    assert parents[0].info.run_name == "visits"
    children = [run for run in runs if run is not parents[0]]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parents[0].info.run_id}
    stages = {run.info.run_name for run in children}
    assert stages == {"scan", "mask", "prepare", "train", "generate", "evaluate"}
    metrics = {name for run in runs for name in run.data.metrics}
    assert "epsilon_spent" in metrics
    forbidden = ("internal", "loss", "tvd", "auc")
    assert not [name for name in metrics if any(word in name for word in forbidden)]
    named = {item.path for run in runs for item in client.list_artifacts(run.info.run_id)}
    assert not any("report" in path or path.startswith("internal") for path in named)


def test_the_logged_model_predicts_the_generated_rows(finished: Finished) -> None:
    project, _ = finished
    client = mlflow_client(project)
    (experiment,) = (e for e in client.search_experiments() if e.name == "lakesynth")
    (logged,) = client.search_logged_models([experiment.experiment_id])
    with warnings.catch_warnings():
        # MLflow warns of type hints of its own, when it is imported and when it loads.
        warnings.simplefilter("ignore")
        import mlflow.pyfunc

        model = mlflow.pyfunc.load_model(logged.artifact_location)
        asked = pd.DataFrame({"first_row": [0, 3000], "rows": [3000, 2000], "seed": [3, 3]})
        predicted = model.predict(asked)
    assert rows_of(pa.Table.from_pandas(predicted)) == rows_of(pq.read_table(project.synthetic))


def mlflow_client(project: Project) -> Any:
    with warnings.catch_warnings():
        # Of MLflow's own tables, when it first opens a store.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        from mlflow.tracking import MlflowClient

        return MlflowClient(f"sqlite:///{project.workdir / 'mlflow.db'}")

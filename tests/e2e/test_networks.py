"""Networks end to end: an audited training, rows drawn to order, and a refusal where a model cannot."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from .conftest import Project, inside, make_project

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def trained(visits: Path, tmp_path_factory: pytest.TempPathFactory, spark: object) -> Project:
    project = make_project(
        tmp_path_factory.mktemp("networks"),
        {"path": str(visits)},
        model={"kind": "arn", "arn": {"width": 4, "hidden": 8}},
        train={"steps": 20, "expected_batch_size": 200, "launcher": "single", "noisy_loss": True},
        generate={"rows": 1000, "seed": 3},
    )
    for stage in ("scan", "prepare", "train"):
        done = inside(*project.arguments(stage))
        assert done.code == 0, done.stderr
    return project


def test_an_audit_passes_costs_nothing_and_leaves_its_picture(trained: Project) -> None:
    entries = len(trained.entries())
    done = inside(*trained.arguments("audit"))
    assert done.code == 0, done.stdout + done.stderr
    assert "the arn in model/" in done.stdout
    audit = json.loads((trained.workdir / "audit" / "audit.json").read_text())
    assert all(check["passes"] for check in audit["checks"])
    assert (trained.workdir / "audit" / "audit.png").read_bytes().startswith(b"\x89PNG")
    assert len(trained.entries()) == entries


def test_without_privacy_there_is_no_claim_to_audit(trained: Project) -> None:
    done = inside(*trained.arguments("audit", "privacy.epsilon=null"))
    assert done.code == 2
    assert "there is no claim to audit" in done.error


def test_a_fixed_column_is_fixed_in_every_row_and_a_rebalanced_one_on_average(trained: Project) -> None:
    sets = ("generate.fix={ward: north}", "generate.rebalance={smoker: {'true': 0.5}}")
    done = inside(*trained.arguments("generate", *sets))
    assert done.code == 0, done.stderr
    rows = pq.read_table(trained.synthetic, columns=["ward", "smoker"]).to_pydict()
    assert set(rows["ward"]) == {"north"}
    # 1,000 rows: 5 standard deviations of a share of one half are 0.08.
    assert abs(sum(map(bool, rows["smoker"])) / 1000 - 0.5) < 0.08


def test_a_value_that_was_not_released_is_refused_in_one_line(trained: Project) -> None:
    done = inside(*trained.arguments("generate", "generate.fix={ward: nowhere}"))
    assert done.code == 2
    assert "'nowhere' is not one of its" in done.error


def test_the_training_curve_is_tracked_with_the_loss_that_was_paid_for(trained: Project) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{trained.workdir / 'mlflow.db'}")
    runs = [
        run
        for experiment in client.search_experiments()
        for run in client.search_runs([experiment.experiment_id])
        if "noisy_loss" in run.data.metrics
    ]
    assert len(runs) == 1
    metrics = runs[0].data.metrics
    assert {"training_epsilon", "learning_rate", "steps_per_second", "noisy_loss"} <= set(metrics)
    points = client.get_metric_history(runs[0].info.run_id, "training_epsilon")
    assert [point.step for point in points] == sorted(point.step for point in points)
    assert len(points) > 3


# The budget is spent: a higher one pays for each training.
@pytest.mark.parametrize(
    ("kind", "sets", "epsilon"),
    [
        ("gan", (), 6),
        ("gan", ("model.gan.condition=ward", "model.gan.loss=wasserstein"), 12),
        ("vae", ("model.vae.prior=clusters", "model.vae.condition=ward"), 20),
        ("vae", ("model.vae.prior=mixture", "model.vae.variational=false", "train.launcher=spark"), 30),
    ],
)
def test_other_networks_are_trained_and_drawn_from(
    trained: Project, kind: str, sets: tuple[str, ...], epsilon: int
) -> None:
    more = (f"model.kind={kind}", *sets, f"privacy.epsilon={epsilon}", "train.steps=5")
    if with_ward := f"model.{kind}.condition=ward" in sets:
        more += ("generate.fix={ward: north}",)
    entries = len(trained.entries())
    for stage in ("train", "generate"):
        done = inside(*trained.arguments(stage, *more, "train.noisy_loss=false"))
        assert done.code == 0, done.stderr
    assert len(trained.entries()) == entries + 1
    model = trained.json("model", "model.json")
    assert model["kind"] == kind
    assert model["training"]["sums"] == (6 if kind == "vae" else 0)
    rows = pq.read_table(trained.synthetic, columns=["ward"]).to_pydict()
    assert len(rows["ward"]) == 1000
    assert (set(rows["ward"]) == {"north"}) == with_ward


def test_a_condition_that_is_not_learned_is_refused_before_any_charge(trained: Project) -> None:
    entries = len(trained.entries())
    for command in ("train", "audit"):
        sets = ("model.kind=vae", "model.vae.condition=nothing", "privacy.epsilon=40")
        done = inside(*trained.arguments(command, *sets))
        assert done.code == 2
        assert "model.vae.condition: 'nothing' is no learned column" in done.error
    assert len(trained.entries()) == entries

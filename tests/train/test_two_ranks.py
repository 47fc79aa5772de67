"""Two real Horovod ranks: what reaches the optimizer is what one rank alone would compute, noised once."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from synth.models.sampler import load_sampler
from synth.train.launch import launch
from synth.train.spec import TrainSpec

pytestmark = pytest.mark.train

SCRIPT = Path(__file__).with_name("ranks.py")


def load_script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("ranks", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def seen(
    on_two_ranks: Callable[[str, Path], None], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, np.ndarray]]:
    """What each of two ranks saw in every experiment."""
    folder = tmp_path_factory.mktemp("ranks")
    on_two_ranks(SCRIPT.name, folder)
    return [dict(np.load(folder / f"rank-{rank}.npz")) for rank in range(2)]


@pytest.fixture(scope="module")
def alone() -> dict[str, np.ndarray]:
    """What one rank computes from the same batches."""
    from synth.train.collective import SingleProcess

    ranks = load_script()
    return {
        "quiet": ranks.train_steps(SingleProcess(), 0.0),
        "noisy": ranks.train_steps(SingleProcess(), ranks.NOISE_MULTIPLIER),
    }


def is_equal(got: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(got, expected, rtol=1e-4, atol=1e-6))


@pytest.mark.parametrize("noise", ["quiet", "noisy"])
@pytest.mark.parametrize(
    ("experiment", "is_right"), [("ours", True), ("averaged", False), ("distributed optimizer", False)]
)
def test_two_ranks_equal_one_and_horovods_averaging_does_not(
    seen: list[dict[str, np.ndarray]],
    alone: dict[str, np.ndarray],
    noise: str,
    experiment: str,
    is_right: bool,
) -> None:
    # Adam's step follows from the gradient, so equal gradients at every step are equal trainings.
    assert is_equal(seen[0][f"{experiment}/{noise}"], alone[noise]) == is_right


@pytest.mark.parametrize("noise", ["quiet", "noisy"])
def test_both_ranks_step_along_the_same_gradient(seen: list[dict[str, np.ndarray]], noise: str) -> None:
    assert np.array_equal(seen[0][f"ours/{noise}"], seen[1][f"ours/{noise}"])


@pytest.mark.parametrize(
    ("experiment", "is_right"),
    [("ours", True), ("averaged", False), ("noise on every rank", False), ("noise halved", False)],
)
def test_noise_over_both_ranks_has_its_scale_and_only_that(
    seen: list[dict[str, np.ndarray]], experiment: str, is_right: bool
) -> None:
    # Two-sided chi-square at 1e-6 on empty batches: a false alarm in a million runs.
    noise = seen[0][f"{experiment}/empty"].astype(np.float64)
    low, high = chi2.ppf([5e-7, 1 - 5e-7], df=noise.size)
    assert (low < (noise**2).sum() < high) == is_right


def check_model(spec: TrainSpec, lines: list[str]) -> None:
    sampler = load_sampler(spec.model_folder)
    rows = sampler.sample(np.random.default_rng(0).random((100, sampler.n_uniforms)))
    assert rows.shape == (100, 3)
    training = json.loads((spec.model_folder / "model.json").read_text())["training"]
    assert training["steps"] == spec.plan.steps
    assert training["is_private"]
    assert any(line.startswith(f"step {spec.plan.steps}/{spec.plan.steps}") for line in lines)
    assert "loss" not in "".join(lines)


def test_horovodrun_makes_a_model(make_spec: Callable[..., TrainSpec]) -> None:
    lines: list[str] = []
    spec = make_spec("horovodrun")
    assert launch(spec, None, lines.append).steps == spec.plan.steps
    check_model(spec, lines)
    assert "loss" not in (spec.run_folder / "workers.log").read_text()


def test_every_rank_takes_every_step_even_when_its_shard_is_empty(
    make_spec: Callable[..., TrainSpec], prepared: Path, tmp_path: Path
) -> None:
    # With one file for two ranks, rank 1 owns nothing. Ranks that took different numbers of steps would
    # wait for each other until the timeout: it ends, with all steps, so both took them all.
    one_file = tmp_path / "prepared"
    (one_file / "codes").mkdir(parents=True)
    for name in ("manifest.json", "prepared.json", "codes/part-00000.parquet"):
        (one_file / name).write_bytes((prepared / name).read_bytes())
    fields = make_spec("horovodrun", timeout_seconds=120).to_dict()
    spec = TrainSpec.from_dict({**fields, "prepared": str(one_file)})
    assert launch(spec, None, lambda _: None).steps == spec.plan.steps


def test_a_rank_that_fails_ends_the_training_with_its_cause(
    make_spec: Callable[..., TrainSpec], prepared: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "prepared"
    (damaged / "codes").mkdir(parents=True)
    for name in ("manifest.json", "prepared.json", "codes/part-00000.parquet"):
        (damaged / name).write_bytes((prepared / name).read_bytes())
    (damaged / "codes" / "part-00001.parquet").write_bytes(b"nothing")
    fields = make_spec("horovodrun", timeout_seconds=120).to_dict()
    spec = TrainSpec.from_dict({**fields, "prepared": str(damaged)})
    from synth.errors import TrainingError

    with pytest.raises(TrainingError, match=r"part-00001\.parquet is damaged"):
        launch(spec, None, lambda _: None)


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # horovod.spark's imports
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # sockets of its driver service
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the same, at collection
def test_spark_tasks_make_a_model(make_spec: Callable[..., TrainSpec], spark: Any) -> None:
    lines: list[str] = []
    spec = make_spec("spark")
    assert launch(spec, spark, lines.append).steps == spec.plan.steps
    check_model(spec, lines)

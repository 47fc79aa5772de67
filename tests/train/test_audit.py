"""The audit on two real ranks: the product passes, and every planted fault fails a check that is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from synth.train.launch import launch_audit
from synth.train.spec import TrainSpec

pytestmark = pytest.mark.train
NOISE, SIGNAL = "noise of empty batches", "signal of a canary"
ONE_RUN, STEP = "epsilon of the training, at least", "mu of one step, at least"
SPREAD = "spread of units a step"
LEAST, COORDINATES, DRAWS = (
    f"{what}, empty batches"
    for what in ("least noise of a coordinate", "likeness of two coordinates", "likeness of two draws")
)
NOISE_OF_SUMS, SIGNAL_OF_SUMS = "noise of sums", "signal of a canary in sums"
LEAST_OF_SUMS = "least noise of a coordinate, sums"


@pytest.fixture(scope="module")
def failed(
    on_two_ranks: Callable[[str, Path], None], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """The checks that fail, by the fault that was planted; false alarms: 1e-6 a check."""
    folder = tmp_path_factory.mktemp("audits")
    on_two_ranks("faults.py", folder)
    audits = json.loads((folder / "audits.json").read_text())
    return {
        fault: {check["name"] for check in checks if not check["passes"]} for fault, checks in audits.items()
    }


def test_the_product_passes_every_check(failed: dict[str, set[str]]) -> None:
    assert failed["none"] == set()


@pytest.mark.parametrize(
    ("fault", "caught_by"),
    [
        ("noise halved", {NOISE, STEP, NOISE_OF_SUMS}),
        ("no noise", {NOISE, STEP, ONE_RUN, NOISE_OF_SUMS}),
        ("noise divided by the ranks", {NOISE, STEP}),
        ("noise on every rank", {NOISE, NOISE_OF_SUMS}),
        ("noise missing on one rank", {NOISE, LEAST, STEP, NOISE_OF_SUMS, LEAST_OF_SUMS}),
        ("noise of all ranks in one place", {LEAST, STEP, LEAST_OF_SUMS}),
        ("noise seed shared by the ranks", {COORDINATES}),
        ("noise repeated", {DRAWS}),
        ("noise used in two steps", {DRAWS}),
        ("sampling seed shared by the ranks", {SPREAD}),
        ("units skipped by the loop", {SPREAD}),
        ("no clipping", {SIGNAL, STEP, ONE_RUN}),
        ("sums not cut", {SIGNAL_OF_SUMS}),
        ("averaged", {NOISE, SIGNAL, NOISE_OF_SUMS, SIGNAL_OF_SUMS}),
        ("empty batches skipped", {NOISE}),
        ("divided by the exact size", {NOISE, SIGNAL}),
    ],
)
def test_every_planted_fault_is_caught(failed: dict[str, set[str]], fault: str, caught_by: set[str]) -> None:
    assert caught_by <= failed[fault]


def test_the_launchers_own_ranks_pass(make_spec: Callable[..., TrainSpec]) -> None:
    lines: list[str] = []
    found = launch_audit(make_spec("horovodrun"), None, lines.append)
    assert found["ranks"] == 2
    assert [check["name"] for check in found["checks"] if not check["passes"]] == []
    assert lines

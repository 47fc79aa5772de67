"""Noisy sums: what a unit moves, how much noise there is, and that no crash draws more than was planned."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.config.model import LatentPrior, VaeSettings
from synth.core.prepared import PreparedManifest
from synth.errors import TrainingError
from synth.lake.artifacts import read_json
from synth.models.sums import NoisySums
from synth.privacy import accountant
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.batch import Batch
from synth.train.collective import SingleProcess
from synth.train.launch import launch
from synth.train.noise import gaussian_noise
from synth.train.progress import note_sums
from synth.train.randomness import Randomness
from synth.train.shard import read_shard
from synth.train.spec import TrainSpec
from synth.train.sums import noisy_sum, take_sums

TURNS = 5


class CrashError(Exception):
    pass


class Counts(NoisySums):
    """How often each code of the first column occurs; the state adds up what every turn said."""

    turns, start = TURNS, torch.zeros(4)

    def statistics(self, codes: Tensor, weights: Tensor, normals: Tensor, state: Tensor) -> Tensor:
        rows = torch.nn.functional.one_hot(codes[..., 0], 3) * weights[..., None]
        return rows.sum(1)

    def updated(self, state: Tensor, sums: Tensor, turn: int) -> Tensor:
        return torch.cat([state[:3] + sums, torch.tensor([turn + 1.0])])


def take(spec: TrainSpec, draw: Callable[[int, float], Tensor]) -> Tensor:
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    return take_sums(
        Counts(),
        spec,
        shard=read_shard(spec.prepared, manifest, rank=0, size=1),
        row_weight=1.0,
        n_normals=0,
        collective=SingleProcess(),
        randomness=Randomness(sampling=np.random.default_rng(0), draw_noise=draw),
        device=torch.device("cpu"),
        report=lambda _: None,
    )


def with_sums(spec: TrainSpec, noise: float = 3.0) -> TrainSpec:
    """The specification of a training that has paid for sums too."""
    fields = {**spec.plan.to_dict(), "sums": TURNS, "sums_noise_multiplier": noise}
    events = DpSgdPlan.uncharged(fields).events
    receipt = replace(spec.receipt, events=events)
    settings = VaeSettings(latent=2, hidden=(8,), prior=LatentPrior.MIXTURE, parts=2, prior_turns=TURNS)
    model = spec.model.model_copy(update={"vae": settings})
    spec = replace(spec, plan=DpSgdPlan.for_charged(fields, events), receipt=receipt, model=model)
    spec.run_folder.mkdir(exist_ok=True)
    return spec


@pytest.mark.parametrize("crashes", [(1,), (3,), (5,), (2, 4)])
def test_a_turn_that_a_crash_lost_is_not_drawn_again(
    make_spec: Callable[..., TrainSpec], crashes: tuple[int, ...]
) -> None:
    spec = with_sums(make_spec())
    note_sums(spec.run_folder, entry=spec.receipt.entry, drawn=0, state=None)
    drawn = 0

    def draw(length: int, deviation: float) -> Tensor:
        nonlocal drawn
        drawn += 1
        if drawn in crashes:
            raise CrashError
        return gaussian_noise(length, deviation)

    for _ in crashes:
        with pytest.raises(CrashError):
            take(spec, draw)
    state = take(spec, draw)
    assert drawn == TURNS
    assert torch.equal(take(spec, draw), state), "what was taught is kept"
    assert drawn == TURNS
    # What the lost turns would have taught is missing, what the others taught is not.
    assert state[:3].sum() == pytest.approx(60 * (TURNS - len(crashes)), abs=5 * 3.0 * (3 * TURNS) ** 0.5)


def test_sums_of_another_charge_are_not_taken_up(make_spec: Callable[..., TrainSpec]) -> None:
    spec = with_sums(make_spec(entry=6))
    note_sums(spec.run_folder, entry=5, drawn=0, state=None)
    with pytest.raises(TrainingError, match="ledger entry 5, not 6"):
        take(spec, gaussian_noise)


def test_each_unit_is_cut_to_norm_one_and_the_noise_is_the_planned_one() -> None:
    codes = torch.zeros(4, 3, 1, dtype=torch.int64)
    weights = torch.tensor([[100.0, 0, 0], [0.25, 0, 0], [1, 1, 1], [torch.nan, 0, 0]])
    batch = Batch(codes=codes, weights=weights, normals=torch.empty(4, 3, 0))

    def released(noise: float) -> Tensor:
        return noisy_sum(
            Counts(),
            torch.zeros(4),
            [batch.of(slice(0, 3)), batch.of(slice(3, 4))],
            noise_multiplier=noise,
            collective=SingleProcess(),
            draw_noise=gaussian_noise,
        )

    np.testing.assert_allclose(released(0.0).numpy(), [2.25, 0, 0], rtol=1e-6)
    noise = torch.stack([released(2.0) for _ in range(4000)])[:, 1:]
    assert noise.std() == pytest.approx(2.0, rel=0.04)  # 8,000 draws: 5 standard deviations
    assert abs(noise.mean()) < 0.12


def test_a_training_with_sums_is_charged_told_and_drawn_from(make_spec: Callable[..., TrainSpec]) -> None:
    spec = with_sums(make_spec(steps=20))
    lines: list[str] = []
    outcome = launch(spec, None, lines.append)
    described = read_json(outcome.model_folder / "model.json")
    assert described["training"]["sums"] == TURNS
    assert f"{TURNS} sums over all units" in described["training"]["statement"]
    assert sum(line.startswith("noisy sum") for line in lines) == TURNS
    own = accountant.epsilon(spec.receipt.events, spec.delta)
    assert f"({own:.6g}, 1e-05)-differentially private" in described["training"]["statement"]


def test_sums_that_were_not_paid_for_are_refused(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec()
    fields = {**spec.plan.to_dict(), "sums": TURNS, "sums_noise_multiplier": 3.0}
    with pytest.raises(ValueError, match="does not pay"):
        DpSgdPlan.for_charged(fields, spec.receipt.events)

"""No step beyond the charged ones ever leaves a rank, however often training crashes."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.core.prepared import PreparedManifest
from synth.errors import TrainingError
from synth.lake.artifacts import read_json
from synth.models.decoder import DecoderSampler
from synth.models.neural import build_network
from synth.models.vae import kl_weight
from synth.train.ahead import Pending
from synth.train.checkpoint import Checkpoint, agree, last_checkpoint, save_checkpoint
from synth.train.collective import SingleProcess
from synth.train.loop import STEPS_RESERVED, Training, train
from synth.train.noise import DrawNoise, gaussian_noise
from synth.train.progress import reserve_steps, sole_trainer
from synth.train.randomness import Randomness
from synth.train.shard import read_shard
from synth.train.spec import TrainSpec
from synth.train.steps import STEPS_AHEAD, learning_rate


class CrashError(Exception):
    pass


class CountedSums(SingleProcess):
    """Counts the noised sums that leave a rank over all runs, and crashes at the given ones."""

    def __init__(self, *crashes: int) -> None:
        self.begun = 0
        self.crashes = crashes

    def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
        self.begun += 1
        if self.begun in self.crashes:
            raise CrashError
        return super().begin_sum(vector)


def run(
    spec: TrainSpec,
    sums: CountedSums,
    lines: list[str] | None = None,
    training: Training | None = None,
    draw_noise: DrawNoise = gaussian_noise,
) -> Training:
    spec.run_folder.mkdir(exist_ok=True)
    if not (spec.run_folder / "progress.json").exists():
        reserve_steps(spec.run_folder, entry=spec.receipt.entry, may_have_drawn=0)
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    training = training or fresh_training(spec)
    train(
        spec,
        training,
        shard=read_shard(spec.prepared, manifest, rank=0, size=1),
        row_weight=1.0,
        collective=sums,
        randomness=Randomness(
            sampling=np.random.default_rng(0),
            draw_noise=draw_noise,
            draw_uniforms=np.random.default_rng(1).random,
        ),
        report=(lines if lines is not None else []).append,
    )
    return training


def fresh_training(spec: TrainSpec) -> Training:
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    assert spec.train.learning_rate
    return Training(build_network(manifest, spec.model), spec.train.learning_rate, torch.device("cpu"))


def test_an_undisturbed_training_draws_exactly_its_plan(make_spec: Callable[..., TrainSpec]) -> None:
    sums, drawn = CountedSums(), []

    def watched(length: int, standard_deviation: float) -> Tensor:
        drawn.append(gaussian_noise(length, standard_deviation))
        return drawn[-1]

    end = run(make_spec(steps=120), sums, draw_noise=watched)
    assert sums.begun == len(drawn) == end.step == end.drawn == 120


def test_a_rank_that_draws_ahead_takes_the_same_steps(make_spec: Callable[..., TrainSpec]) -> None:
    class Waiting(CountedSums):
        """Always waits, so that as much as may be held is drawn ahead."""

        def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
            held.append(len(drawn) - self.begun)
            pending = super().begin_sum(vector)
            return Pending(is_done=lambda: False, result=pending.result)

    def injected(length: int, standard_deviation: float) -> Tensor:
        drawn.append(length)
        return torch.full((length,), standard_deviation * (len(drawn) % 7 - 3))

    ends = {}
    for kind in (CountedSums, Waiting):
        drawn: list[int] = []
        held: list[int] = []
        spec = make_spec(steps=40)
        end = run(spec, kind(), draw_noise=injected)
        assert len(drawn) == end.step == 40
        ends[kind] = end.average
        (spec.run_folder / "checkpoint.pt").unlink()
        reserve_steps(spec.run_folder, entry=spec.receipt.entry, may_have_drawn=0)
    assert max(held) == STEPS_AHEAD
    assert torch.equal(ends[CountedSums], ends[Waiting])


@pytest.mark.parametrize("checkpoint_seconds", [1e-9, 1e9])
@pytest.mark.parametrize("crashes", [(1,), (60,), (119,), (30, 90), (51, 52, 53)])
def test_crashes_never_add_a_step(
    make_spec: Callable[..., TrainSpec], checkpoint_seconds: float, crashes: tuple[int, ...]
) -> None:
    spec = make_spec(steps=120, checkpoint_seconds=checkpoint_seconds)
    sums = CountedSums(*crashes)
    for _ in crashes:
        if read_progress(spec) < 120:
            with pytest.raises(CrashError):
                run(spec, sums)
    end = run(spec, sums)
    assert sums.begun <= 120
    assert end.drawn == 120
    assert end.step <= sums.begun
    assert all(torch.isfinite(tensor).all() for tensor in end.model.state_dict().values())


def read_progress(spec: TrainSpec) -> int:
    path = spec.run_folder / "progress.json"
    return int(read_json(path)["may_have_drawn"]) if path.exists() else 0


def test_steps_are_written_down_before_their_sum_is_begun(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=120)
    seen = []

    class Watched(CountedSums):
        def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
            pending = super().begin_sum(vector)
            seen.append((self.begun, read_progress(spec)))
            return pending

    run(spec, Watched())
    assert len(seen) == 120
    assert all(begun <= written <= begun + STEPS_RESERVED for begun, written in seen)


def test_a_finished_training_draws_nothing_when_run_again(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=30)
    first = run(spec, CountedSums())
    again = CountedSums(1)
    second = run(spec, again)
    assert again.begun == 0
    assert torch.equal(first.average, second.average)


def test_a_resumed_training_goes_on_from_its_checkpoint(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=120, checkpoint_seconds=1e-9)
    with pytest.raises(CrashError):
        run(spec, CountedSums(61))
    end = run(spec, CountedSums())
    # 60 steps were saved; 100 may have been drawn; 20 are left.
    assert end.step == 80


def test_a_training_that_is_asked_to_stop_saves_and_loses_no_step(
    make_spec: Callable[..., TrainSpec],
) -> None:
    spec = make_spec(steps=120, checkpoint_seconds=1e9)

    class Asked(CountedSums):
        def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
            if self.begun == 60:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().begin_sum(vector)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TrainingError, match="asked to stop after step 61 of 120"):
        run(spec, Asked())
    assert signal.getsignal(signal.SIGTERM) is before
    rest = CountedSums()
    end = run(spec, rest)
    assert rest.begun == 59
    assert end.step == end.drawn == 120


def test_a_survivor_goes_on_from_memory_and_counts_what_may_be_lost(
    make_spec: Callable[..., TrainSpec],
) -> None:
    # What an interrupted collective leaves: the last step drawn, and not taken.
    spec = make_spec(steps=120, checkpoint_seconds=1e9)
    training, sums = fresh_training(spec), CountedSums(61)
    with pytest.raises(CrashError):
        run(spec, sums, training=training)
    assert training.step == 60
    rest = CountedSums()
    run(spec, rest, training=training)
    assert rest.begun == 58
    assert (training.step, training.drawn) == (118, 120)


def test_progress_of_another_charge_is_not_taken_up(make_spec: Callable[..., TrainSpec]) -> None:
    run(make_spec(steps=10, entry=5), CountedSums())
    with pytest.raises(TrainingError, match="ledger entry 5, not 6"):
        run(make_spec(steps=10, entry=6), CountedSums())


def test_a_checkpoint_survives_the_round_trip_and_a_torn_write(tmp_path: Path) -> None:
    fresh = Checkpoint(step=0, drawn=0, model={}, optimizer={}, average=torch.zeros(3))
    reserve_steps(tmp_path, entry=1, may_have_drawn=9)
    save_checkpoint(tmp_path, replace(fresh, step=7, drawn=7, average=torch.arange(3.0)))
    (tmp_path / ".checkpoint.pt.999").write_bytes(b"torn")
    back = last_checkpoint(tmp_path, entry=1, fresh=fresh)
    assert (back.step, back.drawn) == (7, 9)
    assert torch.equal(back.average, torch.arange(3.0))


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    fresh = Checkpoint(step=0, drawn=0, model={}, optimizer={}, average=torch.zeros(3))
    reserve_steps(tmp_path, entry=1, may_have_drawn=9)
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(TrainingError, match="damaged"):
        last_checkpoint(tmp_path, entry=1, fresh=fresh)


def test_a_lost_note_of_what_was_drawn_ends_the_training(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=10)
    run(spec, CountedSums())
    (spec.run_folder / "progress.json").unlink()
    fresh = Checkpoint(step=0, drawn=0, model={}, optimizer={}, average=torch.zeros(3))
    with pytest.raises(TrainingError, match="has no note of what was drawn"):
        last_checkpoint(spec.run_folder, entry=spec.receipt.entry, fresh=fresh)


def test_two_processes_cannot_train_under_one_charge(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom synth.train.progress import sole_trainer\n"
        f"with sole_trainer(Path({str(tmp_path)!r})):\n    pass"
    )
    with sole_trainer(tmp_path):
        second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "another process still trains" in second.stderr
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_no_randomness_is_ever_saved(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=10)
    run(spec, CountedSums())
    saved = torch.load(spec.run_folder / "checkpoint.pt", weights_only=True)
    assert set(saved) == {"step", "drawn", "model", "optimizer", "average"}


def test_all_ranks_take_rank_0s_checkpoint() -> None:
    mine = Checkpoint(step=3, drawn=4, model={"w": torch.ones(2)}, optimizer={}, average=torch.ones(2))
    got = agree(SingleProcess(), mine)
    assert (got.step, got.drawn) == (3, 4)
    assert torch.equal(got.model["w"], torch.ones(2))


def test_a_training_past_its_time_stops(make_spec: Callable[..., TrainSpec]) -> None:
    with pytest.raises(TrainingError, match="timeout_seconds"):
        run(make_spec(steps=50, timeout_seconds=1e-9), CountedSums())


def test_progress_tells_nothing_about_the_data(make_spec: Callable[..., TrainSpec]) -> None:
    lines: list[str] = []
    run(make_spec(steps=10), CountedSums(), lines)
    assert len(lines) == 1
    assert lines[0].startswith("step 10/10, ")
    assert "loss" not in "".join(lines)


def test_the_learning_rate_never_rises_and_never_ends_early() -> None:
    rates = [learning_rate(0.1, step, 100) for step in range(100)]
    assert rates[0] == 0.1
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates))
    assert rates[-1] > 0


def test_the_kl_weight_rises_to_beta_and_stays_without_privacy_only() -> None:
    weights = [kl_weight(0.6, step, 100, is_private=False) for step in range(100)]
    assert weights[0] < 0.05
    assert all(later >= earlier for earlier, later in itertools.pairwise(weights))
    assert weights[60] == weights[-1] == 0.6
    assert kl_weight(0.6, 0, 100, is_private=True) == 0.6


def test_without_noise_the_model_learns_that_columns_go_together(make_spec: Callable[..., TrainSpec]) -> None:
    # A column that copies another: an independent model would agree with it on about a third of the rows.
    spec = make_spec(steps=300, noise_multiplier=0.0, learning_rate=0.02)
    spec.run_folder.mkdir()
    reserve_steps(spec.run_folder, entry=spec.receipt.entry, may_have_drawn=0)
    manifest = PreparedManifest.from_dict(read_json(spec.prepared / "prepared.json"))
    shard = read_shard(spec.prepared, manifest, rank=0, size=1)
    shard.codes[:, 1] = shard.codes[:, 0]
    shard.codes[:, 2] = shard.codes[:, 0] % 2
    training = fresh_training(spec)
    train(
        spec,
        training,
        shard=shard,
        row_weight=1.0,
        collective=SingleProcess(),
        randomness=Randomness(sampling=np.random.default_rng(0)),
        report=lambda _: None,
    )
    sampler = DecoderSampler(manifest.domain, training.model.decoder_weights())
    rows = sampler.sample(np.random.default_rng(1).random((5000, sampler.n_uniforms)))
    assert (rows[:, 0] == rows[:, 1]).mean() > 0.7

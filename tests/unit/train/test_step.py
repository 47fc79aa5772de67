import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import Tensor

from synth.config.model import VaeSettings
from synth.config.train import Clipping
from synth.core.domain import Domain
from synth.models.rows import RowModel
from synth.models.vae import Vae
from synth.privacy.budget import DpSgdSteps, NoPrivacy
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.batch import Batch
from synth.train.collective import SingleProcess
from synth.train.noise import DrawNoise, OwnNoise, gaussian_noise
from synth.train.step import (
    NoisyStep,
    StepSettings,
    _factors,
    begin_step,
    clip_and_sum,
    clip_factors,
    length_of_sum,
    sum_clipped_gradients,
)

DOMAIN = Domain(("a", "b", "c"), (3, 5, 2))
LATENT = 3


def make_model() -> Vae:
    model = Vae(
        domain=DOMAIN,
        settings=VaeSettings(latent=LATENT, hidden=(8, 6), beta=0.7),
        log_shares=np.log(np.full(10, 0.1)),
        seed=1,
    )
    torch.nn.init.normal_(model.decoder[-1].weight, generator=torch.Generator().manual_seed(2))
    return model


def make_batch(n_units: int, n_rows: int = 1, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, (n_units, n_rows)) for size in DOMAIN.sizes], axis=-1)
    present = np.arange(n_rows) < rng.integers(1, n_rows + 1, (n_units, 1))
    return Batch(
        codes=torch.from_numpy(codes),
        weights=torch.from_numpy(present * np.float32(0.5 if n_rows > 1 else 1.0)),
        normals=torch.from_numpy(rng.standard_normal((n_units, n_rows, LATENT), dtype=np.float32)),
    )


def make_plan(noise_multiplier: float, max_grad_norm: float = 0.5) -> DpSgdPlan:
    event = (
        DpSgdSteps(sample_rate=0.1, noise_multiplier=noise_multiplier, steps=5)
        if noise_multiplier
        else NoPrivacy()
    )
    fields = {
        "sample_rate": 0.1,
        "steps": 5,
        "noise_multiplier": noise_multiplier,
        "max_grad_norm": max_grad_norm,
        "expected_batch_size": 10.0,
    }
    return DpSgdPlan.for_charged(fields, [event])


def noisy_step(
    model: RowModel, batch: Batch, plan: DpSgdPlan, draw_noise: DrawNoise = gaussian_noise
) -> NoisyStep:
    """A whole step of one process."""
    alone = SingleProcess()
    noise = OwnNoise(
        length_of_sum(model), plan.noise_standard_deviation, collective=alone, draw_noise=draw_noise
    )
    settings = StepSettings(physical_batch_size=3)
    return begin_step(model, batch, noise, plan=plan, collective=alone, settings=settings).result()


def clipped_sum(model: RowModel, batch: Batch, *, max_grad_norm: float, settings: StepSettings) -> Tensor:
    """The gradients' part of the sum; float32 [P]."""
    return sum_clipped_gradients(model, batch, max_grad_norm=max_grad_norm, settings=settings)[:-1]


def gradients_one_by_one(model: Vae, batch: Batch) -> Tensor:
    """Each unit's gradient by an ordinary backward pass of its own; [U, P]."""
    rows = []
    for unit in range(len(batch.codes)):
        losses = model.losses(batch.codes[unit], batch.normals[unit])
        gradients = torch.autograd.grad((losses * batch.weights[unit]).sum(), list(model.parameters()))
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return torch.stack(rows)


@given(
    n=st.integers(0, 6),
    width=st.integers(1, 5),
    scale=st.sampled_from([1e-20, 1e-3, 1.0, 1e6, 1e30]),
    clip=st.sampled_from([0.01, 1.0, 50.0]),
    seed=st.integers(0, 10_000),
)
def test_one_example_moves_the_sum_by_at_most_the_clipping_norm(
    n: int, width: int, scale: float, clip: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    grads = torch.randn(n + 1, width, generator=generator) * scale
    moved = (clip_and_sum(grads, clip) - clip_and_sum(grads[:n], clip)).double().norm()
    assert moved <= clip * (1 + 1e-5 * (n + 1))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_non_finite_example_contributes_zero(bad: float) -> None:
    grads = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    spoiled = grads.clone()
    spoiled[1, 2] = bad
    torch.testing.assert_close(clip_and_sum(spoiled, 1.0), clip_and_sum(grads[[0, 2, 3]], 1.0))


def test_without_a_bound_finite_gradients_stay_as_they_are() -> None:
    assert clip_factors(torch.tensor([0.0, 3.0, math.inf, math.nan]), math.inf).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("norm", [1e37, 2e38, 1.2e44, 1.2e45, 1e50, 1e150])
@pytest.mark.parametrize("clipping", list(Clipping))
def test_no_gradient_is_so_long_that_float32_cannot_clip_it(norm: float, clipping: Clipping) -> None:
    """Of inputs and backprops of 1e22 each float32 holds both, but not what they must be divided by."""
    clipped = _factors(torch.tensor([[norm**2]], dtype=torch.float64), 1.0, clipping).double() * norm
    assert clipped <= 1 + 1e-6


def test_small_gradients_are_not_clipped_and_a_zero_one_is_no_trouble() -> None:
    grads = torch.tensor([[0.0, 0.0], [0.3, 0.4]])
    torch.testing.assert_close(clip_and_sum(grads, 1.0), torch.tensor([0.3, 0.4]))


@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("max_grad_norm", [0.1, 3.0, math.inf])
def test_ghost_clipping_equals_clipping_one_by_one(n_rows: int, max_grad_norm: float) -> None:
    model, batch = make_model(), make_batch(12, n_rows)
    expected = clip_and_sum(gradients_one_by_one(model, batch), max_grad_norm)
    got = clipped_sum(
        model, batch, max_grad_norm=max_grad_norm, settings=StepSettings(physical_batch_size=100)
    )
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e13, 1e25])
def test_gradients_of_any_size_are_clipped_to_the_norm(scale: float) -> None:
    # float32 squares underflow below 1e-22 and overflow above 1e19; the norm must survive both.
    model, batch = make_model(), make_batch(1)
    huge = Batch(codes=batch.codes, weights=batch.weights * scale, normals=batch.normals)
    alone = gradients_one_by_one(model, batch)[0].double()
    norm = min(1e-6, float(alone.norm()) * scale)
    got = clipped_sum(model, huge, max_grad_norm=1e-6, settings=StepSettings(physical_batch_size=64)).double()
    assert got.norm() == pytest.approx(norm, rel=1e-3)
    torch.testing.assert_close(got / got.norm(), alone / alone.norm(), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # Opacus's hooks on a one-hot input
def test_ghost_clipping_equals_opacus_per_sample_gradients() -> None:
    from opacus import GradSampleModule

    model, batch = make_model(), make_batch(12)
    expected_model = make_model()
    encoder, decoder = GradSampleModule(expected_model.encoder), GradSampleModule(expected_model.decoder)
    expected_model.encoder, expected_model.decoder = encoder, decoder
    expected_model.losses(batch.codes[:, 0], batch.normals[:, 0]).sum().backward()
    samples = [parameter.grad_sample.flatten(1) for parameter in expected_model.parameters()]
    got = clipped_sum(model, batch, max_grad_norm=0.5, settings=StepSettings(physical_batch_size=5))
    torch.testing.assert_close(got, clip_and_sum(torch.cat(samples, dim=1), 0.5), rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(
    n_units=st.integers(0, 9),
    n_rows=st.integers(1, 4),
    physical=st.integers(1, 40),
    seed=st.integers(0, 100),
)
def test_the_physical_batch_size_never_changes_the_sum(
    n_units: int, n_rows: int, physical: int, seed: int
) -> None:
    model, batch = make_model(), make_batch(n_units, n_rows, seed)
    whole = clipped_sum(model, batch, max_grad_norm=0.5, settings=StepSettings(physical_batch_size=10_000))
    cut = clipped_sum(model, batch, max_grad_norm=0.5, settings=StepSettings(physical_batch_size=physical))
    torch.testing.assert_close(cut, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 4])
def test_one_unit_moves_the_models_sum_by_at_most_the_clipping_norm(n_rows: int) -> None:
    model, batch = make_model(), make_batch(10, n_rows)
    for left_out in range(10):
        keep = [unit for unit in range(10) if unit != left_out]
        fewer = Batch(codes=batch.codes[keep], weights=batch.weights[keep], normals=batch.normals[keep])
        moved = clipped_sum(model, batch, max_grad_norm=0.2, settings=StepSettings(physical_batch_size=64))
        moved -= clipped_sum(model, fewer, max_grad_norm=0.2, settings=StepSettings(physical_batch_size=64))
        assert moved.norm() <= 0.2 * (1 + 1e-4)


def test_padding_contributes_nothing() -> None:
    model, batch = make_model(), make_batch(6, 4)
    other = torch.where(batch.weights[..., None] > 0, batch.codes, torch.zeros_like(batch.codes))
    padded = Batch(codes=other, weights=batch.weights, normals=batch.normals)
    torch.testing.assert_close(
        clipped_sum(model, padded, max_grad_norm=0.5, settings=StepSettings(physical_batch_size=64)),
        clipped_sum(model, batch, max_grad_norm=0.5, settings=StepSettings(physical_batch_size=64)),
    )


def test_a_unit_with_a_non_finite_gradient_contributes_zero_to_the_models_sum() -> None:
    model, batch = make_model(), make_batch(5)
    spoiled = batch.normals.clone()
    spoiled[2] = math.inf
    keep = [0, 1, 3, 4]
    fewer = Batch(codes=batch.codes[keep], weights=batch.weights[keep], normals=batch.normals[keep])
    torch.testing.assert_close(
        clipped_sum(
            model,
            Batch(codes=batch.codes, weights=batch.weights, normals=spoiled),
            max_grad_norm=0.5,
            settings=StepSettings(physical_batch_size=64),
        ),
        clipped_sum(model, fewer, max_grad_norm=0.5, settings=StepSettings(physical_batch_size=64)),
    )


def test_rows_of_a_unit_that_cancel_are_still_clipped() -> None:
    # Two huge rows of opposite sign and one small one: float32 Gram sums would lose the small one.
    model = make_model()
    one = make_batch(1, 1, seed=3)
    codes = one.codes.repeat(1, 3, 1)
    normals = one.normals.repeat(1, 3, 1)
    batch = Batch(codes=codes, weights=torch.tensor([[1e5, -1e5, 7.0]]), normals=normals)
    total = clipped_sum(model, batch, max_grad_norm=1e-2, settings=StepSettings(physical_batch_size=64))
    expected = clip_and_sum(gradients_one_by_one(model, one) * 7.0, 1e-2)
    torch.testing.assert_close(total, expected, rtol=0.05, atol=1e-4)


def sums_of_empty_batches(noise_multiplier: float, factor: float, steps: int) -> Tensor:
    model, plan = make_model(), make_plan(noise_multiplier)
    gradients = [
        noisy_step(model, make_batch(0), plan, lambda n, s: gaussian_noise(n, s * factor)).gradient
        for _ in range(steps)
    ]
    return torch.stack(gradients) * plan.expected_batch_size


def test_an_empty_batch_still_adds_noise() -> None:
    assert sums_of_empty_batches(1.5, 1.0, steps=1).abs().min() > 0


@pytest.mark.parametrize(("factor", "is_right"), [(1.0, True), (0.7, False), (1.3, False)])
def test_noise_has_its_scale_and_only_that(factor: float, is_right: bool) -> None:
    # Two-sided chi-square at 1e-6: a false alarm in a million runs; 0.7x and 1.3x pass far more rarely.
    sums = sums_of_empty_batches(1.5, factor, steps=50)
    statistic = float((sums.double() / (1.5 * 0.5)).square().sum())
    low, high = chi2.ppf([5e-7, 1 - 5e-7], df=sums.numel())
    assert (low < statistic < high) == is_right


def test_without_privacy_there_is_neither_noise_nor_clipping() -> None:
    model, batch = make_model(), make_batch(8)
    got = noisy_step(model, batch, make_plan(0.0, max_grad_norm=1e-6)).gradient
    expected = gradients_one_by_one(model, batch).sum(dim=0) / 10.0
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_noise_of_another_plan_is_refused() -> None:
    model = make_model()
    noise = OwnNoise(length_of_sum(model), 0.5, collective=SingleProcess(), draw_noise=gaussian_noise)
    with pytest.raises(ValueError, match=r"the plan's noise is 1\.0, not 0\.5"):
        begin_step(
            model,
            make_batch(2),
            noise,
            plan=make_plan(2.0),
            collective=SingleProcess(),
            settings=StepSettings(physical_batch_size=3),
        )


def test_a_released_loss_is_one_more_coordinate_under_the_same_noise() -> None:
    model, batch = make_model(), make_batch(8)
    plan = DpSgdPlan.for_charged({**make_plan(2.0).to_dict(), "loss_ratio": 0.5}, make_plan(2.0).events)
    asked: list[tuple[int, float]] = []

    def no_noise(length: int, standard_deviation: float) -> Tensor:
        asked.append((length, standard_deviation))
        return torch.zeros(length)

    step = noisy_step(model, batch, plan, no_noise)
    losses = model.losses(batch.codes[:, 0], batch.normals[:, 0]).detach()
    assert step.loss == pytest.approx(float(losses.clamp(max=model.loss_bound).sum()) / 10.0, rel=1e-5)
    # One unit moves the vector of gradient and loss by (C, C / 2): the noise is that of its norm.
    assert asked == [(len(step.gradient) + 1, pytest.approx(2.0 * 0.5 * math.hypot(1, 0.5)))]
    assert plan.events == make_plan(2.0).events


def test_no_loss_beyond_its_bound_moves_the_released_one() -> None:
    model, batch = make_model(), make_batch(1)
    heavy = Batch(codes=batch.codes, weights=batch.weights * 1e6, normals=batch.normals)
    spoiled = Batch(codes=batch.codes, weights=batch.weights * math.nan, normals=batch.normals)
    for changed, most in ((heavy, 1.0), (spoiled, 0.0)):
        total = sum_clipped_gradients(
            model, changed, max_grad_norm=1.0, settings=StepSettings(physical_batch_size=3)
        )
        assert float(total[-1]) == most


class _NanLoss(Vae):
    """The gradient is finite, the loss is not a number."""

    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        return super().losses(codes, normals) + torch.tensor(math.nan)


def test_a_loss_that_is_no_number_does_not_spoil_the_released_one() -> None:
    model = _NanLoss(
        domain=DOMAIN, settings=VaeSettings(latent=LATENT, hidden=(8, 6)), log_shares=np.zeros(10), seed=1
    )
    total = sum_clipped_gradients(
        model, make_batch(3), max_grad_norm=1.0, settings=StepSettings(physical_batch_size=3)
    )
    assert torch.isfinite(total[:-1]).all()
    assert float(total[-1]) == 0.0

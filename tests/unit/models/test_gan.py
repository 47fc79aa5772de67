"""The adversarial network: only the discriminator is trained on rows, and what is drawn is the generator."""

import io
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from synth.config.model import GanLoss  # noqa: E402  # after torch is known to be there
from synth.core.domain import Domain  # noqa: E402
from synth.models.artifact import NeuralArtifact, TrainingRecord  # noqa: E402
from synth.models.decoder import Condition, DecoderSampler, DecoderWeights  # noqa: E402
from synth.models.gan import Gan, normal_cdf  # noqa: E402
from synth.train.step import (  # noqa: E402
    Batch,
    StepSettings,
    apply_gradient,
    clip_and_sum,
    sum_clipped_gradients,
)

DOMAIN = Domain(("a", "b", "c"), (3, 4, 2))
SHARES = np.array([0.2, 0.8])


def network(loss: GanLoss = GanLoss.CLASSIC, *, conditional: bool = False, every: int = 1) -> Gan:
    return Gan(
        domain=DOMAIN,
        latent=4,
        loss=loss,
        condition=Condition(column=2, shares=SHARES) if conditional else None,
        steps_per_generator_step=every,
        log_shares=np.log(np.full(DOMAIN.total, 1 / 3)),
        seed=1,
    )


def make_batch(net: Gan, n: int = 12) -> Batch:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, (n, 1)) for size in DOMAIN.sizes], axis=-1)
    return Batch(
        codes=torch.from_numpy(codes),
        weights=torch.ones(n, 1),
        normals=torch.from_numpy(rng.standard_normal((n, 1, net.n_normals), dtype=np.float32)),
    )


@pytest.mark.parametrize("loss", list(GanLoss))
@pytest.mark.parametrize("physical", [3, 100])
def test_the_discriminators_sum_equals_clipping_one_by_one(loss: GanLoss, physical: int) -> None:
    net = network(loss)
    batch = make_batch(net)
    rows = []
    for unit in range(len(batch.codes)):
        value = net.losses(batch.codes[unit], batch.normals[unit]).sum()
        grads = torch.autograd.grad(value, list(net.discriminator.parameters()))
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    expected = clip_and_sum(torch.stack(rows), 0.5)
    settings = StepSettings(physical_batch_size=physical)
    got = sum_clipped_gradients(net, batch, max_grad_norm=0.5, settings=settings)[:-1]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_the_generator_moves_by_the_discriminator_alone() -> None:
    net, other = network(), network()
    before = [parameter.clone() for parameter in net.generator.parameters()]
    batch = make_batch(net)
    gradient = torch.zeros(sum(parameter.numel() for parameter in net.trained().parameters()))
    assert len(gradient) == len(
        sum_clipped_gradients(net, batch, max_grad_norm=1.0, settings=StepSettings(physical_batch_size=9))[
            :-1
        ]
    )
    optimizer = torch.optim.Adam(net.trained().parameters(), lr=0.01)
    apply_gradient(net.trained(), optimizer, gradient + 0.01)
    assert all(torch.equal(a, b) for a, b in zip(before, net.generator.parameters(), strict=True))
    other.load_state_dict(net.state_dict())
    net.after_step(0, 10)
    other.after_step(0, 10)
    moved = list(net.generator.parameters())
    assert not all(torch.equal(a, b) for a, b in zip(before, moved, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(moved, other.generator.parameters(), strict=True))


def test_the_generators_optimizer_travels_with_a_checkpoint() -> None:
    straight, resumed = network(), network()
    straight.after_step(0, 10)
    buffer = io.BytesIO()
    torch.save(straight.state_dict(), buffer)
    resumed.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    straight.after_step(1, 10)
    resumed.after_step(1, 10)
    for a, b in zip(straight.generator.parameters(), resumed.generator.parameters(), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(straight.average, resumed.average)


def test_wasserstein_bounds_the_discriminators_weights_and_waits_between_generator_steps() -> None:
    net = network(GanLoss.WASSERSTEIN, every=3)
    before = net.average.clone()
    net.after_step(0, 10)
    assert (
        max(float(parameter.detach().abs().max()) for parameter in net.discriminator.parameters()) < 0.0500001
    )
    net.after_step(1, 10)
    assert torch.equal(net.average, before)
    net.after_step(2, 10)
    assert not torch.equal(net.average, before)


@pytest.mark.parametrize("conditional", [False, True])
def test_rows_are_drawn_as_the_generator_makes_them(conditional: bool) -> None:
    net = network(conditional=conditional)
    generator = torch.Generator().manual_seed(2)
    for parameter in net.generator.parameters():
        torch.nn.init.normal_(parameter, std=0.15, generator=generator)
    net.average.copy_(torch.nn.utils.parameters_to_vector(net.generator.parameters()).detach())
    n = 60_000
    rng = np.random.default_rng(3)
    with torch.no_grad():
        made = net.generate(
            torch.from_numpy(rng.standard_normal((n, 4), dtype=np.float32)),
            torch.from_numpy(rng.random(n, dtype=np.float32)),
            torch.from_numpy(rng.random((n, DOMAIN.total), dtype=np.float32)),
        )
    by_network = torch.split(made, list(DOMAIN.sizes), dim=-1)
    weights = net.generator_weights()
    drawn = DecoderSampler(DOMAIN, weights).sample(rng.random((n, 4 + len(DOMAIN))))
    pairs = np.zeros((2, 3, 2))
    for column, part in enumerate(by_network):
        shares = part.mean(0).numpy(), np.bincount(drawn[:, column], minlength=part.shape[1]) / n
        # The difference of two shares of 60,000 rows: 0.0145 is 5 standard deviations.
        assert np.abs(shares[0] - shares[1]).max() < 0.0145
    a, c = by_network[0].argmax(-1).numpy(), by_network[2].argmax(-1).numpy()
    np.add.at(pairs[0], (a, c), 1 / n)
    np.add.at(pairs[1], (drawn[:, 0], drawn[:, 2]), 1 / n)
    assert np.abs(pairs[0] - pairs[1]).max() < 0.0145
    if conditional:
        assert abs(pairs[1].sum(0)[1] - 0.8) < 0.01


def test_a_condition_survives_the_artifact_and_can_be_given_anew(training_record: TrainingRecord) -> None:
    net = network(conditional=True)
    weights = net.generator_weights()
    artifact = NeuralArtifact(
        kind="gan",
        domain=DOMAIN,
        architecture=weights.architecture(),
        weights=weights.arrays(),
        training=training_record,
    )
    sampler = DecoderSampler(DOMAIN, DecoderWeights.of(artifact))
    uniforms = np.random.default_rng(5).random((2000, sampler.n_uniforms))
    assert np.array_equal(sampler.sample(uniforms), DecoderSampler(DOMAIN, weights).sample(uniforms))
    fixed = sampler.starting({2: np.array([1.0, 0.0])}, 1.0)
    assert set(fixed.sample(uniforms)[:, 2]) == {0}
    with pytest.raises(ValueError, match=r"model\.gan\.condition"):
        sampler.starting({0: np.array([1.0, 0, 0])}, 1.0)


def test_dropout_drops_a_tenth() -> None:
    uniforms = normal_cdf(torch.tensor([-1.2815516]))
    assert float(uniforms[0]) == pytest.approx(0.1, abs=1e-6)
    net = network()
    assert net.n_normals == 4 + 1 + DOMAIN.total + 2 * (512 + 256 + 128)
    assert math.isfinite(float(net.losses(make_batch(net).codes, make_batch(net).normals).sum().detach()))

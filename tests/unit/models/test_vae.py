"""The autoencoder's choices: plain or variational, what is given to it, what its latent is drawn from."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from synth.config.model import LatentPrior, VaeSettings  # noqa: E402  # after torch is known to be there
from synth.core.domain import Domain  # noqa: E402
from synth.models.artifact import NeuralArtifact, TrainingRecord  # noqa: E402
from synth.models.decoder import Condition, DecoderSampler, DecoderWeights  # noqa: E402
from synth.models.vae import Vae  # noqa: E402
from synth.train.batch import Batch  # noqa: E402
from synth.train.step import StepSettings, clip_and_sum, sum_clipped_gradients  # noqa: E402

DOMAIN = Domain(("a", "b", "c"), (3, 4, 2))
GIVEN = Condition(column=1, shares=np.array([0.4, 0.3, 0.2, 0.1]))
KINDS = [
    {"prior": "clusters", "parts": 3},
    {"prior": "mixture", "parts": 3},
    {"prior": "mixture", "parts": 3, "variational": False},
]


def network(condition: Condition | None = None, **settings: object) -> Vae:
    """Weights as if trained: none of them zero."""
    net = Vae(
        domain=DOMAIN,
        settings=VaeSettings.model_validate({"latent": 2, "hidden": (6,), **settings}),
        log_shares=np.log(np.full(9, 1 / 3)),
        seed=1,
        condition=condition,
    )
    generator = torch.Generator().manual_seed(2)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=generator)
    return net


def some_rows(n: int, net: Vae) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, n) for size in DOMAIN.sizes], axis=-1)
    return torch.from_numpy(codes), torch.from_numpy(
        rng.standard_normal((n, net.n_normals), dtype=np.float32)
    )


def entropies(net: Vae, inputs: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each column by its own softmax; [n, K]."""
    columns = torch.split(net.decoder(inputs), list(DOMAIN.sizes), dim=-1)
    losses = [
        torch.nn.functional.cross_entropy(column, codes[:, k], reduction="none")
        for k, column in enumerate(columns)
    ]
    return torch.stack(losses, dim=-1)


def test_the_given_column_costs_nothing_and_is_seen_by_the_decoder() -> None:
    net = network(GIVEN, variational=False, prior="mixture")
    codes, normals = some_rows(20, net)
    given = torch.nn.functional.one_hot(codes[:, 1], 4).float()
    inputs = torch.cat([net.latents(codes, normals), given], dim=-1)
    expected = entropies(net, inputs, codes)[:, [0, 2]].sum(-1)
    np.testing.assert_allclose(
        net.losses(codes, normals).detach().numpy(), expected.detach().numpy(), rtol=1e-5
    )


def test_a_plain_autoencoder_draws_nothing_and_keeps_its_latent_in_a_ball() -> None:
    net = network(variational=False, prior="mixture")
    assert net.n_normals == 0
    codes, normals = some_rows(50, net)
    assert net.latents(codes, normals).abs().max() <= 3
    np.testing.assert_allclose(
        net.losses(codes, normals).detach().numpy(),
        entropies(net, net.latents(codes, normals), codes).sum(-1).detach().numpy(),
        rtol=1e-5,
    )


def test_each_rows_divergence_is_from_its_clusters_own_gaussian() -> None:
    net = network(prior="clusters", parts=3, beta=1.0)
    codes, normals = some_rows(20, net)
    one_hot = torch.cat(
        [torch.nn.functional.one_hot(codes[:, k], size) for k, size in enumerate(DOMAIN.sizes)], dim=-1
    ).float()
    mean, log_variance = net.encoder(one_hot).chunk(2, dim=-1)
    sums = net.sums_before()
    assert sums is not None
    middle, log_spread = net.priors.weight[sums.nearest(codes, net.prior_state)].chunk(2, dim=-1)
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()),
        torch.distributions.Normal(middle, (0.5 * log_spread).exp()),
    ).sum(-1)
    expected = entropies(net, net.latents(codes, normals), codes).sum(-1) + divergence
    np.testing.assert_allclose(
        net.losses(codes, normals).detach().numpy(), expected.detach().numpy(), rtol=1e-4
    )


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("condition", [None, GIVEN])
@pytest.mark.parametrize("max_grad_norm", [0.5, math.inf])
def test_every_choice_is_clipped_as_units_one_by_one(
    settings: dict[str, object], condition: Condition | None, max_grad_norm: float
) -> None:
    net = network(condition, **settings)
    codes, normals = some_rows(24, net)
    batch = Batch(
        codes=codes.view(12, 2, 3), weights=torch.full((12, 2), 0.7), normals=normals.view(12, 2, -1)
    )
    rows = []
    for unit in range(12):
        loss = (net.losses(batch.codes[unit], batch.normals[unit]) * 0.7).sum()
        grads = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([grad.flatten() for grad in grads]))
    expected = clip_and_sum(torch.stack(rows), max_grad_norm)
    got = sum_clipped_gradients(
        net, batch, max_grad_norm=max_grad_norm, settings=StepSettings(physical_batch_size=5)
    )[:-1]
    np.testing.assert_allclose(got.numpy(), expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("condition", [None, GIVEN])
def test_an_artifact_draws_the_same_rows(
    tmp_path: Path,
    training_record: TrainingRecord,
    settings: dict[str, object],
    condition: Condition | None,
) -> None:
    weights = network(condition, **settings).decoder_weights()
    record = replace(training_record, sums=2, sums_noise_multiplier=3.0)
    NeuralArtifact(
        kind="vae",
        domain=DOMAIN,
        architecture=weights.architecture(),
        weights=weights.arrays(),
        training=record,
    ).save(tmp_path)
    back = NeuralArtifact.load(tmp_path)
    assert back.training == record
    sampler, again = DecoderSampler(DOMAIN, weights), DecoderSampler(DOMAIN, DecoderWeights.of(back))
    assert sampler.n_uniforms == again.n_uniforms == 2 + 3 + 1
    uniforms = np.random.default_rng(3).random((3000, 6))
    drawn = sampler.sample(uniforms)
    np.testing.assert_array_equal(drawn, again.sample(uniforms))
    np.testing.assert_array_equal(drawn[1000:2000], sampler.sample(uniforms[1000:2000]))
    if condition:
        shares = np.bincount(drawn[:, 1], minlength=4) / 3000
        np.testing.assert_allclose(shares, condition.shares, atol=0.05)


def test_a_given_column_can_be_fixed_and_changes_the_others() -> None:
    sampler = DecoderSampler(DOMAIN, network(GIVEN, variational=False, prior="mixture").decoder_weights())
    uniforms = np.random.default_rng(3).random((4000, sampler.n_uniforms))
    drawn = [sampler.starting({1: np.eye(4)[code]}, 1.0).sample(uniforms) for code in (0, 3)]
    assert [set(rows[:, 1].tolist()) for rows in drawn] == [{0}, {3}]
    first, last = (np.bincount(rows[:, 0], minlength=3) / 4000 for rows in drawn)
    assert np.abs(first - last).max() > 0.02
    with pytest.raises(ValueError, match=r"model\.vae\.condition"):
        sampler.starting({0: np.eye(3)[1]}, 1.0)


def test_a_plain_autoencoder_needs_a_mixture() -> None:
    for prior in (LatentPrior.NORMAL, LatentPrior.CLUSTERS):
        with pytest.raises(ValueError, match="set prior: mixture"):
            VaeSettings(variational=False, prior=prior)

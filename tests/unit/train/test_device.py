"""A step makes its tensors where its batch is: with another default device, no GPU is needed to see it."""

import dataclasses

import numpy as np
import pytest
import torch

from synth.config.model import GanLoss, LatentPrior, VaeSettings
from synth.config.train import Device
from synth.core.domain import Domain
from synth.errors import TrainingError
from synth.models.arn import Arn
from synth.models.decoder import Condition
from synth.models.gan import Gan
from synth.models.rows import RowModel
from synth.models.vae import Vae
from synth.privacy.dpsgd import DpSgdPlan
from synth.train.batch import Batch
from synth.train.collective import SingleProcess
from synth.train.device import training_device
from synth.train.noise import OwnNoise, gaussian_noise
from synth.train.step import StepSettings, apply_gradient, begin_step, length_of_sum
from synth.train.sums import noisy_sum

DOMAIN = Domain(("a", "b", "c"), (3, 5, 2))
LOG_SHARES = np.log(np.full(10, 1 / 3))
CONDITION = Condition(column=2, shares=np.array([0.2, 0.8]))
PLAN = DpSgdPlan.uncharged(
    {
        "sample_rate": 0.1,
        "steps": 5,
        "noise_multiplier": 1.0,
        "max_grad_norm": 1.0,
        "expected_batch_size": 8.0,
        "sums": 2,
        "sums_noise_multiplier": 1.0,
    }
)


def vae(**settings: object) -> Vae:
    chosen = VaeSettings.model_validate({"latent": 2, "hidden": (8,), "parts": 3, **settings})
    return Vae(domain=DOMAIN, settings=chosen, log_shares=LOG_SHARES, seed=1, condition=CONDITION)


def gan(loss: GanLoss) -> Gan:
    return Gan(
        domain=DOMAIN,
        latent=4,
        loss=loss,
        condition=CONDITION,
        steps_per_generator_step=1,
        log_shares=LOG_SHARES,
        seed=1,
    )


NETWORKS = {
    "arn": lambda: Arn(domain=DOMAIN, width=4, hidden=6, shuffled=0.5, log_shares=LOG_SHARES, seed=1),
    "vae": vae,
    "vae, clusters": lambda: vae(prior=LatentPrior.CLUSTERS),
    "autoencoder, mixture": lambda: vae(prior=LatentPrior.MIXTURE, variational=False),
    "gan": lambda: gan(GanLoss.CLASSIC),
    "gan, wasserstein": lambda: gan(GanLoss.WASSERSTEIN),
}


def make_batch(network: RowModel) -> Batch:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, size, (6, 2)) for size in DOMAIN.sizes], axis=-1)
    normals = rng.standard_normal((6, 2, network.n_normals), dtype=np.float32)
    return Batch(codes=torch.from_numpy(codes), weights=torch.ones(6, 2), normals=torch.from_numpy(normals))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_and_a_sum_stay_on_the_device_of_the_batch(name: str) -> None:
    network = NETWORKS[name]()
    batch = make_batch(network)
    optimizer = torch.optim.Adam(network.trained().parameters())
    plan = dataclasses.replace(PLAN, loss_ratio=0.5)
    noise = OwnNoise(
        length_of_sum(network),
        plan.noise_standard_deviation,
        collective=SingleProcess(),
        draw_noise=gaussian_noise,
    )
    settings = StepSettings(physical_batch_size=4)
    with torch.device("meta"):
        network.before_step(0, 5, is_private=True)
        step = begin_step(
            network, batch, noise, plan=plan, collective=SingleProcess(), settings=settings
        ).result()
    apply_gradient(network.trained(), optimizer, step.gradient)
    with torch.device("meta"):
        network.after_step(0, 5)
        sums = network.sums_before() or network.sums_after()
        state = sums.start if sums else torch.empty(0)
        part = sums.statistics(batch.codes, batch.weights, batch.normals, state) if sums else step.gradient
    assert part.device == step.gradient.device == torch.device("cpu")
    assert torch.isfinite(step.gradient).all()
    if sums:
        released = noisy_sum(
            sums,
            state,
            [batch],
            noise_multiplier=1.0,
            collective=SingleProcess(),
            draw_noise=gaussian_noise,
        )
        network.keep(sums.updated(state, released, 0))


def test_a_rank_without_a_gpu_says_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert training_device(Device.AUTO, 0) == torch.device("cuda", 0)
    assert training_device(Device.CPU, 0) == torch.device("cpu")
    with pytest.raises(TrainingError, match=r"rank 1 of this machine has no GPU.*train\.device: cpu"):
        training_device(Device.AUTO, 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert training_device(Device.AUTO, 3) == torch.device("cpu")
    with pytest.raises(TrainingError, match="has no GPU"):
        training_device(Device.CUDA, 0)

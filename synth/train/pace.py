"""How long a training will take, before it is charged: a few timed steps on random codes."""

import time

import numpy as np
import torch

from synth.config.model import Model
from synth.config.train import Train
from synth.core.prepared import PreparedManifest
from synth.errors import ConfigError
from synth.models.neural import build_network
from synth.train.batch import Batch
from synth.train.step import StepSettings, sum_clipped_gradients

_MOST_UNITS = 64
_TIMED = 2


def minutes_of_training(manifest: PreparedManifest, model: Model, train: Train, ranks: int) -> float:
    """About how many minutes all steps take on cores like this one, each rank with its share of a batch.

    The rows are random codes: what is timed tells nothing of the table but its released shape.
    Args:
      train: with the batch size filled in. ranks: those that share the work.
    """
    network = build_network(manifest, model)
    wanted = train.sample_rate * manifest.n_units if train.sample_rate else train.expected_batch_size
    assert wanted is not None, "Train.of has filled it in"
    units = max(1.0, wanted / ranks)
    n_rows = max(1, round(manifest.n_rows / manifest.n_units))
    timed = int(min(units, max(1, _MOST_UNITS // n_rows)))
    batch = _random_batch(manifest, timed, n_rows, network.n_normals)
    settings = StepSettings.of(train)
    network.before_step(0, train.steps, is_private=True)

    def one() -> float:
        started = time.monotonic()
        sum_clipped_gradients(network, batch, max_grad_norm=train.max_grad_norm, settings=settings)
        return time.monotonic() - started

    one()  # the first also makes what is kept
    return min(one() for _ in range(_TIMED)) * units / timed * train.steps / 60


def check_minutes(minutes: float, model: Model, train: Train) -> None:
    """Raise ConfigError if a training will not end in time: before it is charged."""
    if minutes > model.max_minutes:
        raise ConfigError(
            f"{train.steps} steps of kind {model.kind.value} would take about {minutes:.0f} minutes here, "
            f"model.max_minutes is {model.max_minutes:g}; raise it, lower train.steps, or take model.kind "
            "marginal, whose cost does not grow with the square of the columns; nothing is charged"
        )


def _random_batch(manifest: PreparedManifest, n_units: int, n_rows: int, n_normals: int) -> Batch:
    rng = np.random.default_rng(0)
    sizes = np.array(manifest.domain.sizes)
    codes = (rng.random((n_units, n_rows, len(sizes))) * sizes).astype(np.int64)
    normals = rng.standard_normal((n_units, n_rows, n_normals), dtype=np.float32)
    return Batch(
        codes=torch.from_numpy(codes),
        weights=torch.ones(n_units, n_rows),
        normals=torch.from_numpy(normals),
    )

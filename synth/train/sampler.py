"""Poisson sampling by privacy unit: what the accounting of DP-SGD assumes, and nothing else."""

import secrets
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def os_entropy_generator() -> np.random.Generator:
    """A generator seeded by the operating system, different on every rank and in every run."""
    return np.random.default_rng(secrets.randbits(256))


def poisson_steps(
    n_units: int, *, sample_rate: float, steps: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Which of a rank's units join each step: each one independently, with probability `sample_rate`.

    Args:
      n_units: of this rank; may be 0.
      rng: from OS entropy; ranks that share a seed would include their units together.
    Yields: exactly `steps` arrays of positions, [B]; B may be 0.
    Guarantee: a unit's inclusion depends on nothing else, so subsampling amplifies privacy as charged.
    """
    for _ in range(steps):
        yield np.flatnonzero(rng.random(n_units) < sample_rate)

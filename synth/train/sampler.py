"""Poisson sampling by privacy unit: what the accounting of DP-SGD assumes, and nothing else."""

import secrets
from collections.abc import Callable, Iterator

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

DrawUniforms = Callable[[int], NDArray[np.float64]]
"""How many -> float64 [n] in [0, 1)."""

_KEY_BYTES = 32


def os_entropy_generator() -> np.random.Generator:
    """A generator seeded by the operating system, different on every rank and in every run."""
    return np.random.default_rng(secrets.randbits(256))


def secret_uniforms(n: int) -> NDArray[np.float64]:
    """Uniforms of 53 bits in [0, 1), float64 [n]: AES-256 in counter mode, a key a call from OS entropy."""
    cipher = Cipher(algorithms.AES(secrets.token_bytes(_KEY_BYTES)), modes.CTR(bytes(16)))
    words = np.frombuffer(cipher.encryptor().update(bytes(8 * n)), dtype=np.uint64)
    return (words >> np.uint64(11)).astype(np.float64) * np.float64(2.0**-53)


def poisson_steps(
    n_units: int, *, sample_rate: float, steps: int, draw_uniforms: DrawUniforms = secret_uniforms
) -> Iterator[NDArray[np.int64]]:
    """Which of a rank's units join each step: each one independently, with probability `sample_rate`.

    Args:
      n_units: of this rank; may be 0.
      draw_uniforms: from OS entropy; ranks that share a seed would include their units together.
    Yields: exactly `steps` arrays of positions, [B]; B may be 0.
    Guarantee: a unit's inclusion depends on nothing else, so subsampling amplifies privacy as charged.
    """
    for _ in range(steps):
        yield np.flatnonzero(draw_uniforms(n_units) < sample_rate)

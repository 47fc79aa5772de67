"""Counter-based randomness: a number depends on (seed, row, draw) and on nothing else."""

import numpy as np
from numpy.typing import NDArray

from synth.core.mixing import mix

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def bits(row_ids: NDArray[np.int64], seed: int, draws: int, *, stream: int = 0) -> NDArray[np.uint64]:
    """64 random bits for each row and draw: uint64 [n, draws].

    Args:
      stream: keeps the draws of different purposes apart.
    """
    with np.errstate(over="ignore"):
        start = mix(mix(np.array([seed], np.uint64) + _GOLDEN) ^ np.uint64(stream))
        rows = mix(mix(row_ids.astype(np.uint64) + _GOLDEN) ^ start)
        steps = (np.arange(1, draws + 1, dtype=np.uint64)) * _GOLDEN
        return mix(rows[:, None] + steps[None, :])


def uniforms(row_ids: NDArray[np.int64], seed: int, draws: int, *, stream: int = 0) -> NDArray[np.float64]:
    """Numbers in [0, 1) with 53 random bits: float64 [n, draws]."""
    return (bits(row_ids, seed, draws, stream=stream) >> np.uint64(11)).astype(np.float64) * 2.0**-53

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


def below(bits: NDArray[np.uint64], limit: int) -> NDArray[np.int64]:
    """Integers in [0, limit) from the upper half of 64 random bits; limit < 2^31."""
    return ((bits >> np.uint64(32)) * np.uint64(limit) >> np.uint64(32)).astype(np.int64)


def permuted(serials: NDArray[np.int64], size: int, key: int) -> NDArray[np.int64]:
    """A different number below `size` for each serial below `size`, in an order of the key's own; [n] -> [n].

    Serials from `size` on begin again. A bijection of as many bits as `size` has, walked until the number is
    below it (Black, Rogaway 2002, "cycle walking").
    Args:
      size: 1 .. 2^63.
    """
    width = max(2, (size - 1).bit_length())
    mask, shift = np.uint64((1 << width) - 1), np.uint64(width // 2)
    keys = mix(np.array([key % (1 << 64), (key ^ 0x5555) % (1 << 64)], dtype=np.uint64))
    odd = keys | np.uint64(1)

    def step(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        with np.errstate(over="ignore"):
            for add, factor in zip(keys, odd, strict=True):
                numbers = (numbers * factor + (add >> np.uint64(7))) & mask
                numbers = numbers ^ (numbers >> shift)
        return numbers

    found = step((serials % size).astype(np.uint64))
    while (beyond := found >= np.uint64(size)).any():
        found[beyond] = step(found[beyond])
    return found.astype(np.int64)

"""What noisy counts show beyond their noise: which roots hold anything, and how a node's mass is shared."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_CHANCE = 0.002
"""Chance that any root of an empty column is taken for more than noise; half of it for runs of roots."""
_LONGEST_RUN = 8
_BESIDE = 2.5
"""Noise standard deviations that a root beside a kept one must reach: distributions have tails."""
_SIGNIFICANT = 3.0
"""Noise standard deviations above which a child of a node that holds something is more than noise."""
_SIGNIFICANT_HALF = 1.5
"""The same for half of the children together."""
_SHAPE = 2.5
"""Noise standard deviations by which an uneven split must differ from an even one."""


def kept_roots(mass: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which roots stand out of their noise: alone, in a run of neighbours, or beside ones that do. [n] -> [n].

    A run of L roots is one question more, so that with n roots there are n x 8 of them: the threshold is
    that of as many (a scan statistic by the union bound).
    Args:
      mass, deviation: estimates of all roots in order, with their standard deviations.
    """
    n = len(mass)
    kept = mass > np.maximum(_deviations(_CHANCE / 2 / max(n, 1)) * deviation, 0.5)
    # Runs are of roots that do not stand out alone.
    free = np.where(kept, -np.inf, mass)
    threshold = _deviations(_CHANCE / 2 / max(n, 1) / _LONGEST_RUN)
    for length in range(2, min(_LONGEST_RUN, n) + 1):
        windows = np.lib.stride_tricks.sliding_window_view(free, length)
        noise = np.sqrt(np.lib.stride_tricks.sliding_window_view(deviation**2, length).sum(axis=1))
        # The ends of a run must add to it: else a shorter one says it better.
        stands_out = (windows.sum(axis=1) > threshold * noise) & (windows[:, 0] > 0) & (windows[:, -1] > 0)
        for start in np.flatnonzero(stands_out).tolist():
            kept[start : start + length] = True
    beside = mass > _BESIDE * deviation
    for step in (1, -1):
        for place in range(n)[::step]:
            before = place - step
            if 0 <= before < n and kept[before] and beside[place]:
                kept[place] = True
    return kept


def _deviations(chance: float) -> float:
    return -NormalDist().inv_cdf(chance)


def share_out(mass: Sequence[float], deviation: Sequence[float], parent: float) -> list[float]:
    """Masses of a node's children that add up to its own, noise taken out where it shows no shape.

    The children are halved again and again. A half gets what was measured only if that differs from an even
    split by more than noise does, and nothing if nothing in it stands out: Haar wavelet thresholding from
    the top down, of which smooth stretches come out even and spikes whole.
    Source: Donoho, Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage".
    """
    if len(mass) == 1:
        return [parent]
    half = len(mass) // 2
    left, right = _Half.of(mass[:half], deviation[:half]), _Half.of(mass[half:], deviation[half:])
    variance = left.variance + right.variance
    even = parent * half / len(mass)
    share = left.mass + (parent - left.mass - right.mass) * left.variance / variance
    # The standard deviation of the share, given the parent's mass.
    noise = (left.variance * right.variance / variance) ** 0.5
    if abs(share - even) <= _SHAPE * noise:
        share = even
    elif left.is_known and not right.is_known:
        share = parent
    elif right.is_known and not left.is_known:
        share = 0.0
    share = min(max(share, 0.0), parent)
    return [
        *share_out(mass[:half], deviation[:half], share),
        *share_out(mass[half:], deviation[half:], parent - share),
    ]


class _Half:
    """Some children together."""

    def __init__(self, mass: float, variance: float, is_known: bool) -> None:
        self.mass, self.variance, self.is_known = mass, variance, is_known

    @staticmethod
    def of(mass: Sequence[float], deviation: Sequence[float]) -> "_Half":
        total, variance = sum(mass), sum(value**2 for value in deviation)
        stands_out = any(m > _SIGNIFICANT * d for m, d in zip(mass, deviation, strict=True))
        return _Half(total, variance, stands_out or total > _SIGNIFICANT_HALF * variance**0.5)

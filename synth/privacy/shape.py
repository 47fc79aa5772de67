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
_MOST_OF_IT = 0.6
"""Share of all values that must be found before thresholds stay where they are."""
_STEP, _LEAST = 0.25, 2.5
_SIGNIFICANT = 3.0
"""Noise standard deviations above which a child of a node that holds something is more than noise."""
_SIGNIFICANT_HALF = 1.5
"""The same for half of the children together."""
_SHAPE = 2.5
"""Noise standard deviations by which an uneven split must differ from an even one."""


def kept_roots(mass: NDArray[np.float64], deviation: NDArray[np.float64], total: float) -> NDArray[np.bool_]:
    """Which roots stand out of their noise: alone, in a run, or beside ones that do. [n] -> [n].

    A run of L roots is one question more, so that with n roots there are n x 8 of them: the threshold is
    that of as many (a scan statistic by the union bound). As long as what is kept lacks much of the
    released total, values are known to be missing, and less will do.
    Args:
      mass, deviation: estimates of all roots in order, with their standard deviations.
      total: released number of values.
    """
    n = max(len(mass), 1)
    single, run = _deviations(_CHANCE / 2 / n), _deviations(_CHANCE / 2 / n / _LONGEST_RUN)
    kept = np.zeros(len(mass), dtype=bool)
    while single > _LEAST:
        kept |= mass > np.maximum(single * deviation, 0.5)
        _keep_runs(kept, mass, deviation, run)
        _keep_beside(kept, mass > _BESIDE * deviation)
        if mass[kept].sum() >= _MOST_OF_IT * total:
            break
        single, run = single - _STEP, run - _STEP
    return kept


def _keep_runs(
    kept: NDArray[np.bool_], mass: NDArray[np.float64], deviation: NDArray[np.float64], threshold: float
) -> None:
    """Keep runs of roots that do not stand out alone."""
    free = np.where(kept, -np.inf, mass)
    for length in range(2, min(_LONGEST_RUN, len(mass)) + 1):
        windows = np.lib.stride_tricks.sliding_window_view(free, length)
        noise = np.sqrt(np.lib.stride_tricks.sliding_window_view(deviation**2, length).sum(axis=1))
        # The ends of a run must add to it: else a shorter one says it better.
        stands_out = (windows.sum(axis=1) > threshold * noise) & (windows[:, 0] > 0) & (windows[:, -1] > 0)
        for start in np.flatnonzero(stands_out).tolist():
            kept[start : start + length] = True


def _keep_beside(kept: NDArray[np.bool_], enough: NDArray[np.bool_]) -> None:
    """Keep roots beside kept ones, and beside those, as long as they hold enough."""
    for step in (1, -1):
        for place in range(len(kept))[::step]:
            before = place - step
            if enough[place] and 0 <= before < len(kept) and kept[before]:
                kept[place] = True


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

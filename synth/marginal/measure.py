"""Noisy marginals: asking for them, adding them up, and foreseeing what their noise will cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.marginal.answers import KeptCounts
from synth.models.tables import Scope

_MEAN_ABSOLUTE = float(np.sqrt(2 / np.pi))
"""Mean absolute value of a standard normal."""
_EXACT = 1e-4
"""Standard deviation that a count without noise is taken to have, as a share of all rows."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A released marginal.

    Attributes:
      scope: its columns, increasing.
      values: float64 with an axis for each column's groups: counts plus noise, below zero too.
      stddev: of the noise in each cell, > 0.
    """

    scope: Scope
    values: NDArray[np.float64]
    stddev: float


def measure(scope: Scope, counts: NDArray[np.int64], paid: KeptCounts, times: int) -> Measurement:
    """One marginal, asked `times` times.

    Guarantee: `times` of the paid event's queries; a privacy unit of m rows moves the counts by at most m.
    """
    values = paid.ask(f"marginal {scope}", counts, times)
    stddev = paid.scale / np.sqrt(times) if paid.scale > 0 else max(0.5, _EXACT * float(counts.sum()))
    return Measurement(scope=scope, values=values, stddev=float(stddev))


def combined(measurements: Sequence[Measurement]) -> list[Measurement]:
    """One measurement a scope: means weighted by precision."""
    by_scope: dict[Scope, list[Measurement]] = {}
    for one in measurements:
        by_scope.setdefault(one.scope, []).append(one)
    merged = []
    for scope, group in by_scope.items():
        weights = np.array([one.stddev**-2 for one in group])
        values = sum(w * one.values for w, one in zip(weights, group, strict=True)) / weights.sum()
        merged.append(Measurement(scope=scope, values=values, stddev=float(weights.sum() ** -0.5)))
    return merged


def noise_error(expected: NDArray[np.float64], stddev: float, n_rows: float) -> float:
    """Total variation distance that noise alone is about to leave in a marginal, in [0, 1].

    A cell's error is that of its noise, but never above twice what the cell holds: what noise makes of
    an empty cell is cut off at zero and shared out over the others.
    """
    error = np.minimum(_MEAN_ABSOLUTE * stddev, 2 * np.maximum(expected, 0.0))
    return float(error.sum() / (2 * max(n_rows, 1.0)))


def shared_out(weights: Mapping[Scope, float], queries: int) -> dict[Scope, int]:
    """Divide queries over marginals so that the sum of their errors is least; each gets at least one.

    A marginal whose error is weight x stddev wants queries in proportion to weight^(2/3).
    Args:
      weights: at most as many marginals as there are queries.
    """
    if len(weights) > queries:
        raise ValueError(f"{len(weights)} marginals for {queries} queries")
    wanted = {scope: max(weight, 1e-12) ** (2 / 3) for scope, weight in weights.items()}
    spare = queries - len(wanted)
    total = sum(wanted.values())
    shares = {scope: spare * want / total for scope, want in wanted.items()}
    times = {scope: 1 + int(share) for scope, share in shares.items()}
    rest = queries - sum(times.values())
    for scope in sorted(shares, key=lambda s: int(shares[s]) - shares[s])[:rest]:
        times[scope] += 1
    return times

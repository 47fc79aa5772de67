"""Exact counts of low-order marginals, and how far two of them lie apart."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_MARGINALS = {1: 10_000, 2: 2_000, 3: 200}
"""How many marginals of each order are counted; beyond that a fixed choice of them."""

_CHOICE_SEED = 20_240_229

Clique = tuple[int, ...]
Counts = tuple[NDArray[np.int64], ...]
"""One array per clique of a workload: how many rows fall into each of its cells, flattened."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Which marginals are counted: cliques of column positions, over columns of `sizes` codes."""

    sizes: tuple[int, ...]
    cliques: tuple[Clique, ...]

    def cells(self, clique: Clique) -> int:
        """Number of cells of that marginal."""
        return math.prod(self.sizes[position] for position in clique)

    def zeros(self) -> Counts:
        """Counts of no rows."""
        return tuple(np.zeros(self.cells(clique), dtype=np.int64) for clique in self.cliques)

    def count(self, codes: Sequence[NDArray[np.int64]]) -> Counts:
        """Count rows into every marginal; counts of parts add up to the counts of the whole.

        Args:
          codes: one int64 [n] per column, in [0, sizes[k]).
        """
        return tuple(
            np.bincount(self._cell(codes, clique), minlength=self.cells(clique)) for clique in self.cliques
        )

    def _cell(self, codes: Sequence[NDArray[np.int64]], clique: Clique) -> NDArray[np.int64]:
        cell = codes[clique[0]]
        for position in clique[1:]:
            cell = cell * self.sizes[position] + codes[position]
        return cell


def plan_workload(sizes: Sequence[int]) -> Workload:
    """All 1-, 2- and 3-way marginals, or the same fixed choice every time where they are too many."""
    cliques: list[Clique] = []
    for order, limit in MAX_MARGINALS.items():
        cliques += _choose(len(sizes), order, limit)
    return Workload(sizes=tuple(sizes), cliques=tuple(cliques))


def tvd(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    """Total variation distance of two histograms over the same cells: half the L1 distance of shares.

    Returns: in [0, 1]; 0 for equal shares, 1 for disjoint ones.
    Raises: ValueError if one of them counts no rows.
    """
    n_left, n_right = left.sum(), right.sum()
    if not (n_left > 0 and n_right > 0):
        raise ValueError("a histogram without rows has no shares to compare")
    return float(min(1.0, np.abs(left / n_left - right / n_right).sum() / 2))


def cramers_v(counts: NDArray[np.int64], shape: tuple[int, int]) -> float | None:
    """How strongly two columns hang together, in [0, 1], corrected for what chance alone shows.

    Args:
      counts: [shape[0] * shape[1]] of their 2-way marginal.
    Returns: None if one of the columns has a single value, so that the question has no answer.
    Source: Bergsma 2013, "A bias-correction for Cramer's V and Tschuprow's T".
    """
    table = counts.reshape(shape).astype(np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n_rows, (height, width) = table.sum(), table.shape
    if min(height, width) < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n_rows
    phi_squared = ((table - expected) ** 2 / expected).sum() / n_rows
    excess = max(0.0, phi_squared - (height - 1) * (width - 1) / (n_rows - 1))
    smaller = min(size - (size - 1) ** 2 / (n_rows - 1) for size in (height, width)) - 1
    return float(min(1.0, math.sqrt(excess / smaller))) if smaller > 0 else None


def _choose(n_columns: int, order: int, limit: int) -> list[Clique]:
    if math.comb(n_columns, order) <= limit:
        return list(itertools.combinations(range(n_columns), order))
    generator = np.random.default_rng(_CHOICE_SEED)
    chosen: set[Clique] = set()
    while len(chosen) < limit:
        drawn = generator.choice(n_columns, size=order, replace=False)
        chosen.add(tuple(sorted(int(position) for position in drawn)))
    return sorted(chosen)

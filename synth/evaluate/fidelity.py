"""Distances between the marginals of two tables, and how their pairs of columns hang together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.evaluate.marginals import Counts, Workload, cramers_v, tvd

PairMatrix = tuple[tuple[float | None, ...], ...]
"""[K, K] over the modelled columns; None where a pair was not counted or has no answer."""


@dataclass(frozen=True, kw_only=True)
class Distances:
    """Mean total variation distance over the 1-, 2- and 3-way marginals; None where there are none."""

    tvd_1way: float | None
    tvd_2way: float | None
    tvd_3way: float | None
    n_rows: int


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How far the synthetic table's marginals lie from the real table's.

    Attributes:
      synthetic: distances of the synthetic table.
      floor: distances of real rows set aside: what chance alone costs at their number; None without.
      n_marginals: how many marginals of 1, 2 and 3 columns were counted.
      columns: the modelled columns, in the order of what follows.
      by_column: 1-way distance of each.
      floor_by_column: the same of the rows set aside; None without.
      by_pair: 2-way distances.
      association_real, association_synthetic: Cramer's V of pairs, bias-corrected, on the same bins.
    """

    synthetic: Distances
    floor: Distances | None
    n_marginals: tuple[int, int, int]
    columns: tuple[str, ...]
    by_column: tuple[float, ...]
    floor_by_column: tuple[float, ...] | None
    by_pair: PairMatrix
    association_real: PairMatrix
    association_synthetic: PairMatrix


def compare_marginals(
    columns: Sequence[str], workload: Workload, real: Counts, synthetic: Counts, holdout: Counts | None
) -> Fidelity:
    """Fidelity from the counts of each table over one workload whose positions are `columns`."""
    orders = [len(clique) for clique in workload.cliques]
    far = _by_clique(real, synthetic)
    floor = None if holdout is None else _by_clique(real, holdout)
    singles = [place for place, order in enumerate(orders) if order == 1]
    return Fidelity(
        synthetic=_distances(orders, far, synthetic),
        floor=None if floor is None or holdout is None else _distances(orders, floor, holdout),
        n_marginals=(orders.count(1), orders.count(2), orders.count(3)),
        columns=tuple(columns),
        by_column=tuple(far[place] for place in singles),
        floor_by_column=None if floor is None else tuple(floor[place] for place in singles),
        by_pair=_pairs(workload, far, diagonal=None),
        association_real=_pairs(workload, _associations(workload, real), diagonal=1.0),
        association_synthetic=_pairs(workload, _associations(workload, synthetic), diagonal=1.0),
    )


def _by_clique(real: Counts, other: Counts) -> list[float]:
    return [tvd(left, right) for left, right in zip(real, other, strict=True)]


def _distances(orders: list[int], by_clique: list[float], counts: Counts) -> Distances:
    means: list[float | None] = []
    for order in (1, 2, 3):
        chosen = [distance for o, distance in zip(orders, by_clique, strict=True) if o == order]
        means.append(float(np.mean(chosen)) if chosen else None)
    n_rows = int(counts[0].sum()) if counts else 0
    return Distances(tvd_1way=means[0], tvd_2way=means[1], tvd_3way=means[2], n_rows=n_rows)


def _associations(workload: Workload, counts: Counts) -> list[float | None]:
    return [
        cramers_v(table, (workload.sizes[clique[0]], workload.sizes[clique[1]])) if len(clique) == 2 else None
        for clique, table in zip(workload.cliques, counts, strict=True)
    ]


def _pairs(workload: Workload, by_clique: Sequence[float | None], diagonal: float | None) -> PairMatrix:
    n_columns = len(workload.sizes)
    matrix: list[list[float | None]] = [[None] * n_columns for _ in range(n_columns)]
    for position in range(n_columns):
        matrix[position][position] = diagonal
    for clique, value in zip(workload.cliques, by_clique, strict=True):
        if len(clique) == 2:
            first, second = clique
            matrix[first][second] = matrix[second][first] = value
    return tuple(tuple(row) for row in matrix)

"""Which columns a mixture ties directly: a maximum spanning forest of the noisy pairs; post-processing."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.marginal.measure import Measurement
from synth.models.mixture import Forest
from synth.models.tables import Scope

LEAST_NATS = 0.06
"""Information of a pair below which parts alone hold it well enough."""
_CLEAR = 1.5
"""Standard deviations of noise above which a cell counts."""
_SURE = 3.0
"""Standard deviations of the chi-square by which a pair must differ from independence."""


def strong_forest(
    sizes: Sequence[int],
    columns: Sequence[NDArray[np.float64]],
    pairs: Sequence[Measurement],
    *,
    n_rows: float,
    most_cells: int,
) -> Forest:
    """The forest of the strongest ties that the noise lets see.

    Args:
      columns: of each column, shares of its groups as the noisy counts say; > 0.
      most_cells: of all pairs of columns that end up in one tree together, which bounds a fit's step.
    """
    strength = {}
    for one in pairs:
        information = _information(one, columns, n_rows)
        if information > LEAST_NATS:
            strength[one.scope] = information
    return spanning_forest(sizes, strength, most_cells)


def spanning_forest(sizes: Sequence[int], strength: Mapping[Scope, float], most_cells: int | float) -> Forest:
    """The strongest ties first, unless they close a ring or make trees of more cells than allowed."""
    trees = {column: [column] for column in range(len(sizes))}
    beside: dict[int, list[int]] = {column: [] for column in range(len(sizes))}
    left = float(most_cells)
    for scope in sorted(strength, key=lambda s: (-strength[s], s)):
        first, second = (trees[column] for column in scope)
        cells = sum(sizes[a] for a in first) * sum(sizes[b] for b in second)
        if first is second or cells > left:
            continue
        left -= cells
        first.extend(second)
        trees.update(dict.fromkeys(second, first))
        for column, other in (scope, scope[::-1]):
            beside[column].append(other)
    return _rooted(beside)


def _rooted(beside: Mapping[int, Sequence[int]]) -> Forest:
    """Each tree hangs on its column of most ties, so that paths are short."""
    parents: dict[int, int | None] = {}
    for root in sorted(beside, key=lambda column: (-len(beside[column]), column)):
        if root in parents:
            continue
        parents[root] = None
        queue = [root]
        for column in queue:
            for other in beside[column]:
                if other not in parents:
                    parents[other] = column
                    queue.append(other)
    return Forest(parents=tuple(parents[column] for column in range(len(beside))))


def _information(one: Measurement, columns: Sequence[NDArray[np.float64]], n_rows: float) -> float:
    """Nats of the cells that stand above the noise; 0 where the pair may as well be independent."""
    first, second = one.scope
    apart = np.outer(columns[first], columns[second])
    above = np.maximum(one.values - _CLEAR * one.stddev, 0.0) / n_rows
    seen = above > 0
    information = float((above[seen] * np.log(above[seen] / apart[seen])).sum())
    chi2 = float(((one.values - n_rows * apart) ** 2).sum()) / one.stddev**2
    return information if chi2 - apart.size > _SURE * math.sqrt(2 * apart.size) else 0.0

"""Private bins of about equal mass: a noisy tree over a public grid, refined where the mass is."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.grid import LEVELS, Grid
from synth.privacy import noise
from synth.privacy.ledger import Receipt
from synth.privacy.released import Released

_SIGNIFICANT = 4.0
"""Noise standard deviations above which a node's count is taken to be more than noise."""
_SIGNIFICANT_CHILD = 3.0
"""The same among the children of a node that is known to hold something."""
_EXPLAINED = 0.8
"""Share of a node's mass that its significant children must hold for it to be split."""


@dataclass(frozen=True, kw_only=True)
class MassCells:
    """Runs of grid cells with their estimated counts, in order, without overlap.

    first, last: int64 [m], inclusive cell numbers. mass: float64 [m], > 0.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    mass: NDArray[np.float64]


def release_mass(
    counts: Mapping[int, int], grid: Grid, receipt: Receipt, *, bins: int
) -> Released[MassCells]:
    """Where the mass of a column lies, fine enough for `bins` bins of equal mass.

    Every level of the grid's tree is one histogram in which a row counts once; the receipt must pay
    for `len(LEVELS)` of them. Only children of nodes heavy enough to matter are looked at: the rest of
    a level's noisy counts would be discarded unread, so they are not drawn.

    Args:
      counts: exact count per occupied cell.
      bins: number of bins wanted; nodes far lighter than a bin are not split further.
    """
    cells = np.fromiter(counts, dtype=np.int64, count=len(counts))
    exact = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
    scale = noise.scale_of(receipt)
    floor = max(_SIGNIFICANT * scale, 0.5)

    nodes = np.arange(grid.n_cells >> LEVELS[0], dtype=np.int64)
    estimates = noise.noisy_counts(_node_counts(cells, exact, LEVELS[0], nodes), receipt).value
    kept = estimates > floor
    nodes, mass = nodes[kept], estimates[kept].astype(np.float64)
    total = mass.sum()
    first, last, weight = [], [], []
    for coarse, fine in itertools.pairwise(LEVELS):
        # Finer than a bin, so that thin tails end where their values end; looking further costs nothing.
        split = mass > max(total / bins / 16, 2 * floor)
        fan = 1 << (coarse - fine)
        children = ((nodes[split] << (coarse - fine))[:, None] + np.arange(fan)).ravel()
        noisy = noise.noisy_counts(_node_counts(cells, exact, fine, children), receipt).value
        shares = _share_out(noisy.reshape(-1, fan).astype(np.float64), mass[split], scale)
        split[split] = seen = shares.any(axis=1)
        first.append(nodes[~split] << coarse)
        last.append(((nodes[~split] + 1) << coarse) - 1)
        weight.append(mass[~split])
        children, shares = children.reshape(-1, fan)[seen].ravel(), shares[seen].ravel()
        nodes, mass = children[shares > 0], shares[shares > 0]
    first.append(nodes)
    last.append(nodes)
    weight.append(mass)
    order = np.argsort(np.concatenate(first), kind="stable")
    return Released(
        MassCells(
            first=np.concatenate(first)[order],
            last=np.concatenate(last)[order],
            mass=np.concatenate(weight)[order],
        ),
        receipt.entry,
    )


def equal_mass_groups(mass: NDArray[np.float64], bins: int, noise_scale: float) -> list[slice]:
    """Consecutive runs of cells with about equal mass; a cell heavier than a bin stands alone.

    Fewer than `bins` groups come out where a bin of equal mass would not stand out of the noise.
    """
    total = mass.sum()
    wanted = bins if noise_scale == 0 else max(1, min(bins, int(total / (2 * _SIGNIFICANT * noise_scale))))
    if len(mass) == 0:
        return []
    target = total / wanted
    # The bin in which a cell's middle lies; heavy cells break the run on both sides.
    place = np.floor((np.cumsum(mass) - mass / 2) / target)
    heavy = mass >= target
    starts = np.flatnonzero((np.diff(place) != 0) | heavy[1:] | heavy[:-1]) + 1
    edges = [0, *starts.tolist(), len(mass)]
    return [slice(start, stop) for start, stop in itertools.pairwise(edges)]


def _node_counts(
    cells: NDArray[np.int64], exact: NDArray[np.int64], shift: int, nodes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Exact counts of sorted `nodes` on the level of `shift`."""
    result = np.zeros(len(nodes), dtype=np.int64)
    if len(nodes) == 0 or len(cells) == 0:
        return result
    ancestors = cells >> shift
    position = np.minimum(np.searchsorted(nodes, ancestors), len(nodes) - 1)
    inside = nodes[position] == ancestors
    np.add.at(result, position[inside], exact[inside])
    return result


def _share_out(
    children: NDArray[np.float64], parent: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Children [m, fan] made consistent with their parents [m]: insignificant ones zero, sums kept.

    All children of a parent are zero if those that stand out of the noise do not explain its mass: it
    is better left whole then.
    """
    fan = children.shape[1]
    adjusted = children + (parent - children.sum(axis=1))[:, None] / fan
    kept = np.where(adjusted > _SIGNIFICANT_CHILD * scale, adjusted, 0.0)
    explained = kept.sum(axis=1)
    shares: NDArray[np.float64] = kept * (parent / np.maximum(explained, 1e-300))[:, None]
    shares[explained < _EXPLAINED * parent] = 0.0
    return shares

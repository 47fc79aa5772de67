"""Private bins of about equal mass: a noisy tree over a public grid, refined where the mass is."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.grid import Grid
from synth.privacy import noise
from synth.privacy.entry import Receipt
from synth.privacy.released import Released

_SIGNIFICANT_ROOT = 4.5
"""Noise standard deviations above which a root's count is more than noise: there are many roots."""
_SIGNIFICANT = 3.0
"""The same for a child of a node that is known to hold something."""
_SIGNIFICANT_HALF = 1.5
"""The same for half of the children together."""
_SPLIT = 4.0
"""The same for a node that is worth splitting."""
_SHAPE = 2.5
"""Noise standard deviations by which an uneven split must differ from an even one."""
_FINER = 16
"""Nodes are split down to so many to a bin: thin tails then end where their values end."""


@dataclass(frozen=True, kw_only=True)
class MassCells:
    """Runs of grid cells with their estimated counts, in order, without overlap.

    first, last: int64 [m], inclusive cell numbers. mass: float64 [m], > 0.
    noise_scale: parameter of the noise on the finest level that was looked at.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    mass: NDArray[np.float64]
    noise_scale: float


def release_mass(
    cells: NDArray[np.int64],
    counts: NDArray[np.int64],
    grid: Grid,
    receipts: Sequence[Receipt],
    *,
    bins: int,
    whole: bool,
) -> Released[MassCells]:
    """Where the mass of a column lies, fine enough for `bins` bins of equal mass.

    Every level of the grid's tree is one histogram in which a row counts once. Only children of nodes
    heavy enough to matter are looked at: the rest of a level's noisy counts would be discarded unread, so
    they are not drawn. Nodes that no possible value falls into are publicly empty and not looked at.

    Args:
      cells, counts: int64 [m], occupied cells and their exact counts.
      receipts: one a level, from the coarsest on, each paying for one query; as many levels are looked at.
      bins: number of bins wanted; nodes far lighter than a bin are not split further.
      whole: whether only whole numbers can occur.
    Guarantee: the receipts' events, composed adaptively.
    """
    order = np.argsort(cells)
    exact = _Exact(cells[order], counts[order])
    scales = [noise.scale_of(receipt) for receipt in receipts]
    levels = grid.levels[: len(receipts)]

    nodes = np.arange(grid.n_cells >> levels[0], dtype=np.int64)
    nodes = nodes[_is_possible(grid, nodes, levels[0], whole)]
    estimates = noise.noisy_counts(exact.of(nodes, levels[0]), receipts[0]).value
    kept = estimates > max(_SIGNIFICANT_ROOT * scales[0], 0.5)
    nodes, mass = nodes[kept], estimates[kept].astype(np.float64)
    enough = mass.sum() / bins / _FINER
    pieces: list[_Piece] = []
    for level, (coarse, fine) in enumerate(itertools.pairwise(levels), start=1):
        split = mass > max(enough, _SPLIT * scales[level], 0.5)
        pieces.append(_Piece(nodes[~split] << coarse, ((nodes[~split] + 1) << coarse) - 1, mass[~split]))
        children = (nodes[split] << (coarse - fine))[:, None] + np.arange(1 << (coarse - fine))
        possible = _is_possible(grid, children.ravel(), fine, whole).reshape(children.shape)
        noisy = np.zeros(children.shape)
        # A child that stands alone holds all that its parent holds: it needs no look.
        looked = possible & (possible.sum(axis=1) > 1)[:, None]
        noisy[looked] = noise.noisy_counts(exact.of(children[looked], fine), receipts[level]).value
        shares = _share_out(noisy, possible, mass[split], scales[level])
        nodes, mass = children[shares > 0], shares[shares > 0]
    finest = levels[-1]
    pieces.append(_Piece(nodes << finest, ((nodes + 1) << finest) - 1, mass.astype(np.float64)))
    return Released(_in_order(pieces, scales[-1]), receipts[0].entry)


@dataclass(frozen=True)
class _Exact:
    """Exact counts of sorted occupied cells."""

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]

    def of(self, nodes: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
        """Exact counts of nodes on the level of `shift`. [n] -> [n]."""
        below = np.concatenate([[0], np.cumsum(self.counts)])
        first = np.searchsorted(self.cells, nodes << shift)
        end = np.searchsorted(self.cells, (nodes + 1) << shift)
        return (below[end] - below[first]).astype(np.int64)


@dataclass(frozen=True)
class _Piece:
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    mass: NDArray[np.float64]


def _is_possible(grid: Grid, nodes: NDArray[np.int64], shift: int, whole: bool) -> NDArray[np.bool_]:
    if not whole:
        return np.ones(len(nodes), dtype=bool)
    return grid.first_whole(nodes << shift) < grid.first_whole((nodes + 1) << shift)


def _share_out(
    noisy: NDArray[np.float64], possible: NDArray[np.bool_], parent: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Masses of children [m, fan] that add up to their parents' [m], noise taken out where it shows no shape.

    Each parent is halved again and again. A half gets what was measured only if that differs from an even
    split by more than noise does, and nothing if nothing in it stands out: Haar wavelet thresholding from
    the top down, of which smooth stretches come out even and spikes whole.
    Source: Donoho, Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage".
    """
    m, fan = noisy.shape
    shares = parent[:, None].astype(np.float64)  # [m, 1], doubled in width each time
    half = fan // 2
    while half >= 1:
        blocks = (m, fan // half // 2, 2, half)
        sums = noisy.reshape(blocks).sum(axis=3)  # [m, blocks, 2]
        sizes = possible.reshape(blocks).sum(axis=3)
        peaks = noisy.reshape(blocks).max(axis=3)
        size = np.maximum(sizes.sum(axis=2), 1)
        even = shares * sizes[..., 0] / size
        left = (shares + sums[..., 0] - sums[..., 1]) / 2
        differs = np.abs(left - even) > _SHAPE * scale * np.sqrt(size) / 2
        left = np.clip(np.where(differs, left, even), 0.0, shares)
        known = (peaks > _SIGNIFICANT * scale) | (sums > _SIGNIFICANT_HALF * scale * np.sqrt(sizes))
        known &= sizes > 0
        left = np.where(known[..., 0] & ~known[..., 1] & differs, shares, left)
        left = np.where(known[..., 1] & ~known[..., 0] & differs, 0.0, left)
        left = np.where(sizes[..., 0] == 0, 0.0, np.where(sizes[..., 1] == 0, shares, left))
        shares = np.stack([left, shares - left], axis=2).reshape(m, 2 * shares.shape[1])
        half //= 2
    return shares


def _in_order(pieces: Sequence[_Piece], noise_scale: float) -> MassCells:
    first = np.concatenate([piece.first for piece in pieces])
    order = np.argsort(first, kind="stable")
    return MassCells(
        first=first[order],
        last=np.concatenate([piece.last for piece in pieces])[order],
        mass=np.concatenate([piece.mass for piece in pieces])[order],
        noise_scale=noise_scale,
    )

"""Private bins of about equal mass: a noisy tree over a public grid, refined where the mass is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.grid import FAN_BITS, Grid
from synth.privacy import noise
from synth.privacy.entry import Receipt
from synth.privacy.noisy_tree import NoisyTree
from synth.privacy.released import Released
from synth.privacy.shape import kept_roots, share_out

_SPLIT = 4.0
"""Noise standard deviations above which a node is worth splitting."""
_SPIKY = 0.7
"""Share of its parent's mass above which a node looks like one value rather than a stretch of them."""
_SPIKY_SPLIT = 6.0
_MOST_BITS = 8
"""How many bits finer such a node is looked at in one round at most."""
_NEXT_TO_NONE = 1e-6
_FINER = 16
"""Nodes are split down to so many to a bin: thin tails then end where their values end."""


@dataclass(frozen=True, kw_only=True)
class MassCells:
    """Runs of grid cells with their estimated counts, in order, without overlap.

    first, last: int64 [m], inclusive cell numbers. mass: float64 [m], > 0.
    noise_scale: standard deviation of the noise of a count that was asked for once.
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
    total: float,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Released[MassCells]:
    """Where the mass of a column lies, fine enough for `bins` bins of equal mass.

    Every round is one histogram over a partition of the grid in which a row counts once. The first asks for
    the roots of the grid's tree; each later one for the children of nodes heavy enough to be split, and
    once more for all other nodes, so that what stays coarse is known the better. All answers together
    are made consistent by least squares. Nodes that no possible value falls into are publicly empty.

    Args:
      cells, counts: int64 [m], occupied cells and their exact counts.
      receipts: one a round, each paying for one query.
      bins: number of bins wanted; nodes far lighter than a bin are not split further.
      whole: whether only whole numbers can occur.
      total: released number of values, to know when some are missing.
      within: least and greatest value that the column's type can hold.
    Guarantee: the receipts' events, composed adaptively: the partition of a round depends on public facts
      and on the noisy answers of earlier rounds alone.
    """
    order = np.argsort(cells)
    exact = _Exact(cells[order], counts[order])
    scales = [noise.scale_of(receipt) for receipt in receipts]
    if scales[0] == 0:
        return Released(exact.gathered(bins), receipts[0].entry)
    possible = _Possible(grid, whole, within)
    roots = np.arange(grid.n_cells >> grid.levels[0], dtype=np.int64) << grid.levels[0]
    tree = NoisyTree(roots[possible.of(roots, grid.levels[0])], grid.levels[0])
    for number, (receipt, scale) in enumerate(zip(receipts, scales, strict=True)):
        if number:
            _split_heavy(tree, possible, scale, bins, total, left=len(receipts) - number)
        leaves = tree.leaves
        asked = exact.of(tree.first[leaves], tree.shift[leaves])
        tree.measure(leaves, noise.noisy_counts(asked, receipt).value.astype(np.float64), scale)
    return Released(_shaped(tree, total, scales[-1]), receipts[0].entry)


@dataclass(frozen=True)
class _Exact:
    """Exact counts of sorted occupied cells."""

    cells: NDArray[np.int64]
    counts: NDArray[np.int64]

    def of(self, first: NDArray[np.int64], shift: NDArray[np.int64]) -> NDArray[np.int64]:
        """Exact counts of nodes by first cell and shift. [n], [n] -> [n]."""
        below = np.concatenate([[0], np.cumsum(self.counts)])
        start = np.searchsorted(self.cells, first)
        end = np.searchsorted(self.cells, first + (np.int64(1) << shift))
        return (below[end] - below[start]).astype(np.int64)

    def gathered(self, bins: int) -> MassCells:
        """Without noise: every cell by itself, but light neighbours together, far lighter than a bin."""
        most = self.counts.sum() / bins / _FINER
        place = np.floor((np.cumsum(self.counts) - self.counts / 2) / max(most, 1.0))
        alone = self.counts >= most
        starts = np.ones(len(self.cells), dtype=bool)
        starts[1:] = (np.diff(place) != 0) | alone[1:] | alone[:-1]
        # Neighbours with a gap between them stay apart: nothing is made up within it.
        starts[1:] |= np.diff(self.cells) > np.maximum(1, _typical_gap(self.cells))
        index = np.flatnonzero(starts)
        ends = np.append(index[1:], len(self.cells)) - 1 if len(index) else index
        mass = np.add.reduceat(self.counts, index) if len(index) else self.counts
        return MassCells(
            first=self.cells[index],
            last=self.cells[ends],
            mass=mass.astype(np.float64),
            noise_scale=0.0,
        )


def _typical_gap(cells: NDArray[np.int64]) -> int:
    """A gap that nine in ten neighbours do not exceed, with room."""
    return 4 * int(np.quantile(np.diff(cells), 0.9)) if len(cells) > 1 else 1


@dataclass(frozen=True)
class _Possible:
    """Which nodes any value can fall into: public."""

    grid: Grid
    whole: bool
    within: tuple[float, float]

    def of(self, first: NDArray[np.int64], shift: NDArray[np.int64] | int) -> NDArray[np.bool_]:
        """Of nodes by first cell and shift. [n] -> [n]."""
        end = first + (np.int64(1) << np.asarray(shift, dtype=np.int64))
        edge = self.grid.first_whole if self.whole else self.grid.lower
        possible: NDArray[np.bool_] = edge(first) < edge(end)
        for cell in self.grid.special:
            possible |= (first <= cell) & (cell < end)
        low, high = self.within
        return possible & (self.grid.lower(end) >= low) & (self.grid.lower(first) <= high)


def _split_heavy(
    tree: NoisyTree, possible: _Possible, scale: float, bins: int, total: float, *, left: int
) -> None:
    """Split the leaves that hold enough to be seen in parts; `left` rounds, this one included, are asked."""
    mass, deviation = tree.estimates()
    leaves = tree.leaves
    roots = tree.parent[leaves] < 0
    known = np.ones(len(leaves), dtype=bool)
    known[roots] = kept_roots(mass[leaves][roots], deviation[leaves][roots], total)
    enough = max(float(mass[leaves][known].sum()) / bins / _FINER, _SPLIT * scale, 0.5)
    heavy = known & (mass[leaves] > enough) & (tree.shift[leaves] > 0)
    for leaf in leaves[heavy].tolist():
        shift = int(tree.shift[leaf])
        bits = min(FAN_BITS, shift)
        parent = int(tree.parent[leaf])
        around = float(mass[parent]) if parent >= 0 else float(np.maximum(mass[leaves][known], 0).sum())
        if mass[leaf] > max(_SPIKY * around, _SPIKY_SPLIT * scale):
            # Down to its value in the rounds that are left, as far as they reach.
            bits = min(_MOST_BITS, shift if left == 1 else max(bits, -(-shift // left)))
        children, fine = _children(int(tree.first[leaf]), shift, bits, possible)
        tree.split(leaf, children, fine)


def _children(first: int, shift: int, bits: int, possible: _Possible) -> tuple[NDArray[np.int64], int]:
    """First cells and shift of a node's possible children; while there is but one, of that one's."""
    while True:
        fine = shift - bits
        children = first + (np.arange(1 << bits, dtype=np.int64) << fine)
        children = children[possible.of(children, fine)]
        if len(children) > 1 or fine == 0:
            return children, fine
        first, shift = int(children[0]), fine
        bits = min(FAN_BITS, shift)


def _shaped(tree: NoisyTree, total: float, noise_scale: float) -> MassCells:
    """Masses from consistent counts, from the roots down, noise taken out where it shows no shape."""
    mass, deviation = tree.estimates()
    shares = np.zeros(len(mass))
    roots = np.flatnonzero(tree.parent < 0)
    kept = kept_roots(mass[roots], deviation[roots], total)
    shares[roots[kept]] = np.maximum(mass[roots[kept]], 0.5)
    for node in range(len(mass)):  # parents come before their children
        start, stop = tree.children[node]
        if stop > start and shares[node] > 0:
            shares[start:stop] = share_out(
                mass[start:stop].tolist(), deviation[start:stop].tolist(), float(shares[node])
            )
    leaves = tree.leaves
    pieces = [
        (int(tree.first[leaf]), int(tree.first[leaf] + (np.int64(1) << tree.shift[leaf])) - 1, shares[leaf])
        for leaf in leaves.tolist()
        if shares[leaf] > 0
    ]
    pieces += _holes(tree, roots, kept, mass)
    pieces.sort()
    first, last, weight = zip(*pieces, strict=True) if pieces else ((), (), ())
    return MassCells(
        first=np.array(first, dtype=np.int64),
        last=np.array(last, dtype=np.int64),
        mass=np.array(weight, dtype=np.float64),
        noise_scale=noise_scale,
    )


def _holes(
    tree: NoisyTree, roots: NDArray[np.int64], kept: NDArray[np.bool_], mass: NDArray[np.float64]
) -> list[tuple[int, int, float]]:
    """The roots between kept ones: pieces with the mass that their counts have, and at least next to none.

    So a value in a hole has a bin there, and is not taken for the spike below it.
    """
    places = np.flatnonzero(kept)
    if len(places) == 0:
        return []
    inside = np.arange(places[0], places[-1])
    holes = roots[inside[~kept[inside]]]
    stops = tree.first[holes] + (np.int64(1) << tree.shift[holes]) - 1
    # Together they hold what least squares gives, not the sum of what is above zero in each.
    together = max(float(mass[holes].sum()), 0.0)
    above = np.maximum(mass[holes], 0.0)
    each = above * (together / above.sum()) if above.sum() > 0 else above
    return [
        (int(first), int(last), max(float(count), _NEXT_TO_NONE))
        for first, last, count in zip(tree.first[holes], stops, each, strict=True)
    ]

"""Which marginals may be measured, and in which blocks they are counted; public facts decide."""

import itertools
import math
from collections.abc import Sequence

from synth.models.tables import Scope

COUNTED_CELLS = 1 << 15
"""Cells of a block whose counts stay in a core's cache while rows stream by."""


def pairs(sizes: Sequence[int], max_cells: int) -> tuple[Scope, ...]:
    """All pairs of columns with at most `max_cells` cells."""
    both = itertools.combinations(range(len(sizes)), 2)
    return tuple(scope for scope in both if cells(sizes, scope) <= max_cells)


def cells(sizes: Sequence[int], scope: Scope) -> int:
    """Cells of the marginal over a scope."""
    return math.prod(sizes[column] for column in scope)


def blocks(sizes: Sequence[int], cliques: Sequence[Scope]) -> tuple[Scope, ...]:
    """Larger marginals, few and small enough to count fast, of which each clique is a part.

    One bincount over three or four columns costs as much as one over two and holds three or six pairs.
    Greedy: the block that is begun by the first clique left takes in the column that covers most.
    """
    if all(len(clique) == 2 for clique in cliques):
        return _blocks_of_pairs(sizes, cliques)
    left = dict.fromkeys(cliques)
    made: list[Scope] = []
    while left:
        block = set(next(iter(left)))
        while True:
            room = [
                column
                for column in range(len(sizes))
                if column not in block and cells(sizes, (*block, column)) <= COUNTED_CELLS
            ]
            best = max(room, key=lambda c: (_covered(left, block | {c}), -sizes[c]), default=None)
            if best is None or _covered(left, block | {best}) == _covered(left, block):
                break
            block.add(best)
        for clique in [clique for clique in left if block.issuperset(clique)]:
            del left[clique]
        made.append(tuple(sorted(block)))
    return tuple(made)


def _blocks_of_pairs(sizes: Sequence[int], pairs: Sequence[Scope]) -> tuple[Scope, ...]:
    """The same for pairs alone, of which a wide table has very many."""
    left = dict.fromkeys(pairs)
    partners: dict[int, set[int]] = {}
    for first, second in pairs:
        partners.setdefault(first, set()).add(second)
        partners.setdefault(second, set()).add(first)
    made: list[Scope] = []
    while left:
        block = set(next(iter(left)))
        while True:
            gains: dict[int, int] = {}
            for inside in block:
                for column in partners[inside] - block:
                    gains[column] = gains.get(column, 0) + 1
            size = cells(sizes, tuple(block))
            room = [column for column in sorted(gains) if size * sizes[column] <= COUNTED_CELLS]
            best = max(room, key=lambda c: (gains[c], -sizes[c]), default=None)
            if best is None:
                break
            block.add(best)
        for pair in itertools.combinations(sorted(block), 2):
            if pair in left:
                del left[pair]
                partners[pair[0]].discard(pair[1])
                partners[pair[1]].discard(pair[0])
        made.append(tuple(sorted(block)))
    return tuple(made)


def _covered(cliques: dict[Scope, None], block: set[int]) -> int:
    return sum(block.issuperset(clique) for clique in cliques)

"""Where columns and measured pairs lie in a fit's arrays: few large products instead of one a pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from synth.models.mixture import Forest
from synth.models.tables import Scope

_MOST_WIDTHS = 4
_DENSE_CELLS = 1 << 20
_DENSE_WASTE = 6
"""How many cells of all pairs of codes are worth one measured cell, when none needs to be looked up."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The measured pairs of some columns under a forest.

    Those of one tree are reached along it, a column's with all columns of its tree before it at once. Those
    of two trees are sums over parts of products: all pairs of codes in one product while that is cheap,
    else stacks of pairs padded to few widths.

    Attributes:
      sizes: groups of each column.
      scopes: the pairs that were measured.
    """

    sizes: tuple[int, ...]
    forest: Forest
    scopes: tuple[Scope, ...]

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """The columns without a parent."""
        return tuple(c for c in self.forest.order if self.forest.parents[c] is None)

    @cached_property
    def tied(self) -> tuple[int, ...]:
        """The columns with a parent, each after it."""
        return tuple(c for c in self.forest.order if self.forest.parents[c] is not None)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each column's groups begin when roots and then tied columns lie end to end."""
        found, reached = [0] * len(self.sizes), 0
        for column in (*self.roots, *self.tied):
            found[column] = reached
            reached += self.sizes[column]
        return tuple(found)

    def parent(self, column: int) -> int:
        """Of a tied column."""
        parent = self.forest.parents[column]
        assert parent is not None
        return parent

    @cached_property
    def awaited(self) -> dict[int, tuple[int, ...]]:
        """For each tied column, the columns of its tree before it that have children after it."""
        rank = {column: place for place, column in enumerate(self.forest.order)}
        last = {self.parent(column): rank[column] for column in self.tied}
        tree = self.forest.roots
        return {
            column: tuple(
                other
                for other in self.forest.order
                if tree[other] == tree[column]
                and rank[other] < rank[column]
                and last.get(other, -1) > rank[column]
            )
            for column in self.tied
        }

    @cached_property
    def before(self) -> dict[int, tuple[int, ...]]:
        """For each tied column, the columns of its tree before it, in the order that `joints` yields them."""
        rows: dict[int, list[int]] = {column: [] for column in range(len(self.sizes))}
        found: dict[int, tuple[int, ...]] = {}
        for column in self.tied:
            parent = self.parent(column)
            found[column] = (*rows[parent], parent)
            rows[column] = list(found[column])
            for other in self.awaited[column]:
                rows[other].append(column)
        return found

    @cached_property
    def apart(self) -> tuple[Scope, ...]:
        """The measured pairs of two trees."""
        tree = self.forest.roots
        return tuple(s for s in self.scopes if tree[s[0]] != tree[s[1]])

    @property
    def is_dense(self) -> bool:
        """Whether all pairs of codes of two trees are worth one product."""
        measured = sum(self.sizes[a] * self.sizes[b] for a, b in self.apart)
        return dense_is_worth(self.sizes, measured)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """What the columns are padded to in stacks of pairs; increasing."""
        return cheapest_widths(self.sizes, _MOST_WIDTHS)

    @cached_property
    def stacks(self) -> dict[tuple[int, int], tuple[Scope, ...]]:
        """The pairs of two trees by the widths of both; the narrower column first."""
        width = [next(w for w in self.widths if size <= w) for size in self.sizes]
        found: dict[tuple[int, int], list[Scope]] = {}
        for a, b in self.apart:
            first, second = (a, b) if width[a] <= width[b] else (b, a)
            found.setdefault((width[first], width[second]), []).append((first, second))
        return {key: tuple(pairs) for key, pairs in found.items()}


def dense_is_worth(sizes: Sequence[int], measured: int) -> bool:
    """Whether one product for all pairs of codes is cheaper than one for each so many measured cells."""
    return sum(sizes) ** 2 <= max(_DENSE_CELLS, _DENSE_WASTE * measured)


def cheapest_widths(sizes: Sequence[int], most: int) -> tuple[int, ...]:
    """At most so many widths to which padding adds least; increasing, the last is the largest size."""
    distinct = sorted(set(sizes))
    below = [sum(size <= width for size in sizes) for width in distinct]
    # found[i]: the least sum of padded sizes up to distinct[i], and the widths that make it.
    found: list[tuple[int, tuple[int, ...]]] = [(n * w, (w,)) for n, w in zip(below, distinct, strict=True)]
    for _ in range(most - 1):
        found = [
            min(
                [
                    found[i],
                    *(
                        (cost + (below[i] - below[j]) * distinct[i], (*used, distinct[i]))
                        for j, (cost, used) in enumerate(found[:i])
                    ),
                ]
            )
            for i in range(len(distinct))
        ]
    return found[-1][1]

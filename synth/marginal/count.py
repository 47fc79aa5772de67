"""Exact counts of many marginals at once over batches of codes; they add up over batches and partitions."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synth.marginal.candidates import blocks, cells
from synth.models.tables import Grouping, Scope

_ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True, kw_only=True)
class CountPlan:
    """What to count: cliques over the groups of coded columns.

    Attributes:
      groups: for each column, int64 [n_codes]: the group that each code counts in, none below 0.
      sizes: groups of each column.
      cliques: the marginals wanted.
    """

    groups: tuple[NDArray[np.int64], ...]
    sizes: tuple[int, ...]
    cliques: tuple[Scope, ...]

    @staticmethod
    def of(groupings: Sequence[Grouping], cliques: Sequence[Scope]) -> "CountPlan":
        """The plan over a model's groups; a row with a code held impossible counts in its column's first
        group, so that every row counts exactly once in every clique."""
        return CountPlan(
            groups=tuple(np.maximum(grouping.group, 0) for grouping in groupings),
            sizes=tuple(grouping.n_groups for grouping in groupings),
            cliques=tuple(cliques),
        )

    @cached_property
    def blocks(self) -> tuple[Scope, ...]:
        """The marginals that are really counted; every clique is a part of one."""
        return blocks(self.sizes, self.cliques)

    @property
    def _lengths(self) -> set[int]:
        return {len(clique) for clique in self.cliques}

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns that are needed."""
        return tuple(sorted({column for block in self.blocks for column in block}))

    @property
    def length(self) -> int:
        """Length of a count vector."""
        return sum(cells(self.sizes, block) for block in self.blocks)

    def count(self, codes: Mapping[int, NDArray[np.integer]]) -> NDArray[np.int64]:
        """Counts of all blocks, end to end: int64 [length].

        Args:
          codes: [n] for each of `columns`.
        Guarantee: adding or removing one row moves each clique's counts by 1 in a single cell.
        """
        total = np.zeros(self.length, dtype=np.int64)
        n_rows = len(next(iter(codes.values()))) if codes else 0
        for start in range(0, n_rows, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            grouped = {column: self.groups[column][codes[column][part]] for column in self.columns}
            place = 0
            for block in self.blocks:
                index = grouped[block[0]]
                for column in block[1:]:
                    index = index * self.sizes[column] + grouped[column]
                size = cells(self.sizes, block)
                total[place : place + size] += np.bincount(index, minlength=size)
                place += size
        return total

    def marginals(self, total: NDArray[np.int64]) -> dict[Scope, NDArray[np.int64]]:
        """The cliques' counts, shaped, from the sum of count vectors."""
        counted = {}
        place = 0
        for block in self.blocks:
            size = cells(self.sizes, block)
            counted[block] = total[place : place + size].reshape([self.sizes[c] for c in block])
            place += size
        found = {}
        homes: dict[Scope, Scope] = {}
        for block in self.blocks:
            for clique in itertools.chain.from_iterable(
                itertools.combinations(block, length) for length in self._lengths
            ):
                homes.setdefault(clique, block)
        for clique in self.cliques:
            block = homes[clique]
            axes = tuple(i for i, column in enumerate(block) if column not in clique)
            found[clique] = counted[block].sum(axis=axes)
        return found

"""A graphical model as conditional tables in NumPy: p(column | parents), drawn one column after another.

Columns live in *groups*: codes that were too rare to be told apart share one, and a code within its group
follows the released 1-way counts whatever the other columns say. A code without a group is impossible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain

Scope = tuple[int, ...]
"""Positions of columns in the domain, increasing."""


@dataclass(frozen=True)
class Factor:
    """Logarithms over the groups of some columns; float64, one axis for each column of `scope`."""

    scope: Scope
    logs: NDArray[np.float64]

    def over(self, scope: Scope) -> NDArray[np.float64]:
        """The logarithms with an axis of length 1 for every column of a larger scope that is missing here."""
        sizes = dict(zip(self.scope, self.logs.shape, strict=True))
        return self.logs.reshape([sizes.get(column, 1) for column in scope])


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """Which codes of a column share a group, and how a group divides among them.

    Attributes:
      group: int64 [n_codes], the group of each code; -1 for an impossible code.
      share: float64 [n_codes], a code's share of its group; sums to 1 within each group.
    """

    group: NDArray[np.int64]
    share: NDArray[np.float64]

    def __post_init__(self) -> None:
        possible = self.group >= 0
        if not possible.any() or set(self.group[possible].tolist()) != set(range(self.n_groups)):
            raise ValueError("groups must be numbered 0, 1, ... without gaps")
        totals = np.bincount(self.group[possible], self.share[possible], self.n_groups)
        if not (np.allclose(totals, 1) and (self.share >= 0).all() and (self.share[~possible] == 0).all()):
            raise ValueError("the shares of each group must sum to 1, and impossible codes have none")

    @property
    def n_groups(self) -> int:
        return int(self.group.max()) + 1

    @staticmethod
    def identity(n_codes: int) -> "Grouping":
        """Every code in a group of its own."""
        return Grouping(group=np.arange(n_codes), share=np.ones(n_codes))


@dataclass(frozen=True, kw_only=True)
class Table:
    """p(column's group | groups of the parents).

    Attributes:
      parents: columns drawn before this one.
      probabilities: float64, an axis for each parent and the last for the column; sums to 1 over it.
    """

    column: int
    parents: Scope
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The whole model: its columns in the order they are drawn, each with its table.

    Attributes:
      domain: the coded space.
      groupings: one for each column of the domain.
      tables: in drawing order; a table's parents come before it, and all of them are the parents and
        column of one earlier table, or none.
    """

    domain: Domain
    groupings: tuple[Grouping, ...]
    tables: tuple[Table, ...]

    def __post_init__(self) -> None:
        if [len(grouping.group) for grouping in self.groupings] != list(self.domain.sizes):
            raise ValueError("every column of the domain needs a grouping of its codes")
        if sorted(table.column for table in self.tables) != list(range(len(self.domain))):
            raise ValueError("every column of the domain needs exactly one table")
        drawn: set[int] = set()
        for table in self.tables:
            if not drawn.issuperset(table.parents):
                raise ValueError(f"column {table.column} is drawn before its parents {table.parents}")
            shape = [self.groupings[column].n_groups for column in (*table.parents, table.column)]
            if list(table.probabilities.shape) != shape:
                raise ValueError(f"the table of column {table.column} has shape {table.probabilities.shape}")
            sums = table.probabilities.sum(axis=-1)
            if not (np.allclose(sums, 1, atol=1e-9) and (table.probabilities >= 0).all()):
                raise ValueError(f"the table of column {table.column} does not hold probabilities")
            drawn.add(table.column)

    @property
    def cells(self) -> int:
        """Numbers that all tables hold."""
        return sum(table.probabilities.size for table in self.tables)

    def given(self, fixed: Mapping[str, int]) -> "Tables":
        """The exact model of the other columns when some columns' codes are known.

        Raises: ValueError if a code is impossible, by itself or together with the others.
        """
        codes = {self.domain.names.index(name): code for name, code in fixed.items()}
        groupings = list(self.groupings)
        groups = {}
        for column, code in codes.items():
            known = np.zeros(self.domain.sizes[column])
            known[code] = 1.0
            groups[column] = int(groupings[column].group[code])
            name = self.domain.names[column]
            if groups[column] < 0 or groupings[column].share[code] == 0:
                raise ValueError(f"code {code} of column {name!r} is impossible")
            groupings[column] = Grouping(group=np.where(known > 0, 0, -1), share=known)
        factors = [_sliced(table, groups) for table in self.tables]
        order = [table.column for table in reversed(self.tables) if table.column not in codes]
        constant = tuple(Table(column=c, parents=(), probabilities=np.ones(1)) for c in codes)
        tables, log_evidence = _eliminate(factors, order)
        if log_evidence == -np.inf:
            raise ValueError(f"the codes {dict(fixed)} are impossible together")
        return Tables(domain=self.domain, groupings=tuple(groupings), tables=(*constant, *tables))

    @cached_property
    def families(self) -> Mapping[int, tuple[Scope, NDArray[np.float64]]]:
        """For each column, its parents and itself with their joint distribution over groups.

        The column is the last axis and the last of the scope.
        """
        joints: dict[int, tuple[Scope, NDArray[np.float64]]] = {}
        for table in self.tables:
            above = np.ones(())
            if table.parents:
                holder = next(s for s, _ in reversed(joints.values()) if set(table.parents) <= set(s))
                scope, joint = joints[holder[-1]]
                above = marginalised(joint, scope, table.parents)
            family = (*table.parents, table.column)
            joints[table.column] = family, above[..., None] * table.probabilities
        return joints


def marginalised(joint: NDArray[np.float64], scope: Scope, kept: Scope) -> NDArray[np.float64]:
    """Sum a joint over all but the kept columns; axes come in the order of `kept`."""
    left = [column for column in scope if column in kept]
    summed = joint.sum(axis=tuple(i for i, column in enumerate(scope) if column not in kept))
    return summed.transpose([left.index(column) for column in kept])


def tables_of_factors(
    domain: Domain, groupings: Sequence[Grouping], factors: Sequence[Factor], order: Sequence[int]
) -> Tables:
    """The exact conditional tables of a product of factors.

    Args:
      factors: logarithms over groups; their product need not be normalised.
      order: all columns, in the order of elimination: the last is drawn first.
    """
    tables, _ = _eliminate(factors, order, dict(enumerate(g.n_groups for g in groupings)))
    return Tables(domain=domain, groupings=tuple(groupings), tables=tuple(tables))


def elimination_order(sizes: Sequence[int], scopes: Sequence[Scope]) -> list[int]:
    """Columns in a greedy order: next is always the one whose elimination makes the smallest table."""
    neighbours: dict[int, set[int]] = {column: set() for column in range(len(sizes))}
    for scope in scopes:
        for column in scope:
            neighbours[column] |= set(scope) - {column}
    order = []
    while neighbours:
        column = min(neighbours, key=lambda c: (_cells(sizes, {c, *neighbours[c]}), c))
        around = neighbours.pop(column)
        for other in around:
            neighbours[other] |= around - {other}
            neighbours[other].discard(column)
        order.append(column)
    return order


def induced_cliques(sizes: Sequence[int], scopes: Sequence[Scope], order: Sequence[int]) -> list[Scope]:
    """The tables' scopes that eliminating in this order makes, those within another left out."""
    remaining = [set(scope) for scope in scopes]
    made: list[set[int]] = []
    for column in order:
        touched = [scope for scope in remaining if column in scope]
        clique = set().union({column}, *touched)
        remaining = [scope for scope in remaining if column not in scope] + [clique - {column}]
        made.append(clique)
    kept = [clique for clique in made if not any(clique < other for other in made)]
    return sorted({tuple(sorted(clique)) for clique in kept})


def _cells(sizes: Sequence[int], columns: set[int]) -> int:
    cells = 1
    for column in columns:
        cells *= sizes[column]
    return cells


def _eliminate(
    factors: Sequence[Factor], order: Sequence[int], sizes: Mapping[int, int] | None = None
) -> tuple[list[Table], float]:
    """Sum columns out one by one; returns their tables in drawing order and the log of what is left.

    `sizes` gives the groups of columns that no factor mentions.
    """
    remaining = list(factors)
    tables: list[Table] = []
    for column in order:
        touched = [factor for factor in remaining if column in factor.scope]
        if not touched:
            touched = [Factor((column,), np.zeros((sizes or {})[column]))]
        parents = tuple(sorted({c for factor in touched for c in factor.scope} - {column}))
        scope = (*parents, column)
        total: NDArray[np.float64] = sum((_arranged(f, scope) for f in touched), np.zeros(()))
        message = _logsumexp(total)
        with np.errstate(invalid="ignore"):
            probabilities = np.exp(total - message[..., None])
        # Parents that never occur together: any distribution will do.
        probabilities[~np.isfinite(message)] = 1 / total.shape[-1]
        probabilities /= probabilities.sum(axis=-1, keepdims=True)
        tables.append(Table(column=column, parents=parents, probabilities=probabilities))
        remaining = [factor for factor in remaining if column not in factor.scope]
        remaining.append(Factor(parents, message))
    return tables[::-1], float(sum(factor.logs for factor in remaining))


def _arranged(factor: Factor, scope: Scope) -> NDArray[np.float64]:
    """The factor's logarithms with its axes in the order of a larger scope."""
    own = [column for column in scope if column in factor.scope]
    moved = factor.logs.transpose([factor.scope.index(column) for column in own])
    return Factor(tuple(own), moved).over(scope)


def _logsumexp(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis; minus infinity where all are."""
    top = logs.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        summed: NDArray[np.float64] = np.log(np.exp(logs - top).sum(axis=-1)) + top[..., 0]
    return summed


def _sliced(table: Table, groups: Mapping[int, int]) -> Factor:
    """A table's logarithms with the known columns' groups put in."""
    scope = (*table.parents, table.column)
    place = tuple(groups.get(column, slice(None)) for column in scope)
    with np.errstate(divide="ignore"):
        logs = np.log(table.probabilities[place])
    return Factor(tuple(column for column in scope if column not in groups), logs)

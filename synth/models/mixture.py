"""A mixture whose parts share one forest of strong ties, in NumPy: its weights, tables and exact marginals.

    p(x) = sum_k w_k prod_v p_k(x_v | x_parent(v)),    p_k(. | parent) = softmax(each_kv + tie_v[parent])

Every table is over *groups* of codes (see `synth.models.tables.Grouping`); a column without a parent has
`softmax(each_kv)`. Parts come from several fits of the same answers, and each fit has ties of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.models.tables import Grouping, Scope

_TINY = 1e-300


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Which column each column hangs on.

    Attributes:
      parents: of each column; None for a root.
    Raises: ValueError if a column is above itself.
    """

    parents: tuple[int | None, ...]

    def __post_init__(self) -> None:
        if len(self.order) != len(self.parents):
            raise ValueError(f"the parents {self.parents} make no forest")

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The columns level by level: a parent before all that hang on it."""
        placed = [column for column, parent in enumerate(self.parents) if parent is None]
        below: dict[int, list[int]] = {}
        for column, parent in enumerate(self.parents):
            if parent is not None:
                below.setdefault(parent, []).append(column)
        for column in placed:
            placed.extend(below.get(column, ()))
        return tuple(placed)

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """The root of each column's tree."""
        found: dict[int, int] = {}
        for column in self.order:
            parent = self.parents[column]
            found[column] = column if parent is None else found[parent]
        return tuple(found[column] for column in range(len(self.parents)))


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A mixture with its tables spelled out, ready to be drawn from.

    Attributes:
      weights: float64 [P], > 0 somewhere; sums to 1.
      forest: of the columns.
      tables: of each column, p_k(group) [P, d] for a root, else p_k(group | parent's group) [P, d_parent, d].
      groupings: codes of each column's groups.
    """

    domain: Domain
    groupings: tuple[Grouping, ...]
    forest: Forest
    weights: NDArray[np.float64]
    tables: tuple[NDArray[np.float64], ...]

    def given(self, fixed: Mapping[int, int]) -> "Parts":
        """The exact model of rows in which these columns have these codes: Bayes' rule over the parts and
        messages up the trees. Tables that the codes do not bear on are shared with this one.

        Raises: ValueError if a code is impossible, by itself or together with the others.
        """
        tables, groupings = list(self.tables), list(self.groupings)
        evidence = _logs(self.weights)
        messages: dict[int, NDArray[np.float64]] = {}  # to a column's own groups: [P, d]
        for column in reversed(self.forest.order):
            if column in fixed:
                name = self.domain.names[column]
                groupings[column] = _known(groupings[column], fixed[column], name)
                seen = np.zeros(groupings[column].n_groups)
                seen[groupings[column].group[fixed[column]]] = self.groupings[column].share[fixed[column]]
                messages[column] = messages.get(column, np.ones(())) * seen
            if column not in messages:
                continue
            parent = self.forest.parents[column]
            message = np.atleast_2d(messages[column])
            joint = self.tables[column] * (message if parent is None else message[:, None, :])
            mass = joint.sum(axis=-1)  # [P] of a root, else [P, d_parent]
            tables[column] = _normalised(joint, mass)
            # In units of the largest, so that many columns do not underflow.
            top = mass.reshape(len(evidence), -1).max(axis=1)
            evidence = evidence + _logs(top)
            if parent is not None:
                upwards = mass / np.maximum(top, _TINY)[:, None]
                messages[parent] = messages.get(parent, np.ones(())) * upwards
        if not np.isfinite(evidence).any():
            codes = {self.domain.names[column]: code for column, code in fixed.items()}
            raise ValueError(f"the codes {codes} are impossible together")
        weights = np.exp(evidence - evidence.max())
        return Parts(
            domain=self.domain,
            groupings=tuple(groupings),
            forest=self.forest,
            weights=weights / weights.sum(),
            tables=tuple(tables),
        )


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """The learned numbers.

    Attributes:
      weights: float64 [P], sums to 1.
      fit_of: int64 [P], the fit that a part comes from; numbered 0 .. F - 1.
      each: of each column, float32 [P, d].
      ties: of each column that has a parent, float32 [F, d_parent, d]; None for roots.
    """

    domain: Domain
    groupings: tuple[Grouping, ...]
    forest: Forest
    weights: NDArray[np.float64]
    fit_of: NDArray[np.int64]
    each: tuple[NDArray[np.float32], ...]
    ties: tuple[NDArray[np.float32] | None, ...]

    def __post_init__(self) -> None:
        sizes = [grouping.n_groups for grouping in self.groupings]
        n_parts, n_fits = len(self.weights), int(self.fit_of.max()) + 1
        if [len(grouping.group) for grouping in self.groupings] != list(self.domain.sizes):
            raise ValueError("every column of the domain needs a grouping of its codes")
        if not len(self.forest.parents) == len(self.each) == len(self.ties) == len(sizes):
            raise ValueError("every column of the domain needs its place in the forest and its tables")
        if not ((self.weights >= 0).all() and abs(self.weights.sum() - 1) < 1e-6):
            raise ValueError("the weights of the parts do not sum to 1")
        if self.fit_of.shape != (n_parts,) or (self.fit_of < 0).any():
            raise ValueError("every part needs the fit that it comes from")
        for column, parent in enumerate(self.forest.parents):
            tie = self.ties[column]
            wanted = None if parent is None else (n_fits, sizes[parent], sizes[column])
            if self.each[column].shape != (n_parts, sizes[column]) or wanted != (
                None if tie is None else tie.shape
            ):
                raise ValueError(f"the tables of column {self.domain.names[column]!r} have wrong shapes")
            finite = np.isfinite(self.each[column]).all() and (tie is None or np.isfinite(tie).all())
            if not finite:
                raise ValueError(f"the tables of column {self.domain.names[column]!r} are not finite")

    @property
    def cells(self) -> int:
        """Numbers that the model holds."""
        tied = sum(tie.size for tie in self.ties if tie is not None)
        return len(self.weights) + sum(table.size for table in self.each) + tied

    @cached_property
    def parts(self) -> Parts:
        """The model with its tables spelled out."""
        tables = []
        for logs, tie in zip(self.each, self.ties, strict=True):
            wide = logs.astype(np.float64)
            tables.append(_softmax(wide if tie is None else wide[:, None, :] + tie[self.fit_of]))
        return Parts(
            domain=self.domain,
            groupings=self.groupings,
            forest=self.forest,
            weights=self.weights / self.weights.sum(),
            tables=tuple(tables),
        )


def one_way(parts: Parts) -> list[NDArray[np.float64]]:
    """p_k(column's group) of every column: [P, d]."""
    found: dict[int, NDArray[np.float64]] = {}
    for column in parts.forest.order:
        parent = parts.forest.parents[column]
        table = parts.tables[column]
        found[column] = table if parent is None else np.einsum("kp,kpv->kv", found[parent], table)
    return [found[column] for column in range(len(parts.tables))]


def column_marginals(parts: Parts) -> dict[Scope, NDArray[np.float64]]:
    """The exact distribution of each column's groups; each sums to 1."""
    return {(column,): parts.weights @ alone for column, alone in enumerate(one_way(parts))}


def pair_marginals(
    parts: Parts, scopes: Sequence[Scope] | None = None
) -> Iterator[tuple[Scope, NDArray[np.float64]]]:
    """The exact joint distribution of pairs of columns' groups, one after another; each sums to 1.

    Args:
      scopes: pairs, increasing; None for all pairs.
    """
    n_columns = len(parts.tables)
    if scopes is None:
        scopes = [(u, v) for u in range(n_columns) for v in range(u + 1, n_columns)]
    alone = one_way(parts)
    roots = parts.forest.roots
    by_first: dict[int, list[int]] = {}
    for u, v in scopes:
        by_first.setdefault(u, []).append(v)
    for u, others in by_first.items():
        near = [v for v in others if roots[v] == roots[u]]
        joints = _joints_with(parts, alone, u, near)
        weighted = parts.weights[:, None] * alone[u]
        for v in others:
            if v in joints:
                yield (u, v), np.einsum("k,kuv->uv", parts.weights, joints[v])
            else:
                yield (u, v), weighted.T @ alone[v]


def _joints_with(
    parts: Parts, alone: Sequence[NDArray[np.float64]], column: int, others: Sequence[int]
) -> dict[int, NDArray[np.float64]]:
    """p_k(column, other) for others of its tree: [P, d, d_other], walked along the tree's paths."""
    parents = parts.forest.parents
    size = alone[column].shape[1]
    found = {column: alone[column][:, :, None] * np.eye(size)[None]}
    trail = [column]  # up to the root; then down from where a path leaves it
    while (parent := parents[trail[-1]]) is not None:
        below = trail[-1]
        # p(parent | below) by Bayes' rule; what cannot be gets no mass.
        both = alone[parent][:, :, None] * parts.tables[below]
        upwards = both / np.maximum(alone[below], _TINY)[:, None, :]
        found[parent] = found[below] @ upwards.transpose(0, 2, 1)
        trail.append(parent)

    def reach(other: int) -> NDArray[np.float64]:
        if other not in found:
            parent = parents[other]
            assert parent is not None, "both lie in one tree"
            found[other] = reach(parent) @ parts.tables[other]
        return found[other]

    return {other: reach(other) for other in others}


def _known(grouping: Grouping, code: int, name: str) -> Grouping:
    """The grouping in which a group's only code is this one."""
    group = int(grouping.group[code])
    if group < 0 or grouping.share[code] == 0:
        raise ValueError(f"code {code} of column {name!r} is impossible")
    share = np.where(grouping.group == group, 0.0, grouping.share)
    share[code] = 1.0
    return Grouping(group=grouping.group, share=share)


def _normalised(joint: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the last axis; what has no mass is never reached, so that any distribution will do."""
    even = np.full(joint.shape[-1], 1 / joint.shape[-1])
    return np.where(mass[..., None] > 0, joint / np.maximum(mass, _TINY)[..., None], even)


def _logs(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        logs: NDArray[np.float64] = np.log(values)
    return logs


def _softmax(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)

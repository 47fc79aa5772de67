"""Every pair of columns under a model, exactly, by passing along its junction tree."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synth.models.tables import Scope, Tables, marginalised


def pair_marginals(tables: Tables) -> dict[Scope, NDArray[np.float64]]:
    """The joint distribution of each pair of columns' groups; each sums to 1."""
    nodes = _nodes(tables)
    edges = _edges(nodes)
    found: dict[Scope, NDArray[np.float64]] = {}
    for column in range(len(tables.domain)):
        home = min((s for s in nodes if column in s), key=lambda s: nodes[s].size)
        _spread(column, home, nodes, edges, found)
    return found


def mutual_information(joint: NDArray[np.float64]) -> float:
    """Of a pair's joint distribution, in bits."""
    apart = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 0
    return max(0.0, float((joint[seen] * np.log2(joint[seen] / apart[seen])).sum()))


def _nodes(tables: Tables) -> dict[Scope, NDArray[np.float64]]:
    """The families that lie in no other, in the order of their columns' axes."""
    families = {tuple(sorted(scope)): (scope, joint) for scope, joint in tables.families.values()}
    return {
        name: marginalised(joint, scope, name)
        for name, (scope, joint) in families.items()
        if not any(set(name) < set(other) for other in families)
    }


def _edges(nodes: Mapping[Scope, NDArray[np.float64]]) -> dict[Scope, list[Scope]]:
    """A spanning tree of the nodes by the size of what they share: a junction tree."""
    edges: dict[Scope, list[Scope]] = {node: [] for node in nodes}
    names = list(nodes)
    joined = names[:1]
    while len(joined) < len(names):
        inner, outer = max(
            ((a, b) for a in joined for b in names if b not in joined),
            key=lambda ends: len(set(ends[0]) & set(ends[1])),
        )
        edges[inner].append(outer)
        edges[outer].append(inner)
        joined.append(outer)
    return edges


def _spread(
    column: int,
    home: Scope,
    nodes: Mapping[Scope, NDArray[np.float64]],
    edges: Mapping[Scope, list[Scope]],
    found: dict[Scope, NDArray[np.float64]],
) -> None:
    """Fill in the pairs of one column with all later ones, walking away from a node that holds it."""
    n_groups = nodes[home].shape[home.index(column)]
    rest = tuple(c for c in home if c != column)
    # [groups of the column, cells of the node's other columns]
    joint = marginalised(nodes[home], home, (column, *rest))
    stack: list[tuple[Scope, Scope, Scope, NDArray[np.float64]]] = [(home, home, rest, joint)]
    while stack:
        node, came_from, scope, joint = stack.pop()
        for other in scope:
            if other > column and (column, other) not in found:
                found[column, other] = marginalised(joint, (column, *scope), (column, other))
        for onward in edges[node]:
            if onward == came_from:
                continue
            shared = tuple(c for c in onward if c in scope)
            if column in onward:
                further = tuple(c for c in onward if c != column)
                stack.append((onward, node, further, marginalised(nodes[onward], onward, (column, *further))))
                continue
            beyond = tuple(c for c in onward if c not in scope)
            there = marginalised(nodes[onward], onward, (*shared, *beyond))
            mass = there.sum(axis=tuple(range(len(shared), there.ndim)), keepdims=True)
            conditional = there / np.where(mass > 0, mass, 1.0)
            above = marginalised(joint, (column, *scope), (column, *shared))
            width = int(np.prod(above.shape[1:]))
            spread = above.reshape(n_groups, width, 1) * conditional.reshape(1, width, -1)
            stack.append((onward, node, (*shared, *beyond), spread.reshape(n_groups, *there.shape)))

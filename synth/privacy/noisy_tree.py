"""A tree of noisy counts that grows round by round, made consistent by weighted least squares."""

import numpy as np
from numpy.typing import NDArray


class NoisyTree:
    """Nodes of a grid's tree with what was measured of them.

    Leaves are measured once a round until they are split; then their children are. Children of a node lie
    one after another, behind it, and hold all that it holds.

    Attributes:
      first, shift: int64 [n]: the first cell, and log2 of the number of cells, of each node.
      parent: int64 [n], -1 for roots. children: per node the range of its children, empty for a leaf.
    """

    def __init__(self, roots: NDArray[np.int64], shift: int) -> None:
        self.first = roots
        self.shift = np.full(len(roots), shift, dtype=np.int64)
        self.parent = np.full(len(roots), -1, dtype=np.int64)
        self.children = [(0, 0)] * len(roots)
        self._precision = np.zeros(len(roots))
        self._weighted = np.zeros(len(roots))

    @property
    def leaves(self) -> NDArray[np.int64]:
        """Nodes that are not split, in the order of their making."""
        return np.array([n for n, (a, b) in enumerate(self.children) if a == b], dtype=np.int64)

    def split(self, node: int, children: NDArray[np.int64], shift: int) -> None:
        """Give a leaf its children, by their first cells."""
        n = len(self.first)
        self.children[node] = (n, n + len(children))
        self.children += [(0, 0)] * len(children)
        self.first = np.concatenate([self.first, children])
        for name, value in (("shift", shift), ("parent", node)):
            grown = np.full(len(children), value, dtype=np.int64)
            setattr(self, name, np.concatenate([getattr(self, name), grown]))
        zeros = np.zeros(len(children))
        self._precision = np.concatenate([self._precision, zeros])
        self._weighted = np.concatenate([self._weighted, zeros])

    def measure(self, nodes: NDArray[np.int64], noisy: NDArray[np.float64], scale: float) -> None:
        """Note noisy counts of nodes, of noise of standard deviation `scale`."""
        self._precision[nodes] += scale**-2
        self._weighted[nodes] += noisy * scale**-2

    def estimates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least-squares counts of all nodes that agree with each other, and standard deviations of what was
        seen of each node and below it (an upper bound of the counts' own). [n], [n].

        Source: Hay, Rastogi, Miklau, Suciu 2010, with a weight for each measurement: from the leaves up, each
        node's measurement is averaged with the sum of its children; from the roots down, what a node has
        beyond that sum is shared out by its children's variances.
        """
        precision, value = self._precision.copy(), self._weighted / self._precision
        split = [node for node, (start, stop) in enumerate(self.children) if stop > start]
        for node in reversed(split):
            below = slice(*self.children[node])
            among = 1 / (1 / precision[below]).sum()
            total = precision[node] + among
            value[node] = (precision[node] * value[node] + among * value[below].sum()) / total
            precision[node] = total
        for node in split:
            below = slice(*self.children[node])
            variance = 1 / precision[below]
            value[below] += (value[node] - value[below].sum()) * variance / variance.sum()
        return value, precision**-0.5

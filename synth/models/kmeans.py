"""Clusters of coded rows from noisy sums: Lloyd's algorithm on a public projection.

Source: DPLloyd, Blum et al. 2005 and Su et al. 2016; the start from public facts alone.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.core.domain import Domain
from synth.models.sums import NoisySums, in_ball

_DIMENSIONS = 16
_RADII = 1.5
"""Radius of the ball that holds the rows, in root mean squares of their distance from the centre."""
_COUNT = 0.6
"""Of a row's statistic of norm 1: the length of its count; the rest is its place."""
_LEAST = 1e-3
"""Least share of a cluster: noise may leave a count at zero or below."""


class KMeans(NoisySums):
    """`parts` clusters in a projection of one-hot rows about their released mean.

    The state holds the centres, [parts, D], then the clusters' shares, [parts].
    """

    def __init__(
        self, *, domain: Domain, shares: NDArray[np.float64], parts: int, turns: int, seed: int
    ) -> None:
        """Args:
        shares: released 1-way marginals, [domain.total]; the rows that they would give independently
          are the first centres.
        """
        self.turns, self.parts = turns, parts
        rng = np.random.default_rng([seed, 1])
        width = min(_DIMENSIONS, domain.total)
        self.width = width
        projection = rng.standard_normal((domain.total, width)) / math.sqrt(width)
        spread = np.sqrt(1 - np.add.reduceat(shares**2, domain.offsets[:-1]).sum() / len(domain))
        self._offsets = torch.tensor(domain.offsets[:-1])
        self._projection = torch.from_numpy(projection).float()
        self._middle = torch.from_numpy(shares @ projection).float()
        self._radius = _RADII * math.sqrt(len(domain)) * float(max(spread, 1e-3))
        columns = zip(domain.offsets[:-1], domain.sizes, strict=True)
        drawn = [rng.choice(n, size=parts, p=shares[a : a + n] / shares[a : a + n].sum()) for a, n in columns]
        centres = self.points(torch.from_numpy(np.stack(drawn, axis=1)))
        self.start = torch.cat([centres.flatten(), torch.full((parts,), 1 / parts)])

    def points(self, codes: Tensor) -> Tensor:
        """Rows in the unit ball of the projection. int64 [..., K] -> float32 [..., D]."""
        device = codes.device
        at = codes + self._offsets.to(device)
        placed = self._projection.to(device)[at].sum(-2) - self._middle.to(device)
        return in_ball(placed, self._radius)

    def nearest(self, codes: Tensor, state: Tensor) -> Tensor:
        """The cluster of each row. int64 [..., K] -> int64 [...]."""
        centres = self.centres(state).to(codes.device)
        return (self.points(codes)[..., None, :] - centres).square().sum(-1).argmin(-1)

    def centres(self, state: Tensor) -> Tensor:
        """[parts, D]."""
        return state[: self.parts * self.width].view(self.parts, self.width)

    def shares(self, state: Tensor) -> Tensor:
        """[parts], adding up to 1."""
        return state[self.parts * self.width :]

    def statistics(self, codes: Tensor, weights: Tensor, normals: Tensor, state: Tensor) -> Tensor:
        chosen = torch.nn.functional.one_hot(self.nearest(codes, state), self.parts) * weights[..., None]
        points = self.points(codes) * math.sqrt(1 - _COUNT**2)
        counts = torch.full((*points.shape[:-1], 1), _COUNT, device=points.device)
        rows = torch.cat([points, counts], dim=-1)  # [U, R, D + 1]
        return (chosen.transpose(1, 2) @ rows).flatten(1)  # [U, parts, D + 1] -> [U, N]

    def updated(self, state: Tensor, sums: Tensor, turn: int) -> Tensor:
        by_cluster = sums.view(self.parts, self.width + 1)
        counts = by_cluster[:, -1:] / _COUNT
        shares = counts[:, 0].clamp(min=0)
        shares = (shares / shares.sum().clamp(min=1e-12)).clamp(min=_LEAST)
        centres = self.centres(state)
        if turn < self.turns - 1:  # the last turn only counts, by the centres that stay
            moved = by_cluster[:, :-1] / math.sqrt(1 - _COUNT**2) / counts
            # A cluster whose count drowned in noise stays where it was.
            centres = torch.where(counts > _LEAST * counts.sum(), in_ball(moved, 1.0), centres)
        return torch.cat([centres.flatten(), shares / shares.sum()])

"""The latent density by a mixture of Gaussians from noisy moments: expectation maximization under privacy.

Source: DP-EM, Park et al. 2017, with the moments of all components as one Gaussian mechanism a turn; in the
place of a standard normal as in Abay et al. 2018.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from synth.models.decoder import Mixture
from synth.models.sums import NoisySums, in_ball

_LEAST = 1e-3
"""Least share of a component, and least variance in squared radii."""
_FIRST_SPREAD = 0.25
"""Standard deviation of the first components along each direction, in radii over the root of the width."""

Encode = Callable[[Tensor, Tensor], Tensor]
"""Codes [..., K] and normals [..., n] -> latents [..., latent]."""


class ExpectationMaximization(NoisySums):
    """`parts` Gaussians with full covariances over latents in a ball of `radius`.

    The state holds shares, [parts], means, [parts, latent], and covariances, [parts, latent, latent], in
    units of the radius.
    """

    def __init__(
        self, *, encode: Encode, latent: int, radius: float, parts: int, turns: int, seed: int
    ) -> None:
        self.turns = turns
        self._encode, self._latent, self._radius, self._parts = encode, latent, radius, parts
        rng = np.random.default_rng([seed, 2])
        means = torch.from_numpy(rng.standard_normal((parts, latent), dtype=np.float32))
        means = means * (_FIRST_SPREAD / math.sqrt(latent))
        covariances = torch.eye(latent).expand(parts, -1, -1) * (2 * _FIRST_SPREAD) ** 2 / latent
        self.start = self._packed(torch.full((parts,), 1 / parts), means, covariances)
        upper = torch.triu_indices(latent, latent)
        self._upper = (upper[0], upper[1])
        # Twice off the diagonal: the norm of half a symmetric matrix is then that of the whole.
        self._weights = torch.where(upper[0] == upper[1], 1.0, math.sqrt(2.0))

    def statistics(self, codes: Tensor, weights: Tensor, normals: Tensor, state: Tensor) -> Tensor:
        points = in_ball(self._encode(codes, normals), self._radius)  # [U, R, latent]
        shares = self._responsibilities(points, state) * weights[..., None]  # [U, R, parts]
        first, second = (index.to(points.device) for index in self._upper)
        squares = points[..., first] * points[..., second] * self._weights.to(points.device)
        ones = torch.ones((*points.shape[:-1], 1), device=points.device)
        # Responsibilities add up to 1, and each of the three parts has norm 1 at most.
        moments = torch.cat([ones, points, squares], dim=-1) / math.sqrt(3)
        return (shares.transpose(1, 2) @ moments).flatten(1)  # [U, parts, 1 + latent + ...] -> [U, N]

    def updated(self, state: Tensor, sums: Tensor, turn: int) -> Tensor:
        shares, means, covariances = (part.clone() for part in self._parted(state))
        moments = sums.view(self._parts, -1).double().cpu() * math.sqrt(3)
        counts = moments[:, 0].clamp(min=0)
        shares = (counts / counts.sum().clamp(min=1e-12)).clamp(min=_LEAST)
        first, second = self._upper
        for part in range(self._parts):
            if counts[part] <= _LEAST * counts.sum():
                continue  # drowned in noise: it stays where it was
            mean = in_ball(moments[part, 1 : 1 + self._latent] / counts[part], 1.0)
            square = torch.zeros(self._latent, self._latent, dtype=torch.float64)
            square[first, second] = moments[part, 1 + self._latent :] / counts[part] / self._weights.double()
            square = square + square.T - torch.diag(square.diagonal())
            values, vectors = torch.linalg.eigh(square - torch.outer(mean, mean))
            # Noise may leave directions of no variance, or of more than the ball holds.
            values = values.clamp(min=_LEAST / self._latent, max=1.0)
            means[part] = mean.float()
            covariances[part] = (vectors @ torch.diag(values) @ vectors.T).float()
        return self._packed((shares / shares.sum()).float(), means, covariances)

    def mixture(self, state: Tensor) -> Mixture:
        """What the state says, in the latent's own units."""
        shares, means, covariances = self._parted(state)
        return Mixture(
            shares=shares.numpy().copy(),
            means=(means * self._radius).numpy(),
            factors=(torch.linalg.cholesky(covariances) * self._radius).numpy(),
        )

    def _responsibilities(self, points: Tensor, state: Tensor) -> Tensor:
        """How much of each point is each component's. [..., latent] -> [..., parts], adding up to 1."""
        shares, means, covariances = (part.to(points.device) for part in self._parted(state))
        factors = torch.linalg.cholesky(covariances)
        away = points[..., None, :] - means  # [..., parts, latent]
        solved = torch.linalg.solve_triangular(factors, away[..., None], upper=False)[..., 0]
        spread = factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)  # [parts]
        return (shares.log() - spread - 0.5 * solved.square().sum(-1)).softmax(-1)

    def _packed(self, shares: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
        return torch.cat([shares, means.flatten(), covariances.flatten()])

    def _parted(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n, latent = self._parts, self._latent
        shares, means, covariances = torch.split(state, [n, n * latent, n * latent**2])
        return shares, means.view(n, latent), covariances.view(n, latent, latent)

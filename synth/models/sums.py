"""What a model may ask of the table beside gradients: sums over privacy units, a planned number of times."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class NoisySums(ABC):
    """A computation that sees the rows through sums alone, each unit's part bounded and noise on the whole.

    Whoever runs it clips each unit's statistic to L2 norm 1 and adds noise to the sum over all units, so that
    every turn is one Gaussian mechanism of sensitivity 1 and what is done with the sums is post-processing.

    Attributes:
      turns: how many sums are taken, planned and charged beforehand.
      start: what is known before the first; float32 [S], from public facts and released values.
    """

    turns: int
    start: Tensor

    @abstractmethod
    def statistics(self, codes: Tensor, weights: Tensor, normals: Tensor, state: Tensor) -> Tensor:
        """Each unit's part of the next sum.

        Args:
          codes: int64 [U, R, K]. weights: float32 [U, R], of each row in its unit; 0 for padding.
          normals: float32 [U, R, n_normals], standard normal. state: float32 [S], the same on every rank.
        Returns: float32 [U, N]; whatever a unit holds, beyond norm 1 it is cut.
        """

    @abstractmethod
    def updated(self, state: Tensor, sums: Tensor, turn: int) -> Tensor:
        """What is known after a turn, from noisy sums alone. [S], [N], 0 .. turns-1 -> [S]."""


def in_ball(points: Tensor, radius: float) -> Tensor:
    """Points in units of the radius, those outside moved to the sphere. [..., n] -> [..., n], norm <= 1."""
    scaled = points / radius
    return scaled / torch.linalg.vector_norm(scaled, dim=-1, keepdim=True).clamp(min=1.0)

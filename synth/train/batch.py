"""Privacy units as tensors: what a step or a sum takes from a rank's shard."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.train.shard import Shard


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some privacy units of this rank, each padded to the same number of rows.

    Attributes:
      codes: int64 [U, R, K]; U may be 0.
      weights: float32 [U, R]; of each row in its unit's loss; 0 for padding.
      normals: float32 [U, R, n_normals]; the draws that the loss needs, made before any cutting into
        physical batches, so that cutting never changes the sum.
    """

    codes: Tensor
    weights: Tensor
    normals: Tensor

    def of(self, units: slice) -> "Batch":
        """The same for some units."""
        return Batch(codes=self.codes[units], weights=self.weights[units], normals=self.normals[units])

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


def batch_of(
    shard: Shard, units: NDArray[np.int64], row_weight: float, n_normals: int, rng: np.random.Generator
) -> Batch:
    """Units of a shard, with fresh draws.

    Args:
      units: [U], positions in the shard. row_weight: of each row in its unit's loss.
    """
    codes, present = shard.gather(units)  # [U, R, K], [U, R]
    normals = rng.standard_normal((*present.shape, n_normals), dtype=np.float32)
    return Batch(
        codes=torch.from_numpy(codes),
        weights=torch.from_numpy(present * np.float32(row_weight)),
        normals=torch.from_numpy(normals),
    )

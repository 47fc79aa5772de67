"""What DP-SGD asks of a network: a loss for each row, from linear layers alone."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class RowModel(nn.Module, ABC):
    """A network whose parameters all belong to `nn.Linear` layers with biases, each used once a pass.

    Nothing mixes rows: the loss of a row depends on that row, its draws and the weights alone. On this
    rests that one privacy unit moves a clipped sum by one clipped gradient only.
    """

    @abstractmethod
    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """Loss of each row. int64 [..., K], float32 [..., latent] of standard normals -> float32 [...]."""

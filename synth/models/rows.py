"""What DP-SGD asks of a network: a loss for each row, from layers whose gradients' norms are known."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from synth.models.sums import NoisySums


class RowModel(nn.Module, ABC):
    """A network whose trained layers have a rule in `synth.train.ghost`, each used once a pass.

    Nothing mixes rows: the loss of a row depends on that row, its draws and the weights alone. On this
    rests that one privacy unit moves a clipped sum by one clipped gradient only.

    Attributes:
      n_normals: how many standard normals the loss of a row takes.
      loss_bound: where a unit's loss is cut if it is released; > 0, from public facts.
    """

    n_normals: int
    loss_bound: float
    averages: ClassVar[bool] = True
    """Whether the released weights are the running average of the trained ones."""

    @abstractmethod
    def losses(self, codes: Tensor, normals: Tensor) -> Tensor:
        """Loss of each row. int64 [..., K], float32 [..., n_normals] of standard normals -> float32 [...]."""

    def trained(self) -> nn.Module:
        """The part whose parameters DP-SGD moves, all of them and in order; the rest never sees a row."""
        return self

    def before_step(self, step: int, steps: int, *, is_private: bool) -> None:
        """Set what changes along the plan; by public facts alone."""

    def after_step(self, step: int, steps: int) -> None:
        """Post-processing of the noisy weights, the same on every rank; it has no data to look at."""

    def sums_before(self) -> NoisySums | None:
        """What the network learns from noisy sums before the first step; None for nothing."""
        return None

    def sums_after(self) -> NoisySums | None:
        """What it learns so after the last, with its released weights in place; not both."""
        return None

    def keep(self, state: Tensor) -> None:
        """Take what the noisy sums taught: the last state of `sums_before` or `sums_after`."""
        raise NotImplementedError("a network that asks for sums keeps what they teach")

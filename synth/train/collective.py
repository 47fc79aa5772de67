"""What ranks do together: add up a vector, and agree on rank 0's."""

from typing import Protocol

import torch
from torch import Tensor


class Collective(Protocol):
    """All ranks call the same methods in the same order with vectors of the same shape."""

    @property
    def rank(self) -> int:
        """Which of the ranks this is, 0 .. size-1."""

    @property
    def size(self) -> int:
        """Number of ranks."""

    @property
    def local_size(self) -> int:
        """Number of ranks on this machine."""

    def sum(self, vector: Tensor) -> Tensor:
        """Sum of all ranks' vectors, the same on every rank; a plain sum, never an average."""

    def broadcast(self, vector: Tensor) -> Tensor:
        """Rank 0's vector, on every rank."""


class SingleProcess:
    """One rank, alone."""

    rank = 0
    size = 1
    local_size = 1

    def sum(self, vector: Tensor) -> Tensor:
        return vector

    def broadcast(self, vector: Tensor) -> Tensor:
        return vector


class HorovodCollective:
    """Horovod's bare collectives: float32, op=Sum, no compression, no join."""

    def __init__(self) -> None:
        import horovod.torch as hvd

        hvd.init()
        self._hvd = hvd
        self.rank: int = hvd.rank()
        self.size: int = hvd.size()
        self.local_size: int = hvd.local_size()

    def sum(self, vector: Tensor) -> Tensor:
        if vector.dtype != torch.float32:
            raise TypeError(f"sums over ranks are float32, got {vector.dtype}")
        total: Tensor = self._hvd.allreduce(
            vector,
            op=self._hvd.Sum,
            compression=self._hvd.Compression.none,
            name=f"sum.{len(vector)}",  # a name that returns is agreed on from a cache: half the time
        )
        return total

    def broadcast(self, vector: Tensor) -> Tensor:
        agreed: Tensor = self._hvd.broadcast(vector, root_rank=0)
        return agreed

    def close(self) -> None:
        """Leave; every rank must."""
        self._hvd.shutdown()

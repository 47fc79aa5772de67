"""What ranks do together: add up a vector, and agree on rank 0's."""

import socket
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from synth.train.ahead import Pending
from synth.train.cores import patient_threads

_STEPS_BETWEEN_CHECKS = 50


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

    @property
    def local_rank(self) -> int:
        """Which of this machine's ranks this is, 0 .. local_size-1."""

    def sum(self, vector: Tensor) -> Tensor:
        """Sum of all ranks' vectors, the same on every rank; a plain sum, never an average."""

    def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
        """Begin `sum`, and leave this rank free until its result is asked for.

        The vector is this call's from now on: it may be overwritten.
        """

    def broadcast(self, vector: Tensor) -> Tensor:
        """Rank 0's vector, on every rank."""


class SingleProcess:
    """One rank, alone."""

    rank = 0
    size = 1
    local_size = 1
    local_rank = 0

    def sum(self, vector: Tensor) -> Tensor:
        return vector

    def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
        return Pending.done(vector)

    def broadcast(self, vector: Tensor) -> Tensor:
        return vector


class HorovodCollective:
    """Horovod's bare collectives: float32, op=Sum, no compression, no join."""

    def __init__(self) -> None:
        import horovod.torch as hvd

        with patient_threads():
            hvd.init()
        self._hvd = hvd
        self._look()

    def _look(self) -> None:
        """Who is there, and who on this machine: Horovod takes two names of one host for two."""
        self.rank: int = self._hvd.rank()
        self.size: int = self._hvd.size()
        hosts = self._hvd.allgather_object(socket.gethostname(), name="hosts")
        here = [rank for rank, host in enumerate(hosts) if host == hosts[self.rank]]
        self.local_size = len(here)
        self.local_rank = here.index(self.rank)

    def sum(self, vector: Tensor) -> Tensor:
        return self.begin_sum(vector.clone()).result()

    def begin_sum(self, vector: Tensor) -> Pending[Tensor]:
        if vector.dtype != torch.float32:
            raise TypeError(f"sums over ranks are float32, got {vector.dtype}")
        # Never compressed. A name that returns is agreed on from a cache: half the time.
        handle = self._hvd.allreduce_async_(vector, op=self._hvd.Sum, name=f"sum.{len(vector)}")
        return Pending(is_done=lambda: self._hvd.poll(handle), result=lambda: self._hvd.synchronize(handle))

    def broadcast(self, vector: Tensor) -> Tensor:
        agreed: Tensor = self._hvd.broadcast(vector, root_rank=0)
        return agreed

    def close(self) -> None:
        """Leave; every rank must."""
        self._hvd.shutdown()

    def run_elastic(self, work: "Callable[[Elastic], None]") -> None:
        """Do the work, and again from its start each time that ranks are lost or join, with those there are.

        Under Horovod's elastic launcher. A collective that a lost rank interrupts raises through `work`; what
        a survivor had in memory is still there when `work` is called again.
        """
        import horovod.common.elastic
        import horovod.torch.elastic

        looked = True  # when this was made: a rank that joins must not look more often than the others

        def attempt(state: Any) -> None:
            nonlocal looked
            if not looked:
                self._look()
            looked = False
            work(Elastic(state.check_host_updates))

        class Ranks(horovod.common.elastic.State):
            """Nothing for Horovod to keep: the work itself brings all ranks to where rank 0 is."""

            def save(self) -> None: ...
            def restore(self) -> None: ...
            def sync(self) -> None: ...

        state = Ranks(bcast_object=self._hvd.broadcast_object, get_rank=self._hvd.rank)
        horovod.torch.elastic.run(attempt)(state)


class Elastic:
    """Between steps, makes room for ranks that join."""

    def __init__(self, check_hosts: Callable[[], None]) -> None:
        self._check_hosts = check_hosts

    def after_step(self, done: int) -> None:
        """Ask, now and then and on every rank after the same step, whether hosts came; interrupts if so."""
        if done % _STEPS_BETWEEN_CHECKS == 0:
            self._check_hosts()

"""What a rank does while it waits for the others: work for later steps, in small pieces."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, kw_only=True)
class Pending(Generic[T]):
    """Something that was begun, and that other ranks have a part in.

    Attributes:
      is_done: whether `result` would not wait.
      result: waits for it; to be called once.
    """

    is_done: Callable[[], bool]
    result: Callable[[], T]

    @staticmethod
    def done(value: U) -> "Pending[U]":
        """What nobody has to wait for."""
        return Pending(is_done=lambda: True, result=lambda: value)

    def then(self, finish: Callable[[T], U]) -> "Pending[U]":
        """The same with something to be done to the result."""
        return Pending(is_done=self.is_done, result=lambda: finish(self.result()))


class Ahead(Generic[T]):
    """Items in their order, each once; made while the rank would wait, or else when they are asked for."""

    def __init__(self, pieces: Iterator[T | None], *, most: int) -> None:
        """Make nothing yet.

        Args:
          pieces: does a piece of work each time; None, or the item that it completes.
          most: items that are held ready.
        """
        self._pieces = pieces
        self._most = most
        self._ready: deque[T] = deque()

    def work_during(self, pending: Pending[Any]) -> None:
        """Work until it is done or enough is ready."""
        while len(self._ready) < self._most and not pending.is_done():
            if not self._work():
                return
            os.sched_yield()  # the threads that add up may share this core, and do not interrupt

    def next(self) -> T:
        """The next item. Raises: IndexError if there are no more."""
        while not self._ready and self._work():
            pass
        return self._ready.popleft()

    def _work(self) -> bool:
        """Do a piece; whether there was one."""
        try:
            item = next(self._pieces)
        except StopIteration:
            return False
        if item is not None:
            self._ready.append(item)
        return True

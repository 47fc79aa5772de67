"""Values that were paid for; only `synth.privacy` makes them, so an unpaid one cannot be spelled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Released(Generic[T]):
    """A value that may leave the trusted side, with the ledger entry that paid for it."""

    value: T
    entry: int

    def map(self, function: Callable[[T], U]) -> "Released[U]":
        """Post-processing: what is computed from a released value alone is released too."""
        return Released(function(self.value), self.entry)

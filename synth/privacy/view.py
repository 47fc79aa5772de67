"""What a table's book says, in numbers and in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synth.privacy.entry import Entry, epsilon_path


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What was spent on one table, read from its book.

    Attributes:
      epsilon: of all noisy releases together, at `delta`.
      path: epsilon after each line of the book.
      by_stage, by_run, by_user: by how much each of them raised epsilon, in the order of the book; each adds
        up to `epsilon`. What came later finds more spent before it, and raises epsilon by less than it would
        have alone.
      unprotected: how many releases had no noise; if any, no epsilon covers the table.
      unsettled: how many lines were reserved and never settled; they count as spent.
    """

    epsilon: float
    delta: float
    path: tuple[float, ...]
    by_stage: dict[str, float]
    by_run: dict[str, float]
    by_user: dict[str, float]
    unprotected: int
    unsettled: int

    def in_words(self, unit: str) -> str:
        """The guarantee, or its absence, in one sentence."""
        if self.unprotected:
            return (
                f"WITHOUT PRIVACY: {self.unprotected} release(s) of this table had no noise, because "
                "privacy.epsilon was null; treat what came of them as sensitive as the source."
            )
        return (
            f"({self.epsilon:.4g}, {self.delta:g})-differential privacy under add/remove of one privacy "
            f"unit ({unit}), over everything released from this table so far."
        )


def spent(entries: Sequence[Entry], delta: float) -> Spent:
    """The view of the book's lines at `delta`."""
    path = epsilon_path(entries, delta)

    def raised_by(name_of: Callable[[Entry], str]) -> dict[str, float]:
        shares: dict[str, float] = {}
        for entry, before, after in zip(entries, (0.0, *path), path, strict=False):
            shares[name_of(entry)] = shares.get(name_of(entry), 0.0) + after - before
        return shares

    return Spent(
        epsilon=path[-1] if path else 0.0,
        delta=delta,
        path=path,
        by_stage=raised_by(lambda entry: entry.stage),
        by_run=raised_by(lambda entry: entry.run),
        by_user=raised_by(lambda entry: entry.user),
        unprotected=sum(not entry.is_private for entry in entries),
        unsettled=sum(not entry.settled for entry in entries),
    )

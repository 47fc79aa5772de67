"""What a table's book says, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from synth.privacy.entry import Entry, epsilon_of


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What was spent on one table, read from its book.

    Attributes:
      epsilon: of all noisy releases together, at `delta`.
      by_stage: by how much each stage raised epsilon, in the order of the book; adds up to `epsilon`.
      unprotected: how many releases had no noise; if any, no epsilon covers the table.
    """

    epsilon: float
    delta: float
    by_stage: dict[str, float]
    unprotected: int

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
    by_stage: dict[str, float] = {}
    before = 0.0
    for end in range(1, len(entries) + 1):
        entry = entries[end - 1]
        last_of_run = end == len(entries) or entries[end].stage != entry.stage
        if not last_of_run:
            continue
        after = epsilon_of(entries[:end], delta)
        by_stage[entry.stage] = by_stage.get(entry.stage, 0.0) + after - before
        before = after
    return Spent(
        epsilon=before,
        delta=delta,
        by_stage=by_stage,
        unprotected=sum(not entry.is_private for entry in entries),
    )

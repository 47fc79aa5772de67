"""A line of the book, and what many lines add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

from synth.privacy import accountant
from synth.privacy.budget import Event, NoPrivacy, Partitions


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the book; `settled` once what it paid for was drawn and kept.

    A line that is not settled counts as spent like any other: its noise may have been seen.
    """

    id: int
    table: str
    unit: str
    stage: str
    events: tuple[Event, ...]
    run: str
    config: str
    version: str
    user: str
    charged_at: str
    partitions: Partitions | None = None
    settled: bool = False

    @property
    def is_private(self) -> bool:
        """False if this line is a release without noise."""
        return not any(isinstance(event, NoPrivacy) for event in self.events)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Proof that `events` were charged; the mechanisms in `synth.privacy` ask for it."""

    entry: int
    events: tuple[Event, ...]


def private_events(entries: Sequence[Entry]) -> list[Event]:
    """The events of all lines that had noise; lines without noise have no finite epsilon to add."""
    return [event for entry in entries if entry.is_private for event in entry.events]


def streams(entries: Sequence[Entry], partitions: Partitions | None = None) -> list[list[Event]]:
    """What different privacy units are touched by: of each kind of unit, the noisy events that see it.

    A unit lives in one partition, so that it is seen by the lines of that partition and of the whole
    table. Units seen by the same lines are one kind.
    Args:
      partitions: only units that live in one of these; None for units anywhere.
    Guarantee: an epsilon that holds for every stream holds for every unit (parallel composition, McSherry
      2009), if each unit's rows lie in one partition, which the user declared.
    """
    noisy = [entry for entry in entries if entry.is_private]
    named = {value for entry in noisy if entry.partitions for value in entry.partitions.values}
    places = set(partitions.values) if partitions is not None else {None, *named}
    seen = {tuple(k for k, entry in enumerate(noisy) if _sees(entry, place)) for place in places}
    return [[event for k in lines for event in noisy[k].events] for lines in sorted(seen)]


def epsilon_of(entries: Sequence[Entry], delta: float) -> float:
    """Epsilon of all noisy lines together at `delta`: that of the unit that is seen most."""
    return max((accountant.epsilon(events, delta) for events in streams(entries)), default=0.0)


def most_seen(entries: Sequence[Entry], partitions: Partitions | None, delta: float) -> list[Event]:
    """Events that the most seen unit of some partitions was touched by: what a new charge comes on top of."""
    return max(streams(entries, partitions), key=lambda events: accountant.epsilon(events, delta), default=[])


def _sees(entry: Entry, place: str | None) -> bool:
    return entry.partitions is None or place in entry.partitions.values

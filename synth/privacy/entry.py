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
    seen = _lines(noisy)
    places = {None, *seen} if partitions is None else set(partitions.values)
    kinds = {seen.get(place, seen[None]) for place in places}
    return [[event for k in lines for event in noisy[k].events] for lines in sorted(kinds)]


def epsilon_of(
    entries: Sequence[Entry],
    delta: float,
    *,
    partitions: Partitions | None = None,
    on_top: Sequence[Event] = (),
) -> float:
    """Epsilon at `delta` of all noisy lines together: that of the unit that is touched most.

    Args:
      partitions: only units that live in one of these; None for units anywhere.
      on_top: further events, which touch every one of those units.
    The unit that leads before `on_top` need not lead after it (one may have spent its delta, another its
    epsilon), so that every stream is composed with it.
    """
    return max(accountant.epsilon([*events, *on_top], delta) for events in streams(entries, partitions))


def epsilon_path(entries: Sequence[Entry], delta: float) -> tuple[float, ...]:
    """`epsilon_of` the lines up to each of them; a line composes anew only what it touches."""
    streams: dict[str | None, tuple[Event, ...]] = {None: ()}
    spent: dict[str | None, float] = {None: 0.0}
    path = []
    for entry in entries:
        if entry.is_private:
            touched = list(streams) if entry.partitions is None else list(entry.partitions.values)
            grown = {place: (*streams.get(place, streams[None]), *entry.events) for place in touched}
            streams |= grown
            spent |= {place: accountant.epsilon(events, delta) for place, events in grown.items()}
        path.append(max(spent.values()))
    return tuple(path)


def _lines(noisy: Sequence[Entry]) -> dict[str | None, tuple[int, ...]]:
    """Of each partition that is named, the places in `noisy` of the lines that see its units; under None,
    of those that see the units of partitions that no line names."""
    seen: dict[str | None, tuple[int, ...]] = {None: ()}
    for k, entry in enumerate(noisy):
        touched = list(seen) if entry.partitions is None else list(entry.partitions.values)
        seen |= {place: (*seen.get(place, seen[None]), k) for place in touched}
    return seen

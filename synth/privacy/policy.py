"""How much may be spent on a table: what the configuration allows, and what its policy does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar, assert_never

from synth.core import check
from synth.privacy import accountant
from synth.privacy.budget import Budget, Event, Partitions
from synth.privacy.entry import Entry, streams

_Plan = TypeVar("_Plan")


class Period(StrEnum):
    """A calendar period in UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    def of(self, moment: str) -> str:
        """The name of the period that an ISO 8601 moment lies in."""
        when = datetime.fromisoformat(moment).astimezone(UTC)
        match self:
            case Period.DAY:
                return f"{when:%Y-%m-%d}"
            case Period.WEEK:
                return f"{when:%G-W%V}"
            case Period.MONTH:
                return f"{when:%Y-%m}"
            case Period.YEAR:
                return f"{when:%Y}"
            case _:
                assert_never(self)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The most that anybody may spend on a table, whatever a configuration says.

    Attributes:
      total: over all time.
      period, period_epsilon: the most within one calendar period, at the same delta; None for no such cap.
    """

    total: Budget
    period: Period | None = None
    period_epsilon: float | None = None

    def __post_init__(self) -> None:
        if (self.period is None) != (self.period_epsilon is None):
            raise ValueError("a period needs an epsilon of its own, and that epsilon a period")
        if self.period_epsilon is not None:
            check.positive(self.period_epsilon, "period_epsilon")


@dataclass(frozen=True, kw_only=True)
class Cap:
    """One limit with what was spent against it.

    Attributes:
      name: in words, such as "privacy.epsilon" or "the policy's cap for month 2026-11".
      entries: the lines that count against it.
      streams: of each kind of privacy unit that the new charge reads, the noisy events that touched it.
    """

    name: str
    budget: Budget
    entries: tuple[Entry, ...]
    streams: tuple[tuple[Event, ...], ...]

    def epsilon(self, on_top: Sequence[Event] = ()) -> float:
        """What was spent against it, with a charge `on_top`."""
        return max(self._of(stream, on_top) for stream in self.streams)

    def fitted(
        self, make: Callable[[Budget, Sequence[Event]], _Plan], events: Callable[[_Plan], Sequence[Event]]
    ) -> _Plan:
        """The plan with the least noise that fits on top of every stream.

        Args:
          make: the plan with the least noise that fits a budget on top of earlier events.
          events: what a plan charges.
        """
        first, *others = sorted(self.streams, key=self._of, reverse=True)
        plan = make(self.budget, first)
        for stream in others:
            # The stream that leads alone need not lead together with the plan.
            if not self._of(stream, events(plan)) <= self.budget.epsilon:
                plan = make(self.budget, stream)
        return plan

    def _of(self, stream: Sequence[Event], on_top: Sequence[Event] = ()) -> float:
        return accountant.epsilon([*stream, *on_top], self.budget.delta)


def caps(
    entries: Sequence[Entry],
    budget: Budget,
    policy: Policy | None,
    partitions: Partitions | None,
    now: str,
) -> list[Cap]:
    """Every limit that a new charge must keep to."""

    def cap(name: str, most: Budget, lines: Sequence[Entry]) -> Cap:
        touched = tuple(tuple(stream) for stream in streams(lines, partitions))
        return Cap(name=name, budget=most, entries=tuple(lines), streams=touched)

    limits = [cap("privacy.epsilon", budget, entries)]
    if policy is not None:
        limits.append(cap("the table's policy", policy.total, entries))
        if policy.period is not None and policy.period_epsilon is not None:
            current = policy.period.of(now)
            lines = [entry for entry in entries if policy.period.of(entry.charged_at) == current]
            within = Budget(epsilon=policy.period_epsilon, delta=policy.total.delta)
            limits.append(cap(f"the policy's cap for {policy.period} {current}", within, lines))
    return limits

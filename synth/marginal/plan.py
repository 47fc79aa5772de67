"""What measuring will charge, fixed before any count is looked at; only `calibrate` makes a plan."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from synth.core import check
from synth.errors import BudgetExceeded
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Event, ExponentialMechanism, NoPrivacy
from synth.privacy.policy import Cap

_CALIBRATED = object()
_LEAST_SHARE = 0.1
"""Share of the budget below which measuring is refused: its charge would be spent on a useless model."""
_RARE = 3.0
"""Standard deviations of a column's noise below which one of its codes is rare."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One kind of query of a method.

    Attributes:
      share: of the method's budget, in units of 1 / noise variance (mu^2).
      count: how many queries, fixed in advance; those left over are wasted.
      is_choice: whether it chooses among candidates (exponential mechanism) or counts (Gaussian).
    """

    share: float
    count: int
    is_choice: bool = False

    def __post_init__(self) -> None:
        check.fraction(self.share, "share")
        check.at_least(self.count, 1, "count")

    def event(self, scale: float, max_rows: int) -> Event:
        """The event when the whole method costs as much as one Gaussian query of that scale.

        A choice of epsilon costs about as much as a Gaussian query of mu = epsilon.
        """
        one = scale * math.sqrt(self.count / self.share)
        if self.is_choice:
            return ExponentialMechanism(epsilon=max_rows / one, count=self.count)
        return DiscreteGaussian(scale=one, sensitivity=max_rows, count=self.count)


@dataclass(frozen=True, kw_only=True)
class MeasuringPlan:
    """The events of a method, with their noise; `events` names what to charge for each of its parts."""

    events: dict[str, Event]
    max_rows: int
    _proof: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self._proof is not _CALIBRATED:
            raise TypeError("a MeasuringPlan is made by MeasuringSpec.calibrate or without_privacy")

    @property
    def is_private(self) -> bool:
        """Whether noise is added."""
        return NoPrivacy() not in self.events.values()

    @property
    def rare(self) -> float:
        """A released count below this is too small to be told apart from noise in a marginal."""
        scales = [event.scale for event in self.events.values() if isinstance(event, DiscreteGaussian)]
        return _RARE * min(scales) if scales else 0.0

    @property
    def charge(self) -> tuple[Event, ...]:
        """What to charge before anything is drawn."""
        return tuple(self.events.values()) if self.is_private else (NoPrivacy(),)


@dataclass(frozen=True, kw_only=True)
class MeasuringSpec:
    """What a method wants to ask; the noise is not known yet.

    Attributes:
      parts: by name; their shares sum to 1.
      max_rows: rows that one privacy unit may have: the sensitivity of every marginal and every score.
    """

    parts: dict[str, Part]
    max_rows: int

    def __post_init__(self) -> None:
        total = sum(part.share for part in self.parts.values())
        if not abs(total - 1) < 1e-9:
            raise ValueError(f"the shares of {', '.join(self.parts)} sum to {total}, not to 1")

    def calibrate(self, caps: Sequence[Cap]) -> MeasuringPlan:
        """Spend all that is left under the tightest cap.

        Raises: BudgetExceeded if nothing is left, or so little that the model would be noise.
        """
        scale = max(cap.fitted(self._under, self._asked) for cap in caps)
        return MeasuringPlan(events=self._events(scale), max_rows=self.max_rows, _proof=_CALIBRATED)

    def _under(self, budget: Budget, prior: Sequence[Event]) -> float:
        """The smallest scale that fits a budget on top of earlier events."""
        spent = accountant.epsilon(prior, budget.delta)
        least = Budget(epsilon=_LEAST_SHARE * budget.epsilon, delta=budget.delta)
        told = f"{spent:.4g} of epsilon={budget.epsilon:.4g} is spent at delta={budget.delta:g}"
        try:
            return accountant.calibrate_scale(
                prior,
                budget=budget,
                events=self._asked,
                highest=self.max_rows / accountant.gaussian_mu(least),
            )
        except ValueError as error:
            raise BudgetExceeded(
                f"stage 'train' has less than epsilon={least.epsilon:.3g} to spend, too little to learn "
                f"from: {told}; raise privacy.epsilon"
            ) from error

    def for_charged(self, events: Sequence[Event]) -> MeasuringPlan:
        """The plan that was made of this and charged, whose `events` are read from the ledger.

        Raises: ValueError if they are not those of such a plan.
        """
        if list(events) == [NoPrivacy()]:
            return self.without_privacy()
        if len(events) != len(self.parts):
            raise ValueError("the ledger's entry does not pay for this way of measuring")
        made = dict(zip(self.parts, events, strict=True))
        for name, event in made.items():
            part, is_choice = self.parts[name], isinstance(event, ExponentialMechanism)
            counts = isinstance(event, DiscreteGaussian) and event.sensitivity == self.max_rows
            if not (is_choice or counts) or is_choice != part.is_choice or event.count != part.count:  # type: ignore[union-attr]
                raise ValueError(f"the ledger's entry does not pay for the {name} of this way of measuring")
        return MeasuringPlan(events=made, max_rows=self.max_rows, _proof=_CALIBRATED)

    def without_privacy(self) -> MeasuringPlan:
        """The same questions without noise, for a user who set `privacy.epsilon: null`."""
        events: dict[str, Event] = dict.fromkeys(self.parts, NoPrivacy())
        return MeasuringPlan(events=events, max_rows=self.max_rows, _proof=_CALIBRATED)

    def _asked(self, scale: float) -> list[Event]:
        return list(self._events(scale).values())

    def _events(self, scale: float) -> dict[str, Event]:
        return {name: part.event(scale, self.max_rows) for name, part in self.parts.items()}

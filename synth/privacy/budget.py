"""What may be spent, and the mechanisms it is spent on, as plain values."""

from dataclasses import asdict, dataclass
from typing import Any

from synth.core import check


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that one table may ever spend, under add/remove of one privacy unit."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        check.positive(self.epsilon, "privacy.epsilon")
        if not 0 < self.delta < 1:
            raise ValueError(f"privacy.delta must be in (0, 1), got {self.delta}")


@dataclass(frozen=True, kw_only=True)
class DiscreteGaussian:
    """`count` integer queries, each moved by at most `sensitivity` (L2) by one privacy unit.

    Each gets discrete Gaussian noise of parameter `scale` (Canonne, Kamath, Steinke 2020).
    """

    scale: float
    sensitivity: int
    count: int

    def __post_init__(self) -> None:
        check.positive(self.scale, "scale")
        check.at_least(self.sensitivity, 1, "sensitivity")
        check.at_least(self.count, 1, "count")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """`count` thresholded selections that name a key found in one privacy unit only with probability
    at most `delta` each, beside the noise on their counts, which is an event of its own."""

    delta: float
    count: int

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise ValueError(f"delta of a selection must be in (0, 1), got {self.delta}")
        check.at_least(self.count, 1, "count")


@dataclass(frozen=True, kw_only=True)
class DpSgdSteps:
    """`steps` Poisson-sampled Gaussian sums: each unit joins a step with `sample_rate`, is clipped to
    norm C, and the sum gets noise of standard deviation `noise_multiplier` x C."""

    sample_rate: float
    noise_multiplier: float
    steps: int

    def __post_init__(self) -> None:
        check.fraction(self.sample_rate, "sample_rate")
        check.positive(self.noise_multiplier, "noise_multiplier")
        check.at_least(self.steps, 1, "steps")


@dataclass(frozen=True, kw_only=True)
class ExponentialMechanism:
    """`count` choices of one candidate by its score, each `epsilon`-DP by itself.

    McSherry and Talwar's mechanism, or permute-and-flip, which is never worse (McKenna, Sheldon 2020).
    """

    epsilon: float
    count: int

    def __post_init__(self) -> None:
        check.positive(self.epsilon, "epsilon of a choice")
        check.at_least(self.count, 1, "count")


@dataclass(frozen=True, kw_only=True)
class NoPrivacy:
    """A release without noise, because the user set `privacy.epsilon: null`."""


Event = DiscreteGaussian | Selection | DpSgdSteps | ExponentialMechanism | NoPrivacy

_TYPES: dict[str, type[Any]] = {
    "discrete_gaussian": DiscreteGaussian,
    "selection": Selection,
    "dp_sgd": DpSgdSteps,
    "exponential": ExponentialMechanism,
    "no_privacy": NoPrivacy,
}


def event_to_dict(event: Event) -> dict[str, Any]:
    """Plain values for JSON that `event_from_dict` turns back."""
    name = next(name for name, kind in _TYPES.items() if isinstance(event, kind))
    return {"type": name, **asdict(event)}


def event_from_dict(fields: dict[str, Any]) -> Event:
    """The event that `event_to_dict` described."""
    parameters = dict(fields)
    event: Event = _TYPES[parameters.pop("type")](**parameters)
    return event


@dataclass(frozen=True, kw_only=True)
class Partitions:
    """Some partitions of a table: the rows with one of `values`, as strings, in `column`.

    Charges on partitions that have none in common compose in parallel, for the user declared that all rows
    of a privacy unit lie in one partition.
    """

    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        check.at_least(len(self.values), 1, "the number of partitions")

    def __str__(self) -> str:
        return f"{self.column} in ({', '.join(self.values)})"

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> "Partitions":
        """The partitions that `dataclasses.asdict` described."""
        return Partitions(column=fields["column"], values=tuple(fields["values"]))


@dataclass(frozen=True, kw_only=True)
class Spend:
    """What one stage is about to release from one table, before any noise is drawn."""

    table: str
    unit: str
    stage: str
    events: tuple[Event, ...]
    run: str
    config: str
    """Hash of the configuration that asked for it."""
    partitions: Partitions | None = None
    """The partitions that it looks at; None for the whole table."""

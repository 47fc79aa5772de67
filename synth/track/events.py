"""Every call to a tracking store as a plain value, so that it can wait on disk and be sent later."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Status(StrEnum):
    """How a run stands; the names are MLflow's."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


@dataclass(frozen=True, kw_only=True)
class Start:
    """Begin the run, or take it up again if it exists.

    Attributes:
      run: our own key of the run, the same in every process and store.
      parent: key of the parent run; None for a parent.
      time: milliseconds since 1970-01-01 UTC, here and below.
    """

    run: str
    name: str
    time: int
    parent: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Log:
    """Parameters (the first value of each stays), metrics at `step`, and tags (the last value stays)."""

    run: str
    time: int
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class AddArtifact:
    """Copy a file or folder into the run's artifacts, below `folder`."""

    run: str
    path: str
    folder: str | None = None


@dataclass(frozen=True, kw_only=True)
class AddModel:
    """Log a model written as code: `script` builds it from the files and folders named in `artifacts`."""

    run: str
    script: str
    artifacts: Mapping[str, str]
    requirement: str


@dataclass(frozen=True, kw_only=True)
class End:
    """The run is over, and how."""

    run: str
    status: Status
    time: int


Event = Start | Log | AddArtifact | AddModel | End

_TYPES: dict[str, type[Any]] = {kind.__name__: kind for kind in (Start, Log, AddArtifact, AddModel, End)}


class Store(Protocol):
    """Where runs are kept."""

    def apply(self, event: Event) -> None:
        """Carry the event out.

        Raises: StoreDown if the store does not answer, StoreRefused if it never will take the event.
        """
        ...

    def where(self, run: str) -> str:
        """One line that tells a person where to see the run."""
        ...


class StoreDown(Exception):  # noqa: N818 - names a state
    """The store does not answer; the event may be sent again later."""


class StoreRefused(Exception):  # noqa: N818 - names a state
    """The store answered and does not take the event; sending it again does not help."""


def event_to_json(event: Event) -> str:
    """One line that `event_from_json` turns back."""
    return json.dumps({"type": type(event).__name__, **asdict(event)})


def event_from_json(line: str) -> Event:
    """The event that `event_to_json` described."""
    fields = json.loads(line)
    kind = _TYPES[fields.pop("type")]
    if kind is End:
        fields["status"] = Status(fields["status"])
    event: Event = kind(**fields)
    return event

"""Runs kept in memory: for tests, and for reading what a stage would send."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from synth.track.events import AddArtifact, AddModel, End, Event, Log, Start, Status


@dataclass(kw_only=True)
class MemoryRun:
    """One run; `metrics` holds (step, value) in the order they came, `artifacts` relative paths."""

    name: str
    parent: str | None
    status: Status = Status.RUNNING
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    models: list[AddModel] = field(default_factory=list)


class MemoryStore:
    """A Store whose runs can be read: key -> run, in the order they started."""

    def __init__(self) -> None:
        self.runs: dict[str, MemoryRun] = {}

    def apply(self, event: Event) -> None:
        match event:
            case Start():
                run = self.runs.setdefault(event.run, MemoryRun(name=event.name, parent=event.parent))
                run.status = Status.RUNNING
                run.tags.update(event.tags)
            case Log():
                run = self.runs[event.run]
                run.tags.update(event.tags)
                for name, text in event.parameters.items():
                    if run.parameters.setdefault(name, text) != text:
                        run.tags[f"changed.{name}"] = text
                for name, value in event.metrics.items():
                    run.metrics.setdefault(name, []).append((event.step, value))
            case AddArtifact():
                self.runs[event.run].artifacts.extend(_files(Path(event.path), event.folder))
            case AddModel():
                self.runs[event.run].models.append(event)
            case End():
                self.runs[event.run].status = event.status
            case _:
                assert_never(event)

    def where(self, run: str) -> str:
        return f"run {run} is kept in memory and ends with this process"


def _files(path: Path, folder: str | None) -> list[str]:
    """What a file or folder becomes below the run's artifacts."""
    top = f"{folder}/" if folder else ""
    if not path.is_dir():
        return [top + path.name]
    return sorted(top + str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())

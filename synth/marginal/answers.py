"""The noisy answers of one receipt, kept as they are drawn, so that a fit that fails is not paid for again.

Answers are written before anything is made of them. What was drawn and lost before it was written was seen
by nobody, so it may be drawn again under the same receipt.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.errors import ArtifactError
from synth.lake.artifacts import read_json, write_json
from synth.privacy.queries import PaidCounts

_DESCRIPTION, _VALUES = "answers.json", "answers.npz"
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
      part: of the plan, that paid. label: what was asked, in words. times: queries used.
    """

    part: str
    label: str
    times: int
    values: NDArray[np.float64]


@dataclass(kw_only=True)
class Answers:
    """What was drawn under a receipt, in order; the next run of the same method is given it again.

    Attributes:
      entry: of the ledger, that paid.
      kept: answers of an earlier run, then those of this one.
      decisions: what the method chose by earlier answers, as plain values.
      write: keeps all of it; called by `save`.
    """

    entry: int
    kept: list[Answer] = field(default_factory=list)
    decisions: dict[str, Any] = field(default_factory=dict)
    write: Callable[["Answers"], None] = lambda answers: None
    _read: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._earlier = list(self.kept)

    @staticmethod
    def unkept(entry: int) -> "Answers":
        """Answers that no other run is given."""
        return Answers(entry=entry)

    def used(self, part: str) -> int:
        """Queries of a part that earlier runs used."""
        return sum(answer.times for answer in self._earlier if answer.part == part)

    def again(self, part: str, label: str) -> Answer | None:
        """The next answer of an earlier run, if it is to the same question."""
        mine = [answer for answer in self._earlier if answer.part == part]
        place = self._read.get(part, 0)
        if place >= len(mine) or mine[place].label != label:
            return None
        self._read[part] = place + 1
        return mine[place]

    def add(self, answer: Answer) -> None:
        """Keep a new one, at the next `save`."""
        self.kept.append(answer)

    def decided(self, name: str, make: Callable[[], Any]) -> Any:
        """What was chosen under that name: by an earlier run if it came so far, else now.

        Args:
          make: gives plain values for JSON, made of released values alone.
        """
        if name not in self.decisions:
            self.decisions[name] = make()
            self.save()
        return self.decisions[name]

    def save(self) -> None:
        """Write what is not written yet: before anything is made of it."""
        self.write(self)

    def store(self, folder: Path) -> None:
        """Write into an existing folder; all of it is released."""
        described = [{"part": a.part, "label": a.label, "times": a.times} for a in self.kept]
        content = {
            "version": _VERSION,
            "entry": self.entry,
            "decisions": self.decisions,
            "answers": described,
        }
        write_json(folder / _DESCRIPTION, content)
        arrays = {str(place): answer.values for place, answer in enumerate(self.kept)}
        np.savez(folder / _VALUES, **arrays)  # type: ignore[arg-type]  # a keyword of savez is a bool

    @staticmethod
    def load(folder: Path, write: Callable[["Answers"], None]) -> "Answers":
        """What `store` wrote.

        Raises: ArtifactError if it is damaged.
        """
        content = read_json(folder / _DESCRIPTION)
        try:
            if content["version"] != _VERSION:
                raise ValueError(f"its version is not {_VERSION}")
            with (folder / _VALUES).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                kept = [Answer(**a, values=arrays[str(k)]) for k, a in enumerate(content["answers"])]
            return Answers(entry=content["entry"], kept=kept, decisions=content["decisions"], write=write)
        except (KeyError, TypeError, ValueError, OSError, EOFError, json.JSONDecodeError) as error:
            raise ArtifactError(
                f"the noisy answers in {folder} are damaged ({error}); remove the folder, and train pays anew"
            ) from error


class KeptCounts:
    """Counts of one part of a plan: answered again as an earlier run was, and paid for once.

    Guarantee: that of the `PaidCounts` under it, over all runs together.
    """

    def __init__(self, paid: PaidCounts, part: str, answers: Answers) -> None:
        """Args:
        paid: with as many queries used as `answers.used(part)`.
        """
        self._paid, self._part, self._answers = paid, part, answers
        self._total = None if paid.left is None else paid.left + answers.used(part)
        self._asked = 0

    @property
    def scale(self) -> float:
        """Noise scale of one query; 0 without privacy."""
        return self._paid.scale

    @property
    def left(self) -> int | None:
        """Queries that this run may still ask, as if no other had been before it; None without privacy."""
        return None if self._total is None else self._total - self._asked

    def ask(self, label: str, counts: NDArray[np.int64], times: int = 1) -> NDArray[np.float64]:
        """The mean of `times` independently noised copies of the counts."""
        return self._answer(label, times, lambda: self._paid.ask(counts, times).value)

    def each(self, label: str, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """As many queries as there are counts, each of one number."""
        return self._answer(label, len(counts), lambda: self._paid.each(counts).value)

    def _answer(self, label: str, times: int, draw: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        self._asked += times
        found = self._answers.again(self._part, label)
        if found is not None and found.times == times:
            return found.values
        values = draw()
        self._answers.add(Answer(part=self._part, label=label, times=times, values=values))
        return values

"""A mixture on disk: `model.json` says what it is and who paid, `mixture.npz` holds its numbers."""

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.core.tie import Tie
from synth.lake.artifacts import read_json, write_json
from synth.models.artifact import damaged, expect
from synth.models.misfit import Misfit
from synth.models.mixture import Forest, Mixture
from synth.models.tables import Grouping
from synth.models.tables_artifact import MeasuringRecord

KIND = "mixture"
_VERSION = 1
_DESCRIPTION = "model.json"
_NUMBERS = "mixture.npz"


@dataclass(frozen=True, kw_only=True)
class MixtureArtifact:
    """A fitted mixture, the space it samples, and how it was trained.

    Attributes:
      ties: the strongest pairs of columns; computed from the model alone.
      fit: how well it meets what was measured.
    """

    mixture: Mixture
    ties: tuple[Tie, ...]
    fit: Misfit
    training: MeasuringRecord

    @property
    def measured(self) -> tuple[tuple[str, ...], ...]:
        """The column names of every marginal that was measured."""
        return tuple(scope.columns for scope in self.fit.scopes)

    @property
    def cells(self) -> int:
        """Numbers that the model holds."""
        return self.mixture.cells

    def save(self, folder: Path) -> None:
        """Write both files into an existing folder."""
        mixture = self.mixture
        description = {
            "kind": KIND,
            "version": _VERSION,
            "method": KIND,
            "domain": {"names": list(mixture.domain.names), "sizes": list(mixture.domain.sizes)},
            "parts": len(mixture.weights),
            "parents": list(mixture.forest.parents),
            "measured": [list(names) for names in self.measured],
            "ties": [asdict(tie) for tie in self.ties],
            "fit": self.fit.to_dict(),
            "training": asdict(self.training),
        }
        arrays: dict[str, NDArray[Any]] = {"weights": mixture.weights, "fit_of": mixture.fit_of}
        for column, grouping in enumerate(mixture.groupings):
            arrays |= {f"group_{column}": grouping.group, f"share_{column}": grouping.share}
            arrays[f"each_{column}"] = mixture.each[column]
            tie = mixture.ties[column]
            if tie is not None:
                arrays[f"tie_{column}"] = tie
        write_json(folder / _DESCRIPTION, description)
        np.savez_compressed(folder / _NUMBERS, **arrays)  # type: ignore[arg-type]  # a keyword of savez is a bool

    @staticmethod
    def load(folder: Path) -> "MixtureArtifact":
        """The model that `save` wrote.

        Raises: ArtifactError if a file is missing or damaged, or a number is not finite.
        """
        description = read_json(folder / _DESCRIPTION)
        try:
            expect(description["kind"] == KIND, f"it is no {KIND}")
            expect(description["version"] == _VERSION, f"its version is not {_VERSION}")
            training = description["training"]
            return MixtureArtifact(
                mixture=_load_mixture(folder / _NUMBERS, description),
                ties=tuple(Tie(**tie) for tie in description["ties"]),
                fit=Misfit.from_dict(description["fit"]),
                training=MeasuringRecord(**{**training, "entries": tuple(training["entries"])}),
            )
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise damaged(folder, error) from error


def _load_mixture(path: Path, description: Mapping[str, Any]) -> Mixture:
    domain = Domain(tuple(description["domain"]["names"]), tuple(description["domain"]["sizes"]))
    forest = Forest(parents=tuple(description["parents"]))
    columns = range(len(domain))
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Mixture(
            domain=domain,
            groupings=tuple(
                Grouping(group=arrays[f"group_{column}"], share=arrays[f"share_{column}"])
                for column in columns
            ),
            forest=forest,
            weights=arrays["weights"],
            fit_of=arrays["fit_of"],
            each=tuple(arrays[f"each_{column}"] for column in columns),
            ties=tuple(
                None if forest.parents[column] is None else arrays[f"tie_{column}"] for column in columns
            ),
        )

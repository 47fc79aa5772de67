"""Conditional tables on disk: `model.json` says what they are and who paid, `tables.npz` holds them."""

import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.core.tie import Tie
from synth.errors import ArtifactError
from synth.lake.artifacts import read_json, write_json
from synth.models.misfit import Misfit
from synth.models.tables import Grouping, Table, Tables

KIND = "marginal"
_VERSION = 1
_DESCRIPTION = "model.json"
_TABLES = "tables.npz"


@dataclass(frozen=True, kw_only=True)
class MeasuringRecord:
    """How the model came to be; all of it may be shown.

    Attributes:
      is_private: False if the measuring or the preparation under it had no noise.
      statement: the guarantee in words, or that there is none.
      events: what was charged for measuring, in words, by its purpose.
      entries: the ledger's entries that paid, the measuring's own last.
      prepared: digest of the prepared table whose codes the model draws.
    """

    is_private: bool
    statement: str
    events: Mapping[str, str]
    entries: tuple[int, ...]
    prepared: str


@dataclass(frozen=True, kw_only=True)
class TablesArtifact:
    """A fitted model of marginals, the space it samples, and how it was trained.

    Attributes:
      ties: the pairs of columns within measured marginals; computed from the model alone.
      fit: how well the model meets what was measured.
      method: how marginals were chosen.
    """

    tables: Tables
    ties: tuple[Tie, ...]
    fit: Misfit
    method: str
    training: MeasuringRecord

    @property
    def measured(self) -> tuple[tuple[str, ...], ...]:
        """The column names of every marginal that was measured."""
        return tuple(scope.columns for scope in self.fit.scopes)

    @property
    def cells(self) -> int:
        """Numbers that the model holds."""
        return self.tables.cells

    def save(self, folder: Path) -> None:
        """Write both files into an existing folder."""
        domain = self.tables.domain
        description = {
            "kind": KIND,
            "version": _VERSION,
            "method": self.method,
            "domain": {"names": list(domain.names), "sizes": list(domain.sizes)},
            "tables": [{"column": t.column, "parents": list(t.parents)} for t in self.tables.tables],
            "measured": [list(names) for names in self.measured],
            "ties": [asdict(tie) for tie in self.ties],
            "fit": self.fit.to_dict(),
            "training": asdict(self.training),
        }
        arrays: dict[str, NDArray[Any]] = {}
        for index, grouping in enumerate(self.tables.groupings):
            arrays |= {f"group_{index}": grouping.group, f"share_{index}": grouping.share}
        arrays |= {f"table_{table.column}": table.probabilities for table in self.tables.tables}
        write_json(folder / _DESCRIPTION, description)
        np.savez_compressed(folder / _TABLES, **arrays)  # type: ignore[arg-type]  # a keyword of savez is a bool

    @staticmethod
    def load(folder: Path) -> "TablesArtifact":
        """The model that `save` wrote.

        Raises: ArtifactError if a file is missing or damaged, or a table does not hold probabilities.
        """
        description = read_json(folder / _DESCRIPTION)
        try:
            if description["kind"] != KIND or description["version"] != _VERSION:
                raise ValueError(f"it is no {KIND} model of version {_VERSION}")
            training = description["training"]
            return TablesArtifact(
                tables=_load_tables(folder / _TABLES, description),
                ties=tuple(Tie(**tie) for tie in description["ties"]),
                fit=Misfit.from_dict(description["fit"]),
                method=description["method"],
                training=MeasuringRecord(**{**training, "entries": tuple(training["entries"])}),
            )
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"the model in {folder} is damaged ({error}); train it again") from error


def _load_tables(path: Path, description: Mapping[str, Any]) -> Tables:
    domain = Domain(tuple(description["domain"]["names"]), tuple(description["domain"]["sizes"]))
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Tables(
            domain=domain,
            groupings=tuple(
                Grouping(group=arrays[f"group_{index}"], share=arrays[f"share_{index}"])
                for index in range(len(domain))
            ),
            tables=tuple(
                Table(
                    column=fields["column"],
                    parents=tuple(fields["parents"]),
                    probabilities=arrays[f"table_{fields['column']}"],
                )
                for fields in description["tables"]
            ),
        )

"""How far a model is from the noisy marginals that it was fitted to; released, so it may be shown."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ScopeMisfit:
    """One measured marginal.

    Attributes:
      distance: total variation distance between the model and the noisy counts, in [0, ...].
      noise: what noise alone is about to make of it.
    """

    columns: tuple[str, ...]
    distance: float
    noise: float


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """All measured marginals.

    Attributes:
      cells: numbers that were measured.
      misfit_per_cell: mean squared error over the noise's variance; noise alone makes 1.
    """

    cells: int
    misfit_per_cell: float
    scopes: tuple[ScopeMisfit, ...]

    @property
    def columns(self) -> Mapping[str, float]:
        """For each column that was measured by itself, the distance of its marginal."""
        return {one.columns[0]: one.distance for one in self.scopes if len(one.columns) == 1}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` turns them back."""
        return {
            "cells": self.cells,
            "misfit_per_cell": self.misfit_per_cell,
            "columns": dict(self.columns),
            "scopes": [asdict(one) for one in self.scopes],
        }

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "Misfit":
        """What `to_dict` described."""
        return Misfit(
            cells=fields["cells"],
            misfit_per_cell=fields["misfit_per_cell"],
            scopes=tuple(
                ScopeMisfit(**{**one, "columns": tuple(one["columns"])}) for one in fields["scopes"]
            ),
        )

"""Whether a synthetic table can be used, told from released figures alone: no real row is looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.codebook import CategoricalCodebook, Codebook

_FAR = 0.1
"""Total variation by which a model may miss a released column, beyond what noise and chance explain."""
_NOISY = 0.25
"""Total variation that noise may bring to a column before it counts as hidden."""
_NAMED = 0.5
"""Least share of a column's values that must have a name."""
_MOST_HIDDEN = 1 / 3
"""Share of the columns to be learned that may be hidden or unnamed before the table counts as unusable."""
_MISFIT = 2.0
"""Squared error a measured cell over its noise variance, from which a fit contradicts its measurements."""
_MEAN_ABSOLUTE = float(np.sqrt(2 / np.pi))


@dataclass(frozen=True, kw_only=True)
class LearnedColumn:
    """What is released about one learned feature, and what the model makes of it.

    Attributes:
      name: of the feature.
      named: share of its non-null values that have a code of their own, in [0, 1].
      distance: total variation between the released shares of its codes and the model's, in [0, 1].
      noise: the same as noise in the released counts, and chance in the model's draws, explain it.
    """

    name: str
    named: float
    distance: float
    noise: float

    @property
    def is_hidden(self) -> bool:
        """Whether noise or a lack of names leaves little of it."""
        return self.named < _NAMED or self.noise > _NOISY

    @property
    def is_missed(self) -> bool:
        """Whether the model contradicts what was released."""
        return self.distance > self.noise + _FAR


@dataclass(frozen=True, kw_only=True)
class Usability:
    """The verdict on a synthetic table.

    Attributes:
      faults: why it is not usable; none if it is.
      notes: columns that suffered, in words; they alone do not make it unusable.
    """

    faults: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_usable(self) -> bool:
        """Whether nothing released speaks against it."""
        return not self.faults

    def to_dict(self) -> dict[str, list[str]]:
        """Plain values for JSON; `from_dict` turns them back."""
        return {"faults": list(self.faults), "notes": list(self.notes)}

    @staticmethod
    def from_dict(fields: Mapping[str, Sequence[str]]) -> "Usability":
        """The verdict that `to_dict` described."""
        return Usability(faults=tuple(fields["faults"]), notes=tuple(fields["notes"]))

    def __str__(self) -> str:
        return "usable" if self.is_usable else f"NOT USABLE: {'; '.join(self.faults)}"


def learned_column(codebook: Codebook, drawn: NDArray[np.integer], noise_scale: float) -> LearnedColumn:
    """Figures of one column from its codebook and codes that the model drew.

    Args:
      drawn: codes [n], n >= 1.
      noise_scale: of each released count, in rows.
    """
    counts = np.asarray(codebook.counts, dtype=np.float64)
    total = max(float(counts.sum()), 1.0)
    shares, seen = counts / total, np.bincount(drawn, minlength=len(counts)) / len(drawn)
    hidden = np.minimum(_MEAN_ABSOLUTE * noise_scale / total, 2 * np.maximum(shares, 1 / total)).sum() / 2
    chance = _MEAN_ABSOLUTE * np.sqrt(shares * (1 - shares) / len(drawn)).sum() / 2
    named = 1.0
    if isinstance(codebook, CategoricalCodebook) and not codebook.closed:
        named = 1.0 - counts[-1] / max(total - counts[0], 1.0)
    return LearnedColumn(
        name=codebook.column,
        named=float(named),
        distance=float(np.abs(shares - seen).sum() / 2),
        noise=float(hidden + chance),
    )


def judge_usability(
    columns: Sequence[LearnedColumn],
    unnamed: Sequence[str],
    *,
    target: str | None = None,
    fit: Mapping[str, float] | None = None,
) -> Usability:
    """Whether a table with these columns is worth handing on; post-processing of released figures.

    Args:
      unnamed: columns that were to be learned and are faked, for no value of theirs could be named.
      target: the column to be predicted, where one was declared.
      fit: what the model says of its own fit: `misfit_per_cell`, about 1 or less where it is sound.
    """
    missed = [column for column in columns if column.is_missed]
    hidden = [column for column in columns if column.is_hidden]
    faults = [
        f"the model misses {column.name} by {column.distance:.2f} where noise explains {column.noise:.2f}; "
        "train again with a larger model.max_minutes, or another model.kind"
        for column in missed
    ]
    misfit = (fit or {}).get("misfit_per_cell", 0.0)
    if not misfit <= _MISFIT:
        faults.append(f"the fit misses its measurements by {misfit:.2g} a cell where noise explains 1")
    lost = [*unnamed, *(column.name for column in hidden)]
    if len(lost) > _MOST_HIDDEN * (len(columns) + len(unnamed)):
        faults.append(
            f"noise hides {len(lost)} of {len(columns) + len(unnamed)} columns ({', '.join(lost[:5])}"
            f"{', ...' if len(lost) > 5 else ''}); raise privacy.epsilon, declare categories and bounds, or "
            "bring more rows"
        )
    elif target is not None and target in lost:
        faults.append(f"the column to predict, {target}, is hidden by noise; declare its categories")
    notes = [f"{name} could not be named and is faked" for name in unnamed]
    notes += [
        f"{column.name}: {column.named:.0%} of its values could be named"
        if column.named < _NAMED
        else f"{column.name}: noise moves {column.noise:.0%} of it"
        for column in hidden
    ]
    return Usability(faults=tuple(faults), notes=tuple(notes))

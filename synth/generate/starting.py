"""Which columns are drawn first, and from what: fixed values and shares that the user gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.config.sections import Generate, Value
from synth.core.codebook import NULL_CODE, CategoricalCodebook, RegionCodebook
from synth.core.feature import Role
from synth.core.joined import NULL, ROOT, SEPARATOR, unescaped
from synth.core.prepared import PreparedManifest
from synth.core.region import steps_of
from synth.errors import ConfigError
from synth.lake.types import spelled

_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Starting:
    """How rows start.

    Attributes:
      first: for columns of the domain by number, shares over their codes; drawn independently of each other.
      temperature: 1 draws as learned; below 1 favours what is frequent.
    """

    first: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    temperature: float = 1.0

    @property
    def is_plain(self) -> bool:
        """Whether rows are drawn as they were learned."""
        return not self.first and self.temperature == 1.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` turns them back."""
        first = {str(column): shares.tolist() for column, shares in self.first.items()}
        return {"first": first, "temperature": self.temperature}

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "Starting":
        """What `to_dict` described."""
        first = {int(column): np.array(shares) for column, shares in fields["first"].items()}
        return Starting(first=first, temperature=fields["temperature"])


AS_LEARNED = Starting()


def starting_of(settings: Generate, manifest: PreparedManifest) -> Starting:
    """The settings in codes; from released values alone.

    Raises: ConfigError naming every column that cannot be given, and why.
    """
    both = sorted(set(settings.fix) & set(settings.rebalance))
    faults = [f"generate.fix and generate.rebalance both name {name!r}" for name in both]
    first: dict[int, NDArray[np.float64]] = {}
    for name in [*settings.fix, *settings.rebalance]:
        try:
            column, codebook, level = _codebook(manifest, name)
            if column in first:
                raise ValueError("another name of the same place is given already; give the finer one alone")
            spark_type = manifest.schema.column(name).spark_type
            if name in settings.fix:
                first[column] = _fixed(codebook, settings.fix[name], level, spark_type)
            else:
                first[column] = _rebalanced(codebook, settings.rebalance[name], level, spark_type)
        except ValueError as error:
            setting = "fix" if name in settings.fix else "rebalance"
            faults.append(f"generate.{setting}.{name}: {error}")
    if faults:
        raise ConfigError("; ".join(faults))
    return Starting(first=first, temperature=settings.temperature)


def _codebook(manifest: PreparedManifest, name: str) -> tuple[int, CategoricalCodebook, int | None]:
    """The feature of a column by number, its codebook, and the level that the column is of a place."""
    if name not in {column.name for column in manifest.schema.columns}:
        raise ValueError("the table has no such column")
    for number, (feature, codebook) in enumerate(zip(manifest.features, manifest.codebooks, strict=True)):
        if name in feature.columns and feature.role is Role.PLAIN:
            if isinstance(codebook, CategoricalCodebook):
                return number, codebook, None
            raise ValueError("it is learned in bins; only columns of categories can be given")
        if name in feature.columns and isinstance(codebook, RegionCodebook):
            steps = steps_of([manifest.schema.column(column) for column in feature.columns])[: codebook.depth]
            levels = [k for k, step in enumerate(steps) if step.column.name == name and not step.is_prefix]
            if levels:
                return number, codebook, levels[0]
            raise ValueError("it is the position of a place; only names of places can be given")
        if name in feature.columns:
            raise ValueError(f"it is learned as {feature.role.value} of {', '.join(feature.columns)}")
    raise ValueError("it is made up or derived, so that nothing depends on it")


def _fixed(
    codebook: CategoricalCodebook, values: Value | tuple[Value, ...], level: int | None, spark_type: str
) -> NDArray[np.float64]:
    """Shares over all codes: a value has all, several share by their released counts."""
    several = values if isinstance(values, tuple) else (values,)
    codes = [code for value in several for code in _codes(codebook, _spelled(value), level, spark_type)]
    return _by_counts(codebook, codes)


def _rebalanced(
    codebook: CategoricalCodebook, values: Mapping[str, float], level: int | None, spark_type: str
) -> NDArray[np.float64]:
    """Shares over all codes; what is left open keeps the proportions of the released counts."""
    shares = np.asarray(codebook.counts, dtype=np.float64)
    codes = {value: _codes(codebook, value, level, spark_type) for value in values}
    for given in codes.values():
        shares[given] = 0
    left, open_ = 1 - sum(values.values()), shares.sum()
    if left < -_ROUNDING:
        raise ValueError(f"its shares add up to {1 - left:g}, more than 1")
    if left > _ROUNDING and not open_ > 0:
        raise ValueError(f"its shares add up to {1 - left:g}, and it has no other value for the rest")
    shares *= max(left, 0.0) / open_ if open_ > 0 else 0.0
    for value, given in codes.items():
        shares += values[value] * _by_counts(codebook, given)
    return shares


def _by_counts(codebook: CategoricalCodebook, codes: list[int]) -> NDArray[np.float64]:
    """Shares over all codes that give these all, by their released counts."""
    counts = np.asarray(codebook.counts, dtype=np.float64)[codes]
    shares = np.zeros(codebook.n_codes)
    shares[codes] = counts / counts.sum() if counts.sum() > 0 else 1 / len(codes)
    return shares


def _codes(codebook: CategoricalCodebook, value: str | None, level: int | None, spark_type: str) -> list[int]:
    """The codes of a value: of a place's name all codes in that place."""
    if level is not None:
        keys = [key.split(SEPARATOR) for key in codebook.categories]
        found = [
            code
            for code, parts in enumerate(keys, 1)
            if len(parts) > level and parts != [ROOT] and _name(parts[level]) == value
        ]
        if not found:
            raise ValueError(f"{value!r} has no code of its own; only frequent places have, and coarser ones")
        return found
    if value is None:
        return [NULL_CODE]
    if value not in codebook.categories:
        value = spelled(value, spark_type)
    if value not in codebook.categories:
        raise ValueError(f"{value!r} is not one of its {len(codebook.categories)} released categories")
    return [1 + codebook.categories.index(value)]


def _name(part: str) -> str | None:
    return None if part == NULL else unescaped(part)


def _spelled(value: Value) -> str | None:
    """A value as the table's categories are written."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)

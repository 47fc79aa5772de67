"""What preparation released about a table: enough to train, generate and decode, and nothing unpaid."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from synth.core.codebook import Codebook, codebook_from_dict, codebook_to_dict
from synth.core.domain import Domain
from synth.core.feature import Feature, coded_features_of
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema

UNIT_COLUMN = "__unit"
"""Column of the coded Parquet that holds a 64-bit hash of the row's privacy unit."""


@dataclass(frozen=True, kw_only=True)
class PreparedManifest:
    """The released description of a prepared table.

    Attributes:
      schema: all columns that the synthetic table will have, modelled or made up, in source order.
      codebooks: one for each feature that is learned, in the order of the coded Parquet's columns.
      n_rows: released row count, >= 1, after the privacy unit's rows were capped.
      n_units: released number of privacy units; equals `n_rows` for a row unit.
      entries: ledger entries that paid for it.
      is_private: False if the user asked for no privacy; everything made from it must say so.
    """

    FORM: ClassVar[int] = 2
    """Raised with what a kept manifest must hold: one of another form counts as not kept."""

    schema: TableSchema
    codebooks: tuple[Codebook, ...]
    n_rows: int
    n_units: int
    entries: tuple[int, ...]
    is_private: bool

    @property
    def domain(self) -> Domain:
        """The coded space of the modelled columns."""
        return Domain(
            tuple(codebook.column for codebook in self.codebooks),
            tuple(codebook.n_codes for codebook in self.codebooks),
        )

    @property
    def features(self) -> tuple[Feature, ...]:
        """What each codebook codes, in the same order."""
        coded = set(self.domain.names)
        return tuple(feature for feature in coded_features_of(self.schema) if feature.name in coded)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` turns them back."""
        return {
            "table": self.schema.name,
            "unit": asdict(self.schema.unit),
            "columns": [asdict(column) for column in self.schema.columns],
            "relations": asdict(self.schema.relations),
            "codebooks": [codebook_to_dict(codebook) for codebook in self.codebooks],
            "n_rows": self.n_rows,
            "n_units": self.n_units,
            "entries": list(self.entries),
            "is_private": self.is_private,
        }

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "PreparedManifest":
        """The manifest that `to_dict` described."""
        return PreparedManifest(
            schema=TableSchema(
                name=fields["table"],
                unit=PrivacyUnit(**fields["unit"]),
                columns=tuple(_column(column) for column in fields["columns"]),
                relations=_relations(fields["relations"]),
            ),
            codebooks=tuple(codebook_from_dict(codebook) for codebook in fields["codebooks"]),
            n_rows=fields["n_rows"],
            n_units=fields["n_units"],
            entries=tuple(fields["entries"]),
            is_private=fields["is_private"],
        )


def _column(fields: Mapping[str, Any]) -> Column:
    listed = {name: _tuple_or_none(fields[name]) for name in ("categories", "edges")}
    listed |= {name: _pairs(fields.get(name, ())) for name in ("null_spellings", "digits")}
    parts = tuple(Part(part) for part in fields["parts"])
    digits = tuple((int(number), float(share)) for number, share in fields.get("digits", ()))
    return Column(**{**fields, **listed, "kind": Kind(fields["kind"]), "parts": parts, "digits": digits})


def _relations(fields: Mapping[str, Any]) -> Relations:
    return Relations(**{name: tuple(tuple(group) for group in groups) for name, groups in fields.items()})


def _pairs(values: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(pair) for pair in values)


def _tuple_or_none(values: Any) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)

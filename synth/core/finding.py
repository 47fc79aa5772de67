"""What a scan says about each column: which personal data, and of what kind the values are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from synth.core.schema import Kind


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One column's finding; every number in it was released with noise and paid for.

    Attributes:
      column: the column's name.
      kind: how its values are best modelled, judged from the released shares.
      entity: the kind of personal data, such as `ssn` or `birth_date`; None if none.
      share: released share of non-null values that look like `entity`, in [0, 1]; None without entity.
      null_share: released share of nulls, in [0, 1].
      confidence: in [0, 1], from values, checksums and the column's name together.
      evidence: what spoke for it, in words such as "name", "pattern", "checksum".
      decimals: digits after the point that most values have; None if not a real column.
      format: how most values are written: a strptime format or a picture of numbers; None if as usual.
      null_spellings, step, digits, value_class: as in `Column`.
    """

    column: str
    kind: Kind
    entity: str | None = None
    share: float | None = None
    null_share: float = 0.0
    confidence: float = 0.0
    evidence: tuple[str, ...] = ()
    decimals: int | None = None
    format: str | None = None
    null_spellings: tuple[tuple[str | None, float], ...] = ()
    step: float | None = None
    digits: tuple[tuple[int, float], ...] = ()
    value_class: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` turns them back."""
        return asdict(self)

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "Finding":
        """The finding that `to_dict` described."""
        return Finding(
            **{
                **fields,
                "kind": Kind(fields["kind"]),
                "evidence": tuple(fields["evidence"]),
                "null_spellings": tuple((word, share) for word, share in fields.get("null_spellings", ())),
                "digits": tuple((count, share) for count, share in fields.get("digits", ())),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All findings of a table, in column order, with the released row count they are shares of.

    `unit` is the privacy unit in words, `entries` the ledger entries that paid, and `is_private` False if
    the counts had no noise.
    """

    table: str
    n_rows: float
    columns: tuple[Finding, ...]
    unit: str = "row"
    entries: tuple[int, ...] = ()
    is_private: bool = False

    def column(self, name: str) -> Finding:
        """The finding of that column; KeyError if the scan did not see it."""
        for finding in self.columns:
            if finding.column == name:
                return finding
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` turns them back."""
        return {
            "table": self.table,
            "n_rows": self.n_rows,
            "columns": [finding.to_dict() for finding in self.columns],
            "unit": self.unit,
            "entries": list(self.entries),
            "is_private": self.is_private,
        }

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> "Findings":
        """The findings that `to_dict` described."""
        return Findings(
            table=fields["table"],
            n_rows=fields["n_rows"],
            columns=tuple(Finding.from_dict(finding) for finding in fields["columns"]),
            unit=fields["unit"],
            entries=tuple(fields["entries"]),
            is_private=fields["is_private"],
        )

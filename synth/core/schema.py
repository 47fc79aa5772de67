"""What is public about a table: its columns, their kinds, and whose privacy is protected."""

from dataclasses import dataclass
from enum import StrEnum

from synth.core import check


class Kind(StrEnum):
    """How a column is modelled; `text` and `id` values are made up, never learned."""

    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    REAL = "real"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    ID = "id"

    @property
    def is_binned(self) -> bool:
        """Whether values are cut into bins on a public grid."""
        return self in (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.TIMESTAMP)

    @property
    def is_made_up(self) -> bool:
        """Whether values are made up without looking at the source."""
        return self in (Kind.TEXT, Kind.ID)


@dataclass(frozen=True, kw_only=True)
class PrivacyUnit:
    """Who is protected: one row (`entity` is None), or all rows of one value of the column `entity`.

    `max_rows` bounds what one entity contributes; a row unit contributes one row.
    """

    entity: str | None = None
    max_rows: int = 1

    def __post_init__(self) -> None:
        check.at_least(self.max_rows, 1, "privacy.unit.max_rows")
        if self.entity is None and self.max_rows != 1:
            raise ValueError("a row unit contributes one row; name an entity to set max_rows")

    def __str__(self) -> str:
        return "row" if self.entity is None else f"entity {self.entity}, at most {self.max_rows} rows"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the source, as prepare, generate and the made-up values treat it.

    Attributes:
      name: the column's name in the source.
      spark_type: its physical type as Spark's simple string, such as `string`, `int`, `decimal(10,2)`.
      kind: how it is modelled.
      nullable: whether the source's schema admits null.
      entity: the personal data found or declared in it, such as `ssn`; None if none.
      lower, upper: declared bounds, in the column's numeric unit (days since 1970-01-01 for dates,
        seconds since 1970-01-01 UTC for timestamps); None where not declared.
      categories: declared complete list of values as strings; None where they are to be found privately.
      decimals: digits after the point of a real column; None keeps full precision.
      format: strptime format of dates and timestamps held in string columns; `%-m` and `%-d` mean
        "written without leading zero".
      null_share: released share of nulls, for columns that are made up.
    """

    name: str
    spark_type: str
    kind: Kind
    nullable: bool = True
    entity: str | None = None
    lower: float | None = None
    upper: float | None = None
    categories: tuple[str, ...] | None = None
    decimals: int | None = None
    format: str | None = None
    null_share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """The columns of the table in the source's order (dropped ones left out) and its privacy unit."""

    name: str
    columns: tuple[Column, ...]
    unit: PrivacyUnit

    @property
    def modelled(self) -> tuple[Column, ...]:
        """Columns that are learned; the others are made up."""
        return tuple(column for column in self.columns if not column.kind.is_made_up)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

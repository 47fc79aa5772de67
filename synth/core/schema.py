"""What is public about a table: its columns, their kinds, and whose privacy is protected."""

from dataclasses import dataclass
from enum import StrEnum

from synth.core import check


class Kind(StrEnum):
    """How a column is modelled; `text` and `id` values are made up, never learned.

    `ordered` is categorical with codes in the order of the categories; `place` is what a pair of latitude
    and longitude becomes, and is not a kind that a column can be declared as.
    """

    CATEGORICAL = "categorical"
    ORDERED = "ordered"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    REAL = "real"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    ID = "id"
    PLACE = "place"

    @property
    def is_binned(self) -> bool:
        """Whether values are cut into bins on a public grid."""
        return self in (Kind.INTEGER, Kind.REAL, Kind.DATE, Kind.TIMESTAMP, Kind.PLACE)

    @property
    def is_made_up(self) -> bool:
        """Whether values are made up without looking at the source."""
        return self in (Kind.TEXT, Kind.ID)


class Part(StrEnum):
    """A calendar part of a date or timestamp that is learned beside it."""

    MONTH = "month"
    DAY = "day"
    WEEKDAY = "weekday"
    HOUR = "hour"


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
      format: how values are written in string columns, and calendars in columns of whole numbers: a
        strptime format for dates, timestamps and times of day (`%-m` and `%-d` mean "written without leading
        zero"; see `synth.lake.clock`), a picture for numbers (`$#,##0.00`; see `synth.core.spelling`).
      null_share: released share of nulls, for columns that are made up.
      edges: declared public bin edges of a binned column, increasing; None where bins are found privately.
      parts: calendar parts learned beside a date or timestamp.
      keep_length: whether the length of a made-up text is learned.
      public: whether the user declared the column's own values public: its codebook is then exact and free.
      constant: whether its one category is what every row of the run has: its codebook is then free.
      weight: share of preparation's budget relative to what its kind would get.
      derived: Spark SQL expression over other columns that computes it after generation; None if learned.
      unique: whether made-up values must never repeat.
      null_spellings: how missing values of a binned column are written, with released shares that sum to 1:
        None for null, else a word such as `N/A`, an empty string, or `NaN` and `inf` in columns of floats;
        empty if all of them are null.
      step: seconds that all values of a timestamp are multiples of, such as 86,400 or 0.001; None if one.
      digits: (number of digits, released share) of the whole numbers of a column that is made up.
      value_class: the scan's class of most values of a column that is made up; None if no class stands out.
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
    edges: tuple[float, ...] | None = None
    parts: tuple[Part, ...] = ()
    keep_length: bool = False
    public: bool = False
    constant: bool = False
    weight: float = 1.0
    derived: str | None = None
    unique: bool = False
    null_spellings: tuple[tuple[str | None, float], ...] = ()
    step: float | None = None
    digits: tuple[tuple[int, float], ...] = ()
    value_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class Relations:
    """Facts about columns together, declared by the user or found, and kept through generation.

    Attributes:
      places: (latitude, longitude) pairs, learned as one place.
      together: groups of columns of which only combinations that occur often enough come out.
      at_most: (low, high) pairs: low <= high in every generated row.
      regions: groups of names of places from coarse to fine, learned as one place with levels. There is at
        most one, and a single pair of `places` is the position in it.
      found: (low, high, released share of the rows in which it holds) of those in `at_most` that were found.
    """

    places: tuple[tuple[str, str], ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    at_most: tuple[tuple[str, str], ...] = ()
    regions: tuple[tuple[str, ...], ...] = ()
    found: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """The columns of the table in the source's order (dropped ones left out) and its privacy unit."""

    name: str
    columns: tuple[Column, ...]
    unit: PrivacyUnit
    relations: Relations = Relations()

    @property
    def modelled(self) -> tuple[Column, ...]:
        """Columns that are learned; the others are made up, or derived from these."""
        return tuple(c for c in self.columns if not c.kind.is_made_up and c.derived is None)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

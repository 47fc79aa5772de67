"""Typed sections of a table's YAML; `conf/base.yaml` explains every key and holds its default."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from synth.config.model import Model
from synth.config.section import Section
from synth.config.train import Launcher, Train
from synth.core.entity import Entity
from synth.core.expression import fault_of
from synth.core.schema import Kind, Part, PrivacyUnit
from synth.privacy.budget import Budget, Partitions


class MaskOperator(StrEnum):
    """What masking does to a value."""

    DROP = "drop"
    REDACT = "redact"
    KEEP_LAST_4 = "keep_last_4"
    HASH = "hash"
    KEEP = "keep"


class Table(Section):
    """Where a table lies: a path with a format, or a name in the catalog."""

    path: str | None = None
    format: Literal["parquet", "orc", "csv"] = "parquet"
    options: dict[str, str] = {}
    table: str | None = None

    @field_validator("options", mode="before")
    @classmethod
    def _plain_options(cls, options: Any) -> Any:
        """Reader options are strings to Spark; YAML's true and numbers are welcome."""
        if not isinstance(options, dict):
            return options
        return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in options.items()}

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.path and self.table:
            raise ValueError("names both a path and a table; keep one")
        return self

    @property
    def place(self) -> str:
        """The path or table name, for messages."""
        return self.table or self.path or "nowhere"


_UNPAID_OPTIONS = frozenset({"inferschema", "mergeschema", "samplingratio", "preferdate"})


class Source(Table):
    """The sensitive table."""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.path or self.table):
            raise ValueError("needs a path or a table")
        unpaid = sorted(name for name in self.options if name.lower() in _UNPAID_OPTIONS)
        if unpaid:
            raise ValueError(
                f"options {', '.join(unpaid)} let Spark decide the schema by looking at the data, which no "
                "budget pays for; declare columns.NAME.kind instead"
            )
        return self


class Target(Table):
    """The synthetic table."""

    mode: Literal["overwrite", "append", "error"] = "overwrite"
    partition_by: tuple[str, ...] | None = None


class EntityUnit(Section):
    entity: str
    max_rows: Annotated[int, Field(ge=1)] = 1


_MOST_BY_ROWS = 0.3
"""The largest share that preparation gets by the number of rows; see `synth.spending.prepare_share`."""


class Split(Section):
    scan: Annotated[float, Field(gt=0, lt=1)] = 0.03
    prepare: Annotated[float, Field(gt=0, lt=1)] | None = None

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if not self.scan + (self.prepare or _MOST_BY_ROWS) < 1:
            raise ValueError("scan and prepare must leave something to train with")
        return self


class PartitionSettings(Section):
    """The only partitions that a run reads; the user declares that each privacy unit lives in one."""

    column: str
    values: Annotated[tuple[str, ...], Field(min_length=1)]

    @field_validator("values", mode="before")
    @classmethod
    def _as_strings(cls, values: Any) -> Any:
        return [str(value) for value in values] if isinstance(values, list | tuple) else values


class Privacy(Section):
    unit: Literal["row"] | EntityUnit = "row"
    partitions: PartitionSettings | None = None
    epsilon: float | None = 1.0
    delta: float = 1e-5
    split: Split = Split()
    selection_delta: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @field_validator("epsilon")
    @classmethod
    def _above_zero(cls, epsilon: float | None) -> float | None:
        if epsilon is not None and not epsilon > 0:
            raise ValueError(f"must be > 0, or null for no privacy, got {epsilon}")
        return epsilon

    @field_validator("delta")
    @classmethod
    def _a_small_probability(cls, delta: float) -> float:
        if not 0 < delta < 0.1:
            raise ValueError(f"must be in (0, 0.1), got {delta}")
        return delta

    @property
    def budget(self) -> Budget | None:
        """The cap; None if the user asked for no privacy."""
        return None if self.epsilon is None else Budget(epsilon=self.epsilon, delta=self.delta)

    @property
    def partitions_read(self) -> Partitions | None:
        """What the book is told of the partitions; None for the whole table."""
        if self.partitions is None:
            return None
        return Partitions(column=self.partitions.column, values=tuple(sorted(set(self.partitions.values))))

    @property
    def privacy_unit(self) -> PrivacyUnit:
        if isinstance(self.unit, EntityUnit):
            return PrivacyUnit(entity=self.unit.entity, max_rows=self.unit.max_rows)
        return PrivacyUnit()


def _number_or_moment(value: Any) -> Any:
    """A bound as it was written: a number, or a day or time in ISO form."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            "must be a number, a day such as 2026-11-25, or a time such as 2026-11-25 10:30"
        ) from None


Bound = Annotated[float | datetime, BeforeValidator(_number_or_moment)]
"""A public bound: a number, or a moment for dates and timestamps."""


class ColumnSettings(Section):
    """What the user declares about a column; declared facts are public and cost nothing."""

    kind: Kind | None = None
    lower: Bound | None = None
    upper: Bound | None = None
    categories: tuple[str, ...] | None = None
    decimals: Annotated[int, Field(ge=0, le=12)] | None = None
    format: str | None = None
    entity: Entity | None = None
    edges: tuple[Bound, ...] | None = None
    parts: tuple[Part, ...] | None = None
    keep_length: bool = False
    public: bool = False
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    drop: bool = False
    mask: MaskOperator | None = None

    @property
    def is_not_learned(self) -> bool:
        """Whether the declaration alone keeps the column out of the model."""
        return self.drop or (self.kind is not None and self.kind.is_made_up)

    @field_validator("categories", mode="before")
    @classmethod
    def _as_strings(cls, categories: Any) -> Any:
        if not isinstance(categories, list | tuple):
            return categories
        return [str(c).lower() if isinstance(c, bool) else str(c) for c in categories]

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        bounds = [bound for bound in (self.lower, *(self.edges or ()), self.upper) if bound is not None]
        if len({(type(b), getattr(b, "tzinfo", None) is None) for b in bounds}) > 1:
            raise ValueError(
                "bounds and edges must be all numbers, or all days, or all times of one spelling"
            )
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:  # type: ignore[operator]
            raise ValueError(f"lower {self.lower} must be below upper {self.upper}")
        if self.kind is Kind.PLACE:
            raise ValueError("place is no kind of one column; pair two with relations.places")
        if self.edges is not None and (len(self.edges) < 2 or sorted(set(self.edges)) != list(self.edges)):
            raise ValueError("edges must be at least two increasing numbers")
        if self.edges is not None and (self.lower, self.upper) != (None, None):
            raise ValueError("edges are bounds already; drop lower and upper")
        if len(set(self.parts or ())) != len(self.parts or ()):
            raise ValueError("parts must differ")
        if self.categories is not None and len(set(self.categories)) != len(self.categories):
            raise ValueError("categories must differ")
        if self.categories is not None and len(self.categories) > 10_000:
            raise ValueError(f"{len(self.categories)} categories; at most 10000 can be declared")
        return self


class Scan(Section):
    min_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    min_share_named: Annotated[float, Field(ge=0, le=1)] = 0.1


class Mask(Section):
    path: str | None = None
    key_file: str | None = None
    templates: dict[Entity, MaskOperator] = {}


class Binning(StrEnum):
    """Where numbers are cut."""

    QUANTILE = "quantile"
    WIDTH = "width"
    POWER = "power"


class PrepareWeights(Section):
    """Relative weight of one query of each purpose in preparation's share of the budget; `counts` is a share:
    of the row count, and as much of the unit count."""

    counts: Annotated[float, Field(gt=0, lt=0.5)] = 0.06
    declared: Annotated[float, Field(gt=0)] = 2.0
    found: Annotated[float, Field(gt=0)] = 18.0
    bins: Annotated[float, Field(gt=0)] = 3.0
    endings: Annotated[float, Field(gt=0)] = 1.0
    values: Annotated[float, Field(gt=0)] = 0.5


class Prepare(Section):
    bins: Annotated[int, Field(ge=2, le=1000)] = 20
    binning: Binning = Binning.QUANTILE
    weights: PrepareWeights = PrepareWeights()
    files: Annotated[int, Field(ge=1, le=10000)] = 8
    max_distinct: Annotated[int, Field(ge=1)] = 1_000_000


class RelationSettings(Section):
    """Facts about columns together that generation keeps."""

    places: tuple[tuple[str, str], ...] | None = None
    together: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()
    regions: (
        Annotated[tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...], Field(max_length=1)] | None
    ) = None
    at_most: tuple[tuple[str, str], ...] = ()
    find: bool = True
    non_negative: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    derived: dict[str, str] = {}

    @field_validator("derived")
    @classmethod
    def _looks_at_its_row_alone(cls, derived: dict[str, str]) -> dict[str, str]:
        for name, text in derived.items():
            if fault := fault_of(text):
                raise ValueError(
                    f"{name}: {text!r} holds {fault}; write it of this row's columns, literals and "
                    "deterministic functions alone (a column of such a name in backquotes)"
                )
        return derived

    @property
    def named(self) -> dict[str, str]:
        """Every column that is named: setting -> column."""
        groups = {"places": self.places or (), "together": self.together, "at_most": self.at_most}
        groups["regions"] = self.regions or ()
        named = {
            f"relations.{key}[{i}][{j}]": name
            for key, listed in groups.items()
            for i, group in enumerate(listed)
            for j, name in enumerate(group)
        }
        for key, names in (("non_negative", self.non_negative), ("unique", self.unique)):
            named |= {f"relations.{key}[{i}]": name for i, name in enumerate(names)}
        return named | {f"relations.derived.{name}": name for name in self.derived}


Value = str | bool | int | float | None


class Generate(Section):
    fix: dict[str, Value | tuple[Value, ...]] = {}
    rebalance: dict[str, dict[str, Annotated[float, Field(ge=0, le=1)]]] = {}
    temperature: Annotated[float, Field(gt=0)] = 1.0
    rows: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    partitions: Annotated[int, Field(ge=1)] | None = None


class Evaluate(Section):
    target: str | None = None
    holdout: Source | None = None
    sample_rows: Annotated[int, Field(ge=100)] = 50_000


class Track(Section):
    uri: str | None = None
    experiment: str = "lakesynth"
    internal: bool = False


class LedgerSettings(Section):
    url: str | None = None


class SparkSettings(Section):
    master: str | None = None
    conf: dict[str, str] = {}

    @field_validator("conf", mode="before")
    @classmethod
    def _plain_conf(cls, conf: Any) -> Any:
        if not isinstance(conf, dict):
            return conf
        return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in conf.items()}


def _said_twice(partitions: PartitionSettings, columns: dict[str, ColumnSettings]) -> list[str]:
    """What is declared of a column whose values the partitions give."""
    declared = columns.get(partitions.column, ColumnSettings())
    said = declared.model_dump(
        include={"lower", "upper", "categories", "edges", "decimals", "format", "parts", "keep_length"},
        exclude_defaults=True,
    )
    where = f"columns.{partitions.column}"
    return [f"{where}.{name}: privacy.partitions gives its values; leave {name} out" for name in sorted(said)]


class Config(Section):
    """Everything about one table."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    source: Source
    target: Target = Target()
    privacy: Privacy = Privacy()
    columns: dict[str, ColumnSettings] = {}
    relations: RelationSettings = RelationSettings()
    scan: Scan = Scan()
    mask: Mask = Mask()
    prepare: Prepare = Prepare()
    model: Model = Model()
    train: Train = Train()
    generate: Generate = Generate()
    evaluate: Evaluate = Evaluate()
    track: Track = Track()
    ledger: LedgerSettings = LedgerSettings()
    spark: SparkSettings = SparkSettings()

    @model_validator(mode="after")
    def _stages_agree(self) -> Self:
        faults = []
        train = self.train.ranks if self.train.launcher is not Launcher.SINGLE else 1
        if self.prepare.files < train:
            faults.append(f"prepare.files is {self.prepare.files}, below train.ranks {train}")
        same_place = (self.target.path and self.target.path == self.source.path) or (
            self.target.table and self.target.table == self.source.table
        )
        if same_place:
            faults.append("target is the source itself; the synthetic table must go elsewhere")
        if self.privacy.partitions is not None:
            faults += _said_twice(self.privacy.partitions, self.columns)
        dropped = {name for name, column in self.columns.items() if column.drop}
        if self.privacy.privacy_unit.entity in dropped:
            faults.append(
                f"privacy.unit.entity is the dropped column {self.privacy.privacy_unit.entity!r}; keep it: "
                "its values are made up anew"
            )
        for name in sorted(dropped & set(self.target.partition_by or ())):
            faults.append(f"target.partition_by names the dropped column {name!r}")
        if self.evaluate.target in dropped:
            faults.append(f"evaluate.target is the dropped column {self.evaluate.target!r}")
        if faults:
            raise ValueError("; ".join(faults))
        return self

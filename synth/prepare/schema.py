"""What the synthetic table's columns will be: declared facts first, then the scan's released findings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from synth.config.sections import ColumnSettings, RelationSettings
from synth.core.calendar import SECONDS_A_DAY, number_of
from synth.core.feature import part_name
from synth.core.finding import Findings
from synth.core.schema import Column, Kind, Part, PrivacyUnit, TableSchema
from synth.core.spelling import NumberFormat, is_clock, number_format
from synth.lake.clock import smallest_step
from synth.lake.columns import ISO_DATE, ISO_TIMESTAMP
from synth.lake.types import spelled
from synth.prepare.relations import apply_relations

_TEXT_TYPES = ("string", "varchar", "char")
_SIGNAL_FOR_HOURS = 500.0
"""Rows times preparation's mu from which hours are learned; see bench/results/unseen.md."""
_ISO_MOMENT = r"%Y-%m-%d %H:%M:%S(\.%-?\d?f)?"


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column as Spark reads it; all of it is public."""

    name: str
    spark_type: str
    nullable: bool


def resolve_schema(
    table: str,
    fields: Sequence[Field],
    findings: Findings,
    declared: Mapping[str, ColumnSettings],
    unit: PrivacyUnit,
    relations: RelationSettings,
    *,
    untyped_source: bool,
    text_target: bool = False,
) -> TableSchema:
    """Columns of the synthetic table in source order, dropped ones left out.

    Args:
      untyped_source: the source is a text file, whose columns are all strings; then numbers, and dates
        in ISO form, get a type of their own in the synthetic table, unless that would lose how they are
        written.
      text_target: the synthetic table is a text file: then every spelling counts, `12.50` too.
    Raises: ConfigError naming every relation that cannot hold.
    """
    columns = []
    for field in fields:
        settings = declared.get(field.name, ColumnSettings())
        if settings.drop:
            continue
        finding = findings.column(field.name)
        kind = settings.kind or finding.kind
        if field.name == unit.entity and settings.kind is None:
            kind = Kind.ID  # a model of the entity's own name would be a model of who is in the table
        if settings.categories is not None and settings.kind is None:
            kind = Kind.CATEGORICAL
        if settings.edges is not None and not kind.is_binned:
            kind = Kind.REAL
        format = settings.format or finding.format
        is_judged = kind is finding.kind
        null_spellings = finding.null_spellings if is_judged else ()
        lower, upper = _bounds(kind, format, settings)
        columns.append(
            Column(
                name=field.name,
                spark_type=_output_type(field.spark_type, kind, format, null_spellings, text_target)
                if untyped_source
                else field.spark_type,
                kind=kind,
                nullable=field.nullable or bool(null_spellings),
                entity=settings.entity or finding.entity,
                lower=lower,
                upper=upper,
                categories=_categories(field.spark_type, kind, settings),
                decimals=settings.decimals if settings.decimals is not None else finding.decimals,
                format=format,
                null_share=finding.null_share if field.nullable else 0.0,
                edges=None if settings.edges is None else tuple(number_of(e, kind) for e in settings.edges),
                parts=settings.parts or (),
                keep_length=settings.keep_length,
                public=settings.public,
                weight=settings.weight,
                null_spellings=null_spellings,
                step=finding.step if is_judged else None,
                digits=finding.digits,
                value_class=finding.value_class,
            )
        )
    related, kept = apply_relations(columns, relations)
    return TableSchema(name=table, columns=related, unit=unit, relations=kept)


def with_hours(
    schema: TableSchema, declared: Mapping[str, ColumnSettings], mu: float | None, n_rows: float
) -> TableSchema:
    """The schema with the hour of the day learned beside each timestamp that has one, where rows are many.

    Bins of a month or a year hold all hours alike. Of few rows the noise on 24 hours is worse than that.
    Args:
      mu: of all preparation; None for no privacy. n_rows: released.
    """
    if mu is not None and n_rows * mu < _SIGNAL_FOR_HOURS:
        return schema
    elsewhere = {high for _, high in schema.relations.at_most}
    elsewhere |= {name for group in schema.relations.together for name in group}
    elsewhere |= {name for name, settings in declared.items() if settings.parts is not None}
    names = {column.name for column in schema.columns}

    def timed(column: Column) -> Column:
        has_hours = column.kind is Kind.TIMESTAMP and (column.step is None or column.step < SECONDS_A_DAY)
        is_free = not (column.public or column.derived or column.edges) and column.name not in elsewhere
        if has_hours and is_free and part_name(column.name, Part.HOUR) not in names:
            return replace(column, parts=(Part.HOUR,))
        return column

    return replace(schema, columns=tuple(map(timed, schema.columns)))


def _output_type(
    spark_type: str,
    kind: Kind,
    format: str | None,
    null_spellings: tuple[tuple[str | None, float], ...],
    text_target: bool,
) -> str:
    """The type of a column that was a string in a text file: its own where that loses nothing of value.

    In a text target Spark would write 12.5 for `12.50`, 1.0E7 for `10000000.0` and timestamps in its own
    form: strings keep them.
    """
    if not spark_type.startswith(_TEXT_TYPES) or any(word and word.strip() for word, _ in null_spellings):
        return spark_type
    first = None if format is None else format.partition("|")[0]
    match kind:
        case Kind.INTEGER if format is None:
            return "bigint"
        case Kind.INTEGER | Kind.REAL if not text_target and _is_plain(format):
            return "double"
        case Kind.DATE if first in (None, ISO_DATE):
            return "date"
        case Kind.TIMESTAMP if not text_target and re.fullmatch(_ISO_MOMENT, first or ISO_TIMESTAMP):
            return "timestamp"
        case _:
            return "string"


def _is_plain(format: str | None) -> bool:
    """Whether numbers have no marks but a point, and no more digits than they need."""
    if format is None:
        return True
    if is_clock(format):
        return False
    form = number_format(format)
    return form.exponent is None and replace(form, always=0, maybe=0) == NumberFormat()


def _bounds(kind: Kind, format: str | None, settings: ColumnSettings) -> tuple[float | None, float | None]:
    """Declared bounds; those of a day for times of day."""
    is_time = kind in (Kind.INTEGER, Kind.REAL) and format is not None and is_clock(format)
    if not is_time or format is None or "J" in format or (settings.lower, settings.upper) != (None, None):
        lower, upper = (
            None if bound is None else number_of(bound, kind) for bound in (settings.lower, settings.upper)
        )
        return lower, upper
    units = SECONDS_A_DAY // smallest_step(format)
    return 0.0, float(units - 1 if kind is Kind.INTEGER else units)


def _categories(spark_type: str, kind: Kind, settings: ColumnSettings) -> tuple[str, ...] | None:
    if settings.categories is None and kind is Kind.BOOLEAN and spark_type == "boolean":
        return ("false", "true")
    if settings.categories is None:
        return None
    return tuple(spelled(category, spark_type) for category in settings.categories)

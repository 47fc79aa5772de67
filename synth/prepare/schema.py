"""What the synthetic table's columns will be: declared facts first, then the scan's released findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synth.config.sections import ColumnSettings, RelationSettings
from synth.core.calendar import number_of
from synth.core.finding import Findings
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.lake.columns import ISO_DATE, ISO_TIMESTAMP
from synth.lake.types import spelled
from synth.prepare.relations import apply_relations

_TEXT_TYPES = ("string", "varchar", "char")


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
) -> TableSchema:
    """Columns of the synthetic table in source order, dropped ones left out.

    Args:
      untyped_source: the source is a text file, whose columns are all strings; then numbers, and dates
        in ISO form, get a type of their own in the synthetic table.
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
        columns.append(
            Column(
                name=field.name,
                spark_type=_output_type(field.spark_type, kind, format)
                if untyped_source
                else field.spark_type,
                kind=kind,
                nullable=field.nullable,
                entity=settings.entity or finding.entity,
                lower=None if settings.lower is None else number_of(settings.lower, kind),
                upper=None if settings.upper is None else number_of(settings.upper, kind),
                categories=_categories(field.spark_type, kind, settings),
                decimals=settings.decimals if settings.decimals is not None else finding.decimals,
                format=format,
                null_share=finding.null_share if field.nullable else 0.0,
                edges=None if settings.edges is None else tuple(number_of(e, kind) for e in settings.edges),
                parts=settings.parts,
                keep_length=settings.keep_length,
                public=settings.public,
                weight=settings.weight,
            )
        )
    related, kept = apply_relations(columns, relations)
    return TableSchema(name=table, columns=related, unit=unit, relations=kept)


def _output_type(spark_type: str, kind: Kind, format: str | None) -> str:
    if not spark_type.startswith(_TEXT_TYPES):
        return spark_type
    match kind:
        case Kind.INTEGER:
            return "bigint"
        case Kind.REAL:
            return "double"
        case Kind.DATE if format in (None, ISO_DATE):
            return "date"
        case Kind.TIMESTAMP if format in (None, ISO_TIMESTAMP):
            return "timestamp"
        case _:
            return "string"


def _categories(spark_type: str, kind: Kind, settings: ColumnSettings) -> tuple[str, ...] | None:
    if settings.categories is None and kind is Kind.BOOLEAN and spark_type == "boolean":
        return ("false", "true")
    if settings.categories is None:
        return None
    return tuple(spelled(category, spark_type) for category in settings.categories)

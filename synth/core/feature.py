"""What is counted, coded and learned: mostly a column itself, sometimes a quantity made from several.

A feature's values are numbers or strings, described by a `Column` of the feature's own name.
`synth.prepare.features` makes them from a batch, `synth.generate.fields` makes columns from them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from synth.core.geo import BITS, GeoBox
from synth.core.region import Region, regions_of
from synth.core.schema import Column, Kind, Part, TableSchema

_RANGE_WEIGHT = 0.25
"""Of the range of a column that is made as a sum, beside a column that is learned."""


class Role(StrEnum):
    """How a feature is made from its columns."""

    PLAIN = "plain"
    PLACE = "place"
    GAP = "gap"
    TOGETHER = "together"
    PART = "part"
    LENGTH = "length"
    RANGE = "range"
    LEVEL = "level"
    REGION = "region"


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One coded column.

    Attributes:
      role: PLAIN: the column's values. PLACE: the grid cell of (latitude, longitude). GAP: high minus low, of
        (high, low). TOGETHER: the combination of the columns' values. PART: a calendar part of a date or
        timestamp. LENGTH: the number of characters of a text that is made up. RANGE: the values of a column
        that is made as a sum, counted for its range alone. LEVEL: the names of a place down to one level, or
        the cells of places of that level, counted alone. REGION: a place with all its levels, coded and not
        counted.
      columns: source columns it is made from.
      column: what its values are like; its name is the coded column's.
      part: the calendar part, for PART alone.
      depth: how many levels of names a LEVEL has.
      bits: halvings of the grid of a LEVEL that counts cells; None for one of names alone.
    """

    role: Role
    columns: tuple[str, ...]
    column: Column
    part: Part | None = None
    depth: int = 0
    bits: int | None = None

    def __post_init__(self) -> None:
        if self.column.public and len(self.columns) > 1:
            raise ValueError(
                f"{self.column.name!r} is made from {len(self.columns)} columns, so it is never public"
            )

    @property
    def name(self) -> str:
        """Name of the coded column."""
        return self.column.name


def place_name(latitude: str, longitude: str) -> str:
    """Name of the feature that a pair of columns is learned as."""
    return f"{latitude} x {longitude}"


def together_name(columns: tuple[str, ...]) -> str:
    """Name of the feature that holds the combinations of columns."""
    return " + ".join(columns)


def gap_name(high: str, low: str) -> str:
    """Name of the feature that holds how far one column is above another."""
    return f"{high} - {low}"


def part_name(column: str, part: Part) -> str:
    """Name of a calendar part of a column."""
    return f"{column} {part}"


def length_name(column: str) -> str:
    """Name of the feature that holds the lengths of a column's texts."""
    return f"length of {column}"


def features_of(schema: TableSchema) -> tuple[Feature, ...]:
    """All features of a table that are counted, in the order of their first columns."""
    return _features(schema, counted=True)


def coded_features_of(schema: TableSchema) -> tuple[Feature, ...]:
    """The features that a codebook may code, in the order of their first columns."""
    return _features(schema, counted=False)


def _features(schema: TableSchema, *, counted: bool) -> tuple[Feature, ...]:
    relations = schema.relations
    lead: dict[str, tuple[Feature, ...]] = {}
    taken: set[str] = set()
    for region in regions_of(schema):
        lead[region.columns[0]] = tuple(_levels(region)) if counted else (_region(region),)
        taken |= set(region.columns)
    for latitude, longitude in relations.places:
        if latitude not in taken:
            lead[latitude] = (_place(schema.column(latitude), schema.column(longitude)),)
            taken |= {latitude, longitude}
    for group in relations.together:
        lead[group[0]] = (_together(tuple(schema.column(name) for name in group)),)
        taken |= set(group)
    for low, high in relations.at_most:
        above = schema.column(high)
        gap = _gap(schema.column(low), above)
        lead[high] = (gap, _range(above)) if counted and above.upper is None else (gap,)
        taken.add(high)
    features: list[Feature] = []
    for column in schema.columns:
        if column.derived is not None:
            continue
        if column.name in lead:
            features.extend(lead[column.name])
        elif column.name in taken:
            pass  # a column that others lead
        elif column.kind.is_made_up:
            features.extend(_length(column))
        else:
            features.append(Feature(role=Role.PLAIN, columns=(column.name,), column=column))
        features.extend(_part(column, part) for part in column.parts)
    return tuple(features)


def box_of(latitude: Column, longitude: Column) -> GeoBox:
    """The declared bounds of a pair, or the whole earth."""
    whole = GeoBox()
    return GeoBox(
        south=whole.south if latitude.lower is None else latitude.lower,
        north=whole.north if latitude.upper is None else latitude.upper,
        west=whole.west if longitude.lower is None else longitude.lower,
        east=whole.east if longitude.upper is None else longitude.upper,
    )


def part_categories(part: Part) -> tuple[str, ...]:
    """All values of a calendar part, in order: public."""
    match part:
        case Part.MONTH:
            return tuple(str(month) for month in range(1, 13))
        case Part.DAY:
            return tuple(str(day) for day in range(1, 32))
        case Part.WEEKDAY:
            return tuple(str(day) for day in range(1, 8))  # ISO 8601: 1 is Monday
        case Part.HOUR:
            return tuple(str(hour) for hour in range(24))
        case _:
            assert_never(part)


def _place(latitude: Column, longitude: Column) -> Feature:
    column = Column(
        name=place_name(latitude.name, longitude.name),
        spark_type="bigint",
        kind=Kind.PLACE,
        nullable=latitude.nullable or longitude.nullable,
        lower=0.0,
        upper=float((1 << 2 * BITS) - 1),
        weight=latitude.weight,
    )
    return Feature(role=Role.PLACE, columns=(latitude.name, longitude.name), column=column)


def _together(columns: tuple[Column, ...]) -> Feature:
    column = Column(
        name=together_name(tuple(column.name for column in columns)),
        spark_type="string",
        kind=Kind.CATEGORICAL,
        weight=max(column.weight for column in columns),
    )
    return Feature(role=Role.TOGETHER, columns=tuple(c.name for c in columns), column=column)


def _gap(low: Column, high: Column) -> Feature:
    """Days between dates and seconds between timestamps are whole numbers."""
    are_real = Kind.REAL in (low.kind, high.kind)
    decimals = [c.decimals for c in (low, high)] if are_real else [None]
    known = [places for places in decimals if places is not None]
    column = replace(
        high,
        name=gap_name(high.name, low.name),
        kind=Kind.REAL if are_real else Kind.INTEGER,
        lower=0.0,
        upper=None if high.upper is None or low.lower is None else high.upper - low.lower,
        decimals=max(known) if len(known) == len(decimals) else None,
        edges=None,
        parts=(),
        format=None,
        public=False,
        constant=False,
    )
    return Feature(role=Role.GAP, columns=(high.name, low.name), column=column)


def _range(high: Column) -> Feature:
    """Where a column's values end; coarse, so that it costs little."""
    column = replace(high, name=f"range of {high.name}", weight=_RANGE_WEIGHT * high.weight, parts=())
    return Feature(role=Role.RANGE, columns=(high.name,), column=column)


def _levels(region: Region) -> Iterator[Feature]:
    """The histograms that a place is known by, the coarse ones first."""
    names = tuple(column.name for column in region.names)
    for depth in range(1, len(region.steps) + 1):
        yield Feature(role=Role.LEVEL, columns=names, column=region.level(depth), depth=depth)
    if region.position is not None:
        grids = region.grids(box_of(*region.position))
        for number, (depth, bits) in enumerate(grids):
            column = region.cells(number, len(grids))
            yield Feature(role=Role.LEVEL, columns=region.columns, column=column, depth=depth, bits=bits)


def _region(region: Region) -> Feature:
    return Feature(role=Role.REGION, columns=region.columns, column=region.coded(), depth=len(region.steps))


def _part(column: Column, part: Part) -> Feature:
    described = Column(
        name=part_name(column.name, part),
        spark_type="string",
        kind=Kind.ORDERED,
        nullable=column.nullable,
        categories=part_categories(part),
        public=column.public,
        weight=column.weight,
    )
    return Feature(role=Role.PART, columns=(column.name,), column=described, part=part)


def _length(column: Column) -> Iterator[Feature]:
    if column.keep_length:
        described = Column(
            name=length_name(column.name),
            spark_type="int",
            kind=Kind.INTEGER,
            nullable=column.nullable,
            lower=0.0,
            weight=column.weight,
        )
        yield Feature(role=Role.LENGTH, columns=(column.name,), column=described)

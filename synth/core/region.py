"""A place with levels: state, county, city and postcode, and where on earth, learned as one thing.

Every level is a histogram of its own over the names down to it, so that what is rare on a fine level is known on
a coarser one; `synth.prepare.regions` makes one codebook of all levels.
"""

import math
from dataclasses import dataclass, replace

from synth.core.entity import Entity
from synth.core.geo import BITS, GeoBox
from synth.core.schema import Column, Kind, TableSchema

LEVELS = (Entity.COUNTRY, Entity.STATE, Entity.COUNTY, Entity.CITY, Entity.POSTCODE)
"""From coarse to fine."""
_ANYWHERE = 6.0
_SIZES = {
    Entity.COUNTRY: 3.0,
    Entity.STATE: 0.7,
    Entity.COUNTY: 0.18,
    Entity.CITY: 0.05,
    Entity.POSTCODE: 0.012,
}
"""Height in degrees of the cells that places of a level are told apart by, and of the whole table's."""
_FINEST_NAME, _COARSER_NAME = 0.9, 0.25
_FINEST_CELL, _FINER_CELL, _COARSER_CELL = 0.9, 0.4, 0.15
"""Weights of the levels' histograms: what is coarse has many rows a cell, and needs little."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """The columns of one place.

    Attributes:
      names: from coarse to fine, at least one.
      position: latitude and longitude; None if the table does not have them.
    """

    names: tuple[Column, ...]
    position: tuple[Column, Column] | None

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns' names, those of the position last."""
        return tuple(column.name for column in (*self.names, *(self.position or ())))

    @property
    def name(self) -> str:
        """Name of the coded column."""
        names = " > ".join(column.name for column in self.names)
        return names if self.position is None else f"{names} > {' x '.join(self.columns[-2:])}"

    def bits(self, depth: int, box: GeoBox) -> int:
        """Halvings of each axis for the cells of places named `depth` levels down; 0 is the whole table."""
        size = _ANYWHERE
        if depth:
            entity = self.names[depth - 1].entity
            default = max(_SIZES[Entity.POSTCODE], _SIZES[Entity.STATE] / 4 ** (depth - 1))
            size = _SIZES[Entity(entity)] if entity in _SIZES else default
        height = max(box.north - box.south, (box.east - box.west) / 2)
        return min(BITS, max(1, round(math.log2(height / size))))

    def level(self, depth: int, *, cells: bool) -> Column:
        """The strings that one level's histogram counts: names of `depth` levels, and a cell if asked."""
        finest = len(self.names)
        if cells:
            weight = {0: _FINEST_CELL, 1: _FINER_CELL}.get(finest - depth, _COARSER_CELL)
        else:
            weight = _FINEST_NAME if depth == finest else _COARSER_NAME
        declared = self.names[0].categories if depth == 1 and not cells else None
        return Column(
            name=f"{self.name}: {'cells of ' if cells else ''}level {depth}",
            spark_type="string",
            kind=Kind.CATEGORICAL,
            categories=declared,
            weight=weight * max(column.weight for column in self.names),
        )

    def coded(self) -> Column:
        """What the one codebook of all levels describes."""
        return replace(self.level(len(self.names), cells=False), name=self.name, categories=None)


def regions_of(schema: TableSchema) -> tuple[Region, ...]:
    """The places of a table; a pair of latitude and longitude belongs to the only one."""
    groups = schema.relations.regions
    position = None
    if len(groups) == 1 and len(schema.relations.places) == 1:
        latitude, longitude = schema.relations.places[0]
        position = (schema.column(latitude), schema.column(longitude))
    return tuple(
        Region(names=tuple(schema.column(name) for name in group), position=position) for group in groups
    )

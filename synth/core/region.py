"""A place with levels: state, county, city and postcode, and where on earth, learned as one thing.

Every level is a histogram of its own over the names down to it, so that what is rare on a fine level is
known on a coarser one; `synth.prepare.regions` makes one codebook of all levels.
"""

import math
from collections.abc import Sequence
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
    Entity.CITY: 0.028,
    Entity.POSTCODE: 0.012,
}
"""Height in degrees of the cells that places of a level are told apart by, and of the whole table's."""
_FINER_BITS = 2
"""Further halvings of the cells of the finest places, where they hold enough."""
_MOST_BITS_A_STEP = 3
"""Further halvings from one grid to the next: each cell then has at most 64 parts to be looked at."""
_NAMES_WEIGHTS = (0.75, 0.4, 0.4, 0.4, 0.15)
_CELLS_WEIGHTS = (0.6, 0.9, 0.5, 0.1, 0.05)
"""Weights of the levels' histograms, the finest first: what is coarse has many rows a cell, and needs
little."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One level of names: a column, or the first part of a postcode, which is the name of a wider place."""

    column: Column
    is_prefix: bool = False


def steps_of(names: Sequence[Column]) -> tuple[Step, ...]:
    """The levels of some columns of names, from coarse to fine."""
    steps = []
    for column in names:
        if column.entity == Entity.POSTCODE:
            steps.append(Step(column=column, is_prefix=True))
        steps.append(Step(column=column))
    return tuple(steps)


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
    def steps(self) -> tuple[Step, ...]:
        """The levels of names."""
        return steps_of(self.names)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns' names, those of the position last."""
        return tuple(column.name for column in (*self.names, *(self.position or ())))

    @property
    def name(self) -> str:
        """Name of the coded column."""
        names = " > ".join(column.name for column in self.names)
        return names if self.position is None else f"{names} > {' x '.join(self.columns[-2:])}"

    def grids(self, box: GeoBox) -> tuple[tuple[int, int], ...]:
        """(depth of names, halvings of each axis) of the histograms of cells, the coarse ones first.

        Depth 0 is the whole table. The finest places have two: where in them, and finer where they hold
        enough.
        """
        height = max(box.north - box.south, (box.east - box.west) / 2)

        def bits(size: float) -> int:
            return min(BITS, max(1, round(math.log2(height / size))))

        grids = [(0, bits(_ANYWHERE))]
        for depth, step in enumerate(self.steps, 1):
            if step.is_prefix:  # what a postcode begins with is as wide as a city
                continue
            size = _SIZES.get(Entity(step.column.entity), 0.0) if step.column.entity else 0.0
            wanted = max(bits(size or _SIZES[Entity.STATE] / 4 ** (depth - 1)), grids[-1][1])
            while wanted - grids[-1][1] > _MOST_BITS_A_STEP:
                grids.append((depth, grids[-1][1] + _MOST_BITS_A_STEP))
            grids.append((depth, wanted))
        depth, finest = grids[-1]
        return (*grids, (depth, min(BITS, finest + _FINER_BITS))) if finest < BITS else tuple(grids)

    def level(self, depth: int) -> Column:
        """The strings that the histogram of a level's names counts."""
        is_first = depth == 1 and not self.steps[0].is_prefix
        return self._counted(
            f"level {depth}",
            _names_weight(len(self.steps) - depth),
            self.names[0].categories if is_first else None,
        )

    def cells(self, number: int, n_grids: int) -> Column:
        """The strings that the histogram of a grid's cells counts, of the grid of that number."""
        return self._counted(f"cells {number}", _cells_weight(n_grids - 1 - number), None)

    def _counted(self, name: str, weight: float, categories: tuple[str, ...] | None) -> Column:
        return Column(
            name=f"{self.name}: {name}",
            spark_type="string",
            kind=Kind.CATEGORICAL,
            categories=categories,
            weight=weight * max(column.weight for column in self.names),
        )

    def coded(self) -> Column:
        """What the one codebook of all levels describes."""
        return replace(self.level(len(self.steps)), name=self.name, categories=None)


def _names_weight(above_finest: int) -> float:
    return _NAMES_WEIGHTS[min(above_finest, len(_NAMES_WEIGHTS) - 1)]


def _cells_weight(above_finest: int) -> float:
    return _CELLS_WEIGHTS[min(above_finest, len(_CELLS_WEIGHTS) - 1)]


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

"""Declared relations between columns, checked against what the columns are; all faults are named at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from synth.config.sections import RelationSettings
from synth.core.entity import Entity
from synth.core.region import LEVELS
from synth.core.schema import Column, Kind, Relations
from synth.errors import ConfigError

_NUMBERS = (Kind.INTEGER, Kind.REAL)
_MOMENTS = (Kind.DATE, Kind.TIMESTAMP)


def apply_relations(
    columns: Sequence[Column], settings: RelationSettings
) -> tuple[tuple[Column, ...], Relations]:
    """The columns with what the relations say of each, and the relations between them.

    Raises: ConfigError naming every relation that cannot hold.
    """
    by_name = {column.name: column for column in columns}
    derived = {name: replace(by_name[name], derived=text) for name, text in settings.derived.items()}
    marked = by_name | derived
    for name in settings.unique:
        marked[name] = replace(marked[name], unique=True)
    for name in settings.non_negative:
        lower = marked[name].lower
        marked[name] = replace(marked[name], lower=0.0 if lower is None else max(lower, 0.0))
    places = _found_places(columns) if settings.places is None else settings.places
    relations = Relations(places=places, together=settings.together, at_most=settings.at_most)
    if settings.regions is None:
        relations = _with_found_region(relations, tuple(marked.values()), settings)
    else:
        relations = replace(relations, regions=settings.regions)
    faults = [*_faults(marked, relations, settings)]
    if faults:
        raise ConfigError("; ".join(faults))
    return tuple(marked.values()), relations


def _found_places(columns: Sequence[Column]) -> tuple[tuple[str, str], ...]:
    """The one pair of learned numbers that the scan took for latitude and longitude, if there is just one."""
    numbers = [column for column in columns if column.kind in _NUMBERS and column.edges is None]
    north = [column.name for column in numbers if column.entity == Entity.LATITUDE]
    east = [column.name for column in numbers if column.entity == Entity.LONGITUDE]
    return ((north[0], east[0]),) if len(north) == len(east) == 1 else ()


def _with_found_region(
    relations: Relations, columns: Sequence[Column], settings: RelationSettings
) -> Relations:
    """The names of places that the scan found, each once, as one place with levels.

    Combinations of such names alone are kept by it too. A column stays by itself where something else is
    declared of it than what it holds.
    """
    elsewhere = {name for pair in settings.at_most for name in pair}
    names = []
    for entity in LEVELS:
        found = [column for column in columns if column.entity == entity and not column.kind.is_made_up]
        if len(found) == 1 and _may_be_a_level(found[0]) and found[0].name not in elsewhere:
            names.append(found[0].name)
    # A combination of names alone is what a region keeps too; another one keeps its columns to itself.
    others = [group for group in relations.together if not set(group) <= set(names)]
    names = [name for name in names if not any(name in group for group in others)]
    if len(names) < 2 and not (names and len(relations.places) == 1):
        return relations
    return replace(relations, together=tuple(others), regions=(tuple(names),))


def _may_be_a_level(column: Column) -> bool:
    is_plain = not (column.public or column.parts or column.edges or column.derived)
    return is_plain and column.kind in (Kind.CATEGORICAL, Kind.ORDERED, Kind.INTEGER)


def _faults(columns: dict[str, Column], relations: Relations, settings: RelationSettings) -> Iterator[str]:
    made: dict[str, str] = {}  # column -> the relation that its values come from
    listed = [
        *(("places", name) for pair in relations.places for name in pair),
        *(("together", name) for group in relations.together for name in group),
        *(("regions", name) for group in relations.regions for name in group),
        *(("at_most", high) for _, high in relations.at_most),
        *(("derived", name) for name in settings.derived),
    ]
    for relation, name in listed:
        if name in made:
            yield f"relations.{relation} names {name!r}, which relations.{made[name]} makes already; keep one"
        made[name] = relation
    for relation, name in [*listed, *(("at_most", low) for low, _ in relations.at_most)]:
        column = columns[name]
        if relation != "derived" and column.kind.is_made_up:
            yield f"relations.{relation}: {name!r} would be made up; set columns.{name}.kind to learn it"
    for pair in relations.places:
        for name in pair:
            if columns[name].kind not in (*_NUMBERS, Kind.TEXT, Kind.ID):
                yield f"relations.places: {name!r} is {columns[name].kind}; a place is two numbers"
    yield from _order_faults(columns, relations, made)
    for name in settings.non_negative:
        if columns[name].kind not in _NUMBERS:
            yield f"relations.non_negative: {name!r} is {columns[name].kind}, not a number"
    for name in settings.unique:
        if not columns[name].kind.is_made_up:
            yield (
                f"relations.unique: {name!r} would be learned, so its values repeat; "
                f"set columns.{name}.kind: id to make them up"
            )
    for column in columns.values():
        if column.parts and column.kind not in _MOMENTS:
            yield f"columns.{column.name}.parts: it is {column.kind}; only dates and timestamps have parts"
        if column.parts and made.get(column.name) in ("together", "regions", "derived"):
            yield f"columns.{column.name}.parts: relations.{made[column.name]} makes its values already"
        if column.keep_length and column.kind is not Kind.TEXT:
            yield f"columns.{column.name}.keep_length: it is {column.kind}; only text that is made up has it"
        if column.edges is not None and not column.kind.is_binned:
            yield f"columns.{column.name}.edges: it is {column.kind}, which has no bins"


def _order_faults(columns: dict[str, Column], relations: Relations, made: dict[str, str]) -> Iterator[str]:
    below = {high: low for low, high in relations.at_most}
    for low, high in relations.at_most:
        kinds = (columns[low].kind, columns[high].kind)
        if not (set(kinds) <= set(_NUMBERS) or (kinds[0] == kinds[1] and kinds[0] in _MOMENTS)):
            yield f"relations.at_most: {low!r} is {kinds[0]} and {high!r} is {kinds[1]}; they need one kind"
        if made.get(low) in ("places", "together", "regions", "derived"):
            yield f"relations.at_most: relations.{made[low]} makes {low!r}; its value comes too late"
        if columns[high].parts:
            yield f"columns.{high}.parts: relations.at_most makes its values from {low!r} already"
        seen, name = {high}, low
        while name in below and name not in seen:
            seen.add(name)
            name = below[name]
        if name == high:
            yield f"relations.at_most goes in a circle through {high!r}"

"""Relations that cannot hold are refused, each by name and all at once."""

from typing import Any

import pytest

from synth.config.sections import RelationSettings
from synth.core.schema import Column, Kind, Part
from synth.errors import ConfigError
from synth.prepare.relations import apply_relations


def column(name: str, kind: Kind, **facts: Any) -> Column:
    return Column(name=name, spark_type="string", kind=kind, **facts)


COLUMNS = (
    column("lat", Kind.REAL, entity="latitude"),
    column("lon", Kind.REAL, entity="longitude"),
    column("low", Kind.INTEGER),
    column("mid", Kind.INTEGER),
    column("high", Kind.REAL),
    column("start", Kind.DATE),
    column("stop", Kind.DATE),
    column("at", Kind.TIMESTAMP),
    column("city", Kind.CATEGORICAL),
    column("state", Kind.CATEGORICAL),
    column("id", Kind.ID),
    column("note", Kind.TEXT),
)


def faults(columns: tuple[Column, ...] = COLUMNS, **relations: Any) -> str:
    with pytest.raises(ConfigError) as error:
        apply_relations(columns, RelationSettings(**({"places": ()} | relations)))
    return str(error.value)


def with_facts(name: str, **facts: Any) -> tuple[Column, ...]:
    return tuple(
        column(c.name, facts.get("kind", c.kind), **{k: v for k, v in facts.items() if k != "kind"})
        if c.name == name
        else c
        for c in COLUMNS
    )


@pytest.mark.parametrize(
    ("relations", "message"),
    [
        (
            {"together": [("city", "state"), ("city", "low")]},
            "relations.together names 'city', which relations.together makes already; keep one",
        ),
        (
            {"derived": {"high": "low + 1"}, "at_most": [("low", "high")]},
            "relations.derived names 'high', which relations.at_most makes already; keep one",
        ),
        (
            {"together": [("city", "id")]},
            "relations.together: 'id' would be made up; set columns.id.kind to learn it",
        ),
        (
            {"places": [("lat", "city")]},
            "relations.places: 'city' is categorical; a place is two numbers",
        ),
        (
            {"at_most": [("start", "at")]},
            "relations.at_most: 'start' is date and 'at' is timestamp; they need one kind",
        ),
        (
            {"at_most": [("city", "state")]},
            "relations.at_most: 'city' is categorical and 'state' is categorical; they need one kind",
        ),
        (
            {"at_most": [("lat", "high")], "places": [("lat", "lon")]},
            "relations.at_most: relations.places makes 'lat'; its value comes too late",
        ),
        (
            {"at_most": [("low", "mid"), ("mid", "low")]},
            "relations.at_most goes in a circle through 'mid'",
        ),
        ({"non_negative": ["start"]}, "relations.non_negative: 'start' is date, not a number"),
        (
            {"unique": ["city"]},
            "relations.unique: 'city' would be learned, so its values repeat; set columns.city.kind: id "
            "to make them up",
        ),
    ],
)
def test_a_relation_that_cannot_hold_is_named(relations: dict[str, Any], message: str) -> None:
    assert message in faults(**relations)


@pytest.mark.parametrize(
    ("columns", "relations", "message"),
    [
        (
            with_facts("city", parts=(Part.DAY,)),
            {},
            "columns.city.parts: it is categorical; only dates and timestamps have parts",
        ),
        (
            with_facts("start", parts=(Part.DAY,)),
            {"together": [("start", "city")]},
            "columns.start.parts: relations.together makes its values already",
        ),
        (
            with_facts("stop", parts=(Part.DAY,)),
            {"at_most": [("start", "stop")]},
            "columns.stop.parts: relations.at_most makes its values from 'start' already",
        ),
        (
            with_facts("id", keep_length=True),
            {},
            "columns.id.keep_length: it is id; only text that is made up has it",
        ),
        (
            with_facts("city", edges=(0.0, 1.0)),
            {},
            "columns.city.edges: it is categorical, which has no bins",
        ),
    ],
)
def test_a_declaration_that_fits_no_such_column_is_named(
    columns: tuple[Column, ...], relations: dict[str, Any], message: str
) -> None:
    assert faults(columns, **relations) == message


def test_all_faults_are_named_at_once() -> None:
    text = faults(
        with_facts("id", keep_length=True),
        non_negative=["start"],
        unique=["city"],
        at_most=[("low", "mid"), ("mid", "low")],
        together=[("city", "note")],
    )
    for fault in ("non_negative", "unique", "circle through 'mid'", "'note' would be made up", "keep_length"):
        assert fault in text


def test_a_circle_of_three_is_found_and_a_chain_is_none() -> None:
    circle = [("low", "mid"), ("mid", "high"), ("high", "low")]
    assert "circle" in faults(at_most=circle)
    _, relations = apply_relations(COLUMNS, RelationSettings(at_most=circle[:2], places=()))
    assert relations.at_most == (("low", "mid"), ("mid", "high"))


def test_relations_that_hold_mark_their_columns() -> None:
    settings = RelationSettings(
        unique=("id",),
        non_negative=("low", "high"),
        derived={"mid": "low * 2"},
        together=(("city", "state"),),
    )
    bounded = with_facts("high", lower=-3.0, kind=Kind.REAL)
    bounded = tuple(column("low", Kind.INTEGER, lower=5.0) if c.name == "low" else c for c in bounded)
    columns, relations = apply_relations(bounded, settings)
    by_name = {c.name: c for c in columns}
    assert [c.name for c in columns] == [c.name for c in COLUMNS], "the source's order is kept"
    assert by_name["id"].unique
    assert by_name["mid"].derived == "low * 2"
    assert by_name["low"].lower == 5.0, "the stricter bound wins"
    assert by_name["high"].lower == 0.0
    assert relations.together == (("city", "state"),)


def test_the_one_pair_that_the_scan_took_for_a_place_is_one() -> None:
    _, relations = apply_relations(COLUMNS, RelationSettings())
    assert relations.places == (("lat", "lon"),)
    _, none = apply_relations(COLUMNS, RelationSettings(places=()))
    assert none.places == ()
    second = (*COLUMNS, column("lat2", Kind.REAL, entity="latitude"))
    assert apply_relations(second, RelationSettings())[1].places == (), "which pair belongs together?"
    for facts in ({"kind": Kind.CATEGORICAL}, {"edges": (0.0, 1.0)}):
        fewer = with_facts("lat", entity="latitude", **facts)
        assert apply_relations(fewer, RelationSettings())[1].places == ()

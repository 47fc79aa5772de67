"""What a user fixes or rebalances becomes shares over released codes, or one clear line."""

import json

import numpy as np
import pytest

from synth.config.sections import Generate
from synth.core.codebook import BinnedCodebook, CategoricalCodebook, Leaf, RegionCodebook
from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, PrivacyUnit, Relations, TableSchema
from synth.errors import ConfigError
from synth.generate.starting import AS_LEARNED, Starting, starting_of

MANIFEST = PreparedManifest(
    schema=TableSchema(
        name="t",
        columns=(
            Column(name="income", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="age", spark_type="int", kind=Kind.INTEGER),
            Column(name="city", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="state", spark_type="string", kind=Kind.CATEGORICAL),
            Column(name="member", spark_type="boolean", kind=Kind.BOOLEAN, categories=("false", "true")),
            Column(name="id", spark_type="string", kind=Kind.ID),
        ),
        unit=PrivacyUnit(),
        relations=Relations(together=(("city", "state"),)),
    ),
    codebooks=(
        CategoricalCodebook(column="income", categories=("<=50K", ">50K"), counts=(10.0, 60.0, 20.0, 10.0)),
        BinnedCodebook(column="age", kind=Kind.INTEGER, lowers=(0, 9), uppers=(9, 90), counts=(0, 5, 5)),
        CategoricalCodebook(column="city + state", categories=("a\x1fb",), counts=(0.0, 1.0, 0.0)),
        CategoricalCodebook(
            column="member", categories=("false", "true"), counts=(0.0, 30.0, 70.0), closed=True
        ),
    ),
    n_rows=100,
    n_units=100,
    entries=(1,),
    is_private=True,
)


def start(**settings: object) -> Starting:
    return starting_of(Generate.model_validate(settings), MANIFEST)


def test_nothing_asked_is_as_learned() -> None:
    assert start().is_plain
    assert AS_LEARNED.is_plain
    assert not start(temperature=0.5).is_plain


def test_a_fixed_value_has_all_of_the_share() -> None:
    assert start(fix={"income": ">50K"}).first[0].tolist() == [0, 0, 1, 0]
    assert start(fix={"member": True}).first[3].tolist() == [0, 0, 1]
    assert start(fix={"income": None}).first[0].tolist() == [1, 0, 0, 0]


def test_of_a_list_values_are_drawn_by_their_released_counts() -> None:
    shares = start(fix={"income": ["<=50K", ">50K"]}).first[0]
    np.testing.assert_allclose(shares, [0, 0.75, 0.25, 0])


def test_what_is_not_rebalanced_keeps_its_proportions() -> None:
    shares = start(rebalance={"income": {">50K": 0.5}}).first[0]
    np.testing.assert_allclose(shares, [0.5 * 10 / 80, 0.5 * 60 / 80, 0.5, 0.5 * 10 / 80])
    np.testing.assert_allclose(start(rebalance={"member": {"true": 1.0}}).first[3], [0, 0, 1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fix": {"income": "50K"}}, "'50K' is not one of its 2 released categories"),
        ({"fix": {"age": 30}}, "learned in bins"),
        ({"fix": {"city": "a"}}, "learned as together of city, state"),
        ({"fix": {"id": "7"}}, "made up or derived"),
        ({"fix": {"nobody": "7"}}, "no such column"),
        ({"rebalance": {"income": {">50K": 0.8, "<=50K": 0.4}}}, "add up to 1.2"),
        ({"fix": {"income": ">50K"}, "rebalance": {"income": {">50K": 0.5}}}, "both name 'income'"),
    ],
)
def test_what_cannot_be_given_is_said_in_one_line(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        start(**settings)


def test_a_start_survives_json() -> None:
    there = start(rebalance={"income": {">50K": 0.5}}, temperature=0.7)
    back = Starting.from_dict(json.loads(json.dumps(there.to_dict())))
    assert back.temperature == 0.7
    np.testing.assert_allclose(back.first[0], there.first[0])


def test_a_value_is_found_however_its_type_spells_it() -> None:
    plain = starting_of(Generate(fix={"member": "true"}), MANIFEST).first[3].tolist()
    assert starting_of(Generate(fix={"member": "True"}), MANIFEST).first[3].tolist() == plain
    assert starting_of(Generate(rebalance={"member": {"1": 1.0}}), MANIFEST).first[3].tolist() == plain
    with pytest.raises(ConfigError, match="'yes' is no value of type boolean; write true or false"):
        starting_of(Generate(fix={"member": "yes"}), MANIFEST)


def test_a_name_of_a_place_gives_all_codes_in_that_place() -> None:
    columns = tuple(
        Column(name=name, spark_type="string", kind=Kind.CATEGORICAL, entity=name)
        for name in ("state", "city")
    )
    keys = ("MA", "MA\x1fBoston", "TX\x1fDallas")
    names = (("MA", "Lowell"), ("MA", "Boston"), ("TX", "Dallas"))
    book = RegionCodebook(
        column="state > city",
        categories=keys,
        counts=(0.0, 10.0, 30.0, 60.0),
        closed=True,
        depth=2,
        leaves=tuple(Leaf(code=k, names=n, cells=(), weight=1.0) for k, n in enumerate(names, 1)),
    )
    schema = TableSchema(
        name="t", columns=columns, unit=PrivacyUnit(), relations=Relations(regions=(("state", "city"),))
    )
    manifest = PreparedManifest(
        schema=schema, codebooks=(book,), n_rows=9, n_units=9, entries=(1,), is_private=True
    )
    fixed = starting_of(Generate(fix={"state": "MA"}), manifest)
    assert fixed.first[0].tolist() == [0.0, 0.25, 0.75, 0.0]
    shared = starting_of(Generate(rebalance={"state": {"TX": 0.2}}), manifest)
    assert np.allclose(shared.first[0], [0.0, 0.2, 0.6, 0.2])
    with pytest.raises(ConfigError, match="no code of its own"):
        starting_of(Generate(fix={"city": "Lowell"}), manifest)

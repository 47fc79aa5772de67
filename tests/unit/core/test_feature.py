"""Features come in the order of their first columns, each made as its relation says."""

import pytest

from synth.core.feature import Feature, Role, box_of, features_of
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema


def real(name: str, **facts: object) -> Column:
    return Column(name=name, spark_type="double", kind=Kind.REAL, **facts)  # type: ignore[arg-type]


COLUMNS = (
    Column(name="stop", spark_type="date", kind=Kind.DATE, upper=100.0),
    Column(name="lon", spark_type="double", kind=Kind.REAL),
    Column(name="id", spark_type="string", kind=Kind.ID),
    Column(name="start", spark_type="date", kind=Kind.DATE, lower=20.0, parts=(Part.MONTH, Part.DAY)),
    Column(name="state", spark_type="string", kind=Kind.CATEGORICAL, weight=3.0),
    Column(name="lat", spark_type="double", kind=Kind.REAL, lower=40.0, upper=41.0, nullable=False),
    Column(name="total", spark_type="double", kind=Kind.REAL, derived="price * 2"),
    Column(name="price", spark_type="double", kind=Kind.REAL),
    Column(name="city", spark_type="string", kind=Kind.CATEGORICAL),
    Column(name="note", spark_type="string", kind=Kind.TEXT, keep_length=True),
)
SCHEMA = TableSchema(
    name="t",
    columns=COLUMNS,
    unit=PrivacyUnit(),
    relations=Relations(
        places=(("lat", "lon"),), together=(("state", "city"),), at_most=(("start", "stop"),)
    ),
)


def test_features_come_in_the_order_of_the_columns_that_lead_them() -> None:
    assert [(feature.role, feature.name) for feature in features_of(SCHEMA)] == [
        (Role.GAP, "stop - start"),
        (Role.PLAIN, "start"),
        (Role.PART, "start month"),
        (Role.PART, "start day"),
        (Role.TOGETHER, "state + city"),
        (Role.PLACE, "lat x lon"),
        (Role.PLAIN, "price"),
        (Role.LENGTH, "length of note"),
    ]


def test_features_carry_what_is_declared_of_their_columns() -> None:
    features = {feature.name: feature for feature in features_of(SCHEMA)}
    gap = features["stop - start"]
    assert gap.columns == ("stop", "start")
    assert (gap.column.kind, gap.column.lower, gap.column.upper) == (Kind.INTEGER, 0.0, 80.0)
    assert features["lat x lon"].column.kind is Kind.PLACE
    assert features["lat x lon"].column.nullable, "one of the two may be null"
    assert features["state + city"].column.weight == 3.0
    assert features["start month"].column.categories == tuple(map(str, range(1, 13)))
    assert features["length of note"].column.kind is Kind.INTEGER
    box = box_of(SCHEMA.column("lat"), SCHEMA.column("lon"))
    assert (box.south, box.north, box.west, box.east) == (40.0, 41.0, -180.0, 180.0)


def test_a_gap_of_decimals_has_the_longer_ones_and_none_if_one_is_unknown() -> None:
    def gap(low: Column, high: Column) -> Column:
        schema = TableSchema(
            name="t", columns=(low, high), unit=PrivacyUnit(), relations=Relations(at_most=(("a", "b"),))
        )
        return features_of(schema)[1].column

    assert gap(real("a", decimals=2), real("b", decimals=1)).decimals == 2
    assert gap(real("a", decimals=2), real("b")).decimals is None
    whole = Column(name="a", spark_type="int", kind=Kind.INTEGER)
    assert gap(whole, Column(name="b", spark_type="int", kind=Kind.INTEGER)).kind is Kind.INTEGER


def test_what_is_made_from_two_columns_is_never_public() -> None:
    low, high = (
        Column(name=n, spark_type="date", kind=Kind.DATE, public=n == "stop") for n in ("start", "stop")
    )
    schema = TableSchema(
        name="t", columns=(low, high), unit=PrivacyUnit(), relations=Relations(at_most=(("start", "stop"),))
    )
    assert {f.name: f.column.public for f in features_of(schema)} == {
        "start": False,
        "stop - start": False,
        "range of stop": True,
    }
    with pytest.raises(ValueError, match="never public"):
        Feature(role=Role.GAP, columns=("stop", "start"), column=high)

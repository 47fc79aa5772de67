"""The plan's events cost what it says, and its receipts cover the queries it counts and no others."""

import math
from collections import Counter
from dataclasses import replace

import pytest

from synth.config.sections import Prepare, PrepareWeights, Privacy
from synth.core.feature import Feature, features_of
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema
from synth.prepare.plan import PreparePlan, Purpose, has_endings
from synth.privacy import accountant, noise
from synth.privacy.budget import Budget, DiscreteGaussian, NoPrivacy, Selection
from synth.privacy.entry import Receipt
from synth.privacy.select import pruned_count
from synth.spending import prepare_share, stage_mu

SSN = Column(name="ssn", spark_type="string", kind=Kind.ID, entity="ssn")
AGE = Column(name="age", spark_type="int", kind=Kind.INTEGER)
COLOUR = Column(name="colour", spark_type="string", kind=Kind.CATEGORICAL)
SEX = Column(name="sex", spark_type="string", kind=Kind.CATEGORICAL, categories=("F", "M", "X"))
TOKEN = Column(name="token", spark_type="string", kind=Kind.CATEGORICAL)
DAY = Column(name="day", spark_type="date", kind=Kind.DATE, parts=(Part.WEEKDAY,))
BANDS = Column(name="bands", spark_type="double", kind=Kind.REAL, edges=(0, 1, 5))
LAT = Column(name="lat", spark_type="double", kind=Kind.REAL)
LON = Column(name="lon", spark_type="double", kind=Kind.REAL)
SCHEMA = TableSchema(name="t", columns=(SSN, AGE, COLOUR, SEX, TOKEN), unit=PrivacyUnit())
WIDE = TableSchema(
    name="t",
    columns=(SSN, AGE, COLOUR, SEX, TOKEN, DAY, BANDS, LAT, LON),
    unit=PrivacyUnit(entity="ssn", max_rows=4),
    relations=Relations(places=(("lat", "lon"),)),
)
MANY = 1e9


def plan_of(
    schema: TableSchema, mu: float | None = 0.3, *, rows: float = MANY, **weights: float
) -> PreparePlan:
    return PreparePlan.of(schema, Prepare(weights=PrepareWeights(**weights)), mu, 1e-6, rows)


def squares(plan: PreparePlan) -> float:
    return sum(
        e.count * (e.sensitivity / e.scale) ** 2 for e in plan.events() if isinstance(e, DiscreteGaussian)
    )


def scale(plan: PreparePlan, feature: str | None, purpose: Purpose, level: int = 0) -> float:
    (query,) = [q for q in plan.queries if (q.feature, q.purpose, q.level) == (feature, purpose, level)]
    return plan.event(query).scale


def test_the_plan_counts_every_query() -> None:
    plan = plan_of(SCHEMA)
    # colour, sex, token; five rounds of age, two parts of its values, and how it ends; the row count
    assert len(plan.queries) == 3 + 5 + 2 + 1 + 1
    assert plan.n_selections == 2
    wide = Counter(query.purpose for query in plan_of(WIDE).queries)
    assert wide[Purpose.ROWS] == wide[Purpose.UNITS] == 1
    assert wide[Purpose.DECLARED] == 2  # sex, and the weekday
    assert wide[Purpose.FOUND] == 2
    levels = Counter(query.feature for query in plan_of(WIDE).queries if query.purpose is Purpose.BINS)
    assert levels["bands"] == 1, "declared edges are one histogram"
    assert levels["age"] == 5
    assert wide[Purpose.ENDINGS] == 2  # age and day; what has declared edges, and places, have none
    assert levels["lat x lon"] == 6  # 28 bits: 256 roots, then five levels of 16 children


@pytest.mark.parametrize("schema", [SCHEMA, WIDE], ids=["row", "entity"])
@pytest.mark.parametrize("weights", [{}, {"bins": 50.0, "counts": 0.01}], ids=str)
@pytest.mark.parametrize("rows", [MANY, 2_000.0])
def test_all_events_together_cost_mu_and_the_delta(
    schema: TableSchema, weights: dict[str, float], rows: float
) -> None:
    plan = plan_of(schema, 0.3, rows=rows, **weights)
    assert squares(plan) == pytest.approx(0.3**2)
    deltas = [event.delta * event.count for event in plan.events() if isinstance(event, Selection)]
    assert sum(deltas) == pytest.approx(1e-6)


def test_the_accountant_agrees_with_mu() -> None:
    mu = accountant.gaussian_mu(Budget(epsilon=1.0, delta=1e-5))
    plan = PreparePlan.of(SCHEMA, Prepare(), mu, 1e-7, MANY)
    assert accountant.epsilon(plan.events(), 1.01e-5) == pytest.approx(1.0, rel=0.02)


def test_a_query_of_four_times_the_weight_gets_half_the_noise() -> None:
    plan = plan_of(SCHEMA, found=4.0, declared=1.0, bins=2.0, counts=0.25)
    assert scale(plan, "sex", Purpose.DECLARED) == pytest.approx(2 * scale(plan, "colour", Purpose.FOUND))
    assert scale(plan, None, Purpose.ROWS) == pytest.approx(1 / (0.3 * math.sqrt(0.25)))
    heavy = replace(SCHEMA, columns=(AGE, replace(COLOUR, weight=9.0), TOKEN))
    plan = plan_of(heavy)
    assert scale(plan, "token", Purpose.FOUND) == pytest.approx(3 * scale(plan, "colour", Purpose.FOUND))
    assert squares(plan) == pytest.approx(0.3**2)


def test_public_columns_cost_nothing_and_leave_more_to_the_others() -> None:
    public = replace(SCHEMA, columns=(AGE, replace(COLOUR, public=True), SEX))
    plan, without = plan_of(public), plan_of(replace(SCHEMA, columns=(AGE, SEX)))
    assert plan == without
    assert plan.n_selections == 0
    assert not any(isinstance(event, Selection) for event in plan.events())
    (feature,) = [feature for feature in features_of(public) if feature.name == "colour"]
    (exact,) = plan.receipts(Receipt(entry=5, events=plan.events()), Purpose.FOUND, feature)
    assert exact == Receipt(entry=5, events=(NoPrivacy(),))


def test_entity_units_scale_the_noise_by_their_rows() -> None:
    one, five = plan_of(SCHEMA), plan_of(replace(SCHEMA, unit=PrivacyUnit(entity="ssn", max_rows=5)))
    assert {query.sensitivity for query in one.queries} == {1}
    for query in five.queries:
        assert query.sensitivity == (1 if query.purpose is Purpose.UNITS else 5)
    total = sum(query.weight for query in five.queries)
    assert scale(five, "sex", Purpose.DECLARED) == pytest.approx(5 * math.sqrt(total / 2.0) / 0.3)


@pytest.mark.parametrize("schema", [SCHEMA, WIDE], ids=["row", "entity"])
def test_the_receipts_of_all_queries_are_what_was_charged_and_no_more(schema: TableSchema) -> None:
    plan = plan_of(schema)
    receipt = Receipt(entry=1, events=plan.events())
    asked = [(Purpose.ROWS, None), *([(Purpose.UNITS, None)] if schema.unit.entity else [])]
    asked += [(purpose_of(feature), feature) for feature in features_of(schema)]
    binned = [feature for feature in features_of(schema) if feature.column.kind.is_binned]
    asked += [(Purpose.ENDINGS, feature) for feature in binned if has_endings(feature)]
    asked += [(Purpose.VALUES, feature) for feature in binned]
    handed = [part for purpose, feature in asked for part in plan.receipts(receipt, purpose, feature)]
    assert len(handed) == len(plan.queries)
    assert {part.entry for part in handed} == {1}
    single = Counter(event for part in handed for event in part.events)
    charged = Counter[object]()
    for event in plan.events():
        assert isinstance(event, DiscreteGaussian | Selection)
        charged[replace(event, count=1)] += event.count
    assert single == charged, "calling every query once exhausts the charge"
    everything = [replace(event, count=1) for event in single.elements()]
    noise.part_of(receipt, *everything)
    with pytest.raises(ValueError, match="does not pay"):
        noise.part_of(receipt, *everything, everything[0])


def purpose_of(feature: Feature) -> Purpose:
    if feature.column.kind.is_binned:
        return Purpose.BINS
    return Purpose.FOUND if feature.column.categories is None else Purpose.DECLARED


def test_a_charge_that_lacks_a_query_s_event_pays_for_nothing_of_it() -> None:
    plan = plan_of(SCHEMA)
    (colour,) = [feature for feature in features_of(SCHEMA) if feature.name == "colour"]
    other = Receipt(entry=1, events=plan_of(SCHEMA, 0.2).events())
    with pytest.raises(ValueError, match="entry 1 does not pay"):
        plan.receipts(other, Purpose.FOUND, colour)
    unselected = Receipt(
        entry=1, events=tuple(event for event in plan.events() if not isinstance(event, Selection))
    )
    with pytest.raises(ValueError, match="does not pay"):
        plan.receipts(unselected, Purpose.FOUND, colour)
    assert plan.receipts(Receipt(entry=1, events=plan.events()), Purpose.UNITS) == []


def test_finest_levels_are_left_out_where_rows_are_few() -> None:
    born = replace(
        SCHEMA, columns=(*SCHEMA.columns, Column(name="at", spark_type="timestamp", kind=Kind.TIMESTAMP))
    )
    rounds = [
        sum((q.purpose, q.feature) == (Purpose.BINS, "at") for q in plan_of(born, rows=rows).queries)
        for rows in (10.0, 2_000.0, 50_000.0, MANY)
    ]
    assert rounds == sorted(rounds)
    assert rounds[0] == 4, "what is too light to be split is asked for again"
    assert rounds[-1] == 6
    few, many = plan_of(SCHEMA, rows=10.0), plan_of(SCHEMA)
    assert scale(few, "sex", Purpose.DECLARED) < scale(many, "sex", Purpose.DECLARED)


def test_without_privacy_nothing_is_left_out_and_everything_is_exact() -> None:
    plan = plan_of(SCHEMA, None, rows=10.0)
    assert plan.events() == (NoPrivacy(),)
    assert plan.pruned(SCHEMA) == {}
    assert len(plan.queries) == 12
    with pytest.raises(ValueError, match="no noise"):
        plan.event(plan.queries[0])


def test_found_categories_of_at_most_so_many_rows_may_stay_uncounted() -> None:
    plan = plan_of(WIDE, 0.05)
    assert set(plan.pruned(WIDE)) == {"colour", "token"}
    noise_scale = scale(plan, "colour", Purpose.FOUND)
    assert 4 < plan.pruned(WIDE)["colour"] == pruned_count(noise_scale, max_rows=4) < noise_scale / 8
    assert plan_of(WIDE, 100.0).pruned(WIDE)["colour"] == 4, "at least a unit's own rows"


def test_the_row_count_is_sure_however_many_columns_there_are() -> None:
    """At epsilon 1 and delta 1e-6, of 25,000 rows: a standard deviation of a fifth of a hundredth."""
    privacy = Privacy(epsilon=1.0, delta=1e-6)
    mu = stage_mu(privacy, prepare_share(privacy, 25_000))
    for n in (1, 15, 200):
        columns = (
            *(replace(TOKEN, name=f"t{i}") for i in range(n)),
            *(replace(AGE, name=f"a{i}") for i in range(n)),
        )
        plan = plan_of(TableSchema(name="t", columns=columns, unit=PrivacyUnit()), mu, rows=25_000)
        assert scale(plan, None, Purpose.ROWS) < 0.002 * 25_000
        assert squares(plan) == pytest.approx(mu**2)

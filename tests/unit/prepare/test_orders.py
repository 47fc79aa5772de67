"""A start before its end is found with nothing declared, paid for, and made so that it holds."""

import datetime
import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from synth.core.prepared import PreparedManifest
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema
from synth.prepare.orders import SHARE, Cell, Order, OrderPlan, count_orders, found_orders, with_orders
from synth.privacy.budget import DiscreteGaussian, NoPrivacy
from synth.privacy.entry import Receipt
from synth.stages.prepare import _paid_orders

N = 6_000
DAY = datetime.timedelta(days=1)


def table(*columns: Column, **relations: object) -> TableSchema:
    return TableSchema(name="t", columns=columns, unit=PrivacyUnit(), relations=Relations(**relations))  # type: ignore[arg-type]


def date(name: str, **facts: object) -> Column:
    return Column(name=name, spark_type="date", kind=Kind.DATE, **facts)  # type: ignore[arg-type]


def number(name: str, kind: Kind = Kind.REAL) -> Column:
    return Column(name=name, spark_type="double", kind=kind)


def found(schema: TableSchema, columns: dict[str, object], mu: float | None = None) -> tuple[Order, ...]:
    plan = OrderPlan.of(schema, mu, N)
    if plan is None:
        return ()
    counts = count_orders(pa.RecordBatch.from_pydict(columns), schema, plan.pairs)
    return plan.release(counts, Receipt(entry=1, events=plan.events()))


def pairs(orders: tuple[Order, ...]) -> set[tuple[str, str]]:
    return {(order.low, order.high) for order in orders}


def days(seed: int, n: int = N) -> np.ndarray:
    return np.random.default_rng(seed).integers(18_000, 18_700, n)


def dates(numbers: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(numbers.astype("int32"), mask=missing).cast(pa.date32())


def stays(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 9, N)


STAY = table(date("out"), date("in"), number("cost"))


def stay(share_of_violations: float = 0.0) -> dict[str, object]:
    start, length = days(1), stays(2)
    wrong = np.random.default_rng(3).random(N) < share_of_violations
    return {
        "out": dates(start + np.where(wrong, -1 - length, length)),
        "in": dates(start),
        "cost": np.ones(N),
    }


@pytest.mark.parametrize("mu", [None, 0.1])
def test_an_end_is_found_whichever_column_comes_first(mu: float | None) -> None:
    (order,) = found(STAY, stay(), mu)
    assert (order.low, order.high) == ("in", "out")
    assert order.share > 0.93


@pytest.mark.parametrize("mu", [None, 0.1])
def test_an_order_that_a_seventh_of_the_rows_break_is_none(mu: float | None) -> None:
    """False alarms: noise of 30 of 6,000 rows, so that 14% is over 10 standard deviations off."""
    assert found(STAY, stay(0.14), mu) == ()


def test_few_rows_that_break_it_leave_the_order_and_its_share() -> None:
    (order,) = found(STAY, stay(0.01))
    assert order.share == pytest.approx(0.99, abs=0.005)
    assert str(Order(low="a", high="b", share=0.9996)) == "a at most b, found in 99.9% of rows"
    assert str(Order(low="a", high="b", share=1.0)) == "a at most b, found in 100% of rows"


def test_a_chain_is_made_link_by_link() -> None:
    schema = table(date("ordered"), date("paid"), date("shipped"))
    first = days(4)
    columns = {
        "ordered": dates(first),
        "shipped": dates(first + stays(5) + 20),
        "paid": dates(first + stays(6)),
    }
    assert pairs(found(schema, columns)) == {("ordered", "paid"), ("paid", "shipped")}


def test_several_columns_may_lie_above_one() -> None:
    """A day's prices, in the order in which tables have them."""
    rng = np.random.default_rng(17)
    low = rng.normal(1_000, 200, N)
    span = rng.exponential(9, N)
    columns = {
        "open": low + rng.random(N) * span,
        "high": low + span,
        "low": low,
        "close": low + rng.random(N) * span,
    }
    orders = found(table(*map(number, columns)), columns)
    assert pairs(orders) == {("low", "open"), ("low", "high"), ("low", "close")}


def test_equal_columns_come_back_equal() -> None:
    schema = table(date("day"), date("day_again"))
    (order,) = found(schema, {"day": dates(days(7)), "day_again": dates(days(7))})
    assert (order.low, order.high) == ("day", "day_again")


def test_a_missing_end_is_no_matter_and_a_missing_start_is() -> None:
    missing = np.random.default_rng(8).random(N) < 0.3
    start, end = days(9), days(9) + stays(10)
    schema = table(date("start"), date("end"))
    assert pairs(found(schema, {"start": dates(start), "end": dates(end, missing)})) == {("start", "end")}
    assert found(schema, {"start": dates(start, missing), "end": dates(end)}) == ()
    assert pairs(found(schema, {"start": dates(start, missing), "end": dates(end, missing)})) == {
        ("start", "end")
    }


def test_a_birth_years_before_and_an_end_of_time_are_no_orders() -> None:
    """A day at random lies after a birth as well, and 9999-12-31 less a start is no point any more."""
    schema = table(date("born"), date("visit"))
    assert found(schema, {"born": dates(days(11) - 9_000), "visit": dates(days(12))}) == ()
    open_end = np.where(np.random.default_rng(13).random(N) < 0.3, 2_932_896, days(14) + 5)
    schema = table(date("valid_from"), date("valid_to"))
    assert found(schema, {"valid_from": dates(days(14)), "valid_to": dates(open_end)}) == ()


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("temp_min", "temp_max"),
        ("MinTemp", "MaxTemp"),
        ("sub_total", "total"),
        ("salary_from", "salary_to"),
        ("fare_amount", "total_amount"),
        ("low", "high"),
        ("Cost Repair", "Cost Total $"),
    ],
)
def test_numbers_are_asked_about_where_their_names_say_so(low: str, high: str) -> None:
    rng = np.random.default_rng(15)
    least = rng.normal(10, 5, N)
    columns = {low: least, high: least + rng.exponential(3, N), "width": least + 1}
    assert pairs(found(table(number(high), number(low), number("width")), columns)) == {(low, high)}


@pytest.mark.parametrize(
    ("one", "other"), [("fare", "tip"), ("min_temp", "max_wind"), ("height", "width"), ("total", "totals")]
)
def test_other_numbers_are_not_and_then_nothing_is_charged(one: str, other: str) -> None:
    assert OrderPlan.of(table(number(one), number(other)), 0.1, N) is None


def test_what_is_declared_public_made_elsewhere_or_of_another_kind_is_not_asked() -> None:
    end = date("end")
    for column in (
        date("start", public=True),
        date("start", parts=(Part.WEEKDAY,)),
        date("start", derived="end"),
        date("start", edges=(0.0, 1.0)),
        replace(date("start"), kind=Kind.TEXT),
        replace(date("start"), kind=Kind.TIMESTAMP),
    ):
        assert OrderPlan.of(table(column, end), None, N) is None
    assert OrderPlan.of(table(date("start"), end), None, N, apart={"end"}) is None
    declared = {"at_most": (("start", "end"),)}
    assert OrderPlan.of(table(date("start"), end, **declared), None, N) is None


def test_what_noise_would_hide_is_not_asked() -> None:
    assert OrderPlan.of(STAY, 0.1, 500) is None
    assert OrderPlan.of(STAY, 0.1, N) is not None
    many = table(*(date(f"day_{k}") for k in range(8)))
    plan = OrderPlan.of(many, 0.1, N)
    assert plan is not None
    assert 1 < len(plan.pairs) < 28
    assert plan.event is not None
    assert 2 * plan.event.scale <= 0.03 * N
    assert plan.pairs[:2] == (("day_0", "day_1"), ("day_1", "day_2"))  # neighbours before others


@pytest.mark.parametrize("max_rows", [1, 5])
def test_all_histograms_together_cost_their_share(max_rows: int) -> None:
    schema = replace(
        table(date("who"), date("a"), date("b"), date("c")),
        unit=PrivacyUnit(entity="who", max_rows=max_rows) if max_rows > 1 else PrivacyUnit(),
    )
    plan = OrderPlan.of(schema, 0.2, 100_000)
    assert plan is not None
    (event,) = plan.events()
    assert isinstance(event, DiscreteGaussian)
    assert event.count == len(plan.pairs) == 6
    assert event.sensitivity == max_rows
    assert math.sqrt(event.count) * event.sensitivity / event.scale == pytest.approx(0.2 * SHARE**0.5)
    free = OrderPlan.of(schema, None, 10)
    assert free is not None
    assert free.events() == (NoPrivacy(),)


def test_a_row_moves_each_histogram_by_one_at_most() -> None:
    schema = table(date("a"), date("b"), date("c"))
    rng = np.random.default_rng(16)
    columns = {name: dates(rng.integers(-800_000, 2_000_000, 300), rng.random(300) < 0.3) for name in "abc"}
    batch = pa.RecordBatch.from_pydict(columns)
    asked = (("a", "b"), ("a", "c"), ("b", "c"))
    all_of_them = count_orders(batch, schema, asked)
    for k in range(batch.num_rows):
        without = pa.concat_batches([batch.slice(0, k), batch.slice(k + 1)])
        moved = all_of_them - count_orders(without, schema, asked)
        assert moved.min() >= 0
        assert moved.sum(axis=1).max() <= 1


def test_each_row_falls_where_it_belongs() -> None:
    first = pa.array([0, 0, 0, 5, 999, 0, None, 3, None], pa.int32()).cast(pa.date32())
    second = pa.array([0, 5, 999, 0, 0, 99_999, 3, None, None], pa.int32()).cast(pa.date32())
    batch = pa.RecordBatch.from_pydict({"a": first, "b": second})
    (counts,) = count_orders(batch, table(date("a"), date("b")), [("a", "b")])
    assert counts.tolist() == [1] * len(Cell)


def test_the_noise_of_each_count_is_what_was_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No share of noise is left out: the receipt of one pair pays for one histogram alone."""
    plan = OrderPlan.of(table(date("a"), date("b"), date("c")), 0.1, 100_000)
    assert plan is not None
    with pytest.raises(ValueError, match="does not pay"):
        plan.release(np.zeros((3, len(Cell)), dtype=np.int64), Receipt(entry=1, events=(NoPrivacy(),)))


def test_found_orders_are_kept_with_the_manifest() -> None:
    schema = with_orders(STAY, (Order(low="in", high="out", share=0.999),))
    assert schema.relations.at_most == (("in", "out"),)
    manifest = PreparedManifest(
        schema=schema, codebooks=(), n_rows=1, n_units=1, entries=(1, 2), is_private=True
    )
    again = PreparedManifest.from_dict(manifest.to_dict()).schema.relations
    assert found_orders(again) == (Order(low="in", high="out", share=0.999),)


class Kept:
    """A run whose ledger has the orders already: anything else that is asked of it fails."""

    def kept(self, stage: str, key: str | None) -> dict[str, object]:
        assert (stage, key is None) == ("prepare", False)
        return {"entry": 7, "found": [["in", "out", 0.999]]}


def test_orders_that_were_paid_for_are_not_paid_for_again() -> None:
    plan = OrderPlan.of(STAY, 0.1, N)
    assert plan is not None
    orders, entry = _paid_orders(Kept(), None, STAY, plan, "key")  # type: ignore[arg-type]
    assert entry == 7
    assert orders == (Order(low="in", high="out", share=0.999),)

"""Tables that differ in one unit differ in every query by no more than was paid for."""

import datetime
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from synth.config.sections import Prepare
from synth.core.feature import features_of
from synth.core.schema import Column, Kind, Part, PrivacyUnit, Relations, TableSchema
from synth.prepare.features import grid_for
from synth.prepare.plan import PreparePlan, Purpose, Query
from synth.prepare.summary import Summary

Summarize = Callable[..., Summary]
SCHEMA = TableSchema(
    name="t",
    columns=(
        Column(name="n", spark_type="int", kind=Kind.INTEGER),
        Column(name="lat", spark_type="double", kind=Kind.REAL),
        Column(name="lon", spark_type="double", kind=Kind.REAL),
        Column(name="start", spark_type="date", kind=Kind.DATE, parts=(Part.WEEKDAY,)),
        Column(name="stop", spark_type="date", kind=Kind.DATE),
        Column(name="a", spark_type="string", kind=Kind.CATEGORICAL),
        Column(name="b", spark_type="string", kind=Kind.CATEGORICAL),
        Column(name="sex", spark_type="string", kind=Kind.CATEGORICAL, categories=("F", "M")),
        Column(name="note", spark_type="string", kind=Kind.TEXT, keep_length=True),
    ),
    unit=PrivacyUnit(),
    relations=Relations(places=(("lat", "lon"),), together=(("a", "b"),), at_most=(("start", "stop"),)),
)


def batch_of(n: int, seed: int) -> pa.RecordBatch:
    generator = np.random.default_rng(seed)

    def maybe(values: np.ndarray) -> pa.Array:
        return pa.array(values, mask=generator.random(n) < 0.2)

    days = np.array([datetime.date(2020, 1, 1) + datetime.timedelta(days=int(d)) for d in range(50)])
    return pa.RecordBatch.from_pydict(
        {
            "n": maybe(generator.integers(-100, 100, n)),
            "lat": maybe(generator.uniform(-90, 90, n)),
            "lon": maybe(generator.uniform(-180, 180, n)),
            "start": maybe(generator.choice(days, n)),
            "stop": maybe(generator.choice(days, n)),
            "a": maybe(generator.choice(["x", "y"], n)),
            "b": maybe(generator.choice(["u", "v"], n)),
            "sex": maybe(generator.choice(["F", "M", "?"], n)),
            "note": maybe(generator.choice(["", "word", "words"], n)),
        }
    )


def histogram(summary: Summary, query: Query, schema: TableSchema) -> dict[object, int]:
    """The exact counts that one query asks for, the nulls of the feature with them."""
    if query.feature is None:
        return {"all": summary.n_units if query.purpose is Purpose.UNITS else summary.n_rows}
    features = features_of(schema)
    (index,) = [k for k, feature in enumerate(features) if feature.name == query.feature]
    counted = summary.features[index]
    if query.purpose is Purpose.ENDINGS:
        return dict(counted.categories)
    counts: dict[object, int] = {"null": counted.nulls}
    if query.purpose is not Purpose.BINS:
        counts |= counted.categories
    else:
        # A round asks for nodes of several levels, disjoint: as much moves as on one of them.
        levels = grid_for(features[index].column).levels
        shift = levels[min(query.level, len(levels) - 1)]
        for cell, count in zip(counted.cells.tolist(), counted.counts.tolist(), strict=True):
            counts[cell >> shift] = counts.get(cell >> shift, 0) + count
    return counts


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("seed", range(10))
def test_one_unit_moves_every_query_by_at_most_its_sensitivity(
    summarize: Summarize, rows: int, seed: int
) -> None:
    unit = PrivacyUnit() if rows == 1 else PrivacyUnit(entity="note", max_rows=rows)
    schema = replace(SCHEMA, unit=unit)
    plan = PreparePlan.of(schema, Prepare(), 1.0, 1e-6, 1e9)
    with_unit = batch_of(30 + rows, seed)
    n_units = (None, None) if rows == 1 else (11, 10)
    large = summarize([with_unit], schema, n_units=n_units[0])
    small = summarize([with_unit.slice(rows)], schema, n_units=n_units[1])
    moved = 0.0
    for query in plan.queries:
        before, after = (histogram(summary, query, schema) for summary in (small, large))
        steps = [after.get(key, 0) - before.get(key, 0) for key in before | after]
        size = float(np.linalg.norm(steps))
        assert size <= query.sensitivity, query
        assert min(steps) >= 0
        moved = max(moved, size)
    assert moved >= 1, "the unit is seen by some query"

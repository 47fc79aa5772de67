"""A value that fills its cell comes back as itself; one that does not stays in its cell."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.core.schema import Column, Kind
from synth.prepare.features import grid_for
from synth.prepare.values import BUCKETS, FIRST, PART_BITS, ReleasedParts, counters, parts_of

COLUMNS = {
    "bigint": Column(name="x", spark_type="bigint", kind=Kind.INTEGER),
    "int": Column(name="x", spark_type="int", kind=Kind.INTEGER),
    "double": Column(name="x", spark_type="double", kind=Kind.REAL),
    "money": Column(name="x", spark_type="string", kind=Kind.REAL, decimals=2),
    "date": Column(name="x", spark_type="date", kind=Kind.DATE),
    "timestamp": Column(name="x", spark_type="timestamp", kind=Kind.TIMESTAMP),
}
HEAVY = [
    *(("bigint", v) for v in (9_770_264_907.0, -3_229_627.0, 2.0**52 + 1, 131_073.0)),
    *(("int", v) for v in (2_147_483_647.0, -2_000_000_011.0)),
    *(("double", v) for v in (45.229032544693275, -20.6640731671, 7.93025761385e-13, -1.02458797792e19)),
    *(("money", v) for v in (9_999_999.99, -18_193.69)),
    *(("date", v) for v in (-80_778.0, -500_001.0)),
    *(("timestamp", v) for v in (1_591_844_209.0, 1_638_720_929.562, -2_208_988_801.0)),
]


def released(values: NDArray[np.float64], column: Column, noise_scale: float) -> ReleasedParts:
    n_parts = parts_of(column)
    counted = np.zeros(BUCKETS * n_parts << PART_BITS)
    for part in counters(values, grid_for(column).cell(values), column, n_parts):
        counted += np.bincount(part - FIRST, minlength=len(counted))
    noisy = counted + np.random.default_rng(0).normal(0, noise_scale, len(counted))
    return ReleasedParts(
        counts=noisy.reshape(BUCKETS, n_parts, -1).transpose(1, 0, 2), noise_scale=noise_scale
    )


@pytest.mark.parametrize("noise_scale", [0.0, 20.0])
@pytest.mark.parametrize(("name", "value"), HEAVY)
def test_a_heavy_value_comes_back_to_its_last_digit(name: str, value: float, noise_scale: float) -> None:
    column = COLUMNS[name]
    others = value * (1 + np.random.default_rng(1).uniform(-0.5, 0.5, 1_000))
    others = others if name in ("double", "timestamp") else np.round(others, column.decimals or 0)
    values = np.concatenate([np.full(2_000, value), others])
    cell = int(grid_for(column).cell(np.array([value]))[0])
    found = released(values, column, noise_scale).values([cell], [2_000.0], column)
    assert found[cell] == pytest.approx(value, rel=0, abs=1e-6 if name == "timestamp" else 0)


def test_of_two_values_in_one_bucket_each_comes_back() -> None:
    column = COLUMNS["bigint"]
    grid = grid_for(column)
    values = np.random.default_rng(2).integers(10**9, 10**10, 40).astype(float)
    weights = np.arange(100, 100 + 10 * len(values), 10)
    parts = released(np.repeat(values, weights), column, 0.0)
    cells = grid.cell(values).tolist()
    found = parts.values(cells, weights.astype(float).tolist(), column)
    assert [found[cell] for cell in cells] == values.tolist()


def test_a_cell_of_many_values_has_none_of_its_own() -> None:
    column = COLUMNS["bigint"]
    values = 9_770_264_907.0 + np.random.default_rng(3).integers(0, 60_000, 5_000)
    cells, counts = np.unique(grid_for(column).cell(values), return_counts=True)
    heaviest = int(cells[np.argmax(counts)])
    found = released(values, column, 5.0).values([heaviest], [float(counts.max())], column)
    assert found.get(heaviest) not in set(values.tolist())


@pytest.mark.parametrize(("spark_type", "kind", "parts"), [
    ("tinyint", Kind.INTEGER, 0), ("smallint", Kind.INTEGER, 0), ("int", Kind.INTEGER, 2),
    ("bigint", Kind.INTEGER, 5), ("date", Kind.DATE, 1), ("double", Kind.REAL, 5),
])  # fmt: skip
def test_columns_whose_cells_hold_one_value_pay_for_no_part(spark_type: str, kind: Kind, parts: int) -> None:
    assert parts_of(Column(name="x", spark_type=spark_type, kind=kind)) == parts


def test_infinities_count_nowhere() -> None:
    column = COLUMNS["double"]
    values = np.array([np.inf, -np.inf, 1.5])
    assert [len(part) for part in counters(values, grid_for(column).cell(values), column, 5)] == [1] * 5

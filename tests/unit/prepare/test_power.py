"""The power fitted to released cells is the one that fits the values themselves."""

import numpy as np
import pytest
from scipy import stats

from synth.core.power import yeo_johnson
from synth.prepare.power import fit_power

GENERATOR = np.random.default_rng(0)
SAMPLES = {
    "normal": GENERATOR.normal(0, 1, 5_000),
    "lognormal": GENERATOR.lognormal(0, 0.5, 5_000),
    "skewed below": -GENERATOR.gamma(2, 1, 5_000),
    "both sides": GENERATOR.laplace(2, 3, 5_000),
}


def fine_cells(values: np.ndarray) -> list[tuple[float, float, float]]:
    counts, edges = np.histogram(values, 4_000)
    kept = counts > 0
    return list(zip(edges[:-1][kept].tolist(), edges[1:][kept].tolist(), counts[kept].tolist(), strict=True))


@pytest.mark.parametrize("name", SAMPLES)
def test_on_fine_cells_it_is_the_power_that_scipy_finds(name: str) -> None:
    values = SAMPLES[name]
    power = fit_power(fine_cells(values))
    assert power is not None
    wanted = stats.yeojohnson_normmax(values)
    assert power.power == pytest.approx(wanted, abs=0.01)
    moved = yeo_johnson(values, power.power)
    assert power.mean == pytest.approx(moved.mean(), abs=0.01)
    assert power.std == pytest.approx(moved.std(), rel=0.01)


def test_the_counts_weigh_the_cells() -> None:
    even = [(k / 10, (k + 1) / 10, 1.0) for k in range(40)]
    heavy_below = [(a, b, 100.0 if a < 0.5 else 1.0) for a, b, _ in even]
    first, second = fit_power(even), fit_power(heavy_below)
    assert first is not None
    assert second is not None
    assert second.power < first.power - 0.5
    assert second.mean < first.mean


@pytest.mark.parametrize("cells", [[], [(3.0, 3.0, 5.0)]])
def test_values_without_spread_have_no_power(cells: list[tuple[float, float, float]]) -> None:
    assert fit_power(cells) is None

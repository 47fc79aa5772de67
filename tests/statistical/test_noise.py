"""Noise has the scale that was paid for: 0.7x and 1.3x are rejected.

Each acceptance test below has a false-alarm rate of 1e-6: twice the tail beyond 4.9 standard errors of the
variance estimate. Draws are from OS entropy, so a failure here is news.
"""

import math

import numpy as np
import pytest

from synth.config.sections import Binning
from synth.core.grid import FloatGrid
from synth.core.schema import Column, Kind
from synth.prepare.bins import cells_of, cut
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, NoPrivacy, Selection
from synth.privacy.entry import Receipt
from synth.privacy.quantile import release_mass
from synth.privacy.select import key_threshold, select_keys

N = 20_000


def has_scale(sample: np.ndarray, scale: float) -> bool:
    """Whether the sample's variance fits the scale, within 4.9 standard errors."""
    ratio = np.mean(sample.astype(float) ** 2) / scale**2
    return bool(abs(ratio - 1) < 4.9 * math.sqrt(2 / len(sample)))


def receipt(scale: float, *, count: int = 1, delta: float | None = None, sensitivity: int = 1) -> Receipt:
    events: list[object] = [DiscreteGaussian(scale=scale, sensitivity=sensitivity, count=count)]
    if delta is not None:
        events.append(Selection(delta=delta, count=1))
    return Receipt(entry=1, events=tuple(events))  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [3.0, 25.0, 400.0])
def test_counts_get_noise_of_the_scale_that_was_paid_for(scale: float) -> None:
    counts = np.arange(N, dtype=np.int64)
    drawn = noise.noisy_counts(counts, receipt(scale)).value - counts
    assert has_scale(drawn, scale)
    assert not has_scale(drawn, 0.7 * scale)
    assert not has_scale(drawn, 1.3 * scale)
    assert abs(drawn.mean()) < 4.9 * scale / math.sqrt(N)
    assert drawn.dtype == np.int64


def test_two_calls_draw_different_noise() -> None:
    zeros = np.zeros(200, dtype=np.int64)
    first = noise.noisy_counts(zeros, receipt(25.0)).value
    second = noise.noisy_counts(zeros, receipt(25.0)).value
    assert not np.array_equal(first, second)


def test_without_privacy_counts_are_exact() -> None:
    counts = np.array([3, 0, 7])
    bare = Receipt(entry=1, events=(NoPrivacy(),))
    assert noise.noisy_counts(counts, bare).value.tolist() == [3, 0, 7]


@pytest.mark.parametrize("scale", [2.0, 30.0])
def test_the_threshold_is_the_smallest_with_that_tail(scale: float) -> None:
    reach = np.arange(-int(40 * scale), int(40 * scale) + 1)
    mass = np.exp(-(reach**2) / (2 * scale**2))
    mass /= mass.sum()
    threshold = noise.tail_threshold(scale, 1e-4)
    assert mass[reach >= threshold].sum() <= 1e-4 * (1 + 1e-6)
    assert mass[reach >= threshold - 1].sum() > 1e-4


@pytest.mark.parametrize("max_rows", [1, 4])
def test_a_key_of_one_unit_is_named_at_most_at_rate_delta(max_rows: int) -> None:
    """10^6 trials at delta 1e-3: binomial standard deviation 32, so 1,155 is 4.9 above the bound."""
    delta, trials = 1e-3, 1_000_000
    paid = receipt(4.0, delta=delta, sensitivity=max_rows)
    threshold = key_threshold(paid, max_rows=max_rows)
    # One unit's worst case is either one key with all its rows, or a key for each row.
    draws = max_rows + noise.discrete_gaussian(4.0, trials)
    most = delta * trials + 4.9 * math.sqrt(delta * trials)
    assert (draws >= threshold).sum() <= most
    forgets_the_unit = noise.tail_threshold(4.0, delta)
    assert (draws >= forgets_the_unit).sum() > most, "a threshold without the unit's own rows must be seen"


def test_heavy_keys_are_named_with_noisy_counts_and_rare_ones_are_not() -> None:
    counts = {"heavy": 5_000, "unique": 1, "few": 3}
    named = select_keys(counts, receipt(20.0, delta=1e-9), max_rows=1).value
    assert list(named) == ["heavy"]
    assert abs(named["heavy"] - 5_000) < 200


def test_a_receipt_that_pays_for_fewer_rows_than_a_unit_has_is_refused() -> None:
    with pytest.raises(ValueError, match="sensitivity"):
        select_keys({"a": 9}, receipt(20.0, delta=1e-6, sensitivity=1), max_rows=3)
    with pytest.raises(ValueError, match="no selection"):
        select_keys({"a": 9}, receipt(20.0), max_rows=1)


def test_private_bins_have_about_equal_mass_and_keep_a_spike_apart() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([np.zeros(20_000), generator.lognormal(8, 1, 30_000)])
    grid = FloatGrid()
    cells, exact = np.unique(grid.cell(values), return_counts=True)
    paid = [receipt(25.0)] * len(grid.levels)
    released = release_mass(cells, exact, grid, paid, bins=20, whole=False, total=50_000).value
    assert released.mass.sum() == pytest.approx(50_000, rel=0.02)
    assert np.all(released.mass > 0)
    assert np.all(released.first[1:] > released.last[:-1])
    column = Column(name="x", spark_type="double", kind=Kind.REAL)
    parts = cut(
        cells_of(released, grid, column),
        Binning.QUANTILE,
        column,
        bins=20,
        noise_scale=released.noise_scale,
        power=None,
    )
    heights = np.array([sum(count for _, _, count in part) for part in parts])
    (spike,) = [k for k, part in enumerate(parts) if part[0][0] <= 0 < part[-1][1]]
    assert len(parts[spike]) == 1
    assert abs(heights[spike] - 20_000) < 500
    assert 10 <= len(parts) <= 21
    assert heights.max() == heights[spike]

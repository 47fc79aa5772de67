"""The noisy tree: exact without noise, never inventing or losing mass, blind where nothing can be."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synth.core.grid import DecimalGrid, FloatGrid, Grid, LinearGrid
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.quantile import MassCells, _share_out, release_mass

BARE = Receipt(entry=1, events=(NoPrivacy(),))


def paid(scale: float, levels: int) -> list[Receipt]:
    event = DiscreteGaussian(scale=scale, sensitivity=1, count=1)
    return [Receipt(entry=1, events=(event,))] * levels


def released(
    values: NDArray[np.float64], grid: Grid, receipts: list[Receipt], *, bins: int = 20, whole: bool = False
) -> MassCells:
    cells, counts = np.unique(grid.cell(values), return_counts=True)
    return release_mass(cells, counts, grid, receipts, bins=bins, whole=whole).value


VALUES = st.lists(st.integers(-3000, 3000), min_size=1, max_size=200)


@given(VALUES, st.booleans())
def test_without_noise_a_fine_tree_is_the_histogram(values: list[int], whole: bool) -> None:
    grid, numbers = FloatGrid(), np.array(values, dtype=np.float64)
    mass = released(numbers, grid, [BARE] * 4, bins=10**6, whole=whole)
    cells, counts = np.unique(grid.cell(numbers), return_counts=True)
    heavy = counts > 1  # a node of one row is left whole: it is not worth a look
    for cell, count in zip(cells[heavy], counts[heavy], strict=True):
        (place,) = np.flatnonzero((mass.first <= cell) & (cell <= mass.last))
        inside = (cells >= mass.first[place]) & (cells <= mass.last[place])
        assert mass.mass[place] == counts[inside].sum() >= count
    assert mass.mass.sum() == len(values)
    assert mass.noise_scale == 0


def test_without_noise_every_heavy_enough_value_has_a_cell_of_its_own() -> None:
    numbers = np.repeat(np.arange(100.0), 50)
    mass = released(numbers, LinearGrid(0.0, 1000.0, 1.0), [BARE] * 2, bins=100)
    assert mass.first.tolist() == mass.last.tolist() == list(range(100))
    assert mass.mass.tolist() == [50.0] * 100


@given(VALUES, st.integers(1, 4))
def test_without_noise_mass_is_conserved_in_ordered_cells_that_do_not_overlap(
    values: list[int], levels: int
) -> None:
    numbers = np.array(values, dtype=np.float64)
    mass = released(numbers, FloatGrid(), [BARE] * levels)
    assert mass.mass.sum() == pytest.approx(len(values))
    assert np.all(mass.first <= mass.last)
    assert np.all(mass.first[1:] > mass.last[:-1])
    assert np.all(mass.mass > 0)


@pytest.mark.parametrize("scale", [5.0, 60.0])
def test_with_noise_the_children_s_mass_adds_up_to_the_roots(scale: float) -> None:
    """All mass comes from the roots that stand out; their noise is that of a few draws."""
    numbers = np.random.default_rng(0).lognormal(8, 1, 50_000)
    mass = released(numbers, FloatGrid(), paid(scale, 4))
    assert abs(mass.mass.sum() - 50_000) < 4.9 * scale * np.sqrt(10) + 6 * 5.5 * scale
    assert np.all(mass.mass > 0)
    assert np.all(mass.first[1:] > mass.last[:-1])
    assert mass.noise_scale == scale


def test_spikes_keep_their_mass() -> None:
    smooth = np.random.default_rng(0).lognormal(8, 1, 30_000)
    numbers = np.concatenate([np.zeros(20_000), np.full(5_000, 99_999.0), smooth])
    grid, scale = FloatGrid(), 25.0
    mass = released(numbers, grid, paid(scale, 4))
    for value, count in ((0.0, 20_000), (99_999.0, 5_000)):
        cell = int(grid.cell(np.array([value]))[0])
        (place,) = np.flatnonzero((mass.first <= cell) & (cell <= mass.last))
        assert mass.first[place] == mass.last[place], f"{value} stands alone"
        assert abs(mass.mass[place] - count) < 15 * scale


def test_a_level_without_a_receipt_is_not_looked_at() -> None:
    numbers = np.repeat(np.arange(0.0, 1000.0), 100)
    grid = LinearGrid(0.0, 4096.0, 1.0)
    assert len(grid.levels) == 2
    mass = released(numbers, grid, [BARE], bins=10**6)
    widths = mass.last - mass.first + 1
    assert set(widths.tolist()) == {1 << grid.levels[0]}
    assert mass.mass.sum() == len(numbers)


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many counts each call of the noise sees."""
    asked: list[int] = []
    drawn = noise.noisy_counts

    def record(counts: NDArray[np.int64], receipt: Receipt) -> Any:
        asked.append(len(counts))
        return drawn(counts, receipt)

    monkeypatch.setattr(noise, "noisy_counts", record)
    return asked


def test_cells_that_hold_no_whole_number_are_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the 193 roots of the number line, 65 lie between -1 and 1 without holding a whole number."""
    asked = recorded(monkeypatch)
    values = np.random.default_rng(0).integers(0, 100, 5_000).astype(np.float64)
    mass = released(values, FloatGrid(), [BARE] * 4, whole=True)
    whole_roots = asked[0]
    asked.clear()
    released(values, FloatGrid(), [BARE] * 4, whole=False)
    assert asked[0] == 193
    assert whole_roots == 193 - 64
    grid = FloatGrid()
    assert np.all(grid.first_whole(mass.first) < grid.first_whole(mass.last + 1))


def test_one_query_is_asked_a_level_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recorded(monkeypatch)
    released(np.random.default_rng(0).normal(0, 1, 5_000), FloatGrid(), paid(5.0, 3))
    assert len(asked) == 3


@pytest.mark.parametrize("whole", [True, False])
def test_noise_alone_names_no_place_far_from_all_values(whole: bool) -> None:
    """A root stands out at 4.5 standard deviations: chance 3.4e-6 each, of 193, so 0.13 of 200 releases
    are expected to have one; more than three have a chance below 1.2e-5."""
    numbers = np.random.default_rng(0).integers(0, 90, 2_000).astype(np.float64)
    grid = FloatGrid()
    first, last = grid.cell(np.array([0.0, 127.0]))
    false = 0
    for _ in range(200):
        mass = released(numbers, grid, paid(10.0, 4), whole=whole)
        false += bool(np.any((mass.first > last) | (mass.last < first)))
    assert false <= 3


def test_an_empty_column_has_no_cells_without_noise() -> None:
    empty = np.zeros(0)
    for grid in (FloatGrid(), LinearGrid(0.0, 100.0, 1.0), DecimalGrid(FloatGrid(), 2)):
        assert len(released(empty, grid, [BARE] * len(grid.levels)).mass) == 0


@st.composite
def families(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64], float]:
    fan = draw(st.sampled_from([2, 4, 16]))
    m = draw(st.integers(1, 5))
    numbers = st.integers(-50, 500)
    possible = np.array(
        draw(st.lists(st.lists(st.booleans(), min_size=fan, max_size=fan), min_size=m, max_size=m))
    )
    possible[:, draw(st.integers(0, fan - 1))] = True  # a parent that can hold nothing is never asked for
    counted = np.array(draw(st.lists(st.lists(numbers, min_size=fan, max_size=fan), min_size=m, max_size=m)))
    parent = np.array(draw(st.lists(st.floats(0.5, 5000), min_size=m, max_size=m)))
    scale = draw(st.sampled_from([0.0, 1.0, 20.0]))
    return np.where(possible, counted, 0).astype(np.float64), possible, parent, scale


@given(families())
def test_children_share_all_of_their_parent_s_mass_and_impossible_ones_get_none(
    family: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64], float],
) -> None:
    noisy, possible, parent, scale = family
    shares = _share_out(noisy, possible, parent, scale)
    assert shares.shape == noisy.shape
    assert np.allclose(shares.sum(axis=1), parent)
    assert np.all(shares >= 0)
    assert not shares[~possible].any()


@given(st.lists(st.integers(0, 1000), min_size=16, max_size=16).filter(lambda counts: sum(counts) > 0))
def test_without_noise_children_get_what_was_counted(counts: list[int]) -> None:
    exact = np.array([counts], dtype=np.float64)
    shares = _share_out(exact, np.ones((1, 16), dtype=bool), exact.sum(axis=1), 0.0)
    assert np.allclose(shares, exact)


def test_an_even_stretch_comes_out_even_and_a_spike_whole() -> None:
    scale = 10.0
    even = np.full((1, 16), 100.0) + np.random.default_rng(0).normal(0, scale / 3, (1, 16))
    flat = _share_out(even, np.ones((1, 16), dtype=bool), np.array([1600.0]), scale)
    assert np.allclose(flat, 100.0)
    spike = np.zeros((1, 16))
    spike[0, 5] = 1600.0
    alone = _share_out(spike, np.ones((1, 16), dtype=bool), np.array([1590.0]), scale)
    assert alone[0, 5] == 1590.0
    assert np.count_nonzero(alone) == 1

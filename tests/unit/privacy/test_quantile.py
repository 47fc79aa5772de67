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
from synth.privacy.noisy_tree import NoisyTree
from synth.privacy.quantile import MassCells, release_mass
from synth.privacy.shape import kept_roots, share_out

BARE = Receipt(entry=1, events=(NoPrivacy(),))


def paid(scale: float, levels: int) -> list[Receipt]:
    event = DiscreteGaussian(scale=scale, sensitivity=1, count=1)
    return [Receipt(entry=1, events=(event,))] * levels


def released(
    values: NDArray[np.float64], grid: Grid, receipts: list[Receipt], *, bins: int = 20, whole: bool = False
) -> MassCells:
    cells, counts = np.unique(grid.cell(values), return_counts=True)
    return release_mass(cells, counts, grid, receipts, bins=bins, whole=whole, total=float(len(values))).value


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


@pytest.mark.parametrize("rounds", [3, 4])
def test_one_value_alone_is_found_in_few_rounds(rounds: int) -> None:
    """Noise of 10 beside 4,000 rows: a node is mistaken in less than one of 10^9 runs."""
    grid = LinearGrid(0.0, 2.0**22, 1.0)
    assert len(grid.levels) > rounds
    for value in (0.0, 123_457.0, 2.0**22 - 1):
        mass = released(np.full(4_000, value), grid, paid(10.0, rounds))
        held = int(np.argmax(mass.mass))
        assert mass.first[held] == mass.last[held] == value
        assert mass.mass[held] > 3_500


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
    """Of the 211 roots of the number line, 32 on each side lie between -1 and 1, without a whole number."""
    asked = recorded(monkeypatch)
    values = np.random.default_rng(0).integers(0, 100, 5_000).astype(np.float64)
    mass = released(values, FloatGrid(), paid(5.0, 4), whole=True)
    whole_roots = asked[0]
    asked.clear()
    released(values, FloatGrid(), paid(5.0, 4), whole=False)
    assert asked[0] == 211
    assert whole_roots == 211 - 2 * 32
    grid = FloatGrid()
    assert np.all(grid.first_whole(mass.first) < grid.first_whole(mass.last + 1))


def test_what_the_type_cannot_hold_is_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recorded(monkeypatch)
    cells, counts = np.unique(FloatGrid(16).cell(np.arange(100.0)), return_counts=True)
    release_mass(
        cells,
        counts,
        FloatGrid(16),
        paid(5.0, 4),
        bins=20,
        whole=True,
        total=100.0,
        within=(-(2.0**31), 2.0**31 - 1),
    )
    assert asked[0] == 1 + 31 + 32, "zero, octaves of positive numbers, and of negative ones with -2^31"


def test_one_query_is_asked_a_level_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = recorded(monkeypatch)
    released(np.random.default_rng(0).normal(0, 1, 5_000), FloatGrid(), paid(5.0, 3))
    assert len(asked) == 3


@pytest.mark.parametrize("whole", [True, False])
def test_noise_alone_names_no_place_far_from_all_values(whole: bool) -> None:
    """Roots alone and runs of them stand out at a chance of 0.002 together, 0.4 of 200 releases; more than
    five have a chance below 1e-5. The two octaves beside the values, and those beside them, are not far."""
    numbers = np.random.default_rng(0).integers(0, 90, 2_000).astype(np.float64)
    grid = FloatGrid()
    first, last = grid.cell(np.array([-4.0, 511.0]))
    false = 0
    for _ in range(200):
        mass = released(numbers, grid, paid(10.0, 4), whole=whole)
        false += bool(np.any((mass.first > last) | (mass.last < first)))
    assert false <= 5


def test_an_empty_column_has_no_cells_without_noise() -> None:
    empty = np.zeros(0)
    for grid in (FloatGrid(), LinearGrid(0.0, 100.0, 1.0), DecimalGrid(FloatGrid(), 2)):
        assert len(released(empty, grid, [BARE] * len(grid.levels)).mass) == 0


@pytest.mark.parametrize("rows", [2_000, 30_000])
def test_tails_are_kept_beside_what_stands_out(rows: int) -> None:
    """Ages of 18 to 95 in octaves: those beyond 63 are one in twelve, and belong to the column."""
    ages = np.clip(18 + np.random.default_rng(0).gamma(2.2, 12.0, rows), 18, 95).round()
    mass = released(ages, FloatGrid(16), paid(rows / 60, 4), whole=True)
    grid = FloatGrid(16)
    assert grid.first_whole(mass.first)[0] <= 24
    assert grid.first_whole(mass.last + 1)[-1] > 64


def test_a_value_in_a_hole_has_a_place_of_its_own() -> None:
    """Zero and thousands stand out; what lies between is a piece, however little."""
    numbers = np.concatenate(
        [np.zeros(8_000), np.full(20, 50.0), np.random.default_rng(0).uniform(2_048, 4_095, 4_000)]
    )
    grid = FloatGrid()
    mass = released(numbers, grid, paid(20.0, 4))
    cell = grid.cell(np.array([50.0]))[0]
    assert np.any((mass.first <= cell) & (cell <= mass.last))
    assert np.all(mass.mass > 0)


def test_a_run_of_roots_stands_out_together_where_none_does_alone() -> None:
    deviation = np.full(100, 10.0)
    mass = np.zeros(100)
    mass[40:44] = 28.0  # 2.8 deviations each, 5.6 together
    kept = kept_roots(mass, deviation, 112.0)
    assert np.flatnonzero(kept).tolist() == [40, 41, 42, 43]
    assert not kept_roots(np.where(mass > 0, 12.0, 0.0), deviation, 48.0).any()


def test_a_run_does_not_borrow_from_a_root_that_stands_out_alone() -> None:
    mass = np.zeros(100)
    mass[50], mass[[47, 53]] = 1_000.0, 8.0
    assert np.flatnonzero(kept_roots(mass, np.full(100, 10.0), 1_000.0)).tolist() == [50]


def test_missing_mass_is_looked_for_with_lower_thresholds() -> None:
    deviation, mass = np.full(100, 10.0), np.zeros(100)
    mass[30] = 33.0
    assert not kept_roots(mass, deviation, 0.0).any(), "3.3 deviations of one root in a hundred are noise"
    assert np.flatnonzero(kept_roots(mass, deviation, 40.0)).tolist() == [30], (
        "unless 40 values must be somewhere"
    )


def test_noisy_counts_of_a_tree_are_those_of_least_squares() -> None:
    """Against the pseudo-inverse of all measurements, each weighted by its noise."""
    rng = np.random.default_rng(0)
    tree = NoisyTree(np.array([0, 256]), 8)
    tree.measure(np.array([0, 1]), rng.normal(100, 10, 2), 3.0)
    tree.split(0, np.array([0, 64, 128]), 6)
    tree.measure(tree.leaves, rng.normal(50, 10, 4), 4.0)
    tree.split(3, np.array([64, 80]), 4)
    tree.measure(tree.leaves, rng.normal(30, 10, 5), 5.0)
    # Unknowns: the leaves, by node: 1, 2, 4, 5, 6. Every node is a sum of leaves.
    leaves = [1, 2, 4, 5, 6]
    sums = {0: [2, 4, 5, 6], 1: [1], 2: [2], 3: [5, 6], 4: [4], 5: [5], 6: [6]}
    design = np.array([[float(leaf in sums[node]) for leaf in leaves] for node in range(7)])
    root = np.sqrt(tree._precision)[:, None]
    wanted = np.linalg.lstsq(design * root, tree._weighted / root[:, 0], rcond=None)[0]
    found, _ = tree.estimates()
    assert np.allclose(found, design @ wanted)


CHILDREN = st.integers(1, 20).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-50, 500), min_size=n, max_size=n),
        st.lists(st.floats(0.5, 30), min_size=n, max_size=n),
    )
)


@given(CHILDREN, st.floats(0.5, 5_000))
def test_children_share_all_of_their_parent_s_mass(
    children: tuple[list[float], list[float]], parent: float
) -> None:
    shares = share_out(*children, parent)
    assert len(shares) == len(children[0])
    assert sum(shares) == pytest.approx(parent)
    assert min(shares) >= 0


def test_an_even_stretch_comes_out_even_and_a_spike_whole() -> None:
    even = (100.0 + np.random.default_rng(0).normal(0, 10 / 3, 16)).tolist()
    assert np.allclose(share_out(even, [10.0] * 16, 1600.0), 100.0)
    spike = [0.0] * 16
    spike[5] = 1600.0
    alone = share_out(spike, [10.0] * 16, 1590.0)
    assert alone[5] == 1590.0
    assert np.count_nonzero(alone) == 1

"""Counting: exact against brute force, mergeable, and one row moves each marginal by one."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.marginal.candidates import COUNTED_CELLS, blocks, cells, pairs
from synth.marginal.count import CountPlan
from synth.models.tables import Grouping, Scope

SIZES = (4, 6, 3, 30, 2)
GROUPINGS = (
    Grouping(group=np.array([-1, 0, 1, 1]), share=np.array([0, 1, 0.5, 0.5])),
    *(Grouping.identity(size) for size in SIZES[1:]),
)
CLIQUES: tuple[Scope, ...] = (*itertools.combinations(range(5), 2), (0, 2, 3), (4,))


def rows(n: int, seed: int = 0) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(0, SIZES, (n, 5)).astype(np.int16)


def counts(table: NDArray[np.int16]) -> NDArray[np.int64]:
    plan = CountPlan.of(GROUPINGS, CLIQUES)
    return plan.count({column: table[:, column] for column in plan.columns})


def test_counts_are_those_of_a_loop_over_rows() -> None:
    table = rows(3000)
    plan = CountPlan.of(GROUPINGS, CLIQUES)
    found = plan.marginals(counts(table))
    assert set(found) == set(CLIQUES)
    for clique in CLIQUES:
        expected = np.zeros([plan.sizes[c] for c in clique], dtype=np.int64)
        for row in table:
            expected[tuple(max(GROUPINGS[c].group[row[c]], 0) for c in clique)] += 1
        assert np.array_equal(found[clique], expected)


def test_count_vectors_add_up_over_any_cut() -> None:
    table = rows(100_000)
    parts = [table[:1], table[1:40_000], table[40_000:40_000], table[40_000:]]
    assert np.array_equal(sum(counts(part) for part in parts), counts(table))


def test_one_row_moves_every_marginal_by_one_and_an_entity_by_its_rows() -> None:
    table = rows(500)
    plan = CountPlan.of(GROUPINGS, CLIQUES)
    for n_rows in (1, 4):  # the rows of one entity; equal rows move one cell most
        entity = np.repeat(rows(1, seed=9), n_rows, axis=0)
        before = plan.marginals(counts(table))
        after = plan.marginals(counts(np.concatenate([table, entity])))
        for clique in CLIQUES:
            moved = (after[clique] - before[clique]).astype(float)
            assert np.linalg.norm(moved) == n_rows
            assert np.abs(moved).sum() == n_rows


def test_every_clique_lies_in_a_block_and_blocks_are_few_and_small() -> None:
    sizes = [12] * 15
    cliques = pairs(sizes, 10_000)
    made = blocks(sizes, cliques)
    assert all(any(set(clique) <= set(block) for block in made) for clique in cliques)
    assert max(cells(sizes, block) for block in made) <= COUNTED_CELLS
    assert len(made) <= len(cliques) / 2


@pytest.mark.parametrize(("max_cells", "expected"), [(8, 2), (10**6, 10)])
def test_pairs_keep_under_the_cap(max_cells: int, expected: int) -> None:
    found = pairs((2, 3, 4, 50, 60), max_cells)
    assert len(found) == expected
    assert all(cells((2, 3, 4, 50, 60), scope) <= max_cells for scope in found)


def test_a_wide_pair_is_counted_alone() -> None:
    sizes = (1000, 500, 2)
    assert blocks(sizes, [(0, 1)]) == ((0, 1),)

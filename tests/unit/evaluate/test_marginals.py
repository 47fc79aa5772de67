"""Laws of distances, counts and associations."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.evaluate.fidelity import compare_marginals
from synth.evaluate.marginals import MAX_MARGINALS, cramers_v, plan_workload, tvd


def codes(sizes: list[int], n_rows: int, seed: int = 0) -> list[NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, size, n_rows) for size in sizes]


def test_identical_histograms_have_distance_zero_whatever_their_size() -> None:
    counts = np.array([3, 0, 7])
    assert tvd(counts, counts) == 0
    assert tvd(counts, 10 * counts) == pytest.approx(0)


def test_disjoint_histograms_have_distance_one() -> None:
    assert tvd(np.array([5, 0, 0]), np.array([0, 2, 9])) == pytest.approx(1)


def test_distance_is_symmetric_and_obeys_the_triangle() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        a, b, c = (generator.integers(0, 9, 6) + 1 for _ in range(3))
        assert tvd(a, b) == pytest.approx(tvd(b, a))
        assert tvd(a, c) <= tvd(a, b) + tvd(b, c) + 1e-12


def test_a_histogram_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="without rows"):
        tvd(np.array([0, 0]), np.array([1, 0]))


def test_counts_equal_brute_force() -> None:
    sizes = [3, 4, 2, 5]
    workload, rows = plan_workload(sizes), codes(sizes, 200)
    assert len(workload.cliques) == 4 + 6 + 4
    for clique, counts in zip(workload.cliques, workload.count(rows), strict=True):
        shape = [sizes[position] for position in clique]
        expected = np.zeros(shape, dtype=np.int64)
        for row in range(200):
            expected[tuple(rows[position][row] for position in clique)] += 1
        np.testing.assert_array_equal(counts.reshape(shape), expected)


def test_counts_of_parts_add_up() -> None:
    sizes = [3, 4, 2]
    workload, rows = plan_workload(sizes), codes(sizes, 101)
    parts = [workload.count([c[:40] for c in rows]), workload.count([c[40:] for c in rows])]
    for whole, one, two in zip(workload.count(rows), *parts, strict=True):
        np.testing.assert_array_equal(whole, one + two)


def test_too_many_triples_become_the_same_fixed_choice() -> None:
    workload = plan_workload([4] * 40)
    triples = [clique for clique in workload.cliques if len(clique) == 3]
    assert len(set(triples)) == len(triples) == MAX_MARGINALS[3]
    assert workload == plan_workload([4] * 40)
    assert [c for c in workload.cliques if len(c) == 2] == list(itertools.combinations(range(40), 2))


def test_association_is_one_for_a_copy_and_near_zero_for_strangers() -> None:
    workload = plan_workload([6, 6, 6])
    rows = codes([6, 6], 3_000)
    counts = dict(zip(workload.cliques, workload.count([*rows, rows[0]]), strict=True))
    copied, stranger = cramers_v(counts[0, 2], (6, 6)), cramers_v(counts[0, 1], (6, 6))
    assert copied == pytest.approx(1, abs=1e-3)
    assert stranger is not None
    # Corrected for chance, V of strangers has mean near 0; over .06 happens with probability below 1e-4.
    assert stranger < 0.06


def test_association_with_a_constant_has_no_answer() -> None:
    assert cramers_v(np.array([3, 4, 0, 0]), (2, 2)) is None


def test_a_shuffled_column_is_far_in_pairs_and_near_alone() -> None:
    rows = codes([5], 4_000)
    workload = plan_workload([5, 5])
    real = workload.count([rows[0], rows[0]])
    shuffled = workload.count([rows[0], np.random.default_rng(1).permutation(rows[0])])
    fidelity = compare_marginals(["a", "b"], workload, real, shuffled, real)
    assert fidelity.synthetic.tvd_1way == 0
    assert fidelity.synthetic.tvd_2way == pytest.approx(0.8, abs=0.05)
    assert fidelity.floor is not None
    assert fidelity.floor.tvd_2way == 0
    assert fidelity.by_pair[0][1] == fidelity.by_pair[1][0] == fidelity.synthetic.tvd_2way
    assert fidelity.synthetic.tvd_3way is None


def test_a_single_column_has_no_pairs() -> None:
    workload = plan_workload([4])
    counts = workload.count(codes([4], 50))
    fidelity = compare_marginals(["a"], workload, counts, counts, None)
    assert (fidelity.synthetic.tvd_2way, fidelity.synthetic.tvd_3way) == (None, None)
    assert fidelity.by_pair == ((None,),)

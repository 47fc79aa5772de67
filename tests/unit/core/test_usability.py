"""The verdict: told from released figures, and wrong tables are told as wrong."""

import numpy as np

from synth.core.codebook import CategoricalCodebook
from synth.core.usability import LearnedColumn, judge_usability, learned_column


def book(*counts: float) -> CategoricalCodebook:
    names = tuple(f"v{k}" for k in range(len(counts) - 2))
    return CategoricalCodebook(column="COLUMN", categories=names, counts=counts)


def drawn(*shares: float, n: int = 50_000) -> np.ndarray:
    return np.random.default_rng(0).choice(len(shares), n, p=shares)


def column(name: str, *, named: float = 1.0, distance: float = 0.01, noise: float = 0.02) -> LearnedColumn:
    return LearnedColumn(name=name, named=named, distance=distance, noise=noise)


def test_a_model_that_draws_what_was_released_is_usable() -> None:
    found = learned_column(book(0, 600, 300, 100), drawn(0.0, 0.6, 0.3, 0.1), 2.0)
    assert not found.is_missed
    assert not found.is_hidden
    assert judge_usability([found], []).is_usable


def test_a_model_that_contradicts_a_released_column_is_not() -> None:
    found = learned_column(book(0, 600, 300, 100), drawn(0.0, 0.1, 0.1, 0.8), 2.0)
    assert found.is_missed
    verdict = judge_usability([found, *(column(f"c{k}") for k in range(20))], [])
    assert not verdict.is_usable
    assert "COLUMN" in str(verdict)


def test_noise_as_large_as_the_counts_hides_a_column_and_is_no_fault_of_the_model() -> None:
    found = learned_column(book(0, 60, 30, 10), drawn(0.0, 0.3, 0.3, 0.4), 80.0)
    assert found.is_hidden
    assert not found.is_missed


def test_a_column_of_which_most_has_no_name_is_hidden() -> None:
    assert learned_column(book(50, 30, 20, 900), drawn(0.05, 0.03, 0.02, 0.9), 1.0).is_hidden


def test_a_few_hidden_columns_are_noted_and_many_are_a_fault() -> None:
    many = [column(f"c{k}", noise=0.5 if k < 4 else 0.02) for k in range(10)]
    assert judge_usability(many[3:], []).is_usable
    assert judge_usability(many[3:], []).notes == ("c3: noise moves 50% of it",)
    assert not judge_usability(many, []).is_usable
    assert not judge_usability([column("c")], ["a", "b"]).is_usable


def test_a_hidden_target_is_a_fault_by_itself() -> None:
    columns = [column("income", named=0.2), *(column(f"c{k}") for k in range(20))]
    assert judge_usability(columns, []).is_usable
    assert "income" in str(judge_usability(columns, [], target="income"))


def test_a_fit_far_from_its_measurements_or_not_a_number_is_a_fault() -> None:
    for misfit in (50.0, float("nan")):
        assert not judge_usability([column("c")], [], fit={"misfit_per_cell": misfit}).is_usable
    assert judge_usability([column("c")], [], fit={"misfit_per_cell": 0.6}).is_usable

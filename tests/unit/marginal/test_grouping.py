"""Rare codes share a group and are divided again; codes without a released count cannot come out."""

from synth.core.codebook import CategoricalCodebook
from synth.marginal.grouping import grouping_of


def book(*counts: float) -> CategoricalCodebook:
    names = tuple(f"k{i}" for i in range(len(counts) - 2))
    return CategoricalCodebook(column="c", categories=names, counts=counts)


def test_rare_codes_are_merged_and_divided_by_their_counts() -> None:
    grouping = grouping_of(book(0, 900, 30, 500, 10, 0), least=100)
    assert grouping.group.tolist() == [-1, 0, 2, 1, 2, -1]
    assert grouping.share.tolist() == [0, 1, 0.75, 1, 0.25, 0]


def test_one_rare_code_alone_keeps_its_group() -> None:
    assert grouping_of(book(0, 900, 30, 500, 0), least=100).group.tolist() == [-1, 0, 1, 2, -1]


def test_a_column_without_counts_keeps_every_code() -> None:
    assert grouping_of(book(0, 0, 0, 0), least=100).group.tolist() == [0, 1, 2, 3]

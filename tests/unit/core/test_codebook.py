"""decode(encode(x)) is x, or a value of its bin; null and unseen included."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.core.codebook import (
    BinnedCodebook,
    CategoricalCodebook,
    codebook_from_dict,
    codebook_to_dict,
)
from synth.core.power import PowerTransform
from synth.core.schema import Kind

COLOURS = CategoricalCodebook(column="colour", categories=("red", "blue"), counts=(1.0, 30.0, 10.0, 5.0))
AGES = BinnedCodebook(
    column="age", kind=Kind.INTEGER, lowers=(0, 18, 65), uppers=(18, 65, 100), counts=(0, 1, 2, 3)
)
PRICES = BinnedCodebook(
    column="price",
    kind=Kind.REAL,
    lowers=(-1.5, 0.0, 10.0),
    uppers=(0.0, 0.0, 99.9),
    counts=(0, 1, 2, 3),
    decimals=2,
)


def test_a_category_comes_back_as_itself_and_null_as_null() -> None:
    values = np.array(["red", None, "blue"], dtype=object)
    codes = COLOURS.encode(values)
    assert codes.tolist() == [1, 0, 2]
    assert COLOURS.decode(codes, np.zeros(3)).tolist() == values.tolist()


def test_the_rest_is_resampled_from_the_released_categories_by_count() -> None:
    codes = COLOURS.encode(np.array(["green"] * 10_000, dtype=object))
    assert set(codes.tolist()) == {COLOURS.other_code}
    large_rest = replace(COLOURS, counts=(1.0, 30.0, 10.0, 30.0))
    drawn = large_rest.decode(codes, np.random.default_rng(0).random(10_000))
    assert abs(np.mean(drawn == "red") - 0.75) < 0.02  # 4.6 standard deviations
    assert set(drawn) == {"red", "blue"}


def test_no_category_weighs_more_in_the_rest_than_the_rest_itself() -> None:
    """The rest of 5 has no room for the 30 of red: red and blue share it evenly."""
    codes = np.full(10_000, COLOURS.other_code, dtype=np.uint16)
    drawn = COLOURS.decode(codes, np.random.default_rng(0).random(10_000))
    assert abs(np.mean(drawn == "red") - 0.5) < 0.025  # 5 standard deviations


def test_a_rest_without_any_category_is_null() -> None:
    empty = CategoricalCodebook(column="x", categories=(), counts=(1.0, 5.0))
    assert empty.decode(np.array([0, 1], dtype=np.uint16), np.zeros(2)).tolist() == [None, None]


def test_a_declared_list_is_closed_so_another_value_is_unknown() -> None:
    closed = CategoricalCodebook(column="sex", categories=("F", "M"), counts=(0, 1, 1), closed=True)
    assert closed.n_codes == 3
    assert closed.encode(np.array(["X", "M"], dtype=object)).tolist() == [0, 2]


@given(st.lists(st.one_of(st.just(float("nan")), st.integers(-5, 120).map(float)), min_size=1))
def test_a_whole_number_comes_back_whole_and_within_its_bin(values: list[float]) -> None:
    array = np.array(values)
    codes = AGES.encode(array)
    back = AGES.decode(codes, np.linspace(0, 0.999, len(array)))
    assert np.array_equal(np.isnan(back), np.isnan(array))
    known = ~np.isnan(array)
    assert np.all(back[known] == np.floor(back[known]))
    assert np.array_equal(AGES.encode(back), codes)


@given(st.floats(0, 1, exclude_max=True))
def test_a_real_keeps_its_decimals_and_its_bin(uniform: float) -> None:
    codes = np.array([1, 2, 3], dtype=np.uint16)
    back = PRICES.decode(codes, np.full(3, uniform))
    assert np.allclose(back, np.round(back, 2), atol=1e-12)
    assert -1.5 <= back[0] <= 0
    assert back[1] == 0.0
    assert 10 <= back[2] <= 99.9


def test_values_within_a_bin_follow_the_mass_of_its_cells() -> None:
    book = BinnedCodebook(
        column="gain",
        kind=Kind.INTEGER,
        lowers=(0, 100),
        uppers=(100, 1000),
        counts=(0, 1, 4),
        cells=(((0, 1, 1.0),), ((100, 101, 3.0), (999, 1000, 1.0))),
    )
    drawn = book.decode(np.full(20_000, 2, dtype=np.uint16), np.random.default_rng(0).random(20_000))
    assert set(drawn.tolist()) == {100.0, 999.0}
    assert abs(np.mean(drawn == 100) - 0.75) < 0.02  # 6 standard deviations
    assert set(book.decode(np.full(9, 1, dtype=np.uint16), np.linspace(0, 0.99, 9)).tolist()) == {0.0}
    assert codebook_from_dict(codebook_to_dict(book)) == book


POWERED = replace(PRICES, power=PowerTransform(power=0.5, mean=1.0, std=2.0))


@pytest.mark.parametrize("codebook", [COLOURS, AGES, PRICES, POWERED])
def test_a_codebook_survives_its_file(codebook: CategoricalCodebook | BinnedCodebook) -> None:
    assert codebook_from_dict(codebook_to_dict(codebook)) == codebook


def test_bins_out_of_order_and_counts_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="increasing"):
        BinnedCodebook(column="x", kind=Kind.REAL, lowers=(1, 0), uppers=(2, 1), counts=(0, 1, 1))
    with pytest.raises(ValueError, match="finite"):
        CategoricalCodebook(column="x", categories=("a",), counts=(0, float("nan"), 0))
    with pytest.raises(ValueError, match="codes"):
        CategoricalCodebook(column="x", categories=("a",), counts=(0,))
    with pytest.raises(ValueError, match="differ"):
        CategoricalCodebook(column="x", categories=("a", "a"), counts=(0, 1, 1, 0))
    with pytest.raises(ValueError, match="not binned"):
        BinnedCodebook(column="x", kind=Kind.ORDERED, lowers=(), uppers=(), counts=(0,))
    with pytest.raises(ValueError, match="counts > 0"):
        BinnedCodebook(
            column="x", kind=Kind.REAL, lowers=(0,), uppers=(1,), counts=(0, 1), cells=(((0, 1, 0.0),),)
        )


@given(st.floats(0, 1, exclude_max=True))
def test_a_place_comes_back_as_a_whole_cell_number_of_its_bin(uniform: float) -> None:
    book = BinnedCodebook(column="place", kind=Kind.PLACE, lowers=(0, 64), uppers=(16, 128), counts=(0, 1, 1))
    back = book.decode(np.array([0, 1, 2], dtype=np.uint16), np.full(3, uniform))
    assert np.isnan(back[0])
    assert back[1:].tolist() == np.floor(back[1:]).tolist()
    assert 0 <= back[1] < 16
    assert 64 <= back[2] < 128


def test_a_codebook_without_bins_knows_null_alone() -> None:
    book = BinnedCodebook(column="x", kind=Kind.REAL, lowers=(), uppers=(), counts=(0,))
    assert book.encode(np.array([1.0, float("nan")])).tolist() == [0, 0]
    assert np.isnan(book.decode(np.zeros(2, dtype=np.uint16), np.zeros(2))).all()

"""The power transform is Yeo and Johnson's, and its inverse undoes it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synth.core.power import PowerTransform, yeo_johnson

POWERS = st.one_of(
    st.sampled_from([0.0, 1.0, 2.0]), st.floats(-2, 4).filter(lambda p: min(abs(p), abs(p - 2)) > 1e-3)
)
NUMBERS = st.lists(st.floats(-50, 50), min_size=1, max_size=30)


@given(NUMBERS, POWERS, st.floats(-10, 10), st.floats(0.1, 10))
def test_the_inverse_gives_the_number_back(
    values: list[float], power: float, mean: float, std: float
) -> None:
    numbers = np.array(values)
    transform = PowerTransform(power=power, mean=mean, std=std)
    assert np.allclose(transform.invert(transform.apply(numbers)), numbers, rtol=1e-6, atol=1e-6)


@given(NUMBERS, POWERS)
def test_it_is_what_scipy_computes(values: list[float], power: float) -> None:
    numbers = np.array(values)
    assert np.allclose(
        yeo_johnson(numbers, power), stats.yeojohnson(numbers, lmbda=power), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_it_increases_with_the_number(power: float) -> None:
    assert np.all(np.diff(yeo_johnson(np.linspace(-30, 30, 1001), power)) > 0)


def test_what_is_not_known_stays_so_and_what_no_number_maps_to_becomes_so() -> None:
    transform = PowerTransform(power=-1.0, mean=0.0, std=1.0)
    assert np.isnan(transform.apply(np.array([float("nan"), 1.0]))).tolist() == [True, False]
    # With power -1 positive numbers map to (0, 1).
    assert np.isnan(transform.invert(np.array([float("nan"), 1.5, 0.5]))).tolist() == [True, True, False]


def test_a_transform_without_spread_is_refused() -> None:
    with pytest.raises(ValueError, match="std"):
        PowerTransform(power=1.0, mean=0.0, std=0.0)

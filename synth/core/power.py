"""The Yeo-Johnson power transform with standardization, as plain numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core import check


@dataclass(frozen=True, kw_only=True)
class PowerTransform:
    """A number x becomes (yeo_johnson(x, power) - mean) / std: closer to a standard normal.

    Source: Yeo, Johnson 2000, "A new family of power transformations to improve normality or symmetry".
    """

    power: float
    mean: float
    std: float

    def __post_init__(self) -> None:
        check.positive(self.std, "std of a power transform")

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transformed values, float64 [n] -> [n]; NaN stays NaN."""
        return (yeo_johnson(values, self.power) - self.mean) / self.std

    def invert(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse of `apply`, float64 [n] -> [n]; values that no number maps to become NaN."""
        return _inverse(values * self.std + self.mean, self.power)


def yeo_johnson(values: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """The transform without standardization, increasing in the values; float64 [n] -> [n]."""
    positive = np.log1p(np.maximum(values, 0.0))
    negative = np.log1p(np.maximum(-values, 0.0))
    up = positive if power == 0 else np.expm1(power * positive) / power
    down = negative if power == 2 else np.expm1((2 - power) * negative) / (2 - power)
    return np.where(np.isnan(values), np.nan, np.where(values >= 0, up, -down))


def _inverse(values: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        positive, negative = np.maximum(values, 0.0), np.maximum(-values, 0.0)
        up = np.expm1(positive if power == 0 else np.log1p(power * positive) / power)
        down = np.expm1(negative if power == 2 else np.log1p((2 - power) * negative) / (2 - power))
    return np.where(np.isnan(values), np.nan, np.where(values >= 0, up, -down))

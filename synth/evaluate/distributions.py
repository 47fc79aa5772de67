"""Each column side by side: moments, histogram, cumulative sums, or the shares of its categories.

Axes and labels come from the synthetic table, so that a drawing shows no value of a real row.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.core.schema import Column, Kind
from synth.evaluate.bins import CategoryBins
from synth.evaluate.rows import Values

N_BARS = 30
N_CUMULATIVE_POINTS = 121
N_LABELS = 10
_ROBUST_SHARES = (0.005, 0.995)
_DRAWABLE = 1e150  # beyond it the width of an axis may overflow


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and standard deviation of the known values (None if there are none), and the share of nulls."""

    mean: float | None
    std: float | None
    null_share: float


@dataclass(frozen=True, kw_only=True)
class NumberComparison:
    """A binned column in both tables.

    Attributes:
      real, synthetic: their moments.
      edges: [B + 1] of the histogram, over the middle 99% of the synthetic values.
      real_shares, synthetic_shares: [B] of the known values.
      real_beyond, synthetic_beyond: shares of the known values outside the edges.
      grid: [G] evenly over the same range.
      real_cumulative, synthetic_cumulative: [G] shares of the known values that are <= the grid's.
      largest_gap: the largest difference of the two cumulative curves on the grid.
    """

    name: str
    kind: Kind
    real: Moments
    synthetic: Moments
    edges: tuple[float, ...]
    real_shares: tuple[float, ...]
    synthetic_shares: tuple[float, ...]
    real_beyond: float
    synthetic_beyond: float
    grid: tuple[float, ...]
    real_cumulative: tuple[float, ...]
    synthetic_cumulative: tuple[float, ...]
    largest_gap: float


@dataclass(frozen=True, kw_only=True)
class CategoryComparison:
    """A categorical column in both tables; `labels` all occur in the synthetic table, `None` is the rest.

    Shares are of all rows, in the order of the labels, nulls apart.
    """

    name: str
    kind: Kind
    labels: tuple[str | None, ...]
    real_shares: tuple[float, ...]
    synthetic_shares: tuple[float, ...]
    real_null_share: float
    synthetic_null_share: float


ColumnComparison = NumberComparison | CategoryComparison


def moments(values: NDArray[np.float64]) -> Moments:
    """Moments of float64 [n] with NaN for null; n >= 1."""
    known = values[~np.isnan(values)]
    null_share = 1 - len(known) / len(values)
    if len(known) == 0:
        return Moments(mean=None, std=None, null_share=null_share)
    # A mean of values near the largest float would overflow; it is then not reported.
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(known.mean()), float(known.std())
    return Moments(
        mean=mean if math.isfinite(mean) else None,
        std=std if math.isfinite(std) else None,
        null_share=null_share,
    )


def compare_numbers(column: Column, real: Values, synthetic: Values) -> NumberComparison:
    """Both tables' values of a binned column, float64 [n] and [m], drawn over the synthetic range."""
    known_real, known_synthetic = real[~np.isnan(real)], synthetic[~np.isnan(synthetic)]
    edges = _edges(known_synthetic, whole=column.kind is not Kind.REAL)
    grid = np.linspace(edges[0], edges[-1], N_CUMULATIVE_POINTS)
    real_shares, real_beyond = _histogram(known_real, edges)
    synthetic_shares, synthetic_beyond = _histogram(known_synthetic, edges)
    real_cumulative, synthetic_cumulative = _cumulative(known_real, grid), _cumulative(known_synthetic, grid)
    return NumberComparison(
        name=column.name,
        kind=column.kind,
        real=moments(real),
        synthetic=moments(synthetic),
        edges=_plain(edges),
        real_shares=_plain(real_shares),
        synthetic_shares=_plain(synthetic_shares),
        real_beyond=real_beyond,
        synthetic_beyond=synthetic_beyond,
        grid=_plain(grid),
        real_cumulative=_plain(real_cumulative),
        synthetic_cumulative=_plain(synthetic_cumulative),
        largest_gap=float(np.abs(real_cumulative - synthetic_cumulative).max()),
    )


def compare_categories(
    column: Column, bins: CategoryBins, real: NDArray[np.int64], synthetic: NDArray[np.int64]
) -> CategoryComparison:
    """Both tables' shares of a categorical column, from their counts per code of `bins`."""
    shares_real, shares_synthetic = real / real.sum(), synthetic / synthetic.sum()
    seen = [code for code in range(1, bins.n_codes - 1) if synthetic[code] > 0]
    shown = sorted(seen, key=lambda code: -(shares_real[code] + shares_synthetic[code]))[:N_LABELS]
    rest = [code for code in range(1, bins.n_codes) if code not in shown]
    return CategoryComparison(
        name=column.name,
        kind=column.kind,
        labels=(*(bins.labels[code - 1] for code in shown), None),
        real_shares=(*_plain(shares_real[shown]), float(shares_real[rest].sum())),
        synthetic_shares=(*_plain(shares_synthetic[shown]), float(shares_synthetic[rest].sum())),
        real_null_share=float(shares_real[0]),
        synthetic_null_share=float(shares_synthetic[0]),
    )


def _edges(known: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """At most about 30 bars over the middle 99% of the values; bars of whole numbers are whole."""
    if len(known) == 0:
        return np.array([0.0, 1.0])
    low, high = np.quantile(np.clip(known, -_DRAWABLE, _DRAWABLE), _ROBUST_SHARES)
    if whole:
        low, high = math.floor(low), math.ceil(high)
        width = max(1, math.ceil((high - low + 1) / N_BARS))
        n_bars = math.ceil((high - low + 1) / width)
        return low - 0.5 + width * np.arange(n_bars + 1.0)
    if not high > low:
        margin = max(0.5, abs(low) * 1e-3)
        return np.array([low - margin, low + margin])
    return np.linspace(low, high, N_BARS + 1)


def _histogram(known: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    if len(known) == 0:
        return np.zeros(len(edges) - 1), 0.0
    shares = np.histogram(known, edges)[0] / len(known)
    return shares, float(max(0.0, 1 - shares.sum()))


def _cumulative(known: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(known) == 0:
        return np.zeros(len(grid))
    return np.searchsorted(np.sort(known), grid, side="right") / len(known)


def _plain(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)

"""Evaluation's own small codes, fitted to the real rows and independent of any model's codebooks.

Code 0 is null in every column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from synth.core.schema import Column
from synth.evaluate.rows import Rows

N_QUANTILE_BINS = 10
N_CATEGORIES = 20


@dataclass(frozen=True, kw_only=True)
class NumberBins:
    """Code k >= 1 is the k-th interval between the edges, lower edge included; the outer ones are open.

    The edges are values of real rows: they steer the comparison and are never reported.
    """

    edges: tuple[float, ...]

    @property
    def n_codes(self) -> int:
        return len(self.edges) + 2

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Codes of float64 [n], NaN to 0. [n] -> [n]."""
        codes = 1 + np.searchsorted(np.asarray(self.edges), values, side="right")
        return np.where(np.isnan(values), 0, codes)


@dataclass(frozen=True, kw_only=True)
class CategoryBins:
    """Codes 1 .. len(labels) a label each, and one last code for the rest."""

    labels: tuple[str, ...]

    @property
    def n_codes(self) -> int:
        return len(self.labels) + 2

    def encode(self, values: pa.Array) -> NDArray[np.int64]:
        """Codes of Arrow strings [n], null to 0. [n] -> [n]."""
        found = pc.index_in(values, value_set=pa.array(self.labels, pa.string()), skip_nulls=True)
        codes = 1 + pc.fill_null(found, len(self.labels)).to_numpy(zero_copy_only=False).astype(np.int64)
        null = values.is_null().to_numpy(zero_copy_only=False)
        return np.where(null, 0, codes)


Bins = NumberBins | CategoryBins


def fit_number_bins(values: NDArray[np.float64]) -> NumberBins:
    """At most ten bins of equal share; a value that fills a whole bin keeps one of its own.

    Args:
      values: float64 [n], NaN for null; may be empty.
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return NumberBins(edges=())
    quantiles = np.quantile(known, np.linspace(0, 1, N_QUANTILE_BINS + 1), method="inverted_cdf")
    spikes = quantiles[1:][np.diff(quantiles) == 0]
    edges = np.unique(np.concatenate([quantiles[1:-1], spikes, np.nextafter(spikes, np.inf)]))
    return NumberBins(edges=tuple(float(edge) for edge in edges))


def fit_category_bins(values: pa.Array) -> CategoryBins:
    """The most frequent labels, at most 20; ties go by spelling so that the choice is repeatable."""
    counted = values.drop_null().value_counts().to_pylist()
    ranked = sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))
    return CategoryBins(labels=tuple(entry["values"] for entry in ranked[:N_CATEGORIES]))


def fit_bins(real: Rows, columns: Sequence[Column]) -> dict[str, Bins]:
    """Bins of every modelled column, from the real rows."""
    return {
        column.name: fit_number_bins(real.columns[column.name])
        if column.kind.is_binned
        else fit_category_bins(real.columns[column.name])
        for column in columns
    }


def encode(rows: Rows, bins: Mapping[str, Bins]) -> list[NDArray[np.int64]]:
    """Codes of every binned column, in the order of `bins`: K arrays of [n]."""
    return [column_bins.encode(rows.columns[name]) for name, column_bins in bins.items()]

"""The scan's one release: every column's class histogram with noise, and the findings read off it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synth.config.sections import ColumnSettings, Scan
from synth.core.finding import Findings
from synth.privacy import noise
from synth.privacy.budget import DiscreteGaussian
from synth.privacy.entry import Receipt
from synth.privacy.released import Released
from synth.scan.calendars import usual_date_format
from synth.scan.evidence import ClassCounts
from synth.scan.judge import judge
from synth.scan.spellings import VALUE_CLASSES

_STANDS_OUT = 4.0
"""Noise scales above which a class adds to the number of rows: one empty class in 30,000 does by chance."""


def release_findings(
    class_counts: Mapping[str, NDArray[np.int64]],
    receipt: Receipt,
    *,
    table: str,
    spark_types: Mapping[str, str],
    columns: Mapping[str, ColumnSettings],
    settings: Scan,
    unit: str = "row",
) -> Released[Findings]:
    """Findings of all columns, in the order of `class_counts`.

    Args:
      class_counts: exact counts of each column: int64 [len(VALUE_CLASSES)].
      receipt: must pay for one DiscreteGaussian query a column.
      spark_types: column -> Spark's simple type string.
      columns: what the user declared, where anything.
      unit: the privacy unit in words.
    Raises: ValueError if the receipt pays for fewer columns.
    Guarantee: the receipt's DiscreteGaussian event. A row has one value class in each column, so a
      privacy unit of m rows moves each column's histogram by at most m (L2); the histograms are
      perturbed once, and everything else is computed from the noisy counts and public facts.
    """
    scale = noise.scale_of(receipt)
    _check_paid(receipt, len(class_counts), scale)
    exact = np.concatenate([*class_counts.values(), np.zeros(0, dtype=np.int64)])
    released_counts = noise.noisy_counts(exact, receipt)

    def read(released: NDArray[np.int64]) -> Findings:
        histograms = released.reshape(len(class_counts), len(VALUE_CLASSES))  # [columns, classes]
        n_rows = _n_rows(histograms, scale)
        counts = {
            column: ClassCounts(
                counts=dict(zip(VALUE_CLASSES, histogram.tolist(), strict=True)),
                n_rows=n_rows,
                noise_scale=scale,
            )
            for column, histogram in zip(class_counts, histograms, strict=True)
        }
        usual_format = usual_date_format(counts.values())
        found = (
            judge(column, spark_types[column], noisy, columns.get(column), settings, usual_format)
            for column, noisy in counts.items()
        )
        return Findings(
            table=table,
            n_rows=n_rows,
            columns=tuple(found),
            unit=unit,
            entries=(receipt.entry,),
            is_private=scale > 0,
        )

    return released_counts.map(read)


def _n_rows(histograms: NDArray[np.int64], scale: float) -> float:
    """Rows of the table, at least 1, from noisy histograms of the same rows: [columns, classes].

    The noise of two thousand empty classes would hide the rows of a small table, so counts that noise alone
    explains are left out. That loses rows where a column's values fall into many small classes, so columns in
    the upper half are believed: the upper quartile.
    """
    if not len(histograms):
        return 1.0
    kept = np.where(histograms > _STANDS_OUT * scale, histograms, 0).sum(axis=1)
    return max(1.0, float(np.quantile(kept, 0.75)))


def _check_paid(receipt: Receipt, n_columns: int, scale: float) -> None:
    paid = sum(event.count for event in receipt.events if isinstance(event, DiscreteGaussian))
    if scale > 0 and paid < n_columns:
        raise ValueError(f"the receipt of entry {receipt.entry} pays for {paid} of {n_columns} columns")

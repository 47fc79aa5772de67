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
      receipt: must pay for one DiscreteGaussian query a column and one for the row count.
      spark_types: column -> Spark's simple type string.
      columns: what the user declared, where anything.
      unit: the privacy unit in words.
    Raises: ValueError if the receipt pays for fewer queries.
    Guarantee: the receipt's DiscreteGaussian event. A row has one value class in each column, so a
      privacy unit of m rows moves each column's histogram, and the row count, by at most m (L2); all are
      perturbed once, and everything else is computed from the noisy counts and public facts.
    """
    scale = noise.scale_of(receipt)
    _check_paid(receipt, len(class_counts), scale)
    n_exact = max((counts.sum() for counts in class_counts.values()), default=0)  # a row is in every column
    exact = np.concatenate([np.array([n_exact], dtype=np.int64), *class_counts.values()])
    released_counts = noise.noisy_counts(exact, receipt)

    def read(released: NDArray[np.int64]) -> Findings:
        n_rows = max(1.0, float(released[0]))
        histograms = released[1:].reshape(len(class_counts), len(VALUE_CLASSES))  # [columns, classes]
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


def _check_paid(receipt: Receipt, n_columns: int, scale: float) -> None:
    paid = sum(event.count for event in receipt.events if isinstance(event, DiscreteGaussian))
    if scale > 0 and paid < n_columns + 1:
        raise ValueError(
            f"the receipt of entry {receipt.entry} pays for {paid} queries; the row count and "
            f"{n_columns} columns need {n_columns + 1}"
        )

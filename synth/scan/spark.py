"""The scan's door to Spark: one job counts the value classes of all columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, LongType, StructField, StructType

from synth.lake.tables import map_in_arrow
from synth.scan.classes import VALUE_CLASSES, class_counts

_COUNTED = StructType(
    [
        StructField("column_index", IntegerType(), nullable=False),
        StructField("class_code", IntegerType(), nullable=False),
        StructField("count", LongType(), nullable=False),
    ]
)


def collect_class_counts(frame: DataFrame) -> dict[str, NDArray[np.int64]]:
    """Exact class counts of every column, in column order: int64 [len(VALUE_CLASSES)] each.

    One job; at most columns x classes numbers a partition are moved. Exact: for the trusted side only.
    """
    counted = map_in_arrow(frame, _counter(frame.columns), _COUNTED)  # (column, class, count)
    rows = counted.groupBy("column_index", "class_code").agg(F.sum("count").alias("count")).collect()
    counts = np.zeros((len(frame.columns), len(VALUE_CLASSES)), dtype=np.int64)
    for row in rows:
        counts[row["column_index"], row["class_code"]] = row["count"]
    return dict(zip(frame.columns, counts, strict=True))


def _counter(
    columns: Sequence[str],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counts = np.zeros((len(columns), len(VALUE_CLASSES)), dtype=np.int64)
        for batch in batches:
            for index, column in enumerate(columns):
                counts[index] += class_counts(batch.column(column))
        column_index, class_code = np.nonzero(counts)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(column_index, pa.int32()),
                pa.array(class_code, pa.int32()),
                pa.array(counts[column_index, class_code], pa.int64()),
            ],
            names=_COUNTED.names,
        )

    return count

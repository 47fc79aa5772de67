"""The scan on a real Spark: the same counts however the table is cut, in one job."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from synth.scan.classes import VALUE_CLASSES, class_counts

pytestmark = pytest.mark.spark

ROWS = [
    ("a@example.org", 1, 1.5, None),
    ("b@example.org", 2, 2.25, True),
    (None, 3, None, False),
    ("José Núñez", None, 4.0, None),
] * 50
SCHEMA = "`e mail` string, `n.1` int, amount double, flag boolean"


def test_spark_counts_what_the_arrays_hold_whatever_the_partitions(spark: Any) -> None:
    from synth.scan.spark import collect_class_counts

    columns = list(zip(*ROWS, strict=True))
    expected = [
        class_counts(pa.array(values, arrow_type))
        for values, arrow_type in zip(
            columns, (pa.string(), pa.int32(), pa.float64(), pa.bool_()), strict=True
        )
    ]
    frame = spark.createDataFrame(ROWS, SCHEMA)
    for partitions in (1, 3):
        counts = collect_class_counts(frame.repartition(partitions))
        assert list(counts) == frame.columns
        for found, wanted in zip(counts.values(), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_an_empty_table_has_only_zeros(spark: Any) -> None:
    from synth.scan.spark import collect_class_counts

    counts = collect_class_counts(spark.createDataFrame([], SCHEMA))
    assert {len(found) for found in counts.values()} == {len(VALUE_CLASSES)}
    assert sum(found.sum() for found in counts.values()) == 0

"""The one door to Spark: its counts are exact however the table is cut."""

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from synth.config.sections import Evaluate, Source
from synth.core.schema import Column, Kind, PrivacyUnit, TableSchema
from synth.errors import SourceError
from synth.evaluate.bins import encode, fit_bins
from synth.evaluate.marginals import plan_workload
from synth.evaluate.rows import Rows
from synth.evaluate.spark import collect_marginals, collect_sample, evaluate
from synth.lake.tables import read_table

pytestmark = pytest.mark.spark

COLUMNS = (
    Column(name="a.b", spark_type="double", kind=Kind.REAL),
    Column(name="n`", spark_type="int", kind=Kind.INTEGER),
    Column(name="flag", spark_type="boolean", kind=Kind.BOOLEAN),
    Column(name="day", spark_type="date", kind=Kind.DATE),
    Column(name="word", spark_type="string", kind=Kind.CATEGORICAL),
)
SCHEMA = TableSchema(name="made", columns=COLUMNS, unit=PrivacyUnit())


def made(spark: SparkSession, n_rows: int = 3_000) -> DataFrame:
    row = F.col("id")
    return spark.range(n_rows).select(
        F.sin(row).alias("a.b"),
        F.when(row % 7 != 0, (row % 50).cast("int")).alias("n`"),
        (row % 3 == 0).alias("flag"),
        F.date_add(F.lit("2020-01-01").cast("date"), (row % 400).cast("int")).alias("day"),
        F.when(row % 11 != 0, F.concat(F.lit("w"), (row % 40).cast("string"))).alias("word"),
    )


@pytest.mark.parametrize("partitions", [1, 3, 8])
def test_counts_equal_brute_force_whatever_the_partitions(spark: SparkSession, partitions: int) -> None:
    frame = made(spark)
    rows = Rows.from_arrow(frame.toArrow(), {column.name: column for column in COLUMNS})
    bins = fit_bins(rows, COLUMNS)
    workload = plan_workload([column_bins.n_codes for column_bins in bins.values()])
    counted = collect_marginals(frame.repartition(partitions), COLUMNS, bins, workload)
    codes = np.stack(encode(rows, bins))
    for clique, counts in zip(workload.cliques, counted, strict=True):
        expected = np.zeros([workload.sizes[position] for position in clique], dtype=np.int64)
        np.add.at(expected, tuple(codes[list(clique)]), 1)
        np.testing.assert_array_equal(counts, expected.ravel())


def test_a_sample_holds_distinct_rows_and_is_the_same_again(spark: SparkSession) -> None:
    column = Column(name="id", spark_type="bigint", kind=Kind.INTEGER)
    frame = spark.range(0, 1_000, numPartitions=3)
    first, second = (collect_sample(frame, [column], 100).columns["id"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert len(np.unique(first)) == 100
    assert collect_sample(frame, [column], 5_000).n_rows == 1_000


def test_strings_in_one_table_and_types_in_the_other_are_no_difference(spark: SparkSession) -> None:
    typed = made(spark, 600)
    strings = typed.select(
        *(F.col("`" + name.replace("`", "``") + "`").cast("string") for name in typed.columns)
    )
    lines: list[str] = []
    evaluation = evaluate(
        strings.toDF(*typed.columns), typed, None, SCHEMA, Evaluate(sample_rows=600), lines.append
    )
    assert evaluation.fidelity is not None
    assert evaluation.fidelity.synthetic.tvd_3way == pytest.approx(0, abs=1e-12)
    assert evaluation.real.n_rows == evaluation.synthetic.n_rows == 600
    assert evaluation.utility.target == "flag"
    assert any("counting 25 marginals of the synthetic table" in line for line in lines)


def test_a_missing_column_ends_in_one_readable_line(spark: SparkSession) -> None:
    frame = made(spark, 10)
    with pytest.raises(SourceError, match="the synthetic table lacks columns that are to be compared: word"):
        evaluate(frame, frame.drop("word"), None, SCHEMA, Evaluate(), lambda line: None)


def test_real_halves_of_a_census_are_as_near_as_chance_lets_them(
    spark: SparkSession, shared_data: Path
) -> None:
    folder = shared_data / "adult"
    real, other = (
        read_table(spark, Source(path=str(folder / f"{part}.csv.gz"), format="csv"))
        for part in ("train", "holdout")
    )
    numbers = {"age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"}
    schema = TableSchema(
        name="adult",
        columns=tuple(
            Column(name=name, spark_type="string", kind=Kind.INTEGER if name in numbers else Kind.CATEGORICAL)
            for name in real.columns
        ),
        unit=PrivacyUnit(),
    )
    evaluation = evaluate(real, other, None, schema, Evaluate(sample_rows=5_000), lambda line: None)
    assert evaluation.fidelity is not None
    assert evaluation.fidelity.synthetic.tvd_1way == pytest.approx(0.007, abs=0.003)  # anchor: 1 - .993
    assert evaluation.discriminator.auc is not None
    assert evaluation.discriminator.auc < 0.54
    assert evaluation.utility.auc_real is not None
    assert evaluation.utility.auc_synthetic == pytest.approx(evaluation.utility.auc_real, abs=0.03)
    assert evaluation.utility.auc_real > 0.88

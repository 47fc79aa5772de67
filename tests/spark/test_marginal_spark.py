"""Counting marginals on a real Spark: exact however the job is cut, and when a task is killed on the way."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from synth.config.model import MarginalMethod
from synth.core.domain import Domain
from synth.marginal import rounds
from synth.marginal import spark as marginal_spark
from synth.marginal.candidates import pairs
from synth.marginal.count import CountPlan
from synth.marginal.learn import spec_of
from synth.marginal.problem import Fitted, Problem
from synth.marginal.spark import collect_marginals
from synth.models.tables import Grouping, Scope
from synth.privacy import queries
from synth.privacy.budget import Budget
from synth.privacy.entry import Receipt
from synth.privacy.policy import Cap

pytestmark = pytest.mark.spark

NAMES = ("plain", "odd `name.", "c", "d")
SIZES = (5, 3, 40, 2)
GROUPINGS = tuple(Grouping.identity(size) for size in SIZES)
CLIQUES = (*pairs(SIZES, 1000), (0, 1, 2))


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A coded table whose columns lean on each other."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 20_000)
    columns = (first, first % 3, rng.integers(0, 40, 20_000), (first + rng.integers(0, 2, 20_000)) % 2)
    folder = tmp_path_factory.mktemp("coded") / "codes"
    folder.mkdir()
    table = pa.table({name: pa.array(c.astype(np.int16)) for name, c in zip(NAMES, columns, strict=True)})
    pq.write_table(table, folder / "part.parquet", row_group_size=1000)
    return folder


def expected(codes: Path) -> dict[Scope, NDArray[np.int64]]:
    table = pq.read_table(codes)
    plan = CountPlan.of(GROUPINGS, CLIQUES)
    return plan.marginals(plan.count({c: table.column(NAMES[c]).to_numpy() for c in plan.columns}))


def counted(spark: Any, codes: Path, parts: int) -> dict[Scope, NDArray[np.int64]]:
    frame = spark.read.parquet(str(codes)).repartition(parts)
    return collect_marginals(frame, NAMES, CountPlan.of(GROUPINGS, CLIQUES))


def learned(counts: dict[Scope, NDArray[np.int64]], monkeypatch: pytest.MonkeyPatch) -> Fitted:
    """The model under noise that is the same each time."""
    rng = np.random.default_rng(7)
    monkeypatch.setattr(
        queries, "discrete_gaussian", lambda scale, n: np.rint(scale * rng.normal(size=n)).astype(np.int64)
    )
    candidates = pairs(SIZES, 1000)
    budget = Cap(name="all", budget=Budget(epsilon=1.0, delta=1e-5), entries=(), streams=((),))
    plan = spec_of(MarginalMethod.ROUNDS, 4, len(candidates), 1).calibrate([budget])
    problem = Problem(
        domain=Domain(NAMES, SIZES),
        groupings=GROUPINGS,
        n_rows=20_000,
        weights=dict.fromkeys(candidates, 1.0),
        pairs={scope: counts[scope] for scope in candidates},
        count_more=lambda cliques: {clique: counts[clique] for clique in cliques},
        max_cells=1000,
        total_cells=10_000,
        max_seconds=60,
        say=lambda line: None,
    )
    return rounds.learn(problem, plan, Receipt(entry=1, events=plan.charge))


def test_one_and_eight_partitions_give_the_same_counts_and_model(
    spark: Any, codes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, eight = counted(spark, codes, 1), counted(spark, codes, 8)
    exact = expected(codes)
    for clique in CLIQUES:
        assert np.array_equal(one[clique], exact[clique])
        assert np.array_equal(eight[clique], exact[clique])
    first, second = learned(one, monkeypatch), learned(eight, monkeypatch)
    for left, right in zip(first.tables.tables, second.tables.tables, strict=True):
        assert np.array_equal(left.probabilities, right.probabilities)


def test_an_empty_partition_and_an_empty_table_count_nothing(spark: Any, codes: Path) -> None:
    none = spark.read.parquet(str(codes)).where("d > 99")
    found = collect_marginals(none, NAMES, CountPlan.of(GROUPINGS, CLIQUES))
    assert all(not counts.any() for counts in found.values())


def test_a_vector_of_many_slices_is_put_together(spark: Any, codes: Path) -> None:
    """No row of Spark's holds more than a slice; a whole wide vector a row was too much for its heap."""
    wide = tuple(Grouping.identity(size) for size in (700, 600, 500, 2))
    cliques = ((0, 1), (0, 2), (1, 3))
    plan = CountPlan.of(wide, cliques)
    assert plan.length > 4 * marginal_spark._SLICE
    table = pq.read_table(codes)
    exact = plan.marginals(plan.count({c: table.column(NAMES[c]).to_numpy() for c in plan.columns}))
    found = collect_marginals(spark.read.parquet(str(codes)).repartition(3), NAMES, plan)
    assert all(np.array_equal(found[clique], exact[clique]) for clique in cliques)


_KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from pyspark.sql import SparkSession
from synth.lake.tables import map_in_arrow
from synth.marginal.count import CountPlan
from synth.marginal.learn import spec_of
from synth.marginal.spark import collect_marginals
sys.path.insert(0, {here!r})
from test_marginal_spark import CLIQUES, GROUPINGS, NAMES, expected

codes, flag = Path({codes!r}), Path({flag!r})
spark = (SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
         .config("spark.driver.memory", "1g").getOrCreate())
spark.sparkContext.setLogLevel("OFF")

def killing(batches):
    for batch in batches:
        yield batch
    try:
        flag.open("x").close()
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

frame = spark.read.parquet(str(codes)).repartition(6)
frame = map_in_arrow(frame, killing, frame.schema)
found = collect_marginals(frame, NAMES, CountPlan.of(GROUPINGS, CLIQUES))
exact = expected(codes)
assert flag.exists(), "no task was killed"
assert all(np.array_equal(found[clique], exact[clique]) for clique in CLIQUES)
print("counts survived")
"""


def test_a_killed_counting_task_changes_nothing(codes: Path, tmp_path: Path) -> None:
    script = _KILLED.format(here=str(Path(__file__).parent), codes=str(codes), flag=str(tmp_path / "flag"))
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "counts survived" in done.stdout, done.stderr[-2000:]

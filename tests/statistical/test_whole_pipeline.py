"""What an attacker proves from everything that leaves, of a table and its neighbour: never above the claim.

Lower bounds are of confidence 1 - 1e-6 (`synth.privacy.audit.FALSE_ALARM`): the event is chosen on a third of
the runs and held against the others. They are on mu, and told as epsilon at the table's delta. Every planted
leak must be caught.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

sys.path.insert(0, str(Path(__file__).parent))

import whole_pipeline as pipeline
from quick_noise import QuickNoise
from whole_pipeline import LIKE_OTHERS, OF_ITS_OWN, SCHEMA, Charges, Exact, Row, watched

from synth.core.schema import TableSchema
from synth.lake import tables
from synth.prepare import fit
from synth.privacy import accountant, noise, queries, select
from synth.privacy.audit import chosen_event_mu
from synth.privacy.budget import Budget
from synth.privacy.entry import Receipt

pytestmark = pytest.mark.spark
_EPSILON, _RUNS = 3.0, 75
"""Of leaks that show at once, and how many runs of each world see them."""
_LARGE, _MANY_RUNS = 14.0, 1500
"""Of faults that are a matter of scale: a larger epsilon needs fewer runs to tell 0.7 of the noise."""


@pytest.fixture(scope="module")
def worlds(spark: Any) -> dict[str, Exact]:
    """D; D and an entity like others; D and one of its own: capped by Spark, counted as tables are."""
    canaries: dict[str, Row | None] = {"none": None, "like others": LIKE_OTHERS, "of its own": OF_ITS_OWN}
    return {name: Exact.of(spark, row) for name, row in canaries.items()}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    _draw_by(monkeypatch, QuickNoise())


def _draw_by(monkeypatch: pytest.MonkeyPatch, draw: QuickNoise) -> None:
    for module in (noise, queries):
        monkeypatch.setattr(module, "discrete_gaussian", draw)


def proved(
    worlds: tuple[Exact, Exact],
    row: Row,
    *,
    epsilon: float = _EPSILON,
    runs: int = _RUNS,
    schema: TableSchema = SCHEMA,
    fast: bool = False,
) -> tuple[float, float]:
    """The epsilon that an attacker proves, at least, and the one that is claimed."""
    if fast:  # one scan for all, and no column that a tree is counted of
        schema = pipeline.WITHOUT_TREE
        worlds = (Exact.counted(worlds[0].batch, schema), Exact.counted(worlds[1].batch, schema))
    charges = Charges.of(epsilon, schema)
    assert charges.epsilon <= epsilon
    seen = watched(worlds, charges, runs, canary_row=row, schema=schema, same_scan=fast)
    mu = chosen_event_mu(*seen)
    if mu <= 1e-3:
        return 0.0, epsilon
    delta = charges.budget.delta
    told = brentq(
        lambda e: accountant.gaussian_mu(Budget(epsilon=e, delta=delta)) - min(mu, 15.0), 1e-3, 300.0
    )
    return float(told), epsilon


@pytest.mark.parametrize(("name", "row"), [("like others", LIKE_OTHERS), ("of its own", OF_ITS_OWN)])
def test_everything_that_leaves_keeps_to_the_claim(worlds: dict[str, Exact], name: str, row: Row) -> None:
    told, claimed = proved((worlds["none"], worlds[name]), row)
    assert told <= claimed


def test_many_runs_prove_much_of_the_claim_and_no_more(worlds: dict[str, Exact]) -> None:
    """The attack is strong: an auditor that proved nothing would catch nothing."""
    told, claimed = proved(
        (worlds["none"], worlds["like others"]), LIKE_OTHERS, epsilon=_LARGE, runs=600, fast=True
    )
    assert 0.25 * claimed < told <= claimed


def test_noise_of_seven_tenths_is_caught(worlds: dict[str, Exact], monkeypatch: pytest.MonkeyPatch) -> None:
    _draw_by(monkeypatch, QuickNoise(0.7))
    told, claimed = proved(
        (worlds["none"], worlds["like others"]), LIKE_OTHERS, epsilon=_LARGE, runs=_MANY_RUNS, fast=True
    )
    assert told > claimed


def test_exact_counts_are_caught(worlds: dict[str, Exact], monkeypatch: pytest.MonkeyPatch) -> None:
    _draw_by(monkeypatch, QuickNoise(0.0))
    told, claimed = proved((worlds["none"], worlds["like others"]), LIKE_OTHERS)
    assert told > claimed


def test_a_threshold_that_is_too_low_is_caught(
    worlds: dict[str, Exact], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = select.select_keys

    def all_named(counts: dict[str, int], receipt: Receipt, *, max_rows: int, pruned: int = 0) -> Any:
        found = honest(counts, receipt, max_rows=max_rows, pruned=0)
        return found.map(lambda named: {key: max(count, 1) for key, count in named.items()})

    monkeypatch.setattr(select, "key_threshold", lambda receipt, max_rows, pruned=0: -1_000_000)
    monkeypatch.setattr(fit, "select_keys", all_named)
    told, claimed = proved((worlds["none"], worlds["of its own"]), OF_ITS_OWN)
    assert told > claimed


def test_a_bound_on_the_rows_of_an_entity_that_was_forgotten_is_caught(
    worlds: dict[str, Exact], spark: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "bound_contribution", lambda frame, unit, salt: frame)
    told, claimed = proved((worlds["none"], Exact.of(spark, LIKE_OTHERS)), LIKE_OTHERS)
    assert told > claimed


def test_a_column_that_is_not_public_and_is_declared_so_is_caught(worlds: dict[str, Exact]) -> None:
    """As the difference of two columns was, when one of them was declared public."""
    columns = tuple(replace(c, public=c.name == "stay", edges=c.edges) for c in SCHEMA.columns)
    schema = replace(SCHEMA, columns=columns)
    told, claimed = proved((worlds["none"], worlds["like others"]), LIKE_OTHERS, schema=schema)
    assert told > claimed


def test_a_value_that_no_event_paid_for_is_caught(
    worlds: dict[str, Exact], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a subquery in `relations.derived` was, that wrote the greatest value into every row."""
    honest = pipeline.run_once

    def leaking(exact: Exact, *others: Any) -> pipeline.Released:
        released = honest(exact, *others)
        rows = released.rows
        greatest = np.nanmax(exact.batch.column("pay").to_numpy(zero_copy_only=False))
        derived = pipeline.pa.array(np.full(rows.num_rows, greatest), rows.schema.field("pay").type)
        place = rows.schema.get_field_index("pay")
        return replace(released, rows=rows.set_column(place, rows.schema.field("pay"), derived))

    monkeypatch.setattr(pipeline, "run_once", leaking)
    told, claimed = proved((worlds["none"], worlds["of its own"]), OF_ITS_OWN)
    assert told > claimed

"""Summaries of small tables, as preparation would count them."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from synth.config.sections import Prepare
from synth.core.feature import features_of
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import TableSchema
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan
from synth.prepare.summary import Summary, count_batches
from synth.privacy.entry import Receipt

Summarize = Callable[..., Summary]
Fit = Callable[..., PreparedManifest]


def _summarize(
    batches: list[pa.RecordBatch], schema: TableSchema, *, max_held: int = 1 << 20, n_units: int | None = None
) -> Summary:
    features = features_of(schema)
    records = pa.Table.from_batches(count_batches(iter(batches), features, schema, max_held=max_held))
    return Summary.of_records(records, len(features), n_units)


@pytest.fixture(scope="session")
def summarize() -> Summarize:
    """Summary of batches: (batches, schema, *, max_held, n_units)."""
    return _summarize


@pytest.fixture(scope="session")
def fit_table() -> Fit:
    """Manifest of columns by name, without privacy unless `mu` is given."""

    def fitted(
        arrays: dict[str, pa.Array],
        schema: TableSchema,
        settings: Prepare | None = None,
        *,
        mu: float | None = None,
        delta: float = 1e-6,
        n_units: int | None = None,
    ) -> PreparedManifest:
        settings = settings or Prepare()
        batch = pa.RecordBatch.from_pydict(arrays)
        plan = PreparePlan.of(schema, settings, mu, delta, batch.num_rows)
        findings = Findings(table="t", n_rows=1.0, columns=(), entries=(3,), is_private=mu is not None)
        receipt = Receipt(entry=7, events=plan.events())
        return fit(_summarize([batch], schema, n_units=n_units), schema, plan, receipt, settings, findings)

    return fitted

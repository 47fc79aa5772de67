"""The pipeline with a perfect model in place of a trained one: it hands out the codes of the real rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from synth.config.sections import Prepare, Privacy, RelationSettings, Scan
from synth.core.feature import features_of
from synth.core.prepared import PreparedManifest
from synth.core.schema import PrivacyUnit
from synth.generate.rows import BLOCK, block_of_rows
from synth.prepare.encode import encode_batch
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan
from synth.prepare.schema import Field, resolve_schema
from synth.prepare.summary import Summary, count_batches
from synth.privacy.entry import Receipt
from synth.scan.classes import class_counts
from synth.scan.findings import release_findings
from synth.spending import prepare_share, scan_events, selection_delta, stage_mu

ROWS = BLOCK
"""Rows of every table: those that generation makes at once."""
_SIMPLE = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "varchar": pa.string(),
    "char": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}


def arrow_type(spark_type: str) -> pa.DataType:
    """The Arrow type in which Spark hands columns of that type to Python."""
    name, _, size = spark_type.rstrip(")").partition("(")
    return pa.decimal128(*map(int, size.split(","))) if name == "decimal" else _SIMPLE[name]


def to_array(values: list[Any], spark_type: str) -> pa.Array:
    """Values as a case draws them: dates are days, timestamps microseconds."""
    kind = arrow_type(spark_type)
    if pa.types.is_date(kind):
        return pa.array(values, pa.int32()).cast(kind)
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind, from_pandas=False)


def to_values(array: pa.Array) -> list[Any]:
    """The inverse of `to_array`."""
    if pa.types.is_date(array.type):
        array = array.cast(pa.int32())
    elif pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    return array.to_pylist()


@dataclass(frozen=True)
class PerfectModel:
    """A sampler whose rows are the real ones."""

    codes: NDArray[np.uint16]  # [ROWS, K]

    @property
    def n_uniforms(self) -> int:
        return 1

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        return self.codes[: len(uniforms)]

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "PerfectModel":
        return self


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was released of a table, and the codes of its rows."""

    manifest: PreparedManifest
    model: PerfectModel


def learn(
    batch: pa.RecordBatch, spark_types: Mapping[str, str], *, epsilon: float | None, untyped: bool = False
) -> Learned:
    """Scan, prepare and encode a table of ROWS rows."""
    privacy = Privacy(epsilon=epsilon)
    shares = (privacy.split.scan, prepare_share(privacy, batch.num_rows))
    scan_mu, prepare_mu = (stage_mu(privacy, share) for share in shares)
    findings = release_findings(
        {name: class_counts(batch.column(name)) for name in batch.schema.names},
        Receipt(entry=1, events=scan_events(batch.num_columns, PrivacyUnit(), scan_mu)),
        table="t",
        spark_types=spark_types,
        columns={},
        settings=Scan(),
    ).value
    fields = [
        Field(name=name, spark_type=spark_types[name], nullable=batch.column(name).null_count > 0)
        for name in batch.schema.names
    ]
    schema = resolve_schema(
        "t", fields, findings, {}, PrivacyUnit(), RelationSettings(), untyped_source=untyped
    )
    plan = PreparePlan.of(schema, Prepare(), prepare_mu, selection_delta(privacy), findings.n_rows)
    features = features_of(schema)
    records = pa.Table.from_batches(count_batches(iter([batch]), features, schema, max_held=1 << 20))
    summary = Summary.of_records(records, len(features), None)
    receipt = Receipt(entry=2, events=plan.events())
    manifest = fit(summary, schema, plan, receipt, Prepare(), findings)
    coded = encode_batch(batch, manifest.features, manifest.codebooks, manifest.schema)
    codes = np.zeros((batch.num_rows, len(coded)), dtype=np.uint16)
    for index, name in enumerate(manifest.domain.names):
        codes[:, index] = coded[name].to_numpy()
    return Learned(manifest=manifest, model=PerfectModel(codes))


def copy_of(
    batch: pa.RecordBatch, spark_types: Mapping[str, str], *, epsilon: float | None
) -> pa.RecordBatch:
    """The synthetic table that a perfect model makes of a real one of ROWS rows."""
    learned = learn(batch, spark_types, epsilon=epsilon)
    types = {column.name: arrow_type(column.spark_type) for column in learned.manifest.schema.columns}
    return block_of_rows(learned.model, learned.manifest, 0, 7, types)

"""What is lost before any model: scan and preparation with their noise, and a model that makes no mistake.

    python bench/perfect.py --data FOLDER [--tables a,b] [--epsilon 1] [--show]

The tables of unseen.py, in memory and without Spark: each is scanned and prepared at its share of the
budget, its rows are coded, drawn again with replacement, decoded, and scored by judge.py. The same rules run
as in the stages; only the readers are left out. Seconds a table; --show prints a line for each column.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from judge import Judged, judge
from numpy.typing import NDArray
from pyspark.sql.pandas.types import from_arrow_schema
from unseen import DELTA, real_rows, source_of

from synth import spending
from synth.config.sections import Config, Prepare
from synth.core.feature import features_of
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.generate.rows import BLOCK, block_of_rows
from synth.prepare.encode import encode_batch
from synth.prepare.fit import fit
from synth.prepare.plan import PreparePlan
from synth.prepare.schema import Field, resolve_schema
from synth.prepare.summary import Summary, count_batches
from synth.privacy.entry import Receipt
from synth.scan.classes import class_counts
from synth.scan.findings import release_findings

_ARROW = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Replay:
    """A sampler that draws the real rows' own codes."""

    codes: NDArray[np.uint16]  # [rows, K]

    n_uniforms: int = 1

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """[n, 1] -> [n, K]."""
        return self.codes[(uniforms[:, 0] * len(self.codes)).astype(np.int64)]

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "Replay":
        """Nothing can be given."""
        raise ValueError("rows are drawn as they are")


def prepared(config: Config, batch: pa.RecordBatch, is_text: bool) -> tuple[Findings, PreparedManifest]:
    """What scan and prepare would release of the table."""
    types = {field.name: field.dataType.simpleString() for field in from_arrow_schema(batch.schema).fields}
    mu = spending.stage_mu(config.privacy, config.privacy.split.scan)
    events = spending.scan_events(len(types), config.privacy.privacy_unit, mu)
    findings = release_findings(
        {name: class_counts(batch.column(name)) for name in batch.schema.names},
        Receipt(entry=1, events=events),
        table=config.name,
        spark_types=types,
        columns=config.columns,
        settings=config.scan,
    ).value
    fields = [Field(name=name, spark_type=kind, nullable=True) for name, kind in types.items()]
    schema = resolve_schema(
        config.name,
        fields,
        findings,
        config.columns,
        config.privacy.privacy_unit,
        config.relations,
        untyped_source=is_text,
    )
    privacy = config.privacy
    share = spending.prepare_share(privacy, findings.n_rows)
    mu, delta = spending.stage_mu(privacy, share), spending.selection_delta(privacy)
    plan = PreparePlan.of(schema, config.prepare, mu, delta, findings.n_rows)
    features = features_of(schema)
    counted = pa.Table.from_batches(list(count_batches(iter([batch]), features, schema, max_held=10**7)))
    summary = Summary.of_records(counted, len(features), None)
    receipt = Receipt(entry=2, events=plan.events())
    return findings, fit(summary, schema, plan, receipt, Prepare(), findings)


def arrow_type(spark_type: str) -> pa.DataType:
    """The Arrow type of a Spark type's simple string, without asking Spark."""
    if spark_type.startswith("decimal("):
        return pa.decimal128(*map(int, spark_type[len("decimal(") : -1].split(",")))
    return _ARROW[spark_type]


def replayed(batch: pa.RecordBatch, manifest: PreparedManifest) -> pd.DataFrame:
    """As many rows as the table has, drawn from its coded rows and decoded."""
    coded = encode_batch(batch, manifest.features, manifest.codebooks, manifest.schema)
    codes = np.stack([np.asarray(coded[name]) for name in manifest.domain.names], axis=1)
    made = [column for column in manifest.schema.columns if column.derived is None]
    types = {column.name: arrow_type(column.spark_type) for column in made}
    blocks = range(-(-batch.num_rows // BLOCK))
    rows = [block_of_rows(Replay(codes), manifest, block, 0, types) for block in blocks]
    return pa.Table.from_batches(rows).slice(0, batch.num_rows).to_pandas(types_mapper=pd.ArrowDtype)


def run(
    folder: Path, epsilon: float | None, keep: Path | None = None
) -> tuple[Findings, PreparedManifest, Judged]:
    """One table at one epsilon; its rows are written to `keep`, if given."""
    source = source_of(folder)
    config = Config.model_validate(
        {"name": folder.name, "source": source, "privacy": {"epsilon": epsilon, "delta": DELTA}}
    )
    real = real_rows(source)
    table = pa.Table.from_pandas(real, preserve_index=False).combine_chunks()
    (batch,) = table.to_batches()
    findings, manifest = prepared(config, batch, source["format"] == "csv")
    made = replayed(batch, manifest)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        made.to_parquet(keep / f"{folder.name}.parquet")
    return findings, manifest, judge(real, made)


def main() -> None:
    """Print a row for each table, and its columns if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", help="names below --data; default: all")
    parser.add_argument("--epsilon", default="1", help="such as 1, or none")
    parser.add_argument("--show", action="store_true", help="also each column")
    parser.add_argument("--keep", type=Path, help="a folder for the rows")
    asked = parser.parse_args()
    names = (
        asked.tables.split(",")
        if asked.tables
        else sorted(p.name for p in asked.data.iterdir() if p.is_dir())
    )
    print("| table | score | chance | univariate | codes | worst columns |\n|---|---|---|---|---|---|")
    epsilon = None if asked.epsilon == "none" else float(asked.epsilon)
    for name in names:
        _, manifest, found = run(asked.data / name, epsilon, asked.keep)
        worst = ", ".join(found.worst(found.columns))
        print(
            f"| {name} | {found.score:.4f} | {found.chance:.4f} | {found.univariate:.4f} | "
            f"{manifest.domain.total} | {worst} |",
            flush=True,
        )
        if asked.show:
            for column in manifest.schema.columns:
                value, most = found.columns.get(column.name), found.chance_columns.get(column.name)
                told = "identifier" if value is None else f"{value:.3f} of {most:.3f}"
                spelt = found.spelling.get(column.name)
                print(
                    f"    {column.name}: {column.kind.value}, {told}"
                    + (f", spelt {spelt:.3f}" if spelt is not None else "")
                )


if __name__ == "__main__":
    main()

"""The prepare stage, wired."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from synth import spending
from synth.config.load import config_hash
from synth.config.sections import Config
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.core.schema import TableSchema
from synth.errors import ConfigError
from synth.generate.made_up import can_be_made_up, most_unique
from synth.lake.artifacts import artifact_digest, write_artifact, write_json
from synth.prepare.declarations import unlikely_declarations
from synth.prepare.orders import SHARE, Order, OrderPlan, found_orders, with_orders
from synth.prepare.plan import PreparePlan
from synth.prepare.schema import Field, resolve_schema, with_hours
from synth.run import Run

if TYPE_CHECKING:
    from synth.lake.batches import SourceBatches


def prepare(run: Run) -> None:
    """Find categories and bins privately, and write the coded table."""
    from synth.generate.spark import check_derived
    from synth.lake.readable import readable_errors
    from synth.prepare.spark import fields_of, write_codes

    config = run.config
    frame = run.bounded_source()
    findings = run.findings()
    schema = _schema(config, fields_of(frame), findings)
    target = config.evaluate.target
    if target is not None and schema.column(target).kind.is_made_up:
        raise ConfigError(
            f"evaluate.target {target!r} would be made up, not learned; set columns.{target}.kind, or "
            "choose another target"
        )
    if not schema.modelled:
        raise ConfigError("every column would be made up; set columns.NAME.kind of those to learn")
    check_derived(frame, schema.columns)
    check_made_up(schema)
    check_unique(schema, config.generate.rows)
    upstream = artifact_digest(run.workspace.findings)
    key = run.key(
        "prepare", PreparedManifest.FORM, config.prepare, config.relations, run.declared_columns, upstream
    )
    with run.stage("prepare", run.workspace.prepared, key) as stage:
        if stage is None:
            return
        kept = run.kept("prepare", key)
        with readable_errors(config.source):
            source = run.batches()
            manifest = (
                _paid(run, source, schema, findings, key)
                if kept is None
                else PreparedManifest.from_dict(kept)
            )
            if not manifest.codebooks:
                raise ConfigError(
                    "no value of any column could be named under the budget; raise privacy.epsilon, or "
                    "declare columns.NAME.categories"
                )
            for order in found_orders(manifest.schema.relations):
                run.say(f"prepare: {order}")
            for line in unlikely_declarations(manifest):
                run.say(f"prepare: {line}")
            run.say(f"prepare: encoding into {manifest.domain.total} codes")
            with write_artifact(run.workspace.prepared, key) as folder:
                write_json(folder / "prepared.json", manifest.to_dict())
                write_codes(source, manifest, folder / "codes", files=config.prepare.files)
                run.check_unchanged()
        stage.metrics(
            {
                "released_rows": manifest.n_rows,
                "learned_features": len(manifest.codebooks),
                "codes": manifest.domain.total,
            }
        )
        stage.artifact(run.workspace.prepared / "prepared.json")
        made_up = [c.name for c in manifest.schema.columns if c.kind.is_made_up]
        run.say(
            f"prepare: about {manifest.n_rows} rows; made up, not learned: {', '.join(made_up) or 'none'}"
        )


def planned_queries(run: Run) -> PreparePlan:
    """What prepare would ask of the columns that the workdir's scan found, without touching data."""
    findings = run.findings()
    fields = [Field(name=finding.column, spark_type="string", nullable=True) for finding in findings.columns]
    schema = _schema(run.config, fields, findings)
    left = 1.0 if _orders_plan(run, schema, findings) is None else 1 - SHARE
    return _plan(run, _timed(run, schema, findings), findings, left=left)


def _schema(config: Config, fields: Sequence[Field], findings: Findings) -> TableSchema:
    schema = resolve_schema(
        config.name,
        fields,
        findings,
        config.columns,
        config.privacy.privacy_unit,
        config.relations,
        untyped_source=config.source.table is None and config.source.format == "csv",
        text_target=config.target.table is None and config.target.format == "csv",
    )
    asked = config.privacy.partitions
    return schema if asked is None else _with_given(schema, asked.column)


def _with_given(schema: TableSchema, partition: str) -> TableSchema:
    """The schema whose partition column has its named values alone, and no null among them."""
    columns = (
        replace(c, nullable=False, null_share=0.0, constant=len(c.categories or ()) == 1)
        if c.name == partition
        else c
        for c in schema.columns
    )
    return replace(schema, columns=tuple(columns))


def _plan(run: Run, schema: TableSchema, findings: Findings, *, left: float) -> PreparePlan:
    """What is asked of the columns, with the part of preparation's share that is `left` for it."""
    mu, delta = _mu(run, findings, left), spending.selection_delta(run.privacy)
    return PreparePlan.of(schema, run.config.prepare, mu, delta, findings.n_rows)


def _orders_plan(run: Run, schema: TableSchema, findings: Findings) -> OrderPlan | None:
    """Which orders of columns are looked for; None if none are."""
    if not run.config.relations.find:
        return None
    config = run.config
    # A column to predict has codes of its own, for its pairs are asked the more often.
    apart = {name for name in (config.model.target, config.evaluate.target) if name is not None}
    return OrderPlan.of(schema, _mu(run, findings, 1.0), findings.n_rows, apart)


def _timed(run: Run, schema: TableSchema, findings: Findings) -> TableSchema:
    return with_hours(schema, run.config.columns, _mu(run, findings, 1.0), findings.n_rows)


def _mu(run: Run, findings: Findings, part: float) -> float | None:
    """Gaussian mu of a part of preparation's share; None without privacy."""
    return spending.stage_mu(run.privacy, part * spending.prepare_share(run.privacy, findings.n_rows))


def check_made_up(schema: TableSchema) -> None:
    """Raise ConfigError naming all columns that would be made up and whose types have no value to make up."""
    faults = [
        f"columns.{column.name} would be made up, and no value of type {column.spark_type} can be; "
        f"set columns.{column.name}.drop: true"
        for column in schema.columns
        if column.kind.is_made_up and column.derived is None and not can_be_made_up(column)
    ]
    if faults:
        raise ConfigError("; ".join(faults))


def check_unique(schema: TableSchema, rows: int | None) -> None:
    """Raise ConfigError if a made-up column cannot be told apart in every row."""
    for column in schema.columns:
        most = most_unique(column) if column.unique else math.inf
        if most < (rows or 1):
            raise ConfigError(
                f"relations.unique: only {most:,.0f} different values can be made up for {column.name!r} "
                f"({column.entity or column.spark_type}); ask for fewer rows, or leave the column out of "
                "relations.unique"
            )


def _paid(
    run: Run, source: "SourceBatches", schema: TableSchema, findings: Findings, key: str | None
) -> PreparedManifest:
    """Codebooks that are drawn anew, and charged; first the orders of columns, which say what is counted."""
    from synth.prepare.fit import fit
    from synth.prepare.spark import collect_summary

    config = run.config
    orders = _orders_plan(run, schema, findings)
    plan = _plan(run, schema, findings, left=1.0 if orders is None else 1 - SHARE)
    run.check("prepare", (*plan.events(), *(orders.events() if orders else ())))
    entries: tuple[int, ...] = ()
    if orders is not None:
        found, entry = _paid_orders(run, source, schema, orders, key)
        entries = (entry,)
        schema = with_orders(schema, found)
    schema = _timed(run, schema, findings)
    plan = _plan(run, schema, findings, left=1.0 if orders is None else 1 - SHARE)
    events = plan.events()
    run.say(f"prepare: counting {len(schema.modelled)} columns in one pass")
    summary = collect_summary(
        source, schema, pruned=plan.pruned(schema), max_distinct=config.prepare.max_distinct
    )
    run.check_unchanged()
    receipt = run.reserve("prepare", events)
    manifest = fit(summary, schema, plan, receipt, config.prepare, findings)
    manifest = replace(manifest, entries=(*manifest.entries, *entries))
    run.settle(receipt, key, manifest.to_dict())
    return manifest


def _paid_orders(
    run: Run, source: "SourceBatches", schema: TableSchema, plan: OrderPlan, key: str | None
) -> tuple[tuple[Order, ...], int]:
    """The orders that hold, and the ledger entry that paid: kept by themselves, for a crash may follow."""
    own = None if key is None else config_hash("orders", key)
    kept = run.kept("prepare", own)
    if kept is not None:
        return tuple(Order(low=low, high=high, share=share) for low, high, share in kept["found"]), kept[
            "entry"
        ]
    from synth.prepare.spark import collect_orders

    run.say(
        f"prepare: looking whether one of two columns is never above the other, in {len(plan.pairs)} pairs"
    )
    counts = collect_orders(source, schema, plan.pairs)
    receipt = run.reserve("prepare", plan.events())
    orders = plan.release(counts, receipt)
    found = [[order.low, order.high, order.share] for order in orders]
    run.settle(receipt, own, {"entry": receipt.entry, "found": found})
    return orders, receipt.entry

"""The stages wired together: the same code behind `synth`, the spark-submit jobs and the scheduler.

Each stage reads the artifacts of the one before, charges what it is about to release, and writes its own
artifact whole or not at all. A stage whose artifact was made from the same input and settings is not
repeated: what was paid for is used again.
"""

import shutil
from pathlib import Path
from typing import Any

from synth import spending
from synth.config.load import config_hash
from synth.config.sections import Config, Launcher, Target
from synth.core.prepared import PreparedManifest
from synth.errors import ArtifactError, ConfigError
from synth.lake.artifacts import artifact_digest, check_artifact, read_json, write_artifact, write_json
from synth.privacy.dpsgd import DpSgdPlan, DpSgdSpec
from synth.privacy.ledger import Receipt, private_events
from synth.run import STAGES, Run

_SERVED_MODEL = Path(__file__).with_name("served_model.py")


def run_stages(run: Run, stages: tuple[str, ...]) -> None:
    """Run stages in order; the first that fails ends the run, and what came before is kept."""
    with run.workspace.locked():
        if "generate" in stages:
            from synth.lake.targets import check_target

            check_target(run.spark, run.target())
        for stage in stages:
            _FUNCTIONS[stage](run)
        if stages[-1] == STAGES[-1]:
            run.tracker.finish()


def scan(run: Run) -> None:
    """Find personal data and kinds of values; charges one noisy histogram per column."""
    from synth.lake.tables import readable_errors
    from synth.scan.findings import release_findings
    from synth.scan.spark import collect_class_counts

    config = run.config
    frame = run.bounded_source()
    key = run.key("scan", config.scan, _kinds_of(config))
    with run.stage("scan", run.workspace.findings, key) as stage:
        if stage is None:
            return
        mu = spending.stage_mu(config.privacy, config.privacy.split.scan)
        events = spending.scan_events(len(frame.columns), config.privacy.privacy_unit, mu)
        run.ledger.check(run.spend("scan", events), config.privacy.budget)
        with readable_errors(config.source):
            counts = collect_class_counts(frame)
        receipt = run.charge("scan", events)
        findings = release_findings(
            counts,
            receipt,
            table=config.name,
            spark_types=dict(frame.dtypes),
            columns=config.columns,
            settings=config.scan,
            unit=str(config.privacy.privacy_unit),
        ).value
        with write_artifact(run.workspace.findings, key) as folder:
            write_json(folder / "findings.json", findings.to_dict())
        found = [finding for finding in findings.columns if finding.entity]
        stage.metrics({"columns": len(findings.columns), "columns_with_personal_data": len(found)})
        stage.artifact(run.workspace.findings / "findings.json")
        for finding in found:
            share = "" if finding.share is None else f", {finding.share:.0%} of values"
            run.say(f"scan: {finding.column} holds {finding.entity}{share}")


def mask(run: Run) -> None:
    """Write a masked copy of the source; it is pseudonymous, not differentially private."""
    from synth.lake.tables import readable_errors
    from synth.lake.targets import write_table
    from synth.mask.operators import plan_masks
    from synth.mask.spark import masked

    config = run.config
    findings = run.findings()
    operators = plan_masks(findings, config.columns, config.mask.templates)
    with run.stage("mask", None, None) as stage:
        assert stage is not None
        with readable_errors(config.source):
            frame = run.source
            target = Target(path=config.mask.path or f"file://{run.workspace.masked}")
            rows = frame.count()
            write_table(masked(frame, operators, _mask_key(run)), target, expected_rows=rows)
        stage.parameters({f"mask.{name}": operator.value for name, operator in operators.items()})
        touched = sum(operator.value != "keep" for operator in operators.values())
        if config.mask.path is None:
            run.workspace.masked.chmod(0o700)
        run.say(f"mask: {touched} of {len(operators)} columns masked, written to {target.place}")


def prepare(run: Run) -> None:
    """Find categories and bins privately, and write the coded table."""
    from synth.lake.tables import readable_errors
    from synth.prepare.fit import PreparePlan, fit
    from synth.prepare.schema import resolve_schema
    from synth.prepare.spark import collect_summary, fields_of, write_codes

    config = run.config
    frame = run.bounded_source()
    findings = run.findings()
    untyped = config.source.table is None and config.source.format == "csv"
    schema = resolve_schema(
        config.name,
        fields_of(frame),
        findings,
        config.columns,
        config.privacy.privacy_unit,
        untyped_source=untyped,
    )
    target = config.evaluate.target
    if target is not None and schema.column(target).kind.is_made_up:
        raise ConfigError(
            f"evaluate.target {target!r} would be made up, not learned; set columns.{target}.kind, or "
            "choose another target"
        )
    if not schema.modelled:
        raise ConfigError("every column would be made up; set columns.NAME.kind of those to learn")
    upstream = artifact_digest(run.workspace.findings)
    key = run.key("prepare", config.prepare, _kinds_of(config), upstream)
    with run.stage("prepare", run.workspace.prepared, key) as stage:
        if stage is None:
            return
        plan = PreparePlan.of(schema)
        mu = spending.stage_mu(config.privacy, config.privacy.split.prepare)
        events = plan.events(mu, spending.selection_delta(config.privacy))
        run.ledger.check(run.spend("prepare", events), config.privacy.budget)
        with readable_errors(config.source):
            run.say(f"prepare: counting {len(schema.modelled)} columns in one pass")
            summary = collect_summary(frame, schema, max_distinct=config.prepare.max_distinct)
            receipt = run.charge("prepare", events)
            manifest = fit(summary, schema, receipt, config.prepare, findings)
            if not manifest.codebooks:
                raise ConfigError(
                    "no value of any column could be named under the budget; raise privacy.epsilon, or "
                    "declare columns.NAME.categories"
                )
            run.say(f"prepare: encoding into {manifest.domain.total} codes")
            with write_artifact(run.workspace.prepared, key) as folder:
                write_json(folder / "prepared.json", manifest.to_dict())
                write_codes(
                    frame,
                    manifest,
                    folder / "codes",
                    files=config.prepare.files,
                    salt=run.workspace.secret("unit"),
                )
        stage.metrics(
            {
                "released_rows": manifest.n_rows,
                "modelled_columns": len(manifest.codebooks),
                "codes": manifest.domain.total,
            }
        )
        stage.artifact(run.workspace.prepared / "prepared.json")
        made_up = [c.name for c in manifest.schema.columns if c.name not in manifest.domain.names]
        run.say(
            f"prepare: about {manifest.n_rows} rows; made up, not learned: {', '.join(made_up) or 'none'}"
        )


def train(run: Run) -> None:
    """Train the model by DP-SGD with all that is left of the budget."""
    from synth.train.launch import check_launcher, launch
    from synth.train.spec import TrainSpec

    config = run.config
    manifest = run.manifest()
    upstream = artifact_digest(run.workspace.prepared)
    train = config.train
    shaping = (train.steps, train.sample_rate, train.expected_batch_size, train.max_grad_norm)
    key = config_hash("train", config.model, *shaping, train.learning_rate, config.privacy, upstream)
    run_folder = run.workspace.training / key[:16]
    with run.stage("train", run.workspace.model, key) as stage:
        if stage is None:
            return
        check_artifact(run.workspace.prepared)
        check_launcher(train.launcher)
        plan, receipt = _charged_plan(run, manifest, run_folder)
        stage.parameters({f"dp_sgd.{name}": value for name, value in plan.to_dict().items()})
        spec = TrainSpec(
            prepared=run.workspace.prepared,
            run_folder=run_folder,
            model_folder=run.workspace.model,
            model_key=key,
            plan=plan,
            receipt=receipt,
            delta=config.privacy.delta,
            model=config.model,
            train=config.train,
        )
        spark = run.spark if config.train.launcher is Launcher.SPARK else None
        outcome = launch(spec, spark, lambda line: run.say(f"train: {line}"))
        shutil.rmtree(run_folder, ignore_errors=True)
        pace = outcome.steps / max(outcome.seconds, 1e-9)
        stage.metrics({"steps": outcome.steps, "steps_per_second": pace})
        bundle = {"model": run.workspace.model, "prepared": run.workspace.prepared / "prepared.json"}
        stage.model(bundle, _SERVED_MODEL)


def generate(run: Run) -> None:
    """Write the synthetic table; costs nothing, for the model was paid for."""
    from synth.generate.spark import generated
    from synth.lake.tables import partition_columns, read_table
    from synth.lake.targets import write_table
    from synth.models.sampler import load_sampler

    config = run.config
    manifest = run.manifest()
    run.check_model()
    target = run.target()
    if target.partition_by is None:
        columns = {column.name for column in manifest.schema.columns}
        source = read_table(run.spark, config.source)
        partitions = tuple(n for n in partition_columns(source, config.source) if n in columns)
        target = target.model_copy(update={"partition_by": partitions})
    with run.stage("generate", None, None) as stage:
        assert stage is not None
        rows = config.generate.rows or manifest.n_rows
        frame = generated(
            run.spark,
            manifest,
            run.workspace.model,
            load_sampler,
            rows=rows,
            seed=config.generate.seed,
            partitions=config.generate.partitions,
        )
        run.say(f"generate: {rows} rows into {target.place}")
        properties = {
            "lakesynth.privacy": run.spent().in_words(str(config.privacy.privacy_unit)),
            "lakesynth.source": config.name,
            "lakesynth.model": artifact_digest(run.workspace.model),
            "lakesynth.seed": str(config.generate.seed),
        }
        write_table(frame, target, expected_rows=rows, properties=properties)
        with write_artifact(run.workspace.generated, None) as folder:
            write_json(folder / "generated.json", {"target": target.model_dump(), "rows": rows, **properties})
        stage.metrics({"rows": rows})
        stage.artifact(run.workspace.generated / "generated.json")


def evaluate(run: Run) -> None:
    """Compare the synthetic table with the real one; the report is for the trusted side."""
    from synth.evaluate.report import write_report
    from synth.evaluate.spark import evaluate
    from synth.lake.tables import read_table, readable_errors

    config = run.config
    manifest = run.manifest()
    if not (run.workspace.generated / "generated.json").is_file():
        raise ArtifactError(f"{run.workspace.generated} does not exist; run the generate stage first")
    settings = config.evaluate
    if settings.target is not None and settings.target not in manifest.domain.names:
        run.say(f"evaluate: {settings.target} could not be learned under the budget; predicting another")
        settings = settings.model_copy(update={"target": None})
    with run.stage("evaluate", None, None) as stage:
        assert stage is not None
        with readable_errors(config.source):
            real = read_table(run.spark, config.source)
            synthetic = run.read_target()
            holdout = None
            if config.evaluate.holdout is not None:
                holdout = read_table(run.spark, config.evaluate.holdout)
            evaluation = evaluate(
                real,
                synthetic,
                holdout,
                manifest.schema,
                settings,
                lambda line: run.say(f"evaluate: {line}"),
            )
        with write_artifact(run.workspace.report, None) as folder:
            write_report(folder, evaluation, run.statement(), config.name)
        report = read_json(run.workspace.report / "report.json")
        stage.internal_metrics(_scores(report))
        stage.internal_artifact(run.workspace.report / "report.html")
        stage.internal_artifact(run.workspace.report / "report.json")


_FUNCTIONS = {
    "scan": scan,
    "mask": mask,
    "prepare": prepare,
    "train": train,
    "generate": generate,
    "evaluate": evaluate,
}


def _charged_plan(run: Run, manifest: PreparedManifest, run_folder: Path) -> tuple[DpSgdPlan, Receipt]:
    """The training plan with its receipt: of an interrupted training if there is one, else a new one."""
    note = run_folder / "charge.json"
    if note.is_file() and not run.fresh:
        paid = read_json(note)
        run.check_paid((paid["entry"],), note)
        receipt = run.ledger.receipt(run.config.name, paid["entry"])
        run.say(f"train: going on with the training that entry {receipt.entry} paid for")
        return DpSgdPlan.for_charged(paid["plan"], receipt.events), receipt
    train, budget = run.config.train, run.config.privacy.budget
    spec = DpSgdSpec(
        steps=train.steps,
        max_grad_norm=train.max_grad_norm,
        sample_rate=train.sample_rate,
        expected_batch_size=train.expected_batch_size,
    )
    if budget is None:
        plan = spec.without_privacy(manifest.n_units)
    else:
        prior = private_events(run.ledger.entries(run.config.name))
        plan = spec.calibrate(budget, prior, manifest.n_units)
    receipt = run.charge("train", (plan.event,))
    shutil.rmtree(run_folder, ignore_errors=True)
    run_folder.mkdir(parents=True)
    write_json(note, {"entry": receipt.entry, "plan": plan.to_dict()})
    return plan, receipt


def _mask_key(run: Run) -> bytes:
    path = run.config.mask.key_file
    if path is None:
        return run.workspace.secret("mask")
    try:
        key = Path(path).expanduser().read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"mask.key_file {path} cannot be read: {error.strerror}") from error
    if len(key) < 16:
        raise ConfigError(f"mask.key_file {path} holds {len(key)} bytes; a key needs at least 16")
    return key


def _kinds_of(config: Config) -> str:
    """The declared columns as they bear on scan and prepare."""
    return config_hash(
        *(f"{name}={config.columns[name].model_dump_json()}" for name in sorted(config.columns))
    )


def _scores(report: dict[str, Any]) -> dict[str, float]:
    flat = {
        "tvd_1way": report["fidelity"]["tvd_1way"],
        "tvd_2way": report["fidelity"]["tvd_2way"],
        "tvd_3way": report["fidelity"]["tvd_3way"],
        "discriminator_auc": report["discriminator_auc"],
        "utility_auc_synthetic": report["utility"]["auc_synthetic"],
        "utility_auc_real": report["utility"]["auc_real"],
    }
    return {name: value for name, value in flat.items() if value is not None}

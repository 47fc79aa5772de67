"""The stages wired together: the same code behind `synth`, the spark-submit jobs and the scheduler.

Each stage reads the artifacts of the one before, charges what it is about to release, and writes its own
artifact whole or not at all. A stage whose artifact was made from the same input and settings is not
repeated: what was paid for is used again.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth import spending
from synth.config.load import config_hash
from synth.config.sections import Config, Launcher, Source, Target
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.errors import ArtifactError, ConfigError
from synth.lake.artifacts import (
    artifact_digest,
    artifact_key,
    check_artifact,
    read_json,
    write_artifact,
    write_json,
)
from synth.lake.workspace import Workspace
from synth.privacy.budget import Event, Spend
from synth.privacy.dpsgd import DpSgdPlan, DpSgdSpec
from synth.privacy.ledger import Ledger, Receipt, private_events
from synth.privacy.view import Spent, spent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from synth.track.tracker import StageTrack, Tracker

STAGES = ("scan", "mask", "prepare", "train", "generate", "evaluate")
_SERVED_MODEL = Path(__file__).with_name("served_model.py")


@dataclass(kw_only=True)
class Pipeline:
    """One table's stages in one workspace.

    Attributes:
      say: where a line of progress goes.
      fresh: repeat stages, and pay again, even if their artifacts could be used again.
    """

    config: Config
    workspace: Workspace
    say: Callable[[str], None]
    fresh: bool = False

    @cached_property
    def ledger(self) -> Ledger:
        """The book that this configuration charges to."""
        return open_ledger(self.config.ledger.url)

    @cached_property
    def spark(self) -> "SparkSession":
        """The Spark session, opened by the first stage that needs it."""
        from synth.lake.session import open_session

        return open_session(f"lakesynth {self.config.name}", self.config.spark)

    @cached_property
    def tracker(self) -> "Tracker":
        """The tracked run that the stages of this workspace share."""
        from synth.track.open import open_tracker

        tracker = open_tracker(self.config.track, self.workspace, self.config.name)
        privacy = self.config.privacy
        tracker.parameters(
            {
                "table": self.config.name,
                "privacy.unit": str(privacy.privacy_unit),
                "privacy.epsilon": privacy.epsilon if privacy.epsilon is not None else "none: NOT PRIVATE",
                "privacy.delta": privacy.delta,
                "model.kind": self.config.model.kind,
            }
        )
        return tracker

    def run(self, stages: tuple[str, ...] = STAGES) -> None:
        """Run the stages in order; the first that fails ends the run, and keeps what came before."""
        with self.workspace.locked():
            for stage in stages:
                getattr(self, stage)()
            if stages[-1] == STAGES[-1]:
                self.tracker.finish()

    def scan(self) -> None:
        """Find personal data and kinds of values; charges one noisy histogram per column."""
        from synth.scan.findings import release_findings
        from synth.scan.spark import collect_class_counts

        config = self.config
        frame = self._bounded_source()
        key = self._key("scan", config.scan, _kinds_of(config))
        with self._stage("scan", self.workspace.findings, key) as stage:
            if stage is None:
                return
            mu = spending.stage_mu(config.privacy, config.privacy.split.scan)
            events = spending.scan_events(len(frame.columns), config.privacy.privacy_unit, mu)
            self.ledger.check(self._spend("scan", events), config.privacy.budget)
            counts = collect_class_counts(frame)
            receipt = self._charge("scan", events)
            findings = release_findings(
                counts,
                receipt,
                table=config.name,
                spark_types=dict(frame.dtypes),
                columns=config.columns,
                settings=config.scan,
                unit=str(config.privacy.privacy_unit),
            ).value
            with write_artifact(self.workspace.findings, key) as folder:
                write_json(folder / "findings.json", findings.to_dict())
            found = [finding for finding in findings.columns if finding.entity]
            stage.metrics({"columns": len(findings.columns), "columns_with_personal_data": len(found)})
            stage.artifact(self.workspace.findings / "findings.json")
            for finding in found:
                share = "" if finding.share is None else f", {finding.share:.0%} of values"
                self.say(f"scan: {finding.column} holds {finding.entity}{share}")

    def mask(self) -> None:
        """Write a masked copy of the source; it is pseudonymous, not differentially private."""
        from synth.lake.tables import readable_errors, write_table
        from synth.mask.operators import plan_masks
        from synth.mask.spark import masked

        config = self.config
        findings = self._findings()
        operators = plan_masks(findings, config.columns, config.mask.templates)
        with self._stage("mask", None, None) as stage:
            assert stage is not None
            with readable_errors(config.source):
                frame = self._source
                target = Target(path=config.mask.path or self.workspace.masked.as_uri())
                rows = frame.count()
                write_table(masked(frame, operators, self._mask_key()), target, expected_rows=rows)
            stage.parameters({f"mask.{name}": operator.value for name, operator in operators.items()})
            touched = sum(operator.value != "keep" for operator in operators.values())
            if config.mask.path is None:
                self.workspace.masked.chmod(0o700)
            self.say(f"mask: {touched} of {len(operators)} columns masked, written to {target.place}")

    def prepare(self) -> None:
        """Find categories and bins privately, and write the coded table."""
        from synth.lake.tables import readable_errors
        from synth.prepare.fit import PreparePlan, fit
        from synth.prepare.schema import resolve_schema
        from synth.prepare.spark import collect_summary, fields_of, write_codes

        config = self.config
        frame = self._bounded_source()
        findings = self._findings()
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
        upstream = artifact_digest(self.workspace.findings)
        key = self._key("prepare", config.prepare, _kinds_of(config), upstream)
        with self._stage("prepare", self.workspace.prepared, key) as stage:
            if stage is None:
                return
            plan = PreparePlan.of(schema)
            mu = spending.stage_mu(config.privacy, config.privacy.split.prepare)
            events = plan.events(mu, spending.selection_delta(config.privacy))
            self.ledger.check(self._spend("prepare", events), config.privacy.budget)
            with readable_errors(config.source):
                self.say(f"prepare: counting {len(schema.modelled)} columns in one pass")
                summary = collect_summary(frame, schema, max_distinct=config.prepare.max_distinct)
                receipt = self._charge("prepare", events)
                manifest = fit(summary, schema, receipt, config.prepare, findings)
                if not manifest.codebooks:
                    raise ConfigError(
                        "no value of any column could be named under the budget; raise privacy.epsilon, or "
                        "declare columns.NAME.categories"
                    )
                self.say(f"prepare: encoding into {manifest.domain.total} codes")
                with write_artifact(self.workspace.prepared, key) as folder:
                    write_json(folder / "prepared.json", manifest.to_dict())
                    write_codes(
                        frame,
                        manifest,
                        folder / "codes",
                        files=config.prepare.files,
                        salt=self.workspace.secret("unit"),
                    )
            stage.metrics(
                {
                    "released_rows": manifest.n_rows,
                    "modelled_columns": len(manifest.codebooks),
                    "codes": manifest.domain.total,
                }
            )
            stage.artifact(self.workspace.prepared / "prepared.json")
            made_up = [c.name for c in manifest.schema.columns if c.name not in manifest.domain.names]
            self.say(
                f"prepare: about {manifest.n_rows} rows; made up, not learned: {', '.join(made_up) or 'none'}"
            )

    def train(self) -> None:
        """Train the model by DP-SGD with all that is left of the budget."""
        from synth.train.launch import check_launcher, launch
        from synth.train.spec import TrainSpec

        config = self.config
        manifest = self._manifest()
        upstream = artifact_digest(self.workspace.prepared)
        train = config.train
        shaping = (train.steps, train.sample_rate, train.expected_batch_size, train.max_grad_norm)
        key = config_hash("train", config.model, *shaping, train.learning_rate, config.privacy, upstream)
        run_folder = self.workspace.training / key[:16]
        with self._stage("train", self.workspace.model, key) as stage:
            if stage is None:
                return
            check_artifact(self.workspace.prepared)
            check_launcher(train.launcher)
            plan, receipt = self._charged_plan(manifest, run_folder)
            stage.parameters({f"dp_sgd.{name}": value for name, value in plan.to_dict().items()})
            spec = TrainSpec(
                prepared=self.workspace.prepared,
                run_folder=run_folder,
                model_folder=self.workspace.model,
                model_key=key,
                plan=plan,
                receipt=receipt,
                delta=config.privacy.delta,
                model=config.model,
                train=config.train,
            )
            spark = self.spark if config.train.launcher is Launcher.SPARK else None
            outcome = launch(spec, spark, lambda line: self.say(f"train: {line}"))
            shutil.rmtree(run_folder, ignore_errors=True)
            pace = outcome.steps / max(outcome.seconds, 1e-9)
            stage.metrics({"steps": outcome.steps, "steps_per_second": pace})
            bundle = {"model": self.workspace.model, "prepared": self.workspace.prepared / "prepared.json"}
            stage.model(bundle, _SERVED_MODEL)

    def generate(self) -> None:
        """Write the synthetic table; costs nothing, for the model was paid for."""
        from synth.generate.spark import generated
        from synth.lake.tables import check_target, partition_columns, read_table, write_table
        from synth.models.sampler import load_sampler

        config = self.config
        manifest = self._manifest()
        self._check_model()
        target = self._target()
        if target.partition_by is None:
            columns = {column.name for column in manifest.schema.columns}
            source = read_table(self.spark, config.source)
            partitions = tuple(n for n in partition_columns(source, config.source) if n in columns)
            target = target.model_copy(update={"partition_by": partitions})
        check_target(self.spark, target)
        with self._stage("generate", None, None) as stage:
            assert stage is not None
            rows = config.generate.rows or manifest.n_rows
            frame = generated(
                self.spark,
                manifest,
                self.workspace.model,
                load_sampler,
                rows=rows,
                seed=config.generate.seed,
                partitions=config.generate.partitions,
            )
            self.say(f"generate: {rows} rows into {target.place}")
            properties = {
                "lakesynth.privacy": self._spent().in_words(str(config.privacy.privacy_unit)),
                "lakesynth.source": config.name,
                "lakesynth.model": artifact_digest(self.workspace.model),
                "lakesynth.seed": str(config.generate.seed),
            }
            write_table(frame, target, expected_rows=rows, properties=properties)
            with write_artifact(self.workspace.generated, None) as folder:
                write_json(
                    folder / "generated.json", {"target": target.model_dump(), "rows": rows, **properties}
                )
            stage.metrics({"rows": rows})
            stage.artifact(self.workspace.generated / "generated.json")

    def evaluate(self) -> None:
        """Compare the synthetic table with the real one; the report is for the trusted side."""
        from synth.evaluate.report import write_report
        from synth.evaluate.spark import evaluate
        from synth.lake.tables import read_table, readable_errors

        config = self.config
        manifest = self._manifest()
        if not (self.workspace.generated / "generated.json").is_file():
            raise ArtifactError(f"{self.workspace.generated} does not exist; run the generate stage first")
        settings = config.evaluate
        if settings.target is not None and settings.target not in manifest.domain.names:
            self.say(f"evaluate: {settings.target} could not be learned under the budget; predicting another")
            settings = settings.model_copy(update={"target": None})
        with self._stage("evaluate", None, None) as stage:
            assert stage is not None
            with readable_errors(config.source):
                real = read_table(self.spark, config.source)
                target = self._target()
                synthetic = self._read_target(target, real)
                holdout = None
                if config.evaluate.holdout is not None:
                    holdout = read_table(self.spark, config.evaluate.holdout)
                evaluation = evaluate(
                    real,
                    synthetic,
                    holdout,
                    manifest.schema,
                    settings,
                    lambda line: self.say(f"evaluate: {line}"),
                )
            with write_artifact(self.workspace.report, None) as folder:
                write_report(folder, evaluation, self._statement(), config.name)
            report = read_json(self.workspace.report / "report.json")
            stage.internal_metrics(_scores(report))
            stage.internal_artifact(self.workspace.report / "report.html")
            stage.internal_artifact(self.workspace.report / "report.json")

    def plan(self) -> list[tuple[str, str]]:
        """What would be done and charged, as (stage, words), without touching the data."""
        return describe_plan(self.config, self.ledger)

    @contextmanager
    def _stage(self, name: str, artifact: Path | None, key: str | None) -> "Iterator[StageTrack | None]":
        """One tracked stage; yields None if its artifact can be used again."""
        if artifact is not None and key is not None and not self.fresh and artifact_key(artifact) == key:
            check_artifact(artifact)
            self._check_reused(name)
            self.say(
                f"{name}: unchanged input and settings; using {artifact.name}/ again, nothing is charged"
            )
            yield None
            return
        started = time.monotonic()
        self.say(f"{name}: started")
        with self.tracker.stage(name) as stage:
            yield stage
            seconds = time.monotonic() - started
            now = self._spent()
            if now.unprotected == 0:
                stage.metrics({"epsilon_spent": now.epsilon})
                left = max((self.config.privacy.epsilon or 0.0) - now.epsilon, 0.0)
                by_stage = {f"epsilon.{stage}": epsilon for stage, epsilon in now.by_stage.items()}
                self.tracker.metrics(
                    {"epsilon_spent": now.epsilon, "epsilon_left": left, **by_stage},
                    step=STAGES.index(name),
                )
            else:
                stage.parameters({"privacy": "NOT PRIVATE"})
        told = f"epsilon spent so far: {now.epsilon:.4g}" if now.unprotected == 0 else "NOT PRIVATE"
        self.say(f"{name}: done in {seconds:.1f} s; {told}")

    def _charge(self, stage: str, events: tuple[Event, ...]) -> Receipt:
        receipt = self.ledger.charge(self._spend(stage, events), self.config.privacy.budget)
        self.say(f"{stage}: charged to the ledger as entry {receipt.entry}")
        return receipt

    def _spend(self, stage: str, events: tuple[Event, ...]) -> Spend:
        return Spend(
            table=self.config.name,
            unit=str(self.config.privacy.privacy_unit),
            stage=stage,
            events=events,
            run=self.workspace.run_id,
            config=config_hash(self.config),
        )

    def _charged_plan(self, manifest: PreparedManifest, run_folder: Path) -> tuple[DpSgdPlan, Receipt]:
        """The training plan with its receipt: of an interrupted training if there is one, else a new one."""
        note = run_folder / "charge.json"
        if note.is_file() and not self.fresh:
            paid = read_json(note)
            self._check_paid((paid["entry"],), note)
            receipt = self.ledger.receipt(self.config.name, paid["entry"])
            self.say(f"train: going on with the training that entry {receipt.entry} paid for")
            return DpSgdPlan.for_charged(paid["plan"], receipt.events), receipt
        train, budget = self.config.train, self.config.privacy.budget
        spec = DpSgdSpec(
            steps=train.steps,
            max_grad_norm=train.max_grad_norm,
            sample_rate=train.sample_rate,
            expected_batch_size=train.expected_batch_size,
        )
        if budget is None:
            plan = spec.without_privacy(manifest.n_units)
        else:
            prior = private_events(self.ledger.entries(self.config.name))
            plan = spec.calibrate(budget, prior, manifest.n_units)
        receipt = self._charge("train", (plan.event,))
        shutil.rmtree(run_folder, ignore_errors=True)
        run_folder.mkdir(parents=True)
        write_json(note, {"entry": receipt.entry, "plan": plan.to_dict()})
        return plan, receipt

    def _bounded_source(self) -> "DataFrame":
        from synth.lake.tables import bound_contribution

        return bound_contribution(
            self._source, self.config.privacy.privacy_unit, self.workspace.secret("rows")
        )

    @cached_property
    def _source(self) -> "DataFrame":
        """The source without dropped columns, checked against the configuration."""
        from synth.lake.tables import check_apart, check_columns, check_lines, check_not_empty, read_table

        config = self.config
        frame = read_table(self.spark, config.source)
        holdout = config.evaluate.holdout
        check_apart(
            self.spark,
            {"source.path": config.source.path, "evaluate.holdout.path": holdout.path if holdout else None},
            {"target.path": config.target.path, "mask.path": config.mask.path},
        )
        named = {}
        if config.privacy.privacy_unit.entity is not None:
            named["privacy.unit.entity"] = config.privacy.privacy_unit.entity
        if config.evaluate.target is not None:
            named["evaluate.target"] = config.evaluate.target
        for name in config.target.partition_by or ():
            named["target.partition_by"] = name
        check_columns(frame, config.columns, named)
        check_not_empty(frame, config.source)
        check_lines(self.spark, config.source)
        return frame.drop(*(name for name, column in config.columns.items() if column.drop))

    @cached_property
    def _fingerprint(self) -> str | None:
        from synth.lake.tables import fingerprint, readable_errors

        with readable_errors(self.config.source):
            return fingerprint(self._source, self.config.source)

    def _key(self, stage: str, *parts: Any) -> str | None:
        """Hash of all that a stage's artifact is made from; None if the source has no fingerprint."""
        if self._fingerprint is None:
            return None
        config = self.config
        return config_hash(stage, self._fingerprint, config.name, config.privacy, *parts)

    def _findings(self) -> Findings:
        check_artifact(self.workspace.findings)
        findings = Findings.from_dict(read_json(self.workspace.findings / "findings.json"))
        self._check_origin(self.workspace.findings, findings.table, findings.unit)
        self._check_paid(findings.entries, self.workspace.findings)
        return findings

    def _manifest(self) -> PreparedManifest:
        fields = read_json(self.workspace.prepared / "prepared.json")
        manifest = PreparedManifest.from_dict(fields)
        self._check_origin(self.workspace.prepared, manifest.schema.name, str(manifest.schema.unit))
        self._check_paid(manifest.entries, self.workspace.prepared)
        return manifest

    def _check_origin(self, folder: Path, table: str, unit: str) -> None:
        asked = (self.config.name, str(self.config.privacy.privacy_unit))
        if (table, unit) != asked:
            raise ArtifactError(
                f"{folder} was made for table {table!r} per unit {unit!r}, the configuration asks for "
                f"{asked[0]!r} per {asked[1]!r}; use another --workdir"
            )

    def _check_paid(self, entries: tuple[int, ...], folder: Path) -> None:
        """Raise ArtifactError unless this book holds the entries, charged by this workspace's run."""
        held = {line.id: line.run for line in self.ledger.entries(self.config.name)}
        if any(held.get(entry) != self.workspace.run_id for entry in entries):
            raise ArtifactError(
                f"{folder} was paid for in another ledger than this one; set ledger.url or LAKESYNTH_LEDGER "
                "to that one, or use another --workdir"
            )

    def _check_model(self) -> None:
        """Raise ArtifactError unless the model is whole, paid for, and draws the prepared table's codes."""
        check_artifact(self.workspace.model)
        training = read_json(self.workspace.model / "model.json")["training"]
        self._check_paid(tuple(training["entries"]), self.workspace.model)
        if training["prepared"] != artifact_digest(self.workspace.prepared):
            raise ArtifactError(
                f"{self.workspace.model} was trained on another prepared table; run the train stage again"
            )

    def _check_reused(self, stage: str) -> None:
        match stage:
            case "scan":
                self._findings()
            case "prepare":
                self._manifest()
            case "train":
                self._check_model()

    def _target(self) -> Target:
        target = self.config.target
        if target.path or target.table:
            return target
        return target.model_copy(update={"path": self.workspace.synthetic.as_uri()})

    def _read_target(self, target: Target, real: "DataFrame") -> "DataFrame":
        from synth.lake.tables import read_table

        return read_table(
            self.spark, Source(**target.model_dump(include={"path", "format", "options", "table"}))
        )

    def _mask_key(self) -> bytes:
        path = self.config.mask.key_file
        if path is None:
            return self.workspace.secret("mask")
        try:
            key = Path(path).expanduser().read_bytes().strip()
        except OSError as error:
            raise ConfigError(f"mask.key_file {path} cannot be read: {error.strerror}") from error
        if len(key) < 16:
            raise ConfigError(f"mask.key_file {path} holds {len(key)} bytes; a key needs at least 16")
        return key

    def _spent(self) -> Spent:
        return spent(self.ledger.entries(self.config.name), self.config.privacy.delta)

    def _statement(self) -> Any:
        from synth.evaluate.evaluation import PrivacyStatement

        privacy, now = self.config.privacy, self._spent()
        is_private = self._manifest().is_private and now.unprotected == 0
        return PrivacyStatement(
            table=self.config.name,
            unit=str(privacy.privacy_unit),
            epsilon_total=now.epsilon if is_private else None,
            epsilon_budget=privacy.epsilon,
            delta=privacy.delta if is_private else None,
            by_stage=now.by_stage,
            is_private=is_private,
        )


def open_ledger(url: str | None) -> Ledger:
    """The book at `url`, or where LAKESYNTH_LEDGER says, or in the user's home."""
    return Ledger(url or os.environ.get("LAKESYNTH_LEDGER") or "sqlite:///~/.lakesynth/ledger.db")


def describe_plan(config: Config, ledger: Ledger) -> list[tuple[str, str]]:
    """What a run would do and charge, as (stage, words), from the configuration and the book alone."""
    privacy = config.privacy
    budget = privacy.budget
    where = config.target.place if config.target.path or config.target.table else "WORKDIR/synthetic"
    train = config.train
    ranks = 1 if train.launcher is Launcher.SINGLE else train.ranks
    shape = f"{config.model.kind}, {train.steps} steps on {ranks} rank(s) by {train.launcher.value}"
    if budget is None:
        charge = dict.fromkeys(("scan", "prepare", "train"), "; no noise: NOT PRIVATE")
    else:
        before = spent(ledger.entries(config.name), budget.delta).epsilon
        charge = {
            stage: f"; charges Gaussian mu {spending.stage_mu(privacy, share):.4f} ({share:.0%} of mu^2)"
            for stage, share in (("scan", privacy.split.scan), ("prepare", privacy.split.prepare))
        }
        charge["prepare"] += f" and delta {spending.selection_delta(privacy):.2g} for naming categories"
        charge["train"] = (
            f"; DP-SGD charges what is left: to epsilon {budget.epsilon:g} at delta {budget.delta:g} "
            f"(spent before this run: {before:.4g})"
        )
    return [
        ("scan", f"one noisy histogram of value classes per column{charge['scan']}"),
        ("mask", "a masked copy for the trusted side; not differentially private, charges nothing"),
        ("prepare", f"categories, up to {config.prepare.bins} bins per number, row count{charge['prepare']}"),
        ("train", f"{shape}{charge['train']}"),
        ("generate", f"{config.generate.rows or 'as many rows as released'} into {where}; charges nothing"),
        ("evaluate", "report for the trusted side: internal (not DP), charges nothing"),
    ]


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

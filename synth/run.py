"""What the stages of one workspace share: the book, the session, the source, and what may be used again."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synth import spending
from synth.config.load import config_hash
from synth.config.sections import Config, Privacy, Target
from synth.core.finding import Findings
from synth.core.prepared import PreparedManifest
from synth.errors import ArtifactError, ConfigError, SourceError
from synth.lake.artifacts import artifact_digest, artifact_key, check_artifact, read_json
from synth.lake.workspace import Workspace
from synth.privacy.budget import Event, Spend
from synth.privacy.entry import Receipt
from synth.privacy.ledger import Ledger
from synth.privacy.policy import Cap
from synth.privacy.view import Spent, spent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from synth.evaluate.evaluation import PrivacyStatement
    from synth.lake.batches import SourceBatches
    from synth.track.tracker import StageTrack, Tracker

STAGES = ("scan", "mask", "prepare", "train", "generate", "evaluate")


@dataclass(kw_only=True)
class Run:
    """One table in one workspace.

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
        return spending.open_ledger(self.config.ledger.url)

    @cached_property
    def spark(self) -> "SparkSession":
        """The Spark session, opened by the first stage that needs it."""
        from synth.lake.session import open_session

        return open_session(f"lakesynth {self.config.name}", self.config.spark, self.workspace.spark_scratch)

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

    @contextmanager
    def stage(self, name: str, artifact: Path | None, key: str | None) -> "Iterator[StageTrack | None]":
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
            now = self.spent()
            if now.unprotected == 0:
                stage.metrics({"epsilon_spent": now.epsilon})
                self._track_budget(now)
            else:
                stage.parameters({"privacy": "NOT PRIVATE"})
        told = f"epsilon spent so far: {now.epsilon:.4g}" if now.unprotected == 0 else "NOT PRIVATE"
        self.say(f"{name}: done in {seconds:.1f} s; {told}")

    def _track_budget(self, now: Spent) -> None:
        """Mirror the book: a point for each of its lines, and a picture of the budget going down."""
        from synth.track.budget_picture import draw_budget

        budget = self.privacy.epsilon or 0.0
        by_stage = {f"epsilon.{stage}": epsilon for stage, epsilon in now.by_stage.items()}
        totals = {"epsilon_spent": now.epsilon, "epsilon_left": max(budget - now.epsilon, 0.0)}
        self.tracker.metrics({**totals, **by_stage}, step=len(now.path))
        entries = self.ledger.entries(self.config.name)
        lines = [(e.stage, e.charged_at, after) for e, after in zip(entries, now.path, strict=False)]
        if lines and budget > 0:
            picture = self.workspace.budget_picture
            draw_budget(picture, table=self.config.name, lines=lines, budget=budget, delta=now.delta)
            self.tracker.artifact(picture)

    @cached_property
    def privacy(self) -> Privacy:
        """The configuration's privacy, lowered to the table's policy where that allows less."""
        return spending.within(self.config.privacy, self.ledger.policy(self.config.name))

    def check(self, stage: str, events: tuple[Event, ...]) -> None:
        """Raise BudgetExceeded if `reserve` would: before long work."""
        self.ledger.check(self.spend(stage, events), self.config.privacy.budget)

    def reserve(self, stage: str, events: tuple[Event, ...]) -> Receipt:
        """Reserve a stage's events in the table's book; BudgetExceeded if they do not fit."""
        receipt = self.ledger.reserve(self.spend(stage, events), self.config.privacy.budget)
        self.say(f"{stage}: charged to the ledger as entry {receipt.entry}")
        return receipt

    def settle(self, receipt: Receipt, key: str | None = None, content: Any = None) -> None:
        """Say that what was reserved was drawn, and keep the released value for whoever asks for it again.

        Args:
          key: of the stage's artifact; None keeps nothing.
          content: released, plain values for JSON.
        """
        text = "" if key is None else json.dumps(content)
        self.ledger.settle(self.config.name, receipt, key=key, content=text)

    def kept(self, stage: str, key: str | None) -> Any:
        """What the book kept of the same release, made from the same input and settings; None if nothing.

        It was paid for, in this workdir or in another one, by this user or by another.
        """
        if key is None or self.fresh:
            return None
        release = self.ledger.release(self.config.name, key)
        if release is None:
            return None
        self.say(f"{stage}: entry {release.entry} of the ledger paid for it already; nothing is charged")
        return json.loads(release.content)

    def caps(self) -> list[Cap]:
        """Every limit that a new charge must keep to; none without privacy."""
        budget = self.config.privacy.budget
        if budget is None:
            return []
        return self.ledger.caps(self.config.name, budget, self.config.privacy.partitions_read)

    def spend(self, stage: str, events: tuple[Event, ...]) -> Spend:
        """The events as a spend of this table, run and configuration."""
        return Spend(
            table=self.config.name,
            unit=str(self.config.privacy.privacy_unit),
            stage=stage,
            events=events,
            run=self.workspace.run_id,
            config=config_hash(self.config),
            partitions=self.config.privacy.partitions_read,
        )

    def bounded_source(self) -> "DataFrame":
        """The source with at most `max_rows` rows of each entity."""
        from synth.lake.tables import bound_contribution

        return bound_contribution(
            self.source, self.config.privacy.privacy_unit, self.workspace.secret("rows")
        )

    def batches(self) -> "SourceBatches":
        """The bounded source as Arrow batches, read without Spark where that gives the same rows."""
        from synth.lake.batches import SourceBatches, readable_files

        unit = self.config.privacy.privacy_unit
        is_whole = unit.entity is None and self.config.privacy.partitions is None
        files = readable_files(self.source, self.config.source) if is_whole else None
        salt = self.workspace.secret("unit")
        return SourceBatches(frame=self.bounded_source(), unit=unit, salt=salt, files=files)

    @cached_property
    def source(self) -> "DataFrame":
        """The source without dropped columns, checked against the configuration."""
        from synth.lake.tables import check_not_empty, empty_partitions, read_table

        config = self.config
        frame = read_table(self.spark, config.source)
        self._check_source(frame)
        partitions = config.privacy.partitions
        if partitions is not None:
            # Rows elsewhere are not looked at: their budget is not touched.
            frame = self.asked_for(frame)
            check_not_empty(frame, config.source)
            if len(partitions.values) > 1:
                empty = ", ".join(empty_partitions(frame, partitions.column, partitions.values))
                if empty:
                    self.say(f"source: no rows of {partitions.column} {empty}, which was asked for")
        return frame.drop(*(name for name, column in config.columns.items() if column.drop))

    def _check_source(self, frame: "DataFrame") -> None:
        """Everything that can be known to be wrong with the source before anything is charged."""
        from synth.lake.batches import unread_columns
        from synth.lake.csv_files import check_csv
        from synth.lake.declared import check_declared
        from synth.lake.files import partition_values
        from synth.lake.tables import check_columns, check_not_empty

        config = self.config
        self.check_targets(frame)
        check_columns(frame, config.columns, self._named_columns())
        check_declared(dict(frame.dtypes), config)
        check_csv(self.spark, config.source)
        check_not_empty(frame, config.source)
        if all(name in config.columns and config.columns[name].is_not_learned for name in frame.columns):
            raise ConfigError("every column would be made up; set columns.NAME.kind of those to learn")
        above = partition_values(f"{config.source.path}/") if config.source.path else {}
        for name in sorted(set(above) - set(frame.columns)):
            self.say(
                f"source: {name}={above[name]} lies in source.path, so {name} is no column; name the folder "
                "above, and privacy.partitions, if it is to be one"
            )
        unread = ", ".join(unread_columns(frame, config.source))
        if unread:
            self.say(f"source: {unread}: not read, for only some files have it; write it into all files")

    def check_targets(self, source: "DataFrame") -> None:
        """Raise ConfigError if what a run writes lies over what it reads or keeps, or is not ours to replace.

        Args:
          source: the source as read; its files are resolved, whatever links or patterns led to them.
        """
        from synth.lake.apart import check_apart, check_ours, resolved
        from synth.lake.files import file_system
        from synth.lake.tables import read_table, same_table
        from synth.lake.targets import check_target

        config, spark = self.config, self.spark
        read = {"source": {resolved(spark, file) for file in source.inputFiles()}}
        if config.source.path:
            files, pattern = file_system(spark, config.source.path)
            found = [str(status.getPath().toString()) for status in files.globStatus(pattern) or ()]
            read["source.path"] = {resolved(spark, path) for path in found}
        holdout = config.evaluate.holdout
        if holdout is not None:
            files = read_table(spark, holdout).inputFiles()
            read["evaluate.holdout"] = {resolved(spark, file) for file in files}
        read |= {name: {resolved(spark, f"file:{path}")} for name, path in self._kept_files().items()}
        target = self.target()
        masked = Target(path=config.mask.path or f"file://{self.workspace.masked}")
        written = {"target.path": target.path, "mask.path": masked.path}
        check_apart(read, {name: resolved(spark, path) for name, path in written.items() if path})
        if target.table and same_table(
            spark, target.table, read["source"] | read.get("evaluate.holdout", set())
        ):
            raise ConfigError(f"target.table {target.table} holds files of the source; write somewhere else")
        check_target(spark, target.model_copy(update={"mode": "overwrite"}))
        check_ours(spark, masked)

    def _kept_files(self) -> dict[str, Path]:
        """Files and folders that a run keeps on this machine, by what they are."""
        kept = {f"the workdir's {path.name}": path for path in self.workspace.own}
        if (book := self.ledger.file) is not None:
            kept["the ledger"] = book
        if self.config.mask.key_file:
            kept["mask.key_file"] = Path(self.config.mask.key_file).expanduser().absolute()
        return kept

    def _named_columns(self) -> dict[str, str]:
        """Columns that other settings than `columns` name: setting -> column."""
        config = self.config
        named = config.relations.named
        if config.privacy.partitions is not None:
            named["privacy.partitions.column"] = config.privacy.partitions.column
        if config.privacy.privacy_unit.entity is not None:
            named["privacy.unit.entity"] = config.privacy.privacy_unit.entity
        if config.evaluate.target is not None:
            named["evaluate.target"] = config.evaluate.target
        for index, name in enumerate(config.target.partition_by or ()):
            named[f"target.partition_by[{index}]"] = name
        return named

    def asked_for(self, frame: "DataFrame") -> "DataFrame":
        """The rows of the partitions that the configuration names; all rows if it names none."""
        from synth.lake.tables import in_partitions

        partitions = self.config.privacy.partitions
        return frame if partitions is None else in_partitions(frame, partitions.column, partitions.values)

    @cached_property
    def _fingerprint(self) -> str | None:
        from synth.lake.readable import readable_errors
        from synth.lake.tables import fingerprint

        with readable_errors(self.config.source):
            return fingerprint(self.source, self.config.source)

    def check_unchanged(self) -> None:
        """Raise SourceError if the source's files are others than when this run first looked at them."""
        from synth.lake.readable import readable_errors
        from synth.lake.tables import fingerprint, read_table

        if self._fingerprint is None:
            return
        config = self.config
        with readable_errors(config.source):
            frame = self.asked_for(read_table(self.spark, config.source))
            now = fingerprint(frame, config.source)
        if now != self._fingerprint:
            raise SourceError(
                f"source {config.source.place} changed while it was read; run it again when it is still; "
                "what was charged already is in the book, and is used again if the source is as it was"
            )

    def key(self, stage: str, *parts: Any) -> str | None:
        """Hash of all that a stage's artifact is made from; None if the source has no fingerprint."""
        if self._fingerprint is None:
            return None
        config = self.config
        return config_hash(stage, self._fingerprint, config.name, config.privacy, *parts)

    @cached_property
    def declared_columns(self) -> str:
        """Hash of the declared columns as they bear on scan and prepare."""
        columns = self.config.columns
        return config_hash(*(f"{name}={columns[name].model_dump_json()}" for name in sorted(columns)))

    def findings(self) -> Findings:
        """The scan's findings; ArtifactError unless they are whole, for this table and unit, and paid for."""
        check_artifact(self.workspace.findings)
        findings = Findings.from_dict(read_json(self.workspace.findings / "findings.json"))
        self._check_origin(self.workspace.findings, findings.table, findings.unit)
        self.check_paid(findings.entries, self.workspace.findings)
        return findings

    def manifest(self) -> PreparedManifest:
        """What prepare released; ArtifactError unless it is for this table and unit, and paid for."""
        check_artifact(self.workspace.prepared, "prepared.json")
        fields = read_json(self.workspace.prepared / "prepared.json")
        manifest = PreparedManifest.from_dict(fields)
        self._check_origin(self.workspace.prepared, manifest.schema.name, str(manifest.schema.unit))
        self.check_paid(manifest.entries, self.workspace.prepared)
        return manifest

    def _check_origin(self, folder: Path, table: str, unit: str) -> None:
        asked = (self.config.name, str(self.config.privacy.privacy_unit))
        if (table, unit) != asked:
            raise ArtifactError(
                f"{folder} was made for table {table!r} per unit {unit!r}, the configuration asks for "
                f"{asked[0]!r} per {asked[1]!r}; use another --workdir"
            )

    def check_paid(self, entries: tuple[int, ...], folder: Path) -> None:
        """Raise ArtifactError unless this book holds the entries, charged by this workspace's run or kept."""
        table, own = self.config.name, self.workspace.run_id
        ours = {line.id for line in self.ledger.entries(table) if line.run == own}
        if not all(entry in ours or self.ledger.keeps(table, entry) for entry in entries):
            raise ArtifactError(
                f"{folder} was paid for in another ledger than this one; set ledger.url or LAKESYNTH_LEDGER "
                "to that one, or use another --workdir"
            )

    def check_model(self) -> None:
        """Raise ArtifactError unless the model is whole, paid for, and draws the prepared table's codes."""
        check_artifact(self.workspace.model)
        training = read_json(self.workspace.model / "model.json")["training"]
        self.check_paid(tuple(training["entries"]), self.workspace.model)
        if training["prepared"] != artifact_digest(self.workspace.prepared):
            raise ArtifactError(
                f"{self.workspace.model} was trained on another prepared table; run the train stage again"
            )

    def _check_reused(self, stage: str) -> None:
        match stage:
            case "scan":
                self.findings()
            case "prepare":
                self.manifest()
            case "train":
                self.check_model()

    def target(self) -> Target:
        """Where the synthetic table goes: as configured, or in the workspace."""
        target = self.config.target
        if target.path or target.table:
            return target
        return target.model_copy(update={"path": f"file://{self.workspace.synthetic}"})

    def read_target(self) -> "DataFrame":
        """The synthetic table as it was written."""
        from synth.lake.tables import read_table
        from synth.lake.targets import written_as

        return read_table(self.spark, written_as(self.target()))

    def spent(self) -> Spent:
        """What the table's book adds up to."""
        return spent(self.ledger.entries(self.config.name), self.config.privacy.delta)

    def statement(self) -> "PrivacyStatement":
        """The guarantee as the report states it."""
        from synth.evaluate.evaluation import PrivacyStatement

        privacy, now = self.config.privacy, self.spent()
        is_private = self.manifest().is_private and now.unprotected == 0
        return PrivacyStatement(
            table=self.config.name,
            unit=str(privacy.privacy_unit),
            epsilon_total=now.epsilon if is_private else None,
            epsilon_budget=privacy.epsilon,
            delta=privacy.delta if is_private else None,
            by_stage=now.by_stage,
            is_private=is_private,
        )

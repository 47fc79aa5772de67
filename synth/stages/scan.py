"""The scan stage, wired."""

from typing import TYPE_CHECKING

from synth import spending
from synth.core.finding import Findings
from synth.lake.artifacts import write_artifact, write_json
from synth.run import Run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def scan(run: Run) -> None:
    """Find personal data and kinds of values; charges one noisy histogram per column and the row count."""
    config = run.config
    frame = run.bounded_source()
    key = run.key("scan", config.scan, run.declared_columns)
    with run.stage("scan", run.workspace.findings, key) as stage:
        if stage is None:
            return
        kept = run.kept("scan", key)
        findings = _paid(run, frame, key) if kept is None else Findings.from_dict(kept)
        with write_artifact(run.workspace.findings, key) as folder:
            write_json(folder / "findings.json", findings.to_dict())
        found = [finding for finding in findings.columns if finding.entity]
        stage.metrics({"columns": len(findings.columns), "columns_with_personal_data": len(found)})
        stage.artifact(run.workspace.findings / "findings.json")
        for finding in found:
            share = "" if finding.share is None else f", {finding.share:.0%} of values"
            run.say(f"scan: {finding.column} holds {finding.entity}{share}")


def _paid(run: Run, frame: "DataFrame", key: str | None) -> Findings:
    """Findings that are drawn anew, and charged."""
    from synth.lake.readable import readable_errors
    from synth.scan.findings import release_findings
    from synth.scan.spark import collect_class_counts

    config = run.config
    mu = spending.stage_mu(run.privacy, config.privacy.split.scan)
    events = spending.scan_events(len(frame.columns), config.privacy.privacy_unit, mu)
    run.check("scan", events)
    with readable_errors(config.source):
        counts = collect_class_counts(frame)
    run.check_unchanged()
    receipt = run.reserve("scan", events)
    findings = release_findings(
        counts,
        receipt,
        table=config.name,
        spark_types=dict(frame.dtypes),
        columns=config.columns,
        settings=config.scan,
        unit=str(config.privacy.privacy_unit),
    ).value
    run.settle(receipt, key, findings.to_dict())
    return findings

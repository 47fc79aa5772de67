"""The evaluate stage, wired."""

from typing import Any

from synth.core.tie import Tie
from synth.core.usability import Usability
from synth.errors import ArtifactError
from synth.lake.artifacts import read_json, write_artifact
from synth.models.artifact import model_description
from synth.run import Run


def evaluate(run: Run) -> None:
    """Compare the synthetic table with the real one; the report is for the trusted side."""
    from synth.evaluate.report import write_report
    from synth.evaluate.spark import evaluate
    from synth.lake.readable import readable_errors
    from synth.lake.tables import read_table

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
            real = run.asked_for(read_table(run.spark, config.source))
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
            write_report(folder, evaluation, run.statement(), config.name, _ties(run), _usability(run))
        report = read_json(run.workspace.report / "report.json")
        stage.internal_metrics(_scores(report))
        stage.internal_artifact(run.workspace.report / "report.html")
        stage.internal_artifact(run.workspace.report / "report.json")


def _ties(run: Run) -> tuple[Tie, ...]:
    """The ties of the released model, if it is one that ties pairs of columns."""
    return tuple(Tie(**tie) for tie in model_description(run.workspace.model).get("ties", ()))


def _usability(run: Run) -> Usability:
    return Usability.from_dict(read_json(run.workspace.generated / "generated.json")["usability"])


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

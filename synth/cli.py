"""The command line: `synth plan | run`, a command a stage, `synth audit`, and `synth budget`."""

import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from synth.budget_cli import app as budget_app
from synth.config.load import load_config
from synth.config.sections import Config
from synth.core.address import shown_address
from synth.core.prepared import PreparedManifest
from synth.core.usability import Usability
from synth.errors import SynthError
from synth.faults import machine_fault
from synth.lake.artifacts import read_json
from synth.lake.declared import check_declared
from synth.lake.on_disk import columns_on_disk
from synth.lake.workspace import Workspace
from synth.pipeline import run_stages
from synth.prepare.orders import found_orders
from synth.privacy.audit import confidence
from synth.run import STAGES, Run
from synth.spending import describe_plan, open_ledger
from synth.stages.audit import audit as audit_training
from synth.stages.export import export as export_run
from synth.stages.prepare import planned_queries
from synth.stages.train_marginal import foretold

app = typer.Typer(
    help="A sensitive lake table in, a differentially private synthetic one out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(budget_app, name="budget")
_STARTED = time.monotonic()
_LEAST_ALIKE = 3
NOT_USABLE = 3  # exit code of a run that ended well with a table that its released figures speak against

ConfigFiles = Annotated[
    list[Path], typer.Option("--config", "-c", help="Table's YAML; may be repeated, later files win.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override one setting: section.key=value.")
]
Workdir = Annotated[Path, typer.Option("--workdir", "-w", help="Folder for this run's artifacts.")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Repeat stages whose artifacts could be used again, and pay again.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")]


def main(arguments: list[str] | None = None) -> None:
    """Run the command; a user's mistake ends in one line on stderr and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _end)
    try:
        app(arguments, standalone_mode=True)
    except SynthError as error:
        if "--debug" in arguments:
            raise
        print(f"synth: {error}".replace("\n", " "), file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:
        told = machine_fault(error)
        if told is None or "--debug" in arguments:
            raise
        print(f"synth: {told}".replace("\n", " "), file=sys.stderr)
        raise SystemExit(1) from None


def _end(number: int, frame: FrameType | None) -> None:
    """Asked to end: ranks get to save a checkpoint, half-written files are removed."""
    raise SystemExit(128 + number)


def _say(line: str) -> None:
    print(f"[{time.monotonic() - _STARTED:6.1f} s] {line}", flush=True)


def _run(
    config: list[Path], overrides: list[str] | None, workdir: Path, fresh: bool, stages: tuple[str, ...]
) -> None:
    loaded = load_config(config, overrides or [])
    workspace = Workspace.open(workdir)
    if loaded.privacy.epsilon is None:
        _say("privacy.epsilon is null: this run has NO PRIVACY; treat its output as sensitive as its source")
    work = Run(config=loaded, workspace=workspace, say=_say, fresh=fresh)
    run_stages(work, stages)
    if stages[-1] == STAGES[-1]:
        show_end(loaded, workspace, work.tracker.where())
    if stages[-1] in ("generate", "evaluate"):
        usability = _usability(read_json(workspace.generated / "generated.json"))
        if not usability.is_usable:
            _say(f"the table was written, and is {usability}")
            raise typer.Exit(NOT_USABLE)


@app.command()
def run(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Run all stages in one Spark session."""
    _run(config, set, workdir, fresh, STAGES)


@app.command()
def scan(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Find personal data and kinds of values."""
    _run(config, set, workdir, fresh, ("scan",))


@app.command()
def mask(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Write a masked copy by the findings' templates."""
    _run(config, set, workdir, fresh, ("mask",))


@app.command()
def prepare(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Find categories and bins privately; write the coded table."""
    _run(config, set, workdir, fresh, ("prepare",))


@app.command()
def train(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Train the model with what is left of the budget."""
    _run(config, set, workdir, fresh, ("train",))


@app.command()
def generate(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Write the synthetic table."""
    _run(config, set, workdir, fresh, ("generate",))


@app.command()
def evaluate(
    config: ConfigFiles, workdir: Workdir, set: Overrides = None, fresh: Fresh = False, debug: Debug = False
) -> None:
    """Compare the synthetic table with the real one."""
    _run(config, set, workdir, fresh, ("evaluate",))


@app.command()
def audit(config: ConfigFiles, workdir: Workdir, set: Overrides = None, debug: Debug = False) -> None:
    """Audit the training with canaries, on its real ranks: exit code 1 if a check fails. Costs no budget."""
    loaded = load_config(config, set or [])
    run = Run(config=loaded, workspace=Workspace.open(workdir), say=_say)
    found = audit_training(run)
    table = Table(title=f"{loaded.name}: {found['of']}, {found['ranks']} rank(s)", title_justify="left")
    for name in ("check", "seen", "allowed", ""):
        table.add_column(name, justify="left" if name in ("check", "") else "right")
    for check in found["checks"]:
        allowed = f"{check['low']:.4g} to {check['high']:.4g}"
        word = "passes" if check["passes"] else Text("FAILS", style="bold red")
        table.add_row(check["name"], f"{check['figure']:.4g}", allowed, word)
    table.caption = confidence()
    Console(highlight=False, markup=False).print(table)
    print(f"\nmore in {run.workspace.audit}/audit.json, audit.png")
    if not all(check["passes"] for check in found["checks"]):
        raise typer.Exit(1)


@app.command()
def export(
    config: ConfigFiles,
    workdir: Workdir,
    to: Annotated[Path, typer.Option("--to", help="Folder to make.")],
    set: Overrides = None,
    debug: Debug = False,
) -> None:
    """Copy exactly what may leave the trusted side, with one signed statement. Costs no budget."""
    export_run(Run(config=load_config(config, set or []), workspace=Workspace.open(workdir), say=_say), to)


@app.command()
def plan(
    config: ConfigFiles,
    set: Overrides = None,
    workdir: Annotated[
        Path | None, typer.Option("--workdir", "-w", help="Show prepare's split over its scanned columns.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Print the stages, the budget split and what will be charged, without touching data."""
    loaded = load_config(config, set or [])
    privacy = loaded.privacy
    guarantee = (
        f"epsilon {privacy.epsilon:g}, delta {privacy.delta:g}, unit: {privacy.privacy_unit}"
        if privacy.epsilon is not None
        else "NO PRIVACY (privacy.epsilon is null)"
    )
    table = Table(title=f"{loaded.name}: {loaded.source.place}\n{guarantee}", title_justify="left")
    table.add_column("stage", style="bold")
    table.add_column("what it does and charges", overflow="fold")
    table.add_column("epsilon after", justify="right")
    for stage, words, epsilon in describe_plan(loaded, open_ledger(loaded.ledger.url)):
        table.add_row(stage, words, "" if epsilon is None else f"{epsilon:.4g}")
    if privacy.epsilon is not None:
        table.caption = (
            "epsilon after a stage: if nothing that was paid for is used again; what would go above "
            f"{privacy.epsilon:g} is refused"
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    columns = columns_on_disk(loaded.source)
    if columns is None:
        console.print("declarations: held against the columns' types when a run begins, before any charge")
    else:
        check_declared(columns, loaded)
        console.print(f"declarations: they fit the {len(columns)} columns of the source")
    if workdir is not None:
        run = Run(config=loaded, workspace=Workspace.open(workdir), say=_say)
        console.print(_prepare_split(run))
        if (told := foretold(run)) is not None:
            console.print(f"train: {told}")


def _prepare_split(run: Run) -> Table:
    """How prepare divides its share over columns and purposes, by the workdir's findings."""
    table = Table(title="prepare, query by query", title_justify="left")
    for heading in ("feature", "for"):
        table.add_column(heading, overflow="fold")
    for heading in ("share of mu^2", "noise scale"):
        table.add_column(heading, justify="right")
    for feature, purpose, share, scale in planned_queries(run).describe():
        table.add_row(feature, purpose, f"{share:.1%}", "none" if scale is None else f"{scale:.1f}")
    return table


def show_end(config: Config, workspace: Workspace, where: str) -> None:
    """Where to look, what was spent, whether it is usable, and the figures that matter."""
    report = read_json(workspace.report / "report.json")
    privacy, utility = report["privacy"], report["utility"]
    generated = read_json(workspace.generated / "generated.json")
    usability = _usability(generated)
    target = generated["target"]["table"] or generated["target"]["path"].removeprefix("file://")
    lines = {
        "synthetic table": f"{generated['rows']} rows in {target}",
        "report": str(workspace.report / "report.html"),
        "ledger": f"synth budget --table {config.name}"
        + (f" --ledger {shown_address(config.ledger.url)}" if config.ledger.url else "")
        + f" --delta {config.privacy.delta:g}",
        "tracked run": where,
        "spent": _spent_in_words(config, privacy, generated),
        "verdict": "; ".join([str(usability), *usability.notes]),
        **_found(workspace),
        "1-way distance": _figure(report["fidelity"]["tvd_1way"], "mean total variation; 0 is best"),
        "least alike": _least_alike(report["columns"]),
        "discriminator": _figure(
            report["discriminator_auc"], "AUC of telling synthetic rows from real ones; 0.5 is best"
        ),
        "usefulness": "no column to predict"
        if utility["auc_real"] is None
        else _figure(
            utility["auc_synthetic"], f"AUC trained on synthetic rows; {utility['auc_real']:.3f} on real"
        ),
    }
    print(f"\nLakesynth: {config.name}  (the last four lines are exact: internal, not DP)")
    for label, words in lines.items():
        print(f"  {label:16s} {words}")


def _found(workspace: Workspace) -> dict[str, str]:
    """The orders of columns that were found, if any."""
    manifest = PreparedManifest.from_dict(read_json(workspace.prepared / "prepared.json"))
    found = found_orders(manifest.schema.relations)
    return {"relations": "; ".join(map(str, found))} if found else {}


def _usability(generated: dict[str, Any]) -> Usability:
    return Usability.from_dict(generated["usability"])


def _spent_in_words(config: Config, privacy: dict[str, Any], generated: dict[str, Any]) -> str:
    if privacy["epsilon_total"] is None:
        return str(generated["lakesynth.privacy"])
    stages = ", ".join(f"{stage} {value:.3g}" for stage, value in privacy["by_stage"].items())
    return (
        f"epsilon {privacy['epsilon_total']:.4g} of {config.privacy.epsilon:g} "
        f"at delta {privacy['delta']:g} ({stages})"
    )


def _least_alike(columns: dict[str, Any]) -> str:
    """The columns whose 1-way distance is largest."""
    far = {name: column["tvd"] for name, column in columns.items() if column["tvd"] is not None}
    ranked = sorted(far, key=lambda name: -far[name])[:_LEAST_ALIKE]
    return ", ".join(f"{name} {far[name]:.2f}" for name in ranked) or "not measured"


def _figure(value: float | None, words: str) -> str:
    return "not measured" if value is None else f"{value:.3f}  ({words})"


if __name__ == "__main__":
    main()

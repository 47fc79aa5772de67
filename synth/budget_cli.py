"""`synth budget`: what the ledger says of a table, and what its policy allows."""

import json
from dataclasses import asdict
from typing import Annotated, Any, assert_never

import typer
from rich.console import Console
from rich.table import Table

from synth.errors import SynthError
from synth.privacy.budget import (
    Budget,
    DiscreteGaussian,
    DpSgdSteps,
    Event,
    ExponentialMechanism,
    NoPrivacy,
    Selection,
    event_to_dict,
)
from synth.privacy.entry import Entry
from synth.privacy.ledger import Ledger
from synth.privacy.policy import Period, Policy
from synth.privacy.view import Spent, spent
from synth.spending import open_ledger

app = typer.Typer(
    help="What was spent on a table: by stage, run and user; and the most that may be.",
    invoke_without_command=True,
)
_CONSOLE = Console(highlight=False, markup=False)

TableName = Annotated[str | None, typer.Option("--table", help="The table's name in its configuration.")]
LedgerUrl = Annotated[
    str | None, typer.Option("--ledger", help="URL of the ledger; default: LAKESYNTH_LEDGER.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")]


@app.callback()
def budget(
    context: typer.Context,
    table: TableName = None,
    ledger: LedgerUrl = None,
    delta: Annotated[
        float | None, typer.Option("--delta", help="Delta of epsilon; default: the policy's, else 1e-5.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the book as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Print a table's ledger: what was charged, when, by whom, and the epsilon it adds up to."""
    if context.invoked_subcommand is not None:
        return
    book = open_ledger(ledger)
    if table is None:
        _show_tables(book)
        return
    entries = book.entries(table)
    if not entries:
        known = ", ".join(book.tables()) or "no table yet"
        raise SynthError(f"the ledger has nothing on table {table!r}; it knows {known}")
    policy = book.policy(table)
    at = delta if delta is not None else policy.total.delta if policy is not None else 1e-5
    view = spent(entries, at)
    if as_json:
        print(json.dumps(_as_json(table, entries, view, policy), indent=2))
        return
    _show(table, entries, view, policy)


@app.command()
def policy(
    table: Annotated[str, typer.Option("--table", help="The table's name in its configuration.")],
    epsilon: Annotated[float, typer.Option("--epsilon", help="The most that may ever be spent.")],
    delta: Annotated[float, typer.Option("--delta", help="Delta of both caps.")],
    period: Annotated[Period | None, typer.Option("--period", help="A calendar period, in UTC.")] = None,
    period_epsilon: Annotated[
        float | None, typer.Option("--period-epsilon", help="The most within one period.")
    ] = None,
    ledger: LedgerUrl = None,
    debug: Debug = False,
) -> None:
    """Limit a table for everybody, whatever their configurations say; the last policy holds."""
    try:
        limits = Policy(
            total=Budget(epsilon=epsilon, delta=delta), period=period, period_epsilon=period_epsilon
        )
    except ValueError as error:
        raise SynthError(f"this is no policy: {error}") from error
    open_ledger(ledger).set_policy(table, limits)
    _CONSOLE.print(f"policy of table {table}: {_policy_in_words(limits)}")


def _show_tables(book: Ledger) -> None:
    sheet = Table(title="Ledger", title_justify="left")
    for heading in ("table", "entries", "last charge", "policy"):
        sheet.add_column(heading, overflow="fold")
    for name in book.tables():
        entries, limits = book.entries(name), book.policy(name)
        words = "none" if limits is None else _policy_in_words(limits)
        sheet.add_row(name, str(len(entries)), entries[-1].charged_at, words)
    _CONSOLE.print(sheet)


def _show(table: str, entries: list[Entry], view: Spent, policy: Policy | None) -> None:
    sheet = Table(title=f"Ledger of table {table}", title_justify="left")
    for heading in ("entry", "charged at (UTC)", "stage", "run", "user", "mechanisms", "epsilon"):
        sheet.add_column(heading, overflow="fold")
    for entry, epsilon in zip(entries, view.path, strict=True):
        notes = [_in_words(event) for event in entry.events]
        if entry.partitions is not None:
            notes.append(f"in parallel over {entry.partitions}")
        if not entry.settled:
            notes.append("never settled: counts as spent")
        when = entry.charged_at[:16].replace("T", " ")
        words = (str(entry.id), when, entry.stage, entry.run[:8], entry.user, "\n".join(notes))
        sheet.add_row(*words, f"{epsilon:.4g}")
    _CONSOLE.print(sheet)
    for title, shares in (("stage", view.by_stage), ("run", view.by_run), ("user", view.by_user)):
        told = ", ".join(f"{name[:12]} +{epsilon:.4g}" for name, epsilon in shares.items())
        print(f"  by {title + ':':7s} {told}")
    if policy is not None:
        print(f"  policy:    {_policy_in_words(policy)}")
    print(view.in_words(entries[-1].unit))


def _as_json(table: str, entries: list[Entry], view: Spent, policy: Policy | None) -> dict[str, Any]:
    lines = [
        {
            **asdict(entry),
            "events": [event_to_dict(event) for event in entry.events],
            "epsilon_after": epsilon,
        }
        for entry, epsilon in zip(entries, view.path, strict=True)
    ]
    return {
        "table": table,
        "epsilon": view.epsilon,
        "delta": view.delta,
        "by_stage": view.by_stage,
        "by_run": view.by_run,
        "by_user": view.by_user,
        "unprotected": view.unprotected,
        "unsettled": view.unsettled,
        "policy": None if policy is None else asdict(policy),
        "entries": lines,
    }


def _policy_in_words(policy: Policy) -> str:
    words = f"epsilon {policy.total.epsilon:g} at delta {policy.total.delta:g}"
    if policy.period is not None:
        words += f", {policy.period_epsilon:g} a {policy.period}"
    return words


def _in_words(event: Event) -> str:
    match event:
        case DiscreteGaussian(scale=scale, sensitivity=sensitivity, count=count):
            moved = "" if sensitivity == 1 else f", moved by {sensitivity}"
            return f"{count} x counts + Gaussian of scale {scale:.4g}{moved}"
        case Selection(delta=delta, count=count):
            return f"{count} x naming, delta {delta:.2g}"
        case DpSgdSteps(sample_rate=rate, noise_multiplier=noise, steps=steps):
            return f"{steps} steps of DP-SGD, rate {rate:.3g}, noise {noise:.4g}"
        case ExponentialMechanism(epsilon=epsilon, count=count):
            return f"{count} x choice of one by score, epsilon {epsilon:.4g}"
        case NoPrivacy():
            return "NO PRIVACY"
        case _:
            assert_never(event)

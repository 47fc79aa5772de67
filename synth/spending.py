"""How a table's budget is divided over the stages, before any data is looked at, and the book it is in."""

import math
import os
from collections.abc import Sequence
from typing import assert_never

from synth.config.model import MarginalMethod, ModelKind
from synth.config.sections import Config, Privacy
from synth.config.train import Launcher
from synth.core.schema import PrivacyUnit
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Event, NoPrivacy, Selection
from synth.privacy.entry import Entry, epsilon_of
from synth.privacy.ledger import Ledger
from synth.privacy.policy import Policy

_FINE = 64
"""Sensitivity of the count that stands for a whole stage in a plan: as good as a continuous one."""


def stage_mu(privacy: Privacy, share: float) -> float | None:
    """Gaussian mu that a stage with this share of the budget may spend; None without privacy.

    Shares are of mu^2, the currency in which Gaussian mechanisms add up. The part of delta that names
    categories is set aside first.
    """
    if privacy.epsilon is None:
        return None
    usable = Budget(epsilon=privacy.epsilon, delta=privacy.delta * (1 - privacy.selection_delta))
    return math.sqrt(share) * accountant.gaussian_mu(usable)


_FULL_SHARE_ROWS, _LEAST_SHARE_ROWS = 1_000.0, 1_000_000.0
_MOST_FOR_PREPARE, _LEAST_FOR_PREPARE = 0.30, 0.06


def prepare_share(privacy: Privacy, n_rows: float | None = None) -> float:
    """The share of mu^2 that preparation gets: as configured, or by the number of rows.

    By rows: 0.30 up to 1,000 of them, from there on falling with their fourth root: 0.19 at 6,000, 0.11 at
    50,000, 0.06 from some 600,000 on. What noise hides in preparation nothing finds again, and in a small
    table it hides most. Measured, of preparation alone: bench/results/prepare_quality.md; what the model
    loses by it is not measured there. The rule is fixed beforehand: it knows no more of the data than the
    released count.
    Args:
      n_rows: as the scan released it; None before it did: then the most that it may come to.
    """
    if privacy.split.prepare is not None:
        return privacy.split.prepare
    rows = min(max(n_rows or 0.0, _FULL_SHARE_ROWS), _LEAST_SHARE_ROWS)
    return max(_MOST_FOR_PREPARE * (_FULL_SHARE_ROWS / rows) ** 0.25, _LEAST_FOR_PREPARE)


def selection_delta(privacy: Privacy) -> float:
    """Delta set aside for naming categories."""
    return privacy.delta * privacy.selection_delta


def scan_events(n_columns: int, unit: PrivacyUnit, mu: float | None) -> tuple[Event, ...]:
    """What a scan charges: one histogram of value classes per column, and the row count."""
    if mu is None:
        return (NoPrivacy(),)
    scale = unit.max_rows * math.sqrt(n_columns + 1) / mu
    return (DiscreteGaussian(scale=scale, sensitivity=unit.max_rows, count=n_columns + 1),)


def within(privacy: Privacy, policy: Policy | None) -> Privacy:
    """The configuration's privacy, lowered to the table's policy where that allows less."""
    if policy is None or privacy.epsilon is None:
        return privacy
    most = min(policy.total.epsilon, policy.period_epsilon or policy.total.epsilon, privacy.epsilon)
    return privacy.model_copy(update={"epsilon": most, "delta": min(policy.total.delta, privacy.delta)})


def open_ledger(url: str | None) -> Ledger:
    """The book at `url`, or where LAKESYNTH_LEDGER says, or in the user's home."""
    return Ledger(url or os.environ.get("LAKESYNTH_LEDGER") or "sqlite:///~/.lakesynth/ledger.db")


def _training(config: Config) -> str:
    """What the train stage will do, in words."""
    train, model = config.train, config.model
    ranks = 1 if train.launcher is Launcher.SINGLE else train.ranks
    neural = f"{train.steps} steps of DP-SGD on {ranks} rank(s) by {train.launcher.value}"
    sums, share = model.noisy_sums
    if sums:
        neural += f", {sums} noisy sums beside them (about {share:.0%} of the training's mu^2)"
    if train.min_ranks is not None:
        neural += f", down to {train.min_ranks} if ranks are lost"
    most = f"at most {model.max_minutes:g} minutes"
    if model.marginal.method is MarginalMethod.MIXTURE:
        marginal = f"noisy pairs of up to {model.marginal.max_cells:,} cells, a mixture fitted in {most}"
    else:
        marginal = (
            f"noisy marginals by {model.marginal.method.value}, cliques of up to "
            f"{model.marginal.max_cells:,} cells, {most} and {model.max_memory_gib:g} GiB"
        )
    neural += f"; refused before its charge if timed steps foretell more than {model.max_minutes:g} minutes"
    match model.kind:
        case ModelKind.MARGINAL:
            return f"marginal, {marginal}"
        case ModelKind.VAE | ModelKind.ARN | ModelKind.GAN:
            return f"{model.kind.value}, {neural}"
        case ModelKind.AUTO:
            return f"auto: chosen when the columns are known; {marginal}; or else {neural}"
        case _:
            assert_never(model.kind)


def describe_plan(config: Config, ledger: Ledger) -> list[tuple[str, str, float | None]]:
    """What a run would do and charge, from the configuration and the book alone.

    Returns: (stage, words, epsilon spent on the table after it); None without privacy.
    """
    policy = ledger.policy(config.name)
    privacy = within(config.privacy, policy)
    where = config.target.place if config.target.path or config.target.table else "WORKDIR/synthetic"
    shape = _training(config)
    charge = dict.fromkeys(("scan", "prepare", "train"), "; no noise: NOT PRIVATE")
    after: dict[str, float | None] = {}
    if privacy.budget is not None and config.privacy.epsilon is not None:
        most = min(config.privacy.epsilon, policy.total.epsilon if policy else math.inf)
        charge = {
            stage: f"; charges Gaussian mu {stage_mu(privacy, share):.4f} ({share:.0%} of mu^2)"
            for stage, share in _shares(privacy)
        }
        if privacy.split.prepare is None:
            charge["prepare"] += (
                f" for up to {_FULL_SHARE_ROWS:,.0f} rows, down to {_LEAST_FOR_PREPARE:.0%} for more"
            )
        charge["prepare"] += f" and delta {selection_delta(privacy):.2g} for naming categories"
        charge["train"] = f"; charges what is left: to epsilon {most:g} at delta {privacy.budget.delta:g}"
        after = _epsilons(privacy, privacy.budget.delta, ledger.entries(config.name))
        after["train"] = max(most, after["prepare"] or 0.0)
    bins = f"up to {config.prepare.bins} {config.prepare.binning.value} bins per number"
    rows = config.generate.rows or "as many rows as released"
    return [
        ("before this run", "", after.get("before")),
        (
            "scan",
            f"one noisy histogram of value classes per column, and the row count{charge['scan']}",
            after.get("scan"),
        ),
        ("mask", "a masked copy for the trusted side; not differentially private, charges nothing", None),
        ("prepare", f"categories, {bins}, row count{charge['prepare']}", after.get("prepare")),
        ("train", f"{shape}{charge['train']}", after.get("train")),
        (
            "generate",
            f"{rows} into {where}; charges nothing",
            None,
        ),
        ("evaluate", "report for the trusted side: internal (not DP), charges nothing", None),
    ]


def _shares(privacy: Privacy) -> tuple[tuple[str, float], ...]:
    """The most that each stage before training may get."""
    return (("scan", privacy.split.scan), ("prepare", prepare_share(privacy)))


def _epsilons(privacy: Privacy, delta: float, entries: Sequence[Entry]) -> dict[str, float | None]:
    """Epsilon after scan and prepare, if the run pays for both anew."""

    def with_events() -> float:
        return epsilon_of(entries, delta, partitions=privacy.partitions_read, on_top=events)

    events: list[Event] = []
    found: dict[str, float | None] = {"before": with_events()}
    for stage, share in _shares(privacy):
        mu = stage_mu(privacy, share)
        assert mu is not None
        # Many queries of one stage cost what one count of the same mu does.
        events.append(DiscreteGaussian(scale=_FINE / mu, sensitivity=_FINE, count=1))
        if stage == "prepare":
            events.append(Selection(delta=selection_delta(privacy), count=1))
        found[stage] = with_events()
    return found

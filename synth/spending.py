"""How a table's budget is divided over the stages, before any data is looked at, and the book it is in."""

import math
import os

from synth.config.sections import Config, Launcher, Privacy
from synth.core.schema import PrivacyUnit
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Event, NoPrivacy
from synth.privacy.ledger import Ledger
from synth.privacy.view import spent


def stage_mu(privacy: Privacy, share: float) -> float | None:
    """Gaussian mu that a stage with this share of the budget may spend; None without privacy.

    Shares are of mu^2, the currency in which Gaussian mechanisms add up. The part of delta that names
    categories is set aside first.
    """
    if privacy.epsilon is None:
        return None
    usable = Budget(epsilon=privacy.epsilon, delta=privacy.delta * (1 - privacy.selection_delta))
    return math.sqrt(share) * accountant.gaussian_mu(usable)


def selection_delta(privacy: Privacy) -> float:
    """Delta set aside for naming categories."""
    return privacy.delta * privacy.selection_delta


def scan_events(n_columns: int, unit: PrivacyUnit, mu: float | None) -> tuple[Event, ...]:
    """What a scan charges: one histogram of value classes per column."""
    if mu is None:
        return (NoPrivacy(),)
    scale = unit.max_rows * math.sqrt(n_columns) / mu
    return (DiscreteGaussian(scale=scale, sensitivity=unit.max_rows, count=n_columns),)


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
            stage: f"; charges Gaussian mu {stage_mu(privacy, share):.4f} ({share:.0%} of mu^2)"
            for stage, share in (("scan", privacy.split.scan), ("prepare", privacy.split.prepare))
        }
        charge["prepare"] += f" and delta {selection_delta(privacy):.2g} for naming categories"
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

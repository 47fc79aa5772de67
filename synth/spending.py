"""How a table's budget is divided over the stages, before any data is looked at."""

import math

from synth.config.sections import Privacy
from synth.core.schema import PrivacyUnit
from synth.privacy import accountant
from synth.privacy.budget import Budget, DiscreteGaussian, Event, NoPrivacy


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

"""From what training wants to a calibrated plan; only `calibrate` makes one."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from synth.core import check
from synth.errors import BudgetExceeded
from synth.privacy import accountant
from synth.privacy.budget import Budget, DpSgdSteps, Event, NoPrivacy
from synth.privacy.policy import Cap

_CALIBRATED = object()
_LEAST_SHARE = 0.1
"""Share of the budget below which training is refused: its charge would be spent on a useless model."""


@dataclass(frozen=True, kw_only=True)
class DpSgdPlan:
    """DP-SGD with all its numbers fixed before training starts.

    Attributes:
      sample_rate: probability that each privacy unit joins each step, independently.
      steps: every rank runs exactly this many.
      noise_multiplier: noise standard deviation / max_grad_norm; 0 only without privacy.
      max_grad_norm: L2 norm to which each unit's gradient is clipped.
      expected_batch_size: sample_rate x released number of units: the divisor of every step's sum.
      loss_ratio: 0, or the norm to which a unit's loss is scaled, in max_grad_norm: the loss is then one more
        coordinate of the sum, and noise grows with the whole vector's norm.
      sums: noisy sums over all units that the model takes beside the steps, each unit's part of norm 1;
        `sums_noise_multiplier` is their noise's standard deviation, 0 without privacy or without sums.
    """

    sample_rate: float
    steps: int
    noise_multiplier: float
    max_grad_norm: float
    expected_batch_size: float
    loss_ratio: float = 0.0
    sums: int = 0
    sums_noise_multiplier: float = 0.0
    _proof: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self._proof is not _CALIBRATED:
            raise TypeError("a DpSgdPlan is made by DpSgdSpec.calibrate or without_privacy")

    @property
    def is_private(self) -> bool:
        """Whether noise is added."""
        return self.noise_multiplier > 0

    @property
    def noise_standard_deviation(self) -> float:
        """Of the noise on every coordinate of a step's sum."""
        return self.noise_multiplier * self.max_grad_norm * math.sqrt(1 + self.loss_ratio**2)

    @property
    def events(self) -> tuple[Event, ...]:
        """What to charge before training starts: the steps, then the sums if there are any."""
        if not self.is_private:
            return (NoPrivacy(),)
        return training_events(
            sample_rate=self.sample_rate,
            noise_multiplier=self.noise_multiplier,
            steps=self.steps,
            sums=self.sums,
            sums_noise_multiplier=self.sums_noise_multiplier,
        )

    def to_dict(self) -> dict[str, float]:
        """The numbers, for the workers' specification; `for_charged` turns them back."""
        return {
            "sample_rate": self.sample_rate,
            "steps": self.steps,
            "noise_multiplier": self.noise_multiplier,
            "max_grad_norm": self.max_grad_norm,
            "expected_batch_size": self.expected_batch_size,
            "loss_ratio": self.loss_ratio,
            "sums": self.sums,
            "sums_noise_multiplier": self.sums_noise_multiplier,
        }

    @staticmethod
    def uncharged(fields: dict[str, float]) -> "DpSgdPlan":
        """The plan that `to_dict` described, for an audit: no training may look at a row with it."""
        counts = {name: int(fields.get(name, 0)) for name in ("steps", "sums")}
        return DpSgdPlan(**{**fields, **counts}, _proof=_CALIBRATED)  # type: ignore[arg-type]

    @staticmethod
    def for_charged(fields: dict[str, float], events: Sequence[Event]) -> "DpSgdPlan":
        """The plan that `to_dict` described, if `events`, read from the ledger, paid for it.

        Raises: ValueError if they did not.
        """
        plan = DpSgdPlan.uncharged(fields)
        if not plan.is_paid_by(events):
            raise ValueError("the ledger's entry does not pay for this training plan")
        return plan

    def is_paid_by(self, events: Sequence[Event]) -> bool:
        """Whether all that it releases is among events read from the ledger."""
        return Counter(self.events) <= Counter(events)


@dataclass(frozen=True, kw_only=True)
class DpSgdSpec:
    """What training wants; the noise is not known yet.

    Exactly one of `sample_rate` and `expected_batch_size` decides how many units join a step.

    Attributes:
      sums: noisy sums beside the steps; `sums_share`, about which share of the training's mu^2 they get.
    """

    steps: int
    max_grad_norm: float
    sample_rate: float | None
    expected_batch_size: int
    loss_ratio: float = 0.0
    sums: int = 0
    sums_share: float = 0.0

    def __post_init__(self) -> None:
        check.at_least(self.steps, 1, "train.steps")
        check.positive(self.max_grad_norm, "train.max_grad_norm")
        if self.sums:
            check.fraction(self.sums_share, "the share of the noisy sums")

    def rate(self, n_units: int) -> float:
        """Sample rate for a released number of units, at most 1."""
        if self.sample_rate is not None:
            return self.sample_rate
        return min(1.0, self.expected_batch_size / max(n_units, 1))

    def calibrate(self, caps: Sequence[Cap], n_units: int) -> DpSgdPlan:
        """Spend all that is left under the tightest cap on the noise of this training.

        Args:
          n_units: released number of privacy units.
        Raises: BudgetExceeded if nothing is left, or so little that the model would be noise.
        """
        rate = self.rate(n_units)

        def under(budget: Budget, prior: Sequence[Event]) -> DpSgdPlan:
            return self._under(budget, prior, rate, n_units)

        plans = (cap.fitted(under, lambda plan: plan.events) for cap in caps)
        return max(plans, key=lambda plan: plan.noise_multiplier)

    def _under(self, budget: Budget, prior: Sequence[Event], rate: float, n_units: int) -> DpSgdPlan:
        try:
            noise_multiplier = accountant.calibrate_noise_multiplier(
                prior, budget=budget, events=lambda noise: self._plan(rate, noise, n_units).events
            )
        except ValueError as error:
            spent = accountant.epsilon(prior, budget.delta)
            raise BudgetExceeded(
                f"stage 'train' has nothing to spend: {spent:.4g} of epsilon={budget.epsilon:.4g} is spent "
                f"at delta={budget.delta:g}; raise privacy.epsilon"
            ) from error
        plan = self._plan(rate, noise_multiplier, n_units)
        own = accountant.epsilon(plan.events, budget.delta)
        if own < _LEAST_SHARE * budget.epsilon:
            spent = accountant.epsilon(prior, budget.delta)
            raise BudgetExceeded(
                f"stage 'train' could spend only epsilon={own:.3g}, too little to learn from: "
                f"{spent:.4g} of {budget.epsilon:.4g} is spent at delta={budget.delta:g}; "
                "raise privacy.epsilon"
            )
        return plan

    def without_privacy(self, n_units: int) -> DpSgdPlan:
        """The same training without noise, for a user who set `privacy.epsilon: null`."""
        return self._plan(self.rate(n_units), 0.0, n_units)

    def _plan(self, rate: float, noise_multiplier: float, n_units: int) -> DpSgdPlan:
        return DpSgdPlan(
            sample_rate=rate,
            steps=self.steps,
            noise_multiplier=noise_multiplier,
            max_grad_norm=self.max_grad_norm,
            expected_batch_size=rate * max(n_units, 1),
            loss_ratio=self.loss_ratio,
            sums=self.sums,
            sums_noise_multiplier=self._sums_noise(rate, noise_multiplier),
            _proof=_CALIBRATED,
        )

    def _sums_noise(self, rate: float, noise_multiplier: float) -> float:
        """Noise that gives the sums their share of mu^2 beside steps of this noise; more with more.

        The steps' mu is the central limit's (Dong, Roth, Su 2019, Corollary 5.4) or that of steps without
        sampling, whichever is smaller. It only shares out: what is spent is computed from the events.
        """
        if not (self.sums and noise_multiplier):
            return 0.0
        unsampled = noise_multiplier**-2
        of_step = min(unsampled, rate**2 * math.expm1(min(unsampled, 700)))
        return math.sqrt(self.sums * (1 - self.sums_share) / (self.sums_share * self.steps * of_step))


def training_events(
    *, sample_rate: float, noise_multiplier: float, steps: int, sums: int, sums_noise_multiplier: float
) -> tuple[Event, ...]:
    """Steps of DP-SGD, and noisy sums that every unit joins."""
    charged: tuple[Event, ...] = (
        DpSgdSteps(sample_rate=sample_rate, noise_multiplier=noise_multiplier, steps=steps),
    )
    if sums:
        charged += (DpSgdSteps(sample_rate=1.0, noise_multiplier=sums_noise_multiplier, steps=sums),)
    return charged

"""The audit of measured marginals: the planned questions on canary rows, answered again and again.

Every method learns from the answers to its plan's questions alone, so those are what is watched, whatever is
fitted to them. Rows are made up in the domain; none of the table takes part, and no budget is spent.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from synth.marginal.answers import Answers, KeptCounts
from synth.marginal.candidates import cells
from synth.marginal.count import CountPlan
from synth.marginal.measure import measure
from synth.marginal.plan import MeasuringPlan
from synth.models.tables import Grouping, Scope
from synth.privacy.audit import FALSE_ALARM, Check, mean_range, noise_checks, noise_range, two_world_mu
from synth.privacy.budget import DiscreteGaussian, ExponentialMechanism
from synth.privacy.entry import Receipt
from synth.privacy.queries import PaidChoices, PaidCounts

_ROWS = 500
_MOST_CELLS = 50_000
"""Noisy cells that are drawn in full, for what their noise is like: a second or two."""
_MOST_WATCHED = 20
"""Queries of a part whose cell of the canary is watched."""
_DRAWS = 400
_CHOICES = 6_000


@dataclass(frozen=True, kw_only=True)
class CanaryTable:
    """Exact counts of marginals over made-up rows, without and with a canary.

    Attributes:
      without, with_canary: scope -> counts; the canary has the most rows that a unit may have, all alike.
    """

    without: dict[Scope, NDArray[np.int64]]
    with_canary: dict[Scope, NDArray[np.int64]]

    @staticmethod
    def of(groupings: Sequence[Grouping], scopes: Sequence[Scope], max_rows: int) -> "CanaryTable":
        """Counted by the code that counts prepared rows; the canary has the last code of each column."""
        rng = np.random.default_rng(0)
        rows = {c: rng.integers(0, len(g.group), _ROWS) for c, g in enumerate(groupings)}
        canary = {c: np.full(max_rows, len(g.group) - 1) for c, g in enumerate(groupings)}
        plan = CountPlan.of(groupings, scopes)
        both = {c: np.concatenate([rows[c], canary[c]]) for c in rows}
        return CanaryTable(
            without=plan.marginals(plan.count(rows)), with_canary=plan.marginals(plan.count(both))
        )

    def move(self) -> float:
        """The farthest that the canary moves a marginal (L2)."""
        return max(float(np.linalg.norm(self.with_canary[s] - self.without[s])) for s in self.without)

    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The count of the canary's cell in each marginal, without it and with it. [n], [n]."""
        pairs = [(self.without[s].ravel(), self.with_canary[s].ravel()) for s in self.without]
        at = [int(np.argmax(after - before)) for before, after in pairs]
        return (
            np.array([before[k] for (before, _), k in zip(pairs, at, strict=True)], dtype=np.int64),
            np.array([after[k] for (_, after), k in zip(pairs, at, strict=True)], dtype=np.int64),
        )


def audit_measuring(
    plan: MeasuringPlan, groupings: Sequence[Grouping], pairs: Sequence[Scope], say: Callable[[str], None]
) -> tuple[Check, ...]:
    """Checks of all parts of a plan; one of chance fails a plan without fault by `FALSE_ALARM`.

    Args:
      pairs: that may be measured; of many, some are watched.
    Raises: ValueError for a plan without noise: there is no claim to audit.
    """
    if not plan.is_private:
        raise ValueError("the model is measured without noise, so there is no claim to audit")
    receipt = Receipt(entry=0, events=plan.charge)  # no row is looked at, so that there is nothing to pay
    columns: list[Scope] = [(column,) for column in range(len(groupings))]
    checks: list[Check] = []
    for name, event in plan.events.items():
        say(f"audit: {name}, {event}")
        if isinstance(event, ExponentialMechanism):
            checks.append(_of_choices(name, event, receipt, plan.max_rows))
            continue
        assert isinstance(event, DiscreteGaussian)
        scopes = columns if name == "columns" or not pairs else list(pairs)
        watched = scopes[: min(_MOST_WATCHED, event.count)]
        table = CanaryTable.of(groupings, watched, plan.max_rows)
        checks += _of_counts(name, event, receipt, table, plan.max_rows)
    return tuple(checks)


def _of_counts(
    name: str, event: DiscreteGaussian, receipt: Receipt, table: CanaryTable, max_rows: int
) -> list[Check]:
    """Of one part's noisy counts: what a canary moves, how much noise there is, what an attacker can tell."""
    scale, (before, after) = event.scale, table.cells()
    errors = _whole(event, receipt, table) / scale
    low, high = noise_range(errors.size)
    without, with_canary = (
        np.stack([PaidCounts(event, receipt).each(counts).value for _ in range(_DRAWS)])
        for counts in (before, after)
    )
    signal = mean_range(scale / max_rows, with_canary.size)
    # The best that normal noise leaves an attacker: the mean of all cells, from nothing 0 to the canary 1.
    seen, seen_with = ((one - before).mean(axis=1) / max_rows for one in (without, with_canary))
    claimed = event.sensitivity * math.sqrt(len(before)) / scale
    return [
        Check(name=f"rows of a canary, {name}", figure=table.move(), low=0.0, high=float(event.sensitivity)),
        Check(name=f"noise of whole marginals, {name}", figure=float((errors**2).mean()), low=low, high=high),
        *noise_checks((without - before) / scale, name),
        Check(
            name=f"signal of a canary, {name}",
            figure=float((with_canary - before).mean()) / max_rows,
            low=1 - signal,
            high=1 + signal,
        ),
        Check(
            name=f"mu of {len(before)} answers, at least, {name}",
            figure=two_world_mu(seen, seen_with),
            low=0.0,
            high=claimed,
        ),
    ]


def _whole(event: DiscreteGaussian, receipt: Receipt, table: CanaryTable) -> NDArray[np.float64]:
    """The noise of whole marginals as they are measured, each once, as many as are drawn fast. [n]."""
    paid = KeptCounts(PaidCounts(event, receipt), "audit", Answers.unkept(0))
    errors: list[NDArray[np.float64]] = []
    drawn = 0
    for scope, counts in table.without.items():
        size = cells(counts.shape, tuple(range(counts.ndim)))
        if errors and drawn + size > _MOST_CELLS:
            break
        drawn += size
        errors.append((measure(scope, counts, paid, 1).values - counts).ravel())
    return np.concatenate(errors)


def _of_choices(name: str, event: ExponentialMechanism, receipt: Receipt, max_rows: int) -> Check:
    """How much more often a candidate is chosen when a canary moves both scores against each other."""
    scores = np.array([[0, 0], [max_rows, -max_rows]], dtype=np.int64)
    first = []
    for one in scores:
        chosen = [
            PaidChoices(event, receipt, sensitivity=max_rows).best(one).value for _ in range(_CHOICES // 2)
        ]
        first.append(chosen.count(0))
    n = _CHOICES // 2
    most = float(beta.ppf(1 - FALSE_ALARM / 2, first[0] + 1, n - first[0])) if first[0] < n else 1.0
    least = float(beta.ppf(FALSE_ALARM / 2, first[1], n - first[1] + 1)) if first[1] else 0.0
    told = max(0.0, math.log(least / most)) if least > 0 else 0.0
    return Check(name=f"epsilon of a choice, at least, {name}", figure=told, low=0.0, high=event.epsilon)

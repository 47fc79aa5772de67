"""What every method of choosing marginals starts from, and what it ends with."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.errors import FitFailed
from synth.marginal.answers import Answers, KeptCounts
from synth.marginal.candidates import cells
from synth.marginal.estimate import estimate
from synth.marginal.measure import Measurement, combined, measure
from synth.marginal.plan import MeasuringPlan
from synth.models.tables import (
    Factor,
    Grouping,
    Scope,
    Tables,
    elimination_order,
    induced_cliques,
    tables_of_factors,
)
from synth.privacy.budget import DiscreteGaussian, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.queries import PaidCounts

CountMore = Callable[[Sequence[Scope]], Mapping[Scope, NDArray[np.int64]]]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A coded table to learn, with its exact counts: for the trusted side only.

    Attributes:
      domain: the coded space. groupings: of each column, by released counts.
      n_rows: released.
      weights: how much the error of each pair matters, for all pairs that may be measured.
      pairs: their exact counts.
      count_more: exact counts of other marginals, by another pass over the rows.
      max_cells: most cells of a clique of the junction tree. total_cells: of all its cliques together.
      max_seconds: for choosing and fitting.
      say: where a line of progress goes.
      target: the column to predict, if the user named one.
      answers: where what is drawn is kept.
    """

    domain: Domain
    groupings: tuple[Grouping, ...]
    n_rows: int
    weights: Mapping[Scope, float]
    pairs: Mapping[Scope, NDArray[np.int64]]
    count_more: CountMore
    max_cells: int
    total_cells: int
    max_seconds: float
    say: Callable[[str], None]
    target: int | None = None
    answers: Answers = field(default_factory=lambda: Answers.unkept(0))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Groups of each column."""
        return tuple(grouping.n_groups for grouping in self.groupings)

    def column_counts(self, column: int) -> NDArray[np.int64]:
        """Exact counts of one column's groups."""
        scope = next((s for s in self.pairs if column in s), None)
        if scope is None:
            return self.count_more([(column,)])[column,]
        return self.pairs[scope].sum(axis=1 - scope.index(column))

    def fits(self, scopes: Sequence[Scope]) -> bool:
        """Whether a junction tree over these scopes keeps within both caps."""
        found = self.junction_tree(scopes)
        sizes = [cells(self.sizes, clique) for clique in found]
        return max(sizes) <= self.max_cells and sum(sizes) <= self.total_cells

    def junction_tree(self, scopes: Sequence[Scope]) -> list[Scope]:
        """The cliques of the junction tree over these scopes and all columns."""
        alone = [(column,) for column in range(len(self.sizes))]
        everything = [*alone, *scopes]
        return induced_cliques(self.sizes, everything, elimination_order(self.sizes, everything))


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A model of the problem, with the measurements it was fitted to and its potentials."""

    tables: Tables
    measurements: tuple[Measurement, ...]
    factors: tuple[Factor, ...]


def fit(
    problem: Problem, measurements: Sequence[Measurement], warm: Fitted | None, deadline: float
) -> Fitted:
    """Estimate, and export to tables.

    Args:
      deadline: of time.monotonic(), after which the estimation stops where it is.
    Raises: FitFailed if it stops far from what noise explains.
    """
    merged = combined(measurements)
    found = estimate(
        problem.sizes,
        merged,
        n_rows=problem.n_rows,
        warm=warm.factors if warm else (),
        max_seconds=max(1.0, deadline - time.monotonic()),
    )
    ended = "" if found.converged else ", stopped by model.max_minutes"
    problem.say(f"fitted {len(merged)} marginals in {found.steps} steps, {found.seconds:.1f} s{ended}")
    if not found.is_sound:
        raise FitFailed(
            f"the fit of {len(merged)} marginals ended at a misfit of "
            f"{2 * found.objective / found.cells:.3g} a cell where noise explains 1; raise model.max_minutes "
            "or lower model.marginal.max_cells, and run train again: the noisy answers are kept"
        )
    order = elimination_order(problem.sizes, [factor.scope for factor in found.factors])
    tables = tables_of_factors(problem.domain, problem.groupings, found.factors, order)
    return Fitted(tables=tables, measurements=tuple(measurements), factors=found.factors)


def paid_counts(problem: Problem, plan: MeasuringPlan, part: str, receipt: Receipt) -> KeptCounts:
    """The queries of one part of a plan; those that an earlier run asked are answered again."""
    event = plan.events[part]
    assert isinstance(event, DiscreteGaussian | NoPrivacy)
    paid = PaidCounts(event, receipt, used=problem.answers.used(part))
    return KeptCounts(paid, part, problem.answers)


def measure_columns(problem: Problem, paid: KeptCounts) -> list[Measurement]:
    """Every column's marginal, each asked once."""
    columns = range(len(problem.sizes))
    found = [measure((column,), problem.column_counts(column), paid, 1) for column in columns]
    problem.answers.save()
    return found


def score(
    problem: Problem,
    pairs: Mapping[Scope, NDArray[np.int64]],
    expected: Mapping[Scope, NDArray[np.float64]],
    paid: KeptCounts,
) -> dict[Scope, float]:
    """Noisy total variation distance of each pair from what is expected.

    One query a pair: sum |counts - expected| over whole expected counts, which one row moves by at most 1,
    and a unit of m rows by at most m.
    """
    exact = [np.abs(counts - np.rint(expected[s]).astype(np.int64)).sum() for s, counts in pairs.items()]
    noisy = paid.each(f"scores of {len(exact)} pairs from {next(iter(pairs))}", np.array(exact, np.int64))
    problem.answers.save()
    return dict(zip(pairs, (noisy / (2 * max(problem.n_rows, 1))).tolist(), strict=True))

"""A small table with ties of every strength, as the problem that a method gets."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.marginal.candidates import pairs
from synth.marginal.count import CountPlan
from synth.marginal.problem import Problem
from synth.models.tables import Grouping, Scope

DOMAIN = Domain(("a", "b", "c", "d", "e"), (4, 5, 3, 4, 2))


def table(n: int = 20_000) -> NDArray[np.int16]:
    """a decides b mostly, b leans on c, d hangs on a and c together, e on nothing."""
    rng = np.random.default_rng(0)
    a = rng.choice(4, n, p=(0.4, 0.3, 0.2, 0.1))
    b = np.where(rng.random(n) < 0.8, a + (rng.random(n) < 0.2), rng.integers(0, 5, n))
    c = np.where(rng.random(n) < 0.4, b % 3, rng.choice(3, n, p=(0.6, 0.3, 0.1)))
    d = np.where(rng.random(n) < 0.7, (a + c) % 4, rng.integers(0, 4, n))
    return np.stack([a, b, c, d, rng.integers(0, 2, n)], axis=1).astype(np.int16)


def problem_of(rows: NDArray[np.int16], **changes: object) -> Problem:
    groupings = tuple(Grouping.identity(size) for size in DOMAIN.sizes)

    def count(cliques: Sequence[Scope]) -> Mapping[Scope, NDArray[np.int64]]:
        plan = CountPlan.of(groupings, cliques)
        return plan.marginals(plan.count({column: rows[:, column] for column in plan.columns}))

    candidates = pairs(DOMAIN.sizes, 1000)
    settings: dict[str, object] = {
        "domain": DOMAIN,
        "groupings": groupings,
        "n_rows": len(rows),
        "weights": dict.fromkeys(candidates, 1.0),
        "pairs": count(candidates),
        "count_more": count,
        "max_cells": 1000,
        "total_cells": 10_000,
        "max_seconds": 120.0,
        "say": lambda line: None,
        **changes,
    }
    return Problem(**settings)  # type: ignore[arg-type]

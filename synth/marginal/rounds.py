"""The default method: a few rounds, each of which scores every pair and measures many at once.

1. All columns, a little of the budget.
2. In each round the noisy error of every pair under the model so far; then a junction tree that grows by
   the pairs whose errors outweigh the noise that measuring them adds, while its cliques stay small.
3. All pairs so chosen are measured together, each in proportion to what its size needs, and fitted.

After AIM (McKenna et al. 2022) and MST (McKenna et al. 2021), with as many passes of Spark as there are
sizes of marginals and as many fits as there are rounds.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synth.marginal.measure import Measurement, measure, noise_error, shared_out
from synth.marginal.pairs import pair_marginals
from synth.marginal.plan import MeasuringPlan, Part
from synth.marginal.problem import Fitted, Problem, fit, measure_columns, paid_counts, score
from synth.models.tables import Scope
from synth.privacy.entry import Receipt

ROUNDS = (0.8, 0.2)
"""Shares of the cell queries that each round may use."""
_COLUMNS, _SCORES = 0.1, 0.06
_QUERIES_A_COLUMN = 20
_TRIED_A_COLUMN = 20
"""Pairs a column whose place in the junction tree is tried: all would take minutes on wide tables."""


def parts(n_columns: int, n_pairs: int) -> dict[str, Part]:
    """What the method will ask of a table with pairs, from public facts alone."""
    return {
        "columns": Part(share=_COLUMNS, count=n_columns),
        "scores": Part(share=_SCORES, count=n_pairs * len(ROUNDS)),
        "cells": Part(share=1 - _COLUMNS - _SCORES, count=max(200, _QUERIES_A_COLUMN * n_columns)),
    }


def learn(problem: Problem, plan: MeasuringPlan, receipt: Receipt) -> Fitted:
    """Measure and fit.

    Guarantee: the plan's events, which the receipt paid for; exact counts are read through them only.
    """
    deadline = time.monotonic() + problem.max_seconds
    found = measure_columns(problem, paid_counts(problem, plan, "columns", receipt))
    model = fit(problem, found, None, deadline)
    if not problem.pairs:
        return model
    scores = paid_counts(problem, plan, "scores", receipt)
    cells = paid_counts(problem, plan, "cells", receipt)
    queries = cells.left if cells.left is not None else _QUERIES_A_COLUMN * len(problem.sizes)
    spent = 0
    for number, share in enumerate(np.cumsum(ROUNDS), start=1):
        expected = {s: p * problem.n_rows for s, p in pair_marginals(model.tables).items()}
        errors = score(problem, problem.pairs, expected, scores)
        available = round(queries * share / sum(ROUNDS)) - spent
        times = _kept_choice(
            problem,
            f"round {number}",
            partial(choose, problem, errors, expected, model.measurements, cells.scale, available),
        )
        problem.say(f"round {number}: {len(times)} pairs chosen of {len(problem.pairs)}")
        if not times:
            continue
        found = [*model.measurements]
        found += [measure(scope, problem.pairs[scope], cells, n) for scope, n in times.items()]
        problem.answers.save()
        spent += sum(times.values())
        model = fit(problem, found, model, deadline)
    return model


def _kept_choice(problem: Problem, name: str, make: Callable[[], Mapping[Scope, int]]) -> dict[Scope, int]:
    """The pairs of a round with their queries: those that an earlier run chose if it came so far.

    The fits before it need not end in the very same numbers twice, for they stop by the clock.
    """
    chosen = problem.answers.decided(name, lambda: [[list(s), times] for s, times in make().items()])
    return {tuple(scope): times for scope, times in chosen}


def choose(
    problem: Problem,
    errors: Mapping[Scope, float],
    expected: Mapping[Scope, NDArray[np.float64]],
    measured: Sequence[Measurement],
    scale: float,
    queries: int,
) -> dict[Scope, int]:
    """The pairs worth measuring now, with how often to ask each.

    Greedy by the weighted error that measuring takes away, until the noise that one pair more brings to all
    (their weights share the queries) is more than what it takes away.
    """
    kept = [one.scope for one in measured]
    # Error per unit of noise: the slope of noise_error at the stddev that an even share would have.
    even = scale / np.sqrt(max(queries / max(len(problem.sizes), 1), 1))
    slopes = {s: noise_error(expected[s], even, problem.n_rows) / max(even, 1e-9) for s in errors}
    chosen: dict[Scope, float] = {}
    spread = 0.0
    ranked = sorted(errors, key=lambda s: -problem.weights[s] * errors[s])
    for scope in ranked[: _TRIED_A_COLUMN * len(problem.sizes)]:
        weight = max(problem.weights[scope] * slopes[scope], 1e-12) ** (2 / 3)
        cost = scale / np.sqrt(queries) * ((spread + weight) ** 1.5 - spread**1.5)
        if problem.weights[scope] * errors[scope] <= cost or len(chosen) >= queries:
            continue
        if not problem.fits([*kept, *chosen, scope]):
            continue
        chosen[scope] = problem.weights[scope] * slopes[scope]
        spread += weight
    return shared_out(chosen, queries) if chosen else {}

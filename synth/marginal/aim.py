"""The adaptive reference: one marginal a round, the one that the model so far gets most wrong.

Source: McKenna, Mullins, Sheldon, Miklau 2022 (AIM). As there, a round's budget grows when its measurement
told nothing new. Unlike there, the numbers of choices and of queries are fixed in advance, so that plain
composition covers the adaptive rounds; what is left when time runs out goes to the marginals chosen so far.
"""

import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synth.marginal.candidates import cells as cells_of
from synth.marginal.measure import measure, shared_out
from synth.marginal.pairs import pair_marginals
from synth.marginal.plan import MeasuringPlan, Part
from synth.marginal.problem import Fitted, Problem, fit, measure_columns, paid_counts
from synth.models.tables import Scope
from synth.privacy.budget import ExponentialMechanism, NoPrivacy
from synth.privacy.entry import Receipt
from synth.privacy.queries import PaidChoices

_COLUMNS, _CHOICES = 0.1, 0.1
_ROUNDS_A_COLUMN = 4
_QUERIES_A_ROUND = 4


def parts(n_columns: int) -> dict[str, Part]:
    """What the method will ask of a table with pairs, from public facts alone."""
    rounds = _ROUNDS_A_COLUMN * n_columns
    return {
        "columns": Part(share=_COLUMNS, count=n_columns),
        "choices": Part(share=_CHOICES, count=rounds, is_choice=True),
        "cells": Part(share=1 - _COLUMNS - _CHOICES, count=_QUERIES_A_ROUND * rounds),
    }


def learn(problem: Problem, plan: MeasuringPlan, receipt: Receipt) -> Fitted:
    """Measure and fit, round after round.

    Guarantee: the plan's events, which the receipt paid for; exact counts are read through them only.
    """
    deadline = time.monotonic() + problem.max_seconds
    found = measure_columns(problem, paid_counts(problem, plan, "columns", receipt))
    model = fit(problem, found, None, deadline)
    if not problem.pairs:
        return model
    event = plan.events["choices"]
    assert isinstance(event, ExponentialMechanism | NoPrivacy)
    made = sum(name.startswith("choice ") for name in problem.answers.decisions)
    choices = PaidChoices(event, receipt, sensitivity=plan.max_rows, used=made)
    cells = paid_counts(problem, plan, "cells", receipt)
    rounds = _ROUNDS_A_COLUMN * len(problem.sizes)
    left, times = rounds * _QUERIES_A_ROUND, _QUERIES_A_ROUND
    for number in range(rounds):
        if left == 0 or time.monotonic() > deadline:
            break
        times = min(times, left)
        expected = {s: p * problem.n_rows for s, p in pair_marginals(model.tables).items()}
        worst = partial(_worst, problem, expected, choices, cells.scale / np.sqrt(times), found_scopes(model))
        scope = tuple(problem.answers.decided(f"choice {number}", worst))
        one = measure(scope, problem.pairs[scope], cells, times)
        problem.answers.save()
        left -= times
        news = float(np.abs(one.values - expected[scope]).sum())
        if news <= np.sqrt(2 / np.pi) * one.stddev * one.values.size:
            times *= 2  # nothing but noise: look closer from now on
        model = fit(problem, [*model.measurements, one], model, deadline)
    scopes = [scope for scope in found_scopes(model) if len(scope) > 1]
    if left < len(scopes) or not scopes:
        return model
    more = shared_out({scope: float(cells_of(problem.sizes, scope)) for scope in scopes}, left)
    again = [measure(scope, problem.pairs[scope], cells, n) for scope, n in more.items()]
    problem.answers.save()
    return fit(problem, [*model.measurements, *again], model, deadline)


def found_scopes(model: Fitted) -> list[Scope]:
    """The marginals measured so far, each once."""
    return sorted({one.scope for one in model.measurements})


def _worst(
    problem: Problem,
    expected: dict[Scope, NDArray[np.float64]],
    choices: PaidChoices,
    stddev: float,
    kept: list[Scope],
) -> Scope:
    """The pair whose error most exceeds what its noise would be; a unit of m rows moves a score by m."""
    feasible = [scope for scope in problem.pairs if scope in kept or problem.fits([*kept, scope])]
    scores = []
    for scope in feasible:
        error = int(np.abs(problem.pairs[scope] - np.rint(expected[scope]).astype(np.int64)).sum())
        scores.append(error - round(float(np.sqrt(2 / np.pi) * stddev * expected[scope].size)))
    return feasible[choices.best(np.array(scores, dtype=np.int64)).value]

"""All pairs measured once, and a mixture fitted to them whose parts share one forest of strong ties.

1. All columns, a little of the budget.
2. Of few columns, every pair once, those with the column to predict four times. Of many, a noisy first look
   at every pair, and then the pairs that stand out of it; the others are taken as independent.
3. Several fits of the same answers, averaged.

Nothing that is charged depends on an answer. Where it comes from: docs/adr/0014-mixture-with-a-tree.md.
"""

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from synth.config.model import MixtureSettings
from synth.errors import FitFailed
from synth.marginal.candidates import cells
from synth.marginal.forest import strong_forest
from synth.marginal.measure import Measurement, combined, measure, noise_error, shared_out
from synth.marginal.mixture_fit import MixtureFit, OneFit
from synth.marginal.pace import ASKED_A_COLUMN, TREE_CELLS
from synth.marginal.plan import MeasuringPlan, Part
from synth.marginal.problem import Problem, paid_counts, score
from synth.marginal.trials import chosen
from synth.models.mixture import Forest, Mixture
from synth.models.tables import Scope
from synth.privacy.entry import Receipt

MOST_PAIRS = 700
"""Pairs of columns that are all measured; of more, a first look chooses."""
TARGET_TIMES = 4
"""How often a pair with the column to predict is asked, for once of the others."""
_COLUMNS, _LOOK = 0.1, 0.04
_CELLS_AT_ONCE = 1 << 23
"""Cells that one pass over the rows counts: 64 MiB."""
_SAY_SECONDS = 8.0
_EXACT = 0.5
"""Share of a misfit to independence that a sound fit of counts without noise has at most."""


@dataclass(frozen=True, kw_only=True)
class FittedMixture:
    """A mixture, what it was fitted to, and how many rows that told of."""

    mixture: Mixture
    measurements: tuple[Measurement, ...]
    n_rows: int


def parts(n_columns: int, n_pairs: int, n_with_target: int) -> dict[str, Part]:
    """What the method will ask of a table with pairs, from public facts alone."""
    columns = Part(share=_COLUMNS, count=n_columns)
    if n_pairs <= MOST_PAIRS:
        asked = n_pairs + (TARGET_TIMES - 1) * n_with_target
        return {"columns": columns, "cells": Part(share=1 - _COLUMNS, count=asked)}
    return {
        "columns": columns,
        "scores": Part(share=_LOOK, count=n_pairs),
        "cells": Part(share=1 - _COLUMNS - _LOOK, count=ASKED_A_COLUMN * n_columns),
    }


def learn(
    problem: Problem, settings: MixtureSettings, plan: MeasuringPlan, receipt: Receipt
) -> FittedMixture:
    """Measure and fit.

    Guarantee: the plan's events, which the receipt paid for; exact counts are read through them only.
    Raises: FitFailed if no fit ends near what noise explains.
    """
    deadline = time.monotonic() + problem.max_seconds
    paid = paid_counts(problem, plan, "columns", receipt)
    counted = _counted(problem, [(column,) for column in range(len(problem.sizes))])
    found = [measure(scope, counts, paid, 1) for scope, counts in counted]
    problem.answers.save()
    if problem.weights:
        times = _asked(problem, plan, receipt, [_shares(one) for one in found])
        paid = paid_counts(problem, plan, "cells", receipt)
        counted = _counted(problem, list(times))
        found += [measure(scope, counts, paid, times[scope]) for scope, counts in counted]
        problem.answers.save()
    return fitted(problem, combined(found), settings, deadline)


def fitted(
    problem: Problem, measurements: Sequence[Measurement], asked: MixtureSettings, deadline: float
) -> FittedMixture:
    """The average of several fits of released marginals: post-processing.

    Args:
      measurements: of every column, and of pairs; at most one a scope.
      deadline: of time.monotonic(), after which no fit goes on and none is begun.
    Raises: FitFailed if one ends far from what noise explains.
    """
    problem = replace(problem, n_rows=rows_of(measurements))
    alone = {one.scope[0]: _shares(one) for one in measurements if len(one.scope) == 1}
    start = [alone[column] for column in range(len(problem.sizes))]
    pairs = [one for one in measurements if len(one.scope) == 2]
    forest = strong_forest(problem.sizes, start, pairs, n_rows=problem.n_rows, most_cells=TREE_CELLS)
    n_cells = sum(one.values.size for one in measurements)
    tell = _Teller(problem, n_cells)
    engine = MixtureFit(problem.sizes, forest, measurements, n_rows=problem.n_rows)
    settings, words = chosen(
        engine, measurements, start, asked, n_rows=problem.n_rows, deadline=deadline, say=tell
    )
    problem.say(f"trials, by misfit to cells kept apart: {words}")
    problem.say(
        f"fitting {asked.fits} mixture(s) of {settings.parts} parts that share {len(engine.layout.tied)} "
        f"strong ties to {len(pairs)} pairs in {settings.steps} steps each"
    )
    done: list[OneFit] = []
    for number in range(asked.fits):
        begun = time.monotonic()
        named = partial(tell, f"fit {number + 1} of {asked.fits}")
        one = engine.fit(
            start,
            settings,
            seed=number,
            deadline=deadline,
            say=lambda step, misfit, named=named: named(step, settings.steps, misfit),  # type: ignore[misc]
        )
        _check(problem, measurements, start, one)
        done.append(one)
        now = time.monotonic()
        # A fit that is cut short is worse than one fewer: its rate never fell.
        if number + 1 < asked.fits and now + (now - begun) > deadline:
            problem.say(f"model.max_minutes leaves time for {number + 1} of {asked.fits} fits")
            break
    misfit = float(np.mean([one.misfit for one in done])) / n_cells
    problem.say(f"fitted {len(pairs)} pairs; misfit {misfit:.2f} a cell, noise explains 1")
    return FittedMixture(
        mixture=_averaged(problem, forest, done),
        measurements=tuple(measurements),
        n_rows=problem.n_rows,
    )


def rows_of(measurements: Sequence[Measurement]) -> int:
    """The number of rows that all noisy marginals together tell, at least 1.

    Far more exact than a row count that was released for little: a share is off by as much as the count is.
    """
    weights = np.array([1 / (one.stddev**2 * one.values.size) for one in measurements])
    sums = np.array([one.values.sum() for one in measurements])
    return max(1, round(float((weights * sums).sum() / weights.sum())))


class _Teller:
    """Says how far the fits are, every few seconds."""

    def __init__(self, problem: Problem, n_cells: int) -> None:
        self._problem, self._n_cells, self._last = problem, n_cells, time.monotonic()

    def __call__(self, name: str, step: int, steps: int, misfit: float) -> None:
        now = time.monotonic()
        if now - self._last >= _SAY_SECONDS:
            self._last = now
            self._problem.say(f"{name}, step {step} of {steps}: misfit {misfit / self._n_cells:.2f} a cell")


def _counted(problem: Problem, scopes: Sequence[Scope]) -> Iterator[tuple[Scope, NDArray[np.int64]]]:
    """Exact counts of the scopes, in as many passes as keep memory small."""
    known = [scope for scope in scopes if scope in problem.pairs]
    yield from ((scope, problem.pairs[scope]) for scope in known)
    left = [scope for scope in scopes if scope not in problem.pairs]
    while left:
        reached = np.cumsum([cells(problem.sizes, scope) for scope in left])
        n_now = max(1, int((reached <= _CELLS_AT_ONCE).sum()))
        counted = problem.count_more(left[:n_now])
        yield from ((scope, counted[scope]) for scope in left[:n_now])
        left = left[n_now:]


def _asked(
    problem: Problem, plan: MeasuringPlan, receipt: Receipt, alone: Sequence[NDArray[np.float64]]
) -> dict[Scope, int]:
    """How often to ask each pair; a pair that is left out is not asked."""
    if "scores" not in plan.events:
        return {scope: TARGET_TIMES if problem.target in scope else 1 for scope in problem.weights}
    paid = paid_counts(problem, plan, "cells", receipt)
    queries = paid.left if paid.left is not None else ASKED_A_COLUMN * len(problem.sizes)

    def look() -> list[list[object]]:
        scores = paid_counts(problem, plan, "scores", receipt)
        gains: dict[Scope, float] = {}
        for chunk in _chunks(problem, list(problem.weights)):
            expected = {s: np.outer(alone[s[0]], alone[s[1]]) * problem.n_rows for s, _ in chunk}
            errors = score(problem, dict(chunk), expected, scores)
            gains |= {s: error - _chance(expected[s], problem.n_rows) for s, error in errors.items()}
        chosen = _worth_measuring(problem, gains, alone, paid.scale, queries)
        return [[list(scope), times] for scope, times in chosen.items()]

    chosen = {tuple(scope): times for scope, times in problem.answers.decided("first look", look)}
    n_left = len(problem.weights) - len(chosen)
    problem.say(f"a first look chose {len(chosen)} pairs; the other {n_left} are taken as independent")
    return chosen


def _chunks(problem: Problem, scopes: Sequence[Scope]) -> Iterator[list[tuple[Scope, NDArray[np.int64]]]]:
    """Counted pairs, about as many at once as fit into memory."""
    counted = _counted(problem, scopes)
    while chunk := list(itertools.islice(counted, 2000)):
        yield chunk


def _chance(expected: NDArray[np.float64], n_rows: float) -> float:
    """Total variation distance from independence that independent columns have by chance."""
    spread = np.minimum(np.sqrt(2 / np.pi * np.maximum(expected, 0)), 2 * np.maximum(expected, 0))
    return float(spread.sum() / (2 * n_rows))


def _worth_measuring(
    problem: Problem,
    gains: Mapping[Scope, float],
    alone: Sequence[NDArray[np.float64]],
    scale: float,
    queries: int,
) -> dict[Scope, int]:
    """The pairs whose distance from independence is more than the noise that measuring them leaves.

    The more pairs share the queries, the more noise: the ranked pairs are taken in as long as they gain.
    """
    weight = {scope: TARGET_TIMES**0.5 if problem.target in scope else 1.0 for scope in gains}
    ranked = sorted(gains, key=lambda s: (-weight[s] * gains[s], s))[:queries]
    chosen: dict[Scope, float] = {}
    for number, scope in enumerate(ranked, start=1):
        expected = np.outer(alone[scope[0]], alone[scope[1]]) * problem.n_rows
        stddev = scale * np.sqrt(number / queries)
        # Neighbouring cells and the other pairs tell of a cell too, so noise is worth less than it is alone.
        if weight[scope] * gains[scope] <= 0.5 * noise_error(expected, stddev, problem.n_rows):
            continue
        chosen[scope] = weight[scope] ** 3
    return shared_out(chosen, queries) if chosen else {}


def _shares(one: Measurement) -> NDArray[np.float64]:
    kept = np.maximum(one.values, 1.0)
    return kept / kept.sum()


def _check(
    problem: Problem, measurements: Sequence[Measurement], alone: Sequence[NDArray[np.float64]], one: OneFit
) -> None:
    """Raises: FitFailed unless the misfit is about what noise, and another draw of the rows, explain."""
    n_cells = sum(m.values.size for m in measurements)
    explained = n_cells + sum(problem.n_rows / m.stddev**2 for m in measurements)
    apart = sum(_misfit_of_independence(m, alone, problem.n_rows) for m in measurements)
    most = max(2 * explained + 10 * n_cells**0.5, _EXACT * apart)
    if not one.misfit <= most:
        raise FitFailed(
            f"the fit of {len(measurements)} marginals ended at a misfit of {one.misfit / n_cells:.3g} "
            f"a cell after {one.steps} steps where {explained / n_cells:.3g} is explained; raise "
            "model.max_minutes and run train again: the noisy answers are kept, nothing is charged"
        )


def _misfit_of_independence(one: Measurement, alone: Sequence[NDArray[np.float64]], n_rows: float) -> float:
    if len(one.scope) == 1:
        return 0.0
    apart = np.outer(*(alone[column] for column in one.scope)) * n_rows
    return float(((one.values - apart) ** 2).sum()) / one.stddev**2


def _averaged(problem: Problem, forest: Forest, fits: Sequence[OneFit]) -> Mixture:
    """One mixture of the parts of all fits; each part keeps the ties of its own fit."""
    columns = range(len(problem.sizes))
    ties: list[NDArray[np.float32] | None] = []
    for column in columns:
        tables = [table for one in fits if (table := one.ties[column]) is not None]
        ties.append(np.stack(tables) if tables else None)
    return Mixture(
        domain=problem.domain,
        groupings=problem.groupings,
        forest=forest,
        weights=np.concatenate([one.weights for one in fits]) / len(fits),
        fit_of=np.repeat(np.arange(len(fits)), [len(one.weights) for one in fits]),
        each=tuple(np.concatenate([one.each[column] for one in fits]) for column in columns),
        ties=tuple(ties),
    )

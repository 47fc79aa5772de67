"""A greedy Bayesian network of at most two parents, its tables straight from noisy counts.

After PrivBayes (Zhang et al. 2014), with three differences: pairs are scored once, with Gaussian noise, and
the network is post-processing of the scores; a column's two parents are always tied themselves, so that the
network is a junction tree; conditional tables are smoothed by the columns' own noisy counts.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from synth.marginal.candidates import cells
from synth.marginal.measure import Measurement, measure, shared_out
from synth.marginal.plan import MeasuringPlan
from synth.marginal.problem import Fitted, Problem, measure_columns, paid_counts, score
from synth.models.tables import Scope, Table, Tables
from synth.privacy.entry import Receipt

_QUERIES_A_COLUMN = 20
_LEAST_ROWS_A_CELL = 3.0
"""Standard deviations of noise that the mean cell of a table must hold for a parent to be taken in."""


def learn(problem: Problem, plan: MeasuringPlan, receipt: Receipt) -> Fitted:
    """Measure, and turn the noisy counts into tables.

    Guarantee: the plan's events, which the receipt paid for; exact counts are read through them only.
    """
    columns = measure_columns(problem, paid_counts(problem, plan, "columns", receipt))
    alone = {one.scope[0]: _shares(one.values) for one in columns}
    if not problem.pairs:
        return _fitted(problem, [(c, ()) for c in alone], alone, columns)
    expected: dict[Scope, NDArray[np.float64]] = {
        (a, b): np.outer(alone[a], alone[b]) * problem.n_rows for a, b in problem.pairs
    }
    errors = score(problem, problem.pairs, expected, paid_counts(problem, plan, "scores", receipt))
    cell = paid_counts(problem, plan, "cells", receipt)
    queries = cell.left if cell.left is not None else _QUERIES_A_COLUMN * len(problem.sizes)
    stddev = cell.scale / np.sqrt(max(queries / len(problem.sizes), 1))
    network = grow(problem, {s: problem.weights[s] * e for s, e in errors.items()}, stddev)
    families = [tuple(sorted((*parents, column))) for column, parents in network if parents]
    more = problem.count_more([f for f in families if f not in problem.pairs])
    counts = {**problem.pairs, **more}
    times = shared_out({f: float(cells(problem.sizes, f)) for f in families}, queries)
    problem.say(f"a network of {len(families)} families")
    found = [measure(family, counts[family], cell, n) for family, n in times.items()]
    problem.answers.save()
    return _fitted(problem, network, alone, [*columns, *found])


def grow(problem: Problem, errors: dict[Scope, float], stddev: float) -> list[tuple[int, Scope]]:
    """Columns in drawing order with their parents; post-processing of the noisy scores.

    Args:
      errors: score of each pair. stddev: of the noise that a table's cells will get.
    """

    def tied(first: int, second: int) -> float:
        return errors.get((min(first, second), max(first, second)), 0.0)

    n_columns = len(problem.sizes)
    start = max(range(n_columns), key=lambda c: sum(tied(c, other) for other in range(n_columns)))
    network: list[tuple[int, Scope]] = [(start, ())]
    offers: list[Scope] = [(), (start,)]
    while len(network) < n_columns:
        placed = {column for column, _ in network}
        options = []
        for column, parents in itertools.product(range(n_columns), offers):
            size = cells(problem.sizes, (*parents, column))
            fits = len(parents) < 2 or problem.n_rows / size >= _LEAST_ROWS_A_CELL * stddev
            if column not in placed and fits and size <= problem.max_cells:
                options.append((sum(tied(column, parent) for parent in parents), column, parents))
        _, column, parents = max(options)
        network.append((column, parents))
        offers.append((column,))
        offers += [tuple(sorted((parent, column))) for parent in parents]
    return network


def _fitted(
    problem: Problem,
    network: list[tuple[int, Scope]],
    alone: dict[int, NDArray[np.float64]],
    measurements: list[Measurement],
) -> Fitted:
    by_scope = {one.scope: one for one in measurements}
    tables = []
    for column, parents in network:
        if not parents:
            tables.append(Table(column=column, parents=(), probabilities=alone[column]))
            continue
        one = by_scope[tuple(sorted((*parents, column)))]
        counts = np.maximum(one.values.transpose([one.scope.index(c) for c in (*parents, column)]), 0.0)
        # As much of the column's own distribution as the noise of a row of the table weighs.
        counts = counts + alone[column] * one.stddev
        tables.append(
            Table(
                column=column,
                parents=parents,
                probabilities=counts / counts.sum(axis=-1, keepdims=True),
            )
        )
    made = Tables(domain=problem.domain, groupings=problem.groupings, tables=tuple(tables))
    return Fitted(tables=made, measurements=tuple(measurements), factors=())


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.maximum(counts, 0.0) + 1e-9
    return kept / kept.sum()

"""A tree of pairs: the marginals of all columns, then of the pairs of a maximum spanning tree.

Source: McKenna, Miklau, Sheldon 2021 (MST, winner of the NIST challenge of 2018). There the tree's edges are
chosen one by one with the exponential mechanism; here every pair's score gets Gaussian noise, all of which
together cost one small event, and the tree is post-processing of the scores.
"""

import time

from synth.marginal.measure import measure, noise_error, shared_out
from synth.marginal.pairs import pair_marginals
from synth.marginal.plan import MeasuringPlan, Part
from synth.marginal.problem import Fitted, Problem, fit, measure_columns, paid_counts, score
from synth.models.tables import Scope
from synth.privacy.entry import Receipt

_COLUMNS, _SCORES = 0.3, 0.1
_QUERIES_A_COLUMN = 20


def parts(n_columns: int, n_pairs: int) -> dict[str, Part]:
    """What the method will ask of a table with pairs, from public facts alone."""
    return {
        "columns": Part(share=_COLUMNS, count=n_columns),
        "scores": Part(share=_SCORES, count=n_pairs),
        "cells": Part(share=1 - _COLUMNS - _SCORES, count=_QUERIES_A_COLUMN * n_columns),
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
    expected = {s: p * problem.n_rows for s, p in pair_marginals(model.tables).items()}
    errors = score(problem, problem.pairs, expected, paid_counts(problem, plan, "scores", receipt))
    tree = spanning_tree(len(problem.sizes), {s: problem.weights[s] * e for s, e in errors.items()})
    cells = paid_counts(problem, plan, "cells", receipt)
    queries = cells.left if cells.left is not None else _QUERIES_A_COLUMN * len(problem.sizes)
    sizes = {scope: noise_error(expected[scope], 1.0, problem.n_rows) for scope in tree}
    times = shared_out(sizes, queries)
    problem.say(f"a tree of {len(tree)} pairs")
    found += [measure(scope, problem.pairs[scope], cells, n) for scope, n in times.items()]
    problem.answers.save()
    return fit(problem, found, model, deadline)


def spanning_tree(n_columns: int, scores: dict[Scope, float]) -> list[Scope]:
    """The pairs of a maximum spanning tree (or forest, where pairs are missing), the highest first."""
    root = list(range(n_columns))

    def find(column: int) -> int:
        while root[column] != column:
            column = root[column]
        return column

    tree = []
    for scope in sorted(scores, key=lambda s: (-scores[s], s)):
        first, second = (find(column) for column in scope)
        if first != second:
            root[first] = second
            tree.append(scope)
    return tree

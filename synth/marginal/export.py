"""From a fitted model to the artifact that executors sample, with what people look at first."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.core.tie import Tie
from synth.marginal.measure import Measurement, combined
from synth.marginal.mixture import FittedMixture
from synth.marginal.pairs import mutual_information
from synth.marginal.problem import Fitted
from synth.models.misfit import Misfit, ScopeMisfit
from synth.models.mixture import Parts, column_marginals, pair_marginals
from synth.models.mixture_artifact import MixtureArtifact
from synth.models.tables import Scope, Tables, marginalised
from synth.models.tables_artifact import MeasuringRecord, TablesArtifact

_MOST_TIES = 500
"""Ties of a wide table that are told: the strongest."""
_MEAN_ABSOLUTE = float(np.sqrt(2 / np.pi))


def artifact_of(
    fitted: Fitted | FittedMixture, method: str, n_rows: float, record: MeasuringRecord
) -> TablesArtifact | MixtureArtifact:
    """The artifact of a fitted model; post-processing of what was measured."""
    measured = sorted(combined(fitted.measurements), key=lambda one: (len(one.scope), one.scope))
    pairs = [one.scope for one in measured if len(one.scope) > 1]
    match fitted:
        case Fitted(tables=tables):
            return TablesArtifact(
                tables=tables,
                ties=ties_of(tables, pairs),
                fit=misfit_of(tables.domain, measured, _marginals_of(tables, measured), n_rows),
                method=method,
                training=record,
            )
        case FittedMixture(mixture=mixture, n_rows=told):
            parts = mixture.parts
            found: dict[Scope, NDArray[np.float64]] = column_marginals(parts) | dict(
                pair_marginals(parts, pairs)
            )
            return MixtureArtifact(
                mixture=mixture,
                ties=mixture_ties(parts, found),
                fit=misfit_of(mixture.domain, measured, found, told),
                training=record,
            )


def misfit_of(
    domain: Domain,
    measured: Iterable[Measurement],
    model: Mapping[Scope, NDArray[np.float64]],
    n_rows: float,
) -> Misfit:
    """The distances between a model and what it was fitted to.

    Args:
      measured: at most one measurement a scope. model: the exact distribution of each of their scopes.
    """
    scopes, squares, cells = [], 0.0, 0
    for one in measured:
        error = one.values - model[one.scope] * n_rows
        squares += float((error**2).sum()) / one.stddev**2
        cells += error.size
        scopes.append(
            ScopeMisfit(
                columns=tuple(domain.names[column] for column in one.scope),
                distance=float(np.abs(error).sum()) / (2 * n_rows),
                noise=_MEAN_ABSOLUTE * one.stddev * error.size / (2 * n_rows),
            )
        )
    return Misfit(cells=cells, misfit_per_cell=squares / max(cells, 1), scopes=tuple(scopes))


def ties_of(tables: Tables, scopes: Sequence[Scope]) -> tuple[Tie, ...]:
    """The pairs within measured marginals, the strongest first."""
    wanted = {pair for scope in scopes for pair in itertools.combinations(scope, 2)}
    found: dict[Scope, NDArray[np.float64]] = {}
    for scope, joint in tables.families.values():
        for pair in wanted - set(found):
            if set(pair) <= set(scope):
                found[pair] = marginalised(joint, scope, pair)
    return _ties(tables.domain, found)


def mixture_ties(parts: Parts, model: Mapping[Scope, NDArray[np.float64]]) -> tuple[Tie, ...]:
    """The strongest of the measured pairs, the strongest first."""
    pairs: dict[Scope, NDArray[np.float64]] = {s: joint for s, joint in model.items() if len(s) == 2}
    return _ties(parts.domain, pairs)[:_MOST_TIES]


def _ties(domain: Domain, pairs: Mapping[Scope, NDArray[np.float64]]) -> tuple[Tie, ...]:
    ties = [
        Tie(first=domain.names[a], second=domain.names[b], strength=mutual_information(joint))
        for (a, b), joint in pairs.items()
    ]
    return tuple(sorted(ties, key=lambda tie: (-tie.strength, tie.first, tie.second)))


def _marginals_of(tables: Tables, measured: Iterable[Measurement]) -> dict[Scope, NDArray[np.float64]]:
    """The distributions of scopes that lie within one of the model's families, as all measured ones do."""
    by_size = sorted(tables.families.values(), key=lambda family: family[1].size)
    found: dict[Scope, NDArray[np.float64]] = {}
    for one in measured:
        scope, joint = next(family for family in by_size if set(one.scope) <= set(family[0]))
        found[one.scope] = marginalised(joint, scope, one.scope)
    return found

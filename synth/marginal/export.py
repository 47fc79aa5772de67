"""From a fitted model to the artifact that executors sample, with what people look at first."""

import itertools

from synth.core.tie import Tie
from synth.marginal.pairs import mutual_information
from synth.marginal.problem import Fitted
from synth.models.tables import Tables, marginalised
from synth.models.tables_artifact import MeasuringRecord, TablesArtifact


def artifact_of(fitted: Fitted, method: str, record: MeasuringRecord) -> TablesArtifact:
    """The artifact of a fitted model; post-processing of what was measured."""
    names = fitted.tables.domain.names
    scopes = sorted({one.scope for one in fitted.measurements}, key=lambda s: (len(s), s))
    return TablesArtifact(
        tables=fitted.tables,
        ties=ties_of(fitted.tables, [scope for scope in scopes if len(scope) > 1]),
        measured=tuple(tuple(names[column] for column in scope) for scope in scopes),
        method=method,
        training=record,
    )


def ties_of(tables: Tables, scopes: list[tuple[int, ...]]) -> tuple[Tie, ...]:
    """The pairs within measured marginals, the strongest first."""
    names = tables.domain.names
    wanted = {pair for scope in scopes for pair in itertools.combinations(scope, 2)}
    found: dict[tuple[int, ...], float] = {}
    for scope, joint in tables.families.values():
        for pair in wanted - set(found):
            if set(pair) <= set(scope):
                found[pair] = mutual_information(marginalised(joint, scope, pair))
    ties = [Tie(first=names[a], second=names[b], strength=s) for (a, b), s in found.items()]
    return tuple(sorted(ties, key=lambda tie: (-tie.strength, tie.first, tie.second)))

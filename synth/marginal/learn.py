"""The methods by name: what each asks for, and how it learns."""

from typing import assert_never

from synth.config.model import MarginalMethod
from synth.marginal import aim, mst, network, rounds
from synth.marginal.plan import MeasuringPlan, MeasuringSpec, Part
from synth.marginal.problem import Fitted, Problem
from synth.privacy.entry import Receipt


def spec_of(method: MarginalMethod, n_columns: int, n_pairs: int, max_rows: int) -> MeasuringSpec:
    """What the method will ask of a table, from public facts alone: without pairs, of columns only."""
    if not n_pairs:
        return MeasuringSpec(parts={"columns": Part(share=1.0, count=n_columns)}, max_rows=max_rows)
    return MeasuringSpec(parts=_parts(method, n_columns, n_pairs), max_rows=max_rows)


def _parts(method: MarginalMethod, n_columns: int, n_pairs: int) -> dict[str, Part]:
    match method:
        case MarginalMethod.ROUNDS:
            return rounds.parts(n_columns, n_pairs)
        case MarginalMethod.MST | MarginalMethod.NETWORK:  # scores once, then as many tables as columns
            return mst.parts(n_columns, n_pairs)
        case MarginalMethod.AIM:
            return aim.parts(n_columns)
        case _:
            assert_never(method)


def learn(method: MarginalMethod, problem: Problem, plan: MeasuringPlan, receipt: Receipt) -> Fitted:
    """Choose, measure and fit.

    Guarantee: the plan's events, which the receipt paid for.
    """
    match method:
        case MarginalMethod.ROUNDS:
            return rounds.learn(problem, plan, receipt)
        case MarginalMethod.MST:
            return mst.learn(problem, plan, receipt)
        case MarginalMethod.AIM:
            return aim.learn(problem, plan, receipt)
        case MarginalMethod.NETWORK:
            return network.learn(problem, plan, receipt)
        case _:
            assert_never(method)

"""The methods by name: what each asks for, and how it learns."""

from typing import assert_never

from synth.config.model import MarginalMethod
from synth.marginal import aim, mst, network, rounds
from synth.marginal.plan import MeasuringPlan, MeasuringSpec
from synth.marginal.problem import Fitted, Problem
from synth.privacy.entry import Receipt


def spec_of(method: MarginalMethod, n_columns: int, n_pairs: int, max_rows: int) -> MeasuringSpec:
    """What the method will ask of a table, from public facts alone."""
    match method:
        case MarginalMethod.ROUNDS:
            return rounds.spec(n_columns, n_pairs, max_rows)
        case MarginalMethod.MST:
            return mst.spec(n_columns, n_pairs, max_rows)
        case MarginalMethod.AIM:
            return aim.spec(n_columns, n_pairs, max_rows)
        case MarginalMethod.NETWORK:
            return network.spec(n_columns, n_pairs, max_rows)
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

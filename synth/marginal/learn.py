"""The methods by name: what each asks for, and how it learns."""

from typing import assert_never

from synth.config.model import MarginalMethod, MarginalSettings
from synth.marginal import aim, mixture, mst, network, rounds
from synth.marginal.mixture import FittedMixture
from synth.marginal.plan import MeasuringPlan, MeasuringSpec, Part
from synth.marginal.problem import Fitted, Problem
from synth.privacy.entry import Receipt


def spec_of(
    method: MarginalMethod, n_columns: int, n_pairs: int, max_rows: int, *, n_with_target: int = 0
) -> MeasuringSpec:
    """What the method will ask of a table, from public facts alone: without pairs, of columns only.

    Args:
      n_with_target: how many of the pairs hold the column to predict.
    """
    if not n_pairs:
        return MeasuringSpec(parts={"columns": Part(share=1.0, count=n_columns)}, max_rows=max_rows)
    return MeasuringSpec(parts=_parts(method, n_columns, n_pairs, n_with_target), max_rows=max_rows)


def _parts(method: MarginalMethod, n_columns: int, n_pairs: int, n_with_target: int) -> dict[str, Part]:
    match method:
        case MarginalMethod.MIXTURE:
            return mixture.parts(n_columns, n_pairs, n_with_target)
        case MarginalMethod.ROUNDS:
            return rounds.parts(n_columns, n_pairs)
        case MarginalMethod.MST | MarginalMethod.NETWORK:  # scores once, then as many tables as columns
            return mst.parts(n_columns, n_pairs)
        case MarginalMethod.AIM:
            return aim.parts(n_columns)
        case _:
            assert_never(method)


def learn(
    settings: MarginalSettings, problem: Problem, plan: MeasuringPlan, receipt: Receipt
) -> Fitted | FittedMixture:
    """Choose, measure and fit.

    Guarantee: the plan's events, which the receipt paid for.
    """
    match settings.method:
        case MarginalMethod.MIXTURE:
            return mixture.learn(problem, settings.mixture, plan, receipt)
        case MarginalMethod.ROUNDS:
            return rounds.learn(problem, plan, receipt)
        case MarginalMethod.MST:
            return mst.learn(problem, plan, receipt)
        case MarginalMethod.AIM:
            return aim.learn(problem, plan, receipt)
        case MarginalMethod.NETWORK:
            return network.learn(problem, plan, receipt)
        case _:
            assert_never(settings.method)

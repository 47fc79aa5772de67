"""How long fitting is foreseen to take: more for more, and refused where not one fit would end."""

import functools
import itertools

import pytest

from synth.config.model import MarginalMethod, MixtureSettings, Model
from synth.errors import ConfigError
from synth.marginal.learn import spec_of
from synth.marginal.pace import Pace, check_pace, pace_of, sizes_for
from synth.marginal.plan import MeasuringPlan
from synth.privacy.budget import Budget
from synth.privacy.policy import Cap


@functools.cache
def plan_for(n_columns: int) -> MeasuringPlan:
    cap = Cap(name="all", budget=Budget(epsilon=0.85, delta=1e-6), entries=(), streams=((),))
    n_pairs = n_columns * (n_columns - 1) // 2
    return spec_of(MarginalMethod.MIXTURE, n_columns, n_pairs, 1).calibrate([cap])


def pace(n_columns: int, **asked: float) -> Pace:
    """Of 100,000 rows of 18 codes a column."""
    scopes = list(itertools.combinations(range(n_columns), 2))
    settings = MixtureSettings(**asked)  # type: ignore[arg-type]
    return pace_of([18] * n_columns, scopes, plan_for(n_columns), settings, n_rows=100_000)


def test_more_columns_parts_steps_and_fits_take_longer() -> None:
    usual = pace(20)
    assert pace(200).all > usual.all
    assert pace(20, parts=4 * usual.parts).one > usual.one
    assert pace(20, steps=4 * usual.steps).one > usual.one
    assert pace(20, fits=8).all > usual.all
    assert pace(20, fits=8).one == usual.one
    assert pace(20, smooth=0.02, ridge=0.001).all < usual.all


def test_a_fit_of_two_hundred_columns_is_foreseen_to_end_in_the_usual_time() -> None:
    check_pace(pace(200), Model().max_minutes)


def test_what_cannot_end_is_refused_in_one_line() -> None:
    slow = pace(200, parts=4096, steps=100_000)
    check_pace(slow, max_minutes=slow.one + 1)
    with pytest.raises(ConfigError, match=r"raise it, or lower .*; nothing is charged") as caught:
        check_pace(slow, max_minutes=10)
    assert "\n" not in str(caught.value)


def test_the_finer_the_answers_the_more_parts_and_steps() -> None:
    found = [sizes_for(signal) for signal in (1, 10, 100, 500, 1000, 10_000, 10**6)]
    assert found == sorted(found)
    assert found[0] == (8, 400)
    assert found[-1] == (256, 2000)

"""How long fitting is foreseen to take: more for more, and refused where not one fit would end."""

import itertools

import pytest

from synth.config.model import MarginalMethod, MixtureSettings
from synth.errors import ConfigError
from synth.marginal.learn import spec_of
from synth.marginal.pace import Pace, check_pace, pace_of, sizes_for
from synth.privacy.budget import Budget
from synth.privacy.policy import Cap


def pace(n_columns: int, codes: int = 18, n_rows: int = 100_000, **asked: float) -> Pace:
    scopes = list(itertools.combinations(range(n_columns), 2))
    cap = Cap(name="all", budget=Budget(epsilon=0.85, delta=1e-6), entries=(), streams=((),))
    plan = spec_of(MarginalMethod.MIXTURE, n_columns, len(scopes), 1).calibrate([cap])
    return pace_of([codes] * n_columns, scopes, plan, MixtureSettings(**asked), n_rows=n_rows)  # type: ignore[arg-type]


def test_more_columns_parts_steps_and_fits_take_longer() -> None:
    usual = pace(20)
    assert pace(200).all > usual.all
    assert pace(20, parts=4 * usual.parts).one > usual.one
    assert pace(20, steps=4 * usual.steps).one > usual.one
    assert pace(20, fits=8).all > usual.all
    assert pace(20, fits=8).one == usual.one
    assert pace(20, smooth=0.02, ridge=0.001).all < usual.all


def test_two_hundred_columns_are_foreseen_to_end_in_twenty_minutes() -> None:
    assert pace(200).all < 20


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

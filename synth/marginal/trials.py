"""How to fit a mixture: sizes by a rule from released figures, penalties by cells kept apart.

A trial is a short fit that does not see a fifth of the noisy cells; what tells those best is taken. The noise
of each cell is its own, so that a fit of the noise shows. All of it is post-processing.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synth.config.model import MixtureSettings
from synth.marginal.measure import Measurement
from synth.marginal.mixture_fit import FitSettings, MixtureFit
from synth.marginal.pace import RIDGES, SMOOTHS, TRIAL_STEPS, sizes_for

_USUAL_SMOOTH, _USUAL_RIDGE = 0.02, 0.0001
_TRIAL_TIME = 0.3
"""Share of the time left after which no other trial is begun."""
_SPREAD, _LITTLE_SPREAD, _LITTLE_SMOOTH = 1.0, 0.2, 0.02
"""First guesses, and the least smoothness where pairs were left out: cells kept apart are of measured pairs,
and do not see ties that parts make up between others (bench/results/wide.md)."""

Say = Callable[[str, int, int, float], None]
"""Told what goes on, its step of how many, and the misfit."""


def chosen(
    engine: MixtureFit,
    measurements: Sequence[Measurement],
    start: Sequence[NDArray[np.float64]],
    asked: MixtureSettings,
    *,
    n_rows: float,
    deadline: float,
    say: Say,
) -> tuple[FitSettings, str]:
    """The settings of a fit, and the trials in words.

    Args:
      engine: that all fits share, so that it is compiled once.
      start: of each column, shares of its groups; > 0.
      asked: what is set there is not tried otherwise.
      deadline: of time.monotonic(), by which all fits have to end.
    """
    usual = _usual(measurements, len(start), asked, n_rows)
    least = SMOOTHS[0] if usual.spread == _SPREAD else _LITTLE_SMOOTH
    axes = {
        "smooth": tuple(s for s in SMOOTHS if s >= least) if asked.smooth is None else (usual.smooth,),
        "ridge": RIDGES if asked.ridge is None and engine.layout.tied else (usual.ridge,),
    }
    if max(len(values) for values in axes.values()) == 1:
        return usual, "none, both penalties are given"
    ends = time.monotonic() + _TRIAL_TIME * max(0.0, deadline - time.monotonic())
    tried: dict[FitSettings, float] = {}

    def misfit(settings: FitSettings) -> float:
        if settings not in tried and (not tried or time.monotonic() < ends):
            short = replace(settings, steps=min(TRIAL_STEPS, settings.steps))
            tell = _telling(say, f"trial {len(tried) + 1}", short.steps)
            found = engine.trial(start, short, seed=0, deadline=deadline, say=tell)
            tried[settings] = found if np.isfinite(found) else math.inf
        return tried.get(settings, math.inf)

    best = usual
    for axis in ("smooth", "ridge", "smooth"):
        best = _downhill(best, axis, axes[axis], misfit)
    ranked = sorted(tried.items(), key=lambda one: one[1])
    return best, ", ".join(f"smooth {s.smooth:g} ridge {s.ridge:g}: {score:.0f}" for s, score in ranked)


def _usual(
    measurements: Sequence[Measurement], n_columns: int, asked: MixtureSettings, n_rows: float
) -> FitSettings:
    """Where trials begin: what is asked, else by a rule."""
    noise = [one.stddev for one in measurements if len(one.scope) > 1] or [math.inf]
    parts, steps = sizes_for(n_rows / float(np.median(noise)))
    return FitSettings(
        parts=asked.parts or parts,
        smooth=_USUAL_SMOOTH if asked.smooth is None else asked.smooth,
        ridge=_USUAL_RIDGE if asked.ridge is None else asked.ridge,
        steps=asked.steps or steps,
        spread=_SPREAD if len(noise) == n_columns * (n_columns - 1) // 2 else _LITTLE_SPREAD,
    )


def _downhill(
    best: FitSettings, axis: str, values: Sequence[float], misfit: Callable[[FitSettings], float]
) -> FitSettings:
    """The best on the way along an axis, to either side as long as it gets better."""
    place = values.index(getattr(best, axis))
    for side in (values[place + 1 :], values[:place][::-1]):
        for value in side:
            other = replace(best, **{axis: value})  # type: ignore[arg-type]  # both axes are floats
            reached = misfit(best)  # first: the time may end after one trial, which says nothing of another
            if not misfit(other) < reached:
                break
            best = other
    return best


def _telling(say: Say, name: str, steps: int) -> Callable[[int, float], None]:
    return lambda step, misfit: say(name, step, steps, misfit)

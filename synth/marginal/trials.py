"""How to fit a mixture: sizes by a rule from released figures, tree and penalties by cells kept apart.

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
from synth.models.mixture import Forest

_SMOOTH = (0.02, 0.06, 0.006, 0.002)
_RIDGES = (0.003, 0.1, 0.0001)
"""Penalties that are tried, the usual one first."""
_TRIAL_STEPS = 300
_LITTLE_SPREAD = 0.2
_STEPS_AT_ONCE = 25

Say = Callable[[str, int, int, float], None]
"""Told what goes on, its step of how many, and the misfit."""


def sizes_for(signal: float) -> tuple[int, int]:
    """Parts and steps of a fit.

    Args:
      signal: rows over the standard deviation of a pair's noise: how finely the answers tell a share.
    As measured: parts beyond these learn noise, fewer miss ties; see docs/adr/0014-mixture-with-a-tree.md.
    """
    parts = 2 ** int(np.clip(math.floor(math.log2(max(signal, 1) / 8)) if signal > 8 else 0, 3, 8))
    steps = int(np.clip(28 * math.sqrt(max(signal, 1)), 400, 2000))
    return parts, -(-steps // _STEPS_AT_ONCE) * _STEPS_AT_ONCE


def chosen(
    forest: Forest,
    measurements: Sequence[Measurement],
    start: Sequence[NDArray[np.float64]],
    asked: MixtureSettings,
    *,
    n_rows: float,
    deadline: float,
    say: Say,
) -> tuple[MixtureFit, FitSettings, str]:
    """The fit with the forest or with none, its settings, and the trials in words.

    Args:
      start: of each column, shares of its groups; > 0.
      asked: what is set there is not tried otherwise.
      deadline: of time.monotonic(), after which no trial is begun but the first.
    """
    noise = [one.stddev for one in measurements if len(one.scope) > 1] or [math.inf]
    parts, steps = sizes_for(n_rows / float(np.median(noise)))
    usual = FitSettings(
        parts=asked.parts or parts,
        smooth=_SMOOTH[0] if asked.smooth is None else asked.smooth,
        ridge=_RIDGES[0] if asked.ridge is None else asked.ridge,
        steps=asked.steps or steps,
        spread=1.0 if len(noise) == len(start) * (len(start) - 1) // 2 else _LITTLE_SPREAD,
    )
    smooths = _SMOOTH if asked.smooth is None else (asked.smooth,)
    ridges = _RIDGES if asked.ridge is None else (asked.ridge,)
    trees = dict.fromkeys((Forest(parents=(None,) * len(start)), forest))
    sizes = [len(shares) for shares in start]
    bare, *tied = (MixtureFit(sizes, tree, measurements, n_rows=n_rows) for tree in trees)
    tried: dict[tuple[bool, FitSettings], float] = {}

    def attempt(engine: MixtureFit, settings: FitSettings) -> None:
        key = bool(engine.layout.tied), settings
        if key in tried or (tried and time.monotonic() > deadline):
            return
        short = replace(settings, steps=min(_TRIAL_STEPS, settings.steps))
        tell = _telling(say, f"trial {len(tried) + 1}", short.steps)
        score = engine.trial(start, short, seed=0, deadline=deadline, say=tell)
        tried[key] = score if np.isfinite(score) else math.inf

    def best() -> tuple[bool, FitSettings]:
        return min(tried, key=lambda key: tried[key])

    for smooth in smooths:
        attempt(bare, replace(usual, smooth=smooth))
    for engine in tied:
        smooth = best()[1].smooth
        for ridge in ridges:
            attempt(engine, replace(usual, smooth=smooth, ridge=ridge))
        ridge = min((key for key in tried if key[0]), key=lambda key: tried[key], default=best())[1].ridge
        near = sorted(smooths, key=lambda other: abs(math.log(max(other, 1e-9) / max(smooth, 1e-9))))
        for other in near[1:3]:
            attempt(engine, replace(usual, smooth=other, ridge=ridge))
    has_tree, settings = best()
    words = ", ".join(
        f"{_words(*key)} {score:.0f}" for key, score in sorted(tried.items(), key=lambda t: t[1])
    )
    return tied[0] if has_tree else bare, settings, words


def _words(has_tree: bool, settings: FitSettings) -> str:
    tree = f"tree of ridge {settings.ridge:g}" if has_tree else "no tree"
    return f"{tree}, smooth {settings.smooth:g}:"


def _telling(say: Say, name: str, steps: int) -> Callable[[int, float], None]:
    return lambda step, misfit: say(name, step, steps, misfit)

"""How long fitting a mixture will take, told from released figures before anything is charged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.config.model import MixtureSettings
from synth.errors import ConfigError
from synth.marginal.candidates import cells
from synth.marginal.layout import dense_is_worth
from synth.marginal.plan import MeasuringPlan
from synth.models.tables import Scope
from synth.privacy.budget import DiscreteGaussian

ASKED_A_COLUMN = 4
"""Pairs a column that are measured after a first look."""
TREE_CELLS = 60_000
"""Cells of all pairs within one tree, together: what a step of a fit costs most time for."""
SMOOTHS = (0.002, 0.006, 0.02, 0.06)
RIDGES = (0.0001, 0.003, 0.1, 1.0)
"""Penalties that are tried, increasing: the largest ridge leaves little of the ties."""
TRIAL_STEPS = 300
_MOST_TRIALS = len(SMOOTHS) + len(RIDGES) + 1
_STEPS_AT_ONCE = 25
_VERY_FINE = 2500
"""Rows over noise above which 256 parts are taken; whether they beat 128 is not measured."""
_TIED, _APART, _DENSE = 12e-9, 6e-9, 0.6e-9
"""Seconds of a step for each part and cell: of a pair within a tree, of a stack, of all pairs of codes at
once. The first took 7e-9 to 15e-9 of a core that others shared (bench/results/mixture.md); the others are
guessed from the operations."""
_COMPILING, _COMPILING_A_COLUMN = 15.0, 0.5
"""Seconds, rough: 15 columns of which 7 to 14 were tied took 10 to 20 of one core."""


def sizes_for(signal: float) -> tuple[int, int]:
    """Parts and steps of a fit.

    Args:
      signal: rows over the standard deviation of a pair's noise: how finely the answers tell a share.
    As measured: parts beyond these learn noise, fewer miss ties; see docs/adr/0014-mixture-with-a-tree.md.
    """
    most = 8 if signal > _VERY_FINE else 7
    parts = 2 ** int(np.clip(round(math.log2(signal / 10)) if signal > 10 else 0, 3, most))
    steps = int(np.clip(46 * math.sqrt(max(signal, 1)), 400, 2000))
    return parts, -(-steps // _STEPS_AT_ONCE) * _STEPS_AT_ONCE


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What fits are foreseen to take.

    Attributes:
      parts, steps: of one fit. fits: that are averaged.
      one: minutes until the first fit has ended. all: until all have.
    """

    parts: int
    steps: int
    fits: int
    one: float
    all: float

    def __str__(self) -> str:
        return (
            f"about {self.all:.1f} minutes for {self.fits} fit(s) of {self.parts} parts in {self.steps} steps"
        )


def pace_of(
    sizes: Sequence[int],
    scopes: Sequence[Scope],
    plan: MeasuringPlan,
    asked: MixtureSettings,
    *,
    n_rows: float,
) -> Pace:
    """How long the fits take on one core, by a rule that was measured.

    Args:
      sizes: groups of each column. scopes: pairs that may be measured.
      n_rows: released.
    """
    measured = sum(cells(sizes, scope) for scope in scopes)
    if "scores" in plan.events:
        measured = round(measured * min(1.0, ASKED_A_COLUMN * len(sizes) / max(len(scopes), 1)))
    event = plan.events.get("cells")
    noise = event.scale if isinstance(event, DiscreteGaussian) else max(0.5, 1e-4 * n_rows)
    parts, steps = sizes_for(n_rows / noise)
    parts, steps = asked.parts or parts, asked.steps or steps
    tied = _TIED * min(TREE_CELLS, measured)
    apart = _DENSE * sum(sizes) ** 2 if dense_is_worth(sizes, measured) else _APART * measured
    step = parts * (tied + apart)
    is_tried = asked.smooth is None or asked.ridge is None
    before = _COMPILING + _COMPILING_A_COLUMN * len(sizes)
    trials = step * TRIAL_STEPS * (_MOST_TRIALS if is_tried else 0)
    fit = step * steps
    return Pace(
        parts=parts,
        steps=steps,
        fits=asked.fits,
        one=(before + min(trials, step * TRIAL_STEPS) + fit) / 60,
        all=(before + trials + fit * asked.fits) / 60,
    )


def check_pace(pace: Pace, max_minutes: float) -> None:
    """Raise ConfigError if not even one fit will end in time: before it is charged."""
    if pace.one > max_minutes:
        raise ConfigError(
            f"one fit of {pace.parts} parts in {pace.steps} steps would take about {pace.one:.1f} minutes, "
            f"model.max_minutes is {max_minutes:g}; raise it, or lower prepare.bins, "
            "model.marginal.mixture.parts or model.marginal.max_cells; nothing is charged"
        )

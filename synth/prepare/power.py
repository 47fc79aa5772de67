"""Yeo-Johnson fitted to released cells: post-processing, so it costs nothing more."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from synth.core.codebook import Cell
from synth.core.power import PowerTransform, yeo_johnson

_LOWEST, _HIGHEST = -4.0, 6.0
_WORST = 1e100
"""Cost of a power that no float holds: finite, so that the search can take differences of it."""
_POINTS = 4
"""Points by which a cell stands in the fit, evenly within it."""


def fit_power(cells: Sequence[Cell]) -> PowerTransform | None:
    """The transform of greatest likelihood for values spread evenly within each cell; None without spread.

    Args:
      cells: released, with counts > 0.
    """
    cells = [cell for cell in cells if np.isfinite(cell[0]) and np.isfinite(cell[1])]
    edges = np.array([(lower, upper) for lower, upper, _ in cells]).reshape(-1, 2)
    weights = np.repeat([count for _, _, count in cells], _POINTS)
    within = (np.arange(_POINTS) + 0.5) / _POINTS
    points = (edges[:, :1] + (edges[:, 1:] - edges[:, :1]) * within).ravel()  # [cells] -> [cells * points]
    if len(points) == 0 or np.ptp(points) == 0:
        return None
    weights = weights / weights.sum()
    slope = float(weights @ (np.sign(points) * np.log1p(np.abs(points))))

    def cost(power: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # what no float holds is no candidate
            moved = yeo_johnson(points, power)
            variance = float(weights @ (moved - weights @ moved) ** 2)
        # The log-likelihood of Yeo and Johnson 2000, equation 3.1, its variance profiled out.
        return 0.5 * float(np.log(variance)) - (power - 1) * slope if 0 < variance < np.inf else _WORST

    power = float(minimize_scalar(cost, bounds=(_LOWEST, _HIGHEST), method="bounded").x)
    with np.errstate(over="ignore", invalid="ignore"):
        moved = yeo_johnson(points, power)
        mean = float(weights @ moved)
        std = float(np.sqrt(weights @ (moved - mean) ** 2))
    return (
        PowerTransform(power=power, mean=mean, std=std)
        if np.isfinite([mean, std]).all() and std > 0
        else None
    )

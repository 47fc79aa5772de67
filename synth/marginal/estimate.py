"""The model whose marginals fit the measured ones best; the only module that knows mbi and JAX.

Minimises sum ||marginal - measured||^2 / (2 stddev^2) over all distributions of the graph's cliques.
Source: McKenna, Sheldon, Miklau 2019 (Private-PGM), by an accelerated proximal method (Nesterov 2015; the
marginals of each step by exact message passing of mbi).

The step: in the norm that entropy is convex in (L1 over the whole distribution) the gradient is Lipschitz
with the sum over all measurements of 1 / stddev^2: a change of mass one in the distribution is at most one in
each marginal. That step always descends, and is often much too short; so fitting begins with a longer one and
shortens it, down to that one, whenever the objective rises.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

# Before JAX is imported: the tables are small, so a GPU would only compile longer; counts need float64.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_ENABLE_X64"] = "true"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import jax
import jax.numpy as jnp
import numpy as np
from mbi import CliqueVector, Domain, LinearMeasurement, marginal_loss, marginal_oracles

from synth.marginal.measure import Measurement
from synth.models.tables import Factor

_STEPS_AT_ONCE = 50
_LONGER = 64.0
"""How many times the step that is sure to descend the first one is, at most."""
_SHORTER = 4.0
"""What the step is divided by when the objective rises."""
_ROUNDING = 1e-9
"""By how much of itself an objective may rise by rounding alone."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted model.

    Attributes:
      factors: logarithms whose product is proportional to the distribution.
      objective: half the sum of squared errors over noise variances, at the end.
      cells: how many numbers were measured; noise alone explains an objective of about half as much.
      steps: of the method, those taken back included.
      seconds: with compiling.
      converged: False if time ran out first.
    """

    factors: tuple[Factor, ...]
    objective: float
    cells: int
    steps: int
    seconds: float
    converged: bool

    @property
    def is_sound(self) -> bool:
        """Whether the objective is no more than twice what noise explains, with room for chance."""
        return bool(self.objective <= self.cells + 10.0 * np.sqrt(self.cells))


def estimate(
    sizes: Sequence[int],
    measurements: Sequence[Measurement],
    *,
    n_rows: float,
    warm: Sequence[Factor] = (),
    tolerance: float = 1e-3,
    max_seconds: float = 120.0,
) -> Fit:
    """Fit until 50 steps begun without momentum lower the objective by less than `tolerance` of itself.

    Args:
      sizes: groups of each column; every column needs a measurement.
      measurements: at most one a scope.
      n_rows: what the model's marginals sum to.
      warm: factors of an earlier fit to start from.
    """
    started = time.monotonic()
    domain = Domain([_name(c) for c in range(len(sizes))], list(sizes))
    linear = [
        LinearMeasurement(one.values.ravel(), tuple(map(_name, one.scope)), stddev=one.stddev)
        for one in measurements
    ]
    loss = marginal_loss.from_linear_measurements(linear, domain)
    state = _start(domain, loss, warm)
    n_cells = sum(one.values.size for one in measurements)
    surely = 1.0 / (n_rows * n_rows * sum(one.stddev**-2 for one in measurements))
    step = min(_LONGER * surely, 1.0 / (n_rows * n_rows * float(loss.lipschitz)))
    value, steps = float(loss(state.marginals * n_rows)), 0
    is_fresh, converged = True, False
    while not converged:
        moved, objective = _accelerate(state, loss, n_rows, step)
        steps += _STEPS_AT_ONCE
        if not float(objective) <= value * (1 + _ROUNDING) and (step > surely or not is_fresh):
            # Too long a step, or a momentum that points past the optimum: back, and on without either.
            step = max(step / _SHORTER, surely) if is_fresh else step
            state, is_fresh = _without_momentum(state), True
        else:
            # Below a hundredth of its cells, the objective is far within the noise: less is not better.
            gained = value - float(objective) > tolerance * max(float(objective), 0.01 * n_cells)
            state, value = moved, float(objective)
            converged = not gained and is_fresh
            if not gained:
                # The momentum may be spent: go on without it once (O'Donoghue, Candes 2015).
                state = _without_momentum(state)
            is_fresh = not gained
        if time.monotonic() - started >= max_seconds:
            break
    return Fit(
        factors=tuple(_factor(state.potentials[clique], clique) for clique in loss.cliques),
        objective=value,
        cells=n_cells,
        steps=steps,
        seconds=time.monotonic() - started,
        converged=converged,
    )


class _State(NamedTuple):
    """average: the running mean of the marginals; marginals, potentials: the latest; weight: theta."""

    average: Any
    marginals: Any
    potentials: Any
    weight: Any


def _without_momentum(state: _State) -> _State:
    return state._replace(average=state.marginals, weight=jnp.asarray(1.0))


def _start(domain: Domain, loss: Any, warm: Sequence[Factor]) -> _State:
    potentials = CliqueVector.zeros(domain, loss.cliques)
    arrays = {clique: np.array(potentials[clique].values) for clique in loss.cliques}
    for factor in warm:
        names = tuple(map(_name, factor.scope))
        clique = next((c for c in loss.cliques if set(names) <= set(c)), None)
        if clique is not None:
            columns = tuple(_column(name) for name in clique)
            order = [factor.scope.index(c) for c in columns if c in factor.scope]
            own = tuple(factor.scope[i] for i in order)
            arrays[clique] = arrays[clique] + Factor(own, factor.logs.transpose(order)).over(columns)
    for clique, values in arrays.items():
        potentials[clique] = type(potentials[clique])(domain.project(clique), jnp.asarray(values))
    marginals = marginal_oracles.message_passing_shafer_shenoy(potentials, 1.0)
    return _State(marginals, marginals, potentials, jnp.asarray(1.0))


@jax.jit
def _accelerate(state: _State, loss: Any, n_rows: float, step: float) -> tuple[_State, Any]:
    """Fifty steps on the unit simplex, and the objective of the latest marginals."""

    def scaled(marginals: Any) -> Any:
        return loss(marginals * n_rows)

    def one(now: _State, _: None) -> tuple[_State, None]:
        theta = now.weight
        between = now.average * (1 - theta) + now.marginals * theta
        gradient = jax.grad(scaled)(between)
        potentials = now.potentials - gradient * (step / theta)
        marginals = marginal_oracles.message_passing_shafer_shenoy(potentials, 1.0)
        average = now.average * (1 - theta) + marginals * theta
        # theta' solves (1 - theta') / theta'^2 = 1 / theta^2.
        weight = theta * (jnp.sqrt(theta**2 + 4) - theta) / 2
        return _State(average, marginals, potentials, weight), None

    state, _ = jax.lax.scan(one, state, None, length=_STEPS_AT_ONCE)
    return state, scaled(state.marginals)


def _factor(factor: Any, clique: Sequence[str]) -> Factor:
    scope = tuple(_column(name) for name in clique)
    order = np.argsort(scope)
    logs = np.asarray(factor.values, dtype=np.float64).transpose(order)
    return Factor(tuple(sorted(scope)), logs - logs.max())


def _name(column: int) -> str:
    return f"c{column}"


def _column(name: str) -> int:
    return int(name[1:])

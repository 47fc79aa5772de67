"""The mixture that fits the noisy marginals best: one of the two modules that know JAX.

Minimises  sum |model - measured|^2 / (2 stddev^2)  +  smooth * rows * sum_j I(part; x_j)  +  ridge * |ties|^2
over the logits of `synth.models.mixture`, by Adam with a rate that falls to zero. Every pair's distribution
is a closed sum of products of tables along the forest, so the misfit and its slope are exact.
Relatives: RAP (Aydore et al. 2021) and GEM (Liu, Vietri, Wu 2021), which fit products to noisy answers.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Before JAX is imported, as in `estimate`, which needs float64; here float32 is said wherever it is meant.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_ENABLE_X64"] = "true"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from synth.marginal.layout import Layout
from synth.marginal.measure import Measurement
from synth.models.mixture import Forest
from synth.models.tables import Scope

_STEPS_AT_ONCE = 25
_TINY = 1e-12
_HELD_OUT = 0.2
"""Share of the noisy cells that a trial fit does not see."""
_RATE, _MOMENTUM, _SPREAD = 0.04, 0.9, 0.99


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How a mixture is fitted.

    Attributes:
      parts: of one fit.
      smooth: penalty on the information between part and column, in nats a row.
      ridge: penalty on the squares of the ties, times rows / 100.
      steps: of Adam.
      spread: standard deviation of the parts' first guesses, in logits. What no measured pair pulls at keeps
        some of it, as ties that are not there: little where pairs were left out.
    """

    parts: int
    smooth: float
    ridge: float
    steps: int
    spread: float = 1.0


@dataclass(frozen=True, kw_only=True)
class OneFit:
    """The outcome of one fit.

    Attributes:
      weights: float64 [K]. each: of each column, float32 [K, d]. ties: float32 [d_parent, d] or None.
      misfit: sum of squared errors over noise variances, at the end.
      steps: those taken.
    """

    weights: NDArray[np.float64]
    each: tuple[NDArray[np.float32], ...]
    ties: tuple[NDArray[np.float32] | None, ...]
    misfit: float
    steps: int


class MixtureFit:
    """One table's answers, laid out; compiled once for all fits of one number of parts."""

    def __init__(
        self, sizes: Sequence[int], forest: Forest, measurements: Sequence[Measurement], *, n_rows: float
    ) -> None:
        """Args:
        measurements: of one and of two columns, at most one a scope.
        """
        scopes = tuple(one.scope for one in measurements if len(one.scope) == 2)
        self.layout = Layout(sizes=tuple(sizes), forest=forest, scopes=scopes)
        self._n_rows = float(n_rows)
        self._answers = _answers(self.layout, {one.scope: one for one in measurements}, self._n_rows)
        self._run = jax.jit(self._some_steps)

    def fit(
        self,
        start: Sequence[NDArray[np.float64]],
        settings: FitSettings,
        *,
        seed: int,
        deadline: float = np.inf,
        say: Callable[[int, float], None] = lambda step, misfit: None,
    ) -> OneFit:
        """One fit.

        Args:
          start: of each column, shares of its groups; > 0.
          seed: of the parts' first guesses.
          deadline: of time.monotonic(), after which it ends where it is.
          say: told the step and the misfit every few steps.
        """
        theta, done = self._descend(self._answers, start, settings, seed, deadline, say)
        return self._ended(theta, self._misfit_at(theta, self._answers), done)

    def trial(
        self,
        start: Sequence[NDArray[np.float64]],
        settings: FitSettings,
        *,
        seed: int,
        deadline: float = np.inf,
        say: Callable[[int, float], None] = lambda step, misfit: None,
    ) -> float:
        """Misfit to noisy cells that a fit of the others has not seen: less is better, noise makes 1 a cell.

        The noise of each cell is its own, so that what fits noise instead of rows shows.
        """
        random = np.random.default_rng(seed)
        seen, unseen = _divided(self._answers, random)
        theta, _ = self._descend(seen, start, settings, seed, deadline, say)
        return self._misfit_at(theta, unseen)

    def _misfit_at(self, theta: Any, answers: Any) -> float:
        # The first misfit of some steps that are then forgotten: compiling it alone would take far longer.
        zeros = jax.tree.map(jnp.zeros_like, theta)
        state = (theta, zeros, zeros, jnp.zeros((), jnp.float32))
        return float(self._run(state, answers, jnp.asarray([0, 0, _STEPS_AT_ONCE], jnp.float32))[1])

    def _descend(
        self,
        answers: Any,
        start: Sequence[NDArray[np.float64]],
        settings: FitSettings,
        seed: int,
        deadline: float,
        say: Callable[[int, float], None],
    ) -> tuple[Any, int]:
        """The logits after all steps, or those until the deadline, and how many there were."""
        theta = self._begin(start, settings, seed)
        zeros = jax.tree.map(jnp.zeros_like, theta)
        state = (theta, zeros, zeros, jnp.zeros((), jnp.float32))
        penalties = [settings.smooth * self._n_rows, settings.ridge * self._n_rows / 100, settings.steps]
        done = 0
        while done < settings.steps:
            state, _, misfit = self._run(state, answers, jnp.asarray(penalties, jnp.float32))
            done += _STEPS_AT_ONCE
            say(done, float(misfit))
            if not np.isfinite(float(misfit)) or time.monotonic() > deadline:
                break
        return state[0], done

    def _some_steps(self, state: Any, answers: Any, penalties: Any) -> Any:
        """The state after some steps, and the misfits at the first and at the last of them."""
        smooth, ridge, steps = penalties

        def loss(theta: Any) -> Any:
            misfit, information = _misfit(self.layout, theta, answers)
            return misfit / 2 + smooth * information + ridge * (theta["tie"] ** 2).sum(), misfit

        def one(now: Any, _: None) -> Any:
            theta, mean, square, t = now
            (_, misfit), slope = jax.value_and_grad(loss, has_aux=True)(theta)
            mean = jax.tree.map(lambda a, g: _MOMENTUM * a + (1 - _MOMENTUM) * g, mean, slope)
            square = jax.tree.map(lambda a, g: _SPREAD * a + (1 - _SPREAD) * g * g, square, slope)
            rate = _RATE * jnp.clip(2 * (steps - t) / steps, 0.0, 1.0)
            bias, spread = 1 - _MOMENTUM ** (t + 1), 1 - _SPREAD ** (t + 1)
            theta = jax.tree.map(
                lambda p, a, s: p - rate * (a / bias) / (jnp.sqrt(s / spread) + _TINY), theta, mean, square
            )
            return (theta, mean, square, t + 1), misfit

        state, misfits = jax.lax.scan(one, state, None, length=_STEPS_AT_ONCE)
        return state, misfits[0], misfits[-1]

    def _begin(
        self, start: Sequence[NDArray[np.float64]], settings: FitSettings, seed: int
    ) -> dict[str, Any]:
        random, parts = np.random.default_rng(seed), settings.parts

        def logits(columns: Sequence[int]) -> Any:
            logs = np.concatenate([np.zeros(0), *(np.log(start[column]) for column in columns)])
            return jnp.asarray(logs + settings.spread * random.normal(size=(parts, len(logs))), jnp.float32)

        layout = self.layout
        n_tied = sum(layout.sizes[layout.parent(c)] * layout.sizes[c] for c in layout.tied)
        return {
            "weight": jnp.zeros(parts, jnp.float32),
            "roots": logits(layout.roots),
            "tied": logits(layout.tied),
            "tie": jnp.zeros(n_tied, jnp.float32),
        }

    def _ended(self, theta: Any, misfit: float, steps: int) -> OneFit:
        layout = self.layout
        each: dict[int, NDArray[np.float32]] = {}
        for columns, name in ((layout.roots, "roots"), (layout.tied, "tied")):
            each |= dict(zip(columns, _split(np.asarray(theta[name]), _ends(layout, columns)), strict=True))
        tables = _split(np.asarray(theta["tie"])[None], _tie_ends(layout))
        ties: list[NDArray[np.float32] | None] = [None] * len(layout.sizes)
        for column, table in zip(layout.tied, tables, strict=True):
            ties[column] = table.reshape(layout.sizes[layout.parent(column)], layout.sizes[column]).copy()
        weights = np.asarray(jax.nn.softmax(theta["weight"]), np.float64)
        return OneFit(
            weights=weights / weights.sum(),
            each=tuple(each[column].copy() for column in range(len(layout.sizes))),
            ties=tuple(ties),
            misfit=misfit,
            steps=steps,
        )


def _ends(layout: Layout, columns: Sequence[int]) -> list[int]:
    return np.cumsum([layout.sizes[column] for column in columns]).tolist()


def _tie_ends(layout: Layout) -> list[int]:
    return np.cumsum([layout.sizes[layout.parent(c)] * layout.sizes[c] for c in layout.tied]).tolist()


def _split(table: NDArray[np.float32], ends: Sequence[int]) -> list[NDArray[np.float32]]:
    return np.split(table, ends[:-1], axis=1) if ends else []


def _answers(layout: Layout, by_scope: Mapping[Scope, Measurement], n_rows: float) -> dict[str, Any]:
    """The measured shares as `_misfit` lays them out, each with the root of its weight in the misfit."""

    def put(shares: Any, roots: Any, place: Any, scope: Scope) -> None:
        one = by_scope.get(tuple(sorted(scope)))
        if one is not None:  # else the pair is only on the way to a measured one
            shares[place] = (one.values if one.scope == scope else one.values.T) / n_rows
            roots[place] = n_rows / one.stddev

    def empty(*shape: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def span(column: int) -> slice:
        return slice(layout.offsets[column], layout.offsets[column] + layout.sizes[column])

    columns = empty(sum(layout.sizes))
    for column in range(len(layout.sizes)):
        put(*columns, span(column), (column,))
    near = []
    for column in layout.tied:
        rows = layout.before[column]
        tables = empty(sum(layout.sizes[row] for row in rows), layout.sizes[column])
        for row, end in zip(rows, _ends(layout, rows), strict=True):
            put(*tables, slice(end - layout.sizes[row], end), (row, column))
        near.append(tables)
    far = []
    if layout.is_dense and layout.apart:
        tables = empty(sum(layout.sizes), sum(layout.sizes))
        for scope in layout.apart:
            put(*tables, (span(scope[0]), span(scope[1])), scope)
        far.append(tables)
    elif layout.apart:
        for (first, second), pairs in layout.stacks.items():
            tables = empty(len(pairs), first, second)
            for place, pair in enumerate(pairs):
                inner = (place, slice(layout.sizes[pair[0]]), slice(layout.sizes[pair[1]]))
                put(*tables, inner, pair)
            far.append(tables)
    return jax.tree.map(jnp.asarray, {"columns": columns, "near": near, "far": far})


def _divided(answers: Any, random: np.random.Generator) -> tuple[Any, Any]:
    """The answers with the weight of some cells taken away, and with that of all others."""

    def divide(table: Any) -> tuple[Any, Any]:
        shares, roots = table
        is_seen = random.random(roots.shape) >= _HELD_OUT
        return (shares, jnp.where(is_seen, roots, 0)), (shares, jnp.where(is_seen, 0, roots))

    both = {name: [divide(table) for table in answers[name]] for name in ("near", "far")}
    sides = [{name: [pair[side] for pair in tables] for name, tables in both.items()} for side in (0, 1)]
    shares, roots = answers["columns"]
    return sides[0] | {"columns": (shares, roots)}, sides[1] | {"columns": (shares, jnp.zeros_like(roots))}


def _misfit(layout: Layout, theta: Any, answers: Any) -> tuple[Any, Any]:
    """Sum of squared errors over noise variances, and the nats between part and column over all columns."""
    weight = jax.nn.softmax(theta["weight"])
    alone = _roots_alone(layout, theta["roots"])
    misfit = jnp.zeros((), jnp.float32)
    for joint, (shares, roots) in zip(_joints(layout, theta, alone), answers["near"], strict=True):
        misfit += (((jnp.einsum("k,kuv->uv", weight, joint) - shares) * roots) ** 2).sum()
    each = jnp.concatenate([alone[column] for column in (*layout.roots, *layout.tied)], axis=1)  # [K, N]
    mean = weight @ each
    shares, roots = answers["columns"]
    misfit += (((mean - shares) * roots) ** 2).sum()
    information = (weight @ (each * jnp.log(each + _TINY))).sum() - (mean * jnp.log(mean + _TINY)).sum()
    for model, (shares, roots) in zip(_far(layout, weight, each), answers["far"], strict=True):
        misfit += (((model - shares) * roots) ** 2).sum()
    return misfit, information


def _roots_alone(layout: Layout, logits: Any) -> dict[int, Any]:
    """p_k of the columns without a parent: [K, d] each."""
    # Stacked by size, so that many columns are one operation.
    columns = layout.roots
    ends = _ends(layout, columns)
    found = {}
    for size in sorted({layout.sizes[column] for column in columns}):
        alike = [place for place, column in enumerate(columns) if layout.sizes[column] == size]
        index = np.array([np.arange(ends[place] - size, ends[place]) for place in alike])
        shares = jax.nn.softmax(logits[:, index], -1)  # [K, n, d]
        for place, table in zip(alike, jnp.split(shares, len(alike), axis=1), strict=True):
            found[columns[place]] = table[:, 0]
    return found


def _joints(layout: Layout, theta: Any, alone: dict[int, Any]) -> list[Any]:
    """For each tied column, its joint with all columns of its tree before it: [K, rows, d]; fills `alone`.

    Given its parent, a column is independent of all that came before: one product a column.
    """
    if not layout.tied:
        return []
    logits = jnp.split(theta["tied"], _ends(layout, layout.tied)[:-1], axis=1)
    ties = jnp.split(theta["tie"], _tie_ends(layout)[:-1])
    blocks: dict[int, list[Any]] = {column: [] for column in range(len(layout.sizes))}
    joints = []
    for column, logit, tie in zip(layout.tied, logits, ties, strict=True):
        parent = layout.parent(column)
        table = tie.reshape(layout.sizes[parent], layout.sizes[column])
        given = jax.nn.softmax(logit[:, None, :] + table, -1)  # [K, d_parent, d]
        with_parent = alone[parent][:, :, None] * given
        alone[column] = with_parent.sum(1)
        rows = [with_parent]
        if blocks[parent]:
            rows.insert(0, jnp.concatenate(blocks[parent], axis=1) @ given)
        joint = jnp.concatenate(rows, axis=1)
        blocks[column] = [joint]
        if layout.awaited[column]:
            before = layout.before[column]
            by_row = jnp.split(joint, _ends(layout, before)[:-1], axis=1)
            for other in layout.awaited[column]:
                blocks[other].append(by_row[before.index(other)].transpose(0, 2, 1))
        joints.append(joint)
    return joints


def _far(layout: Layout, weight: Any, each: Any) -> list[Any]:
    """The model's pairs of columns of two trees, as `_answers` lays them out."""
    if not layout.apart:
        return []
    if layout.is_dense:
        return [(each * weight[:, None]).T @ each]
    padded = jnp.concatenate([each, jnp.zeros((each.shape[0], 1), each.dtype)], axis=1)
    nothing = sum(layout.sizes)
    models = []
    for widths, pairs in layout.stacks.items():
        sides = []
        for side in (0, 1):
            index = np.full((len(pairs), widths[side]), nothing)
            for place, pair in enumerate(pairs):
                size = layout.sizes[pair[side]]
                index[place, :size] = layout.offsets[pair[side]] + np.arange(size)
            sides.append(padded[:, index])  # [K, n, D]
        models.append(jnp.einsum("knu,knv->nuv", sides[0] * weight[:, None, None], sides[1]))
    return models

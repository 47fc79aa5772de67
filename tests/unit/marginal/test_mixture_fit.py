"""The fit of a mixture: its loss against a plain one, what it learns, and when it says that it failed."""

import itertools
import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from small import problem_of, table

from synth.config.model import MixtureSettings
from synth.errors import FitFailed
from synth.marginal import mixture
from synth.marginal.forest import spanning_forest, strong_forest
from synth.marginal.layout import Layout, cheapest_widths
from synth.marginal.measure import Measurement
from synth.marginal.mixture_fit import FitSettings, MixtureFit
from synth.marginal.trials import chosen
from synth.models.mixture import Forest, Mixture, column_marginals, pair_marginals
from synth.models.tables import Grouping

SIZES = (4, 5, 3, 4, 2, 6, 3)
FOREST = Forest(parents=(None, 0, 1, 0, 1, None, 5))


def noisy(
    rng: np.random.Generator, scopes: list[tuple[int, ...]], sizes: tuple[int, ...] = SIZES
) -> list[Measurement]:
    shapes = [tuple(sizes[column] for column in scope) for scope in scopes]
    return [
        Measurement(scope=scope, values=100 * rng.random(shape), stddev=1 + rng.random())
        for scope, shape in zip(scopes, shapes, strict=True)
    ]


def mixture_of(fit: MixtureFit, one: object) -> Mixture:
    from synth.core.domain import Domain

    sizes = fit.layout.sizes
    return Mixture(
        domain=Domain(tuple(f"c{k}" for k in range(len(sizes))), sizes),
        groupings=tuple(Grouping.identity(size) for size in sizes),
        forest=fit.layout.forest,
        weights=one.weights,  # type: ignore[attr-defined]
        fit_of=np.zeros(len(one.weights), dtype=np.int64),  # type: ignore[attr-defined]
        each=one.each,  # type: ignore[attr-defined]
        ties=tuple(None if tie is None else tie[None] for tie in one.ties),  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("is_dense", [True, False])
@pytest.mark.parametrize("forest", [FOREST, Forest(parents=(None,) * 7)], ids=["trees", "no ties"])
def test_the_misfit_is_that_of_the_models_own_marginals(
    forest: Forest, is_dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Layout, "is_dense", property(lambda self: is_dense))
    rng = np.random.default_rng(0)
    scopes = [(column,) for column in range(7)]
    scopes += [pair for pair in itertools.combinations(range(7), 2) if pair not in {(0, 3), (2, 5), (3, 4)}]
    measured = noisy(rng, scopes)
    fit = MixtureFit(SIZES, forest, measured, n_rows=500.0)
    start = [np.full(size, 1 / size) for size in SIZES]
    settings = FitSettings(parts=3, smooth=0.01, ridge=0.001, steps=25)
    one = fit.fit(start, settings, seed=1)
    parts = mixture_of(fit, one).parts
    model = column_marginals(parts) | dict(pair_marginals(parts))
    wanted = sum(float(((m.values - 500 * model[m.scope]) ** 2).sum()) / m.stddev**2 for m in measured)
    assert one.misfit == pytest.approx(wanted, rel=1e-4)
    assert one.steps == 25


def test_a_deadline_ends_a_fit_early() -> None:
    measured = noisy(np.random.default_rng(0), [(0,), (1,), (0, 1)], (3, 2))
    fit = MixtureFit((3, 2), Forest(parents=(None, None)), measured, n_rows=100.0)
    settings = FitSettings(parts=2, smooth=0.01, ridge=0.001, steps=10_000)
    one = fit.fit([np.full(3, 1 / 3), np.full(2, 0.5)], settings, seed=0, deadline=time.monotonic())
    assert one.steps == 25


def test_the_strongest_ties_make_the_forest_and_close_no_ring() -> None:
    strength = {(0, 1): 0.9, (1, 2): 0.8, (0, 2): 0.7, (3, 4): 0.1}
    forest = spanning_forest((2, 2, 2, 2, 2), strength, most_cells=1000)
    assert forest.parents == (1, None, 1, None, 3)
    assert spanning_forest((2, 2, 2, 2, 2), strength, most_cells=8).parents == (None, 0, None, None, 3)
    assert spanning_forest((2, 2), {}, most_cells=8).parents == (None, None)


def test_noise_alone_makes_no_tie() -> None:
    rng = np.random.default_rng(0)
    columns = [np.full(8, 1 / 8)] * 6
    pairs = [
        Measurement(scope=s, values=1000 / 64 + 30 * rng.normal(size=(8, 8)), stddev=30.0)
        for s in itertools.combinations(range(6), 2)
    ]
    assert strong_forest((8,) * 6, columns, pairs, n_rows=1000, most_cells=10**6).parents == (None,) * 6


def test_widths_waste_as_little_as_so_few_can() -> None:
    assert cheapest_widths((2, 2, 3, 40), 2) == (3, 40)
    assert cheapest_widths((2, 2, 3, 40), 4) == (2, 3, 40)
    assert cheapest_widths((5, 5), 4) == (5,)


def hidden(columns: int, codes: int, rows: int, stddev: float) -> tuple[NDArray, list[Measurement]]:
    """Columns that all follow one hidden value, and noisy pairs of neighbours: a descent may diverge."""
    rng = np.random.default_rng(0)
    weights = 1.0 / np.arange(1, codes + 1) ** 1.5
    level = rng.choice(codes, rows, p=weights / weights.sum())
    found = np.stack(
        [np.where(rng.random(rows) < 0.95, level, rng.choice(codes, rows)) for _ in range(columns)], axis=1
    )
    measured = []
    for scope in [(c,) for c in range(columns)] + list(itertools.combinations(range(columns), 2)):
        if scope[-1] - scope[0] > 4:
            continue
        flat = np.ravel_multi_index(tuple(found[:, c] for c in scope), (codes,) * len(scope))
        counts = np.bincount(flat, minlength=codes ** len(scope)).reshape((codes,) * len(scope))
        measured.append(
            Measurement(scope=scope, values=counts + stddev * rng.normal(size=counts.shape), stddev=stddev)
        )
    return found, measured


@pytest.mark.parametrize(("columns", "codes"), [(5, 2), (20, 2), (5, 20)])
def test_columns_of_one_hidden_value_are_fitted_to_the_noise(columns: int, codes: int) -> None:
    rows, measured = hidden(columns, codes, 15_000, 40.0)
    forest = strong_forest(
        (codes,) * columns,
        [np.maximum(m.values, 1) / np.maximum(m.values, 1).sum() for m in measured[:columns]],
        measured[columns:],
        n_rows=15_000,
        most_cells=60_000,
    )
    fit = MixtureFit((codes,) * columns, forest, measured, n_rows=15_000)
    start = [np.bincount(rows[:, c], minlength=codes) / len(rows) + 1e-4 for c in range(columns)]
    one = fit.fit(start, FitSettings(parts=16, smooth=0.002, ridge=0.001, steps=800), seed=0)
    cells = sum(m.values.size for m in measured)
    assert one.misfit < 1.3 * cells + 10 * cells**0.5


def test_a_planted_tie_is_learned_and_what_was_not_measured_stays_apart() -> None:
    problem = problem_of(table())
    scopes = [(c,) for c in range(5)] + [(0, 1)]
    counts = {**problem.count_more([(c,) for c in range(5)]), (0, 1): problem.pairs[0, 1]}
    measured = [Measurement(scope=s, values=counts[s].astype(float), stddev=5.0) for s in scopes]
    asked = MixtureSettings(parts=8, fits=1, steps=400, smooth=0.02, ridge=0.001)
    found = mixture.fitted(problem, measured, asked, time.monotonic() + 60)
    model = dict(pair_marginals(found.mixture.parts))
    real = problem.pairs[0, 1] / problem.n_rows
    assert np.abs(model[0, 1] - real).sum() / 2 < 0.02
    apart = np.outer(model[2, 4].sum(axis=1), model[2, 4].sum(axis=0))
    assert np.abs(model[2, 4] - apart).sum() / 2 < 0.02


def test_a_fit_far_from_what_noise_explains_is_a_named_failure() -> None:
    problem = problem_of(table())
    measured = [
        Measurement(scope=(c,), values=k.astype(float), stddev=5.0)
        for (c,), k in problem.count_more([(c,) for c in range(5)]).items()
    ]
    # No distribution has these pairs and those columns.
    measured.append(Measurement(scope=(0, 1), values=np.full((4, 5), 3000.0), stddev=5.0))
    asked = MixtureSettings(parts=4, fits=1, steps=50, smooth=0.02, ridge=0.001)
    with pytest.raises(FitFailed, match="the noisy answers are kept, nothing is charged"):
        mixture.fitted(problem, measured, asked, time.monotonic() + 60)


def test_rows_are_told_by_all_marginals_together() -> None:
    rng = np.random.default_rng(3)
    measured = [
        Measurement(scope=(c,), values=np.full(10, 2000.0) + 50 * rng.normal(size=10), stddev=50.0)
        for c in range(100)
    ]
    # One sum is off by 158 rows (a standard deviation), all hundred together by 16.
    assert abs(mixture.rows_of(measured) - 20_000) < 80


class Valley:
    """Stands for a fit: its trials' misfit is least at a smooth of .006 and a ridge of .1."""

    def __init__(self) -> None:
        self.layout = Layout(sizes=(2, 2), forest=Forest(parents=(None, 0)), scopes=((0, 1),))
        self.tried: list[tuple[float, float]] = []

    def trial(self, start: object, settings: FitSettings, **others: object) -> float:
        self.tried.append((settings.smooth, settings.ridge))
        return abs(math.log(settings.smooth / 0.006)) + abs(math.log(settings.ridge / 0.1))


def penalties(columns: int = 2, seconds: float = 60, **asked: float) -> tuple[FitSettings, Valley]:
    valley, start = Valley(), [np.full(2, 0.5)] * columns
    measured = [Measurement(scope=(0, 1), values=np.full((2, 2), 25.0), stddev=1.0)]
    settings, _ = chosen(
        valley,  # type: ignore[arg-type]
        measured,
        start,
        MixtureSettings(**asked),  # type: ignore[arg-type]
        n_rows=100,
        deadline=time.monotonic() + seconds,
        say=lambda *told: None,
    )
    return settings, valley


def test_trials_go_downhill_to_the_best_penalties_and_try_none_twice() -> None:
    settings, valley = penalties()
    assert (settings.smooth, settings.ridge) == (0.006, 0.1)
    assert len(set(valley.tried)) == len(valley.tried) < 10


def test_penalties_that_are_given_are_not_tried_otherwise() -> None:
    settings, valley = penalties(ridge=1.0)
    assert (settings.smooth, settings.ridge) == (0.006, 1.0)
    assert {ridge for _, ridge in valley.tried} == {1.0}
    assert penalties(smooth=0.05, ridge=0.02)[1].tried == []


def test_where_pairs_were_left_out_no_trial_goes_below_the_least_smoothness() -> None:
    """Cells kept apart are of measured pairs: they do not see what parts make up between the others."""
    settings, valley = penalties(columns=3)
    assert settings.smooth == 0.02
    assert min(smooth for smooth, _ in valley.tried) == 0.02


def test_with_time_for_one_trial_alone_the_usual_penalties_stay() -> None:
    """Nothing is taken for better than what was not tried."""
    settings, valley = penalties(seconds=0)
    assert valley.tried == [(settings.smooth, settings.ridge)] == [(0.02, 0.0001)]

"""A small mixture against all of its cells: its marginals, its rows, what it draws when columns are given."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.core.tie import Tie
from synth.errors import ArtifactError
from synth.models.misfit import Misfit, ScopeMisfit
from synth.models.mixture import Forest, Mixture, column_marginals, pair_marginals
from synth.models.mixture_artifact import MixtureArtifact
from synth.models.mixture_sampler import MixtureSampler
from synth.models.sampler import load_sampler
from synth.models.tables import Grouping
from synth.models.tables_artifact import MeasuringRecord

DOMAIN = Domain(("a", "b", "c", "d", "e"), (3, 4, 2, 3, 2))
# c hangs on b, b and d on a, e on nothing; codes 1 and 3 of b share a group, code 0 of d is impossible.
FOREST = Forest(parents=(None, 0, 1, 0, None))
GROUPINGS = (
    Grouping.identity(3),
    Grouping(group=np.array([0, 2, 1, 2]), share=np.array([1.0, 0.25, 1.0, 0.75])),
    Grouping.identity(2),
    Grouping(group=np.array([-1, 0, 1]), share=np.array([0.0, 1.0, 1.0])),
    Grouping.identity(2),
)


def mixture(n_fits: int = 2, parts: int = 3) -> Mixture:
    rng = np.random.default_rng(4)
    sizes = [grouping.n_groups for grouping in GROUPINGS]
    n_parts = n_fits * parts
    weights = rng.random(n_parts)
    return Mixture(
        domain=DOMAIN,
        groupings=GROUPINGS,
        forest=FOREST,
        weights=weights / weights.sum(),
        fit_of=np.repeat(np.arange(n_fits), parts),
        each=tuple(rng.normal(size=(n_parts, size)).astype(np.float32) for size in sizes),
        ties=tuple(
            None if parent is None else rng.normal(0, 2, (n_fits, sizes[parent], size)).astype(np.float32)
            for parent, size in zip(FOREST.parents, sizes, strict=True)
        ),
    )


def every_cell(model: Mixture) -> NDArray[np.float64]:
    """p of every row of codes, straight from the formula, part by part."""
    cells = np.zeros(DOMAIN.sizes)
    for part, fit in enumerate(model.fit_of):
        for codes in itertools.product(*(range(size) for size in DOMAIN.sizes)):
            groups = [int(g.group[code]) for g, code in zip(GROUPINGS, codes, strict=True)]
            if min(groups) < 0:
                continue
            p = model.weights[part]
            for column, parent in enumerate(FOREST.parents):
                logits = model.each[column][part].astype(float)
                tie = model.ties[column]
                if parent is not None and tie is not None:
                    logits = logits + tie[fit][groups[parent]]
                shares = np.exp(logits) / np.exp(logits).sum()
                p *= shares[groups[column]] * GROUPINGS[column].share[codes[column]]
            cells[codes] += p
    return cells


CELLS = every_cell(mixture())


def in_groups(cells: NDArray[np.float64], scope: tuple[int, ...]) -> NDArray[np.float64]:
    """The marginal over codes of some columns, added up to groups."""
    found = cells.sum(axis=tuple(c for c in range(5) if c not in scope))
    for axis, column in enumerate(scope):
        group = GROUPINGS[column].group
        kept = [found.take(np.flatnonzero(group == g), axis).sum(axis) for g in range(group.max() + 1)]
        found = np.stack(kept, axis)
    return found


def test_all_cells_sum_to_one() -> None:
    assert pytest.approx(1.0) == CELLS.sum()


def test_marginals_are_those_of_all_cells() -> None:
    parts = mixture().parts
    pairs = dict(pair_marginals(parts))
    assert set(pairs) == set(itertools.combinations(range(5), 2))
    for scope, shares in {**column_marginals(parts), **pairs}.items():
        assert np.allclose(shares, in_groups(CELLS, scope), atol=1e-12), scope
    assert dict(pair_marginals(parts, [(1, 3)])).keys() == {(1, 3)}


def drawn(sampler: object, n: int, seed: int = 0) -> NDArray[np.float64]:
    """Shares of every row of codes among n rows."""
    uniforms = np.random.default_rng(seed).random((n, 6))
    rows = sampler.sample(uniforms)  # type: ignore[attr-defined]
    flat = np.ravel_multi_index(tuple(rows.T.astype(int)), DOMAIN.sizes)
    return np.bincount(flat, minlength=CELLS.size).reshape(CELLS.shape) / n


def agrees(shares: NDArray[np.float64], wanted: NDArray[np.float64], n: int) -> None:
    """No cell is off by five standard deviations: a false alarm in 10,000 runs."""
    assert (shares[wanted == 0] == 0).all()
    assert (np.abs(shares - wanted) < 5 * np.sqrt(wanted / n) + 5 / n).all()


def test_rows_follow_every_cell() -> None:
    n = 400_000
    agrees(drawn(MixtureSampler(mixture().parts), n), CELLS, n)


def test_the_same_uniforms_give_the_same_rows_however_they_are_cut() -> None:
    sampler = MixtureSampler(mixture().parts)
    uniforms = np.random.default_rng(1).random((1000, 6))
    whole = sampler.sample(uniforms)
    cut = [sampler.sample(uniforms[k : k + 7]) for k in range(0, 1000, 7)]
    assert np.array_equal(whole, np.concatenate(cut))
    edges = np.array([[0.0] * 6, [np.nextafter(1, 0)] * 6])
    assert (sampler.sample(edges) < np.array(DOMAIN.sizes)).all()


@pytest.mark.parametrize("fixed", [{1: 3}, {0: 2}, {2: 1, 3: 1}, {1: 1, 2: 0, 4: 1}, {4: 0}])
def test_given_codes_leave_the_others_as_bayes_rule_says(fixed: dict[int, int]) -> None:
    kept = np.zeros_like(CELLS)
    place = tuple(fixed.get(column, slice(None)) for column in range(5))
    kept[place] = CELLS[place]
    first = {column: np.eye(DOMAIN.sizes[column])[code] for column, code in fixed.items()}
    n = 200_000
    started = MixtureSampler(mixture().parts).starting(first, 1.0)
    agrees(drawn(started, n), kept / kept.sum(), n)


def test_a_rebalanced_column_has_its_shares_and_the_others_follow_it() -> None:
    shares = np.array([0.7, 0.0, 0.2, 0.1])
    own = CELLS.sum(axis=(0, 2, 3, 4))
    wanted = CELLS * (shares / own)[None, :, None, None, None]
    n = 200_000
    agrees(drawn(MixtureSampler(mixture().parts).starting({1: shares}, 1.0), n), wanted, n)


def test_several_given_columns_are_drawn_independently_and_the_others_given_all() -> None:
    first = {0: np.array([0.5, 0.5, 0.0]), 2: np.array([0.1, 0.9])}
    own = CELLS.sum(axis=(1, 3, 4))
    joint = np.outer(first[0], first[2])
    wanted = CELLS * (joint / own)[:, None, :, None, None]
    n = 200_000
    agrees(drawn(MixtureSampler(mixture().parts).starting(first, 1.0), n), wanted, n)


def test_what_cannot_be_given_is_refused() -> None:
    sampler = MixtureSampler(mixture().parts)
    with pytest.raises(ValueError, match="code 0 of column 'd' is impossible"):
        sampler.starting({3: np.array([1.0, 0, 0])}, 1.0)
    with pytest.raises(ValueError, match="have no temperature"):
        sampler.starting({}, 0.5)
    with pytest.raises(ValueError, match="have a start already"):
        sampler.starting({0: np.array([1.0, 0, 0])}, 1.0).starting({}, 1.0)
    assert sampler.starting({}, 1.0) is sampler


def artifact() -> MixtureArtifact:
    return MixtureArtifact(
        mixture=mixture(),
        ties=(Tie(first="a", second="b", strength=0.5),),
        fit=Misfit(
            cells=20,
            misfit_per_cell=1.5,
            scopes=(ScopeMisfit(columns=("a",), distance=0.01, noise=0.02),),
        ),
        training=MeasuringRecord(
            is_private=True, statement="private", events={"cells": "e"}, entries=(1, 2), prepared="digest"
        ),
    )


def test_an_artifact_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    artifact().save(tmp_path)
    loaded = MixtureArtifact.load(tmp_path)
    assert (loaded.ties, loaded.fit, loaded.training) == (
        artifact().ties,
        artifact().fit,
        artifact().training,
    )
    uniforms = np.random.default_rng(5).random((5000, 6))
    assert np.array_equal(
        load_sampler(tmp_path).sample(uniforms), MixtureSampler(mixture().parts).sample(uniforms)
    )


def test_a_damaged_artifact_is_refused(tmp_path: Path) -> None:
    artifact().save(tmp_path)
    whole = (tmp_path / "mixture.npz").read_bytes()
    (tmp_path / "mixture.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="damaged"):
        load_sampler(tmp_path)


def test_a_ring_is_no_forest() -> None:
    with pytest.raises(ValueError, match="make no forest"):
        Forest(parents=(1, 0, None))

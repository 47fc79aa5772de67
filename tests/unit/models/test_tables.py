"""Conditional tables against brute force: exact by enumeration, exact when drawn, exact when conditioned."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from synth.core.domain import Domain
from synth.core.tie import Tie
from synth.errors import ArtifactError
from synth.lake.artifacts import read_json
from synth.models.misfit import Misfit, ScopeMisfit
from synth.models.sampler import load_sampler
from synth.models.tables import (
    Factor,
    Grouping,
    Table,
    Tables,
    elimination_order,
    induced_cliques,
    marginalised,
    tables_of_factors,
)
from synth.models.tables_artifact import MeasuringRecord, TablesArtifact
from synth.models.tables_sampler import TablesSampler

DOMAIN = Domain(("a", "b", "c", "d", "e"), (3, 5, 2, 4, 3))
GROUPINGS = (
    Grouping.identity(3),
    # Code 0 is impossible, codes 2 and 4 share a group.
    Grouping(group=np.array([-1, 0, 2, 1, 2]), share=np.array([0, 1, 0.25, 1, 0.75])),
    Grouping.identity(2),
    Grouping.identity(4),
    Grouping.identity(3),
)
SIZES = [grouping.n_groups for grouping in GROUPINGS]
SCOPES = ((0, 1), (1, 2), (2, 3), (0, 3))  # a cycle: its junction tree needs a triple; e hangs on nothing
ALL = (0, 1, 2, 3, 4)


def model(seed: int = 0, zeros: bool = False) -> tuple[Tables, NDArray[np.float64]]:
    """Tables of random factors, and the whole joint distribution over groups by enumeration."""
    rng = np.random.default_rng(seed)
    factors = [Factor(scope, 2 * rng.normal(size=[SIZES[c] for c in scope])) for scope in SCOPES]
    if zeros:
        factors[0].logs[0, 1] = factors[2].logs[1, 2] = -np.inf
    joint = np.exp(sum(factor.over(ALL) for factor in factors)) * np.ones(SIZES)
    order = elimination_order(SIZES, [*SCOPES, (4,)])
    return tables_of_factors(DOMAIN, GROUPINGS, factors, order), joint / joint.sum()


def over_codes(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """The joint distribution over codes: groups divided by their shares."""
    for column, grouping in enumerate(GROUPINGS):
        spread = np.where(grouping.group >= 0, grouping.share, 0.0)
        shape = [-1 if place == column else 1 for place in range(5)]
        joint = joint.take(np.maximum(grouping.group, 0), axis=column) * spread.reshape(shape)
    return joint


def fits(codes: NDArray[np.uint16], joint: NDArray[np.float64]) -> bool:
    """A chi-square test of rows against a joint distribution over codes; false alarms: 1e-6."""
    flat = np.ravel_multi_index(tuple(codes.T.astype(np.int64)), joint.shape)
    seen = np.bincount(flat, minlength=joint.size)
    expected = joint.ravel() * len(codes)
    if seen[expected == 0].any():
        return False
    kept = expected > 5
    rest = max(expected[~kept].sum(), 1e-9)
    statistic = ((seen[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    statistic += (seen[~kept].sum() - rest) ** 2 / rest if rest > 5 else 0.0
    return bool(statistic < chi2.isf(1e-6, kept.sum()))


@pytest.mark.parametrize("zeros", [False, True])
def test_the_tables_are_the_factors_distribution(zeros: bool) -> None:
    tables, joint = model(zeros=zeros)
    product = np.ones(SIZES)
    for groups in itertools.product(*map(range, SIZES)):
        for table in tables.tables:
            place = tuple(groups[c] for c in (*table.parents, table.column))
            product[groups] *= table.probabilities[place]
    assert np.abs(product - joint).max() < 1e-12


def test_families_are_exact_marginals() -> None:
    tables, joint = model()
    for scope, family in tables.families.values():
        assert np.abs(family - marginalised(joint, ALL, scope)).max() < 1e-12


def test_the_sampler_is_exact_to_the_model() -> None:
    tables, joint = model(zeros=True)
    codes = TablesSampler(tables).sample(np.random.default_rng(1).random((200_000, 5)))
    assert fits(codes, over_codes(joint))
    wrong = over_codes(joint) ** 1.05  # a tilt that the eye would not see
    assert not fits(codes, wrong / wrong.sum())


def test_no_impossible_code_is_drawn() -> None:
    tables, _ = model()
    codes = TablesSampler(tables).sample(np.random.default_rng(2).random((50_000, 5)))
    assert set(np.unique(codes[:, 1])) == {1, 2, 3, 4}


def test_rows_depend_on_their_own_uniforms_alone() -> None:
    sampler = TablesSampler(model()[0])
    uniforms = np.random.default_rng(3).random((1000, 5))
    whole = sampler.sample(uniforms)
    parts = np.concatenate([sampler.sample(part) for part in np.array_split(uniforms, 7)])
    assert np.array_equal(whole, parts)
    assert whole.dtype == np.uint16
    assert sampler.sample(np.full((1, 5), np.nextafter(1.0, 0.0))).shape == (1, 5)


@pytest.mark.parametrize("fixed", [{"b": 2}, {"d": 1, "a": 2}, {"e": 0, "b": 4, "c": 1}])
def test_conditional_rows_are_those_that_rejection_would_keep(fixed: dict[str, int]) -> None:
    tables, joint = model(zeros=True)
    kept = over_codes(joint)
    for name, code in fixed.items():
        column = DOMAIN.names.index(name)
        mask = np.arange(DOMAIN.sizes[column]) == code
        kept = kept * mask.reshape([-1 if place == column else 1 for place in range(5)])
    codes = TablesSampler(tables).given(fixed).sample(np.random.default_rng(4).random((200_000, 5)))
    for name, code in fixed.items():
        assert set(codes[:, DOMAIN.names.index(name)]) == {code}
    assert fits(codes, kept / kept.sum())
    assert not fits(codes, over_codes(joint))


def test_impossible_evidence_is_refused() -> None:
    tables, _ = model(zeros=True)
    with pytest.raises(ValueError, match="code 0 of column 'b' is impossible"):
        tables.given({"b": 0})
    with pytest.raises(ValueError, match="impossible together"):
        tables.given({"a": 0, "b": 3})


def test_the_order_keeps_a_cycles_cliques_small() -> None:
    order = elimination_order(SIZES, [*SCOPES, (4,)])
    cliques = induced_cliques(SIZES, [*SCOPES, (4,)], order)
    assert sorted(len(clique) for clique in cliques) == [1, 3, 3]


def test_tables_that_are_no_distribution_cannot_be_made() -> None:
    tables, _ = model()
    first = tables.tables[0]
    bad = Table(column=first.column, parents=first.parents, probabilities=first.probabilities * 0.9)
    with pytest.raises(ValueError, match="does not hold probabilities"):
        Tables(domain=DOMAIN, groupings=GROUPINGS, tables=(bad, *tables.tables[1:]))
    with pytest.raises(ValueError, match="drawn before its parents"):
        Tables(domain=DOMAIN, groupings=GROUPINGS, tables=tables.tables[::-1])


def artifact() -> TablesArtifact:
    return TablesArtifact(
        tables=model()[0],
        ties=(Tie(first="a", second="b", strength=0.5),),
        fit=Misfit(
            cells=20,
            misfit_per_cell=1.5,
            scopes=(
                ScopeMisfit(columns=("a",), distance=0.01, noise=0.02),
                ScopeMisfit(columns=("a", "b"), distance=0.1, noise=0.05),
            ),
        ),
        method="rounds",
        training=MeasuringRecord(
            is_private=True, statement="private", events={"cells": "e"}, entries=(1, 2), prepared="digest"
        ),
    )


def test_an_artifact_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    artifact().save(tmp_path)
    loaded = TablesArtifact.load(tmp_path)
    assert loaded.ties == artifact().ties
    assert loaded.training == artifact().training
    assert loaded.fit == artifact().fit
    assert loaded.measured == (("a",), ("a", "b"))
    assert read_json(tmp_path / "model.json")["fit"]["columns"] == {"a": 0.01}
    uniforms = np.random.default_rng(5).random((5000, 5))
    assert np.array_equal(
        load_sampler(tmp_path).sample(uniforms), TablesSampler(artifact().tables).sample(uniforms)
    )


def test_a_damaged_artifact_is_refused(tmp_path: Path) -> None:
    artifact().save(tmp_path)
    whole = (tmp_path / "tables.npz").read_bytes()
    (tmp_path / "tables.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="damaged"):
        load_sampler(tmp_path)

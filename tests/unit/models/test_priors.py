"""What replaces a standard normal under an autoencoder: clusters and mixtures from noisy sums alone."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from synth.core.domain import Domain  # noqa: E402  # after torch is known to be there
from synth.models.decoder import Mixture  # noqa: E402
from synth.models.em import ExpectationMaximization  # noqa: E402
from synth.models.kmeans import KMeans  # noqa: E402
from synth.models.sums import NoisySums  # noqa: E402

SIZES = (4, 4, 4, 4, 4, 4)
DOMAIN = Domain(tuple("abcdef"), SIZES)
MODES = ((0, 0, 0, 0, 0, 0), (1, 1, 1, 2, 2, 2), (3, 3, 3, 3, 1, 3))
MODE_SHARES = (0.5, 0.3, 0.2)
RADIUS = 4.0
MEANS = np.array([[2.0, 0.0], [-1.0, 1.5], [-1.0, -1.5]])
SPREADS = np.array([[0.3, 0.6], [0.5, 0.2], [0.3, 0.3]])


def rows_in_modes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows near one of three modes, a tenth of their columns changed; [n, K] and the mode of each."""
    rng = np.random.default_rng(0)
    modes = rng.choice(3, n, p=MODE_SHARES)
    codes = np.array(MODES)[modes]
    changed = rng.random(codes.shape) < 0.1
    return np.where(changed, rng.integers(0, 4, codes.shape), codes), modes


def kmeans(codes: np.ndarray, parts: int = 6) -> KMeans:
    shares = np.concatenate([np.bincount(column, minlength=4) / len(codes) for column in codes.T])
    return KMeans(domain=DOMAIN, shares=shares, parts=parts, turns=8, seed=0)


def em(parts: int = 3) -> ExpectationMaximization:
    """Of points that stand in the normals: the encoder passes them on."""
    return ExpectationMaximization(
        encode=lambda codes, normals: normals, latent=2, radius=RADIUS, parts=parts, turns=60, seed=3
    )


def points(n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    modes = rng.choice(3, n, p=MODE_SHARES)
    return (MEANS[modes] + SPREADS[modes] * rng.standard_normal((n, 2))).astype(np.float32)


def learned(sums: NoisySums, codes: np.ndarray, normals: np.ndarray, noise: float = 0.0) -> torch.Tensor:
    """The last state, over units of one row each."""
    state, rng = sums.start, np.random.default_rng(5)
    inputs = (torch.from_numpy(codes)[:, None], torch.ones(len(codes), 1), torch.from_numpy(normals)[:, None])
    for turn in range(sums.turns):
        total = sums.statistics(*inputs, state).sum(0)
        total += noise * torch.from_numpy(rng.standard_normal(len(total), dtype=np.float32))
        state = sums.updated(state, total, turn)
    return state


def without_normals(codes: np.ndarray) -> np.ndarray:
    return np.empty((len(codes), 0), dtype=np.float32)


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_rows_of_a_cluster_are_of_one_mode(noise: float) -> None:
    codes, modes = rows_in_modes(6000)
    sums = kmeans(codes)
    state = learned(sums, codes, without_normals(codes), noise)
    clusters = sums.nearest(torch.from_numpy(codes), state).numpy()
    table = np.zeros((sums.parts, 3))
    np.add.at(table, (clusters, modes), 1)
    assert table.max(axis=1).sum() / len(codes) > 0.97
    shares = np.bincount(clusters, minlength=sums.parts) / len(codes)
    np.testing.assert_allclose(sums.shares(state).numpy(), shares, atol=0.02)
    assert sums.shares(state).sum() == pytest.approx(1)


@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_a_mixture_is_found_where_it_lies(noise: float) -> None:
    drawn = points(50_000)
    sums = em()
    mixture = sums.mixture(learned(sums, np.zeros((len(drawn), 6), dtype=np.int64), drawn, noise))
    order = [int(np.argmin(((mixture.means - mean) ** 2).sum(1))) for mean in MEANS]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(mixture.means[order], MEANS, atol=0.05)
    np.testing.assert_allclose(mixture.shares[order], MODE_SHARES, atol=0.02)
    factors = mixture.factors[order]
    covariances = factors @ factors.transpose(0, 2, 1)
    np.testing.assert_allclose(
        covariances, np.stack([np.diag(spread**2) for spread in SPREADS]), atol=0.08 if noise else 0.02
    )


def test_noise_that_drowns_everything_leaves_a_distribution() -> None:
    codes, _ = rows_in_modes(50)
    sums = kmeans(codes)
    state = learned(sums, codes, without_normals(codes), 1e4)
    assert torch.isfinite(state).all()
    assert sums.shares(state).sum() == pytest.approx(1)
    mixture = em().mixture(learned(em(), codes, points(50), 1e4))
    assert all(np.isfinite(part).all() for part in vars(mixture).values())
    assert mixture.shares.sum() == pytest.approx(1)
    assert np.linalg.norm(mixture.means, axis=1).max() <= RADIUS * 1.001


@pytest.mark.parametrize("scale", [0.1, 1.0, 1000.0])
def test_a_row_moves_a_sum_by_at_most_one(scale: float) -> None:
    # Each is cut to norm 1 anyhow; that none is longer means that nothing is lost by it.
    codes, _ = rows_in_modes(200)
    clusters, mixture = kmeans(codes), em()
    weights = torch.ones(200, 1)
    parts = clusters.statistics(
        torch.from_numpy(codes)[:, None], weights, torch.empty(200, 1, 0), clusters.start
    )
    assert parts.norm(dim=1).max() <= 1 + 1e-5
    far = torch.from_numpy(points(200))[:, None] * scale
    parts = mixture.statistics(torch.zeros(200, 1, 6, dtype=torch.int64), weights, far, mixture.start)
    assert parts.norm(dim=1).max() <= 1 + 1e-5


def test_rows_of_a_unit_add_up_by_their_weights() -> None:
    codes, _ = rows_in_modes(8)
    sums = kmeans(codes)
    together = torch.from_numpy(codes).view(2, 4, 6)
    weights = torch.tensor([[0.5, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.25]])
    normals = torch.empty(2, 4, 0)
    units = sums.statistics(together, weights, normals, sums.start)
    rows = sums.statistics(together.view(8, 1, 6), torch.ones(8, 1), normals.view(8, 1, 0), sums.start)
    expected = (rows.view(2, 4, -1) * weights[..., None]).sum(1)
    np.testing.assert_allclose(units.numpy(), expected.numpy(), atol=1e-6)


def test_latents_are_drawn_from_the_mixture() -> None:
    rng = np.random.default_rng(2)
    factors = np.array([[[1.0, 0.0], [0.5, 0.3]], [[0.2, 0.0], [-0.1, 0.4]]], dtype=np.float32)
    mixture = Mixture(
        shares=np.array([0.75, 0.25], dtype=np.float32),
        means=np.array([[5.0, 0.0], [-5.0, 1.0]], dtype=np.float32),
        factors=factors,
    )
    placed = mixture.place(rng.standard_normal((40_000, 2), dtype=np.float32), rng.random(40_000))
    first = placed[:, 0] > 0
    assert first.mean() == pytest.approx(0.75, abs=0.012)  # 5 standard deviations
    for rows, mean, factor in zip((placed[first], placed[~first]), mixture.means, factors, strict=True):
        np.testing.assert_allclose(rows.mean(0), mean, atol=0.03)
        np.testing.assert_allclose(np.cov(rows.T), factor @ factor.T, atol=0.03)
    assert np.isfinite(mixture.place(np.zeros((1, 2), dtype=np.float32), np.ones(1))).all()

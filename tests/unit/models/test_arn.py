"""The autoregressive network: what a column sees, and that sampling is the network."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

torch = pytest.importorskip("torch")

from synth.config.model import ArnSettings, Model, ModelKind  # noqa: E402  # after torch is known to be there
from synth.core.codebook import CategoricalCodebook  # noqa: E402
from synth.core.domain import Domain  # noqa: E402
from synth.errors import ArtifactError  # noqa: E402
from synth.models.align import marginal_shares  # noqa: E402
from synth.models.arn import Arn, before  # noqa: E402
from synth.models.arn_sampler import (  # noqa: E402
    ArnSampler,
    ArnWeights,
    align_network,
    without_unreleased_codes,
)
from synth.models.artifact import NeuralArtifact, TrainingRecord  # noqa: E402
from synth.models.sampler import load_sampler  # noqa: E402

DOMAIN = Domain(("a", "b", "c"), (3, 4, 2))
N = 200_000


def network(seed: int = 0) -> Arn:
    """A network with weights of every size, so that columns depend on each other."""
    settings = Model(kind=ModelKind.ARN, arn=ArnSettings(width=3, hidden=5))
    net = Arn(
        domain=DOMAIN,
        width=settings.arn.width,
        hidden=settings.arn.hidden,
        shuffled=0.5,
        log_shares=np.log(np.full(DOMAIN.total, 1 / 3)),
        seed=seed,
    )
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.9, generator=generator)
    return net


def joint(net: Arn, order: Sequence[int]) -> np.ndarray:
    """Probability of every row by the chain rule along an order; [3, 4, 2]."""
    rows = np.stack(np.meshgrid(*(range(k) for k in DOMAIN.sizes), indexing="ij"), axis=-1).reshape(-1, 3)
    place = torch.empty(1, 4)
    place[0, list(order)] = torch.arange(3.0)
    place[0, 3] = -9.0  # below every threshold: the row takes the order of its draws
    with torch.no_grad():
        losses = net.losses(torch.from_numpy(rows), place.expand(len(rows), 4))
    return np.exp(-losses.double().numpy()).reshape(DOMAIN.sizes)


def fits(codes: np.ndarray, expected: np.ndarray) -> bool:
    """A chi-square test of rows against a joint distribution; false alarms: 1e-6."""
    seen = np.zeros(DOMAIN.sizes)
    np.add.at(seen, tuple(codes.T), 1)
    statistic = ((seen - len(codes) * expected) ** 2 / (len(codes) * expected)).sum()
    return bool(statistic < chi2.isf(1e-6, expected.size - 1))


def codebooks(counts: dict[str, tuple[float, ...]]) -> list[CategoricalCodebook]:
    return [
        CategoricalCodebook(
            column=name, categories=tuple(str(k) for k in range(len(held) - 1)), counts=held, closed=True
        )
        for name, held in counts.items()
    ]


def artifact(net: Arn) -> NeuralArtifact:
    record = TrainingRecord(
        steps=5, is_private=True, statement="s", noise_multiplier=1.0, max_grad_norm=1.0, sample_rate=0.1,
        entries=(1,), prepared="d",
    )  # fmt: skip
    return NeuralArtifact(
        kind="arn", domain=DOMAIN, architecture={}, weights=net.weights().arrays(), training=record
    )


def test_a_column_sees_what_comes_before_it_and_nothing_else() -> None:
    net = network()
    seen = torch.tensor([[[0.0, 0, 1], [1, 0, 1], [0, 0, 0]]])  # the order c, a, b
    codes = torch.tensor([[1, 2, 0]])
    before_change = net.logits(codes, seen)
    for changed, is_seen_by in ((0, "b"), (1, ""), (2, "ab")):
        other = codes.clone()
        other[0, changed] = (codes[0, changed] + 1) % DOMAIN.sizes[changed]
        moved = (net.logits(other, seen) != before_change)[0]
        parts = {
            name: bool(moved[DOMAIN.offsets[i] : DOMAIN.offsets[i + 1]].any())
            for i, name in enumerate(DOMAIN.names)
        }
        assert {name for name, is_moved in parts.items() if is_moved} == set(is_seen_by)


def test_orders_are_uniform_for_the_shuffled_share_and_the_tables_own_for_the_rest() -> None:
    normals = torch.from_numpy(np.random.default_rng(0).standard_normal((60_000, 4), dtype=np.float32))
    places = before(normals, 0.5).sum(-1).numpy()  # how many come before each column: [n, K]
    orders, counts = np.unique(places, axis=0, return_counts=True)
    assert len(orders) == 6
    own = counts[(orders == [0, 1, 2]).all(axis=1)][0]
    # 60,000 rows: 5 standard deviations of a binomial count are 600 at most.
    assert abs(own - 60_000 * (0.5 + 0.5 / 6)) < 620
    assert all(abs(count - 5_000) < 350 for count in counts if count != own)
    assert (before(normals, 0.0).sum(-1) == torch.arange(3)).all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_probabilities_of_all_rows_add_up_to_one_in_any_order(order: tuple[int, ...]) -> None:
    assert joint(network(), order).sum() == pytest.approx(1, abs=1e-5)


def test_rows_are_drawn_by_the_networks_own_probabilities() -> None:
    net = network()
    rows = ArnSampler(DOMAIN, net.weights()).sample(np.random.default_rng(1).random((N, 3)))
    assert fits(rows, joint(net, (0, 1, 2)))
    assert not fits(rows, joint(network(1), (0, 1, 2)))


def test_given_shares_are_met_and_the_rest_is_drawn_given_them() -> None:
    net = network()
    shares = {2: np.array([0.9, 0.1])}
    rows = ArnSampler(DOMAIN, net.weights()).starting(shares).sample(np.random.default_rng(2).random((N, 3)))
    whole = joint(net, (2, 0, 1))
    rest = whole / whole.sum(axis=(0, 1))  # given the third column
    assert fits(rows, rest * shares[2])


def test_a_fixed_column_has_its_code_in_every_row() -> None:
    sampler = ArnSampler(DOMAIN, network().weights()).starting({1: np.array([0.0, 0, 1, 0])})
    assert set(sampler.sample(np.random.default_rng(3).random((5000, 3)))[:, 1]) == {2}


def test_the_highest_uniform_draws_no_impossible_code() -> None:
    # It lies below 1, but is nearer to 1 than to any other float32.
    highest = np.full((1000, 3), np.nextafter(1.0, 0.0))
    starts = {1: np.array([0.0, 0, 1, 0]), 2: np.array([1.0, 0])}
    rows = ArnSampler(DOMAIN, network().weights()).starting(starts).sample(highest)
    assert (rows[:, 1:] == [2, 0]).all()
    books = codebooks({"a": (50.0, 50.0, 0.0), "b": (0.0, 5.0, 45.0, 50.0), "c": (70.0, 30.0)})
    weights = without_unreleased_codes(network().weights(), books)
    assert (ArnSampler(DOMAIN, weights).sample(highest)[:, 0] == 1).all()


def test_a_low_temperature_favours_what_is_frequent() -> None:
    sampler = ArnSampler(DOMAIN, network().weights())
    uniforms = np.random.default_rng(4).random((20_000, 3))
    most = [
        max(np.bincount(sampler.starting({}, t).sample(uniforms)[:, 0])) / 20_000 for t in (0.25, 1.0, 4.0)
    ]
    assert most[0] > most[1] + 0.05 > most[2] + 0.1
    assert np.array_equal(sampler.starting({}, 1.0).sample(uniforms), sampler.sample(uniforms))


def test_alignment_brings_the_released_marginals() -> None:
    books = codebooks({"a": (10.0, 60.0, 30.0), "b": (0.0, 5.0, 45.0, 50.0), "c": (70.0, 30.0)})
    aligned = align_network(DOMAIN, network().weights(), books)
    assert aligned.distance_after < 0.002 < aligned.distance_before
    weights = without_unreleased_codes(aligned.weights, books)
    rows = ArnSampler(DOMAIN, weights).sample(np.random.default_rng(5).random((N, 3)))
    for column, book in enumerate(books):
        observed = np.bincount(rows[:, column], minlength=book.n_codes) / N
        assert 0.5 * np.abs(observed - marginal_shares(book, 1e-6)).sum() < 0.01
    assert (rows[:, 1] > 0).all(), "a code without a released count is never drawn"


def test_an_artifact_draws_the_same_rows_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    net = network()
    artifact(net).save(tmp_path)
    uniforms = np.random.default_rng(6).random((3000, 3))
    expected = ArnSampler(DOMAIN, net.weights()).sample(uniforms)
    assert np.array_equal(load_sampler(tmp_path).sample(uniforms), expected)
    wrong = artifact(net)
    arrays = {**wrong.weights, "heads": wrong.weights["heads"][:, :-1]}
    NeuralArtifact(**{**vars(wrong), "weights": arrays}).save(tmp_path)
    with pytest.raises(ArtifactError, match="damaged"):
        load_sampler(tmp_path)


def test_weights_come_back_from_an_artifact() -> None:
    weights = network().weights()
    back = ArnWeights.of(artifact(network()))
    assert all(np.array_equal(a, b) for a, b in zip(vars(weights).values(), vars(back).values(), strict=True))

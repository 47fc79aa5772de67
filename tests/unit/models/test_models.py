import itertools
from pathlib import Path

import numpy as np
import pytest

from synth.config.model import VaeSettings
from synth.core.codebook import CategoricalCodebook
from synth.core.domain import Domain
from synth.errors import ArtifactError
from synth.models.align import align_marginals, marginal_shares, without_unreleased
from synth.models.artifact import NeuralArtifact, TrainingRecord, model_description
from synth.models.decoder import DecoderSampler, DecoderWeights, decoder_logits, normal_quantiles
from synth.models.sampler import load_sampler

DOMAIN = Domain(("a", "b", "c"), (3, 5, 1))


def weights(seed: int = 0, latent: int = 4, hidden: int = 16) -> DecoderWeights:
    rng = np.random.default_rng(seed)
    widths = (latent, hidden, hidden, DOMAIN.total)
    shapes = list(itertools.pairwise(widths))
    return DecoderWeights(
        kernels=tuple(rng.normal(size=shape).astype(np.float32) / 2 for shape in shapes),
        biases=tuple(rng.normal(size=shape[1]).astype(np.float32) for shape in shapes),
    )


@pytest.fixture
def artifact(training_record: TrainingRecord) -> NeuralArtifact:
    held = weights()
    return NeuralArtifact(
        kind="vae",
        domain=DOMAIN,
        architecture=held.architecture(),
        weights=held.arrays(),
        training=training_record,
    )


def codebooks(counts: dict[str, tuple[float, ...]]) -> list[CategoricalCodebook]:
    return [
        CategoricalCodebook(
            column=name, categories=tuple(str(k) for k in range(len(n) - 1)), counts=n, closed=True
        )
        for name, n in counts.items()
    ]


def test_the_numpy_decoder_equals_the_torch_decoder() -> None:
    torch = pytest.importorskip("torch")
    from synth.models.vae import Vae

    model = Vae(
        domain=DOMAIN,
        settings=VaeSettings(latent=4, hidden=(16, 8), beta=1.0),
        log_shares=np.log(np.full(9, 1 / 3)),
        seed=3,
    )
    torch.nn.init.normal_(model.decoder[-1].weight, generator=torch.Generator().manual_seed(0))
    latents = np.random.default_rng(0).standard_normal((100, 4), dtype=np.float32)
    expected = model.decoder(torch.from_numpy(latents)).detach().numpy()
    np.testing.assert_allclose(decoder_logits(model.decoder_weights(), latents).T, expected, atol=1e-5)


def test_an_untrained_model_draws_the_released_marginals_independently() -> None:
    pytest.importorskip("torch")
    from synth.models.vae import Vae

    shares = np.array([0.2, 0.3, 0.5, 0.1, 0.1, 0.1, 0.3, 0.4, 1.0])
    model = Vae(
        domain=DOMAIN,
        settings=VaeSettings(latent=4, hidden=(16,), beta=1.0),
        log_shares=np.log(shares),
        seed=3,
    )
    logits = decoder_logits(model.decoder_weights(), np.random.default_rng(0).normal(size=(5, 4)))
    np.testing.assert_allclose(np.exp(logits), np.tile(shares[:, None], 5), rtol=1e-5)


def test_sampled_codes_have_the_decoders_probabilities() -> None:
    # Chi-square against the mean softmax over the same latents; false alarms below 1 in 10^4.
    sampler = DecoderSampler(DOMAIN, weights())
    uniforms = np.random.default_rng(1).random((60_000, sampler.n_uniforms))
    codes = sampler.sample(uniforms)
    logits = decoder_logits(weights(), normal_quantiles(uniforms[:, :4]))
    for column, (start, size) in enumerate(zip(DOMAIN.offsets[:-1], DOMAIN.sizes, strict=True)):
        scores = np.exp(logits[start : start + size])
        expected = (scores / scores.sum(axis=0)).sum(axis=1)
        observed = np.bincount(codes[:, column], minlength=size)
        assert ((observed - expected) ** 2 / expected).sum() < 25


def test_the_same_uniforms_give_the_same_rows() -> None:
    sampler = DecoderSampler(DOMAIN, weights())
    uniforms = np.random.default_rng(1).random((5000, sampler.n_uniforms))
    assert np.array_equal(sampler.sample(uniforms), sampler.sample(uniforms))


@pytest.mark.parametrize("extreme", [0.0, np.nextafter(1.0, 0.0), 1.0])
def test_extreme_uniforms_give_codes_inside_the_domain(extreme: float) -> None:
    sampler = DecoderSampler(DOMAIN, weights())
    codes = sampler.sample(np.full((3, sampler.n_uniforms), extreme))
    assert codes.dtype == np.uint16
    assert (codes < DOMAIN.sizes).all()


def test_a_code_without_probability_is_never_drawn() -> None:
    biases = weights().biases
    biases[-1][0] = -200.0
    biases[-1][7] = -200.0
    sampler = DecoderSampler(DOMAIN, DecoderWeights(kernels=weights().kernels, biases=biases))
    uniforms = np.random.default_rng(1).random((20_000, sampler.n_uniforms))
    uniforms[:10, 4:] = 0.0
    codes = sampler.sample(uniforms)
    assert not (codes[:, 0] == 0).any()
    assert not (codes[:, 1] == 4).any()


def test_no_rows_are_no_rows() -> None:
    sampler = DecoderSampler(DOMAIN, weights())
    assert sampler.sample(np.empty((0, sampler.n_uniforms))).shape == (0, 3)


def test_uniforms_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="uniforms a row"):
        DecoderSampler(DOMAIN, weights()).sample(np.zeros((2, 3)))


def test_alignment_brings_samples_to_the_released_marginals() -> None:
    books = codebooks({"a": (10.0, 60.0, 30.0), "b": (0.0, 5.0, 5.0, 40.0, 50.0), "c": (100.0,)})
    aligned = align_marginals(weights(), books)
    assert aligned.distance_before > 0.1
    assert aligned.distance_after < 0.001
    sampler = DecoderSampler(DOMAIN, aligned.weights)
    codes = sampler.sample(np.random.default_rng(5).random((50_000, sampler.n_uniforms)))
    for column, book in enumerate(books):
        observed = np.bincount(codes[:, column], minlength=book.n_codes) / len(codes)
        assert 0.5 * np.abs(observed - marginal_shares(book, 1e-6)).sum() < 0.02
    assert np.array_equal(aligned.weights.kernels[-1], weights().kernels[-1])


def test_a_code_that_was_not_released_is_never_drawn() -> None:
    released = {"a": (0.0, 2.0, 1.0), "b": (3.0, 0.0, 1.0, 1.0, 0.0), "c": (0.0,)}
    books = [
        CategoricalCodebook(
            column=name, categories=tuple(map(str, range(len(counts) - 1))), counts=counts, closed=True
        )
        for name, counts in released.items()
    ]
    uniforms = np.random.default_rng(0).random((4096, DecoderSampler(DOMAIN, weights()).n_uniforms))
    drawn = DecoderSampler(DOMAIN, without_unreleased(weights(), books)).sample(uniforms)
    assert [sorted(set(column.tolist())) for column in drawn.T] == [[1, 2], [0, 2, 3], [0]]
    untouched = DecoderSampler(DOMAIN, weights()).sample(uniforms)
    assert (untouched[:, 0] == 0).any(), "the untouched model must draw the code, or nothing was tested"


def test_alignment_is_the_same_every_time() -> None:
    books = codebooks({"a": (10.0, 60.0, 30.0), "b": (0.0, 5.0, 5.0, 40.0, 50.0), "c": (100.0,)})
    once, again = align_marginals(weights(), books), align_marginals(weights(), books)
    assert np.array_equal(once.weights.biases[-1], again.weights.biases[-1])


def test_counts_that_noise_left_all_zero_give_even_shares() -> None:
    (book,) = codebooks({"a": (0.0, 0.0, 0.0)})
    np.testing.assert_allclose(marginal_shares(book, 1e-6), 1 / 3)


def test_an_artifact_comes_back_as_it_was_written(tmp_path: Path, artifact: NeuralArtifact) -> None:
    artifact.save(tmp_path)
    back = NeuralArtifact.load(tmp_path)
    assert back.domain == DOMAIN
    assert back.training == artifact.training
    for mine, theirs in zip(DecoderWeights.of(back).kernels, weights().kernels, strict=True):
        assert np.array_equal(mine, theirs)
    assert load_sampler(tmp_path).n_uniforms == 4 + 3
    assert model_description(tmp_path)["training"]["statement"] == "said in words"


def _cut(folder: Path) -> None:
    content = (folder / "weights.npz").read_bytes()
    (folder / "weights.npz").write_bytes(content[: len(content) // 2])


def _not_finite(folder: Path) -> None:
    arrays = dict(np.load(folder / "weights.npz"))
    arrays["bias_1"][0] = np.nan
    np.savez(folder / "weights.npz", **arrays)


def _other_shape(folder: Path) -> None:
    arrays = dict(np.load(folder / "weights.npz"))
    arrays["kernel_1"] = arrays["kernel_1"][:, :-1]
    np.savez(folder / "weights.npz", **arrays)


def _pickled(folder: Path) -> None:
    arrays = dict(np.load(folder / "weights.npz"))
    arrays["bias_0"] = np.array([object()])
    np.savez(folder / "weights.npz", **arrays)


def _other_domain(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace("5,\n", "6,\n"))


def _no_weights(folder: Path) -> None:
    (folder / "weights.npz").unlink()


def _other_version(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"version": 1', '"version": 2'))


@pytest.mark.parametrize(
    "damage", [_cut, _not_finite, _other_shape, _pickled, _other_domain, _no_weights, _other_version]
)
def test_a_damaged_artifact_is_refused(tmp_path: Path, artifact: NeuralArtifact, damage: object) -> None:
    artifact.save(tmp_path)
    assert callable(damage)
    damage(tmp_path)
    with pytest.raises(ArtifactError):
        load_sampler(tmp_path)


def test_an_autoencoder_refuses_fixed_columns_and_a_temperature() -> None:
    sampler = DecoderSampler(DOMAIN, weights())
    with pytest.raises(ValueError, match="draws all columns at once"):
        sampler.starting({0: np.array([1.0, 0, 0])}, 1.0)
    with pytest.raises(ValueError, match="draws all columns at once"):
        sampler.starting({}, 0.5)

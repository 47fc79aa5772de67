"""What DP-SGD's noise is made of. False alarms of each test: 1e-6 or fewer."""

import math
import secrets

import numpy as np
import pytest
import torch
from scipy import stats

from synth.train.collective import SingleProcess
from synth.train.noise import OwnNoise, gaussian_noise, own_part, random_words

N = 400_000


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    return gaussian_noise(N, 2.0).double().numpy() / 2.0


def test_noise_is_gaussian(sample: np.ndarray) -> None:
    assert stats.kstest(sample, "norm").pvalue > 1e-6
    assert stats.kstest(0.96 * sample, "norm").pvalue < 1e-6, "a scale 4% too small is seen"
    assert abs(stats.kurtosis(sample)) < 4.9 * math.sqrt(24 / N)


@pytest.mark.parametrize("lag", [1, 2])
def test_neighbours_share_nothing(sample: np.ndarray, lag: int) -> None:
    # Neighbours are made of the two halves of one pair: of x and y, and so of their squares.
    for values in (sample, sample**2):
        correlation = np.corrcoef(values[lag:], values[:-lag])[0, 1]
        assert abs(correlation) < 4.9 / math.sqrt(N - lag)


@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_any_length_is_filled(length: int) -> None:
    drawn = gaussian_noise(length, 1.0)
    assert drawn.shape == (length,)
    assert drawn.dtype == torch.float32
    assert torch.isfinite(drawn).all()


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("length", [0, 1, 7, 1000])
def test_over_all_ranks_each_coordinate_is_noised_once(length: int, size: int) -> None:
    parts = [own_part(length, rank=rank, size=size) for rank in range(size)]
    assert [i for part in parts for i in range(length)[part]] == list(range(length))
    assert max(part.stop - part.start for part in parts) <= math.ceil(length / size)


def test_noise_is_added_to_the_own_part_of_one_sum_and_to_no_other() -> None:
    second = SingleProcess()
    second.rank, second.size = 1, 2
    noise = OwnNoise(5, 2.0, collective=second, draw_noise=lambda n, s: torch.full((n,), s))
    with pytest.raises(ValueError, match="noise of length 5 for a sum of length 6"):
        noise.add_to(torch.zeros(6))
    total = torch.ones(5)
    noise.add_to(total)
    assert total.tolist() == [1, 1, 3, 3, 3]
    with pytest.raises(ValueError, match="added already; each sum has its own"):
        noise.add_to(total)


def test_noise_is_drawn_afresh_every_time() -> None:
    assert not torch.equal(gaussian_noise(100, 1.0), gaussian_noise(100, 1.0))


def test_words_are_those_of_aes_256_under_a_key_of_256_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def zeros(n: int) -> bytes:
        asked.append(n)
        return bytes(n)

    monkeypatch.setattr(secrets, "token_bytes", zeros)
    words = random_words(4)
    # AES-256 of a block of zeros under a key of zeros, as in NIST's known answers.
    assert words.numpy().tobytes().hex() == "dc95c078a2408989ad48a21492842087"
    assert asked == [32]

"""Gaussian noise from a cryptographic stream that the operating system keys, drawn once over all ranks."""

import math
import secrets
from collections.abc import Callable

import torch
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from torch import Tensor

from synth.train.collective import Collective

DrawNoise = Callable[[int, float], Tensor]
"""(length, standard deviation) -> float32 [length]."""

_KEY_BYTES = 32
_WORDS = 4
"""Random words a value takes: two radii and two angles."""
_PIECE = 32768
"""Values that are drawn at a time: about a millisecond."""


class OwnNoise:
    """A rank's part of the noise of one sum over all ranks: drawn in pieces, at leisure, and added once.

    Guarantee: each coordinate is some rank's and no other's, so the sum over all ranks has Gaussian noise of
      `standard_deviation` in each coordinate once, independent of that in the others and in other sums.
    """

    def __init__(
        self, length: int, standard_deviation: float, *, collective: Collective, draw_noise: DrawNoise
    ) -> None:
        """Draw nothing yet.

        Args:
          length: of the sum, the same on every rank.
          standard_deviation: 0 for no noise.
        """
        self.length = length
        self.standard_deviation = standard_deviation
        self._own = own_part(length, rank=collective.rank, size=collective.size)
        self._draw_noise = draw_noise
        self._n_left = self._own.stop - self._own.start if standard_deviation else 0
        self._drawn: list[Tensor] = []
        self._is_added = False

    def draw_piece(self) -> bool:
        """Draw some of it; whether there was something to draw."""
        n_now = min(_PIECE, self._n_left)
        if n_now:
            self._n_left -= n_now
            self._drawn.append(self._draw_noise(n_now, self.standard_deviation))
        return n_now > 0

    def add_to(self, total: Tensor) -> None:
        """Add it, in place, to the coordinates of a rank's sum that are this rank's to noise; then forget it.

        What is not drawn yet is drawn now.

        Args:
          total: float32 [length].
        Raises: ValueError if it was added before, for the difference of two sums would have no noise, or if
          it is that of another length.
        """
        if self._is_added:
            raise ValueError("this noise was added already; each sum has its own")
        if len(total) != self.length:
            raise ValueError(f"noise of length {self.length} for a sum of length {len(total)}")
        while self.draw_piece():
            pass
        self._is_added = True
        if self._drawn:
            total[self._own] += torch.cat(self._drawn).to(total.device)
            self._drawn.clear()


def own_part(length: int, *, rank: int, size: int) -> slice:
    """The coordinates of a vector that a rank noises: over all ranks, each exactly once."""
    return slice(length * rank // size, length * (rank + 1) // size)


def gaussian_noise(length: int, standard_deviation: float) -> Tensor:
    """Gaussian noise, float32 [length]; its key comes from the operating system and is forgotten.

    Each value is the sum of four draws over two: the low bits of one floating-point draw would tell which
    values it cannot be. Source: Box, Muller 1958 for a draw; Holohan, Braghin 2021 for the sum, as Opacus'
    secure mode.
    """
    n_pairs = length + 1  # so that the two halves of a pair are never in one value
    words = random_words(_WORDS * n_pairs).view(2, 2, n_pairs)
    # 31 bits, finest near zero, where the logarithm is steep: a draw reaches 6.6 standard deviations.
    radii = (words[0] & 0x7FFFFFFF).float().add_(0.5).mul_(2.0**-31).log_().mul_(-2).sqrt_()
    angles = words[1].float().mul_(2 * math.pi * 2.0**-32)
    cosines = (angles.cos() * radii).sum(dim=0)  # [2, P + 1] -> [P + 1], two draws each
    sines = angles.sin_().mul_(radii).sum(dim=0)
    return (cosines[:-1] + sines[1:]).mul_(standard_deviation / 2)


def random_words(length: int) -> Tensor:
    """Uniform words of 32 bits, int32 [length >= 1]: AES-256 in counter mode under a key from OS entropy."""
    # torch's own CPU generator keeps 32 bits of its seed: noise that could be tried out.
    cipher = Cipher(algorithms.AES(secrets.token_bytes(_KEY_BYTES)), modes.CTR(bytes(16)))
    stream = bytearray(cipher.encryptor().update(bytes(4 * length)))
    return torch.frombuffer(stream, dtype=torch.int32)

"""Where privacy's randomness comes from: the operating system, but for tests."""

from dataclasses import dataclass

import numpy as np

from synth.train.noise import DrawNoise, gaussian_noise
from synth.train.sampler import DrawUniforms, os_entropy_generator, secret_uniforms


@dataclass(frozen=True, kw_only=True)
class Randomness:
    """Attributes:
    sampling: of the latents; its own on every rank.
    draw_uniforms: of Poisson sampling.
    draw_noise: of DP-SGD's noise, and that of sums.
    """

    sampling: np.random.Generator
    draw_noise: DrawNoise = gaussian_noise
    draw_uniforms: DrawUniforms = secret_uniforms

    @staticmethod
    def from_os() -> "Randomness":
        return Randomness(sampling=os_entropy_generator())

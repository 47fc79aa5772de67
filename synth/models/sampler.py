"""Rows from a trained model and given uniforms; numpy and scipy alone, for Spark's executors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.models.arn_sampler import ArnSampler, ArnWeights
from synth.models.artifact import NeuralArtifact, damaged, model_description
from synth.models.decoder import DecoderSampler, DecoderWeights
from synth.models.mixture_artifact import KIND as MIXTURE_KIND
from synth.models.mixture_artifact import MixtureArtifact
from synth.models.mixture_sampler import MixtureSampler
from synth.models.tables_artifact import KIND as TABLES_KIND
from synth.models.tables_artifact import TablesArtifact
from synth.models.tables_sampler import TablesSampler


class Sampler(Protocol):
    """Turns uniforms into rows; the same uniforms, block by block, give the same rows."""

    @property
    def domain(self) -> Domain:
        """The coded space of the rows."""

    @property
    def n_uniforms(self) -> int:
        """How many uniforms a row takes."""

    def sample(self, uniforms: NDArray[np.float64]) -> NDArray[np.uint16]:
        """Rows of codes. [n, n_uniforms] in [0, 1) -> [n, K]."""

    def starting(self, first: Mapping[int, NDArray[np.float64]], temperature: float) -> "Sampler":
        """The sampler that draws some columns first, from the given shares, and the others given them.

        Args:
          first: column of the domain -> shares over its codes, adding up to 1.
          temperature: > 0; 1 draws as learned.
        Raises: ValueError if the model cannot.
        """


def load_sampler(folder: Path) -> Sampler:
    """The sampler of a model artifact.

    Raises: ArtifactError if the artifact is missing or damaged.
    """
    kind = model_description(folder).get("kind")
    if kind == TABLES_KIND:
        return TablesSampler(TablesArtifact.load(folder).tables)
    if kind == MIXTURE_KIND:
        return MixtureSampler(MixtureArtifact.load(folder).mixture.parts)
    artifact = NeuralArtifact.load(folder)
    try:
        return _neural_sampler(artifact)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, error) from error


def _neural_sampler(artifact: NeuralArtifact) -> Sampler:
    match artifact.kind:
        case "vae" | "gan":
            return DecoderSampler(artifact.domain, DecoderWeights.of(artifact))
        case "arn":
            return ArnSampler(artifact.domain, ArnWeights.of(artifact))
        case kind:
            raise ValueError(f"its kind {kind!r} is unknown")

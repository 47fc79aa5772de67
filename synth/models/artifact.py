"""The model on disk: `model.json` says what it is and who paid for it, `weights.npz` holds the decoder."""

import itertools
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.core.domain import Domain
from synth.errors import ArtifactError
from synth.lake.artifacts import read_json, write_json

_VERSION = 1
_DESCRIPTION = "model.json"
_WEIGHTS = "weights.npz"


@dataclass(frozen=True, kw_only=True)
class DecoderWeights:
    """A perceptron from the latent to the logits of all columns, rectified between its layers.

    Attributes:
      kernels: float32 [n_in, n_out] each, from the latent's width to `domain.total`.
      biases: float32 [n_out] each.
    """

    kernels: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Latent, hidden and output widths."""
        return (self.kernels[0].shape[0], *(kernel.shape[1] for kernel in self.kernels))


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """How the model came to be; all of it may be shown.

    Attributes:
      steps: steps that shaped the weights; at most those that were charged.
      is_private: False if the training or the preparation under it had no noise.
      statement: the guarantee in words, or that there is none.
      noise_multiplier, max_grad_norm, sample_rate: of DP-SGD; a noise_multiplier of 0 is no privacy.
      entries: the ledger's entries that paid, the training's own last.
      prepared: digest of the prepared table whose codes the model draws.
    """

    steps: int
    is_private: bool
    statement: str
    noise_multiplier: float
    max_grad_norm: float
    sample_rate: float
    entries: tuple[int, ...]
    prepared: str


@dataclass(frozen=True, kw_only=True)
class VaeArtifact:
    """A trained decoder, the space it samples, and how it was trained."""

    domain: Domain
    weights: DecoderWeights
    training: TrainingRecord

    def __post_init__(self) -> None:
        if self.weights.widths[-1] != self.domain.total:
            raise ValueError(f"{self.weights.widths[-1]} logits for a domain of {self.domain.total} codes")

    def save(self, folder: Path) -> None:
        """Write both files into an existing folder."""
        description = {
            "kind": "vae",
            "version": _VERSION,
            "architecture": {"widths": list(self.weights.widths), "activation": "relu"},
            "domain": {"names": list(self.domain.names), "sizes": list(self.domain.sizes)},
            "training": asdict(self.training),
        }
        arrays = {f"kernel_{i}": kernel for i, kernel in enumerate(self.weights.kernels)}
        arrays |= {f"bias_{i}": bias for i, bias in enumerate(self.weights.biases)}
        write_json(folder / _DESCRIPTION, description)
        np.savez(folder / _WEIGHTS, **arrays)  # type: ignore[arg-type]  # a keyword of savez is a bool

    @staticmethod
    def load(folder: Path) -> "VaeArtifact":
        """The model that `save` wrote.

        Raises: ArtifactError if a file is missing or damaged, a shape does not fit what `model.json`
          says, or a weight is not finite.
        """
        description = read_json(folder / _DESCRIPTION)
        try:
            _expect(description["kind"] == "vae", "its kind is not vae")
            _expect(description["version"] == _VERSION, f"its version is not {_VERSION}")
            architecture = description["architecture"]
            _expect(architecture["activation"] == "relu", "its activation is not relu")
            domain = Domain(tuple(description["domain"]["names"]), tuple(description["domain"]["sizes"]))
            training = description["training"]
            record = TrainingRecord(**{**training, "entries": tuple(training["entries"])})
            weights = _load_weights(folder / _WEIGHTS, architecture["widths"])
            return VaeArtifact(domain=domain, weights=weights, training=record)
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"the model in {folder} is damaged ({error}); train it again") from error


def model_description(folder: Path) -> Mapping[str, Any]:
    """`model.json` as it is, for reports and table properties; ArtifactError if it is missing."""
    description: dict[str, Any] = read_json(folder / _DESCRIPTION)
    return description


def _load_weights(path: Path, widths: list[int]) -> DecoderWeights:
    _expect(len(widths) >= 2, "it has no layers")
    shapes = list(itertools.pairwise(widths))
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        kernels = tuple(_array(arrays, f"kernel_{i}", shape) for i, shape in enumerate(shapes))
        biases = tuple(_array(arrays, f"bias_{i}", shape[1:]) for i, shape in enumerate(shapes))
    return DecoderWeights(kernels=kernels, biases=biases)


def _array(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = arrays[name]
    _expect(array.dtype == np.float32, f"{name} is not float32")
    _expect(array.shape == shape, f"{name} has shape {array.shape} for {shape}")
    _expect(bool(np.isfinite(array).all()), f"{name} has values that are not finite")
    return array


def _expect(is_so: bool, fault: str) -> None:
    if not is_so:
        raise ValueError(fault)

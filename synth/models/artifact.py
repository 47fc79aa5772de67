"""A neural model on disk: `model.json` says what it is and who paid for it, `weights.npz` holds arrays."""

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
class TrainingRecord:
    """How the model came to be; all of it may be shown.

    Attributes:
      steps: steps that shaped the weights; at most those that were charged.
      is_private: False if the training or the preparation under it had no noise.
      statement: the guarantee in words, or that there is none.
      noise_multiplier, max_grad_norm, sample_rate: of DP-SGD; a noise_multiplier of 0 is no privacy.
      sums, sums_noise_multiplier: of the noisy sums that the model took beside the steps.
      entries: the ledger's entries that paid, the training's own last.
      prepared: digest of the prepared table whose codes the model draws.
    """

    steps: int
    is_private: bool
    statement: str
    noise_multiplier: float
    max_grad_norm: float
    sample_rate: float
    sums: int = 0
    sums_noise_multiplier: float = 0.0
    entries: tuple[int, ...]
    prepared: str


@dataclass(frozen=True, kw_only=True)
class NeuralArtifact:
    """Plain weights, the space that they sample, and how they were trained.

    Attributes:
      kind: which sampler reads them.
      architecture: what the sampler must know beside the weights; plain values.
      weights: float32 arrays by name.
    """

    kind: str
    domain: Domain
    architecture: Mapping[str, Any]
    weights: Mapping[str, NDArray[np.float32]]
    training: TrainingRecord

    def save(self, folder: Path) -> None:
        """Write both files into an existing folder."""
        description = {
            "kind": self.kind,
            "version": _VERSION,
            "architecture": dict(self.architecture),
            "shapes": {name: list(array.shape) for name, array in self.weights.items()},
            "domain": {"names": list(self.domain.names), "sizes": list(self.domain.sizes)},
            "training": asdict(self.training),
        }
        write_json(folder / _DESCRIPTION, description)
        np.savez(folder / _WEIGHTS, **self.weights)  # type: ignore[arg-type]  # a keyword of savez is a bool

    @staticmethod
    def load(folder: Path) -> "NeuralArtifact":
        """The model that `save` wrote.

        Raises: ArtifactError if a file is missing or damaged, an array does not fit what `model.json`
          says, or a weight is not finite.
        """
        description = read_json(folder / _DESCRIPTION)
        try:
            expect(description["version"] == _VERSION, f"its version is not {_VERSION}")
            training = description["training"]
            return NeuralArtifact(
                kind=description["kind"],
                domain=Domain(tuple(description["domain"]["names"]), tuple(description["domain"]["sizes"])),
                architecture=dict(description["architecture"]),
                weights=_load_weights(folder / _WEIGHTS, description["shapes"]),
                training=TrainingRecord(**{**training, "entries": tuple(training["entries"])}),
            )
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise damaged(folder, error) from error


def damaged(folder: Path, error: Exception) -> ArtifactError:
    """What to say of a model that cannot be read."""
    return ArtifactError(f"the model in {folder} is damaged ({error}); train it again")


def expect(is_so: bool, fault: str) -> None:
    """Raises: ValueError with the fault."""
    if not is_so:
        raise ValueError(fault)


def model_description(folder: Path) -> Mapping[str, Any]:
    """`model.json` as it is, for reports and table properties; ArtifactError if it is missing."""
    description: dict[str, Any] = read_json(folder / _DESCRIPTION)
    return description


def _load_weights(path: Path, shapes: Mapping[str, list[int]]) -> dict[str, NDArray[np.float32]]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: _array(arrays, name, tuple(shape)) for name, shape in shapes.items()}


def _array(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = arrays[name]
    expect(array.dtype == np.float32, f"{name} is not float32")
    expect(array.shape == shape, f"{name} has shape {array.shape} for {shape}")
    expect(bool(np.isfinite(array).all()), f"{name} has values that are not finite")
    return array

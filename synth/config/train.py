"""How networks are trained: the launcher, the ranks, the step."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from synth.config.model import ModelKind
from synth.config.section import Section


class Launcher(StrEnum):
    """How training ranks are started."""

    HOROVODRUN = "horovodrun"
    SPARK = "spark"
    SINGLE = "single"


class Clipping(StrEnum):
    """What is clipped to a norm: a unit's gradient as a whole, or each layer of it to an equal share."""

    FLAT = "flat"
    PER_LAYER = "per_layer"


class Precision(StrEnum):
    """Of the forward and backward pass in training."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Device(StrEnum):
    """Where ranks compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


_SUITS = {ModelKind.ARN: (2000, 0.01), ModelKind.VAE: (1000, 0.006), ModelKind.GAN: (1000, 0.001)}
"""Units that join a step, and learning rate."""


class Train(Section):
    launcher: Launcher = Launcher.HOROVODRUN
    ranks: Annotated[int, Field(ge=1)] = 2
    network_interface: str | None = None
    hosts: str | None = None
    min_ranks: Annotated[int, Field(ge=1)] | None = None
    discovery: str | None = None
    device: Device = Device.AUTO
    bind_cores: bool = False
    sample_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    expected_batch_size: Annotated[int, Field(ge=1)] | None = None
    steps: Annotated[int, Field(ge=1)] = 1000
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    clipping: Clipping = Clipping.FLAT
    noisy_loss: bool = False
    precision: Precision = Precision.FLOAT32
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    physical_batch_size: Annotated[int, Field(ge=1)] = 1024
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 30.0
    timeout_seconds: Annotated[float, Field(gt=0)] = 3600.0

    @model_validator(mode="after")
    def _elastic_ranks(self) -> Self:
        if self.discovery is not None and self.min_ranks is None:
            raise ValueError("discovery is for elastic ranks; set min_ranks too")
        if self.min_ranks is None:
            return self
        if self.launcher is not Launcher.HOROVODRUN:
            raise ValueError(f"min_ranks is for launcher horovodrun, not {self.launcher.value}")
        if self.min_ranks > self.ranks:
            raise ValueError(f"min_ranks is {self.min_ranks}, above ranks {self.ranks}")
        return self

    def of(self, kind: ModelKind) -> "Train":
        """The same with what is left open set to what suits the kind of model."""
        batch, rate = _SUITS.get(kind, _SUITS[ModelKind.VAE])
        found = {"expected_batch_size": batch, "learning_rate": rate}
        return self.model_copy(update={name: getattr(self, name) or value for name, value in found.items()})

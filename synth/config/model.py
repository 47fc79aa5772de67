"""What learns the coded table, and how."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from synth.config.section import Section


class ModelKind(StrEnum):
    """What learns the coded table."""

    AUTO = "auto"
    MARGINAL = "marginal"
    ARN = "arn"
    VAE = "vae"
    GAN = "gan"


class ArnSettings(Section):
    width: Annotated[int, Field(ge=1, le=4096)] = 8
    hidden: Annotated[int, Field(ge=1, le=65536)] = 32
    shuffled: Annotated[float, Field(ge=0, le=1)] = 0.5


class GanLoss(StrEnum):
    """What generator and discriminator play for."""

    CLASSIC = "classic"
    WASSERSTEIN = "wasserstein"


class GanSettings(Section):
    latent: Annotated[int, Field(ge=1, le=4096)] = 32
    loss: GanLoss = GanLoss.CLASSIC
    condition: str | None = None
    steps_per_generator_step: Annotated[int, Field(ge=1)] = 1


class VaeSettings(Section):
    latent: Annotated[int, Field(ge=1, le=4096)] = 8
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = (256, 256)
    beta: Annotated[float, Field(gt=0)] = 0.6


class MarginalMethod(StrEnum):
    """How the marginals worth measuring are chosen."""

    ROUNDS = "rounds"
    MST = "mst"
    AIM = "aim"
    NETWORK = "network"


class MarginalSettings(Section):
    method: MarginalMethod = MarginalMethod.ROUNDS
    max_cells: Annotated[int, Field(ge=4)] = 50_000
    target_weight: Annotated[float, Field(gt=0)] = 2.0


class Model(Section):
    kind: ModelKind = ModelKind.AUTO
    seed: Annotated[int, Field(ge=0)] = 0
    max_minutes: Annotated[float, Field(gt=0)] = 10.0
    max_memory_gib: Annotated[float, Field(gt=0)] = 2.0
    align_marginals: bool = True
    marginal: MarginalSettings = MarginalSettings()
    arn: ArnSettings = ArnSettings()
    vae: VaeSettings = VaeSettings()
    gan: GanSettings = GanSettings()

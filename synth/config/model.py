"""What learns the coded table, and how."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

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


class LatentPrior(StrEnum):
    """What an autoencoder's latent is drawn from."""

    NORMAL = "normal"
    CLUSTERS = "clusters"
    MIXTURE = "mixture"


class VaeSettings(Section):
    latent: Annotated[int, Field(ge=1, le=4096)] = 8
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = (256, 256)
    beta: Annotated[float, Field(gt=0)] = 0.6
    variational: bool = True
    condition: str | None = None
    prior: LatentPrior = LatentPrior.NORMAL
    parts: Annotated[int, Field(ge=1, le=1000)] = 8
    prior_turns: Annotated[int, Field(ge=1, le=1000)] = 6
    prior_share: Annotated[float, Field(gt=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _a_known_density(self) -> Self:
        if not self.variational and self.prior is not LatentPrior.MIXTURE:
            raise ValueError(
                "variational false leaves a latent of unknown density; set prior: mixture, which learns it"
            )
        return self


class MarginalMethod(StrEnum):
    """How the marginals worth measuring are chosen, and what is fitted to them."""

    MIXTURE = "mixture"
    ROUNDS = "rounds"
    MST = "mst"
    AIM = "aim"
    NETWORK = "network"


class MixtureSettings(Section):
    parts: Annotated[int, Field(ge=1, le=4096)] | None = None
    fits: Annotated[int, Field(ge=1, le=64)] = 4
    steps: Annotated[int, Field(ge=25, le=100_000)] | None = None
    smooth: Annotated[float, Field(ge=0)] | None = None
    ridge: Annotated[float, Field(ge=0)] | None = None


class MarginalSettings(Section):
    method: MarginalMethod = MarginalMethod.MIXTURE
    max_cells: Annotated[int, Field(ge=4)] = 50_000
    target_weight: Annotated[float, Field(gt=0)] = 2.0
    mixture: MixtureSettings = MixtureSettings()


class Model(Section):
    kind: ModelKind = ModelKind.AUTO
    target: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    max_minutes: Annotated[float, Field(gt=0)] = 10.0
    max_memory_gib: Annotated[float, Field(gt=0)] = 2.0
    align_marginals: bool = True
    marginal: MarginalSettings = MarginalSettings()
    arn: ArnSettings = ArnSettings()
    vae: VaeSettings = VaeSettings()
    gan: GanSettings = GanSettings()

    @property
    def condition(self) -> tuple[str, str] | None:
        """The setting and the column that is drawn first and given to the network, if one is."""
        given = {ModelKind.VAE: self.vae.condition, ModelKind.GAN: self.gan.condition}.get(self.kind)
        return None if given is None else (f"model.{self.kind.value}.condition", given)

    @property
    def noisy_sums(self) -> tuple[int, float]:
        """How many noisy sums the network takes beside its steps, and their share of training's budget."""
        if self.kind is not ModelKind.VAE or self.vae.prior is LatentPrior.NORMAL:
            return 0, 0.0
        return self.vae.prior_turns, self.vae.prior_share

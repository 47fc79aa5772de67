"""Which kind of model fits a table, from public facts alone."""

from synth.config.model import Model, ModelKind
from synth.config.sections import Privacy
from synth.core.domain import Domain
from synth.errors import ConfigError

_MOST_CODES = 2000


def choose_model(domain: Domain, privacy: Privacy) -> tuple[ModelKind, str]:
    """The kind that `model.kind: auto` stands for, and the reason in words.

    Args:
      domain: the released coded space.
    """
    if privacy.epsilon is None:
        return (
            ModelKind.ARN,
            "without privacy it keeps more of what three and more columns share than pairs do",
        )
    widest = max(domain.sizes)
    if widest > _MOST_CODES:
        name = domain.names[domain.sizes.index(widest)]
        return ModelKind.ARN, f"column {name!r} has {widest} codes, too many for tables of pairs"
    return (
        ModelKind.MARGINAL,
        f"{len(domain)} columns of at most {widest} codes; noisy marginals keep most at epsilon "
        f"{privacy.epsilon:g}",
    )


def check_condition(domain: Domain, model: Model) -> None:
    """Raise ConfigError if the column that the network is to be given is not learned: before any charge."""
    if model.condition is not None:
        setting, name = model.condition
        if name not in domain.names:
            learned = ", ".join(domain.names)
            raise ConfigError(f"{setting}: {name!r} is no learned column; choose one of {learned}")

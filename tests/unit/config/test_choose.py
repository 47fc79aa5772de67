"""`model.kind: auto` decides by public facts and says why."""

import re

import pytest

from synth.config.choose import check_condition, choose_model
from synth.config.model import GanSettings, Model, ModelKind, VaeSettings
from synth.config.sections import Privacy
from synth.core.domain import Domain
from synth.errors import ConfigError


def domain(sizes: tuple[int, ...]) -> Domain:
    return Domain(tuple(f"c{i}" for i in range(len(sizes))), sizes)


@pytest.mark.parametrize(
    ("sizes", "epsilon", "kind", "reason"),
    [
        ((20,) * 15, 1.0, ModelKind.MARGINAL, "15 columns of at most 20 codes.*epsilon 1"),
        ((20,) * 15, None, ModelKind.ARN, "without privacy it keeps more"),
        ((20,) * 500, 1.0, ModelKind.MARGINAL, "500 columns of at most 20 codes"),
        ((20, 5000, 3), 1.0, ModelKind.ARN, "column 'c1' has 5000 codes"),
    ],
)
def test_the_choice_follows_public_facts(
    sizes: tuple[int, ...], epsilon: float | None, kind: ModelKind, reason: str
) -> None:
    chosen, words = choose_model(domain(sizes), Privacy(epsilon=epsilon))
    assert chosen is kind
    assert re.search(reason, words)


def test_a_condition_must_be_a_learned_column_of_the_kind_that_is_trained() -> None:
    conditions = {"vae": VaeSettings(condition="c1"), "gan": GanSettings(condition="other")}
    learned = domain((3, 4))
    check_condition(learned, Model(kind=ModelKind.VAE, **conditions))
    check_condition(learned, Model(kind=ModelKind.ARN, **conditions))
    with pytest.raises(ConfigError, match=r"model\.gan\.condition: 'other' is no learned column.*c0, c1"):
        check_condition(learned, Model(kind=ModelKind.GAN, **conditions))

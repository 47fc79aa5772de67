"""How long a training will take is told before it is charged."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from synth.config.model import Model, ModelKind
from synth.config.train import Train
from synth.core.prepared import PreparedManifest
from synth.errors import ConfigError
from synth.lake.artifacts import read_json
from synth.train.pace import check_minutes, minutes_of_training

ARN = Model(kind=ModelKind.ARN)


def test_time_grows_with_steps_and_batches(make_prepared: Callable[..., Path]) -> None:
    manifest = PreparedManifest.from_dict(read_json(make_prepared() / "prepared.json"))
    short = Train(steps=10, expected_batch_size=64).of(ModelKind.ARN)
    long = Train(steps=1000, expected_batch_size=640).of(ModelKind.ARN)
    assert 0 < minutes_of_training(manifest, ARN, short, 1) < minutes_of_training(manifest, ARN, long, 1)


def test_a_training_that_cannot_end_in_time_is_refused() -> None:
    train = Train(steps=1000).of(ModelKind.ARN)
    check_minutes(9.0, ARN, train)
    with pytest.raises(
        ConfigError, match=r"about 240 minutes here, model\.max_minutes is 10;.*nothing is charged"
    ):
        check_minutes(240.0, ARN, train)

"""How a model came to be, where a test does not care."""

import pytest

from synth.models.artifact import TrainingRecord


@pytest.fixture
def training_record() -> TrainingRecord:
    return TrainingRecord(
        steps=10,
        is_private=True,
        statement="said in words",
        noise_multiplier=1.5,
        max_grad_norm=1.0,
        sample_rate=0.1,
        entries=(1, 2),
        prepared="0" * 64,
    )

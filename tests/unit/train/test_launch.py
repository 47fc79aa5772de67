import json
import stat
from collections.abc import Callable
from dataclasses import replace

import pytest

from synth.errors import TrainingError
from synth.lake.artifacts import artifact_key, check_artifact
from synth.models.sampler import load_sampler
from synth.train.launch import launch
from synth.train.spec import TrainSpec
from synth.train.worker import readable_cause


def test_a_spec_comes_back_as_it_was_written(make_spec: Callable[..., TrainSpec]) -> None:
    spec = replace(make_spec(), epsilon_by_step=((1, 0.5), (120, 1.0)))
    assert TrainSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_spec_without_a_charge_for_its_plan_is_refused(make_spec: Callable[..., TrainSpec]) -> None:
    cheap, dear = make_spec(steps=10), make_spec(steps=20)
    with pytest.raises(ValueError, match="does not pay"):
        replace(dear, receipt=cheap.receipt)


def test_one_process_leaves_a_model_and_says_what_it_guarantees(make_spec: Callable[..., TrainSpec]) -> None:
    spec, lines = make_spec(steps=30), []
    outcome = launch(spec, None, lines.append)
    assert outcome.steps == 30
    assert outcome.units_per_second > 0
    check_artifact(spec.model_folder)
    assert artifact_key(spec.model_folder) == "key"
    assert load_sampler(spec.model_folder).domain.names == ("a", "b", "c")
    training = json.loads((spec.model_folder / "model.json").read_text())["training"]
    assert training["is_private"]
    assert training["entries"] == [1, 5]
    assert "entry 5" in training["statement"]
    assert "training epsilon" in lines[0]
    assert "1e-05)-differentially private" in training["statement"]
    assert "loss" not in "".join(lines)
    assert stat.S_IMODE(spec.run_folder.stat().st_mode) == 0o700
    assert "not DP" in (spec.run_folder / "loss.jsonl").read_text()


def test_without_privacy_the_model_says_so_in_words(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=5, noise_multiplier=0.0)
    launch(spec, None, lambda _: None)
    training = json.loads((spec.model_folder / "model.json").read_text())["training"]
    assert not training["is_private"]
    assert training["statement"].startswith("No differential privacy")


def test_a_new_charge_starts_afresh_in_the_same_folder(make_spec: Callable[..., TrainSpec]) -> None:
    assert launch(make_spec(steps=12, entry=5), None, lambda _: None).steps == 12
    assert launch(make_spec(steps=20, entry=6), None, lambda _: None).steps == 20


def test_one_charge_never_pays_for_two_trainings(make_spec: Callable[..., TrainSpec]) -> None:
    spec = make_spec(steps=12)
    launch(spec, None, lambda _: None)
    other = replace(spec, model=spec.model.model_copy(update={"seed": 3}))
    with pytest.raises(TrainingError, match="other settings"):
        launch(other, None, lambda _: None)


def test_a_cause_never_quotes_a_message_that_may_hold_data() -> None:
    def raised(error: Exception) -> Exception:
        try:
            raise error
        except Exception as caught:
            return caught

    assert readable_cause(raised(TrainingError("too slow"))) == "too slow"
    assert "Smith" not in readable_cause(raised(ValueError("Smith is not a code")))
    assert "No space left" in readable_cause(raised(OSError(28, "No space left")))

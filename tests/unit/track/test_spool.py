"""What waits on disk while the store is down, and how an event is written there."""

from pathlib import Path

import pytest

from synth.core.address import redact
from synth.track.events import (
    AddModel,
    End,
    Event,
    Log,
    Start,
    Status,
    StoreDown,
    StoreRefused,
    event_from_json,
    event_to_json,
)
from synth.track.memory import MemoryStore
from synth.track.spool import SpooledStore


class _Fragile:
    """A memory store that is down, or refuses metrics, when told."""

    def __init__(self) -> None:
        self.kept = MemoryStore()
        self.asked = 0
        self.down = False

    def apply(self, event: Event) -> None:
        self.asked += 1
        if self.down:
            raise StoreDown("no answer")
        if isinstance(event, Log) and "bad" in event.metrics:
            raise StoreRefused("never")
        self.kept.apply(event)

    def where(self, run: str) -> str:
        return self.kept.where(run)


def test_calls_that_waited_are_sent_in_order_once_the_store_answers(tmp_path: Path) -> None:
    fragile = _Fragile()
    store = SpooledStore(fragile, tmp_path / "spool.jsonl", retry_seconds=0)
    store.apply(Start(run="a", name="a", time=0))
    fragile.down = True
    for step in range(3):
        store.apply(Log(run="a", time=0, metrics={"m": step}, step=step))
    assert "3 tracking calls wait" in store.where("a")
    fragile.down = False
    store.apply(End(run="a", status=Status.FINISHED, time=0))
    assert fragile.kept.runs["a"].metrics == {"m": [(0, 0), (1, 1), (2, 2)]}
    assert fragile.kept.runs["a"].status is Status.FINISHED
    assert not list(tmp_path.iterdir())


def test_a_store_that_is_down_is_asked_once_and_then_left_alone(tmp_path: Path) -> None:
    fragile = _Fragile()
    fragile.down = True
    store = SpooledStore(fragile, tmp_path / "spool.jsonl")
    for step in range(50):
        store.apply(Log(run="a", time=0, metrics={"m": step}))
    assert fragile.asked == 1
    assert len((tmp_path / "spool.jsonl").read_text().splitlines()) == 50


def test_a_refused_call_is_dropped_with_a_warning_and_holds_up_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fragile = _Fragile()
    store = SpooledStore(fragile, tmp_path / "spool.jsonl", retry_seconds=0)
    store.apply(Start(run="a", name="a", time=0))
    fragile.down = True
    store.apply(Log(run="a", time=0, metrics={"bad": 1.0}))
    fragile.down = False
    store.apply(Log(run="a", time=0, metrics={"good": 1.0}))
    assert set(fragile.kept.runs["a"].metrics) == {"good"}
    assert any("refused" in message for message in caplog.messages)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "event",
    [
        Start(run="a", name="n", time=1, parent="p", tags={"k": "é"}),
        Log(run="a", time=1, parameters={"p": "1"}, metrics={"m": 0.1}, tags={"t": "x"}, step=3),
        AddModel(run="a", script="s.py", artifacts={"model": "m"}, requirement="r"),
        End(run="a", status=Status.FAILED, time=2),
    ],
)
def test_an_event_survives_the_spool(event: Event) -> None:
    assert event_from_json(event_to_json(event)) == event


def test_passwords_are_taken_out_of_addresses() -> None:
    assert redact("postgresql://ada:secret@host/db") == "postgresql://host/db"
    assert redact("sqlite:////tmp/a@b/mlflow.db") == "sqlite:////tmp/a@b/mlflow.db"


def test_a_torn_line_is_left_out_and_spoils_no_other(tmp_path: Path) -> None:
    path, fragile = tmp_path / "spool.jsonl", _Fragile()
    whole = event_to_json(Start(run="a", name="a", time=0))
    path.write_text(f"{whole}\n{event_to_json(Log(run='a', time=0, metrics={'m': 1.0}))[:25]}")
    fragile.down = True
    store = SpooledStore(fragile, path, retry_seconds=0)
    store.apply(Log(run="a", time=0, metrics={"n": 2.0}))
    fragile.down = False
    store.apply(End(run="a", status=Status.FINISHED, time=1))
    assert not path.exists()
    assert fragile.kept.runs["a"].metrics.keys() == {"n"}

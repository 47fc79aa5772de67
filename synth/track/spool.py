"""A store that never fails a stage: what cannot be sent waits in a file and is sent later, in order."""

import logging
import os
import time
from pathlib import Path

from synth.track.events import Event, Store, StoreDown, StoreRefused, event_from_json, event_to_json

_LOG = logging.getLogger(__name__)

_RETRY_SECONDS = 300.0
"""A server that hangs holds each try up for half a minute, so tries are rare."""


class SpooledStore:
    """Passes events on to `store` while it answers, and keeps them in `path` while it does not.

    Events that an earlier process left are sent first. A store that is down is asked again only after
    `retry_seconds`. One process at a time may use a spool.
    """

    def __init__(self, store: Store, path: Path, *, retry_seconds: float = _RETRY_SECONDS) -> None:
        self._store = store
        self._path = path
        self._retry_seconds = retry_seconds
        self._retry_at = 0.0
        self._warned = False

    def apply(self, event: Event) -> None:
        rest = [event] if self._path.exists() else self._send([event])
        if rest:
            with self._path.open("a", encoding="utf-8") as file:
                # A line that a killed process left torn ends here, and spoils no other.
                file.write("\n" if self._is_torn() else "")
                file.writelines(event_to_json(waiting) + "\n" for waiting in rest)
                file.flush()
                os.fsync(file.fileno())
        if self._path.exists() and time.monotonic() >= self._retry_at:
            self._replay()

    def where(self, run: str) -> str:
        waiting = len(self._waiting())
        if not waiting:
            return self._store.where(run)
        return (
            f"{waiting} tracking calls wait in {self._path}; the next stage that reaches the store sends them"
        )

    def _replay(self) -> None:
        """Send what waits; what the store still does not take stays."""
        rest = self._send(self._waiting())
        if not rest:
            self._path.unlink()
            return
        partial = self._path.with_suffix(".partial")
        partial.write_text("".join(event_to_json(event) + "\n" for event in rest), encoding="utf-8")
        partial.replace(self._path)

    def _send(self, events: list[Event]) -> list[Event]:
        """Send events in order; returns those that were not sent because the store is down."""
        for index, event in enumerate(events):
            try:
                self._store.apply(event)
            except StoreRefused as error:
                _LOG.warning("the tracking store refused %s: %s", type(event).__name__, error)
            except StoreDown as error:
                self._retry_at = time.monotonic() + self._retry_seconds
                if not self._warned:
                    self._warned = True
                    _LOG.warning(
                        "the tracking store does not answer (%s); calls wait in %s", error, self._path
                    )
                return events[index:]
        return []

    def _is_torn(self) -> bool:
        """Whether the last line has no end."""
        text = self._path.read_bytes() if self._path.exists() else b""
        return bool(text) and not text.endswith(b"\n")

    def _waiting(self) -> list[Event]:
        if not self._path.exists():
            return []
        events = []
        for line in filter(None, self._path.read_bytes().splitlines()):
            try:
                events.append(event_from_json(line.decode()))
            except (ValueError, KeyError, TypeError):
                _LOG.warning("a tracking call in %s is torn; it is left out", self._path)
        return events

"""The live boards: one thread looks up the board when something moved, every listener gets what changed.

Events: ``board`` (everything, on connecting), ``rooms`` (those that changed), ``kiosks``,
``incidents``, ``beat`` every two seconds. A stream ends when whoever watches may do so no more.
A change is looked up at most every 80 ms; the number on a board is newer than that plus the way to the screen.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from server import occupancy
from server.current import Current
from server.live import ROOMS, Hub
from server.store.engine import Store

log = logging.getLogger(__name__)

BEAT_S = 2.0
LOOK_S = 1.0
PAUSE_S = 0.08
MAX_LISTENERS = 100
MOST_EACH = 10
"""Boards that one user watches at once; each holds a thread."""
RECHECK = timedelta(seconds=30)
"""So often a stream asks whether its user may still watch."""
PATIENCE = 100

Board = dict[str, object]
NOTHING: Board = {"rooms": [], "kiosks": [], "incidents": {}}


class Boards:
    """The board as of now, and whoever watches it."""

    def __init__(self, store: Store, current: Current, hub: Hub, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._current = current
        self._hub = hub
        self._clock = clock
        self._lock = threading.Lock()
        self._listeners: list[queue.Queue[str]] = []
        self._watchers: Counter[int] = Counter()
        self._joined = False
        self._thread: threading.Thread | None = None

    def look(self) -> Board:
        """The whole board, looked up now."""
        with self._store.read() as connection:
            return occupancy.board(connection, self._current.get(), self._clock())

    def listen(self, user: int, may: Callable[[], bool]) -> Iterator[str] | None:
        """The event stream for one listener, or None if there are too many. ``user``: the number of who watches;
        ``may``: whether they still may, asked now and then from the stream, outside of any request."""
        mine: queue.Queue[str] = queue.Queue(PATIENCE)
        with self._lock:
            if len(self._listeners) >= MAX_LISTENERS or self._watchers[user] >= MOST_EACH:
                return None
            self._listeners.append(mine)
            self._watchers[user] += 1
            self._joined = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="boards", daemon=True)
                self._thread.start()
        events = self._events(mine, user, may)
        next(events)  # from here on its end is noticed, also if nothing is ever asked of it (HEAD)
        return events

    def _events(self, mine: queue.Queue[str], user: int, may: Callable[[], bool]) -> Iterator[str]:
        try:
            yield ""
            yield "retry: 2000\n\n" + _event("board", self.look())
            asked = self._clock()
            while mine in self._listeners and self._hub.serving():
                if abs((now := self._clock()) - asked) >= RECHECK:
                    if not may():
                        return
                    asked = now
                with suppress(queue.Empty):
                    yield mine.get(timeout=LOOK_S)
        finally:
            self._leave(mine, user)

    def _leave(self, mine: queue.Queue[str], user: int) -> None:
        with self._lock:
            if mine in self._listeners:
                self._listeners.remove(mine)
            self._watchers[user] -= 1
            if self._watchers[user] <= 0:
                del self._watchers[user]

    def _watch(self) -> None:
        seen = self._hub.counts((ROOMS,))
        last = NOTHING
        while True:
            seen = self._hub.wait((ROOMS,), seen, BEAT_S)
            if self._somebody_joined():  # what it saw first may have been undone since the last look
                last = NOTHING
            try:
                board = self.look()
            except Exception:  # the boards must not go silent for good over one bad look
                log.exception("could not look up the board")
                time.sleep(1)
                continue
            for event in _differences(last, board):
                self._send(event)
            last = board
            time.sleep(PAUSE_S)

    def _somebody_joined(self) -> bool:
        with self._lock:
            joined, self._joined = self._joined, False
            return joined

    def _send(self, event: str) -> None:
        with self._lock:
            for listener in list(self._listeners):
                try:
                    listener.put_nowait(event)
                except queue.Full:  # asleep: it gets the whole board when it comes back
                    self._listeners.remove(listener)


def _differences(last: Board, board: Board) -> Iterator[str]:
    before = {room["id"]: room for room in last["rooms"]}  # type: ignore[attr-defined]
    changed = [room for room in board["rooms"] if room != before.get(room["id"])]  # type: ignore[attr-defined]
    if changed:
        yield _event("rooms", {"at": board["at"], "rooms": changed})
    if board["kiosks"] != last["kiosks"]:
        yield _event("kiosks", {"at": board["at"], "kiosks": board["kiosks"]})
    if board["incidents"] != last["incidents"]:
        yield _event("incidents", {"at": board["at"], "incidents": board["incidents"]})
    yield _event("beat", {"at": board["at"]})


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n"

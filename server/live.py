"""Tells whoever listens that occupancy or facts have changed: boards, and kiosks that wait for news.

A change is named by a topic; listeners look up for themselves what it means. With PostgreSQL the word goes to every
node by LISTEN/NOTIFY. A word that is lost costs a listener at most its own next look.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import psycopg

log = logging.getLogger(__name__)

ROOMS = "rooms"
NEWS = "news"
CHANNEL = "threshold"


class Carrier(Protocol):
    """Takes topics to the other nodes."""

    def send(self, topics: Iterable[str]) -> None:
        """Tells every other node."""


class Hub:
    """Counts the changes of each topic; ``wait`` returns when one has moved."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._counts = {ROOMS: 0, NEWS: 0}
        self.carrier: Carrier | None = None
        self.on_news: Callable[[], None] = lambda: None
        """Called before the listeners of NEWS hear of it."""
        self.serving: Callable[[], bool] = lambda: True
        """Whether this process goes on; whoever holds a connection open looks at it once a second."""

    def tell(self, *topics: str) -> None:
        """Something changed, seen by this node: tells everybody."""
        self.hear(topics)
        if self.carrier is not None:
            self.carrier.send(topics)

    def hear(self, topics: Iterable[str]) -> None:
        """Something changed, wherever it was seen: tells the listeners of this node."""
        topics = tuple(topics)
        if NEWS in topics:
            self.on_news()
        with self._moved:
            for topic in topics:
                self._counts[topic] = self._counts.get(topic, 0) + 1
            self._moved.notify_all()

    def counts(self, topics: Sequence[str]) -> tuple[int, ...]:
        """How often each of the topics has moved."""
        with self._moved:
            return self._look(topics)

    def wait(self, topics: Sequence[str], seen: tuple[int, ...], timeout: float) -> tuple[int, ...]:
        """The topics' counts as soon as they differ from ``seen``, or ``seen`` after ``timeout`` seconds."""
        with self._moved:
            self._moved.wait_for(lambda: self._look(topics) != seen, timeout)
            return self._look(topics)

    def _look(self, topics: Sequence[str]) -> tuple[int, ...]:
        return tuple(self._counts.get(topic, 0) for topic in topics)


class PostgresCarrier:
    """LISTEN/NOTIFY between nodes: one connection listens in a thread, another sends."""

    def __init__(self, url: str, hub: Hub) -> None:
        self._url = url
        self._hub = hub
        self._lock = threading.Lock()
        self._sender: psycopg.Connection | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="listen", daemon=True)
        self._thread.start()

    def send(self, topics: Iterable[str]) -> None:
        """See Carrier. A failure is logged: listeners look again by themselves."""
        with self._lock:
            try:
                if self._sender is None or self._sender.closed:
                    self._sender = psycopg.connect(self._url, autocommit=True)
                self._sender.execute("SELECT pg_notify(%s, %s)", (CHANNEL, " ".join(topics)))
            except psycopg.Error:
                log.warning("could not tell the other nodes", exc_info=True)
                self._sender = None

    def close(self) -> None:
        """Ends listening."""
        self._ended.set()
        self._thread.join(timeout=5)
        if self._sender is not None:
            self._sender.close()

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._hub.hear((ROOMS, NEWS))  # what was said while this node did not listen
                    self._follow(connection)
            except psycopg.Error:
                log.warning("lost the database's notifications; listening again", exc_info=True)
                self._ended.wait(1)

    def _follow(self, connection: psycopg.Connection) -> None:
        while not self._ended.is_set():
            for notice in connection.notifies(timeout=0.5):
                self._hub.hear(notice.payload.split())

"""The network's only door: two threads that post letters to the server.

*Ask*: a visitor is waiting, or a passage was just written; at once, own kept-alive connection, no back-off.
*News*: one letter at a time, held by the server until there is news; after a failure 1 to 30 s of back-off.
Nobody waits for the network longer than the deadline of an ask, and after two missed ones not at all until an
exchange has succeeded again.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late

import urllib3

from admission import wire
from admission.errors import DiskError, NetworkError, PeerError, ThresholdError
from admission.seats import RolledBack
from admission.wire import Answer, Lane, Presenting, Whereabouts
from kiosk import trust
from kiosk.dispatch import Dispatch

log = logging.getLogger(__name__)

DEADLINE_S = 0.25
PATIENCE = 2
HOLD_MS = 5000
BACK_OFF_S = (1.0, 30.0)

_Ask = tuple[Presenting | None, "Future[Answer]"]


class Uplink:
    """Posts letters. ``ca``: what the server's TLS may rest on, see kiosk.trust; ``jitter`` gives a number from 0 to 1
    for the back-off; ``on_rolled_back`` is told that this store is an older copy of itself."""

    def __init__(
        self, dispatch: Dispatch, server: str, ca: str, jitter: Callable[[], float], on_rolled_back: Callable[[], None]
    ) -> None:
        self._dispatch = dispatch
        self._url = server.rstrip("/") + wire.PATH
        self._jitter = jitter
        self._on_rolled_back = on_rolled_back
        self._http = trust.pool(ca, 2)
        self._asks: queue.SimpleQueue[_Ask | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._asked = 0
        self._missed = 0
        self.up = False
        self.trouble = ""
        self._threads = [
            threading.Thread(target=self._serve_asks, name="ask", daemon=True),
            threading.Thread(target=self._serve_news, name="news", daemon=True),
        ]

    def start(self) -> None:
        """Begins to talk."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stops talking; what is unsent stays in the journal."""
        self._ended.set()
        self._asks.put(None)
        self._http.clear()

    def ask(self, badge: int, room: str) -> Whereabouts | None:
        """The server's word on the holder of the badge, or None if it does not come within the deadline."""
        if self._missed >= PATIENCE:
            return None
        self._asked += 1
        number = self._asked
        answer: Future[Answer] = Future()
        self._asks.put((Presenting(number, badge, room), answer))
        try:
            word = answer.result(DEADLINE_S).whereabouts
        except (Late, NetworkError, PeerError, DiskError):
            answer.cancel()  # one that nobody waits for would only claim the person
            self._missed += 1
            return None
        return word if word is not None and word.ask == number else None

    def flush(self) -> None:
        """A passage was written: sends it up at once, without waiting for it."""
        if self._missed < PATIENCE:
            self._asks.put((None, Future()))

    def _serve_asks(self) -> None:
        while (item := self._asks.get()) is not None:
            presenting, outcome = item
            if not outcome.set_running_or_notify_cancel():
                continue
            try:
                outcome.set_result(self._exchange(Lane.ASK, presenting, 0, timeout=2.0))
            except Exception as error:  # noqa: BLE001 - the lane must outlive whatever one letter does
                self._note(error)
                outcome.set_exception(error if isinstance(error, ThresholdError) else PeerError(repr(error)))

    def _serve_news(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            hold = 0 if self._dispatch.behind else HOLD_MS
            try:
                self._exchange(Lane.NEWS, None, hold, timeout=HOLD_MS / 1000 + 10)
                pause = 0.05 if self._dispatch.behind else 0.0
            except Exception as error:  # noqa: BLE001 - the lane must outlive whatever one letter does
                self._note(error)
                pause = min(BACK_OFF_S[1], max(BACK_OFF_S[0], pause * 2)) * (0.5 + self._jitter() / 2)

    def _exchange(self, lane: Lane, presenting: Presenting | None, hold_ms: int, timeout: float) -> Answer:
        letter = self._dispatch.write(lane, presenting, hold_ms)
        wait = urllib3.Timeout(connect=2.0, read=timeout)
        with trust.told():
            reply = self._http.request("POST", self._url, body=letter.body, headers=letter.headers, timeout=wait)
        if reply.status != 200:
            raise PeerError(f"the server answered {reply.status}: {reply.data[:200].decode('utf-8', 'replace')}")
        try:
            answer = self._dispatch.read(letter, reply.data, reply.headers.get(wire.SIGNATURE_HEADER, ""))
        except RolledBack as error:
            self._ended.set()
            self._on_rolled_back()
            raise PeerError(str(error)) from error
        if lane is Lane.NEWS or self._dispatch.age_ms(letter) <= DEADLINE_S * 1000:
            self._missed = 0  # an answer that comes too late to be waited for does not make the next one worth a wait
        self.up, self.trouble = True, ""
        return answer

    def _note(self, error: Exception) -> None:
        if not isinstance(error, ThresholdError):
            log.error("an exchange failed", exc_info=error)
        elif self.up or str(error) != self.trouble:
            log.warning("%s", error)
        self.up = False
        self.trouble = str(error)

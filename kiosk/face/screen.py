"""The kiosk's own page, on 127.0.0.1, shown full-screen by a browser; follows the gate by server-sent events.

werkzeug's threaded server is enough here: one browser on the same machine, nothing from outside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import msgspec
from flask import Blueprint, Flask, Response, render_template
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from admission.errors import ConfigError
from kiosk.face import WAITING, Place, Shown, Status, here, sounds
from kiosk.face.language import choose, say

HEARTBEAT_S = 5.0
POLICY = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'"
LOST = Shown("lost", "lost")
"""What the page shows by itself once its kiosk has gone silent."""


class Screen:
    """A Face that a browser shows. ``place`` says where the door is; ``corners`` are what else its page can do."""

    def __init__(self, place: Callable[[], Place], corners: Sequence[Blueprint] = ()) -> None:
        self._place = place
        self._corners = corners
        self._moved = threading.Condition()
        self._count = 0
        self._shown = Shown("moment", "starting")
        self._answers = 0
        self._status = Status()

    def show(self, shown: Shown) -> None:
        """See Face."""
        with self._moved:
            if shown != self._shown or shown.state != WAITING:
                if shown.answers or shown.key != self._shown.key:
                    self._answers += 1
                self._shown = shown
                self._count += 1
                self._moved.notify_all()

    def report(self, status: Status) -> None:
        """See Face."""
        with self._moved:
            if status != self._status:
                self._status = status
                self._count += 1
                self._moved.notify_all()

    def state(self) -> dict[str, object]:
        """What the page shows now. ``answer`` is another number for each thing that wants to be heard."""
        with self._moved:
            shown, status, answer = self._shown, self._status, self._answers
        place = self._place()
        return {
            "gate": place.gate,
            "room": place.room,
            "zone": place.zone,
            "state": shown.state,
            "key": shown.key,
            "lines": self._lines(shown, place),
            "lost": self._lines(LOST, place),
            "name": shown.name,
            "detail": "" if shown.about else shown.detail,
            "answer": answer,
            "sound": sounds.name(shown, place.volume),
            "link": "up" if status.link_up else "down",
            "queue": status.queue,
            "trouble": status.trouble,
            "lists_as_of": status.lists_as_of,
        }

    @staticmethod
    def _lines(shown: Shown, place: Place) -> list[dict[str, str]]:
        return [asdict(say(shown, language)) for language in choose(shown, place.languages)]

    def app(self) -> Flask:
        """The page as a WSGI application."""
        app = Flask(__name__)

        @app.get("/")
        def page() -> str:
            return render_template("face.html", face=self.state(), live="viewfinder" in app.blueprints)

        @app.get("/events")
        def events() -> Response:
            return Response(self._events(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})

        for corner in self._corners:
            app.register_blueprint(corner)

        app.before_request(here.nearby)

        @app.after_request
        def forbid(response: Response) -> Response:
            response.headers["Content-Security-Policy"] = POLICY
            return response

        return app

    def serve(self, host: str, port: int) -> BaseWSGIServer:
        """Serves the page in a thread until ``shutdown``. Raises ConfigError if the address is taken."""
        try:
            server = make_server(host, port, self.app(), threaded=True, request_handler=_Quiet)
        except (OSError, SystemExit) as error:
            raise ConfigError(f"the screen cannot be served at {host}:{port}: {error}; is the port taken?") from error
        server.daemon_threads = True  # type: ignore[attr-defined]  # of the threaded kind
        threading.Thread(target=server.serve_forever, name="screen", daemon=True).start()
        return server

    def _events(self) -> Iterator[str]:
        while True:
            with self._moved:
                seen = self._count
            yield f"event: face\ndata: {msgspec.json.encode(self.state()).decode()}\n\n"
            with self._moved:
                self._moved.wait_for(lambda seen=seen: self._count != seen, HEARTBEAT_S)  # type: ignore[misc]


class _Quiet(WSGIRequestHandler):
    """A page that reloads is no news for the log."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""

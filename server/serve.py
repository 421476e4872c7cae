"""gunicorn around the application: one gthread worker on SQLite, any number on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from werkzeug.middleware.proxy_fix import ProxyFix

from server import backup
from server.config import Config
from server.live import ROOMS
from server.readiness import Readiness
from server.store.engine import open_store
from server.watchman import Watchman
from server.web import create_app, enrolment


class Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Loads the application in each worker after the fork, as threads and connections do not survive one."""

    def __init__(self, config: Config, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._clock = clock
        self._readiness = Readiness(os.environ)
        super().__init__()

    def load_config(self) -> None:
        """Hands our settings to gunicorn."""
        settings: dict[str, Any] = {
            "bind": self._config.bind,
            "workers": self._config.workers,
            "threads": self._config.threads,
            "worker_class": "gthread",
            "keepalive": 75,
            "graceful_timeout": 3,
            "timeout": 60,
            "preload_app": False,
            "proc_name": "threshold-server",
            "loglevel": "warning",
            "post_worker_init": self._begin,
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def _begin(self, worker: Any) -> None:
        """A worker has loaded the application. Event streams and held polls will end when it is told to, instead of
        being killed after a while."""
        worker.wsgi.extensions["threshold"].hub.serving = lambda: worker.alive
        self._readiness.tell()

    def load(self) -> Flask:
        """The application, over its own store."""
        app = create_app(open_store(self._config.url), self._clock, secure_cookies=self._config.https)
        app.config["METRICS_OPEN_HERE"] = self._config.metrics_open
        app.config[enrolment.CA] = self._config.ca
        self._watch_backups(app)
        if hops := self._config.proxies:  # else nobody's word on where a request comes from is believed
            app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
        return app

    def _watch_backups(self, app: Flask) -> None:
        """Their age is a figure, and an incident when it is too high. On PostgreSQL nobody here knows of them."""
        where = backup.folder(self._config)
        if where is None:
            return
        parts = app.extensions["threshold"]
        watchman = Watchman(
            parts.store,
            where,
            self._clock,
            lambda: parts.hub.tell(ROOMS),
            lambda: bool(parts.hub.serving()),
            expected=bool(self._config.backups),
        )
        app.extensions["threshold_watchman"] = watchman
        watchman.start()

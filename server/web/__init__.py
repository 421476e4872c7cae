"""The server over HTTP: ``create_app`` wires the parts; one module per audience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Flask, Response
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError

from server import users
from server.current import Current
from server.live import Hub, PostgresCarrier
from server.store.engine import PostgresStore, Store
from server.web import (
    accounts,
    admin,
    api,
    badges,
    courier,
    desk,
    enrolment,
    errors,
    exports,
    i18n,
    incidents,
    keys,
    kiosks,
    navigation,
    organisers,
    people,
    privacy,
    programme,
    reports,
    roll_call,
    security,
    sign_in,
    supervision,
    sweep,
    trail,
)
from server.web.auth import SignedIn
from server.web.stream import Boards

POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
PAGES = (
    security,
    incidents,
    roll_call,
    supervision,
    sweep,
    desk,
    people,
    badges,
    programme,
    organisers,
    exports,
    reports,
    admin,
    accounts,
    keys,
    privacy,
    trail,
    sign_in,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pages work with."""

    store: Store
    current: Current
    hub: Hub
    boards: Boards
    clock: Callable[[], datetime]


def create_parts(store: Store, clock: Callable[[], datetime]) -> Parts:
    """The parts over an open store that holds an event. Raises ConfigError if it holds none."""
    current = Current(store, clock)
    current.get()
    hub = Hub()
    if isinstance(store, PostgresStore):
        hub.carrier = PostgresCarrier(store.plain_url, hub)
    return Parts(store, current, hub, Boards(store, current, hub, clock), clock)


def create_app(store: Store, clock: Callable[[], datetime], *, secure_cookies: bool = False) -> Flask:
    """The whole server as a WSGI application over an open store that holds an event."""
    app = Flask(__name__)
    app.extensions["threshold"] = parts = create_parts(store, clock)
    event = parts.current.get().event
    app.config.update(
        SECRET_KEY=event.cookie_secret,
        MAX_CONTENT_LENGTH=1_000_000,
        SESSION_COOKIE_NAME="threshold",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=14),
        WTF_CSRF_TIME_LIMIT=None,
    )
    csrf = CSRFProtect(app)
    csrf.exempt(enrolling := enrolment.blueprint(parts))
    csrf.exempt(programs := api.blueprint(parts))
    i18n.register(app)
    logins = LoginManager(app)
    logins.login_view = "sign_in.sign_in"
    logins.login_message = None

    @logins.user_loader  # type: ignore[untyped-decorator]  # flask-login has no types
    def _load(cookie: str) -> SignedIn | None:
        number, _, stamp = cookie.partition(".")
        with store.read() as connection:
            user = users.find(connection, int(number))
        return None if user is None or user.stamp != stamp else SignedIn(user)

    for part in PAGES:
        app.register_blueprint(part.blueprint(parts))
    lanes = kiosks.Lanes(parts)
    app.register_blueprint(courier.blueprint(parts, lanes))
    app.register_blueprint(enrolling)
    app.register_blueprint(programs)
    errors.register(app)
    app.context_processor(lambda: {"event_name": event.name, "user": _user(), "navigation": navigation})
    app.after_request(_guard)
    app.wsgi_app = kiosks.Endpoint(lanes, app.wsgi_app)  # type: ignore[method-assign]  # as Flask's manual does
    return app


def _user() -> object | None:
    """Who is signed in; nobody where the database cannot say, so that its error can be shown."""
    try:
        return current_user if current_user.is_authenticated else None
    except SQLAlchemyError:
        return None


def _guard(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response

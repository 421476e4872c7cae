"""The server over HTTP: ``create_app`` wires the parts; one module per audience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask, Response, abort, current_app, request
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError

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
    presence,
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
from server.web.stream import Boards

POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
CAMERAS = frozenset({"courier", "roll_call"})
PERMISSIONS = "camera=({}), microphone=(), geolocation=(), payment=(), usb=()"
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
    sought: dict[str, int] = field(default_factory=dict)
    """When (ms) somebody last asked in vain for a seat of a room; see Seating."""


def create_parts(store: Store, clock: Callable[[], datetime]) -> Parts:
    """The parts over an open store that holds an event. Raises ConfigError if it holds none."""
    current = Current(store, clock)
    current.get()
    hub = Hub()
    hub.on_news = current.expire
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
    app.before_request(_refuse_nul)
    csrf = CSRFProtect(app)
    csrf.exempt(enrolling := enrolment.blueprint(parts))
    csrf.exempt(programs := api.blueprint(parts))
    i18n.register(app)
    logins = LoginManager(app)
    logins.login_view = "sign_in.sign_in"
    logins.login_message = None

    logins.user_loader(lambda cookie: presence.find(parts, cookie))

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


def _refuse_nul() -> None:
    """No name, number or text holds a NUL, and PostgreSQL takes none: there is no such page, and no such value."""
    if "\0" in request.path:
        abort(404)
    for given in (request.args, request.form):
        if any("\0" in name or any("\0" in text for text in texts) for name, texts in given.lists()):
            abort(400)


def _user() -> object | None:
    """Who is signed in; nobody where the database cannot say, so that its error can be shown."""
    try:
        return current_user if current_user.is_authenticated else None
    except SQLAlchemyError:
        return None


def _guard(response: Response) -> Response:
    """No page runs, shows, sends or is shown anything that is not ours; the camera is open where badges are read."""
    headers = response.headers
    if response.mimetype == "text/html":
        policy = headers.get("Content-Security-Policy", POLICY)
        headers["Content-Security-Policy"] = policy if "object-src" in policy else f"{policy}; object-src 'none'"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "DENY"
        if request.is_secure:  # browsers heed it on no other page, and complain
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = PERMISSIONS.format("self" if request.blueprint in CAMERAS else "")
        headers.setdefault("Cache-Control", "no-store")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return response

"""Admins' pages of the kiosks: all of them at a glance, and one with its name, its gate and what it says of itself."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import fleet, pairing, trail
from server.fleet import Member
from server.live import NEWS, ROOMS
from server.store.instants import from_ms, to_ms
from server.web import auth
from server.web.auth import ADMINS, only

if TYPE_CHECKING:
    from server.web import Parts


def register(pages: Blueprint, parts: Parts) -> None:
    """Adds the pages to those of pairing."""
    _show(pages, parts)
    _change(pages, parts)


def _show(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/kiosks")
    @only(ADMINS)
    def kiosks() -> ResponseReturnValue:
        return listing(parts, None)

    @pages.get("/kiosks/<name>")
    @only(ADMINS)
    def kiosk(name: str) -> ResponseReturnValue:
        return _page(parts, name)


def _change(pages: Blueprint, parts: Parts) -> None:
    @pages.post("/kiosks/<name>/label")
    @only(ADMINS)
    def rename(name: str) -> ResponseReturnValue:
        label, was = request.form.get("label", "").strip(), request.form.get("was", "")
        who, at = auth.who(), to_ms(parts.clock())

        def work(connection: Connection) -> None:
            fleet.rename(connection, name, label, was)
            trail.note(connection, who, at, "renamed", "kiosk", name, {"label": label, "was": was})

        try:
            _find(parts, name)
            parts.store.write(work)
        except ConfigError as error:
            return _page(parts, name, "label", error), 409
        parts.hub.tell(ROOMS)
        flash(gettext("The kiosk is renamed."), "done")
        return redirect(url_for("admin.kiosk", name=name), 303)

    @pages.post("/kiosks/<name>/gate")
    @only(ADMINS)
    def assign(name: str) -> ResponseReturnValue:
        goal, was, now = request.form.get("gate", ""), request.form.get("was", ""), parts.clock()
        who = auth.who()

        def work(connection: Connection) -> None:
            fleet.assign(connection, name, goal, was, now)
            trail.note(connection, who, to_ms(now), "moved", "kiosk", name, {"gate": goal, "was": was})

        try:
            _find(parts, name)
            parts.store.write(work)
        except ConfigError as error:
            return _page(parts, name, "gate", error), 409
        parts.hub.tell(NEWS, ROOMS)
        flash(gettext("The kiosk is assigned. It takes its new gate within seconds if it is in reach."), "done")
        return redirect(url_for("admin.kiosk", name=name), 303)


def listing(parts: Parts, problem: ConfigError | None) -> str:
    """The page with all kiosks and the form for another one. ``problem``: what is wrong with what was typed."""
    now, picture = parts.clock(), parts.current.get()
    with parts.store.read() as connection:
        known = fleet.read(connection, picture.programme, now, version("threshold"))
        gates = pairing.gates(connection)
    form = {"name": "", "gate": "", "server": request.url_root.rstrip("/")} | request.form.to_dict()
    return render_template(
        "kiosks.html",
        active="kiosks",
        kiosks=known,
        gates=gates,
        form=form,
        problem=problem,
        weights=fleet,
        zone=picture.event.zone,
        now=now,
    )


def _page(parts: Parts, name: str, where: str = "", problem: ConfigError | None = None) -> str:
    now, picture = parts.clock(), parts.current.get()
    one = _find(parts, name)
    with parts.store.read() as connection:
        gates = pairing.gates(connection)
        steps = trail.newest(connection, 8, about="kiosk", ref=name)
    return render_template(
        "kiosks_one.html",
        active="kiosks",
        one=one,
        gates=gates,
        steps=steps,
        where=where,
        problem=problem,
        typed={"label": request.form.get("label", one.label), "gate": request.form.get("gate", one.gate)},
        weights=fleet,
        programme=picture.programme.version,
        ours=version("threshold"),
        zone=picture.event.zone,
        now=now,
        from_ms=from_ms,
    )


def _find(parts: Parts, name: str) -> Member:
    with parts.store.read() as connection:
        known = fleet.read(connection, parts.current.get().programme, parts.clock(), version("threshold"))
    return next((one for one in known if one.name == name), None) or abort(404)

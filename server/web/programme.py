"""The programme: its timetable, what clashes in it, and which kiosk has it. Its forms: programme_forms.py; what the
doors say: programme_doors.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy import func, select

from admission.venue import CATEGORIES, ZONES, Programme, Session
from server import reach
from server.phrase import marked as _
from server.reach import Carrier, Has, Spread
from server.schedule import facts, findings
from server.schedule.findings import Finding, Level
from server.standings import SILENT_MS
from server.store import schema
from server.store.instants import from_ms, to_ms
from server.web import i18n, programme_doors, programme_forms, programme_lists, timetable
from server.web.auth import ORGANISERS, only

if TYPE_CHECKING:
    from server.web import Parts

THEMES = 8
LEVELS = {
    Level.IMPOSSIBLE: ("bad", "kind-refused", _("Impossible")),
    Level.DOUBTFUL: ("warn", "level-near", _("Doubtful")),
    Level.NOTE: ("info", "state-note", _("Note")),
}
HAS = {
    Has.YES: ("good", "state-done", _("has it")),
    Has.WAITING: ("warn", "state-late", _("not yet")),
    Has.SILENT: ("bad", "state-silent", _("silent")),
    Has.NEVER: ("off", "state-never", _("has never spoken")),
}
"""Of each state: the pill, its shape, its word."""


def blueprint(parts: Parts) -> Blueprint:
    """The programme: rooms, gates, sessions, and who may enter what."""
    pages = Blueprint("programme", __name__)
    _timetable(pages, parts)
    _places(pages, parts)
    _kiosks(pages, parts)
    programme_doors.register(pages, parts)
    programme_forms.register(pages, parts)
    programme_lists.register(pages, parts)
    return pages


def _timetable(pages: Blueprint, parts: Parts) -> None:
    @pages.app_context_processor
    def _words() -> dict[str, object]:
        return {
            "levels": LEVELS,
            "mend": mend,
            "carrier": lambda one: show(one, parts),
            "summary": summary,
            "local": lambda ms: _local(parts, ms),
        }

    @pages.get("/programme")
    @only(ORGANISERS)
    def index() -> ResponseReturnValue:
        now, event = parts.clock(), parts.current.get().event
        with parts.store.read() as connection:
            known = facts.read(connection, event)
            spread = reach.read(connection, now)
            themes = dict(connection.execute(select(schema.session.c.id, schema.session.c.theme)).all())
            names = dict(connection.execute(select(schema.category.c.code, schema.category.c.name)).all())
        plan, found = known.programme, findings.find(known, now)
        day = timetable.choose(plan, request.args.get("day", ""), now)
        shown = timetable.on(plan, day) if day else []
        return render_template(
            "programme.html",
            active="programme",
            plan=plan,
            day=day,
            days=timetable.days(plan),
            today=now.astimezone(event.zone).date(),
            grid=timetable.lay_out(plan, day, now) if day else None,
            sessions=shown,
            of={one.id: _told(one, plan, themes, names, now, event.zone) for one in shown},
            themes={name: number % THEMES for number, name in enumerate(sorted(set(themes.values()) - {""}))},
            worst=_worst(found),
            found=found,
            facts=known,
            spread=spread,
            clock=i18n.clock(now.astimezone(event.zone)),
        )


def _places(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/programme/rooms")
    @only(ORGANISERS)
    def rooms() -> ResponseReturnValue:
        with parts.store.read() as connection:
            known = facts.read(connection, parts.current.get().event)
            spread = reach.read(connection, parts.clock())
        found = [one for one in findings.find(known, parts.clock()) if one.about in ("room", "gate")]
        return render_template(
            "programme_rooms.html", active="programme", plan=known.programme, facts=known, found=found, spread=spread
        )

    @pages.get("/programme/categories")
    @only(ORGANISERS)
    def categories() -> ResponseReturnValue:
        person, category = schema.person.c, schema.category.c
        with parts.store.read() as connection:
            rows = connection.execute(select(schema.category).order_by(category.code)).mappings().all()
            counts = select(person.category, func.count()).group_by(person.category)
            people = {int(code): int(many) for code, many in connection.execute(counts)}
        return render_template(
            "programme_categories.html", active="programme", rows=rows, people=people, most=CATEGORIES
        )


def _kiosks(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/programme/kiosks")
    @only(ORGANISERS)
    def kiosks() -> ResponseReturnValue:
        with parts.store.read() as connection:
            spread = reach.read(connection, parts.clock())
        return render_template("programme_kiosks.html", active="programme", spread=spread)

    @pages.get("/programme/kiosks/state")
    @only(ORGANISERS)
    def kiosk_state() -> ResponseReturnValue:
        with parts.store.read() as connection:
            spread = reach.read(connection, parts.clock())
        told = {one.id: show(one, parts) for one in spread.carriers}
        reply = jsonify(version=spread.version, summary=summary(spread), done=_done(spread), kiosks=told)
        reply.headers["Cache-Control"] = "no-store"
        return reply


def summary(spread: Spread) -> str:
    """How far it has come, in one sentence."""
    having, many = i18n.number(spread.having), i18n.number(len(spread.carriers))
    said = gettext("%(having)s of %(all)s kiosks have the present programme", having=having, all=many)
    return str(said)


def show(one: Carrier, parts: Parts) -> dict[str, Any]:
    """A kiosk's state as the page says it."""
    state, icon, word = HAS[one.has]
    said = str(gettext(word))
    heard = _heard(one, parts)
    return {"state": state, "icon": icon, "word": said, "heard": heard, "version": one.version, "has": one.has.value}


def mend(finding: Finding) -> str:
    """Where a finding is mended."""
    if finding.about == "list":
        return url_for("programme.people", ref=finding.ref)
    return url_for("programme.edit", file=f"{finding.about}s", ref=finding.ref)


def _done(spread: Spread) -> bool:
    return spread.having == len(spread.carriers)


def _heard(one: Carrier, parts: Parts) -> str:
    """When it was heard last."""
    if one.heard is None:
        return ""
    seconds = max(0, to_ms(parts.clock()) - one.heard) // 1000
    if seconds * 1000 < SILENT_MS:
        return str(gettext("heard %(seconds)s s ago", seconds=i18n.number(seconds)))
    at = from_ms(one.heard).astimezone(parts.current.get().event.zone)
    today = at.date() == parts.clock().astimezone(at.tzinfo).date()
    time = i18n.clock(at) if today else f"{at:%Y-%m-%d %H:%M}"
    return str(
        gettext("since %(time)s", time=time) if one.has is Has.SILENT else gettext("silent since %(time)s", time=time)
    )


def _local(parts: Parts, ms: int) -> str:
    return f"{from_ms(ms).astimezone(parts.current.get().event.zone):%Y-%m-%d %H:%M}"


def _worst(found: Sequence[Finding]) -> dict[str, Level]:
    """Of each session the worst that is said of it."""
    worst: dict[str, Level] = {}
    for one in found:
        for ref in (one.ref, one.also) if one.about in ("session", "list") else ():
            worst[ref] = min(one.level, worst.get(ref, one.level))
    return worst


def _told(
    session: Session, plan: Programme, themes: Mapping[str, str], names: Mapping[int, str], now: datetime, zone: Any
) -> dict[str, Any]:
    room = plan.room(session.room)
    return {
        "room": room.name if room is not None else session.room,
        "time": _span(session.starts, session.ends, zone),
        "starts": i18n.clock(session.starts.astimezone(zone)),
        "ends": i18n.clock(session.ends.astimezone(zone)),
        "theme": themes.get(session.id, ""),
        "who": _who(session, names),
        "zones": [zone + 1 for zone in range(ZONES) if session.zones >> zone & 1],
        "when": "now" if session.starts <= now < session.ends else "over" if session.ends <= now else "ahead",
        "admits": session.admits_at(now),
    }


def _span(since: datetime, until: datetime, zone: Any) -> str:
    return f"{i18n.clock(since.astimezone(zone))}\N{EN DASH}{i18n.clock(until.astimezone(zone))}"


def _who(session: Session, names: Mapping[int, str]) -> str:
    if session.invited:
        return str(gettext("invited only"))
    named = [name for code, name in names.items() if session.categories >> code & 1]
    return str(gettext("everyone")) if len(named) == len(names) else ", ".join(named)

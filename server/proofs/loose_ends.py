"""What is left to look at: it proves nothing wrong, and whoever signs the report should know it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from server import incidents, restore
from server.proofs.evidence import Check, Gathering, many
from server.store.instants import from_ms, to_ms
from server.store.schema import act, book, device, event, incarnation, incident, passage, quarantine

SECTION = "Left to look at"
SILENT = timedelta(minutes=1)
LASTS = timedelta(minutes=30)
"""An act that nobody has confirmed by then is over."""


def check(connection: Connection, zone: ZoneInfo, now: datetime) -> list[Check]:
    """Incidents, records kept aside, acts that wait, silent kiosks, restores."""
    return [
        _incidents(connection, zone),
        _aside(connection, zone),
        _acts(connection, zone, now),
        _kiosks(connection, zone, now),
        _restores(connection, zone),
    ]


def _incidents(connection: Connection, zone: ZoneInfo) -> Check:
    found = Gathering(SECTION, zone)
    seen = connection.execute(select(func.count()).select_from(incident)).scalar_one()
    query = select(incident.c.kind, func.count(), func.min(incident.c.id)).where(incident.c.resolved.is_(None))
    for kind, count, first in connection.execute(query.group_by(incident.c.kind).order_by(incident.c.kind)):
        words = incidents.WORDS.get(kind)
        title = words.title if words is not None else kind
        found.note(f"{title}: {count} open, the first is incident {first}", kind=kind, open=count, first=first)
    return found.check(f"{many(seen, 'incident')}: all resolved, but for those named here")


def _aside(connection: Connection, zone: ZoneInfo) -> Check:
    """By reason, without what differs from one record to the next."""
    found, why = Gathering(SECTION, zone), Counter[tuple[str, str]]()
    query = select(quarantine.c.device, quarantine.c.why, func.count()).group_by(quarantine.c.device, quarantine.c.why)
    for name, reason, count in connection.execute(query):
        why[name, reason.partition(":")[0]] += count
    for (name, reason), count in sorted(why.items()):
        text = f"{name}: {many(count, 'record')} kept aside ({reason})"
        found.note(text, device=name, why=reason, records=count)
    return found.check(f"{many(sum(why.values()), 'record')} kept aside")


def _acts(connection: Connection, zone: ZoneInfo, now: datetime) -> Check:
    found = Gathering(SECTION, zone)
    query = select(act.c.id, act.c.kind, act.c.room, act.c.device, act.c.by, act.c.at).where(act.c.state == "waiting")
    for row in connection.execute(query.where(act.c.at > to_ms(now - LASTS)).order_by(act.c.id)):
        text = f"act {row.id} ({row.kind}, {row.room or row.device or 'everywhere'}) of {row.by} waits to be confirmed"
        found.note(text, act=row.id, kind=row.kind, by=row.by, at=row.at)
    for name, heads in connection.execute(select(book.c.room, book.c.heads).where(book.c.heads.is_not(None))):
        text = f"{name}: a count of {heads} heads is not settled until every kiosk has reported after it"
        found.note(text, room=name, heads=heads)
    seen = connection.execute(select(func.count()).select_from(act)).scalar_one()
    return found.check(f"{many(seen, 'act')}: none waits, but for those named here")


def _kiosks(connection: Connection, zone: ZoneInfo, now: datetime) -> Check:
    found, seen = Gathering(SECTION, zone), 0
    query = select(device.c.id, func.max(incarnation.c.heard)).outerjoin(incarnation).where(device.c.revoked.is_(None))
    for name, heard in connection.execute(query.group_by(device.c.id).order_by(device.c.id)):
        seen += 1
        if heard is None:
            found.note(f"{name} was never heard", device=name)
        elif from_ms(heard) < now - SILENT:
            text = f"{name} was last heard at {found.time(heard)}; what it has written since is not in this log"
            found.note(text, device=name, heard=heard)
    return found.check(f"{many(seen, 'kiosk')} heard within the last minute, but for those named here")


def _restores(connection: Connection, zone: ZoneInfo) -> Check:
    found = Gathering(SECTION, zone)
    era = int(connection.execute(select(event.c.era)).scalar_one())
    times = connection.execute(select(incident.c.at).where(incident.c.kind == "restore").order_by(incident.c.at))
    for at in times.scalars().all():
        after = select(func.count()).select_from(passage).where(passage.c.received >= at)
        count = connection.execute(after).scalar_one()
        text = f"the database was put back; noticed at {found.time(at)}, {many(count, 'passage')} came since"
        found.note(text, at=at, since=count)
    awaited = restore.awaited(connection, era)
    if awaited:
        found.note(f"not heard since the database was put back: {', '.join(awaited)}", devices=list(awaited))
    return found.check(f"era {era}: {'the database was never put back' if era == 1 else 'the database was put back'}")

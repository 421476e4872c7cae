"""What has changed since a kiosk last heard: programme, badges, lists, presence; and the word on one holder.

Only reads. Everything about persons that leaves here is sealed or a bitmap over badge serials.
"""

from __future__ import annotations

import threading

from sqlalchemy import Connection, func, select

from admission import bitmap
from admission.wire import BadgeNews, Listed, PresenceNews, Presenting, ProgrammeNews, Whereabouts
from server.current import Picture
from server.exchange import inside
from server.store import quotas
from server.store.holders import Holder
from server.store.schema import act, badge, device, gate, incarnation, listing, passage, session, stay

PART = 6000
"""Sealed records in one answer: 5,000 badges fit one of less than 1 MB."""

SURE_WITHIN_MS = 30_000


def programme_news(picture: Picture, device_id: str) -> ProgrammeNews:
    """The whole programme, with the gate at which this kiosk stands."""
    return ProgrammeNews(picture.programme, picture.keyring, picture.devices[device_id][1])


def badge_news(connection: Connection, since: int, room: str, present: int) -> BadgeNews:
    """Changes to badges after change number ``since``; 0: everything. Lists are those of the room's sessions.

    ``present``: the newest change number; a cursor reaches it although imports change lists and no badge.
    """
    changes = select(badge.c.changed, badge.c.lookup, badge.c.box, badge.c.revoked).where(badge.c.changed > since)
    rows = connection.execute(changes.order_by(badge.c.changed, badge.c.serial)).all()
    more = False
    if len(rows) > PART:
        # A part never cuts through one change number, for the cursor could not say where it stopped.
        cut = rows[PART].changed
        kept = [row for row in rows if row.changed < cut] or [row for row in rows if row.changed == cut]
        more = len(kept) < len(rows)
        rows = kept
    upto = rows[-1].changed if more else max(present, rows[-1].changed if rows else 0)
    highest = connection.execute(select(func.coalesce(func.max(badge.c.serial), 0))).scalar_one()
    gone = connection.execute(select(badge.c.serial, badge.c.replaced_by).where(badge.c.revoked.is_not(None))).all()
    return BadgeNews(
        upto=upto,
        whole=since == 0,
        more=more,
        highest=highest,
        revoked=bitmap.pack(row.serial for row in gone),
        replaced=tuple((row.serial, row.replaced_by) for row in gone if row.replaced_by is not None),
        records=tuple(
            (bytes(row.lookup), _box(row.box, row.revoked))
            for row in rows
            if row.lookup and (row.revoked is None or since)
        ),
        lists=_lists(connection, room),
    )


def _box(box: bytes, revoked: int | None) -> bytes:
    """A live badge's sealed record; empty for one that is not: it is to be forgotten."""
    return bytes(box) if revoked is None else b""


def _lists(connection: Connection, room: str) -> tuple[Listed, ...]:
    rows = connection.execute(
        select(listing.c.session, listing.c.may, badge.c.serial)
        .join(session, session.c.id == listing.c.session)
        .join(badge, badge.c.person == listing.c.person)
        .where(session.c.room == room, badge.c.revoked.is_(None))
    ).all()
    lists = []
    for name in sorted({row.session for row in rows}):
        yes = bitmap.pack(row.serial for row in rows if row.session == name and row.may)
        no = bitmap.pack(row.serial for row in rows if row.session == name and not row.may)
        lists.append(Listed(name, yes, no))
    return tuple(lists)


def presence_version(connection: Connection) -> int:
    """Moves whenever somebody may have come or gone: by a passage, or by an act of a supervisor."""
    newest = select(func.coalesce(func.max(passage.c.id), 0)).scalar_subquery()
    acts = select(func.count()).select_from(act).where(act.c.state == "done").scalar_subquery()
    return int(connection.execute(select(newest + acts)).scalar_one())


def presence_news(connection: Connection, room: str) -> PresenceNews:
    """Who is inside the room now."""
    version = presence_version(connection)
    serials = connection.execute(select(stay.c.serial).where(stay.c.room == room, stay.c.closed.is_(None))).scalars()
    return PresenceNews(version, room, bitmap.pack(serials))


def whereabouts(connection: Connection, asked: Presenting, holder: Holder, now_ms: int) -> Whereabouts:
    """The word on the holder. Sure only if every kiosk at a gate of the room was heard within 30 s."""
    silent = (
        select(device.c.id)
        .join(gate, gate.c.id == device.c.gate)
        .outerjoin(
            incarnation, (incarnation.c.device == device.c.id) & (incarnation.c.heard >= now_ms - SURE_WITHIN_MS)
        )
        .where(gate.c.room == asked.room, device.c.revoked.is_(None), incarnation.c.device.is_(None))
    )
    within = inside(holder, (asked.room,))
    return Whereabouts(
        ask=asked.ask,
        revoked=holder.revoked is not None and holder.revoked <= now_ms,
        inside=within,
        sure=within and connection.execute(silent.limit(1)).first() is None,
        claimed=False,
        used_up=quotas.used_up(connection, holder, asked.room),
    )


class Claims:
    """Which kiosk is deciding on which person at this moment, for at most two seconds.

    In memory, and of this process only: no promise rests on it.
    """

    LASTS_MS = 2000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[int, tuple[str, int]] = {}

    def take(self, holder: int, device_id: str, now_ms: int) -> bool:
        """Claims the holder for the kiosk; False if another kiosk has a claim."""
        with self._lock:
            by, until = self._held.get(holder, (device_id, 0))
            if by != device_id and until > now_ms:
                return False
            self._held[holder] = (device_id, now_ms + self.LASTS_MS)
            if len(self._held) > 10_000:
                self._held = {key: value for key, value in self._held.items() if value[1] > now_ms}
            return True

"""What each act of a supervisor does, on the tables: checked first, done later, told in a sentence.

Knows nothing of who asked or confirmed; see :mod:`server.acts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from admission.errors import ConfigError
from admission.stays import Close, How
from server import asked, closing, counting, desk_deeds, fencing, restore, stays
from server.asked import Facts, book_of, programme_of
from server.phrase import marked as _
from server.phrase import phrase
from server.stays import Follows
from server.store import holders, schema, versions
from server.store.holders import Holder
from server.store.instants import to_ms
from server.users import Role

SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
STEWARDS = SUPERVISORS | {Role.STEWARD}
DESK = frozenset({Role.DESK, Role.ORGANISER, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Deed:
    """An act: what it is called, what it needs, who may do it, and whether a second person has to confirm it.

    ``check`` raises ConfigError or returns the facts to be written down; ``do`` does it and says what came of it.
    """

    title: str
    needs: tuple[str, ...]
    check: Callable[[Connection, Mapping[str, Any]], Facts]
    do: Callable[[Connection, Facts, datetime], str]
    second: bool
    roles: frozenset[Role] = SUPERVISORS


def _hold(connection: Connection, facts: Facts, _now: datetime) -> str:
    number = counting.hold(connection, facts["room"])
    return phrase("entries are held (hold {number}); the gates confirm one by one", number=number)


def _reopen(connection: Connection, facts: Facts, _now: datetime) -> str:
    counting.reopen(connection, facts["room"])
    return phrase("the gates admit again")


def _count(connection: Connection, facts: Facts, now: datetime) -> str:
    room, book = book_of(connection, facts["room"], now)  # locks it, before accounts, as an exchange does
    hold = asked.hold_of(connection, facts["room"])
    if hold != facts["hold"]:  # people may have come in since the heads were counted
        raise ConfigError(phrase("the room was opened, or counted again, since these heads were counted; count anew"))
    for name in facts["retired"]:
        device, _slash, store = name.partition("/")
        counting.retire(connection, device, facts["room"], int(store) if store else None)
    early = _late(connection, room.id)
    settled = counting.count(connection, room, book, facts["heads"], to_ms(now))
    emptied = phrase("nobody inside; the room stays closed until it is opened")
    found = phrase("{heads} inside", heads=facts["heads"]) if facts["heads"] else emptied
    if settled:
        return phrase("settled: {found}", found=found)
    if early:
        said = _("{found}; no seat came back, for these had not confirmed the hold: {early}. Hold and count again")
        return phrase(said, found=found, early=early)
    return phrase("{found}; seats that this would free wait for: {late}", found=found, late=_late(connection, room.id))


def _late(connection: Connection, room: str) -> str:
    return ", ".join(sorted({one.device for one in counting.waiting(connection, room)}))


def _clear(connection: Connection, facts: Facts, now: datetime) -> str:
    return _count(connection, facts | {"heads": 0}, now)


def _set_capacity(connection: Connection, facts: Facts, _now: datetime) -> str:
    limit, reserve = facts["limit"], facts["reserve"]
    changed = (
        update(schema.room)
        .where(schema.room.c.id == facts["room"])
        .values(limit=limit, reserve=reserve, edition=schema.room.c.edition + 1)
    )
    connection.execute(changed)
    versions.bump(connection, versions.PROGRAMME)
    return phrase("limit {limit}, reserve {reserve}", limit=limit, reserve=reserve)


def _fence(connection: Connection, facts: Facts, _now: datetime) -> str:
    fencing.fence(connection, facts["device"])
    return phrase("it gets no more seats; those that it holds stay counted")


def _revoke(connection: Connection, facts: Facts, now: datetime) -> str:
    fencing.revoke(connection, facts["device"], to_ms(now))
    return phrase("its key is no longer believed; what it still sends is kept as evidence")


def _vouch(connection: Connection, facts: Facts, _now: datetime) -> str:
    return phrase("{seats} seats came back", seats=fencing.vouch(connection, facts["device"]))


def _confirm_room(connection: Connection, facts: Facts, _now: datetime) -> str:
    era = connection.execute(select(schema.event.c.era)).scalar_one()
    if era != facts["era"]:
        raise ConfigError(
            phrase("the database was put back once more since this was asked for; look again, and ask anew")
        )
    if fresh := restore.with_new_stores(connection, facts["room"]):
        said = _(
            "{kiosks}: the copy does not know this store, and one before it may have been lost since: close the room, "
            "count heads, and confirm it then"
        )
        raise ConfigError(phrase(said, kiosks=", ".join(fresh)))
    if restore.by_hand(connection, facts["room"]):
        said = _(
            "people were let in by hand here, perhaps more of them after the copy was made: close the room, count "
            "heads, and confirm it then"
        )
        raise ConfigError(phrase(said))
    restore.confirm(connection, facts["room"])
    late = ", ".join(restore.awaited(connection, era))
    if late:
        return phrase("confirmed; still awaited: {late}", late=late)
    return phrase("confirmed; seats are granted again")


def _forgive(connection: Connection, facts: Facts, now: datetime) -> str:
    """Closes the stays of whoever left unseen. Brings no seat back: a re-entry spends another."""
    holder = holders.holder_of(connection, facts["badge"])
    open_stays = [stay for stay in holder.stays if stay.closed is None]
    for stay in open_stays:
        change = Close(stay, to_ms(now), How.FORGIVEN, credit=False)
        stays.apply(connection, change, Follows(0, holder, facts["badge"] >> 32, ""))
    return phrase("{stays} stays ended; the badge may come in again", stays=len(open_stays))


def _annul(connection: Connection, facts: Facts, now: datetime) -> str:
    entry = (facts["device"], facts["incarnation"], facts["seq"])
    plan = programme_of(connection)
    if stays.annul(connection, entry, Follows(0, Holder(0, None, None), 0, ""), to_ms(now), plan):
        matched = stays.matched_in(plan)(facts["room"])
        free, later = (
            phrase("annulled; its seat is free again"),
            phrase("annulled; its seat comes back by a head count"),
        )
        return free if matched else later
    return phrase("that stay was over already")


def _unbadged_in(connection: Connection, facts: Facts, _now: datetime) -> str:
    more = schema.book.c.forced + facts["bodies"]
    connection.execute(update(schema.book).where(schema.book.c.room == facts["room"]).values(forced=more))
    return phrase("{bodies} counted in", bodies=facts["bodies"])


def _unbadged_out(connection: Connection, facts: Facts, _now: datetime) -> str:
    more = schema.book.c.closed + facts["bodies"]
    connection.execute(update(schema.book).where(schema.book.c.room == facts["room"]).values(closed=more))
    return phrase("{bodies} counted out", bodies=facts["bodies"])


DEEDS: Mapping[str, Deed] = {
    "hold": Deed(_("Close a room: hold entries"), ("room",), asked.room, _hold, second=False),
    "reopen": Deed(_("Let people in again"), ("room",), asked.room, _reopen, second=False),
    "count": Deed(_("Write in a head count"), ("room", "heads", "retired"), asked.heads, _count, second=True),
    "clear": Deed(_("Clear a room: nobody is inside"), ("room", "retired"), asked.cleared, _clear, second=True),
    "capacity": Deed(
        _("Change a room's limit"), ("room", "limit", "reserve"), asked.capacity, _set_capacity, second=True
    ),
    "fence": Deed(_("Fence a kiosk"), ("device",), asked.device, _fence, second=False),
    "revoke": Deed(_("Revoke a kiosk's key"), ("device",), asked.device, _revoke, second=False),
    "vouch": Deed(_("Vouch for a dead kiosk"), ("device",), asked.vouched, _vouch, second=True),
    "confirm-room": Deed(_("Confirm a room after a restore"), ("room",), asked.unconfirmed, _confirm_room, second=True),
    "forgive": Deed(_("Forgive a badge"), ("person",), asked.badge, _forgive, second=False, roles=STEWARDS),
    "annul": Deed(_("Annul an entry"), ("passage",), asked.entry, _annul, second=True),
    "unbadged-in": Deed(_("Count unbadged people in"), ("room", "bodies"), asked.bodies, _unbadged_in, False, STEWARDS),
    "unbadged-out": Deed(
        _("Count unbadged people out"), ("room", "bodies"), asked.bodies_out, _unbadged_out, second=True
    ),
    "close": Deed(_("Lock a room, or the whole venue"), ("room",), closing.named, closing.close, second=False),
    "open": Deed(_("Open to some or all again"), ("room", "only"), closing.wanted, closing.reopen, second=False),
    "check-in": Deed(
        _("Check somebody in by hand"), ("person", "room"), desk_deeds.entering, desk_deeds.check_in, False, DESK
    ),
    "undo-check-in": Deed(_("Undo a check-in by hand"), ("act",), desk_deeds.undoing, desk_deeds.undo, False, DESK),
    "companions-in": Deed(
        _("Count companions in"),
        ("room", "delegation", "bodies"),
        desk_deeds.coming,
        desk_deeds.companions_in,
        False,
        DESK,
    ),
    "companions-out": Deed(
        _("Count companions out"),
        ("room", "delegation", "bodies"),
        desk_deeds.going,
        desk_deeds.companions_out,
        False,
        DESK,
    ),
}

"""What an act will do and what it takes for granted, told before it is done; and an act's facts in words.

Only words; the acts themselves are in :mod:`server.deeds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.acts import Act
from server.particulars import Names
from server.phrase import marked as _
from server.phrase import phrase


@dataclass(frozen=True, slots=True)
class Effect:
    """Where an act belongs, what it does, and what must be true for it."""

    group: str
    does: str
    assumes: str


ROOMS, KIOSKS, PEOPLE, LOCK, DESK = _("Rooms"), _("Kiosks"), _("People"), _("Lockdown"), _("Desk")
GROUPS = (ROOMS, KIOSKS, PEOPLE, LOCK, DESK)
ELSEWHERE = frozenset({LOCK, DESK})
"""Begun on pages of their own."""

EFFECTS: Mapping[str, Effect] = {
    "hold": Effect(
        ROOMS,
        _("Every gate of the room stops letting people in as soon as it hears of it. Exits stay open."),
        _("A gate that is cut off goes on letting people in until it is reached or switched off."),
    ),
    "reopen": Effect(
        ROOMS,
        _(
            "The gates let people in again, as far as they have seats. A head count that still waits for gates is"
            " dropped."
        ),
        _("Whoever counted heads has finished."),
    ),
    "count": Effect(
        ROOMS,
        _(
            "The number of people inside becomes what you counted. Seats are taken away at once; they come back "
            "only when every gate has kept the hold and reported after the count."
        ),
        _(
            "Nobody came in while heads were counted, and the number is right. A kiosk that you tick is off and "
            "in your hands, or its store is gone: it must never run again with that store."
        ),
    ),
    "clear": Effect(
        ROOMS,
        _("The room is written down as empty: everybody's stay ends. Entries stay held until the room is opened."),
        _(
            "You have looked everywhere in the room, and nobody is inside. A kiosk that you tick is off and in your "
            "hands, or its store is gone: it must never run again with that store."
        ),
    ),
    "capacity": Effect(
        ROOMS,
        _(
            "The room's legal limit, and the part of it kept for forced entries, become what you write. If it is "
            "lowered, gates in reach give seats back; gates that are cut off may still spend theirs."
        ),
        _("The limit is what fire safety allows for this room."),
    ),
    "unbadged-in": Effect(
        ROOMS,
        _("People without a badge are counted into the room, each on a seat."),
        _("They are inside, and no gate has counted them."),
    ),
    "unbadged-out": Effect(
        ROOMS,
        _("People who left without being read are counted out, and their seats come back."),
        _("They have really left, and no gate has counted them out. A wrong number lets too many in."),
    ),
    "confirm-room": Effect(
        ROOMS,
        _("The room gets seats again once every kiosk has reported since the database was put back."),
        _(
            "The limit and the head counts of this room are right as they stand now, and no kiosk was enrolled "
            "since the copy was made. Otherwise count heads first."
        ),
    ),
    "fence": Effect(
        KIOSKS,
        _("The kiosk gets no more seats, in any room. What it holds stays counted, for it may still spend it."),
        _("Nothing: this is always safe. It cannot be undone; the kiosk comes back with a new store."),
    ),
    "revoke": Effect(
        KIOSKS,
        _("The kiosk is fenced and its key believed no more. What it still sends is kept as evidence only."),
        _(
            "It was stolen or copied, or will not come back. What it has not reported yet is missing from the "
            "log; its seats stay counted."
        ),
    ),
    "vouch": Effect(
        KIOSKS,
        _("The seats that the kiosk held and did not spend come back. Its account is closed."),
        _(
            "It is off and in your hands, and its journal has been read to the end. It must never run again with "
            "that store."
        ),
    ),
    "forgive": Effect(
        PEOPLE,
        _(
            "The person counts as outside everywhere, so that the badge lets them in again. No seat comes back: "
            "the next entry takes another."
        ),
        _("The person stands before you and is not inside; they left without being seen."),
    ),
    "annul": Effect(
        PEOPLE,
        _(
            "One entry is taken back: that stay ends. In a room with matched exits its seat comes back at once, "
            "elsewhere by a head count."
        ),
        _("The person did not go in."),
    ),
    "close": Effect(
        LOCK,
        _(
            "Every gate of these rooms stops letting people in as soon as it hears of it, and says that it is "
            "closed. Exits stay open. It stays closed until somebody opens it."
        ),
        _("A gate that is cut off goes on letting people in until it is reached or switched off."),
    ),
    "open": Effect(
        LOCK,
        _("The gates let these categories in again, or everybody, as far as there are seats."),
        _("The reason for closing is over for those whom you let in."),
    ),
    "check-in": Effect(
        DESK,
        _("The person is counted into the room on a seat, as if a gate had read the badge."),
        _("The person stands before you and goes in."),
    ),
    "undo-check-in": Effect(
        DESK, _("The check-in is taken back, and its seat is free again."), _("The person did not go in.")
    ),
    "companions-in": Effect(
        DESK,
        _("So many people without a badge are counted in for the delegation, each on a seat."),
        _("They go in now."),
    ),
    "companions-out": Effect(
        DESK, _("So many of them are counted out, and their seats come back."), _("They have really left the room.")
    ),
}


def told(act: Act, names: Names) -> str:
    """What this very act does, in one line."""
    facts = act.facts
    match act.kind:
        case "count" | "clear":
            said = phrase("{room}: {heads} inside", room=names.room(act.room), heads=facts.get("heads", 0))
            gone = ", ".join(facts["retired"])
            return phrase("{said}; off and in hand, or gone: {gone}", said=said, gone=gone) if gone else said
        case "capacity":
            was, now = (facts["was"], facts["was_reserve"]), (facts["limit"], facts["reserve"])
            words = _("{room}: limit {limit} (was {was}), reserve {reserve} (was {had})")
            return phrase(words, room=names.room(act.room), limit=now[0], was=was[0], reserve=now[1], had=was[1])
        case "forgive":
            return names.holder(facts["badge"])
        case "annul":
            words = _("{who} into {room}, entry {number}")
            who = names.holder(facts["badge"])
            return phrase(words, who=who, room=names.room(act.room), number=facts["passage"])
        case "unbadged-in" | "unbadged-out":
            words = _("{room}: {bodies} in") if act.kind == "unbadged-in" else _("{room}: {bodies} out")
            return phrase(words, room=names.room(act.room), bodies=facts["bodies"])
        case _:
            return _told_elsewhere(act, names) or (names.room(act.room) if act.room else names.kiosk(act.device))


def _told_elsewhere(act: Act, names: Names) -> str:
    """What acts of the desk and of a lockdown do; empty for all others."""
    match act.kind:
        case "close" | "open":
            return _locked(act, names)
        case "check-in" | "undo-check-in":
            return f"{names.holder(act.facts['badge'])}: {names.room(act.room)}"
        case "companions-in" | "companions-out":
            return f"{act.facts['delegation']}: {act.facts['bodies']}, {names.room(act.room)}"
        case _:
            return ""


def _locked(act: Act, names: Names) -> str:
    """The room, or the whole venue, and to whom it is open."""
    where = names.room(act.room) if act.room else phrase("the whole venue")
    only = ", ".join(act.facts.get("only", ()))
    return f"{where}: {only}" if only else str(where)

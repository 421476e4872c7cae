"""What an act will do and what it takes for granted, told before it is done; and an act's facts in words.

Only words; the acts themselves are in :mod:`server.deeds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.acts import Act
from server.particulars import Names


@dataclass(frozen=True, slots=True)
class Effect:
    """Where an act belongs, what it does, and what must be true for it."""

    group: str
    does: str
    assumes: str


ROOMS, KIOSKS, PEOPLE = "Rooms", "Kiosks", "People"
GROUPS = (ROOMS, KIOSKS, PEOPLE)

EFFECTS: Mapping[str, Effect] = {
    "hold": Effect(
        ROOMS,
        "Every gate of the room stops letting people in as soon as it hears of it. Exits stay open.",
        "A gate that is cut off goes on letting people in until it is reached or switched off.",
    ),
    "reopen": Effect(
        ROOMS,
        "The gates let people in again, as far as they have seats. A head count that still waits for gates is dropped.",
        "Whoever counted heads has finished.",
    ),
    "count": Effect(
        ROOMS,
        "The number of people inside becomes what you counted. Seats are taken away at once; they come back only when "
        "every gate has kept the hold and reported after the count.",
        "Nobody came in while heads were counted, and the number is right. A kiosk that you tick is off and in your "
        "hands, or its store is gone: it must never run again with that store.",
    ),
    "clear": Effect(
        ROOMS,
        "The room is written down as empty: everybody's stay ends. Entries stay held until the room is opened.",
        "You have looked everywhere in the room, and nobody is inside. A kiosk that you tick is off and in your "
        "hands, or its store is gone: it must never run again with that store.",
    ),
    "capacity": Effect(
        ROOMS,
        "The room's legal limit, and the part of it kept for forced entries, become what you write. If it is lowered, "
        "gates in reach give seats back; gates that are cut off may still spend theirs.",
        "The limit is what fire safety allows for this room.",
    ),
    "unbadged-in": Effect(
        ROOMS,
        "People without a badge are counted into the room, each on a seat.",
        "They are inside, and no gate has counted them.",
    ),
    "unbadged-out": Effect(
        ROOMS,
        "People who left without being read are counted out, and their seats come back.",
        "They have really left, and no gate has counted them out. A wrong number lets too many in.",
    ),
    "confirm-room": Effect(
        ROOMS,
        "The room gets seats again once every kiosk has reported since the database was put back.",
        "The limit and the head counts of this room are right as they stand now, and no kiosk was enrolled since the "
        "copy was made. Otherwise count heads first.",
    ),
    "fence": Effect(
        KIOSKS,
        "The kiosk gets no more seats, in any room. What it holds stays counted, for it may still spend it.",
        "Nothing: this is always safe. It cannot be undone; the kiosk comes back with a new store.",
    ),
    "revoke": Effect(
        KIOSKS,
        "The kiosk is fenced and its key believed no more. What it still sends is kept as evidence only.",
        "It was stolen or copied, or will not come back. What it has not reported yet is missing from the log; its "
        "seats stay counted.",
    ),
    "vouch": Effect(
        KIOSKS,
        "The seats that the kiosk held and did not spend come back. Its account is closed.",
        "It is off and in your hands, and its journal has been read to the end. It must never run again with that "
        "store.",
    ),
    "forgive": Effect(
        PEOPLE,
        "The person counts as outside everywhere, so that the badge lets them in again. No seat comes back: the next "
        "entry takes another.",
        "The person stands before you and is not inside; they left without being seen.",
    ),
    "annul": Effect(
        PEOPLE,
        "One entry is taken back: that stay ends. In a room with matched exits its seat comes back at once, elsewhere "
        "by a head count.",
        "The person did not go in.",
    ),
}


def told(act: Act, names: Names) -> str:
    """What this very act does, in one line."""
    facts = act.facts
    match act.kind:
        case "count" | "clear":
            said = f"{names.room(act.room)}: {facts.get('heads', 0)} inside"
            return said + (f"; off and in hand, or gone: {', '.join(facts['retired'])}" if facts["retired"] else "")
        case "capacity":
            was, now = (facts["was"], facts["was_reserve"]), (facts["limit"], facts["reserve"])
            return f"{names.room(act.room)}: limit {now[0]} (was {was[0]}), reserve {now[1]} (was {was[1]})"
        case "forgive":
            return names.holder(facts["badge"])
        case "annul":
            return f"{names.holder(facts['badge'])} into {names.room(act.room)}, entry {facts['passage']}"
        case "unbadged-in" | "unbadged-out":
            way = "in" if act.kind == "unbadged-in" else "out"
            return f"{names.room(act.room)}: {facts['bodies']} {way}"
        case _:
            return names.room(act.room) if act.room else names.kiosk(act.device)

"""The demo's crowd: who shows what at which door, when. Deterministic from a seed.

Waves before the sessions, long stretches of nobody, some people leaving; now and then somebody else's QR code, a
damaged badge, a photocopy of a badge that is inside already, a revoked one, somebody who is not invited.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from admission.venue import Programme, Session
from deploy.footage import Look, Showing
from server import badges
from server.store import schema

HOLD_S = (1.2, 1.7)
FOREIGN = (
    "https://example.org/menu",
    "WIFI:T:WPA;S:Guest;P:welcome;;",
    "BEGIN:VCARD\nN:Example\nEND:VCARD",
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a badge."""

    name: str
    text: str
    colour: int
    serial: int
    may: frozenset[str]
    revoked: bool


@dataclass(frozen=True, slots=True)
class Door:
    """A gate of the demo: the session that its visitors come for, and how dense a wave is (seconds between two)."""

    gate: str
    session: str
    pace_s: float
    two_way: bool = False


DOORS = (
    Door("nave-north", "opening", 3.4),
    Door("bilateral-door", "fireside", 3.1),
    Door("salon-door", "salon-words", 3.9, two_way=True),
)


def visitors(connection: Connection, programme: Programme) -> list[Visitor]:
    """Everybody with a badge, and which of the demo's sessions they may enter."""
    badge = schema.badge
    rows = connection.execute(select(badge).order_by(badge.c.serial)).all()
    cards = badges.cards(connection, [row.serial for row in rows])
    wanted = {door.session for door in DOORS}
    sessions = [one for one in programme.sessions if one.id in wanted]
    return [
        Visitor(
            name=card.name,
            text=card.text,
            colour=sum(int(card.colour[i : i + 2], 16) for i in (1, 3, 5)) // 3,
            serial=row.serial,
            may=frozenset(one.id for one in sessions if _may(one, row.category, row.zones)),
            revoked=row.revoked is not None,
        )
        for row, card in zip(rows, cards, strict=True)
    ]


def showings(door: Door, people: Sequence[Visitor], seed: int, start_s: float) -> Iterator[tuple[float, Showing]]:
    """(second, showing) at a door, on the scale of ``start_s``, in order, for as long as there are people."""
    dice = random.Random(f"{seed} {door.gate}")
    queue = [one for one in people if door.session in one.may and not one.revoked]
    odd = [one for one in people if door.session not in one.may or one.revoked]
    inside: list[Visitor] = []
    at = start_s
    while queue:
        for _ in range(dice.randint(38, 46)):
            at += door.pace_s * dice.uniform(0.9, 1.15)
            if not queue:
                return
            yield at, _next(door, queue, odd, inside, dice)
        at += dice.uniform(25, 60)


def _next(door: Door, queue: list[Visitor], odd: list[Visitor], inside: list[Visitor], dice: random.Random) -> Showing:
    chance = dice.random()
    if chance < 0.03:
        return _showing(dice.choice(FOREIGN), Look.FOREIGN, "", 200, dice)
    if chance < 0.05 and inside:
        copied = dice.choice(inside)
        return _showing(copied.text, Look.COPY, copied.name, copied.colour, dice)
    if chance < 0.08 and odd:
        wrong = odd.pop(0)
        return _showing(wrong.text, Look.CARD, wrong.name, wrong.colour, dice)
    if chance < 0.10:
        torn = dice.choice(queue)
        return _showing(torn.text, Look.DAMAGED, torn.name, torn.colour, dice)
    if door.two_way and len(inside) > 8 and chance < 0.4:
        leaving = inside.pop(0)
        return _showing(leaving.text, Look.CARD, leaving.name, leaving.colour, dice)
    coming = queue.pop(0)
    inside.append(coming)
    look = Look.PHONE if dice.random() < 0.15 else Look.CARD
    return _showing(coming.text, look, coming.name, coming.colour, dice)


def _showing(text: str, look: Look, name: str, colour: int, dice: random.Random) -> Showing:
    return Showing(text, look, name, colour, dice.uniform(*HOLD_S))


def _may(session: Session, category: int, zones: int) -> bool:
    return not session.invited and bool(session.categories >> category & 1) and zones & session.zones == session.zones

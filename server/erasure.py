"""Erasing one person: found, shown what will be cut, cut with a reason.

The badge is revoked first, so that doors hear of it; then nothing leads from it to anybody (:mod:`server.traces`).
The trail says that somebody was erased, and names nobody.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from admission.errors import ConfigError
from server import mentions, traces, trail
from server.columns import search_text
from server.mentions import Named, Scrubber
from server.phrase import phrase
from server.store.instants import to_ms
from server.store.schema import badge, event, export, listing, passage, person, printed, roll_mark, room, stay
from server.traces import Cut, Subject
from server.trail import Who

MOST = 50
"""So many people are shown of those that a search finds."""
WHY = "erased"


@dataclass(frozen=True, slots=True)
class Match:
    """Somebody that a search has found."""

    ref: str
    name: str
    organisation: str
    delegation: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the tables hold of a person: rows of each kind, the rooms that they are counted inside of, and whether
    files were exported that still name them."""

    subject: Subject
    badges: int
    live: int
    passages: int
    stays: int
    listings: int
    cards: int
    marks: int
    texts: int
    files: int
    inside: tuple[str, ...]


def search(connection: Connection, text: str) -> list[Match]:
    """The people whose name, reference, organisation or delegation holds every word; at most MOST, by name."""
    words = [word for word in search_text(text.replace("\0", " ")).split() if word]
    if not words:
        return []
    query = select(person.c.ref, person.c.name, person.c.organisation, person.c.delegation)
    for word in words[:8]:
        found = (column.contains(word, autoescape=True) for column in (person.c.search, person.c.search_of))
        query = query.where(or_(*found))
    rows = connection.execute(query.order_by(person.c.search, person.c.ref).limit(MOST)).all()
    return [Match(row.ref, row.name, row.organisation, row.delegation) for row in rows]


def find(connection: Connection, ref: str) -> Subject:
    """The person of that reference. Raises ConfigError if there is none."""
    plain = ref.strip().lower()
    found = traces.subjects(connection, ref=plain) if plain and "\0" not in plain and len(plain) <= 64 else []
    if not found:
        raise ConfigError(phrase("nobody has the reference {ref!r}; search for the name", ref=ref[:64]))
    return found[0]


def preview(connection: Connection, ref: str) -> Preview:
    """What would be cut. Raises ConfigError if nobody has the reference."""
    one = find(connection, ref)
    scrubber = Scrubber([named(one)])
    return Preview(
        subject=one,
        badges=len(one.serials),
        live=_count(connection, badge.c.person == one.id, badge.c.revoked.is_(None)),
        passages=_count(connection, passage.c.person == one.id),
        stays=_count(connection, stay.c.holder == one.id),
        listings=_count(connection, listing.c.person == one.id),
        cards=_count(connection, printed.c.serial.in_(one.serials)),
        marks=_count(connection, roll_mark.c.holder == one.id),
        texts=sum(1 for _ in mentions.find(connection, scrubber)),
        files=_count(connection, export.c.file != ""),
        inside=tuple(inside(connection, one)),
    )


def inside(connection: Connection, one: Subject) -> list[str]:
    """The names of the rooms that the person is counted inside of now."""
    query = select(room.c.name).join(stay, stay.c.room == room.c.id).distinct().order_by(room.c.name)
    return list(connection.execute(query.where(stay.c.holder == one.id, stay.c.closed.is_(None))).scalars())


def erase(connection: Connection, ref: str, typed: str, reason: str, who: Who, now: datetime) -> tuple[Subject, Cut]:
    """Erases the person and says so in the trail, without a name. ``typed``: the reference, written once more.

    Raises ConfigError, with nothing cut, if nobody has the reference, it was typed wrongly, or no reason is given.
    """
    one = find(connection, ref)
    if typed.strip().lower() != one.ref:
        raise ConfigError(phrase("type the reference {ref} to confirm; nothing was erased", ref=one.ref))
    if not reason.strip():
        raise ConfigError(phrase("give a reason: it is written into the audit trail"))
    done = traces.cut(connection, [one], to_ms(now), WHY)
    facts = {"badges": list(one.serials), "trace": tracer(connection)(one.ref)}
    facts |= {"reason": Scrubber([named(one)]).text(reason.strip()[:1000])}
    counts = {name: getattr(done, name) for name in ("passages", "stays", "texts")}
    trail.note(connection, who, to_ms(now), "erased", "person", one.mark, facts | counts)
    return one, done


def tracer(connection: Connection) -> Callable[[str], str]:
    """What stands for a reference in the trail, so that whoever was erased is found again in a backup from before. It
    leads to nobody without the event's keys, and the reference."""
    seed = bytes(connection.execute(select(event.c.signing_seed)).scalar_one())
    return lambda ref: hmac.digest(seed, b"threshold erased\0" + ref.lower().encode(), "sha256")[:16].hex()


def named(one: Subject) -> Named:
    """How the person is looked for in texts."""
    return Named(one.ref, one.name, one.mark)


def _count(connection: Connection, *where: object) -> int:
    return int(connection.execute(select(func.count()).where(*where)).scalar_one())  # type: ignore[arg-type]  # clauses

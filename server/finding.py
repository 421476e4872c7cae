"""Finding a person at the registration desk: by a few letters in any script, by numbers, or by a badge that is read.

A word finds what begins with it; three letters, or one sign of a script without spaces, also what holds it. Only reads;
knows nothing of pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, Select, and_, case, literal, or_, select

from admission.badge import PREFIX, TOKEN_LENGTH, Badge, EventKeys, Flaw, verify
from server.columns import search_text
from server.phrase import marked as _
from server.store.schema import badge, category, person, stay

MOST = 12
LONGEST = 200
WORDS = 6
SHORT = 3
"""A word of fewer letters finds only what begins with it."""
LIVE, REVOKED, NONE = "live", "revoked", "none"
FLAWS: Mapping[Flaw, str] = {
    Flaw.NOT_OURS: _("This code is not of this event. Ask for the badge of this event, or search by name."),
    Flaw.DAMAGED: _("This badge was not read whole. Scan it again, or search by name."),
    Flaw.FORGED: _("This badge is forged: this event has not signed it. Keep it, and call a supervisor."),
}
UNKNOWN = _("This badge is genuine, but nobody holds it any more. Search by name.")


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody, as a list shows them. ``badge``: LIVE, REVOKED or NONE; ``rooms``: where they are now."""

    id: int
    ref: str
    name: str
    language: str
    organisation: str
    delegation: str
    category: str
    colour: str
    badge: str = NONE
    serial: int | None = None
    rooms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """Whose badge was read: the person's reference and the serial, or why it is nobody's."""

    ref: str = ""
    serial: int = 0
    problem: str = ""


def find(connection: Connection, text: str) -> list[Found]:
    """At most twelve people, the likeliest first: whoever has just this reference or badge number, then by words of the
    name, then by what else is known of them, then by initials. Nobody for an empty text, or one that no name can be."""
    folded = search_text(text[:LONGEST]).strip()
    if not folded or "\0" in folded:
        return []
    words = folded.split()[:WORDS]
    ids = _numbered(connection, folded.lstrip("#"))
    if ids and any(character.isdigit() for character in folded):  # no name, so that nobody else is meant
        return _shown(connection, ids)
    for query in _queries(words):
        if len(ids) >= MOST:
            break
        known = query.where(person.c.id.not_in(ids)) if ids else query
        ids.extend(connection.execute(known.limit(MOST - len(ids))).scalars())
    if not ids and len(words) == 1 and 2 <= len(folded) <= 4 and folded.isalpha():
        initials = _name().like("".join(f"% {letter}" for letter in folded) + "%")
        ids += connection.execute(select(person.c.id).where(initials).order_by(person.c.search).limit(MOST)).scalars()
    return _shown(connection, ids)


def looks_scanned(text: str) -> bool:
    """Whether a reader may have typed this, rather than a person."""
    return len(text) >= TOKEN_LENGTH // 2 or (text.startswith(PREFIX) and len(text) > 30) or "://" in text


def scan(connection: Connection, text: str, keys: EventKeys) -> Scan:
    """Whose badge this text is. Nothing is believed that the event's key has not signed."""
    read = verify(text, keys)
    if not isinstance(read, Badge):
        return Scan(problem=FLAWS[read.why])
    query = select(person.c.ref).join(badge, badge.c.person == person.c.id)
    ref = connection.execute(query.where(badge.c.serial == read.serial, badge.c.id == read.id)).scalar()
    return Scan(problem=UNKNOWN) if ref is None else Scan(ref, read.serial)


def _numbered(connection: Connection, text: str) -> list[int]:
    """Who has exactly this reference, or a badge of this number."""
    ids = list(connection.execute(select(person.c.id).where(person.c.ref == text)).scalars())
    if re.fullmatch("[0-9]{1,9}", text):
        holder = select(badge.c.person).where(badge.c.serial == int(text), badge.c.person.is_not(None))
        ids += [one for one in connection.execute(holder).scalars() if one not in ids]
    return ids


def _queries(words: Sequence[str]) -> tuple[Select[int], ...]:
    """Whose name has words that begin like these; then who has them anywhere, words that begin like them first."""
    name, everything = _name(), _name() + " " + person.c.search_of
    first = case((person.c.search.like(_pattern(words[0]) + "%", escape="!"), 0), else_=1)
    begun = case((and_(*(_begins(everything, word) for word in words)), 0), else_=1)
    # What holds the letters at all is asked first: that is quick, and leaves few to be looked at closely.
    in_name = (_has(person.c.search, word) for word in words)
    in_any = (or_(_has(person.c.search, word), _has(person.c.search_of, word)) for word in words)
    short = [word for word in words if len(word) < SHORT and word.isascii()]
    ids = select(person.c.id)
    return (
        ids.where(*in_name, *(_begins(name, word) for word in words)).order_by(first, person.c.search, person.c.id),
        ids.where(*in_any, *(_begins(everything, word) for word in short)).order_by(
            begun, person.c.search, person.c.id
        ),
    )


def _name() -> ColumnElement[str]:
    return literal(" ") + person.c.search


def _begins(text: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """A word of the text begins like this; parts of a name with a hyphen are words too."""
    pattern = _pattern(word)
    return or_(text.like(f"% {pattern}%", escape="!"), text.like(f"%-{pattern}%", escape="!"))


def _has(text: ColumnElement[str], word: str) -> ColumnElement[bool]:
    return text.like(f"%{_pattern(word)}%", escape="!")


def _pattern(word: str) -> str:
    """The word for LIKE; an apostrophe or a hyphen stands for any, for there are many and few can type them all."""
    literal_word = word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return re.sub("['`\u2018\u2019\u02bc-]", "_", literal_word)


def _shown(connection: Connection, ids: Sequence[int]) -> list[Found]:
    """These people in this order, with their newest badges and where they are."""
    if not ids:
        return []
    query = (
        select(person.c.id, person.c.ref, person.c.name, person.c.language, person.c.organisation, person.c.delegation)
        .add_columns(category.c.name.label("category"), category.c.colour)
        .join(category, category.c.code == person.c.category)
        .where(person.c.id.in_(ids))
    )
    people = {row["id"]: Found(**row) for row in connection.execute(query).mappings()}
    theirs = select(badge.c.person, badge.c.serial, badge.c.revoked).where(badge.c.person.in_(ids))
    for row in connection.execute(theirs.order_by(badge.c.revoked.is_(None), badge.c.serial)):
        state = LIVE if row.revoked is None else REVOKED
        people[row.person] = replace(people[row.person], badge=state, serial=row.serial)
    inside = select(stay.c.holder, stay.c.room).where(stay.c.holder.in_(ids), stay.c.closed.is_(None))
    for holder, room in connection.execute(inside.where(stay.c.duplicate.is_(False)).order_by(stay.c.id)):
        people[holder] = replace(people[holder], rooms=(*people[holder].rooms, room))
    return [people[one] for one in ids if one in people]

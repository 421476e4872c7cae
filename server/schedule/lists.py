"""The list of a session: who may come whatever their category, and who may not. It reaches kiosks with the badges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from admission.errors import ConfigError
from server import trail
from server.columns import search_text, slug
from server.phrase import phrase
from server.schedule.things import SESSION, held
from server.store import schema, versions
from server.store.instants import to_ms
from server.trail import Who

PAGE = 50
MOST = 5000
_person = schema.person.c
_listing = schema.listing.c


@dataclass(frozen=True, slots=True)
class Listed:
    """A person; ``may`` None: the list does not say."""

    ref: str
    name: str
    organisation: str
    delegation: str
    category: int
    zones: int
    may: bool | None


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of it: how many people are new on the list, how many were said otherwise before, how many were so."""

    added: int
    changed: int
    same: int


def page(connection: Connection, session: str, number: int, sought: str = "") -> tuple[list[Listed], int]:
    """The people of a page of the list (from 0) by name, and how many there are in all."""
    where: list[ColumnElement[bool]] = [_listing.session == session, *_words(sought)]
    query = select(*_columns, _listing.may).join(schema.listing, _listing.person == _person.id).where(*where)
    found = connection.execute(query.order_by(_person.name, _person.id).limit(PAGE).offset(number * PAGE))
    join = schema.listing.join(schema.person, _listing.person == _person.id)
    many = connection.execute(select(func.count()).select_from(join).where(*where)).scalar_one()
    return [Listed(*row) for row in found], int(many)


def search(connection: Connection, session: str, sought: str, most: int = 20) -> list[Listed]:
    """People whose name, reference, organisation or delegation has all these words, and what the list says of them."""
    words = _words(sought)
    if not words:
        return []
    on = and_(_listing.person == _person.id, _listing.session == session)
    query = select(*_columns, _listing.may).outerjoin(schema.listing, on).where(*words)
    return [Listed(*row) for row in connection.execute(query.order_by(_person.name, _person.id).limit(most))]


def counts(connection: Connection, session: str) -> tuple[int, int]:
    """How many may come by the list, and how many may not."""
    query = select(_listing.may, func.count()).where(_listing.session == session).group_by(_listing.may)
    found: dict[bool, int] = {bool(may): many for may, many in connection.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def read_refs(text: str) -> list[str]:
    """The references that somebody has pasted: by lines, spaces, commas or semicolons. Raises ConfigError."""
    words = text.replace(",", " ").replace(";", " ").split()
    if not words:
        raise ConfigError(phrase("write at least one reference, each on a line of its own"))
    if len(words) > MOST:
        raise ConfigError(
            phrase("these are {many} references; paste at most {most} at a time", many=len(words), most=MOST)
        )
    refs, bad = [], []
    for word in dict.fromkeys(words):
        try:
            refs.append(slug(word))
        except ValueError:
            bad.append(word[:64])
    if bad:
        raise ConfigError(phrase("nobody was added: these are no references: {refs}", refs=_some(bad)))
    return list(dict.fromkeys(refs))


def enter(connection: Connection, session: str, refs: Sequence[str], may: bool, who: Who, now: datetime) -> Entered:
    """Puts these people on the list, as may or may not. All or nothing: raises Missing, and ConfigError for references
    that nobody has."""
    held(connection, SESSION, session)
    known = _ids(connection, refs)
    if unknown := [ref for ref in refs if ref not in known]:
        raise ConfigError(phrase("nobody was added: nobody has the reference {refs}", refs=_some(unknown)))
    before: dict[int, bool] = {
        row.person: row.may
        for row in connection.execute(select(_listing.person, _listing.may).where(_listing.session == session))
    }
    ids = list(known.values())
    fresh = [one for one in ids if one not in before]
    turned = [one for one in ids if before.get(one, may) is not may]
    if fresh:
        connection.execute(insert(schema.listing), [{"session": session, "person": one, "may": may} for one in fresh])
    for part in _parts(turned):
        where = (_listing.session == session) & _listing.person.in_(part)
        connection.execute(update(schema.listing).where(where).values(may=may))
    if fresh or turned:
        _note(connection, session, "listed", {"may": may, "people": [*fresh, *turned]}, (who, now))
    return Entered(len(fresh), len(turned), len(ids) - len(fresh) - len(turned))


def strike(connection: Connection, session: str, refs: Sequence[str], who: Who, now: datetime) -> int:
    """Takes these people off the list; how many were on it. Raises Missing."""
    held(connection, SESSION, session)
    ids, gone = list(_ids(connection, refs).values()), 0
    for part in _parts(ids):
        where = (_listing.session == session) & _listing.person.in_(part)
        gone += connection.execute(delete(schema.listing).where(where)).rowcount
    if gone:
        _note(connection, session, "unlisted", {"people": ids}, (who, now))
    return gone


_columns = (
    _person.ref, _person.name, _person.organisation, _person.delegation, _person.category, _person.zones
)  # fmt: skip


def _note(connection: Connection, session: str, what: str, facts: dict[str, Any], by: tuple[Who, datetime]) -> None:
    """People are noted by their rows' numbers: whoever is erased is erased here too."""
    people = facts["people"]
    facts |= {"people": people[:100], "many": len(people)}
    trail.note(connection, by[0], to_ms(by[1]), what, "session", session, facts)
    versions.bump(connection, versions.PROGRAMME)  # a kiosk that has this version has the list, too: one answer
    versions.bump(connection, versions.BADGES)


def _ids(connection: Connection, refs: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in _parts(refs):
        rows = connection.execute(select(_person.ref, _person.id).where(_person.ref.in_(part)))
        found |= {row.ref: row.id for row in rows}
    return found


def _parts(some: Sequence[Any]) -> list[Sequence[Any]]:
    return [some[start : start + 500] for start in range(0, len(some), 500)]


def _words(sought: str) -> list[ColumnElement[bool]]:
    words = search_text(sought.replace("\0", " ")[:200]).split()[:8]
    return [
        or_(_person.search.contains(word, autoescape=True), _person.search_of.contains(word, autoescape=True))
        for word in words
    ]


def _some(refs: Sequence[str]) -> str:
    return ", ".join(refs[:20]) + (f" … (+{len(refs) - 20})" if len(refs) > 20 else "")

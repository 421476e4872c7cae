"""The directory: people found by name, organisation, delegation, reference or badge, page by page. Only reads.

Pages follow the folded name and reference (keyset), so page 100 costs what page 1 costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from server.columns import search_text
from server.store.schema import badge, category, person, printed, stay

PAGE = 50
NONE, LIVE, REVOKED, UNPRINTED, STALE = "none", "live", "revoked", "unprinted", "stale"
STATES = (LIVE, UNPRINTED, STALE, NONE, REVOKED)
"""Stale: a badge that has another category or other zones signed into it than its holder has by now."""
FIELDS = ("q", "category", "delegation", "badge", "inside")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is looked for; empty strings look for everybody. ``badge``: one of STATES; ``inside``: anywhere, now."""

    q: str = ""
    category: str = ""
    delegation: str = ""
    badge: str = ""
    inside: bool = False

    @property
    def given(self) -> dict[str, str]:
        """What is asked for, as an address carries it."""
        asked = {"q": self.q, "category": self.category, "delegation": self.delegation, "badge": self.badge}
        return {name: text for name, text in asked.items() if text} | ({"inside": "1"} if self.inside else {})


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of a page: badge serials that are live, whether one was printed, and the rooms they are in."""

    row: Mapping[str, Any]
    category: str
    colour: str
    live: tuple[int, ...] = ()
    printed: bool = False
    had: bool = False
    rooms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Some people in order, how many there are in all, and the references to go on from."""

    people: list[Entry]
    count: int
    before: str | None = None
    after: str | None = None
    facts: Mapping[str, int] = field(default_factory=dict)


def parse(given: Mapping[str, str]) -> Wanted:
    """The filters of a query string; what cannot be is passed over."""
    texts = {name: given.get(name, "").replace("\0", "").strip()[:200] for name in ("q", "category", "delegation")}
    state = given.get("badge", "")
    return Wanted(**texts, badge=state if state in STATES else "", inside=given.get("inside", "") == "1")


def page(connection: Connection, wanted: Wanted, *, after: str = "", before: str = "") -> Page:
    """The first people, those after a reference, or those before one."""
    where = conditions(wanted)
    count = int(connection.execute(select(func.count()).select_from(person).where(*where)).scalar_one())
    place = _place(connection, before or after)
    query = select(person).where(*where)
    if before and place is not None:
        query = query.where(person.c.search < place).order_by(person.c.search.desc())
    else:
        query = (query.where(person.c.search > place) if place is not None else query).order_by(person.c.search)
    rows = [dict(row) for row in connection.execute(query.limit(PAGE + 1)).mappings()]
    more, rows = len(rows) > PAGE, rows[:PAGE]
    back = bool(before) and place is not None
    if back:
        rows.reverse()
    earlier = rows[0]["ref"] if rows and (more if back else place is not None) else None
    later = rows[-1]["ref"] if rows and (True if back else more) else None
    return Page(entries(connection, rows), count, earlier, later)


def _place(connection: Connection, ref: str) -> str | None:
    if not ref or "\0" in ref:
        return None
    return connection.execute(select(person.c.search).where(person.c.ref == ref)).scalar_one_or_none()


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What the people who are looked for have in common."""
    words = search_text(wanted.q).split()[:12]
    found = [_word(word, alone=len(words) == 1) for word in words]
    if wanted.category:
        found.append(person.c.category.in_(select(category.c.code).where(category.c.slug == wanted.category)))
    if wanted.delegation:
        found.append(person.c.delegation == wanted.delegation)
    if wanted.badge:
        found.append(_state(wanted.badge))
    if wanted.inside:
        found.append(person.c.id.in_(select(stay.c.holder).where(stay.c.closed.is_(None))))
    return found


def _word(word: str, *, alone: bool) -> ColumnElement[bool]:
    """People who have the word somewhere; a number that stands alone, or after #, is a badge's too."""
    held = [column.contains(word, autoescape=True) for column in (person.c.search, person.c.search_of)]
    number = word.removeprefix("#")
    named = alone or number != word
    if named and number.isascii() and number.isdigit() and len(number) < 11 and int(number) < 2**31:
        held.append(person.c.id.in_(select(badge.c.person).where(badge.c.serial == int(number))))
    return or_(*held)


def _state(state: str) -> ColumnElement[bool]:
    mine = badge.c.person == person.c.id
    live = exists().where(mine, badge.c.revoked.is_(None))
    if state == LIVE:
        return live
    if state == NONE:
        return ~exists().where(mine)
    if state == REVOKED:
        return and_(exists().where(mine), ~live)
    if state == STALE:
        other = or_(badge.c.category != person.c.category, badge.c.zones != person.c.zones)
        return exists().where(mine, badge.c.revoked.is_(None), other)
    return ~exists().where(mine, badge.c.revoked.is_(None), badge.c.serial == printed.c.serial)


def entries(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """These people with their categories, badges and whereabouts."""
    ids = [row["id"] for row in rows]
    names = {row.code: (row.name, row.colour) for row in connection.execute(select(category))}
    on_paper = select(printed.c.serial).where(printed.c.serial == badge.c.serial).exists()
    held = select(badge.c.person, badge.c.serial, badge.c.revoked, on_paper.label("printed"))
    live: dict[int, list[int]] = {}
    done, had = set(), set()
    for row in connection.execute(held.where(badge.c.person.in_(ids)).order_by(badge.c.serial)):
        had.add(row.person)
        if row.revoked is None:
            live.setdefault(row.person, []).append(row.serial)
            done |= {row.person} if row.printed else set()
    rooms: dict[int, list[str]] = {}
    for one in connection.execute(select(stay.c.holder, stay.c.room).where(stay.c.closed.is_(None), _among(ids))):
        rooms.setdefault(one.holder, []).append(one.room)
    return [
        Entry(
            row,
            *names.get(row["category"], ("", "#777777")),
            live=tuple(live.get(row["id"], ())),
            printed=row["id"] in done,
            had=row["id"] in had,
            rooms=tuple(sorted(set(rooms.get(row["id"], ())))),
        )
        for row in rows
    ]


def _among(ids: Sequence[int]) -> ColumnElement[bool]:
    return stay.c.holder.in_(ids)

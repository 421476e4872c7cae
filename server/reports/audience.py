"""Who came: people counted once each, by session, theme, delegation and category, and who was expected and did not.

Names are neither read nor told. Where retention or an erasure has cut people, the counts that were kept of them are
added (``kept_count``); which delegation they came from on a day, over all its sessions, is then no longer known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, case, func, select

from server.reports.days import Span
from server.reports.presence import real, stays, within
from server.store.schema import badge, category, kept_count, listing, person, stay


@dataclass(frozen=True, slots=True)
class Group:
    """Some people: a delegation or a category. ``came`` of the ``invited``; ``attendances``: people times sessions."""

    name: str
    invited: int = 0
    came: int = 0
    attendances: int = 0


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of the programme: its sessions, the people who came to any of them, and attendances."""

    name: str
    sessions: int
    people: int
    attendances: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Who is on the list of a session, and who of them came."""

    listed: int
    came: int

    @property
    def missing(self) -> int:
        """Listed, and did not come."""
        return self.listed - self.came


@dataclass(frozen=True, slots=True)
class Audience:
    """The people of a span. ``cut``: attendances of people whose names were cut meanwhile."""

    invited: int
    came: int
    strangers: int
    cut: int
    by_session: Mapping[str, int]
    expected: Mapping[str, Expected]
    delegations: Sequence[Group]
    categories: Sequence[Group]
    themes: Sequence[Theme]


@dataclass
class _Count:
    invited: int = 0
    came: int = 0
    attendances: int = 0


@dataclass
class _Groups:
    """Groups that are still being counted."""

    found: dict[str, _Count] = field(default_factory=lambda: defaultdict(_Count))

    def closed(self) -> list[Group]:
        """The largest first."""
        groups = [Group(name, one.invited, one.came, one.attendances) for name, one in self.found.items()]
        return sorted(groups, key=lambda one: (-one.came, -one.attendances, -one.invited, one.name))


@dataclass(frozen=True)
class _Guests:
    """Everybody who has or had a badge: delegation (None: no longer known) and category by holder, as in stays."""

    origin: Mapping[int, tuple[str | None, str]]
    categories: Mapping[int, str]


@dataclass(frozen=True)
class _Present:
    """Holders who came in within a span, and those who came to each session."""

    came: set[int]
    attended: Mapping[str, set[int]]


def read(connection: Connection, span: Span, around: Span, sessions: Mapping[str, str], only: str = "") -> Audience:
    """The audience of a span. ``sessions``: those of the span with their themes, all of them within ``around``;
    ``only``: nothing but the stays of this one is looked at."""
    guests = _guests(connection)
    present = _present(connection, span, around, sessions, only)
    came, attended = present.came, present.attended
    kept = _kept(connection, list(sessions))
    delegations, categories = _count(guests, came, attended, kept)
    by_session = {name: len(holders) for name, holders in attended.items()}
    return Audience(
        invited=len(guests.origin),
        came=len(came),
        strangers=sum(holder not in guests.origin for holder in came),
        cut=sum(kept.values()),
        by_session=by_session,
        expected=_expected(connection, attended, {key[0] for key in kept}),
        delegations=delegations.closed(),
        categories=categories.closed(),
        themes=_themes(sessions, attended),
    )


def of_session(connection: Connection, session: str, around: Span) -> tuple[list[Group], list[Group]]:
    """Who came to one session: by delegation, by category; the largest first. ``came`` and ``invited`` are 0."""
    guests, attended = _guests(connection), _present(connection, around, around, [session], session).attended
    found = _count(_Guests({}, guests.categories), set(), {}, _kept(connection, [session]))
    _add_attendances(found, guests, attended)
    return found[0].closed(), found[1].closed()


def _guests(connection: Connection) -> _Guests:
    """People, and those who were cut, of whom the badge still says the category."""
    names = dict(connection.execute(select(category.c.code, category.c.name)).all())
    people = connection.execute(select(person.c.id, person.c.delegation, person.c.category))
    origin: dict[int, tuple[str | None, str]] = {
        number: (delegation, names.get(code, str(code))) for number, delegation, code in people
    }
    gone = select(badge.c.serial, badge.c.category).where(badge.c.person.is_(None), badge.c.replaced_by.is_(None))
    for serial, code in connection.execute(gone):
        origin[-serial] = None, names.get(code, str(code))
    return _Guests(origin, names)


def _present(connection: Connection, span: Span, around: Span, sessions: Collection[str], only: str = "") -> _Present:
    """Everybody who came in within the span, and everybody who came to each of these sessions, once each."""
    inside = func.max(case((within(stay.c.opened, span), 1), else_=0))
    query = select(stay.c.holder, stay.c.session, inside).where(real(), within(stay.c.opened, around))
    query = query.group_by(stay.c.holder, stay.c.session)
    came: set[int] = set()
    attended: dict[str, set[int]] = {name: set() for name in sessions}
    for holder, session, is_within in stays(connection, query, only):
        if session in attended:
            attended[session].add(holder)
        if is_within:
            came.add(holder)
    return _Present(came, attended)


def _kept(connection: Connection, sessions: Sequence[str]) -> dict[tuple[str, str, int], int]:
    query = select(kept_count).where(kept_count.c.session.in_(sessions))
    return {(row.session, row.delegation, row.category): row.people for row in connection.execute(query)}


def _count(
    guests: _Guests, came: set[int], attended: Mapping[str, set[int]], kept: Mapping[tuple[str, str, int], int]
) -> tuple[_Groups, _Groups]:
    """By delegation, by category."""
    found = _Groups(), _Groups()
    for holder, origin in guests.origin.items():
        for groups, name in zip(found, origin, strict=True):
            if name is not None:
                groups.found[name].invited += 1
                groups.found[name].came += holder in came
    _add_attendances(found, guests, attended)
    for (_session, delegation, code), people in kept.items():
        found[0].found[delegation].attendances += people
        found[1].found[guests.categories.get(code, str(code))].attendances += people
    return found


def _add_attendances(found: tuple[_Groups, _Groups], guests: _Guests, attended: Mapping[str, set[int]]) -> None:
    """Of people with a name; those of the others were kept as counts."""
    for holders in attended.values():
        for holder in holders:
            delegation, category_name = guests.origin.get(holder, (None, ""))
            if delegation is not None:
                found[0].found[delegation].attendances += 1
                found[1].found[category_name].attendances += 1


def _expected(connection: Connection, attended: Mapping[str, set[int]], cut: set[str]) -> dict[str, Expected]:
    """Lists and who of them came; not of sessions of whose people some were cut, as their places on lists are gone."""
    names = [name for name in attended if name not in cut]
    query = select(listing.c.session, listing.c.person).where(listing.c.may, listing.c.session.in_(names))
    listed: dict[str, set[int]] = defaultdict(set)
    for session, number in connection.execute(query):
        listed[session].add(number)
    return {name: Expected(len(some), len(some & attended[name])) for name, some in listed.items()}


def _themes(sessions: Mapping[str, str], attended: Mapping[str, set[int]]) -> list[Theme]:
    of: dict[str, list[set[int]]] = defaultdict(list)
    for name, theme in sessions.items():
        of[theme].append(attended[name])
    found = [Theme(theme, len(some), len(set[int]().union(*some)), sum(map(len, some))) for theme, some in of.items()]
    return sorted(found, key=lambda one: (-one.people, one.name))

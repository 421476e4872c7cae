"""Which passages a filter finds, and the quickest way to their numbers in a long log. Only reads.

Pages are cut by the passage's number, so that page 1,000 costs what page 1 costs. On SQLite the way is chosen here: of
all that is asked for, the one thing that few passages have leads through its index and the rest is looked at; where
nothing is rare the log is walked from its end, which finds a page soon or, at worst, costs one walk through the rows.
PostgreSQL keeps statistics and chooses by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Select, UnaryExpression, func, literal_column, or_, select
from sqlalchemy.sql.operators import custom_op

from admission.passage import Kind
from server.columns import search_text
from server.filters import Filters, serial
from server.store.instants import to_ms
from server.store.schema import badge, category, passage, person

FEW = 40_000
"""Passages that an index may lead to in any order: they are sorted in a few milliseconds."""
BY_STEWARDS = ("forced", "annulled", "annuls_nothing", "counted")
KINDS = frozenset({"entry", "exit", "refused"})
Column = ColumnElement[object]
T = TypeVar("T")
Make = Callable[[Column], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked for of a column. ``ordered``: its index gives the passages in their order."""

    column: Column
    make: Make
    index: bool = True
    ordered: bool = False

    def leading(self) -> ColumnElement[bool]:
        """As a condition that an index may serve."""
        return self.make(self.column)

    def looked_at(self) -> ColumnElement[bool]:
        """As a condition that is looked at row by row: SQLite takes no index for an expression."""
        return self.make(no_index(self.column))


def no_index(column: ColumnElement[T]) -> ColumnElement[T]:
    """The column as an expression, for which SQLite takes no index. For SQLite only."""
    return UnaryExpression(column, operator=custom_op("+"))


def numbers(
    connection: Connection, filters: Filters, *, limit: int, before: int | None, after: int | None
) -> list[int]:
    """The numbers of at most ``limit`` passages: the newest, or those just ``before`` or ``after`` a number, the
    nearest first."""
    terms = list(_terms(connection, filters))
    if any(_is_nobody(connection, term) for term in terms):
        return []
    order: ColumnElement[int] = passage.c.id
    if connection.dialect.name == "sqlite" and terms:
        lead, conditions = _way(connection, terms)
        if lead is not None and not lead.ordered:
            order = no_index(passage.c.id)
    else:
        conditions = [term.leading() for term in terms]
    query = select(passage.c.id).where(*conditions)
    if before is not None:
        query = query.where(passage.c.id < before)
    if after is not None:
        query = query.where(passage.c.id > after)
    return list(connection.execute(query.order_by(order.desc() if after is None else order).limit(limit)).scalars())


def condition(connection: Connection, filters: Filters) -> list[ColumnElement[bool]]:
    """The same as conditions of a query that looks at every passage."""
    plain = connection.dialect.name == "sqlite"
    return [term.looked_at() if plain else term.leading() for term in _terms(connection, filters)]


def _way(connection: Connection, terms: Sequence[Term]) -> tuple[Term | None, list[ColumnElement[bool]]]:
    """The term that leads (None: the log is walked), and every term as a condition, cheap ones first."""
    indexed = [term for term in terms if term.index]
    sizes = [(_size(connection, term), number) for number, term in enumerate(indexed)]
    lead = None
    if sizes:
        size, number = min(sizes)
        alone = len(terms) == 1 and indexed[number].ordered
        lead = indexed[number] if size <= FEW or alone else None
    return lead, [term.leading() if term is lead else term.looked_at() for term in terms]


def _size(connection: Connection, term: Term) -> int:
    """How many passages the term finds, counted in its index and no further than it matters."""
    some = select(passage.c.id).where(term.leading()).limit(FEW + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one())


def _is_nobody(connection: Connection, term: Term) -> bool:
    """Whether the term asks for people, and there is nobody of that kind: then no passage need be looked at."""
    if term.column is not passage.c.person or not isinstance(term.make, People):
        return False
    return connection.execute(term.make.who.limit(1)).first() is None


@dataclass(frozen=True, slots=True)
class People:
    """The passages of these people: a list of numbers, made once."""

    who: Select[tuple[int]]

    def __call__(self, column: Column) -> ColumnElement[bool]:
        """The condition on a column that holds people."""
        return column.in_(self.who)


def _terms(connection: Connection, filters: Filters) -> Iterator[Term]:
    """What is asked for, by the cost of looking at it."""
    yield from _words(filters)
    yield from _places(filters)
    if filters.reason:
        yield Term(passage.c.why, lambda c: (c == filters.reason) & (c != literal_column("''")))
    if filters.since is not None or filters.until is not None:
        yield Term(passage.c.at, _between(filters))
    if filters.flag:
        yield Term(
            passage.c.flags,
            lambda c: (c != "") & (" " + c + " ").like(f"% {_literal(filters.flag)} %", escape="!"),
            index=False,
        )
    if filters.badge:
        yield from _badge(connection, serial(filters.badge))
    if filters.steward:  # only these verdicts have a steward
        yield Term(passage.c.verdict, lambda c: c.in_(BY_STEWARDS) & (c != literal_column("'accepted'")))
        yield Term(passage.c.by, _steward(filters.steward), index=False)
    people = _people(filters)
    if people is not None:
        yield Term(passage.c.person, people)


def _words(filters: Filters) -> Iterator[Term]:
    """Kind and verdict. An entry that is like most needs no index; all others have one that holds nothing else."""
    kind = filters.kind or (filters.verdict if filters.verdict in KINDS else "")
    verdict = "" if filters.verdict in KINDS else filters.verdict
    if kind:
        yield Term(passage.c.kind, lambda c: c == kind, index=False)
    if filters.kind and filters.verdict in KINDS and filters.verdict != kind:
        yield Term(passage.c.kind, lambda c: c == filters.verdict, index=False)
    unusual = verdict or {Kind.REFUSED: "noted", Kind.FORCED: "forced"}.get(kind, "")  # type: ignore[call-overload]
    if unusual:
        yield Term(passage.c.verdict, lambda c: (c == unusual) & (c != literal_column("'accepted'")), ordered=True)


def _places(filters: Filters) -> Iterator[Term]:
    if filters.gate:
        yield Term(passage.c.gate, lambda c: c == filters.gate, ordered=True)
    if filters.session:
        yield Term(passage.c.session, lambda c: c == filters.session, ordered=True)
    if filters.room:
        yield Term(passage.c.room, lambda c: c == filters.room)
    if filters.kiosk:
        yield Term(passage.c.device, lambda c: c == filters.kiosk)


def _between(filters: Filters) -> Make:
    since = None if filters.since is None else to_ms(filters.since)
    until = None if filters.until is None else to_ms(filters.until)

    def make(column: Column) -> ColumnElement[bool]:
        from_then = column >= since if since is not None else None
        to_then = column < until if until is not None else None
        if from_then is None or to_then is None:
            found = to_then if from_then is None else from_then
            assert found is not None
            return found
        return from_then & to_then

    return make


def _badge(connection: Connection, number: int) -> Iterator[Term]:
    """The passages of a badge: looked for among those of its holder, as passages have no index of badges."""
    holder = connection.execute(select(badge.c.person).where(badge.c.serial == number)).scalar()
    yield Term(passage.c.badge, lambda c: c.between(number << 32, (number << 32) + 2**32 - 1), index=False)
    yield Term(passage.c.person, lambda c: c.is_(None) if holder is None else c == holder, ordered=True)


def _steward(text: str) -> Make:
    if text.isascii() and text.isdigit() and int(text) < 2**63:
        first = serial(text) << 32
        return lambda column: column.between(first, first + 2**32 - 1) & (column != 0)
    named = select(badge.c.id).join(person, person.c.id == badge.c.person).where(*_called(text))
    return lambda column: (column != 0) & column.in_(named)


def _people(filters: Filters) -> People | None:
    """Who is asked for, all conditions on people together; None: nobody in particular."""
    wanted = [
        or_(_holds(person.c.search, word), _holds(person.c.search_of, word)) for word in search_text(filters.q).split()
    ]
    if filters.organisation:
        wanted.append(_holds(person.c.search_of, search_text(filters.organisation)))
    if filters.delegation:
        wanted.append(person.c.delegation == filters.delegation)
    if filters.person:
        wanted.append(person.c.ref == filters.person)
    if filters.category:
        code = select(category.c.code).where(category.c.slug == filters.category).scalar_subquery()
        wanted.append(person.c.category == code)
    return People(select(person.c.id).where(*wanted)) if wanted else None


def _called(text: str) -> list[ColumnElement[bool]]:
    return [_holds(person.c.search, word) for word in search_text(text).split()]


def _holds(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.like(f"%{_literal(text)}%", escape="!")


def _literal(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")

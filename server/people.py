"""People: walked in, corrected, given sessions or barred from them, their badges replaced and revoked.

Each act writes its row in the trail; what a name was stands in none of them. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, and_, delete, func, insert, select, update

from admission.errors import ConfigError
from admission.venue import ZONES
from server import badges, columns, trail
from server.badges import Random, Selection
from server.phrase import Phrase, phrase
from server.phrase import marked as _
from server.store import versions
from server.store.instants import to_ms
from server.store.schema import badge, category, listing, person, session
from server.trail import Who
from server.wanted import person_row

LONGEST = 200
REASONS: Mapping[str, str] = {"lost": _("lost"), "damaged": _("damaged"), "corrected": _("corrected")}
"""Why a badge is printed anew."""
_SIGNED = ("category", "zones")
_SEALED = ("name", "language")
_WALKED_IN = "w-"


class NoSuchPerson(ConfigError):
    """Nobody has this reference."""


class BadFacts(ConfigError):
    """Facts that cannot be of a person; ``problems`` says which and why, by field."""

    def __init__(self, problems: Mapping[str, Phrase]) -> None:
        self.problems = dict(problems)
        super().__init__(phrase("some fields have to be corrected"))


class Edited(ConfigError):
    """Somebody else has changed this since it was looked at; ``now``: what it is now."""

    def __init__(self, now: Facts) -> None:
        self.now = now
        super().__init__(phrase("somebody else has changed this person since you opened the page"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a person besides the reference. ``category``: a code; ``zones``: a mask."""

    name: str
    organisation: str
    delegation: str
    category: int
    zones: int
    language: str


@dataclass(frozen=True, slots=True)
class Corrected:
    """Which facts were changed; ``reprint``: a live badge has the old category or zones signed into it."""

    fields: tuple[str, ...]
    reprint: bool


def parse(connection: Connection, given: Mapping[str, str], zones: Sequence[str]) -> Facts:
    """The facts as a form gives them (``category``: its reference). Raises BadFacts."""
    values: dict[str, Any] = {}
    problems: dict[str, Phrase] = {}
    codes = {row.slug: row.code for row in connection.execute(select(category))}

    def read(field: str, parser: Callable[[str], Any], text: str) -> None:
        try:
            values[field] = parser(text)
        except ValueError as error:
            problems[field] = error.args[0]

    for field in ("name", "organisation", "delegation"):
        read(field, columns.line_of(LONGEST), " ".join(given.get(field, "").split(" ")).strip())
    if not values.get("name", "?"):
        problems["name"] = phrase("is empty; fill it in")
    read("language", columns.language, given.get("language", "").strip())
    read("zones", columns.zones, " ".join(zones))
    slug = given.get("category", "")
    values["category"] = codes.get(slug)
    if values["category"] is None:
        problems["category"] = phrase("choose one of the categories")
    if problems:
        raise BadFacts(problems)
    return Facts(**values)


def find(connection: Connection, ref: str) -> RowMapping:
    """The person's row. Raises NoSuchPerson."""
    row = connection.execute(select(person).where(person.c.ref == ref.lower())).mappings().first() if ref else None
    if row is None:
        raise NoSuchPerson(phrase("no person has the reference {ref}", ref=ref))
    return row


def facts_of(row: RowMapping) -> Facts:
    """What the row says of its person."""
    return Facts(**{name: row[name] for name in Facts.__slots__})


def walk_in(connection: Connection, facts: Facts, who: Who, now: datetime) -> str:
    """Adds somebody who was on no list; their new reference (w-0001, ...)."""
    mine = select(person.c.ref).where(person.c.ref.like(f"{_WALKED_IN}%"))
    numbers = [int(text) for ref in connection.execute(mine).scalars() if (text := ref[len(_WALKED_IN) :]).isdecimal()]
    ref = f"{_WALKED_IN}{max(numbers, default=0) + 1:04}"
    connection.execute(insert(person), dict(person_row(ref, asdict(facts))))
    trail.note(connection, who, to_ms(now), "added", "person", ref, {"category": facts.category})
    return ref


def alike(connection: Connection, name: str, limit: int = 5) -> list[RowMapping]:
    """People whose name has the same words, in whatever order, case and accents: perhaps the same person."""
    words = columns.search_text(name).split()
    if not words or len(words) > 20:
        return []
    query = select(person).where(and_(*(person.c.search.contains(word, autoescape=True) for word in words)))
    found = connection.execute(query.order_by(person.c.search).limit(200)).mappings().all()
    same = [row for row in found if sorted(columns.search_text(row["name"]).split()) == sorted(words)]
    return same[:limit]


def correct(
    connection: Connection, ref: str, edition: int, facts: Facts, act: tuple[Who, datetime, Random]
) -> Corrected:
    """Changes a person's facts. A changed name is sealed into the live badges anew.

    Raises NoSuchPerson, and Edited if the row's edition is another one by now.
    """
    who, now, random = act
    row = find(connection, ref)
    was, asked = asdict(facts_of(row)), asdict(facts)
    fields = tuple(name for name in was if was[name] != asked[name])
    values = {**person_row(row["ref"], asked), "edition": edition + 1}
    mine = update(person).where(person.c.id == row["id"], person.c.edition == edition)
    if connection.execute(mine.values(**values)).rowcount != 1:
        raise Edited(facts_of(find(connection, ref)))
    if not fields:
        return Corrected((), reprint=False)
    if set(fields) & set(_SEALED):
        badges.seal_again(connection, [row["id"]], random)
    versions.bump(connection, versions.BADGES)
    told = {name: [was[name], asked[name]] for name in _SIGNED if name in fields}
    trail.note(connection, who, to_ms(now), "changed", "person", row["ref"], {"fields": list(fields), **told})
    return Corrected(fields, bool(set(fields) & set(_SIGNED)) and _has_badge(connection, row["id"]))


def set_right(connection: Connection, ref: str, session_id: str, may: bool | None, act: tuple[Who, datetime]) -> None:
    """Lets the person into a session (True), bars them from it (False), or leaves it to the category (None).

    Raises NoSuchPerson, and ConfigError for a session that is not in the programme.
    """
    who, now = act
    row = find(connection, ref)
    if connection.execute(select(session.c.id).where(session.c.id == session_id)).first() is None:
        raise ConfigError(phrase("there is no session {session!r}; choose one of the list", session=session_id))
    which = (listing.c.session == session_id, listing.c.person == row["id"])
    connection.execute(delete(listing).where(*which))
    if may is not None:
        connection.execute(insert(listing), {"session": session_id, "person": row["id"], "may": may})
    versions.bump(connection, versions.BADGES)
    word = {True: "yes", False: "no", None: ""}[may]
    trail.note(connection, who, to_ms(now), "changed", "person", row["ref"], {"session": session_id, "may": word})


def revoke(connection: Connection, ref: str, why: str, act: tuple[Who, datetime]) -> int:
    """Revokes the person's live badges; how many. Raises NoSuchPerson, and ConfigError without a reason."""
    who, now = act
    row = find(connection, ref)
    reason = " ".join(why.replace("\0", " ").split())
    if not 1 <= len(reason) <= LONGEST:
        raise ConfigError(phrase("say why, in at most {most} characters", most=LONGEST))
    live = list(connection.execute(_live(row["id"])).scalars())
    count = badges.revoke(connection, [row["ref"]], reason, now)
    if count:
        trail.note(connection, who, to_ms(now), "revoked", "person", row["ref"], {"badges": live})
    return count


def replace(connection: Connection, ref: str, why: str, act: tuple[Who, datetime, Random]) -> int:
    """A new badge for the person; what they had is revoked. ``why``: one of REASONS. The new serial.

    Raises NoSuchPerson, and ConfigError for another reason.
    """
    who, now, random = act
    row = find(connection, ref)
    if why not in REASONS:
        raise ConfigError(phrase("say why the badge is printed again; choose one of the list"))
    old = list(connection.execute(_live(row["id"])).scalars())
    [serial] = badges.issue(connection, Selection([row["ref"]], reprint=True, why=why), now, random)
    facts = {"badge": serial, "instead_of": old, "why": why}
    trail.note(connection, who, to_ms(now), "reprinted", "person", row["ref"], facts)
    return serial


def _has_badge(connection: Connection, number: int) -> bool:
    return connection.execute(_live(number)).first() is not None


def _live(number: int) -> Any:
    return select(badge.c.serial).where(badge.c.person == number, badge.c.revoked.is_(None)).order_by(badge.c.serial)


def categories(connection: Connection) -> Sequence[Row[Any]]:
    """All categories, in the order of their codes."""
    return connection.execute(select(category).order_by(category.c.code)).all()


def delegation_names(connection: Connection, limit: int = 400) -> list[str]:
    """The names of delegations that there are."""
    query = select(person.c.delegation).where(person.c.delegation != "").group_by(person.c.delegation)
    return list(connection.execute(query.order_by(func.lower(person.c.delegation)).limit(limit)).scalars())


def zone_numbers(mask: int) -> list[int]:
    """The zones in a mask, from 1 on."""
    return [number for number in range(1, ZONES + 1) if mask >> number - 1 & 1]

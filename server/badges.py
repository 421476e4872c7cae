"""Badges of people: issue, reprint, revoke, and the texts to print. A reprint revokes the badge that it replaces.

The token is never stored: it is signed again when it is needed (Ed25519 is deterministic), so that a copy of the
tables without the key is no box of badges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from admission.badge import Badge, BadgeId, badge_id
from admission.badge import issue as sign_badge
from admission.errors import ConfigError
from admission.record import NONCE, Record, seal
from server.cards import Card
from server.phrase import phrase
from server.store import schema, versions
from server.store.instants import to_ms

FEW = 500
"""So many serials are named in one statement; of more, all badges are read."""
Random = Callable[[int], bytes]
"""Gives so many random bytes."""

_badge = schema.badge
_person = schema.person


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose badges: everybody's (refs None) or these references'; ``reprint`` also for those who have one. ``why``:
    what the badges that are replaced are revoked for."""

    refs: Sequence[str] | None
    reprint: bool
    why: str = "reprinted"


def issue(connection: Connection, whose: Selection, now: datetime, random: Random) -> list[int]:
    """Issues badges and returns the new serials, in the order of the people's references.

    People with a live badge are passed over, or with ``reprint`` get a new one that revokes the old.
    Raises ConfigError if a reference is not known.
    """
    people = _people(connection, whose.refs)
    live = dict(connection.execute(select(_badge.c.person, _badge.c.serial).where(_badge.c.revoked.is_(None))).all())
    people = [one for one in people if whose.reprint or one.id not in live]
    if not people:
        return []
    event_number = int(connection.execute(select(schema.event.c.number)).scalar_one())
    key_id, key = _newest_key(connection)
    changed = versions.bump(connection, versions.BADGES)
    first = int(connection.execute(select(func.coalesce(func.max(_badge.c.serial), 0))).scalar_one()) + 1
    rows = []
    for serial, one in enumerate(people, first):
        number = badge_id(serial, int.from_bytes(random(4), "big"))
        badge = Badge(event_number, key_id, number, one.category, one.zones, 0, 0)
        lookup, box = seal(sign_badge(badge, key), Record(one.name, one.language, code=one.code), random(NONCE))
        rows.append(_row(badge, one.id, lookup, box) | {"issued": to_ms(now), "changed": changed})
    connection.execute(insert(_badge), rows)
    replaced = [(live[row["person"]], row["serial"]) for row in rows if row["person"] in live]
    _revoke(connection, replaced, whose.why, now, changed)
    return [int(str(row["serial"])) for row in rows]


def revoke(connection: Connection, refs: Sequence[str], why: str, now: datetime) -> int:
    """Revokes all live badges of these people; the number revoked. Raises ConfigError for unknown references."""
    ids = {one.id for one in _people(connection, refs)}
    live = select(_badge.c.serial, _badge.c.person).where(_badge.c.revoked.is_(None))
    live = live.where(_badge.c.person.in_(ids)) if len(ids) <= FEW else live
    serials = [row.serial for row in connection.execute(live) if row.person in ids]
    _revoke(connection, [(serial, None) for serial in serials], why, now, versions.bump(connection, versions.BADGES))
    return len(serials)


def cards(connection: Connection, serials: Iterable[int]) -> list[Card]:
    """What is printed on these badges, in the order given; badges whose people were erased are left out."""
    wanted = list(serials)
    category = schema.category
    query = (
        select(_badge, _person.c.name, _person.c.organisation, _person.c.delegation, category.c.colour)
        .add_columns(category.c.name.label("category_name"))
        .join(_person, _person.c.id == _badge.c.person)
        .join(category, category.c.code == _badge.c.category)
    )
    some = query.where(_badge.c.serial.in_(wanted)) if len(wanted) <= FEW else query
    asked = set(wanted)
    found = {row.serial: row for row in connection.execute(some) if row.serial in asked} if wanted else {}
    sign = _signer(connection)
    return [_card(found[serial], sign(found[serial])) for serial in wanted if serial in found]


def seal_again(connection: Connection, people: Sequence[int], random: Random) -> None:
    """After names, languages or codes were changed: seals the records of these people's live badges anew."""
    if not people:
        return
    sign = _signer(connection)
    query = (
        select(_badge, _person.c.name, _person.c.language, _person.c.code)
        .join(_person, _person.c.id == _badge.c.person)
        .where(_badge.c.revoked.is_(None), _badge.c.person.in_(people))
    )
    changed = versions.bump(connection, versions.BADGES)
    rows = []
    for row in connection.execute(query).all():
        _, box = seal(sign(row), Record(row.name, row.language, code=row.code), random(NONCE))
        rows.append({"which": row.serial, "new_box": box, "number": changed})
    if rows:
        change = update(_badge).where(_badge.c.serial == bindparam("which"))
        connection.execute(change.values(box=bindparam("new_box"), changed=bindparam("number")), rows)


def _people(connection: Connection, refs: Sequence[str] | None) -> Sequence[Row[tuple[object, ...]]]:
    query = select(_person).order_by(_person.c.ref)
    if refs is None:
        return connection.execute(query).all()
    asked = set(refs)
    some = query.where(_person.c.ref.in_(refs)) if len(refs) <= FEW else query
    found = [one for one in connection.execute(some) if one.ref in asked]
    unknown = sorted(set(refs) - {one.ref for one in found})
    if unknown:
        raise ConfigError(
            phrase(
                "no person has the reference {refs}; references are the first column of people", refs=", ".join(unknown)
            )
        )
    return found


def _newest_key(connection: Connection) -> tuple[int, Ed25519PrivateKey]:
    key = connection.execute(select(schema.badge_key).order_by(schema.badge_key.c.id.desc())).first()
    if key is None:
        raise ConfigError("this database has no badge key; run threshold-server init first")
    return key.id, Ed25519PrivateKey.from_private_bytes(bytes(key.seed))


def _signer(connection: Connection) -> Callable[[Row[tuple[object, ...]]], str]:
    number = int(connection.execute(select(schema.event.c.number)).scalar_one())
    seeds: Mapping[int, Ed25519PrivateKey] = {
        row.id: Ed25519PrivateKey.from_private_bytes(bytes(row.seed))
        for row in connection.execute(select(schema.badge_key))
    }

    def sign(row: Row[tuple[object, ...]]) -> str:
        body = Badge(number, row.key, BadgeId(row.id), row.category, row.zones, row.not_before, row.hours)
        return sign_badge(body, seeds[row.key])

    return sign


def _row(badge: Badge, person: int, lookup: bytes, box: bytes) -> dict[str, object]:
    return {
        "serial": badge.serial,
        "id": badge.id,
        "person": person,
        "key": badge.key_id,
        "category": badge.category,
        "zones": badge.zones,
        "not_before": badge.not_before,
        "hours": badge.hours,
        "lookup": lookup,
        "box": box,
    }


def _revoke(
    connection: Connection, pairs: Sequence[tuple[object, object]], why: str, now: datetime, changed: int
) -> None:
    if not pairs:
        return
    change = update(_badge).where(_badge.c.serial == bindparam("old"), _badge.c.revoked.is_(None))
    values = {"revoked": to_ms(now), "revoked_why": why, "changed": changed}
    change = change.values(**values, replaced_by=bindparam("new"))
    connection.execute(change, [{"old": old, "new": new} for old, new in pairs])


def _card(row: Row[tuple[object, ...]], text: str) -> Card:
    return Card(text, row.name, row.organisation, row.delegation, row.category_name, row.colour, row.serial)

"""What the tables hold of a person, and how it is cut so that every count stays as it was.

A cut badge is nobody's: its passages and stays go on under minus its serial, as those of a badge that was never known.
The signed bytes of a passage name a badge's number and nothing else, so the chains stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, null, select, update

from admission.stays import How
from server import mentions
from server.mentions import Named, Scrubber
from server.store import versions
from server.store.schema import badge, export, kept_count, listing, passage, person, roll_mark, setting, stay

DAY_MS = 86_400_000
"""Exported files that are older are deleted by whoever made them (server/exports.py)."""
UPLOADS = "tray:"
"""So begin the names of the settings in which uploaded lists wait to be imported (server/tray.py)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody as the tables have them. ``serials``: those of their badges, the newest last."""

    id: int
    ref: str
    name: str
    organisation: str
    delegation: str
    category: int
    edition: int
    serials: tuple[int, ...]

    @property
    def mark(self) -> str:
        """What stands for them afterwards."""
        return f"badge {self.serials[-1]}" if self.serials else "cut"


@dataclass(frozen=True, slots=True)
class Cut:
    """How much was cut: people, badges, passages, stays, and texts in which somebody was named."""

    people: int = 0
    badges: int = 0
    passages: int = 0
    stays: int = 0
    texts: int = 0

    def __add__(self, other: Cut) -> Cut:
        return Cut(*(getattr(self, name) + getattr(other, name) for name in Cut.__slots__))


def subjects(connection: Connection, *, ref: str = "", limit: int = 1, after: int = 0) -> list[Subject]:
    """The people after a number, or the one with this reference, with their badges."""
    query = select(person).where(person.c.id > after).order_by(person.c.id).limit(limit)
    rows = connection.execute(query.where(person.c.ref == ref) if ref else query).all()
    theirs: dict[int, list[int]] = {row.id: [] for row in rows}
    badges = select(badge.c.person, badge.c.serial).where(badge.c.person.in_(theirs)).order_by(badge.c.serial)
    for one in connection.execute(badges):
        theirs[one.person].append(one.serial)
    names = [name for name in Subject.__slots__ if name != "serials"]
    return [Subject(**{name: getattr(row, name) for name in names}, serials=tuple(theirs[row.id])) for row in rows]


def cut(connection: Connection, people: Sequence[Subject], now: int, why: str) -> Cut:
    """Cuts these people, in this transaction. ``why``: the reason with which their live badges are revoked."""
    if not people:
        return Cut()
    ids = [one.id for one in people]
    _lock(connection, ids)
    _keep_counts(connection, ids)
    passages = _cut_passages(connection, ids)
    stays = _cut_stays(connection, ids)
    _cut_marks(connection, ids)
    badges = _cut_badges(connection, ids, now, why)
    named = [Named(one.ref, one.name, one.mark) for one in people]
    texts = mentions.cut(connection, Scrubber(named), named)
    _outdate_files(connection, now)
    forget_uploads(connection)
    connection.execute(delete(listing).where(listing.c.person.in_(ids)))
    connection.execute(delete(person).where(person.c.id.in_(ids)))
    return Cut(len(ids), badges, passages, stays, texts)


def _lock(connection: Connection, ids: Sequence[int]) -> None:
    """No passage of theirs is taken meanwhile: the exchange waits on the same lock (store/holders.py)."""
    if connection.dialect.name != "sqlite":
        for number in sorted(ids):
            connection.execute(select(func.pg_advisory_xact_lock(number)))


def forget_uploads(connection: Connection) -> None:
    """Lists that were uploaded and wait to be imported name people too: they have to be uploaded again."""
    connection.execute(delete(setting).where(setting.c.name.startswith(UPLOADS, autoescape=True)))


def _keep_counts(connection: Connection, ids: Sequence[int]) -> None:
    """Who attended which session, as numbers of people of a delegation and category."""
    attended = (
        select(stay.c.session, person.c.delegation, person.c.category, func.count(stay.c.holder.distinct()))
        .join(person, person.c.id == stay.c.holder)
        .where(stay.c.holder.in_(ids), stay.c.session != "")
        .where(stay.c.opened.is_not(None), stay.c.duplicate.is_(False), stay.c.how != How.ANNULLED.value)
        .group_by(stay.c.session, person.c.delegation, person.c.category)
    )
    for session, delegation, category, count in connection.execute(attended).all():
        mine = (kept_count.c.session == session) & (kept_count.c.delegation == delegation[:200])
        more = update(kept_count).where(mine, kept_count.c.category == category)
        if not connection.execute(more.values(people=kept_count.c.people + count)).rowcount:
            row = {"session": session, "delegation": delegation[:200], "category": category, "people": count}
            connection.execute(insert(kept_count).values(row))


def _newest(column: Any) -> Any:
    """Minus the serial of the holder's newest badge; the number itself for somebody without one."""
    serial = select(func.max(badge.c.serial)).where(badge.c.person == column).scalar_subquery()
    return func.coalesce(-serial, column)


def _cut_passages(connection: Connection, ids: Sequence[int]) -> int:
    """Passages of somebody with one badge are nobody's. Those of somebody with several stay together under the newest
    one's number, as their stays do, or an exit by the second would be another body's."""
    several = select(badge.c.person).where(badge.c.person.in_(ids)).group_by(badge.c.person).having(func.count() > 1)
    many = list(connection.execute(several).scalars())
    mine = update(passage).where(passage.c.person.in_(many)).values(person=_newest(passage.c.person))
    joined = connection.execute(mine).rowcount if many else 0
    rest = update(passage).where(passage.c.person.in_(sorted(set(ids) - set(many))))
    return joined + connection.execute(rest.values(person=null())).rowcount


def _cut_stays(connection: Connection, ids: Sequence[int]) -> int:
    mine, other = stay.c.holder.in_(ids), stay.alias("other")
    open_twice = select(other.c.id).where(
        other.c.holder == _newest(stay.c.holder),
        other.c.room == stay.c.room,
        other.c.closed.is_(None),
        other.c.duplicate.is_(False),
    )
    clash = update(stay).where(mine, stay.c.closed.is_(None), open_twice.exists())
    connection.execute(clash.values(duplicate=True))  # it was in before the server knew the badge: one of them counts
    return connection.execute(update(stay).where(mine).values(holder=_newest(stay.c.holder))).rowcount


def _cut_marks(connection: Connection, ids: Sequence[int]) -> None:
    other = roll_mark.alias("other")
    again = select(other.c.holder).where(
        other.c.roll_call == roll_mark.c.roll_call, other.c.holder == _newest(roll_mark.c.holder)
    )
    mine = update(roll_mark).where(roll_mark.c.holder.in_(ids), ~again.exists())
    connection.execute(mine.values(holder=_newest(roll_mark.c.holder)))


def _outdate_files(connection: Connection, now: int) -> None:
    """Exported files may name them: what is being made is stopped, what lies there is as old as what is deleted."""
    going = update(export).where(export.c.state.in_(["waiting", "running"]))
    connection.execute(going.values(state="stopped", ended=now))
    there = update(export).where(export.c.file != "", export.c.ended > now - DAY_MS)
    connection.execute(there.values(ended=now - DAY_MS - 1))


def _cut_badges(connection: Connection, ids: Sequence[int], now: int, why: str) -> int:
    """Live badges are revoked, so that kiosks hear of it; the sealed record goes, and whose the badge was. Where it
    lies on kiosks stays known: they are told to forget it."""
    theirs, changed = badge.c.person.in_(ids), versions.bump(connection, versions.BADGES)
    live = update(badge).where(theirs, badge.c.revoked.is_(None))
    connection.execute(live.values(revoked=now, revoked_why=why))
    gone = update(badge).where(theirs).values(person=null(), box=b"", changed=changed)
    return connection.execute(gone).rowcount

"""Files of the log that take a while: asked for, made one after another by the server, kept for a day.

Each is a row; whoever makes one claims it, tells how far it has come, and stops as soon as the row no longer says
"running". Two are made at a time, the others wait. A file has its name only when it is whole. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, func, insert, select, update

from admission.errors import ConfigError
from server import filters, trail
from server.phrase import marked as _
from server.phrase import phrase
from server.store.instants import to_ms
from server.store.schema import event, export
from server.trail import Who
from server.users import Role

KEPT = timedelta(hours=24)
AT_ONCE = 2
MOST = 10
"""So many files may be kept or waited for at a time, by everybody together."""
SHOWN = 50
FULL_DISK = _("the disk is full; free some space and ask for it again")
LOW_DISK = _("the disk is nearly full: less than 1 GB or 5 per cent is free; free some space and ask for it again")
BROKEN_DISK = _("the disk failed; tell the admin, and ask for it again")
BROKEN = _("the server failed at this; tell the admin the time, and ask for it again")
DIED = _("the server was stopped meanwhile; ask for it again")


class Format(StrEnum):
    """What is made."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON_LINES = "jsonl"
    ARCHIVE = "archive"
    WITH_AUDIT = "archive-audit"
    """The archive with the table trail."""

    @property
    def archive(self) -> bool:
        """Whether it is the whole event, whatever is filtered."""
        return self in (Format.ARCHIVE, Format.WITH_AUDIT)

    @property
    def suffix(self) -> str:
        """How the file's name ends."""
        return "db" if self.archive else self.value


FOR: Mapping[Format, frozenset[Role]] = {
    Format.ARCHIVE: frozenset({Role.ORGANISER, Role.ADMIN}),
    Format.WITH_AUDIT: frozenset({Role.ADMIN}),
}
"""Who may have a file of this format made, and take it home; the others are for whoever reads the log. An archive
holds lists of people, which are no auditor's; with the trail it holds what is no organiser's."""


class TooMany(ConfigError):
    """So many files are kept or waited for that no more are made."""


class State(StrEnum):
    """Where it is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


GOING = (State.WAITING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Order:
    """A file that somebody asked for. ``fields``: the filter as it was written; ``file``: its name, empty before it is
    there and after it was deleted; ``problem``: why it failed."""

    id: int
    format: Format
    fields: dict[str, str]
    by: str
    at: int
    state: State
    rows: int
    total: int
    file: str
    bytes: int
    problem: str
    ended: int | None

    @property
    def going(self) -> bool:
        """Whether it waits or is being made."""
        return self.state in GOING

    @property
    def gone(self) -> bool:
        """Whether it was made and is deleted."""
        return self.state is State.DONE and not self.file


def may(role: Role, form: Format) -> bool:
    """Whether this role, which reads the log, may have such a file."""
    return role in FOR.get(form, frozenset(Role))


def parse(form: str) -> Format:
    """The format of that name. Raises ConfigError if there is none."""
    try:
        return Format(form)
    except ValueError as error:
        raise ConfigError(
            phrase("{form!r} is no format; formats are: {forms}", form=form, forms=", ".join(Format))
        ) from error


def ask(connection: Connection, form: str, fields: Mapping[str, str], who: Who, now: datetime) -> int:
    """Writes down that somebody wants this file; its number. Raises ConfigError for a format that is none, TooMany
    while MOST files are kept or waited for."""
    chosen = parse(form)
    _check_room(connection, now)
    kept = {} if chosen.archive else filters.given(fields)
    row: dict[str, Any] = {"format": chosen.value, "filters": msgspec.json.encode(kept).decode(), "by": who.name[:64]}
    row |= {"at": to_ms(now), "state": State.WAITING.value}
    number = int(connection.execute(insert(export).values(**row).returning(export.c.id)).scalar_one())
    note(connection, who, now, "exported", number, {"format": chosen.value, "filters": filters.discreet(kept)})
    return number


def note(
    connection: Connection, who: Who, now: datetime, what: str, number: int, facts: Mapping[str, object] | None = None
) -> None:
    """Writes into the trail what somebody did with an export."""
    trail.note(connection, who, to_ms(now), what, "export", number, facts)


def find(connection: Connection, number: int) -> Order | None:
    """The order of that number."""
    row = connection.execute(select(export).where(export.c.id == number)).mappings().first()
    return None if row is None else _order(row)


def newest(connection: Connection, limit: int = SHOWN) -> list[Order]:
    """The newest orders, those first that go on."""
    going = func.coalesce(export.c.ended, 0)
    query = select(export).order_by((going > 0), export.c.id.desc()).limit(limit)
    return [_order(row) for row in connection.execute(query).mappings()]


def stop(connection: Connection, number: int, who: Who, now: datetime) -> bool:
    """Nobody wants it any more; False if it has ended already."""
    values = {"state": State.STOPPED.value, "ended": to_ms(now)}
    done = connection.execute(update(export).where(export.c.id == number, export.c.state.in_(GOING)).values(**values))
    if done.rowcount:
        note(connection, who, now, "stopped", number)
    return bool(done.rowcount)


def remove(connection: Connection, number: int, who: Who, now: datetime) -> str:
    """The file is to go; its name, for whoever deletes it. Empty if there is none."""
    order = find(connection, number)
    if order is None or not order.file:
        return ""
    connection.execute(update(export).where(export.c.id == number).values(_forgotten(order)))
    note(connection, who, now, "deleted", number)
    return order.file


def is_old(order: Order, now: datetime) -> bool:
    """Whether its file is older than is kept, and goes to nobody any more."""
    return order.ended is not None and order.ended < to_ms(now - KEPT)


def has_outdated(connection: Connection, now: datetime) -> bool:
    """Whether there is something for :func:`outdated` to forget."""
    return any(_differs(order) for order in _orders(connection, _old(now)))


def outdated(connection: Connection, now: datetime) -> list[str]:
    """Forgets what is older than a day; the names of the files, for whoever deletes them. What a filter said of a
    person is forgotten with them, and with what was stopped or failed."""
    return _forget(connection, _old(now))


def wanted(connection: Connection) -> tuple[frozenset[str], frozenset[int]]:
    """The names of the files that are kept, and the numbers of those that are being made."""
    names = connection.execute(select(export.c.file).where(export.c.file != "")).scalars()
    return frozenset(names), frozenset(running(connection))


def withdraw(connection: Connection, now: datetime) -> list[str]:
    """Forgets every file and what was looked for with any, and stops those that are being made: somebody in them was
    erased. The names of the files, for whoever deletes them."""
    stopped = {"state": State.STOPPED.value, "ended": to_ms(now)}
    connection.execute(update(export).where(export.c.state.in_(GOING)).values(**stopped))
    return _forget(connection, select(export))


# ---- for whoever makes them ----


def waiting(connection: Connection) -> Sequence[int]:
    """The numbers of the orders that wait, the oldest first; none while as many are made as may be."""
    running = select(func.count()).where(export.c.state == State.RUNNING)
    if connection.execute(running).scalar_one() >= AT_ONCE:
        return []
    query = select(export.c.id).where(export.c.state == State.WAITING).order_by(export.c.id)
    return list(connection.execute(query).scalars())


def claim(connection: Connection, number: int) -> Order | None:
    """Takes a waiting order, for the caller alone to make; None if it is taken, stopped, or too many are made."""
    connection.execute(select(event.c.id).with_for_update())  # two workers count one after the other
    if number not in waiting(connection):
        return None
    mine = update(export).where(export.c.id == number, export.c.state == State.WAITING)
    taken = connection.execute(mine.values(state=State.RUNNING.value)).rowcount
    return find(connection, number) if taken else None


def tell(connection: Connection, number: int, rows: int, total: int) -> bool:
    """How far it has come; False if it is to be stopped."""
    mine = update(export).where(export.c.id == number, export.c.state == State.RUNNING)
    return bool(connection.execute(mine.values(rows=rows, total=total)).rowcount)


def finish(connection: Connection, number: int, file: tuple[str, int], now: datetime) -> bool:
    """It is whole: (name, bytes). False if it was stopped meanwhile: the file is not wanted."""
    values = {"state": State.DONE.value, "file": file[0], "bytes": file[1], "ended": to_ms(now)}
    mine = update(export).where(export.c.id == number, export.c.state == State.RUNNING)
    return bool(connection.execute(mine.values(**values, rows=export.c.total)).rowcount)


def fail(connection: Connection, number: int, problem: str, now: datetime) -> None:
    """It cannot be made; why, in words."""
    values = {"state": State.FAILED.value, "problem": problem, "ended": to_ms(now)}
    mine = update(export).where(export.c.id == number, export.c.state == State.RUNNING)
    connection.execute(mine.values(**values))


def running(connection: Connection) -> list[int]:
    """The numbers of those that are being made, or were when a server died."""
    return list(connection.execute(select(export.c.id).where(export.c.state == State.RUNNING)).scalars())


def _check_room(connection: Connection, now: datetime) -> None:
    """Raises TooMany while as many files are kept or waited for as may be."""
    connection.execute(select(event.c.id).with_for_update())  # of two who ask at once, one is counted first
    fresh = (export.c.file != "") & (export.c.ended >= to_ms(now - KEPT))
    orders = _orders(connection, select(export).where(export.c.state.in_(GOING) | fresh).order_by(export.c.id))
    if len(orders) < MOST:
        return
    oldest = next((order.file for order in orders if order.file), "")
    if oldest:
        raise TooMany(
            phrase(
                "{most} files are kept or being made, and no more may be; delete one: {file}", most=MOST, file=oldest
            )
        )
    raise TooMany(phrase("{most} files are being made or wait, and no more may be; stop one, or wait", most=MOST))


def _old(now: datetime) -> Select[Any]:
    return select(export).where(export.c.ended < to_ms(now - KEPT), (export.c.file != "") | (export.c.filters != "{}"))


def _orders(connection: Connection, which: Select[Any]) -> list[Order]:
    return [_order(row) for row in connection.execute(which).mappings()]


def _differs(order: Order) -> bool:
    return bool(order.file) or filters.discreet(order.fields) != order.fields


def _forget(connection: Connection, which: Select[Any]) -> list[str]:
    orders = [order for order in _orders(connection, which) if _differs(order)]
    for order in orders:
        connection.execute(update(export).where(export.c.id == order.id).values(_forgotten(order)))
    return [order.file for order in orders if order.file]


def _forgotten(order: Order) -> dict[str, Any]:
    return {"file": "", "filters": msgspec.json.encode(filters.discreet(order.fields)).decode()}


def _order(row: RowMapping) -> Order:
    same = {name: row[name] for name in Order.__slots__ if name not in ("format", "fields", "state")}
    fields = msgspec.json.decode(row["filters"], type=dict[str, str])
    return Order(**same, format=Format(row["format"]), fields=fields, state=State(row["state"]))

"""Printing badges: for whom, on what, what was printed when, and the PDF, drawn apart so that no kiosk waits for it.

A print is a row of the trail with a random name: it holds which badges in which order, never a badge's text. Its file
is drawn when it is fetched, by whoever asked for it and for an hour.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from admission.errors import ConfigError, ThresholdError
from server import badges, directory, trail
from server.badges import Random, Selection
from server.cards import Card, draw_cards
from server.directory import STALE, UNPRINTED, Wanted
from server.layouts import LAYOUTS, Layout
from server.phrase import phrase
from server.store.instants import to_ms
from server.store.schema import badge, category, event, person, printed
from server.store.schema import trail as trail_table
from server.trail import Step, Who

MOST = 5_000
AT_ONCE = 12
"""So few cards are drawn where they are asked for; of more, a process of its own is worth its start."""
PATIENCE_S = 240
FETCHED_WITHIN = timedelta(hours=1)
PRINTED = "printed"
SPECIMEN = ("THRESHOLD SPECIMEN: NO BADGE. " * 5)[:122]
_drawing = threading.BoundedSemaphore(1)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be printed: these references, or everybody who is ``wanted``; on which of LAYOUTS."""

    layout: str
    wanted: Wanted
    refs: tuple[str, ...] = ()

    @property
    def replaces(self) -> bool:
        """Whether it is for badges that are out of date: they are revoked and made anew."""
        return not self.refs and self.wanted.badge == STALE


@dataclass(frozen=True, slots=True)
class Print:
    """A print that was ordered."""

    name: str
    at: int
    by: str
    layout: str
    serials: tuple[int, ...]


def layout_of(name: str) -> Layout:
    """The layout of that name. Raises ConfigError."""
    if name not in LAYOUTS:
        raise ConfigError(phrase("there is no card size {name!r}; choose one of the list", name=name))
    return LAYOUTS[name][1]


def references(text: str) -> tuple[str, ...]:
    """References as somebody types them: with spaces, commas or line breaks between."""
    words = text.replace("\0", " ").replace(",", " ").replace(";", " ").lower().split()
    return tuple(dict.fromkeys(words))


def people(connection: Connection, order: Order) -> list[dict[str, Any]]:
    """The people whose badges the order is for, by delegation and name. Raises ConfigError for an unknown reference."""
    query = select(person)
    if order.refs:
        _check(connection, order.refs)
        query = query.where(person.c.ref.in_(order.refs[:MOST]))
    else:
        query = query.where(*directory.conditions(order.wanted))
    ordered = query.order_by(func.lower(person.c.delegation), person.c.search).limit(MOST + 1)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def order(connection: Connection, asked: Order, act: tuple[Who, datetime, Random]) -> Print:
    """Notes that these badges are printed, issuing one to everybody who has none (and to those who are to be given
    another); the print to be fetched.

    Raises ConfigError if nobody is meant, or too many.
    """
    who, now, random = act
    layout_of(asked.layout)
    found = people(connection, asked)
    if not found:
        raise ConfigError(phrase("nobody is chosen; choose somebody to print badges for"))
    if len(found) > MOST:
        raise ConfigError(phrase("at most {most} badges are printed at once; choose fewer", most=MOST))
    whose = Selection([row["ref"] for row in found], reprint=asked.replaces, why="corrected")
    issued = badges.issue(connection, whose, now, random)
    live = select(badge.c.person, badge.c.serial).where(badge.c.revoked.is_(None)).order_by(badge.c.serial)
    newest = {row.person: row.serial for row in connection.execute(live)}
    serials = [newest[row["id"]] for row in found]
    at, name = to_ms(now), random(12).hex()
    rows = [{"serial": serial, "at": at, "by": who.name[:64], "what": PRINTED} for serial in serials]
    connection.execute(insert(printed), rows)
    facts = {"layout": asked.layout, "badges": serials, "issued": len(issued), "replaced": asked.replaces}
    trail.note(connection, who, at, PRINTED, "badges", name, facts)
    return Print(name, at, who.name, asked.layout, tuple(serials))


def find(connection: Connection, name: str, who: Who, now: datetime) -> Print | None:
    """The print of that name, if it is this user's and not older than an hour."""
    steps = trail.newest(connection, 1, about="badges", ref=name) if name.isalnum() else []
    if not steps or steps[0].by != who.name or steps[0].at < to_ms(now - FETCHED_WITHIN):
        return None
    return _print(steps[0])


def log(connection: Connection, limit: int, before: int | None = None) -> list[tuple[int, Print]]:
    """The newest prints, with the number of their row in the trail."""
    query = select(trail_table.c.id).where(trail_table.c.about == "badges", trail_table.c.what == PRINTED)
    query = query.where(trail_table.c.id < before) if before is not None else query
    numbers = connection.execute(query.order_by(trail_table.c.id.desc()).limit(limit)).scalars().all()
    if not numbers:
        return []
    steps = trail.newest(connection, limit, numbers[0] + 1, about="badges")
    return [(step.id, _print(step)) for step in steps if step.what == PRINTED]


def waiting(connection: Connection) -> int:
    """How many people have no badge that was printed."""
    where = directory.conditions(Wanted(badge=UNPRINTED))
    return int(connection.execute(select(func.count()).select_from(person).where(*where)).scalar_one())


def specimens(connection: Connection, asked: Order) -> list[Card]:
    """The first page of what an order would print, with a symbol that no gate takes for a badge."""
    few = people(connection, asked)[: layout_of(asked.layout).places]
    names = {row.code: (row.name, row.colour) for row in connection.execute(select(category))}
    held = select(badge.c.person, badge.c.serial).where(badge.c.revoked.is_(None))
    serials = dict(connection.execute(held.where(badge.c.person.in_([row["id"] for row in few]))).all())
    return [
        Card(
            SPECIMEN,
            row["name"],
            row["organisation"],
            row["delegation"],
            *names.get(row["category"], ("", "#777777")),
            serial=serials.get(row["id"], 0),
        )
        for row in few
    ]


def cards_of(connection: Connection, one: Print) -> tuple[list[Card], str]:
    """What is on the cards of a print, and the event's name."""
    name = str(connection.execute(select(event.c.name)).scalar_one())
    return badges.cards(connection, one.serials), name


def draw(cards: Sequence[Card], title: str, layout: str) -> bytes:
    """The PDF. Many cards are drawn by another process, one print at a time, after whatever the kiosks want.

    Raises CardError if a card cannot be drawn, ThresholdError if the process fails.
    """
    if len(cards) <= AT_ONCE:
        return _drawn(cards, title, layout)
    body = msgspec.json.encode(([msgspec.to_builtins(card) for card in cards], title, layout))
    if not _drawing.acquire(timeout=PATIENCE_S):
        raise ThresholdError(phrase("other badges are being drawn; try again in a minute"))
    try:
        command = [sys.executable, "-m", "server.printing"]
        done = subprocess.run(command, input=body, capture_output=True, timeout=PATIENCE_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise ThresholdError(phrase("drawing the badges took too long; print fewer at once")) from error
    finally:
        _drawing.release()
    if done.returncode != 0:
        raise ThresholdError(phrase("the badges could not be drawn; print fewer at once, or tell the admin"))
    return done.stdout


def _drawn(cards: Iterable[Card], title: str, layout: str) -> bytes:
    out = io.BytesIO()
    draw_cards(cards, out, title, layout_of(layout))
    return out.getvalue()


def _check(connection: Connection, refs: Sequence[str]) -> None:
    known = set(connection.execute(select(person.c.ref).where(person.c.ref.in_(refs[:MOST]))).scalars())
    unknown = [ref for ref in refs if ref not in known]
    if unknown:
        raise ConfigError(
            phrase(
                "no person has the reference {refs}; references are the first column of people",
                refs=", ".join(unknown[:10]),
            )
        )


def _print(step: Step) -> Print:
    return Print(step.ref, step.at, step.by, str(step.facts.get("layout", "")), tuple(step.facts.get("badges", ())))


def _draw_apart() -> None:
    """Draws what standard input asks for, to standard output, when nobody else wants the processor."""
    os.nice(10)
    cards, title, layout = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[list[Card], str, str])
    sys.stdout.buffer.write(_drawn(cards, title, layout))


if __name__ == "__main__":
    _draw_apart()

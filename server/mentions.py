"""Where people are named in what was written down: facts, reasons, notes, the trail; and how these names are cut.

A reference in facts and a full name anywhere become a mark that names nobody ("badge 17"). What somebody wrote about
a person in other words cannot be found. Knows nothing of passages or stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Connection, LargeBinary, Table, bindparam, cast, func, or_, select, update

from server.store.schema import act, badge, export, incident, incident_note, roll_call, trail

PART = 2000
FEW = 20
"""Up to so many people are looked for by the database; of more, every row is read."""

ABOUT = ("person", "people", "badge", "badges", "listing", "rights", "desk", "check-in")
"""What a trail row is about whose reference is a person's."""
KEYS = frozenset({"person", "people", "ref", "refs", "persons"})
"""Facts whose value is a person's reference, or a list of them."""
FACTS: Sequence[tuple[Table, str]] = ((act, "facts"), (incident, "facts"), (trail, "facts"), (export, "filters"))
TEXTS: Sequence[tuple[Table, str]] = (
    (act, "reason"),
    (act, "outcome"),
    (incident, "note"),
    (incident_note, "text"),
    (roll_call, "reason"),
    (badge, "revoked_why"),
)


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody to look for, and the mark that stands in their place."""

    ref: str
    name: str
    mark: str


@dataclass(frozen=True, slots=True)
class Found:
    """A row that names somebody: its table, column and key, and the text without the name."""

    table: str
    column: str
    key: int
    cut: str


class Scrubber:
    """Cuts these people's names out of texts and facts."""

    def __init__(self, people: Iterable[Named]) -> None:
        self._people = list(people)
        self._marks = {one.ref.casefold(): one.mark for one in self._people}
        names = [(one.name, one.mark) for one in self._people if one.name.strip()]
        refs = [(one.ref, one.mark) for one in self._people if _telling(one.ref)]
        folded = ((_fold(text)[0], mark) for text, mark in (*names, *refs))
        self._texts = [(text, _words(text), mark) for text, mark in folded if text.strip()]

    def text(self, said: str) -> str:
        """The text without full names, and without references that cannot be a common word or number; in whatever
        letters they were written, capital or small, with accents or without."""
        folded, starts = _fold(said)
        for plain, words, mark in self._texts:
            if plain in folded:
                for found in reversed(list(words.finditer(folded))):
                    said = said[: starts[found.start()]] + mark + said[starts[found.end()] :]
                folded, starts = _fold(said)
        return said

    def facts(self, facts: Any, key: str = "") -> Any:
        """The facts without names; references are cut where a key says that one stands there."""
        if isinstance(facts, Mapping):
            return {self._key(name): self.facts(value, str(name)) for name, value in facts.items()}
        if isinstance(facts, list):
            return [self.facts(value, key) for value in facts]
        if not isinstance(facts, str):
            return facts
        return self._marks.get(facts.casefold(), self.text(facts)) if key in KEYS else self.text(facts)

    def ref(self, ref: str) -> str:
        """A reference, or the mark in its place."""
        return self._marks.get(ref.casefold(), ref)

    def _key(self, name: object) -> str:
        return self.ref(str(name))

    def hints(self, column: Column[Any], octets: Any) -> ColumnElement[bool] | None:
        """A condition that every row holds which names one of them; None: read every row.

        SQLite folds no letter but those of ASCII: whatever row has another one, and so more ``octets`` than letters,
        is read."""
        if len(self._people) > FEW:
            return None
        texts = {_fold(text)[0] for one in self._people for text in (one.ref, one.name)}
        written = {form for text in texts if text.isascii() and text.strip() for form in (text, _quoted(text))}
        plain = (func.lower(column).contains(text, autoescape=True) for text in sorted(written))
        return or_(func.length(column) != octets, *plain)


def find(connection: Connection, scrubber: Scrubber) -> Iterator[Found]:
    """Every text and fact that names one of them, as it would be without."""
    for table, name in TEXTS:
        for key, said in _rows(connection, table, name, scrubber):
            cut = scrubber.text(said)
            if cut != said:
                yield Found(table.name, name, key, cut)
    for table, name in FACTS:
        for key, said in _rows(connection, table, name, scrubber):
            before = msgspec.json.decode(said or "{}")
            after = scrubber.facts(before)
            if after != before:
                yield Found(table.name, name, key, msgspec.json.encode(after).decode())


def cut(connection: Connection, scrubber: Scrubber, people: Sequence[Named]) -> int:
    """Cuts them out of all texts and facts, and out of the trail's references; the number of rows changed."""
    tables = {table.name: table for table, _ in (*TEXTS, *FACTS)}
    changed = 0
    for one in list(find(connection, scrubber)):
        table = tables[one.table]
        key = next(iter(table.primary_key.columns))
        connection.execute(update(table).where(key == one.key).values({one.column: one.cut}))
        changed += 1
    row = update(trail).where(trail.c.about == bindparam("thing"), trail.c.ref == bindparam("old"))
    if people:
        marks = [{"thing": thing, "old": one.ref, "new": one.mark} for one in people for thing in ABOUT]
        connection.execute(row.values(ref=bindparam("new")), marks)
    return changed


def _rows(connection: Connection, table: Table, name: str, scrubber: Scrubber) -> Iterator[tuple[int, str]]:
    """The rows that may name one of them, in parts."""
    column, key = table.c[name], next(iter(table.primary_key.columns))
    octets: Any = func.octet_length(column)
    if connection.dialect.name == "sqlite":  # it knows that function from 3.43 on
        octets = func.length(cast(column, LargeBinary))
    hints, last = scrubber.hints(column, octets), -1
    while True:
        query = select(key, column).where(key > last, column.is_not(None)).order_by(key).limit(PART)
        rows = connection.execute(query if hints is None else query.where(hints)).all()
        yield from ((row[0], row[1]) for row in rows if row[1])
        if len(rows) < PART:
            return
        last = rows[-1][0]


def _fold(text: str) -> tuple[str, Sequence[int]]:
    """The text in small letters without the accents of Latin, Greek and Cyrillic letters, which capitals often lack;
    and where in the text each of its letters begins, and the text ends."""
    if text.isascii():
        return text.lower(), range(len(text) + 1)
    letters: list[str] = []
    starts: list[int] = []
    for number, letter in enumerate(text):
        plain = letter.lower() if letter.isascii() else _plain(letter)
        letters.append(plain)
        starts += [number] * len(plain)
    return "".join(letters), [*starts, len(text)]


def _plain(letter: str) -> str:
    bare = "".join(one for one in unicodedata.normalize("NFKD", letter) if not "\u0300" <= one <= "\u036f")
    return unicodedata.normalize("NFC", bare).casefold().replace("\u0131", "i")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()[1:-1]


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")


def _telling(ref: str) -> bool:
    """Whether the reference can be taken for nothing else: "12" or "main" may mean a number or a room."""
    return len(ref) >= 4 and any(one.isdigit() for one in ref) and any(one.isalpha() for one in ref)

"""Importing, as pages of ``people``: upload, look at what will change, import exactly that."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import ngettext

from admission.venue import CATEGORIES
from server import columns, imports, trail, tray
from server.cells import line as csv_line
from server.columns import FILES
from server.directory import STALE
from server.imports import ImportRefused, Moved, Preview
from server.people import zone_numbers
from server.sheet import Problem
from server.store.instants import from_ms, to_ms
from server.store.schema import category
from server.wanted import Difference
from server.web.auth import ORGANISERS, only, who

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from server.web import Parts

LARGEST = 10_000_000
SHOWN, PROBLEMS = 40, 150
CALLED = {"outside": "from", "categories": "who", "slug": "category"}
HIDDEN = frozenset({"search", "search_of", "position", "code"})
Field = tuple[str, str, str]
INSTANTS = frozenset({"starts", "ends", "doors_open", "doors_close"})


def register(pages: Blueprint, parts: Parts) -> None:
    """/people/import: the one page that takes more than a megabyte."""

    @pages.url_value_preprocessor
    def _larger(endpoint: str | None, _values: object) -> None:
        if endpoint == "people.upload":
            request.max_content_length = LARGEST

    @pages.get("/people/import", endpoint="import_page")
    @only(ORGANISERS)
    def import_page() -> ResponseReturnValue:
        return _begin(parts, [])

    @pages.post("/people/import")
    @only(ORGANISERS)
    def upload() -> ResponseReturnValue:
        by, now, token = who(), parts.clock(), os.urandom(16).hex()
        given = [(one.filename or "", one.read()) for one in request.files.getlist("files") if one.filename]
        if not given:
            return _begin(parts, [], missing=True), 400
        files, problems = tray.sort(given, by, now)
        if problems:
            return _begin(parts, problems), 400

        def work(connection: Connection) -> None:
            tray.clear(connection, now)
            tray.put(connection, token, files)

        parts.store.write(work)
        return redirect(url_for("people.preview", token=token), 303)

    _look(pages, parts)


def _look(pages: Blueprint, parts: Parts) -> None:
    @pages.get("/people/import/<token>")
    @only(ORGANISERS)
    def preview(token: str) -> ResponseReturnValue:
        return _preview(parts, token)

    @pages.get("/people/import/<token>/changes.csv")
    @only(ORGANISERS)
    def changes(token: str) -> ResponseReturnValue:
        with parts.store.read() as connection:
            files = tray.find(connection, token, who(), parts.clock()) or abort(404)
            seen = imports.look(connection, files.raw)
            lines = list(_lines(seen, _Words(connection, seen, parts.current.get().event.zone)))
        by, at = who(), to_ms(parts.clock())
        parts.store.write(lambda c: trail.note(c, by, at, "downloaded", "import", token, {"rows": len(lines) - 1}))
        headers = {"Content-Disposition": "attachment; filename=import-changes.csv", "Cache-Control": "no-store"}
        return Response("\ufeff" + "".join(map(csv_line, lines)), mimetype="text/csv", headers=headers)

    @pages.post("/people/import/<token>")
    @only(ORGANISERS)
    def run(token: str) -> ResponseReturnValue:
        by, now, mark = who(), parts.clock(), request.form.get("mark", "")
        with parts.store.read() as connection:
            files = tray.find(connection, token, by, now) or abort(404)
        raw = files.raw

        def work(connection: Connection) -> imports.Imported:
            done = imports.run(connection, raw, os.urandom, mark)
            counts = {kind: [done.added[kind], done.changed[kind]] for kind in done.added}
            trail.note(connection, by, to_ms(now), "imported", "import", token, {"files": counts})
            tray.drop(connection, token)
            return done

        try:
            done = parts.store.write(work, patient=True)
        except (ImportRefused, Moved):
            return _preview(parts, token, moved=True), 409
        parts.hub.tell("news", "rooms")
        count = sum(done.added.values()) + sum(done.changed.values())
        flash(ngettext("Imported: %(num)s row.", "Imported: %(num)s rows.", count), "done")
        if done.reprint:
            flash(
                ngettext(
                    "%(num)s badge has to be printed again.",
                    "%(num)s badges have to be printed again.",
                    len(done.reprint),
                ),
                "warn",
            )
            return redirect(url_for("badges.index", badge=STALE), 303)
        return redirect(url_for("people.index"), 303)


def _begin(parts: Parts, problems: Sequence[Problem], *, missing: bool = False) -> str:
    kinds = columns.columns(parts.current.get().event.zone)
    return render_template(
        "import.html",
        active="people",
        kinds={kind: kinds[kind] for kind in FILES},
        problems=problems,
        missing=missing,
        megabytes=LARGEST // 1_000_000,
    )


def _preview(parts: Parts, token: str, *, moved: bool = False) -> str:
    with parts.store.read() as connection:
        files = tray.find(connection, token, who(), parts.clock()) or abort(404)
        seen = imports.look(connection, files.raw)
        words = _Words(connection, seen, parts.current.get().event.zone)
    return render_template(
        "import_preview.html",
        active="people",
        token=token,
        seen=seen,
        names=files.names,
        told=tray.told,
        problems=seen.problems[:PROBLEMS],
        moved=moved,
        shown=SHOWN,
        changed=words.changed,
        added=words.added,
    )


class _Words:
    """How cells of the tables are shown: as the files write them."""

    def __init__(self, connection: Connection, seen: Preview, zone: ZoneInfo) -> None:
        self._zone = zone
        self._slugs: dict[int, str] = {row.code: row.slug for row in connection.execute(category.select())}
        fresh = seen.files["categories"].added if "categories" in seen.files else {}
        self._slugs |= {row["code"]: row["slug"] for row in fresh.values()}

    def cell(self, name: str, value: Any) -> str:
        if value is None or value == "":
            return ""
        if name in INSTANTS:
            return f"{from_ms(value).astimezone(self._zone):%Y-%m-%d %H:%M}"
        if name == "category" and isinstance(value, int):
            return str(self._slugs.get(value, value))
        if name == "categories":
            return self._mask(value)
        if name == "zones":
            return " ".join(map(str, zone_numbers(value)))
        return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)

    def _mask(self, value: int) -> str:
        if value == (1 << CATEGORIES) - 1:
            return columns.EVERYONE
        return " ".join(slug for code, slug in sorted(self._slugs.items()) if value >> code & 1)

    def changed(self, one: Difference, most: int | None = None) -> Iterator[tuple[str, str, list[Field]]]:
        """(reference, name, fields) of changed rows; a field with what it was and will be."""
        for key, (was, now) in list(one.changed.items())[:most]:
            fields = [
                (CALLED.get(name, name), self.cell(name, was[name]), self.cell(name, now[name]))
                for name in now
                if name not in HIDDEN and was[name] != now[name]
            ]
            yield self._key(key, now), str(now.get("name", now.get("title", ""))), fields

    def added(self, one: Difference, most: int | None = None) -> Iterator[tuple[str, str, str]]:
        """(reference, name, the rest) of new rows."""
        for key, row in list(one.added.items())[:most]:
            rest = [self.cell(n, v) for n, v in row.items() if n not in (*HIDDEN, "name", "title", "id", "ref", "slug")]
            yield self._key(key, row), str(row.get("name", row.get("title", ""))), ", ".join(filter(None, rest))

    def _key(self, key: tuple[Any, ...], row: Mapping[str, Any]) -> str:
        return str(row["slug"]) if "slug" in row else " + ".join(map(str, key))


def _lines(seen: Preview, words: _Words) -> Iterator[list[str]]:
    yield ["file", "row", "what", "column", "is", "will be"]
    for kind, one in seen.files.items():
        for ref, name, _rest in words.added(one):
            yield [kind, ref, "new", "", "", name]
        for ref, _name, fields in words.changed(one):
            for column, was, now in fields:
                yield [kind, ref, "changed", column, was, now]
        for key in one.kept:
            yield [kind, " + ".join(map(str, key)), "kept, not in the file", "", "", ""]

"""People, for programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, RowMapping

from server import extracts, imports, trail
from server.api_keys import Scope
from server.imports import ImportRefused
from server.live import NEWS, ROOMS
from server.store.instants import to_ms
from server.trail import Who
from server.web.api.description import Answer, Call, Routes, Words
from server.web.api.doorman import Doorman, by, refuse
from server.web.api.rows import numbers_of, sheet_of
from server.web.api.shapes import Nothing, People, PeopleQuery, Person, PersonChange, Ref


def declare(routes: Routes, doorman: Doorman) -> None:
    """Adds the routes."""

    @routes.add("GET", "/people", Words(Scope.PEOPLE_READ, {200: People}, PeopleQuery))
    def list_people(call: Call[PeopleQuery]) -> Answer:
        """People, in the order of their references.

        Read on by giving `next` of an answer as `cursor`; it is null after the last.
        """
        q = call.query
        with call.parts.store.read() as connection:
            found = extracts.people(connection, q.q, q.delegation, q.category.lower(), q.cursor.lower(), q.limit + 1)
            badges = extracts.live_badges(connection, [row["id"] for row in found])
        doorman.note(call.key, "viewed", "people")
        shown = _people(found[: q.limit], badges)
        return People(shown, shown[-1].ref if len(found) > q.limit else None)

    @routes.add("GET", "/people/{ref}", Words(Scope.PEOPLE_READ, {200: Person}, path={"ref": Ref}))
    def get_person(call: Call[Nothing]) -> Answer:
        """One person, by reference."""
        doorman.note(call.key, "viewed", "people")
        return _one(call)

    words = Words(Scope.PEOPLE_WRITE, {200: Person, 201: Person}, body=PersonChange, path={"ref": Ref})

    @routes.add("PUT", "/people/{ref}", words)
    def put_person(call: Call[Nothing]) -> Answer:
        """Adds a person (201), or makes them what the body says (200).

        The same checks as of an import. Doors in reach greet a changed name within seconds; a badge whose category or
        zones have changed has to be printed again. The badge is told to keys that also have people:read.
        """
        ref, change = call.path["ref"].lower(), call.body
        cells = (change.name, change.organisation, change.delegation, change.category)
        zones = " ".join(map(str, sorted(set(change.zones))))
        sheet = sheet_of(
            "person name organisation delegation category zones language", ref, *cells, zones, change.language
        )
        who, now = by(call.key), to_ms(call.parts.clock())
        try:
            new = call.parts.store.write(lambda connection: _put(connection, ref, sheet, who, now))
        except ImportRefused as error:
            what = "; ".join(f"{one.column or 'body'}: {one.what}" for one in error.problems)
            raise refuse(400, what, "Correct it and send it again.") from error
        call.parts.hub.tell(NEWS, ROOMS)
        person = _one(call)
        if Scope.PEOPLE_READ not in call.key.scopes:
            person = msgspec.structs.replace(person, badge=msgspec.UNSET)
        return (201 if new else 200), person


def _put(connection: Connection, ref: str, sheet: bytes, who: Who, now: int) -> bool:
    """Imports the one row; whether the person is new."""
    done = imports.run(connection, {"people": sheet}, os.urandom)
    new = bool(done.added["people"])
    trail.note(connection, who, now, "added" if new else "changed", "person", ref, {"through": "API"})
    return new


def _one(call: Call[Nothing]) -> Person:
    ref = call.path["ref"].lower()
    with call.parts.store.read() as connection:
        row = extracts.one_person(connection, ref)
        if row is None:
            raise refuse(404, f"Nobody has the reference {ref!r}.", "Look for the name with GET /people?q=.")
        return _people([row], extracts.live_badges(connection, [row["id"]]))[0]


def _people(rows: Sequence[RowMapping], badges: Mapping[int, int]) -> list[Person]:
    return [
        Person(
            ref=row["ref"],
            name=row["name"],
            organisation=row["organisation"],
            delegation=row["delegation"],
            category=row["slug"],
            zones=numbers_of(row["zones"]),
            language=row["language"],
            badge=badges.get(row["id"]),
        )
        for row in rows
    ]

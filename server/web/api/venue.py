"""The event, its sessions and rooms, for programs."""

from __future__ import annotations

from typing import Any

from server import extracts
from server.api_keys import Scope
from server.web.api.description import Answer, Call, Routes, Words
from server.web.api.doorman import Doorman, refuse
from server.web.api.rows import instant, numbers_of
from server.web.api.shapes import (
    Attendance,
    Attendee,
    Event,
    Group,
    Nothing,
    Occupancy,
    Ref,
    Room,
    Session,
    Sessions,
    SessionsQuery,
)


def declare(routes: Routes, doorman: Doorman) -> None:
    """Adds the routes."""

    @routes.add("GET", "/event", Words(Scope.SESSIONS_READ, {200: Event}))
    def get_event(call: Call[Nothing]) -> Answer:
        """The event's name, zone and clock."""
        picture = call.parts.current.get()
        one, plan = picture.event, picture.programme
        now = call.parts.clock().astimezone(one.zone).replace(microsecond=0)
        return Event(one.name, one.number, str(one.zone), now, len(plan.sessions), len(plan.rooms))

    @routes.add("GET", "/sessions", Words(Scope.SESSIONS_READ, {200: Sessions}, SessionsQuery))
    def list_sessions(call: Call[SessionsQuery]) -> Answer:
        """All sessions, or those in one room, by when they start."""
        return Sessions(_sessions(call, of_room=call.query.room.lower()))

    @routes.add("GET", "/sessions/{id}", Words(Scope.SESSIONS_READ, {200: Session}, path={"id": Ref}))
    def get_session(call: Call[Nothing]) -> Answer:
        """One session."""
        return _session(call)

    @routes.add("GET", "/sessions/{id}/attendance", Words(Scope.SESSIONS_READ, {200: Attendance}, path={"id": Ref}))
    def get_attendance(call: Call[Nothing]) -> Answer:
        """Who came to a session: how many, of which delegations and categories.

        A key that also has people:read is given the people by name. Counts stay when names are cut.
        """
        one, zone = _session(call), call.parts.current.get().event.zone
        named = Scope.PEOPLE_READ in call.key.scopes
        with call.parts.store.read() as connection:
            people, inside = extracts.attended(connection, one.id)
            delegations, categories = extracts.groups(connection, one.id)
            rows = extracts.attendees(connection, one.id) if named else []
        if named:
            doorman.note(call.key, "viewed", "attendance")
        who = [
            Attendee(row["ref"], row["name"], row["organisation"], row["delegation"], instant(row["came"], zone))
            for row in rows
        ]
        groups = [[Group(name, many) for name, many in found.items()] for found in (delegations, categories)]
        return Attendance(one.id, people, inside, groups[0], groups[1], who if named else None)

    @routes.add("GET", "/occupancy", Words(Scope.OCCUPANCY_READ, {200: Occupancy}))
    def get_occupancy(call: Call[Nothing]) -> Answer:
        """How full every room is now, as the board shows it."""
        now = call.parts.clock().astimezone(call.parts.current.get().event.zone)
        rooms: Any = call.parts.boards.look()["rooms"]
        return Occupancy(now.replace(microsecond=0), [_room(one) for one in rooms])


def _session(call: Call[Nothing]) -> Session:
    wanted = call.path["id"].lower()
    found = _sessions(call, number=wanted)
    if not found:
        raise refuse(404, f"There is no session {wanted!r}.", "GET /sessions lists them.")
    return found[0]


def _sessions(call: Call[Any], **which: str) -> list[Session]:
    zone = call.parts.current.get().event.zone
    with call.parts.store.read() as connection:
        rows, slugs = extracts.sessions(connection, **which), sorted(extracts.categories(connection).items())
    return [
        Session(
            id=row["id"],
            title=row["title"],
            theme=row["theme"],
            room=row["room"],
            starts=instant(row["starts"], zone),
            ends=instant(row["ends"], zone),
            doors_open=instant(row["doors_open"], zone),
            doors_close=instant(row["doors_close"], zone),
            capacity=row["capacity"],
            categories=[slug for code, slug in slugs if row["categories"] >> code & 1],
            zones=numbers_of(row["zones"]),
            invited=row["invited"],
        )
        for row in rows
    ]


def _room(one: dict[str, Any]) -> Room:
    return Room(
        id=one["id"],
        name=one["name"],
        inside=one["inside"],
        possible=one["possible"],
        capacity=one["capacity"],
        limit=one["limit"],
        level=one["level"],
        free=one["seats"]["free"] if one["seats"] else None,
        held=one["hold"] is not None,
        came_5_min=one["in_5"],
        went_5_min=one["out_5"],
    )

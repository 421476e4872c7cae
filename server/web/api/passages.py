"""The log, for programs that follow it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping

from server import extracts
from server.api_keys import Scope
from server.extracts import Wanted
from server.store.instants import to_ms
from server.web.api.description import Answer, Call, Routes, Words
from server.web.api.doorman import Doorman, Turned, refuse
from server.web.api.rows import instant
from server.web.api.shapes import Passage, Passages, PassagesQuery, Problem, Who


def declare(routes: Routes, doorman: Doorman) -> None:
    """Adds the route."""

    @routes.add("GET", "/passages", Words(Scope.PASSAGES_READ, {200: Passages}, PassagesQuery))
    def list_passages(call: Call[PassagesQuery]) -> Answer:
        """Passages in the order in which the server learned of them.

        To follow the log, ask again with `next` of the last answer as `after`; while `more` is true, at once. No
        passage is passed over: one that a kiosk kept while it was cut off gets a newer number when it arrives, with
        the time at which it happened. Names are given to keys that also have people:read; once names are cut, or a
        person is erased, `person` is null and everything else stays.
        """
        q, zone = call.query, call.parts.current.get().event.zone
        named = Scope.PEOPLE_READ in call.key.scopes
        if q.person and not named:
            what = "To look for a person the key needs the scope people:read."
            raise Turned(403, Problem("Not with this key", what, "Ask an admin for a key that has it."))
        wanted = Wanted(
            session=q.session.lower(),
            gate=q.gate.lower(),
            room=q.room.lower(),
            kiosk=q.kiosk,
            kind=q.kind,
            verdict=q.verdict,
            person=q.person.lower(),
            since=_ms(q.since),
            until=_ms(q.until),
        )
        with call.parts.store.read() as connection:
            rows, more = extracts.passages(connection, wanted, q.after, q.limit, to_ms(call.parts.clock()))
        doorman.note(call.key, "viewed", "log")
        return Passages([_passage(row, zone, named=named) for row in rows], rows[-1]["id"] if rows else q.after, more)


def _ms(at: datetime | None) -> int | None:
    """Milliseconds since 1970."""
    try:
        return None if at is None else to_ms(at)
    except OverflowError as error:
        raise refuse(400, "A time is outside of what can be.", "Write it like 2026-11-23T10:00:00+01:00.") from error


def _passage(row: RowMapping, zone: ZoneInfo, *, named: bool) -> Passage:
    who = None if row["ref"] is None else Who(row["ref"])
    if named and row["ref"] is not None:
        who = Who(row["ref"], row["name"], row["organisation"], row["delegation"])
    return Passage(
        id=row["id"],
        at=instant(row["at"], zone),
        uncertainty_ms=row["uncertainty_ms"],
        received=instant(row["received"], zone),
        kind=row["kind"],
        reason=row["why"],
        verdict=row["verdict"],
        flags=row["flags"].split(),
        badge=row["badge"] >> 32 or None,
        person=who,
        session=row["session"],
        gate=row["gate"],
        room=row["room"],
        kiosk=row["device"],
        count=row["count"],
        steward=row["by"] >> 32 or None,
    )

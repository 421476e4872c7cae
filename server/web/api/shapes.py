"""What the API says and hears: one struct for every answer and every set of parameters. The document of the API is
made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

MOST = 2**63 - 1
NO_NUL = "^[^\\u0000]*$"

Ref = Annotated[
    str,
    Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64, description="A reference, as in the imported files."),
]
Text = Annotated[str, Meta(pattern=NO_NUL, max_length=200)]
OptionalRef = Annotated[str, Meta(pattern="^([A-Za-z0-9][A-Za-z0-9._-]*)?$", max_length=64)]
Line = Annotated[str, Meta(pattern="^[^\\u0000-\\u001f\\u007f-\\u009f]*$", max_length=200)]
Zone = Annotated[int, Meta(ge=1, le=12)]
Instant = Annotated[datetime, Meta(tz=True)]


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, in the one shape of all errors."""

    error: Annotated[str, Meta(description="In two words.")]
    what: Annotated[str, Meta(description="What was wrong.")]
    do: Annotated[str, Meta(description="What to do about it.")]


class Event(msgspec.Struct, frozen=True):
    """The event, and the server's clock."""

    name: str
    number: Annotated[int, Meta(description="The event's number, which its badges carry.")]
    timezone: Annotated[str, Meta(description="The venue's zone; all times are given in it.")]
    now: Instant
    sessions: int
    rooms: int


class Person(msgspec.Struct, frozen=True):
    """Somebody who is invited."""

    ref: str
    name: str
    organisation: str
    delegation: str
    category: Annotated[str, Meta(description="The category's reference.")]
    zones: Annotated[list[int], Meta(description="The zones that the person may enter.")]
    language: str
    badge: Annotated[
        int | UnsetType | None,
        Meta(description="The serial of the badge that opens doors; null without one. Told with people:read only."),
    ] = UNSET


class People(msgspec.Struct, frozen=True):
    """Some people, in the order of their references."""

    people: list[Person]
    next: Annotated[str | None, Meta(description="Give it as cursor for the next people; null after the last.")]


class PeopleQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which people."""

    q: Annotated[Text, Meta(description="Words in names, references, organisations or delegations.")] = ""
    delegation: Annotated[Text, Meta(description="Exactly this delegation.")] = ""
    category: Annotated[OptionalRef, Meta(description="The category's reference.")] = ""
    cursor: Annotated[OptionalRef, Meta(description="Begin after this: next of the answer before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=500, description="So many at most.")] = 100


class PersonChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody as they shall be; what is left out is emptied."""

    name: Annotated[Line, Meta(min_length=1)]
    category: Ref
    organisation: Line = ""
    delegation: Line = ""
    zones: Annotated[list[Zone], Meta(max_length=12)] = []
    language: Annotated[str, Meta(pattern="^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?$", max_length=35)] = ""


class Session(msgspec.Struct, frozen=True):
    """A session of the programme."""

    id: str
    title: str
    theme: str
    room: str
    starts: Instant
    ends: Instant
    doors_open: Instant
    doors_close: Instant
    capacity: int | None
    categories: Annotated[list[str], Meta(description="Who may come without being on a list.")]
    zones: Annotated[list[int], Meta(description="Zones that a badge needs.")]
    invited: Annotated[bool, Meta(description="Only who is on its list may come.")]


class Sessions(msgspec.Struct, frozen=True):
    """The sessions by when they start."""

    sessions: list[Session]


class SessionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which sessions."""

    room: Annotated[OptionalRef, Meta(description="Only those in this room.")] = ""


class Group(msgspec.Struct, frozen=True):
    """Some of those who attended."""

    name: str
    people: int


class Attendee(msgspec.Struct, frozen=True):
    """Somebody who attended."""

    ref: str
    name: str
    organisation: str
    delegation: str
    came: Annotated[Instant, Meta(description="When they came in first.")]


class Attendance(msgspec.Struct, frozen=True):
    """Who came to a session, each person once."""

    session: str
    people: int
    inside: Annotated[int, Meta(description="Of these, still inside.")]
    delegations: list[Group]
    categories: list[Group]
    attendees: Annotated[
        list[Attendee] | None, Meta(description="By name; null for a key without people:read, or once names are cut.")
    ]


class Room(msgspec.Struct, frozen=True):
    """A room as the board shows it."""

    id: str
    name: str
    inside: Annotated[int, Meta(description="Bodies that are known to be inside.")]
    possible: Annotated[int, Meta(description="Bodies that may be inside, by kiosks that are not in reach.")]
    capacity: Annotated[int | None, Meta(description="Bodies that may be inside now; null: not limited.")]
    limit: Annotated[int | None, Meta(description="The legal limit.")]
    level: Annotated[str, Meta(description="calm, near, tight, full or over; by the possible bodies.")]
    free: Annotated[int | None, Meta(description="Seats that nobody holds; null where none are counted.")]
    held: Annotated[bool, Meta(description="Entries are held by a supervisor.")]
    came_5_min: int
    went_5_min: int


class Occupancy(msgspec.Struct, frozen=True):
    """Every room as of one moment."""

    at: Instant
    rooms: list[Room]


class Who(msgspec.Struct, frozen=True):
    """Whose passage it is. Names are for keys with people:read."""

    ref: str
    name: str | None = None
    organisation: str | None = None
    delegation: str | None = None


class Passage(msgspec.Struct, frozen=True):
    """One line of the log."""

    id: Annotated[int, Meta(description="Rises in the order in which the server learned of it.")]
    at: Instant
    uncertainty_ms: int
    received: Instant
    kind: Annotated[str, Meta(description="entry, exit, refused, forced or annulled.")]
    reason: str
    verdict: str
    flags: list[str]
    badge: Annotated[int | None, Meta(description="The badge's serial; null for somebody without one.")]
    person: Who | None
    session: str
    gate: str
    room: str
    kiosk: str
    count: Annotated[int, Meta(description="Bodies, or refusals that were put together.")]
    steward: Annotated[int | None, Meta(description="The serial of the badge of the steward who let them in.")]


class Passages(msgspec.Struct, frozen=True):
    """Passages in the order of their numbers."""

    passages: list[Passage]
    next: Annotated[int, Meta(description="Give it as after, now or later, to go on from here.")]
    more: Annotated[bool, Meta(description="Whether there are more already.")]


class PassagesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which passages."""

    after: Annotated[int, Meta(ge=0, le=MOST, description="Begin after this number; 0 begins at the first.")] = 0
    limit: Annotated[int, Meta(ge=1, le=1000, description="So many at most.")] = 100
    session: Annotated[OptionalRef, Meta(description="The session's reference.")] = ""
    gate: Annotated[OptionalRef, Meta(description="The gate's reference.")] = ""
    room: Annotated[OptionalRef, Meta(description="The room's reference.")] = ""
    kiosk: Annotated[OptionalRef, Meta(description="The kiosk's name.")] = ""
    kind: Annotated[OptionalRef, Meta(description="entry, exit, refused, forced or annulled.")] = ""
    verdict: Annotated[OptionalRef, Meta(description="The server's verdict, like duplicate_entry.")] = ""
    person: Annotated[OptionalRef, Meta(description="The person's reference; needs people:read.")] = ""
    since: Annotated[Instant | None, Meta(description="From this time on.")] = None
    until: Annotated[Instant | None, Meta(description="Before this time.")] = None


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""

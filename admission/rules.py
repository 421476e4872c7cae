"""Who may pass: the only home of refusals.

``decide`` is pure and is the same function on every kiosk and on the server. The order of its checks is the order
in which a reason is useful to the person who stands there: not ours, forged, too early or expired, revoked, no
session or doors closed, not on the list, already inside, held or closed, no place left for the delegation, full.

Knows nothing of cameras, databases or the network: whatever is known of the holder comes in as a :class:`Known`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from admission.badge import BadBadge, Badge, EventKeys
from admission.venue import Direction, Session

CHANGEOVER = timedelta(minutes=10)


class Why(StrEnum):
    """The reasons to refuse."""

    NOT_OURS = "not_ours"
    DAMAGED = "damaged"
    FORGED = "forged"
    TOO_EARLY = "too_early"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NO_SESSION = "no_session"
    DOORS_CLOSED = "doors_closed"
    NOT_LISTED = "not_listed"
    ASK_LIST = "ask_list"
    DELEGATION_FULL = "delegation_full"
    INSIDE_ALREADY = "inside_already"
    HELD = "held"
    FULL = "full"
    NO_SEATS = "no_seats"


class Flag(StrEnum):
    """What is unusual about an admission; each is a reason for somebody to look later."""

    INSIDE_SOFT = "inside_soft"
    NO_CLOCK = "no_clock"
    NEWER_THAN_LIST = "newer_than_list"


class Listing(StrEnum):
    """What a session's list says of a badge. NEWER: the serial is above the highest that this list knows."""

    SILENT = "silent"
    YES = "yes"
    NO = "no"
    NEWER = "newer"


class Presence(StrEnum):
    """Whether the holder is in the room. HARD: every gate of the room has said so lately, or this kiosk saw it."""

    OUTSIDE = "outside"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Seats:
    """The seats that this kiosk can spend, whether the server has said that the room has none left, and whether a
    supervisor holds entries."""

    balance: int
    room_full: bool
    held: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the holder of a badge: revoked or not, where, and what the session lists say of the badge.
    ``used_up``: the sessions for which the holder's delegation has no place left, as far as the server was in reach."""

    revoked: bool
    presence: Presence
    listing: Callable[[Session], Listing]
    used_up: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Doorway:
    """Where and when: the gate's direction, the room's sessions in order (empty: a room open to every badge), the
    instant (None: no clock anchored in this boot), the session that was served last, and whether a supervisor has
    closed the room to a category."""

    direction: Direction
    sessions: Sequence[Session]
    now: datetime | None
    last_served: Session | None = None
    closed_to: Callable[[int], bool] = lambda _category: False


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in: spends a seat where the room has an account."""

    session: Session | None
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class LetOut:
    """Let out: never refused. ``recorded`` is False for a code that is no badge: it opens and proves nothing."""

    session: Session | None
    recorded: bool = True
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class Refused:
    """Not let in, and why."""

    why: Why
    session: Session | None = None


Verdict = Admitted | LetOut | Refused


def decide(badge: Badge | BadBadge, keys: EventKeys, known: Known, doorway: Doorway, seats: Seats | None) -> Verdict:
    """The verdict on one presentation. ``seats`` None: the room has no account, nobody is counted out.

    Promise: an exit is never refused; without a clock no window refuses; a pure function of its arguments.
    """
    leaving = doorway.direction is Direction.OUT or (
        doorway.direction is Direction.BOTH and known.presence is not Presence.OUTSIDE
    )
    if isinstance(badge, BadBadge):
        if doorway.direction is Direction.OUT:
            return LetOut(None, recorded=False)
        return Refused(Why(badge.why))
    if leaving:
        return LetOut(_running(doorway), flags=_clock_flags(doorway))
    why = _badge_refusal(badge, keys, known, doorway.now)
    if why is not None:
        return Refused(why)
    session, why = choose_session(badge, known, doorway)
    if why is not None:
        return Refused(why, session)
    why = _room_refusal(badge, known, doorway, seats, session)
    if why is not None:
        return Refused(why, session)
    return Admitted(session, _flags(known, doorway, session))


def choose_session(badge: Badge, known: Known, doorway: Doorway) -> tuple[Session | None, Why | None]:
    """The session that the gate serves this badge, and why it may not come, if it may not.

    At a changeover the one that the badge is entitled to; if both, the next once the running one has at most ten
    minutes left. Without a clock the session served last stays open.
    """
    if not doorway.sessions:
        return None, None
    admitting = _admitting(doorway)
    if not admitting:
        return _nothing_open(doorway)
    entitled = [one for one in admitting if entitlement(badge, one, known.listing(one)) is None]
    if not entitled:
        first = admitting[0]
        return first, entitlement(badge, first, known.listing(first))
    if len(entitled) > 1 and doorway.now is not None and entitled[0].ends - doorway.now <= CHANGEOVER:
        return entitled[1], None
    return entitled[0], None


def entitlement(badge: Badge, session: Session, listing: Listing) -> Why | None:
    """None if the badge may come to the session, otherwise why not.

    The list decides before the category. A badge newer than the list is judged by its category; where only the list
    decides, a steward is asked: never "not on the list" for somebody whom the list could not know.
    """
    if listing is Listing.YES:
        return None
    if listing is Listing.NO:
        return Why.NOT_LISTED
    if session.invited:
        return Why.ASK_LIST if listing is Listing.NEWER else Why.NOT_LISTED
    in_category = bool(session.categories >> badge.category & 1)
    in_zones = badge.zones & session.zones == session.zones
    return None if in_category and in_zones else Why.NOT_LISTED


def _badge_refusal(badge: Badge, keys: EventKeys, known: Known, now: datetime | None) -> Why | None:
    start, end = keys.window(badge)
    if now is not None and now < start:
        return Why.TOO_EARLY
    if now is not None and end is not None and now >= end:
        return Why.EXPIRED
    return Why.REVOKED if known.revoked else None


def _room_refusal(
    badge: Badge, known: Known, doorway: Doorway, seats: Seats | None, session: Session | None
) -> Why | None:
    if known.presence is Presence.HARD:
        return Why.INSIDE_ALREADY
    if doorway.closed_to(badge.category) or (seats is not None and seats.held):
        return Why.HELD
    if session is not None and session.id in known.used_up:
        return Why.DELEGATION_FULL
    if seats is not None and seats.balance < 1:
        return Why.FULL if seats.room_full else Why.NO_SEATS
    return None


def _admitting(doorway: Doorway) -> list[Session]:
    now = doorway.now
    if now is None:
        return [doorway.last_served or doorway.sessions[0]]
    return [one for one in doorway.sessions if one.admits_at(now)]


def _nothing_open(doorway: Doorway) -> tuple[Session | None, Why]:
    running = _running(doorway)
    return (running, Why.DOORS_CLOSED) if running else (None, Why.NO_SESSION)


def _running(doorway: Doorway) -> Session | None:
    now = doorway.now
    if now is None:
        return doorway.last_served
    return next((one for one in doorway.sessions if one.starts <= now < one.ends), None)


def _clock_flags(doorway: Doorway) -> frozenset[Flag]:
    return frozenset({Flag.NO_CLOCK}) if doorway.now is None else frozenset()


def _flags(known: Known, doorway: Doorway, session: Session | None) -> frozenset[Flag]:
    flags = set(_clock_flags(doorway))
    if known.presence is Presence.SOFT:
        flags.add(Flag.INSIDE_SOFT)
    if session is not None and known.listing(session) is Listing.NEWER:
        flags.add(Flag.NEWER_THAN_LIST)
    return frozenset(flags)

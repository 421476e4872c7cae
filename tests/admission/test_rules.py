"""Who may pass: each refusal, their order, and what no circumstance may refuse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from admission.badge import BadBadge, Badge, BadgeId, EventKeys, Flaw
from admission.rules import (
    Admitted,
    Doorway,
    Flag,
    Known,
    LetOut,
    Listing,
    Presence,
    Refused,
    Seats,
    Why,
    decide,
)
from admission.venue import Direction, RoomId, Session, SessionId

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEYS = EventKeys(7, NOW - timedelta(hours=5), {0: Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key()})
BADGE = Badge(7, 0, BadgeId(5 << 32), category=1, zones=0, not_before=0, hours=0)
SEATS = Seats(balance=3, room_full=False)


def session(
    name: str = "talk", *, start: int = -30, end: int = 60, categories: int = 2, invited: bool = False
) -> Session:
    """A session from ``start`` to ``end`` minutes from now, for category 1 by default."""
    begins, ends = NOW + timedelta(minutes=start), NOW + timedelta(minutes=end)
    opens = begins - timedelta(minutes=30)
    return Session(
        SessionId(name), name, RoomId("hall"), begins, ends, opens, ends, None, 0 if invited else categories, 0, invited
    )


def known(presence: Presence = Presence.OUTSIDE, *, revoked: bool = False, listing: Listing = Listing.SILENT) -> Known:
    """What is known of the holder."""
    return Known(revoked, presence, lambda _session: listing)


def door(*sessions: Session, direction: Direction = Direction.IN, now: datetime | None = NOW) -> Doorway:
    """A gate into a room with these sessions."""
    return Doorway(direction, sessions, now)


def test_a_badge_that_may_come_is_admitted_to_the_session() -> None:
    talk = session()
    assert decide(BADGE, KEYS, known(), door(talk), SEATS) == Admitted(talk)


def test_a_room_without_sessions_is_open_to_every_badge() -> None:
    assert decide(BADGE, KEYS, known(), door(), None) == Admitted(None)


@pytest.mark.parametrize("flaw", list(Flaw))
def test_what_is_no_badge_is_refused_with_its_flaw(flaw: Flaw) -> None:
    assert decide(BadBadge(flaw), KEYS, known(), door(session()), SEATS) == Refused(Why(flaw.value))


def test_the_reasons_come_in_the_order_in_which_they_help() -> None:
    """One by one, the causes of refusal are taken away; each uncovers the next."""
    late = replace(BADGE, not_before=9)
    bad = known(Presence.HARD, revoked=True, listing=Listing.NO)
    closed = door(session(start=120, end=180))
    empty = Seats(0, room_full=False)
    assert decide(late, KEYS, bad, closed, empty) == Refused(Why.TOO_EARLY)
    assert decide(BADGE, KEYS, bad, closed, empty) == Refused(Why.REVOKED)
    barred = known(Presence.HARD, listing=Listing.NO)
    assert decide(BADGE, KEYS, barred, closed, empty) == Refused(Why.NO_SESSION)
    talk = session()
    assert decide(BADGE, KEYS, barred, door(talk), empty) == Refused(Why.NOT_LISTED, talk)
    assert decide(BADGE, KEYS, known(Presence.HARD), door(talk), empty) == Refused(Why.INSIDE_ALREADY, talk)
    assert decide(BADGE, KEYS, known(), door(talk), empty) == Refused(Why.NO_SEATS, talk)
    assert decide(BADGE, KEYS, known(), door(talk), Seats(0, room_full=True)) == Refused(Why.FULL, talk)
    assert decide(BADGE, KEYS, known(), door(talk), SEATS) == Admitted(talk)


def test_a_badge_whose_hours_are_over_is_expired() -> None:
    assert decide(replace(BADGE, hours=5), KEYS, known(), door(session()), SEATS) == Refused(Why.EXPIRED)


def test_closed_doors_of_a_running_session_are_told_apart_from_no_session() -> None:
    talk = session()
    shut = Session(
        **{f: getattr(talk, f) for f in talk.__struct_fields__} | {"doors_close": NOW - timedelta(minutes=1)}
    )
    assert decide(BADGE, KEYS, known(), door(shut), SEATS) == Refused(Why.DOORS_CLOSED, shut)


def test_a_list_decides_before_the_category() -> None:
    talk = session(categories=0)
    assert decide(BADGE, KEYS, known(listing=Listing.YES), door(talk), SEATS) == Admitted(talk)
    assert decide(BADGE, KEYS, known(), door(talk), SEATS) == Refused(Why.NOT_LISTED, talk)


def test_a_badge_newer_than_the_list_is_never_told_that_it_is_not_on_it() -> None:
    dinner = session(invited=True)
    newer = known(listing=Listing.NEWER)
    assert decide(BADGE, KEYS, newer, door(dinner), SEATS) == Refused(Why.ASK_LIST, dinner)
    talk = session()
    assert decide(BADGE, KEYS, newer, door(talk), SEATS) == Admitted(talk, frozenset({Flag.NEWER_THAN_LIST}))


def test_zones_that_a_session_asks_for_must_all_be_on_the_badge() -> None:
    talk = session()
    zoned = Session(**{f: getattr(talk, f) for f in talk.__struct_fields__} | {"zones": 0b101})
    assert decide(replace(BADGE, zones=0b001), KEYS, known(), door(zoned), SEATS) == Refused(Why.NOT_LISTED, zoned)
    assert decide(replace(BADGE, zones=0b111), KEYS, known(), door(zoned), SEATS) == Admitted(zoned)


def test_soft_presence_admits_and_flags() -> None:
    talk = session()
    verdict = decide(BADGE, KEYS, known(Presence.SOFT), door(talk), SEATS)
    assert verdict == Admitted(talk, frozenset({Flag.INSIDE_SOFT}))


@pytest.mark.parametrize(("left", "serves"), [(15, "running"), (10, "next"), (5, "next")])
def test_at_a_changeover_the_next_session_is_served_from_ten_minutes_before_the_end(left: int, serves: str) -> None:
    running, following = session("running", end=left), session("next", start=20, end=80)
    verdict = decide(BADGE, KEYS, known(), door(running, following), SEATS)
    assert isinstance(verdict, Admitted)
    assert verdict.session is not None
    assert verdict.session.id == serves


def test_at_a_changeover_the_session_that_the_badge_may_enter_is_served() -> None:
    running, following = session("running", end=25, categories=4), session("next", start=20, end=80)
    assert decide(BADGE, KEYS, known(), door(running, following), SEATS) == Admitted(following)


def test_without_a_clock_no_window_refuses_and_the_last_session_stays_open() -> None:
    over, unborn = session("over", start=-300, end=-200), replace(BADGE, not_before=60000)
    doorway = Doorway(Direction.IN, (over, session("later", start=500, end=600)), None, last_served=over)
    assert decide(unborn, KEYS, known(), doorway, SEATS) == Admitted(over, frozenset({Flag.NO_CLOCK}))


def test_a_two_way_gate_lets_out_whoever_is_inside_and_in_whoever_is_not() -> None:
    talk = session()
    both = door(talk, direction=Direction.BOTH)
    assert decide(BADGE, KEYS, known(Presence.HARD), both, Seats(0, room_full=True)) == LetOut(talk)
    assert decide(BADGE, KEYS, known(Presence.SOFT), both, SEATS) == LetOut(talk)
    assert decide(BADGE, KEYS, known(), both, SEATS) == Admitted(talk)


@given(
    presence=st.sampled_from(Presence),
    revoked=st.booleans(),
    listing=st.sampled_from(Listing),
    now=st.none() | st.integers(-5000, 5000),
    balance=st.integers(0, 2),
    hours=st.integers(0, 255),
    sessions=st.booleans(),
)
def test_an_exit_is_never_refused(
    presence: Presence, revoked: bool, listing: Listing, now: int | None, balance: int, hours: int, sessions: bool
) -> None:
    instant = None if now is None else NOW + timedelta(minutes=now)
    doorway = door(*([session()] if sessions else []), direction=Direction.OUT, now=instant)
    what = known(presence, revoked=revoked, listing=listing)
    assert isinstance(decide(replace(BADGE, hours=hours), KEYS, what, doorway, Seats(balance, True)), LetOut)


@pytest.mark.parametrize("flaw", list(Flaw))
def test_an_exit_opens_even_for_what_is_no_badge_and_records_nothing(flaw: Flaw) -> None:
    way_out = door(session(), direction=Direction.OUT)
    assert decide(BadBadge(flaw), KEYS, known(), way_out, None) == LetOut(None, recorded=False)

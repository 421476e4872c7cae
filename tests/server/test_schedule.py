"""Editing the programme, and finding what clashes in it: on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, func, insert, select, update

from admission.errors import ConfigError
from server import event, programme, reach, trail
from server.reach import Has
from server.schedule import editing, facts, findings, history, lists, reading, things
from server.schedule.editing import Edit
from server.schedule.findings import Finding, Level
from server.schedule.things import CATEGORY, GATE, ROOM, SESSION, Cells, Changed, Hurts, Missing, Wrong
from server.store import schema, versions
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import from_ms, to_ms
from server.trail import Who
from tests.pages import Site
from tests.world import ZONE, make_world

Either = SqliteStore | PostgresStore
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ME = Who("organiser", "10.0.0.1")
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def venue(store: Either) -> Either:
    """The small venue, on each kind of database."""
    store.write(lambda connection: make_world(connection, NOW, kiosks=("hall-a", "hall-b", "hall-out", "club-door")))
    return store


@pytest.fixture
def small(sqlite_store: Either) -> Either:
    """The same on SQLite alone."""
    sqlite_store.write(lambda connection: make_world(connection, NOW))
    return sqlite_store


def cells(store: Either, kind: things.Kind, ref: str) -> tuple[Cells, str]:
    """What a form shows, and its mark."""
    with store.read() as connection:
        row = things.find(connection, kind, ref)
        return things.cells(connection, kind, row, ZoneInfo(ZONE)), things.mark(row)


def change(store: Either, kind: things.Kind, ref: str, *, sure: str = "", mark: str = "", **typed: str) -> bool:
    """Changes these fields as somebody does who has just opened the form."""
    shown, seen = cells(store, kind, ref)
    edit = Edit(kind, shown | typed, mark or seen, sure)
    return store.write(lambda connection: editing.change(connection, ref, edit, ME, NOW))


def make(store: Either, kind: things.Kind, **typed: str) -> str:
    return store.write(lambda connection: editing.make(connection, Edit(kind, typed), ME, NOW))


def found(store: Either, now: datetime = NOW) -> list[Finding]:
    with store.read() as connection:
        return findings.find(facts.read(connection, event.read(connection)), now)


def said(store: Either, now: datetime = NOW) -> str:
    return "\n".join(f"{one.level.name} {one.what}" for one in found(store, now))


def version(store: Either, name: str = versions.PROGRAMME) -> int:
    with store.read() as connection:
        return versions.current(connection, name)


def talk(**other: str) -> dict[str, str]:
    """A new session in the hall, long after the others."""
    typed = {"title": "Late talk", "room": "hall", "starts": "2026-11-24T10:00", "ends": "2026-11-24T11:00"}
    return typed | {"who": "everyone"} | other


def people_inside(connection: Connection, session: str, room: str, many: int) -> None:
    """Lets that many badges be inside for the session."""
    serials = connection.execute(
        select(schema.badge.c.serial, schema.badge.c.person).order_by(schema.badge.c.serial).limit(many)
    ).all()
    rows = [
        {"room": room, "holder": one.person, "serial": one.serial, "session": session, "opened": to_ms(NOW)}
        for one in serials
    ]
    connection.execute(insert(schema.stay), [row | {"duplicate": False} for row in rows])


# ---- making and changing ----


def test_a_session_that_is_made_is_in_the_programme_the_trail_and_the_next_version(venue: Either) -> None:
    before = version(venue)
    ref = make(venue, SESSION, **talk(theme="Trust", capacity="40", zones="1 3", who="delegate press", doors_open="15"))
    assert ref == "late-talk"
    with venue.read() as connection:
        row = things.find(connection, SESSION, ref)
        step = trail.newest(connection, 1, about="session", ref=ref)[0]
    assert (row["capacity"], row["zones"], row["categories"], row["invited"]) == (40, 0b101, 0b11, False)
    assert from_ms(row["starts"]) == datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo(ZONE))
    assert from_ms(row["doors_open"]) == from_ms(row["starts"]) - timedelta(minutes=15)
    assert row["doors_close"] == row["ends"]
    assert (step.by, step.what, step.facts["capacity"]) == ("organiser", "made", [None, "40"])
    assert version(venue) == before + 1


def test_what_a_form_shows_is_saved_as_it_was(small: Either) -> None:
    for ref in ("keynote", "panel", "talks", "dinner"):
        assert not change(small, SESSION, ref), f"{ref} came out of its own form as something else"
    for kind, ref in ((ROOM, "salon"), (GATE, "venue-door"), (CATEGORY, "press")):
        assert not change(small, kind, ref)


def test_a_change_is_written_once_with_old_and_new(small: Either) -> None:
    before = version(small)
    assert change(small, SESSION, "panel", title="Panel: who decides?", capacity="80")
    assert version(small) == before + 1
    with small.read() as connection:
        past = history.read(connection, SESSION, "panel")
        row = things.find(connection, SESSION, "panel")
    assert row["edition"] == 2
    assert past.many == 1
    assert list(past.lines[0].fields) == [
        ("title", "Title", "Panel", "Panel: who decides?"),
        ("capacity", "Capacity", "", "80"),
    ]


def test_a_form_that_changes_nothing_bothers_no_kiosk(small: Either) -> None:
    before = version(small)
    assert not change(small, SESSION, "panel")
    assert version(small) == before


def test_of_two_who_edit_the_same_session_the_second_is_told_and_harms_nothing(venue: Either) -> None:
    _, seen = cells(venue, SESSION, "panel")
    change(venue, SESSION, "panel", title="By the first")
    with pytest.raises(Changed) as caught:
        change(venue, SESSION, "panel", mark=seen, title="By the second")
    assert caught.value.theirs["title"] == "By the first"
    assert cells(venue, SESSION, "panel")[0]["title"] == "By the first"
    assert change(venue, SESSION, "panel", mark=caught.value.mark, title="By the second")


def test_a_change_that_raises_no_edition_is_noticed_all_the_same(small: Either) -> None:
    _, seen = cells(small, SESSION, "panel")
    later = update(schema.session).where(schema.session.c.id == "panel").values(title="Imported")
    small.write(lambda connection: connection.execute(later).rowcount)
    with pytest.raises(Changed):
        change(small, SESSION, "panel", mark=seen, title="Mine")


def test_a_session_that_moves_takes_its_list_to_the_other_rooms_kiosks(small: Either) -> None:
    before = version(small, versions.BADGES)
    change(small, SESSION, "panel", room="salon")
    assert version(small, versions.BADGES) == before + 1


def test_rooms_gates_and_categories_are_made_and_changed(venue: Either) -> None:
    assert make(venue, ROOM, name="The Attic", inside="venue", limit="200", exits="none") == "the-attic"
    assert (
        make(venue, GATE, name="Attic stairs", room="the-attic", direction="in", **{"from": "venue"}) == "attic-stairs"
    )
    assert make(venue, CATEGORY, name="Ministers", colour="#AA0000") == "ministers"
    with venue.read() as connection:
        room = things.find(connection, ROOM, "the-attic")
        book = connection.execute(select(schema.book).where(schema.book.c.room == "the-attic")).one()
        category = things.find(connection, CATEGORY, "ministers")
    assert (room["limit"], room["reserve"], room["position"]) == (200, 4, 4)
    assert (book.recount, book.closed) == (0, 0)
    assert (category["code"], category["colour"]) == (3, "#aa0000")
    assert change(venue, ROOM, "the-attic", name="Under the roof")
    assert change(venue, GATE, "attic-stairs", name="Stairs")
    assert change(venue, CATEGORY, "ministers", colour="#00aa00")


def test_a_limit_is_not_changed_by_a_form(small: Either) -> None:
    assert not change(small, ROOM, "hall", limit="9999", reserve="0")
    with small.read() as connection:
        assert things.find(connection, ROOM, "hall")["limit"] == 100


def test_a_name_in_another_script_still_gets_a_reference(small: Either) -> None:
    assert make(small, SESSION, **talk(title="حفل الافتتاح")) == "session"
    assert make(small, SESSION, **talk(title="Äpfel & Søster")) == "apfel-soster"
    assert make(small, SESSION, **talk(title="Äpfel & Søster")) == "apfel-soster-2"
    assert make(small, SESSION, **talk(title="<script>'\"")) == "script"


# ---- what cannot be ----


IMPOSSIBLE = (
    ("starts", "2026-02-30T10:00", "no such date"),
    ("starts", "soon", "no such date"),
    ("starts", "2026-11-24", "date and time"),
    ("starts", "0001-01-01T00:00", "year 1"),
    ("starts", "", "fill this in"),
    ("ends", "2026-11-24T10:00", "not after the beginning"),
    ("ends", "2026-11-24T09:00", "not after the beginning"),
    ("doors_open", "-5", "minutes"),
    ("doors_close", "61", "after the end"),
    ("capacity", "99999999999999999999", "whole number"),
    ("capacity", "many", "whole number"),
    ("capacity", "١٢", "whole number"),
    ("room", "cellar", "no such room"),
    ("room", "", "fill this in"),
    ("title", "", "fill this in"),
    ("title", "x" * 301, "300"),
    ("title", "nul \0 inside", "one line"),
    ("title", "two\nlines", "one line"),
    ("who", "", "category"),
    ("who", "aliens", "no such category"),
    ("zones", "13", "1 to 12"),
    ("session", "a b", "letters"),
    ("session", "keynote", "taken"),
)
"""Field, what is typed there, what is said."""


def test_what_cannot_be_is_said_next_to_its_field_and_writes_nothing(small: Either) -> None:
    before = version(small)
    for field, cell, says in IMPOSSIBLE:
        with pytest.raises(Wrong) as caught:
            make(small, SESSION, **talk(**{field: cell}))
        assert says in caught.value.problems[field], (field, cell)
    assert version(small) == before
    with small.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.session)).scalar_one() == 4


def test_all_problems_are_said_at_once(small: Either) -> None:
    with pytest.raises(Wrong) as caught:
        make(small, SESSION, title="", room="cellar", starts="x", ends="y", who="", capacity="-1")
    assert set(caught.value.problems) == {"title", "room", "starts", "ends", "who", "capacity"}


def test_rooms_and_gates_obey_the_rules_of_an_import(small: Either) -> None:
    with pytest.raises(Wrong) as circle:
        change(small, ROOM, "venue", inside="hall")
    assert "inside" in circle.value.problems
    with pytest.raises(Wrong) as both:
        change(small, GATE, "hall-a", direction="both")
    assert "one way" in both.value.problems["direction"]
    with pytest.raises(Wrong) as trusted:
        change(small, ROOM, "salon", exits="trusted")
    assert "proves nothing" in trusted.value.problems["exits"]
    with pytest.raises(Wrong) as reserve:
        make(small, ROOM, name="Nook", limit="5", reserve="6")
    assert "lower it" in reserve.value.problems["reserve"]


def test_a_room_gets_an_overflow_room_beside_it_and_nobody_is_asked(venue: Either) -> None:
    venue.write(lambda connection: people_inside(connection, "keynote", "hall", 3))
    before = version(venue)
    assert change(venue, ROOM, "hall", overflow="salon")
    assert version(venue) == before + 1
    with venue.read() as connection:
        room = programme.read(connection, event.read(connection)).room("hall")
        (line,) = history.read(connection, ROOM, "hall").lines
    assert room is not None
    assert room.overflow == "salon"
    assert line.fields == [("overflow", "When it is full, people go to", "", "salon")]
    assert change(venue, ROOM, "salon", overflow="hall"), "two rooms may send to each other"
    assert change(venue, ROOM, "hall", overflow="")


@pytest.mark.parametrize("room", ["hall", "venue", "nook", "cellar"])
def test_a_room_sends_nobody_to_itself_around_it_inside_it_or_nowhere(small: Either, room: str) -> None:
    make(small, ROOM, name="Nook", inside="hall", exits="none")
    with pytest.raises(Wrong) as caught:
        change(small, ROOM, "hall", overflow=room)
    assert set(caught.value.problems) == {"overflow"}


def test_a_room_is_not_moved_into_one_that_sends_people_to_it(small: Either) -> None:
    change(small, ROOM, "hall", overflow="salon")
    with pytest.raises(Wrong) as caught:
        change(small, ROOM, "salon", inside="hall")
    assert "sends people to the other" in caught.value.problems["inside"]


def test_a_seventeenth_category_does_not_fit_on_a_badge(small: Either) -> None:
    for number in range(13):
        make(small, CATEGORY, name=f"Kind {number}", colour="#000000")
    with pytest.raises(Wrong) as caught:
        make(small, CATEGORY, name="One too many", colour="#000000")
    assert "16" in caught.value.problems["category"]


def test_what_an_exit_proves_is_fixed_once_somebody_was_counted(sqlite_store: Either) -> None:
    site = Site(sqlite_store)
    assert change(sqlite_store, ROOM, "club", exits="matched"), "nobody has been there"
    site.enter("p1")
    with pytest.raises(Wrong) as caught:
        change(sqlite_store, ROOM, "hall", exits="none")
    assert "counted here already" in caught.value.problems["exits"]


def moment(store: Either, cell: str, fold: str = "") -> tuple[object, str]:
    """How a time is read where clocks change as in Paris."""
    typed = talk(starts=cell, ends="2026-12-01T10:00", starts_fold=fold)
    with store.read() as connection:
        values, problems = reading.read(connection, SESSION, typed | {"session": "x"}, PARIS)
    return values.get("starts"), str(problems.get("starts", ""))


def test_a_time_that_the_clocks_leave_out_or_show_twice_is_asked_about(small: Either) -> None:
    _, problem = moment(small, "2026-03-29T02:30")
    assert "02:30 does not exist" in problem
    assert "03:30" in problem
    assert "comes twice" in moment(small, "2026-10-25T02:30")[1]
    assert moment(small, "2026-10-25T02:30", "0") == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "")
    assert moment(small, "2026-10-25T02:30", "1") == (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "")
    assert moment(small, "2026-10-25T12:30") == (datetime(2026, 10, 25, 11, 30, tzinfo=UTC), "")


def test_the_second_of_two_equal_times_comes_back_as_the_second(small: Either) -> None:
    at = to_ms(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    with small.read() as connection:
        row: Mapping[str, Any] = {**things.find(connection, SESSION, "panel"), "starts": at, "doors_open": at}
        shown = things.cells(connection, SESSION, row, PARIS)
        values, problems = reading.read(connection, SESSION, shown, PARIS)
    assert (shown["starts"], shown["starts_fold"]) == ("2026-10-25T02:30", "1")
    assert (values["starts"], problems) == (from_ms(at), {})


# ---- what hurts is asked first ----


def test_what_people_inside_would_feel_is_asked_before_it_is_saved(venue: Either) -> None:
    venue.write(lambda connection: people_inside(connection, "keynote", "hall", 9))
    changes = {
        "room": ("salon", "going on now"),
        "starts": ("2026-11-23T16:00", "closed at once"),
        "capacity": ("5", "9 are inside, more than 5"),
        "who": ("press", "5 of the 9"),
        "zones": ("4", "9 of the 9"),
    }
    for field, (cell, says) in changes.items():
        with pytest.raises(Hurts) as caught:
            change(venue, SESSION, "keynote", **{field: cell})
        assert says in "; ".join(caught.value.consequences), field
        assert cells(venue, SESSION, "keynote")[0][field] != cell
    with pytest.raises(Hurts) as caught:
        change(venue, SESSION, "keynote", capacity="5")
    assert change(venue, SESSION, "keynote", capacity="5", sure=caught.value.sure)


def test_what_was_confirmed_for_one_change_does_not_pass_for_another(small: Either) -> None:
    small.write(lambda connection: people_inside(connection, "keynote", "hall", 9))
    with pytest.raises(Hurts) as caught:
        change(small, SESSION, "keynote", capacity="5")
    with pytest.raises(Hurts):
        change(small, SESSION, "keynote", capacity="4", sure=caught.value.sure)


def test_what_nobody_feels_is_saved_without_a_question(small: Either) -> None:
    small.write(lambda connection: people_inside(connection, "keynote", "hall", 9))
    assert change(small, SESSION, "keynote", title="Another title", capacity="60")
    assert change(small, SESSION, "panel", capacity="1", who="press", room="club")


def test_a_gate_with_a_kiosk_is_moved_only_knowingly(small: Either) -> None:
    with pytest.raises(Hurts) as caught:
        change(small, GATE, "hall-a", room="club")
    assert "k-hall-a" in caught.value.consequences[0]
    assert change(small, GATE, "hall-a", room="club", sure=caught.value.sure)


# ---- closing and deleting ----


def test_a_session_in_which_nothing_happened_is_deleted_with_its_list(venue: Either) -> None:
    _, seen = cells(venue, SESSION, "dinner")
    with pytest.raises(Changed):
        venue.write(lambda connection: editing.remove(connection, "dinner", "1.0", ME, NOW))
    venue.write(lambda connection: editing.remove(connection, "dinner", seen, ME, NOW))
    with venue.read() as connection:
        assert lists.counts(connection, "dinner") == (0, 0)
        with pytest.raises(Missing):
            things.find(connection, SESSION, "dinner")
        assert trail.newest(connection, 1)[0].what == "deleted"


def test_a_session_that_people_came_for_stays_and_can_be_closed(sqlite_store: Either) -> None:
    Site(sqlite_store).enter("p1")
    _, seen = cells(sqlite_store, SESSION, "keynote")
    now = from_ms(to_ms(datetime.now(UTC)))
    with pytest.raises(ConfigError, match="close it instead"):
        sqlite_store.write(lambda connection: editing.remove(connection, "keynote", seen, ME, now))
    sqlite_store.write(lambda connection: editing.close(connection, "keynote", ME, now))
    with sqlite_store.read() as connection:
        assert not things.rules_of(things.find(connection, SESSION, "keynote")).admits_at(now)
    assert not change(sqlite_store, SESSION, "keynote"), "a closed session's form holds what it says"
    with pytest.raises(ConfigError, match="closed already"):
        sqlite_store.write(lambda connection: editing.close(connection, "keynote", ME, now))


def test_a_session_to_come_can_be_closed_too(small: Either) -> None:
    small.write(lambda connection: editing.close(connection, "panel", ME, NOW))
    with small.read() as connection:
        session = things.rules_of(things.find(connection, SESSION, "panel"))
    assert not any(session.admits_at(session.starts + timedelta(minutes=step)) for step in range(-60, 61))
    assert not change(small, SESSION, "panel")


# ---- lists ----


def test_people_are_put_on_a_list_and_taken_off_it(venue: Either) -> None:
    before = version(venue), version(venue, versions.BADGES)
    done = venue.write(lambda c: lists.enter(c, "dinner", ["p1", "p3", "p4"], True, ME, NOW))
    assert (done.added, done.changed, done.same) == (2, 0, 1)
    done = venue.write(lambda c: lists.enter(c, "dinner", ["p1", "p3"], False, ME, NOW))
    assert (done.added, done.changed, done.same) == (0, 2, 0)
    assert venue.write(lambda c: lists.strike(c, "dinner", ["p4", "p40"], ME, NOW)) == 1
    with venue.read() as connection:
        assert lists.counts(connection, "dinner") == (1, 2)
        step = trail.newest(connection, 1, about="session", ref="dinner")[0]
        past = history.read(connection, SESSION, "dinner")
    assert "Person" not in str(step.facts), "a name would outlive the person's erasure"
    assert past.many == 3
    assert (version(venue), version(venue, versions.BADGES)) == (before[0] + 3, before[1] + 3)


def test_one_unknown_reference_and_nobody_is_added(small: Either) -> None:
    with pytest.raises(ConfigError, match="nobody has the reference p999"):
        small.write(lambda c: lists.enter(c, "dinner", ["p5", "p999"], True, ME, NOW))
    with small.read() as connection:
        assert lists.counts(connection, "dinner") == (2, 0)


def test_pasted_references_are_read_however_they_are_written() -> None:
    assert lists.read_refs("P1\r\np2, p3;p1\n\n p4 ") == ["p1", "p2", "p3", "p4"]
    for text in ("", "  \n", "p1\n<script>", "p1\0", "x" * 65):
        with pytest.raises(ConfigError):
            lists.read_refs(text)


def test_people_are_found_by_any_words_of_theirs(venue: Either) -> None:
    with venue.read() as connection:
        assert [one.ref for one in lists.search(connection, "dinner", "person 12")] == ["p12"]
        assert next(one.may for one in lists.search(connection, "dinner", "p1 Person")) is True
        for sought in ("", "  ", "%", "_", "\0", "'; drop table person"):
            assert lists.search(connection, "dinner", sought) == []
        rows, many = lists.page(connection, "dinner", 0)
        assert ([one.ref for one in rows], many) == (["p1", "p2"], 2)
        assert lists.page(connection, "dinner", 9) == ([], 2)


# ---- clashes and impossible rules ----


def test_the_small_venue_has_only_what_is_wrong_with_it(venue: Either) -> None:
    text = said(venue)
    assert "no kiosk stands at Salon" in text
    assert "Hall" not in text


def test_two_sessions_in_a_room_at_once_are_found_beyond_the_changeover(small: Either) -> None:
    make(small, SESSION, **talk(title="First"))
    make(small, SESSION, **talk(title="Second", starts="2026-11-24T10:50", ends="2026-11-24T12:00"))
    assert "both in" not in said(small), "ten minutes are a changeover"
    change(small, SESSION, "second", starts="2026-11-24T10:49")
    assert "IMPOSSIBLE First and Second are both in The hall from 10:49 to 11:00" in said(small)
    change(small, SESSION, "second", room="club")
    assert "both in" not in said(small)


def test_doors_that_open_while_others_are_let_in_are_doubted(small: Either) -> None:
    make(small, SESSION, **talk(title="First", who="press"))
    make(small, SESSION, **talk(title="Second", starts="2026-11-24T11:15", ends="2026-11-24T12:00"))
    assert "DOUBTFUL the doors of Second open at 10:45, while First" in said(small)
    change(small, SESSION, "second", who="press")
    assert "while First" not in said(small)


def test_seats_that_are_not_there_are_found(small: Either) -> None:
    make(small, SESSION, **talk(title="Crowd", capacity="101"))
    make(small, SESSION, **talk(title="Nobody", capacity="0", room="club"))
    make(small, SESSION, **talk(title="Uncounted", capacity="10", room="venue"))
    text = said(small)
    assert "DOUBTFUL Crowd is to hold 101, but The hall has 100 seats" in text
    assert "IMPOSSIBLE Nobody has a capacity of 0" in text
    assert "IMPOSSIBLE Uncounted is to hold 10, but nobody is counted in The venue" in text


def test_rules_by_which_nobody_can_enter_are_found(small: Either) -> None:
    make(small, CATEGORY, name="Aliens", colour="#00ff00")
    make(small, SESSION, **talk(title="For aliens", who="aliens"))
    make(small, SESSION, **talk(title="Zoned", room="club", zones="7"))
    make(small, SESSION, **talk(title="Secret", room="salon", who="invited"))
    text = said(small)
    assert "IMPOSSIBLE nobody can enter For aliens: nobody is of the categories" in text
    assert "IMPOSSIBLE nobody can enter Zoned: nobody of its categories has the zones" in text
    assert "IMPOSSIBLE Secret is for invited people only, and nobody is on its list" in text
    for ref in ("for-aliens", "zoned", "secret"):
        small.write(lambda c, ref=ref: lists.enter(c, ref, ["p1"], True, ME, NOW))  # type: ignore[misc]
    assert "nobody" not in said(small)


def test_too_many_invited_double_booked_and_quotas_beyond_the_seats_are_found(venue: Either) -> None:
    make(venue, SESSION, **talk(title="Retreat", room="salon", who="invited"))
    make(venue, SESSION, **talk(title="Breakfast", room="club", who="invited", capacity="10"))
    venue.write(lambda c: lists.enter(c, "retreat", [f"p{n}" for n in range(1, 12)], True, ME, NOW))
    venue.write(lambda c: lists.enter(c, "breakfast", ["p1", "p2"], True, ME, NOW))
    rows = [{"session": "breakfast", "delegation": f"Land {n}", "most": 6} for n in range(2)]
    venue.write(lambda c: c.execute(insert(schema.quota), rows).rowcount)
    text = said(venue)
    assert "11 people are invited to Retreat, and there are 10 seats" in text
    assert "2 people are on the lists of both Breakfast and Retreat" in text
    assert "the delegations may bring 12 people to Breakfast, and there are 10 seats" in text
    change(venue, SESSION, "breakfast", starts="2026-11-25T10:00", ends="2026-11-25T11:00")
    assert "on the lists of both" not in said(venue)


def test_a_full_room_that_sends_people_to_a_door_which_refuses_them_is_doubted(small: Either) -> None:
    make(small, SESSION, **talk(title="Crowd"))
    make(small, ROOM, name="Garden", exits="none")
    change(small, ROOM, "hall", overflow="garden")
    assert "Crowd full" not in said(small), "a room without any session is open to everybody"
    change(small, ROOM, "hall", overflow="club")
    doubt = "DOUBTFUL whoever finds Crowd full is sent to The club, where no session lets them in at that time"
    assert doubt in said(small)
    make(small, SESSION, **talk(title="Screen", room="club", who="press"))
    assert doubt in said(small), "not everybody of the crowd may see the screen"
    change(small, SESSION, "screen", who="everyone", zones="7")
    assert doubt in said(small), "nor without the zone"
    change(small, SESSION, "screen", zones="", starts="2026-11-24T12:00", ends="2026-11-24T13:00")
    assert doubt in said(small), "nor an hour later"
    change(small, SESSION, "screen", starts="2026-11-24T10:00", ends="2026-11-24T11:00")
    assert "Crowd full" not in said(small)


def test_a_session_whose_guests_all_fit_sends_nobody_anywhere(small: Either) -> None:
    make(small, SESSION, **talk(title="Retreat", room="salon", who="invited"))
    change(small, ROOM, "salon", overflow="club")
    small.write(lambda c: lists.enter(c, "retreat", [f"p{n}" for n in range(1, 11)], True, ME, NOW))
    assert "Retreat full" not in said(small)
    small.write(lambda c: lists.enter(c, "retreat", ["p11"], True, ME, NOW))
    assert "whoever finds Retreat full is sent to The club" in said(small)


def test_a_room_that_is_never_full_sends_nobody_anywhere(small: Either) -> None:
    make(small, ROOM, name="Garden", exits="none", overflow="hall")
    assert "NOTE nobody is counted in Garden: it is never full, and nobody is sent to The hall" in said(small)


def test_rooms_that_cannot_work_are_found(small: Either) -> None:
    make(small, ROOM, name="Vault", limit="20", exits="none")
    make(small, ROOM, name="Cage", limit="20", exits="trusted", inside="venue")
    make(small, GATE, name="Cage door", room="cage", direction="in")

    def break_rules(connection: Connection) -> int:
        """What no form and no import would take."""
        room, gate = schema.room, schema.gate
        connection.execute(update(room).where(room.c.id == "venue").values(inside="club"))
        return connection.execute(update(gate).where(gate.c.id == "hall-a").values(direction="both")).rowcount

    small.write(break_rules)
    text = said(small)
    assert "Vault has no gate by which one comes in" in text
    assert "no kiosk stands at Cage door" in text
    assert "nobody is counted out of Cage" in text
    assert "The club lies inside itself" in text
    assert "Hall A leads both ways into The hall" in text


def test_a_session_that_is_over_is_named_only_while_people_of_it_are_inside(small: Either) -> None:
    small.write(lambda connection: people_inside(connection, "keynote", "hall", 3))
    later = NOW + timedelta(hours=2, minutes=1)
    assert "NOTE Keynote is over, and 3 who came for it are still inside" in said(small, later)
    assert [one.level for one in found(small, later)] == sorted(one.level for one in found(small, later))
    assert Level.IMPOSSIBLE < Level.NOTE


# ---- who has it ----


def test_a_kiosk_has_the_programme_once_it_says_so(sqlite_store: Either) -> None:
    site, now = Site(sqlite_store), datetime.now(UTC)

    def state(at: datetime = now) -> Has:
        with sqlite_store.read() as connection:
            return next(one.has for one in reach.read(connection, at).carriers if one.id == "k-hall-a")

    assert state() is Has.NEVER
    site.enter("p1")
    assert state() is Has.WAITING
    assert state(now + timedelta(minutes=2)) is Has.SILENT
    present = version(sqlite_store)
    said_it = update(schema.incarnation).values(programme=present)
    sqlite_store.write(lambda c: c.execute(said_it).rowcount)
    assert state() is Has.YES
    change(sqlite_store, SESSION, "panel", title="Changed")
    assert state() is Has.WAITING

"""A person's whole day and a session's whole attendance, as facts and as pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from sqlalchemy import Connection, insert

from admission.passage import Kind
from server import acts, attendance, badges, event, person_day, programme, trail
from server.acts import Actor, State
from server.attendance import Held
from server.exchange import Desk
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from server.users import Role
from tests.conftest import DATABASES
from tests.pages import EVIL, Site
from tests.server.test_exports import READERS
from tests.world import PaperKiosk, make_world

Either = SqliteStore | PostgresStore
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Kolkata")
MINUTE = timedelta(minutes=1)
LATER = NOON + 100 * MINUTE


def fill(connection: Connection) -> None:
    """p1: in, out after 30 minutes, in again. p2: in, and out the next day. p3 is kept off the keynote, and comes to
    the dinner twice in vain. p1 and p2 are invited to the dinner; p1 goes there. p4 is let in by mistake."""
    world = make_world(connection, NOON, people=6)
    plan = programme.read(connection, event.read(connection))
    room = {"hall-a": "hall", "hall-out": "hall", "club-door": "club"}
    kiosks = {gate: PaperKiosk(world.enrolments[gate], gate, room[gate]) for gate in room}

    def step(minute: int, ref: str, gate: str, kind: Kind, session: str = "keynote", why: str = "") -> int:
        kiosk, at = kiosks[gate], NOON + minute * MINUTE
        seq = kiosk.pass_through(kind, world.badge_ids[ref], at, session=session, why=why)
        kiosk.have = Desk(connection, plan, at, gate).handle(kiosk.letter(report=False)).have_seq
        kiosk.unsent.clear()
        return seq

    step(0, "p1", "hall-a", Kind.ENTRY)
    step(1, "p2", "hall-a", Kind.ENTRY)
    step(2, "p3", "hall-a", Kind.REFUSED, why="not_listed")
    step(3, "p3", "club-door", Kind.REFUSED, session="dinner", why="not_listed")
    step(4, "p3", "club-door", Kind.REFUSED, session="dinner", why="full")
    step(5, "p4", "hall-a", Kind.ENTRY)
    entry = connection.execute(schema.passage.select().order_by(schema.passage.c.id.desc())).mappings().first()
    assert entry is not None
    supervisor = Actor("supervisor", Role.SUPERVISOR)
    facts = {"person": "p4", "passage": entry["id"]}
    one = acts.ask(connection, "annul", facts, supervisor, "a mistake", NOON + 6 * MINUTE)
    if one.state is State.WAITING:
        acts.confirm(connection, one.id, Actor("admin", Role.ADMIN), NOON + 7 * MINUTE)
    step(30, "p1", "hall-out", Kind.EXIT)
    step(40, "p1", "hall-a", Kind.ENTRY)
    step(50, "p1", "club-door", Kind.ENTRY, session="dinner")
    step(24 * 60, "p2", "hall-out", Kind.EXIT)
    badges.revoke(connection, ["p3"], "lost", NOON + 8 * MINUTE)
    row = {"serial": 3, "at": to_ms(NOON + 9 * MINUTE), "by": "desk", "what": "handed"}
    if connection.execute(schema.badge.select().where(schema.badge.c.serial == 3)).first() is not None:
        connection.execute(insert(schema.printed), row)


@pytest.fixture(scope="module", params=DATABASES)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Either]:
    from server.store.engine import migrate, open_store

    url = f"sqlite:///{tmp_path_factory.mktemp('attendance') / 'threshold.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("cluster").new_database()
    migrate(url)
    opened = open_store(url)
    opened.write(fill)
    yield opened
    opened.close()


def held(connection: Connection, number: str) -> Held:
    found = attendance.find(connection, number, ZONE)
    assert found is not None
    return found


def test_a_session_knows_who_came_when_they_left_and_for_how_long(told: Either) -> None:
    with told.read() as connection:
        keynote = held(connection, "keynote")
        came = attendance.attendees(connection, keynote, LATER)
    shown = [(one.ref, one.times, one.minutes, one.left and f"{one.left:%d %H:%M}", one.inside) for one in came]
    assert shown[0][:2] == ("p1", 2)
    assert shown[1] == ("p2", 1, 24 * 60 - 1, "24 17:30", False)
    assert [one.ref for one in came] == ["p1", "p2"], "an entry that was annulled counts for nothing"
    assert f"{came[0].came:%H:%M}" == "17:30"


def test_a_session_s_figures_count_each_person_once_and_tell_why_others_were_sent_away(told: Either) -> None:
    with told.read() as connection:
        keynote = attendance.figures(connection, held(connection, "keynote"), LATER)
        dinner = attendance.figures(connection, held(connection, "dinner"), LATER)
    assert (keynote.came, keynote.refused, keynote.listed) == (2, {"not_listed": 1}, 0)
    assert (dinner.came, dinner.listed, dinner.absent) == (1, 2, 1)
    assert (dinner.refusals, dinner.refused) == (2, {"full": 1, "not_listed": 1})


def test_who_was_listed_and_did_not_come_is_told_by_name(told: Either) -> None:
    with told.read() as connection:
        assert [one.ref for one in attendance.absentees(connection, held(connection, "dinner"))] == ["p2"]
        assert attendance.absentees(connection, held(connection, "keynote")) == []
        assert attendance.find(connection, "nothing", ZONE) is None


def test_the_pages_of_an_attendance_hold_everybody_once(told: Either) -> None:
    with told.read() as connection:
        keynote = held(connection, "keynote")
        one_by_one = [attendance.attendees(connection, keynote, LATER, page=page, size=1) for page in range(3)]
    assert [[one.ref for one in page] for page in one_by_one] == [["p1"], ["p2"], []]


def day(store: Either, ref: str, on: date = date(2026, 11, 23)) -> person_day.Day:
    with store.read() as connection:
        who = person_day.find(connection, ref)
        assert who is not None
        return person_day.read(connection, who, on, LATER, ZONE)


def test_a_day_tells_in_order_where_somebody_was_and_for_how_long(told: Either) -> None:
    steps = [step for step in day(told, "p1").steps if step.gate]
    assert [(step.kind, step.room, f"{step.at:%H:%M}") for step in steps] == [
        ("entry", "The hall", "17:30"),
        ("exit", "The hall", "18:00"),
        ("entry", "The hall", "18:10"),
        ("entry", "The club", "18:20"),
    ]
    first = steps[0]
    assert (first.minutes, first.how, first.session) == (30, "exit", "Keynote")
    assert first.until is not None
    assert day(told, "p1").sessions == 2
    assert steps[3].still


def test_a_day_tells_why_somebody_was_sent_away_and_what_became_of_the_badge(told: Either) -> None:
    mine = day(told, "p3")
    assert (mine.entries, mine.refused, mine.minutes, mine.bars) == (0, 3, 0, [])
    assert [step.reason for step in mine.steps if step.kind == "refused"] == ["not_listed", "not_listed", "full"]
    assert [(step.kind, step.note) for step in mine.steps if step.kind == "revoked"] == [("revoked", "lost")]


def test_acts_about_somebody_are_told_with_who_and_why_and_about_nobody_else(told: Either) -> None:
    acted = [step for step in day(told, "p4").steps if step.kind == "act"]
    assert [(step.reason, step.by, step.note) for step in acted] == [("annul", "supervisor", "a mistake")]
    assert not [step for step in day(told, "p1").steps if step.kind == "act"]
    assert day(told, "p4").minutes == 0


def test_a_day_ends_at_midnight_of_the_venue(told: Either) -> None:
    with told.read() as connection:
        who = person_day.find(connection, "p2")
        assert who is not None
        assert person_day.days(connection, who, ZONE) == [date(2026, 11, 23), date(2026, 11, 24)]
    assert [step.kind for step in day(told, "p2", date(2026, 11, 24)).steps] == ["exit"]
    assert day(told, "p2", date(2026, 11, 25)).steps == []


# ---- the pages ----

PATHS = ("/log/person/p5", "/log/session/keynote", "/log/session/keynote/attendance.csv")


@pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk", "organiser", "admin", "auditor"])
def test_only_those_who_read_the_log_see_whole_days_and_attendances(site: Site, role: str) -> None:
    client = site.signed_in(role)
    found = {path: client.get(path).status_code for path in PATHS}
    assert set(found.values()) == ({200} if role in READERS else {403})


@pytest.mark.parametrize(
    "path",
    [
        "/log/person/nobody",
        "/log/person/%00",
        "/log/person/p5?day=x",
        "/log/person/p5?day=9999-12-31",
        "/log/session/nothing",
        "/log/session/%00",
        "/log/session/keynote?show=x",
        "/log/session/keynote?page=-1",
        "/log/session/keynote?page=99999999999999999999",
        "/log/session/keynote/attendance.exe",
        "/log/person/" + "x" * 5000,
    ],
)
def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    assert site.signed_in("admin").get(path).status_code == 404


def test_names_that_hold_markup_are_shown_as_text(site: Site) -> None:
    site.enter("p9")
    client = site.signed_in("organiser")
    for path in ("/log/person/p9", "/log/session/keynote"):
        page = client.get(path).text
        assert EVIL in unescape(page)
        assert "<script>" not in page
        assert "<img" not in page


def test_an_attendance_is_taken_home_without_a_live_formula_and_is_in_the_trail(site: Site, tmp_path: Path) -> None:
    site.enter("p5")
    client = site.signed_in("auditor")
    rows = list(csv.DictReader(io.StringIO(client.get(PATHS[2]).data.decode("utf-8-sig"))))
    assert "p5" in [row["person"] for row in rows]
    assert set(rows[0]) == set(attendance.HEADER)
    answer = client.get("/log/session/keynote/attendance.xlsx")
    assert answer.headers["Cache-Control"] == "no-store"
    (tmp_path / "a.xlsx").write_bytes(answer.data)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert {cell.value for cell in sheet["A"]} == {"person", *(row["person"] for row in rows)}
    assert sheet["F2"].is_date
    assert client.get("/log/session/dinner/attendance.jsonl?show=absent").data.count(b"\n") == 2
    with site.store.read() as connection:
        steps = trail.newest(connection, about="session", by="auditor")
    assert [(one.what, one.ref, one.facts.get("format")) for one in steps][:3] == [
        ("exported", "dinner", "jsonl"),
        ("exported", "keynote", "xlsx"),
        ("exported", "keynote", "csv"),
    ]

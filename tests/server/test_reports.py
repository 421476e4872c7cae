"""Reports: what is counted, of whom, and that pages, pictures and files say the same."""

from __future__ import annotations

import csv
import io
import os
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from sqlalchemy import insert, select, update

from admission.errors import ConfigError
from admission.passage import Kind
from server import event, imports, programme, traces
from server.current import Current
from server.reports import days, files, findings, pictures, session, tables
from server.reports.pictures import Canvas
from server.reports.presence import Curve, Peak
from server.reports.shelf import FRESH, Shelf
from server.reports.svg import fitted, width_of
from server.reports.tallies import Tallies
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import from_ms, to_ms
from server.store.schema import incident, passage, trail
from server.store.schema import session as sessions
from tests.pages import EVIL, Site
from tests.server.reported import DAY, LATE, NOON, PLACE, VOICE, Venue, at, busy_day
from tests.world import table

Either = SqliteStore | PostgresStore
ALLOWED = ("organiser", "admin", "auditor")
REFUSED = ("viewer", "steward", "supervisor", "desk")
PATHS = (
    "/reports",
    "/reports/attendance.svg",
    "/reports/sessions.csv",
    "/reports/day.pdf",
    "/reports/session/keynote",
    "/reports/session/keynote/occupancy.svg",
)


@pytest.fixture
def venue(store: Either) -> Venue:
    return Venue(store)


@pytest.fixture
def quiet(sqlite_store: Either) -> Venue:
    """On SQLite alone, for what has nothing to do with the database."""
    return Venue(sqlite_store)


# ---- what is counted ----


def test_a_day_is_counted_as_it_was(venue: Venue) -> None:
    busy_day(venue)
    report = venue.report()
    keynote = next(one for one in report.talks if one.session.id == "keynote")
    hall = next(one for one in report.places if one.room.id == "hall")
    assert (keynote.people, keynote.seats, keynote.peak.most) == (3, 100, 3)
    assert (hall.peak.most, VOICE.time(hall.peak.minute)) == (6, "11:30")  # three people and three bodies more
    assert (keynote.dwell.stays, keynote.dwell.median, keynote.dwell.p90) == (2, 60, 88)
    assert (report.entries, report.safety.forced, report.safety.unbadged) == (7, 3, 3)
    assert (report.safety.refused, report.safety.attempts) == ({"not_listed": 2}, 2)
    assert (report.audience.came, report.audience.invited) == (3, 60)
    assert (report.busiest.most, VOICE.time(report.busiest.minute)) == (3, "11:10")
    assert report.fullest is not None
    assert report.fullest.room.id == "hall"


def test_people_are_counted_by_delegation_category_and_theme(venue: Venue) -> None:
    busy_day(venue)
    audience = venue.report().audience
    lands = {one.name: (one.invited, one.came, one.attendances) for one in audience.delegations}
    assert lands == {
        "Land 0": (12, 0, 0),
        "Land 1": (12, 1, 2),
        "Land 2": (12, 1, 1),
        "Land 3": (12, 0, 0),
        "Land 4": (12, 1, 1),
    }
    groups = {one.name: (one.invited, one.came) for one in audience.categories}
    assert groups == {"Press": (20, 2), "Staff": (20, 1), "Delegate": (20, 0)}  # p1 and p4; p2; nobody
    assert [(one.name, one.sessions, one.people, one.attendances) for one in audience.themes] == [("", 4, 3, 4)]


def test_somebody_who_comes_again_or_twice_is_one_person(venue: Venue) -> None:
    venue.passes("hall-a", 1, "11:10")
    venue.passes("hall-out", 1, "11:20", kind=Kind.EXIT)
    venue.passes("hall-a", 1, "11:30")
    venue.passes("hall-b", 1, "11:31")  # inside already: a duplicate
    report = venue.report()
    keynote = next(one for one in report.talks if one.session.id == "keynote")
    assert (keynote.people, keynote.peak.most, report.audience.came, report.entries) == (1, 1, 1, 3)


def test_the_venue_holds_whoever_is_in_its_rooms_even_if_its_own_gate_missed_them(quiet: Venue) -> None:
    quiet.passes("venue-door", 1, "11:00", session="")
    quiet.passes("hall-a", 1, "11:10")
    assert quiet.report().venue.peak.most == 1  # in the hall and so in the venue: one body
    quiet.passes("hall-a", 2, "11:20")
    quiet.passes("salon-door", 3, "11:20", session="talks")
    assert quiet.report().venue.peak.most == 3


def test_a_day_with_one_session_counts_those_who_came_to_none(quiet: Venue) -> None:
    moved = update(sessions).where(sessions.c.id != "keynote")
    quiet.store.write(lambda c: c.execute(moved.values(starts=sessions.c.starts + 86_400_000)))
    quiet.passes("hall-a", 1, "11:10")
    quiet.passes("venue-door", 2, "11:10", session="")
    report = quiet.report()
    assert [one.session.id for one in report.talks] == ["keynote"]
    assert (report.audience.came, report.talks[0].people) == (2, 1)


def test_an_annulled_entry_is_nobodys(venue: Venue) -> None:
    number = venue.passes("hall-a", 1, "11:10")
    venue.writes("hall-a", Kind.ANNULLED, "11:11", badge=venue.world.badge_ids["p1"], of=number)
    report = venue.report()
    assert (report.audience.came, report.talks[0].people, report.venue.peak.most) == (0, 0, 0)
    assert report.safety.annulled == 1


def test_who_was_inside_before_midnight_is_inside_after_it(venue: Venue) -> None:
    venue.passes("club-door", 1, "23:50", session="dinner", days=-1)
    venue.passes("hall-a", 2, "11:10")
    today = venue.report()
    club = next(one for one in today.places if one.room.id == "club")
    assert club.curve.points[0] == (today.span.minutes.start, 1)
    assert not club.counted  # nobody is seen leaving it
    assert today.audience.came == 1
    assert venue.report("all").audience.came == 2


def test_no_shows_are_told_once_the_doors_have_closed(venue: Venue) -> None:
    busy_day(venue)
    dinner = next(one for one in venue.report().talks if one.session.id == "dinner")
    assert dinner.expected is not None
    assert (dinner.expected.listed, dinner.expected.came, dinner.expected.missing) == (2, 1, 1)
    early = next(one for one in venue.report(now=NOON).talks if one.session.id == "dinner")
    assert early.expected is None
    assert next(one for one in venue.report().talks if one.session.id == "keynote").expected is None  # no list


def test_what_was_cut_of_people_leaves_the_counts_as_they_were(venue: Venue) -> None:
    busy_day(venue)
    before = venue.report()
    venue.store.write(lambda c: traces.cut(c, traces.subjects(c, limit=60), to_ms(LATE), "retention"))
    after = venue.report()
    assert [one.people for one in after.talks] == [one.people for one in before.talks]
    assert (after.audience.came, after.audience.invited, after.audience.strangers) == (3, 60, 0)
    assert after.audience.cut == 4
    kept = {one.name: one.attendances for one in after.audience.delegations}
    assert kept == {"Land 1": 2, "Land 2": 1, "Land 4": 1}
    assert {one.name: one.came for one in after.audience.categories} == {"Press": 2, "Staff": 1, "Delegate": 0}
    assert all(one.expected is None for one in after.talks if one.people)
    assert findings.delegations(after, VOICE) == "3 of 3 delegations came."


def test_times_over_a_limit_are_those_that_the_server_alarmed_of(venue: Venue) -> None:
    row = {"kind": "over_limit", "room": "hall", "gate": "", "device": "", "facts": "{}"}
    rows = [row | {"at": to_ms(when)} for when in (at("11:00"), at("12:00"), at("11:00", -1))]
    venue.store.write(lambda c: c.execute(insert(incident), rows))
    assert venue.report().safety.over == {"hall": 2}


def test_a_session_is_reported_over_its_whole_length(venue: Venue) -> None:
    busy_day(venue)
    with venue.store.read() as connection:
        plan = programme.read(connection, event.read(connection))
        keynote = session.read(connection, plan, "keynote", LATE)
        with pytest.raises(ConfigError, match="there is no session 'nowhere'"):
            session.read(connection, plan, "nowhere", LATE)
    assert (keynote.talk.people, keynote.talk.peak.most, keynote.forced) == (3, 3, 3)
    assert dict(keynote.arrivals) == {"Hall A": 5, "Hall B": 1}
    assert keynote.refused == [("not_listed", 2)]
    assert {one.name: one.attendances for one in keynote.categories} == {"Press": 2, "Staff": 1}
    assert {one.name for one in keynote.delegations} == {"Land 1", "Land 2", "Land 4"}


# ---- counting once ----


def test_what_was_counted_is_kept_and_what_is_new_is_added(venue: Venue) -> None:
    now = LATE
    kept = Tallies(lambda: now)
    for clock in ("11:10", "11:20", "11:30"):
        venue.passes("hall-a", int(clock[3:]), clock)
        now += timedelta(minutes=2)
        with venue.store.read() as connection:
            assert kept.read(connection) == Tallies(lambda: LATE).read(connection)
            assert sum(kept.read(connection).values()) == int(clock[3:]) // 10


def test_a_database_that_was_put_back_is_counted_anew(quiet: Venue) -> None:
    now = LATE
    kept = Tallies(lambda: now)
    quiet.passes("hall-a", 1, "11:10")
    for _ in range(3):
        with quiet.store.read() as connection:
            kept.read(connection)
        now += timedelta(minutes=2)
    quiet.store.write(lambda c: c.execute(passage.delete()))
    with quiet.store.read() as connection:
        assert kept.read(connection) == {}


def test_a_report_is_kept_until_something_happens(quiet: Venue) -> None:
    now = LATE
    shelf = Shelf(quiet.store, lambda: now)
    current = Current(quiet.store, lambda: now)
    span = days.of_day(date(2026, 11, 23), PLACE)
    first = shelf.report(current.get(), span)
    now += 2 * FRESH
    assert shelf.report(current.get(), span) is first
    quiet.passes("hall-a", 1, "11:10")
    assert shelf.report(current.get(), span).entries == 1
    now += timedelta(hours=1)
    assert shelf.report(current.get(), span).made == now


# ---- days ----


def test_a_kiosk_with_a_wrong_clock_makes_no_day(quiet: Venue) -> None:
    quiet.passes("hall-a", 1, "11:10")
    quiet.passes("hall-a", 2, "11:10", days=-400)
    with quiet.store.read() as connection:
        plan = programme.read(connection, event.read(connection))
        assert days.days(plan, Tallies(lambda: LATE).read(connection), PLACE) == [date(2026, 11, 23)]


@pytest.mark.parametrize("name", ["yesterday", "2026-13-01", "0001-01-01", "\0", "9999-12-31", "x" * 5000])
def test_what_is_no_day_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match="is no day"):
        days.choose(name, [date(2026, 11, 23)], PLACE, NOON)


def test_the_day_that_is_shown_first_is_the_last_that_has_begun() -> None:
    known = [date(2026, 11, 22), date(2026, 11, 24)]
    assert days.choose("", known, PLACE, NOON).name == "2026-11-22"
    assert days.choose("", known[1:], PLACE, NOON).name == "2026-11-24"
    assert days.choose("", [], PLACE, NOON).name == DAY
    assert days.choose("all", known, PLACE, NOON).minutes == range(
        to_ms(at("00:00", -1)) // 60_000, to_ms(at("00:00", 2)) // 60_000
    )


def test_a_curve_knows_the_most_of_any_hour() -> None:
    curve = Curve(((0, 2), (30, 5), (70, 1)))
    assert [curve.most_in(start, start + 60) for start in (0, 60, 120)] == [5, 5, 1]
    assert (curve.peak, Curve(((0, 0),)).peak) == (Peak(5, 30), Peak())


# ---- pictures ----


@pytest.mark.parametrize("busy", [True, False])
def test_every_picture_is_plain_svg_that_says_what_it_shows(quiet: Venue, busy: bool) -> None:
    if busy:
        busy_day(quiet)
    report = quiet.report()
    for name, finding in findings.FINDINGS.items():
        for width in ("narrow", "middle", "wide", "full"):
            root = ElementTree.fromstring(pictures.draw(name, report, VOICE, Canvas(width, "dark")))
            assert root.find("{*}title").text == finding(report, VOICE)  # type: ignore[union-attr]
            assert {one.tag.partition("}")[2] for one in root} <= {"title", "text", "rect", "path"}
            assert float(root.get("height") or 0) > 0


def test_names_full_of_markup_stay_text_and_inside_the_picture(quiet: Venue) -> None:
    evil = f"{EVIL} & \x01\ufffe " + "مرحبا王" * 40
    quiet.store.write(lambda c: c.execute(update(sessions).values(title=evil)))
    busy_day(quiet)
    for width in ("narrow", "wide"):
        drawn = pictures.draw("attendance", quiet.report(), VOICE, Canvas(width))
        assert "<script" not in drawn
        assert "<img" not in drawn
        labels = [one.text or "" for one in ElementTree.fromstring(drawn).iter() if one.tag.endswith("text")]
        assert any("…" in one for one in labels)
        assert all(width_of(one) <= 1100 for one in labels)


def test_a_text_that_does_not_fit_ends_with_an_ellipsis() -> None:
    assert fitted("short", 200) == "short"
    assert fitted("a rather long title of a session", 90).endswith("…")
    assert width_of(fitted("w" * 500, 90)) <= 90


@pytest.mark.parametrize(("width", "look"), [("huge", "light"), ("wide", "pink"), ("", "")])
def test_a_canvas_that_is_none_is_refused(width: str, look: str) -> None:
    with pytest.raises(ConfigError):
        Canvas(width, look)


# ---- tables ----


def test_every_table_has_its_columns_and_is_written_as_a_file(quiet: Venue) -> None:
    busy_day(quiet)
    report = quiet.report()
    for name in tables.TABLES:
        made = tables.make(name, report, VOICE)
        text = "".join(files.lines(VOICE, made))
        assert text.startswith("\ufeff")
        rows = list(csv.reader(io.StringIO(text[1:])))
        assert len(rows) == len(made.rows) + 1
        assert {len(row) for row in rows} == {len(made.columns)}
    with pytest.raises(ConfigError, match="there is no table"):
        tables.make("people", report, VOICE)


def test_the_files_say_what_the_day_was(quiet: Venue) -> None:
    busy_day(quiet)
    report = quiet.report()
    rows = list(csv.reader(io.StringIO("".join(files.lines(VOICE, tables.make("arrivals", report, VOICE)))[1:])))
    assert rows[1:] == [
        ["2026-11-23T11:10+0530", "Hall A", "1"],
        ["2026-11-23T11:12+0530", "Hall A", "1"],
        ["2026-11-23T11:30+0530", "Hall A", "3"],
        ["2026-11-23T11:12+0530", "Hall B", "1"],
        ["2026-11-23T12:20+0530", "Club", "1"],
    ]


def test_no_cell_of_a_file_is_a_formula(quiet: Venue) -> None:
    quiet.store.write(lambda c: c.execute(update(sessions).values(title="=HYPERLINK(1)", theme="@SUM(1)")))
    text = "".join(files.lines(VOICE, tables.make("sessions", quiet.report(), VOICE)))
    rows = list(csv.reader(io.StringIO(text[1:])))
    assert {row[1] for row in rows[1:]} == {"'=HYPERLINK(1)"}
    assert {row[3] for row in rows[1:]} == {"'@SUM(1)"}


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    assert [VOICE.share(one) for one in (0.0, 0.001, 0.5, 0.999, 1.0, 1.2, None)] == [
        "0%",
        "1%",
        "50%",
        "99%",
        "100%",
        "120%",
        "—",
    ]


# ---- pages ----


@pytest.mark.parametrize("role", REFUSED)
def test_reports_are_for_organisers_admins_and_auditors(site: Site, role: str) -> None:
    client = site.signed_in(role)
    assert {path: client.get(path).status_code for path in PATHS} == dict.fromkeys(PATHS, 403)


@pytest.mark.parametrize("role", ALLOWED)
def test_who_may_read_the_log_may_read_reports(site: Site, role: str) -> None:
    client = site.signed_in(role)
    assert {path: client.get(path).status_code for path in PATHS} == dict.fromkeys(PATHS, 200)


def test_strangers_are_sent_to_sign_in(site: Site) -> None:
    client = site.app.test_client()
    assert {client.get(path).status_code for path in PATHS} == {302}


def test_the_page_has_each_picture_with_its_finding_and_its_table(sqlite_store: Either) -> None:
    site = Site(sqlite_store)
    site.enter("p10", "p11")
    page = site.signed_in("organiser").get("/reports")
    for name in findings.FINDINGS:
        assert f"/reports/{name}.svg?" in page.text or name in ("no-shows", "dwell", "refusals")
    assert page.text.count("<details") >= 6
    assert 'alt=""' not in page.text
    assert "style=" not in page.text
    assert len(page.data) < 125_000
    assert "<script>alert" not in page.text


def test_pictures_come_as_svg_that_may_do_nothing(site: Site) -> None:
    client = site.signed_in("auditor")
    reply = client.get("/reports/attendance.svg?width=narrow&look=dark")
    assert reply.mimetype == "image/svg+xml"
    assert reply.headers["Content-Security-Policy"] == "default-src 'none'"
    assert "private" in reply.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/reports?day=yesterday", 400),
        ("/reports?day=%00", 400),
        ("/reports?delegations=99999999999999999999", 200),
        ("/reports?delegations=-1", 200),
        ("/reports?day=2026-01-01", 200),
        ("/reports?day=all", 200),
        ("/reports/nothing.svg", 404),
        ("/reports/attendance.svg?width=1e9", 404),
        ("/reports/attendance.svg?day=x", 404),
        ("/reports/people.csv", 404),
        ("/reports/sessions.csv?day=9999-12-31", 404),
        ("/reports/day.pdf?day=x", 404),
        ("/reports/session/nowhere", 404),
        ("/reports/session/%00", 404),
        ("/reports/session/keynote/nothing.svg", 404),
    ],
)
def test_what_cannot_be_is_answered_plainly(site: Site, path: str, status: int) -> None:
    assert site.signed_in("organiser").get(path).status_code == status


def test_every_file_that_is_taken_is_in_the_trail(site: Site) -> None:
    client = site.signed_in("auditor")
    client.get("/reports/delegations.csv?day=all")
    client.get("/reports/day.pdf?day=all&language=fr")
    with site.store.read() as connection:
        rows = connection.execute(select(trail).where(trail.c.about == "report").order_by(trail.c.id.desc())).all()
    assert [(row.by, row.what, row.ref) for row in rows[:2]] == [
        ("auditor", "exported", "day"),
        ("auditor", "exported", "delegations"),
    ]
    assert '"day":"all"' in rows[1].facts


def test_names_of_people_are_on_no_report(site: Site) -> None:
    site.enter("p9")
    client = site.signed_in("organiser")
    for path in ("/reports?day=all", "/reports/session/keynote", "/reports/delegations.csv"):
        assert "Person 10" not in client.get(path).text
        assert "alert(1)" not in client.get(path).text


def test_delegations_are_turned_page_by_page(sqlite_store: Either) -> None:
    site = Site(sqlite_store)
    many = table("person|name|organisation|delegation|category", *(f"x{n}|N|O|D{n:03}|press" for n in range(120)))
    site.store.write(lambda c: imports.run(c, {"people": many}, os.urandom))
    client = site.signed_in("organiser")
    first, last = client.get("/reports").text, client.get("/reports?delegations=3").text
    assert "D000" in first
    assert "D119" not in first
    assert "D119" in last
    assert "delegations=2" in first


def test_times_are_the_venues(quiet: Venue) -> None:
    assert VOICE.time(to_ms(at("11:10")) // 60_000) == "11:10"
    assert from_ms(to_ms(at("11:10"))) == at("11:10")

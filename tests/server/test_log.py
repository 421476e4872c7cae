"""The log as organisers use it: newest first, filtered, searched, turned page by page, taken home as CSV."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from admission.passage import Kind, Passage, encode
from server import event, found, imports, log, programme
from server.exchange import Desk
from server.log import HEADER, PAGE, BadFilter, Filters, parse_filters
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.store.instants import to_ms
from tests.conftest import DATABASES
from tests.world import PaperKiosk, make_world, table

Either = SqliteStore | PostgresStore
ZONE = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOBODY = 99 << 32 | 7
PEOPLE = (
    ("p1", "José Álvarez", "Ríos Vivos", "Chile"),
    ("p2", "王小明", "水利部", "中国"),
    ("p3", "محمد الأحمدي", "Wadi", "Egypt"),
    ("p4", "100% Sure_Thing", "Hundred", "Ruritania"),
    ("p5", "=1+1", "@SUM(1)", "+49"),
    ("p6", "1000 SureXThing", "Łódź Rios", "-1+1"),
    ("", "", "", ""),
)
GATES = {"hall-a": "hall", "hall-out": "hall", "salon-door": "salon"}
SESSIONS = {"hall": "keynote", "salon": "talks"}
TITLES = {"hall": "Keynote", "salon": "Talks"}
ROWS = 2 * PAGE + 54
MANY = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
    INSERT INTO passage (device, incarnation, seq, kind, why, badge, gate, room, session, at, uncertainty_ms, received,
                         count, flags, verdict, hash, raw)
    SELECT 'k', 1, i, 'entry', '', 7, 'g', 'r', 's', :at + i, 0, 0, 1, '', 'accepted', zeroblob(32), zeroblob(60) FROM n
"""


@pytest.fixture(scope="module", params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Either]:
    """A log that these tests only read."""
    url = f"sqlite:///{tmp_path_factory.mktemp('log') / 'threshold.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("cluster").new_database()
    migrate(url)
    opened = open_store(url)
    opened.write(_fill)
    yield opened
    opened.close()


def _kind(minute: int) -> Kind:
    if minute % 5 == 4:
        return Kind.REFUSED
    return Kind.EXIT if _gate(minute) == "hall-out" else Kind.ENTRY


def _gate(minute: int) -> str:
    return list(GATES)[minute % 3]


def _fill(connection: Connection) -> None:
    """254 passages that kiosks sent, one a minute from noon on: of six people, and of a badge that nobody has."""
    world = make_world(connection, NOON, people=6, kiosks=tuple(GATES))
    names = table("person|name|organisation|delegation|category", *(f"{'|'.join(p)}|press" for p in PEOPLE[:6]))
    imports.run(connection, {"people": names}, os.urandom)
    kiosks = {gate: PaperKiosk(world.enrolments[gate], gate, room) for gate, room in GATES.items()}
    venue = event.read(connection)
    plan = programme.read(connection, venue)
    badges = [*(world.badge_ids[facts[0]] for facts in PEOPLE[:6]), NOBODY]
    for minute in range(ROWS):
        kind, kiosk, at = _kind(minute), kiosks[_gate(minute)], NOON + timedelta(minutes=minute)
        why = "full" if kind is Kind.REFUSED else ""
        kiosk.pass_through(kind, badges[minute % 7], at, session=SESSIONS[kiosk.room], why=why)
        kiosk.have = Desk(connection, plan, at, kiosk.gate).handle(kiosk.letter(report=False)).have_seq
        kiosk.unsent.clear()


def _page(store: Either, filters: Filters, *, before: int | None = None, after: int | None = None) -> log.Page:
    with store.read() as connection:
        return log.page(connection, filters, before, after, ZONE)


def _all(store: Either, filters: Filters) -> list[dict[str, Any]]:
    """Every row, turning the pages to the oldest."""
    page = _page(store, filters)
    rows = list(page.rows)
    while page.older is not None:
        page = _page(store, filters, before=page.older)
        rows += page.rows
    return rows


def _minutes(store: Either, filters: Filters) -> set[int]:
    """Which passages were found, by the minute after noon."""
    local = [datetime.fromisoformat(f"{row['date']}T{row['at']}") for row in _all(store, filters)]
    return {(at.replace(tzinfo=ZONE) - NOON) // timedelta(minutes=1) for at in local}


def _of(*people: int) -> set[int]:
    return {minute for minute in range(ROWS) if minute % 7 in people}


def test_a_row_says_who_when_where_and_what_in_the_venue_s_time(store: Either) -> None:
    rows = _all(store, Filters())
    first, refused, nobody = rows[-1], rows[-5], rows[-7]
    assert (first["date"], first["at"]) == ("2026-11-23", "17:30:00")
    assert (first["person"], first["organisation"]) == ("José Álvarez", "Ríos Vivos")
    assert (first["session"], first["gate"], first["kiosk"]) == ("Keynote", "Hall A", "k-hall-a")
    assert (first["kind"], first["reason"], first["flags"], first["count"]) == ("entry", "", [], 1)
    assert (refused["kind"], refused["reason"], refused["flags"]) == ("refused", "full", [])
    assert (nobody["person"], nobody["badge"], nobody["flags"]) == ("", 99, ["unknown_badge"])


def test_pages_turned_to_the_oldest_hold_every_row_once_newest_first(store: Either) -> None:
    ids = [row["id"] for row in _all(store, Filters())]
    assert len(ids) == len(set(ids)) == ROWS
    assert ids == sorted(ids, reverse=True)


def test_pages_turned_back_are_the_same_pages(store: Either) -> None:
    there = [_page(store, Filters())]
    while there[-1].older is not None:
        there.append(_page(store, Filters(), before=there[-1].older))
    assert [len(page.rows) for page in there] == [PAGE, PAGE, 54]
    back = _page(store, Filters(), after=there[2].newer)
    assert back.rows == there[1].rows
    assert (back.newer, back.older) == (there[1].newer, there[1].older)
    newest = _page(store, Filters(), after=back.newer)
    assert newest.rows == there[0].rows
    assert (newest.newer, newest.older) == (None, there[0].older)
    assert there[0].newer is None


def test_a_page_beyond_either_end_is_empty_and_leads_nowhere(store: Either) -> None:
    assert _page(store, Filters(), before=1) == _page(store, Filters(), after=10**9) == log.Page([], None, None)


@pytest.mark.parametrize(
    ("words", "people"),
    [
        ("jose alvarez", {0}),
        ("ÁLVAREZ", {0}),
        ("alv rios", {0}),
        ("rios", {0, 5}),
        ("lodz", {5}),
        ("小明", {1}),
        ("水利", {1}),
        ("الأحمدي", {2}),
        ("egypt", {2}),
        ("p4", {3}),
        ("100%", {3}),
        ("e_T", {3}),
        ("sure", {3, 5}),
        ("%", {3}),
        ("_", {3}),
        ("!", set()),
        ("\\", set()),
        ("' OR 1=1 --", set()),
        ("x" * 500, set()),
    ],
)
def test_a_search_finds_people_in_any_script_and_takes_every_character_literally(
    store: Either, words: str, people: set[int]
) -> None:
    assert _minutes(store, parse_filters({"q": words}, ZONE)) == _of(*people)


def test_each_filter_alone_keeps_its_rows_and_no_other(store: Either) -> None:
    every = set(range(ROWS))
    refused = {minute for minute in every if _kind(minute) is Kind.REFUSED}
    exits = {minute for minute in every if _kind(minute) is Kind.EXIT}
    assert _minutes(store, Filters(session="talks")) == {minute for minute in every if minute % 3 == 2}
    assert _minutes(store, Filters(gate="hall-out")) == {minute for minute in every if minute % 3 == 1}
    assert _minutes(store, Filters(organisation="hundred")) == _of(3)
    assert _minutes(store, Filters(organisation="中国")) == _of(1)
    assert _minutes(store, Filters(verdict="refused")) == refused
    assert _minutes(store, Filters(verdict="exit")) == exits
    assert _minutes(store, Filters(verdict="entry")) == every - refused - exits
    assert _minutes(store, Filters(verdict="unknown_badge")) == _of(6) - refused
    assert _minutes(store, Filters(since=NOON + timedelta(minutes=250))) == {250, 251, 252, 253}
    assert _minutes(store, Filters(until=NOON + timedelta(minutes=3))) == {0, 1, 2}


def test_the_further_filters_keep_their_rows_and_no_other(store: Either) -> None:
    every = set(range(ROWS))
    refused = {minute for minute in every if _kind(minute) is Kind.REFUSED}
    doors = {minute for minute in every if GATES[_gate(minute)] == "salon"}
    number = str(_all(store, Filters(person="p2"))[0]["badge"])
    assert _minutes(store, Filters(room="salon")) == doors
    assert _minutes(store, Filters(kiosk="k-hall-a")) == {minute for minute in every if _gate(minute) == "hall-a"}
    assert _minutes(store, Filters(kind="refused")) == refused
    assert _minutes(store, Filters(kind="forced")) == _minutes(store, Filters(flag="no_clock")) == set()
    assert _minutes(store, Filters(reason="full")) == refused
    assert _minutes(store, Filters(reason="forged")) == set()
    assert _minutes(store, Filters(category="press")) == every - _of(6)
    assert _minutes(store, Filters(category="nobody")) == set()
    assert _minutes(store, Filters(delegation="中国")) == _minutes(store, Filters(person="p2")) == _of(1)
    assert _minutes(store, Filters(badge=number)) == _of(1)
    assert _minutes(store, Filters(badge="99")) == _of(6)
    assert _minutes(store, Filters(badge="98")) == _minutes(store, Filters(steward="nobody at all")) == set()
    assert _minutes(store, Filters(kind="refused", verdict="exit")) == set()


def test_the_way_to_the_rows_never_changes_which_are_found(store: Either, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (
        Filters(q="rios", room="hall", kind="entry"),
        Filters(session="keynote", kind="refused", since=NOON + timedelta(minutes=40)),
        Filters(verdict="exit_unmatched", category="press", gate="hall-out"),
        Filters(until=NOON + timedelta(minutes=90), kiosk="k-salon-door", reason="full"),
    )
    wanted = [_minutes(store, filters) for filters in asked]
    assert all(wanted)
    for few in (0, 3, 30, 10**6):
        monkeypatch.setattr(found, "FEW", few)
        assert [_minutes(store, filters) for filters in asked] == wanted


def test_a_flag_is_a_whole_word_and_a_steward_is_found_by_name_and_by_badge(sqlite_store: Either) -> None:
    def fill(connection: Connection) -> None:
        world = make_world(connection, NOON, people=3)
        kiosk = PaperKiosk(world.enrolments["hall-a"], "hall-a", "hall")
        plan = programme.read(connection, event.read(connection))
        for flags, by in ((("no_clock",), "p2"), (("no_clock_at_all",), "p3"), (("x", "no_clock"), "")):
            steward = world.badge_ids[by] if by else 0
            facts = {"kind": Kind.FORCED, "badge": world.badge_ids["p1"], "gate": "hall-a", "room": "hall", "at": NOON}
            kiosk.append(encode(Passage(**facts, boot="b", boot_ms=0, flags=flags, by=steward)))  # type: ignore[arg-type]
        Desk(connection, plan, NOON, kiosk.gate).handle(kiosk.letter(report=False))

    sqlite_store.write(fill)
    assert [row["id"] for row in _all(sqlite_store, Filters(flag="no_clock"))] == [3, 1]
    assert [row["by"] for row in _all(sqlite_store, Filters(steward="person 2"))] == ["Person 2"]
    number = str(_all(sqlite_store, Filters(person="p1"))[0]["badge"] + 2)
    assert [row["id"] for row in _all(sqlite_store, Filters(steward=number))] == [2]


@pytest.mark.parametrize("badge", ["abc", "-1", "9" * 30, "1e5", "٣", "1.5"])
def test_a_badge_that_cannot_be_is_explained(badge: str) -> None:
    with pytest.raises(BadFilter, match="write its number"):
        parse_filters({"badge": badge}, ZONE)


@pytest.mark.parametrize("verdict", ["duplicate_entry", "exit_unmatched", "revoked_meanwhile"])
def test_a_server_s_verdict_is_found_and_shown_as_a_flag(store: Either, verdict: str) -> None:
    flagged = [row for row in _all(store, Filters()) if verdict in row["flags"]]
    assert _all(store, Filters(verdict=verdict)) == flagged
    assert bool(flagged) == (verdict != "revoked_meanwhile")


def test_filters_together_narrow_each_other(store: Either) -> None:
    given = {"q": "ALVAREZ", "gate": "hall-a", "session": "keynote", "verdict": "entry", "since": "2026-11-23T18:00"}
    filters = parse_filters(given | {"until": "2026-11-23 20:00", "organisation": "ríos"}, ZONE)
    asked = {minute for minute in _of(0) if _gate(minute) == "hall-a" and _kind(minute) is Kind.ENTRY}
    assert _minutes(store, filters) == {minute for minute in asked if 30 <= minute <= 150} != set()


def test_until_a_minute_includes_that_minute() -> None:
    filters = parse_filters({"until": "2026-11-23T10:00", "since": "2026-11-23T04:30Z"}, ZONE)
    assert filters.since == datetime(2026, 11, 23, 10, tzinfo=ZONE)
    assert filters.until == datetime(2026, 11, 23, 10, 1, tzinfo=ZONE)
    exact = parse_filters({"until": "2026-11-23T10:00:30"}, ZONE).until
    assert exact == datetime(2026, 11, 23, 10, 0, 30, tzinfo=ZONE)


@pytest.mark.parametrize(
    "given",
    [{"since": "yesterday"}, {"until": "9999-12-31T23:59"}, {"since": "0001-01-01T00:00+14:00"}, {"until": "\0"}],
)
def test_a_time_that_cannot_be_is_explained_with_an_example(given: dict[str, str]) -> None:
    with pytest.raises(BadFilter, match="write it like 2026-11-23T10:00"):
        parse_filters(given, ZONE)


@pytest.mark.parametrize("name", ["q", "session", "gate", "organisation", "verdict"])
def test_a_filter_with_a_character_that_postgresql_refuses_is_explained(name: str) -> None:
    with pytest.raises(BadFilter, match=r"NUL|none of"):
        parse_filters({name: "a\0b"}, ZONE)


def test_a_verdict_that_cannot_be_is_answered_with_those_that_can() -> None:
    with pytest.raises(BadFilter, match="'eaten' is none of: entry, exit, refused, duplicate_entry"):
        parse_filters({"verdict": "eaten"}, ZONE)


def test_the_filters_offer_sessions_by_time_and_gates_by_name(store: Either) -> None:
    with store.read() as connection:
        offered = log.choices(connection)
    assert offered["sessions"][-1] == ("panel", "Panel")
    assert [name for _, name in offered["gates"]] == sorted(name for _, name in offered["gates"])
    assert ("refused", "refused") in offered["verdicts"]


def _csv(store: Either, filters: Filters) -> list[list[str]]:
    with store.read() as connection:
        lines = "".join(log.export(connection, filters, ZONE))
    assert lines.startswith("\ufefftime,date,person,")
    assert lines.count("\n") == lines.count("\r\n")
    return list(csv.reader(io.StringIO(lines.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize(
    "filters", [Filters(), Filters(q="rios"), Filters(gate="hall-a", verdict="refused"), Filters(q="nobody at all")]
)
def test_the_csv_holds_exactly_what_is_filtered_oldest_first(store: Either, filters: Filters) -> None:
    header, *lines = _csv(store, filters)
    assert header == HEADER
    assert all(len(line) == len(HEADER) for line in lines)
    shown = [[row["at"], row["date"], str(row["badge"]), row["gate"], str(row["id"])] for row in _all(store, filters)]
    assert [[line[at] for at in (0, 1, 6, 8, 16)] for line in lines] == shown[::-1]


def test_the_csv_holds_no_live_formulas_and_every_name_as_it_is(store: Either) -> None:
    _, *lines = _csv(store, Filters())
    assert not [cell for line in lines for cell in line if cell[:1] in tuple("=+-@\t\r")]
    assert ["p5", "'=1+1", "'@SUM(1)", "'+49"] in [line[2:6] for line in lines]
    assert ["p2", "王小明", "水利部", "中国"] in [line[2:6] for line in lines]


def test_the_csv_has_no_gaps_between_the_parts_in_which_it_is_read(
    store: Either, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "EXPORT_PART", 127)  # two full parts exactly
    assert len(_csv(store, Filters())) == ROWS + 1


def test_a_page_far_down_a_long_log_takes_about_as_long_as_the_first(sqlite_store: Either) -> None:
    many = 100_000
    sqlite_store.write(lambda connection: connection.execute(text(MANY), {"many": many, "at": to_ms(NOON)}))

    def quickest(before: int | None) -> float:
        def once() -> float:
            began = time.perf_counter()
            assert len(_page(sqlite_store, Filters(), before=before).rows) == PAGE
            return time.perf_counter() - began

        return min(once() for _ in range(7))

    assert quickest(many // 100) < 5 * quickest(None)

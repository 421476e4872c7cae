"""What an organiser's tables do to the venue: read as spreadsheets save them, all or nothing, again as an update."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Column, ColumnElement, Connection, Row, func, select

from admission import badge as tokens
from admission import record
from server import event, imports, news, programme
from server.event import NewEvent
from server.imports import Imported, ImportRefused
from server.store import schema, versions
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from tests.world import ZONE, World, table, venue_files

Either = SqliteStore | PostgresStore
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TABLES = (schema.category, schema.room, schema.gate, schema.session, schema.person, schema.listing, schema.book)
NAMES = ("Łukasz Żółć", "محمد الأحمدي", "王小明", "राजेन्द्र प्रसाद", "ශ්‍රී ලංකා", "Ọlá Adébáyọ̀", 'O\'Neill, "Tip"')
ROOMS = "room|name|inside|limit|reserve|exits"
OVERFLOWS = f"{ROOMS}|overflow"
GATES = "gate|name|room|from|direction"
SESSIONS = "session|title|room|starts|ends|who"
PEOPLE = "person|name|category"


def bring(store: Either, **files: bytes) -> Imported:
    return store.write(lambda connection: imports.run(connection, files, os.urandom))


def refusal(store: Either, **files: bytes) -> list[str]:
    """All that is to correct; and nothing was imported."""
    before = held(store)
    with pytest.raises(ImportRefused) as refused:
        bring(store, **files)
    assert held(store) == before
    assert all(str(problem) in str(refused.value) for problem in refused.value.problems)
    return [str(problem) for problem in refused.value.problems]


def held(store: Either) -> dict[str, list[str]]:
    """Every row that an import could touch, and the change numbers."""
    with store.read() as connection:
        return {one.name: sorted(map(repr, connection.execute(select(one)))) for one in (*TABLES, schema.version)}


def found(store: Either, column: Column[Any], where: ColumnElement[bool]) -> object:
    with store.read() as connection:
        return connection.execute(select(column).where(where)).scalar_one()


def start(store: Either) -> None:
    new = NewEvent(7, "Test summit", ZONE, NOON, show_names=True)
    store.write(lambda connection: event.start(connection, new, (bytes(32), bytes(32), bytes(32))))
    bring(store, **venue_files(NOON, people=6))


@pytest.fixture
def venue(store: Either) -> Either:
    """The small venue without badges."""
    start(store)
    return store


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Either]:
    """The small venue for many refusals, which by their promise leave it as it was."""
    url = f"sqlite:///{tmp_path_factory.mktemp('imports') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    start(store)
    yield store
    store.close()


class TestWhatIsKept:
    def test_a_name_in_any_script_is_kept(self, venue: Either) -> None:
        bring(venue, people=table(PEOPLE, *(f"n{at}|{name}|press" for at, name in enumerate(NAMES))))
        for at, name in enumerate(NAMES):
            assert found(venue, schema.person.c.name, schema.person.c.ref == f"n{at}") == name

    def test_the_same_files_again_change_nothing(self, venue: Either) -> None:
        before = held(venue)
        again = bring(venue, **venue_files(NOON, people=6))
        assert set(again.added.values()) == set(again.changed.values()) == {0}
        after = held(venue)
        assert before.pop("version") != after.pop("version"), "kiosks look again after any import"
        assert after == before

    def test_a_corrected_row_is_updated_and_rows_left_out_are_kept(self, venue: Either) -> None:
        outcome = bring(
            venue,
            people=table(PEOPLE, "p2|Renamed|press", "new|New|staff"),
            rights=table("session|person|may", "dinner|p1|no"),
        )
        assert outcome.added == {"people": 1, "rights": 0}
        assert outcome.changed == {"people": 1, "rights": 1}
        with venue.read() as connection:
            assert connection.execute(select(func.count()).select_from(schema.person)).scalar_one() == 7
            assert connection.execute(select(func.count()).select_from(schema.listing)).scalar_one() == 3
        assert found(venue, schema.person.c.name, schema.person.c.ref == "p2") == "Renamed"

    def test_case_does_not_matter_in_references(self, venue: Either) -> None:
        assert bring(venue, people=table(PEOPLE, "P2|Renamed|PRESS")).changed == {"people": 1}

    def test_a_room_may_stand_before_the_one_it_lies_in(self, venue: Either) -> None:
        assert bring(venue, rooms=table(ROOMS, "nook|Nook|wing||", "wing|Wing|venue||")).added == {"rooms": 2}
        assert found(venue, schema.room.c.inside, schema.room.c.id == "nook") == "wing"

    def test_two_rooms_may_send_to_each_other_and_one_may_come_first(self, venue: Either) -> None:
        bring(venue, rooms=table(OVERFLOWS, "a|A|venue|9|0||b", "b|B|venue|9|0||A", "c|C|venue|9|0||hall"))
        with venue.read() as connection:
            read = programme.read(connection, event.read(connection))
        assert {room.id: room.overflow for room in read.rooms if room.overflow} == {"a": "b", "b": "a", "c": "hall"}

    def test_rows_may_point_into_other_files_and_to_what_was_known_before(self, venue: Either) -> None:
        outcome = bring(
            venue,
            categories=table("category|name|colour", "crew|Crew|#000000"),
            people=table(PEOPLE, "c1|Crew one|crew", "c2|Crew two|delegate"),
            sessions=table(SESSIONS, "brief|Briefing|salon|2026-11-23 08:00|2026-11-23 09:00|crew press"),
            rights=table("session|person|may", "brief|p1|yes", "keynote|c1|no"),
        )
        assert outcome.added == {"categories": 1, "people": 2, "sessions": 1, "rights": 2}

    def test_a_time_without_an_offset_is_the_venue_s(self, venue: Either) -> None:
        bring(
            venue,
            sessions=table(
                f"{SESSIONS}|doors_open|doors_close",
                "a|A|hall|2026-11-23 09:30|2026-11-23T11:00+01:00|everyone||",
                "b|B|hall|2026-11-23T04:00Z|2026-11-23 10:30|invited|10|20",
            ),
        )
        with venue.read() as connection:
            sessions = event_sessions(connection)
        nine_thirty = int(datetime(2026, 11, 23, 4, tzinfo=UTC).timestamp()) * 1000
        a, b = sessions["a"], sessions["b"]
        assert (a.starts, a.doors_open, a.doors_close) == (nine_thirty, nine_thirty - 30 * 60_000, a.ends)
        assert a.ends == int(datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp()) * 1000
        assert (b.starts, b.doors_open) == (nine_thirty, nine_thirty - 10 * 60_000)
        assert b.doors_close == nine_thirty + 20 * 60_000
        assert (a.categories, a.invited, b.categories, b.invited) == (0xFFFF, False, 0, True)

    def test_a_blank_reserve_is_the_larger_of_2_and_2_percent(self, venue: Either) -> None:
        bring(venue, rooms=table(ROOMS, "big|Big||1000||", "small|Small||40||", "tiny|Tiny||1||", "open|Open||||"))
        reserves = {
            name: found(venue, schema.room.c.reserve, schema.room.c.id == name) for name in ("big", "small", "tiny")
        }
        assert reserves == {"big": 20, "small": 2, "tiny": 1}


def event_sessions(connection: Connection) -> dict[str, Row[tuple[Any, ...]]]:
    return {row.id: row for row in connection.execute(select(schema.session))}


class TestRefusals:
    def test_every_bad_row_of_every_file_is_said_at_once_and_nothing_is_imported(self, venue: Either) -> None:
        problems = refusal(
            venue,
            rooms=table(ROOMS, "attic|Attic|nowhere|ten||sometimes"),
            people=table(PEOPLE, "ok|Fine|press", "a b|Spaced|press", "x1||press", "x2|Nobody's|knights"),
            sessions=table(SESSIONS, "s|S|hall|tomorrow|2026-11-23 11:00|everyone"),
        )
        places = [problem.split(": ")[0] for problem in problems]
        assert places == [
            "rooms.csv, line 2, column 'limit'",
            "rooms.csv, line 2, column 'exits'",
            "rooms.csv, line 2, column 'inside'",
            "sessions.csv, line 2, column 'starts'",
            "people.csv, line 3, column 'person'",
            "people.csv, line 4, column 'name'",
            "people.csv, line 5, column 'category'",
        ]
        hints = ("whole number", "trusted, matched, none", "correct it", "like 2026", "letters", "fill it in", "add it")
        assert [hint for hint, problem in zip(hints, problems, strict=True) if hint not in problem] == []

    def test_a_row_that_points_into_a_broken_file_is_not_blamed(self, untouched: Either) -> None:
        problems = refusal(untouched, categories=b"nonsense", people=table(PEOPLE, "x|X|unheard-of"))
        assert [problem.split(",")[0] for problem in problems if "people" in problem] == []

    @pytest.mark.parametrize(
        ("rooms", "lines"),
        [
            (("a|A|a|||",), ["line 2"]),
            (("a|A|b|||", "b|B|c|||", "c|C|a|||", "d|D|a|||"), ["line 2", "line 3", "line 4"]),
            (("venue|The venue|hall|||",), ["line 2"]),
        ],
    )
    def test_a_circle_of_rooms_is_refused(self, untouched: Either, rooms: tuple[str, ...], lines: list[str]) -> None:
        problems = refusal(untouched, rooms=table(ROOMS, *rooms))
        assert [problem.split(", ")[1] for problem in problems] == lines
        assert all("circle" in problem for problem in problems)

    @pytest.mark.parametrize(
        ("rooms", "place"),
        [
            (("a|A|venue||||a",), "line 2, column 'overflow'"),
            (("a|A|venue||||venue",), "line 2, column 'overflow'"),
            (("a|A|venue||||b", "b|B|c||||", "c|C|a||||"), "line 2, column 'overflow'"),
            (("a|A|venue||||nowhere",), "line 2, column 'overflow'"),
        ],
        ids=["itself", "around-it", "inside-it", "unknown"],
    )
    def test_nobody_is_sent_to_the_same_bodies_when_a_room_is_full(
        self, untouched: Either, rooms: tuple[str, ...], place: str
    ) -> None:
        (problem,) = refusal(untouched, rooms=table(OVERFLOWS, *rooms))
        assert place in problem

    def test_a_room_that_moves_is_told_whose_overflow_room_it_was(self, venue: Either) -> None:
        bring(venue, rooms=table(OVERFLOWS, "club|The club|venue|30|0|none|salon", "nook|Nook|venue||||"))
        bring(venue, rooms=table(OVERFLOWS, "salon|The salon|nook|12|2|matched|"))
        problems = refusal(venue, rooms=table(OVERFLOWS, "nook|Nook|club||||"))
        assert problems == [
            "rooms.csv, line 2, column 'inside': puts club and its overflow room salon one inside the other"
        ]

    def test_a_reserve_above_the_limit_is_refused(self, untouched: Either) -> None:
        assert "lower it" in refusal(untouched, rooms=table(ROOMS, "a|A||10|11|"))[0]

    @pytest.mark.parametrize(
        ("files", "place"),
        [
            ({"gates": (GATES, "both|Both|hall||both")}, "gates.csv, line 2, column 'direction'"),
            (
                {"rooms": (ROOMS, "new|New||9||trusted"), "gates": (GATES, "both|Both|new||both")},
                "gates.csv, line 2, column 'direction'",
            ),
            ({"rooms": (ROOMS, "salon|Salon|venue|12|2|trusted")}, "rooms.csv, line 2, column 'exits'"),
        ],
        ids=["known-room", "new-room", "known-gate"],
    )
    def test_a_two_way_gate_and_trusted_exits_do_not_go_together(
        self, untouched: Either, files: dict[str, tuple[str, ...]], place: str
    ) -> None:
        problems = refusal(untouched, **{kind: table(*lines) for kind, lines in files.items()})
        assert [problem.split(": ")[0] for problem in problems] == [place]

    def test_a_two_way_gate_goes_with_exits_that_become_matched_in_the_same_import(self, venue: Either) -> None:
        rooms, gates = table(ROOMS, "hall|Hall|venue|100|0|matched"), table(GATES, "hall-a|A|hall|venue|both")
        assert bring(venue, rooms=rooms, gates=gates).changed == {"rooms": 1, "gates": 1}

    def test_a_repeated_key_names_the_line_where_it_stood_first(self, untouched: Either) -> None:
        people = refusal(untouched, people=table(PEOPLE, "x|X|press", "y|Y|press", "X|Again|press"))
        lists = table("session|person|may", "dinner|p1|yes", "keynote|p1|no", "dinner|p1|no")
        rights = refusal(untouched, rights=lists)
        assert people == ["people.csv, line 4, column 'person': x stands in line 2 already; keep one of the two"]
        assert "line 4" in rights[0]
        assert "stands in line 2 already" in rights[0]

    def test_the_seventeenth_category_is_refused_counting_those_known_before(self, untouched: Either) -> None:
        more = [f"extra{at}|Extra {at}|#000000" for at in range(14)]
        assert "makes 17; at most 16" in refusal(untouched, categories=table("category|name|colour", *more))[0]

    def test_sixteen_categories_fit(self, venue: Either) -> None:
        more = [f"extra{at}|Extra {at}|#000000" for at in range(13)]
        assert bring(venue, categories=table("category|name|colour", *more)).added == {"categories": 13}

    @pytest.mark.parametrize(
        ("starts", "ends", "closes", "hint"),
        [
            ("2026-11-23 10:00", "2026-11-23 10:00", "", "not after the start"),
            ("2026-11-23 10:00", "2026-11-23 11:00", "61", "after the session's end"),
            ("2026-11-23", "2026-11-23 11:00", "", "has no time"),
            ("0001-01-01T00:00+14:00", "2026-11-23 11:00", "", "year"),
            ("2026-11-23 10:00", "9999-12-31T23:59-14:00", "", "year"),
        ],
    )
    def test_times_that_cannot_be_are_refused(
        self, untouched: Either, starts: str, ends: str, closes: str, hint: str
    ) -> None:
        rows = table(f"{SESSIONS}|doors_close", f"s|S|hall|{starts}|{ends}|everyone|{closes}")
        assert hint in refusal(untouched, sessions=rows)[0]

    @pytest.mark.parametrize(("who", "hint"), [("delegate knights", "'knights' is no category"), (", |", "empty")])
    def test_a_session_says_who_may_come(self, untouched: Either, who: str, hint: str) -> None:
        row = f'session,title,room,starts,ends,who\ns,S,hall,2026-11-23 10:00,2026-11-23 11:00,"{who}"\n'
        assert hint in refusal(untouched, sessions=row.encode())[0]


class TestCorrections:
    def test_a_corrected_name_reaches_the_kiosk_and_the_printed_badge_stays_valid(
        self, store: Either, world: World
    ) -> None:
        with store.read() as connection:
            before = versions.current(connection, versions.BADGES)
        outcome = bring(store, people=table(f"{PEOPLE}|language", "p1|Ana Česká|press|cs"))
        assert outcome.reprint == ()
        with store.read() as connection:
            now = versions.current(connection, versions.BADGES)
            heard = news.badge_news(connection, before, "hall", now)
        token = world.tokens["p1"]
        assert isinstance(tokens.verify(token, world.keys), tokens.Badge)
        [(lookup, box)] = heard.records
        assert lookup == record.lookup(token)
        assert record.unseal(token, box) == record.Record("Ana Česká", "cs")
        assert heard.upto == now
        assert not heard.whole

    def test_other_rights_need_another_badge_and_the_import_says_whose(self, store: Either, world: World) -> None:
        assert world.badge_ids["p1"]
        rows = table(f"{PEOPLE}|zones", "p1|Person 1|staff|", "p2|Person 2|staff|3 12", "new|New|staff|")
        assert bring(store, people=rows).reprint == ("p1", "p2")

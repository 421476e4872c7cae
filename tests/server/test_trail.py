"""The audit log: trail and acts in one list, filtered, turned page by page without loss, and reading it is noted."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from admission.errors import ConfigError
from server import acts, chronicle, trail
from server.acts import Actor
from server.chronicle import Filters
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from server.trail import Who
from server.users import Role
from server.web import create_app
from tests.pages import EVIL, Site, sign_in
from tests.world import World, utc_now

Either = SqliteStore | PostgresStore
ZONE = ZoneInfo("Asia/Kolkata")


def note(
    store: Either, at: int, by: str = "ada", what: str = "changed", about: str = "session", ref: str = "s1"
) -> None:
    store.write(lambda c: trail.note(c, Who(by, "10.0.0.7"), at, what, about, ref, {"n": at}))


def act(store: Either, at: int, by: str = "eve", room: str = "hall", kind: str = "hold") -> None:
    """An act as the table holds it."""
    row = {"kind": kind, "at": at, "by": by, "room": room, "device": "", "facts": "{}", "reason": "because"}
    row |= {"state": "done", "confirmed_by": "", "confirmed": at, "outcome": "held"}
    store.write(lambda c: c.execute(insert(schema.act), row))


def all_of(store: Either, filters: Filters = Filters(), limit: int = 3) -> list[str]:  # noqa: B008 - it is frozen
    """The places of all entries, read in pages of three."""
    with store.read() as connection:
        return [one.place for part in chronicle.everything(connection, filters, limit) for one in part]


class TestList:
    def test_trail_and_acts_come_by_time_and_no_page_loses_or_repeats_any(self, store: Either) -> None:
        for at in (5, 5, 5, 7, 7, 9, 1):
            note(store, at)
            act(store, at)
        found = all_of(store)
        assert len(found) == len(set(found)) == 14
        times = [int(place.partition(".")[0]) for place in found]
        assert times == sorted(times, reverse=True)
        assert all_of(store, limit=50) == found

    def test_what_comes_while_one_reads_does_not_move_the_pages(self, store: Either) -> None:
        for at in range(1, 9):
            note(store, at)
        with store.read() as connection:
            first = chronicle.page(connection, Filters(), None, 3)
        note(store, 100)
        before = chronicle.parse_place(first[-1].place)
        with store.read() as connection:
            second = chronicle.page(connection, Filters(), before, 3)
        assert [one.at for one in (*first, *second)] == [8, 7, 6, 5, 4, 3]

    def test_each_filter_leaves_what_it_says(self, store: Either) -> None:
        note(store, 1, by="ada", what="viewed", about="person", ref="p1")
        note(store, 2, by="bob", what="changed", about="room", ref="hall")
        act(store, 3, by="ada", room="hall")
        act(store, 4, by="bob", room="salon", kind="reopen")

        def times(**given: str) -> list[int]:
            with store.read() as connection:
                return [one.at for one in chronicle.page(connection, chronicle.parse(given, ZONE))]

        assert times() == [4, 3, 2, 1]
        assert times(by="ada") == [3, 1]
        assert times(what="changed") == [2]
        assert times(what="hold") == [3]
        assert times(about="person") == [1]
        assert times(about="act") == [4, 3]
        assert times(ref="hall") == [3, 2]
        assert times(by="ada", ref="hall") == [3]
        assert times(by="nobody") == times(ref="x\0y") == []

    def test_a_day_is_the_venue_s(self, store: Either) -> None:
        filters = chronicle.parse({"day": "2026-02-16"}, ZONE)
        assert filters.since is not None
        assert filters.until is not None
        for at in (filters.since - 1, filters.since, filters.until - 1, filters.until):
            note(store, at)
        assert len(all_of(store, filters)) == 2
        assert filters.until - filters.since == 86_400_000

    @pytest.mark.parametrize("day", ["x", "2026-13-01", "9999-12-31", "2026-02-30", "\0", "0000-00-00", "٢٠٢٦-٠٢-١٦"])
    def test_a_day_that_is_none_is_told(self, day: str) -> None:
        with pytest.raises(ConfigError, match="write it like"):
            chronicle.parse({"day": day}, ZONE)

    @pytest.mark.parametrize(
        "text", ["", "1", "1.0", "a.b.c", "1.2.3", "-1.0.1", f"{2**63}.0.1", f"1.0.{2**63}", "1.0.1.1"]
    )
    def test_a_place_that_is_none_is_passed_over(self, text: str) -> None:
        assert chronicle.parse_place(text) is None

    def test_what_an_act_was_for_and_what_came_of_it_is_there(self, store: Either, world: World) -> None:
        actor = Actor("steward", Role.SUPERVISOR)
        store.write(lambda c: acts.ask(c, "hold", {"room": "hall"}, actor, "too loud", world.now))
        with store.read() as connection:
            [entry] = chronicle.page(connection, Filters(about="act"))
        assert (entry.by, entry.what, entry.ref, entry.facts["reason"]) == ("steward", "hold", "hall", "too loud")


class TestPage:
    @pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk", "organiser"])
    def test_only_admins_and_auditors_read_it(self, site: Site, role: str) -> None:
        client = site.signed_in(role)
        assert client.get("/audit").status_code == client.get("/audit.csv").status_code == 403

    def test_reading_it_is_written_down_once_an_hour(self, sqlite_store: Either) -> None:
        now = [utc_now()]
        Site(sqlite_store)
        client = create_app(sqlite_store, lambda: now[0]).test_client()
        sign_in(client, "auditor")

        def views() -> int:
            with sqlite_store.read() as connection:
                return len([one for one in trail.newest(connection, about="audit") if one.what == "viewed"])

        for _ in range(3):
            assert client.get("/audit?by=admin").status_code == 200
        assert views() == 1
        now[0] += timedelta(minutes=61)
        client.get("/audit")
        assert views() == 2

    def test_everything_is_shown_as_text_and_a_name_is_looked_up_when_it_is_read(self, site: Site) -> None:
        at = to_ms(utc_now())
        site.store.write(
            lambda c: trail.note(c, Who(EVIL, EVIL), at, EVIL, "person", "p9", {EVIL: [EVIL, {"x": None}]})
        )
        act(site.store, at, by=EVIL, room=EVIL)
        page = site.signed_in("auditor").get("/audit").text
        assert "<script>" not in page
        assert "<img" not in page
        assert page.count("&lt;script&gt;alert(1)") > 5  # p9 is called so, too

    @pytest.mark.parametrize("query", ["day=x", "day=9999-12-31"])
    def test_a_bad_day_is_told_and_kept(self, site: Site, query: str) -> None:
        client = site.signed_in("auditor")
        assert client.get(f"/audit?{query}").status_code == 400
        assert client.get(f"/audit.csv?{query}").status_code == 400
        assert "write it like" in client.get(f"/audit?{query}").text

    def test_a_cursor_that_is_none_shows_the_newest(self, site: Site) -> None:
        client = site.signed_in("auditor")
        for wrong in ("x", "1.2.3", str(2**80)):
            assert client.get(f"/audit?before={wrong}").status_code == 200

    def test_pages_are_turned_with_the_filters_kept(self, site: Site) -> None:
        for at in range(120):
            note(site.store, at, by="turner", ref="t & u")
        client = site.signed_in("auditor")
        seen, link = 0, "/audit?by=turner&ref=t+%26+u"
        while link:
            page = client.get(link).text
            seen += page.count("<bdi>turner</bdi>")
            older = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
            link = older
        assert seen == 120

    def test_the_csv_holds_everything_that_the_filters_leave_and_no_formula(self, site: Site) -> None:
        for at in range(700):
            note(site.store, at, by="exporter", ref="=1+1")
        answer = site.signed_in("auditor").get("/audit.csv?by=exporter")
        assert answer.mimetype == "text/csv"
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert len(rows) == 700
        assert {row["ref"] for row in rows} == {"'=1+1"}
        with site.store.read() as connection:
            assert trail.newest(connection, 1, about="audit")[0].what == "exported"

"""Importing on a page: what will change is shown first, then exactly that is imported, or nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from server import imports, people, trail, tray
from server.imports import Moved
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.trail import Who
from server.web.people_import import LARGEST
from tests.pages import EVIL, Site, token
from tests.world import World, table, utc_now

Either = SqliteStore | PostgresStore
HEADER = "person|name|organisation|delegation|category|language"
PAGE = "/people/import"


@pytest.fixture
def venue(store: Either, world: World) -> Either:
    """The small venue on each kind of database."""
    return store


@pytest.fixture
def site(sqlite_store: Either) -> Site:
    """The pages over a venue of their own."""
    return Site(sqlite_store)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The pages over a venue that these tests leave as it is."""
    url = f"sqlite:///{tmp_path_factory.mktemp('preview') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def upload(client: FlaskClient, **files: bytes) -> TestResponse:
    """What the page answers to these files ({"people": bytes}), after the redirect."""
    given = [(io.BytesIO(raw), f"{name}.csv") for name, raw in files.items()]
    form = {"csrf_token": token(client.get(PAGE)), "files": given}
    return client.post(PAGE, data=form, content_type="multipart/form-data", follow_redirects=True)


def confirm(client: FlaskClient, page: TestResponse) -> TestResponse:
    mark = page.text.partition('name="mark" value="')[2].partition('"')[0]
    return client.post(page.request.path, data={"csrf_token": token(page), "mark": mark})


def held(store: Either) -> list[str]:
    with store.read() as connection:
        rows = [connection.execute(select(one)).all() for one in (schema.person, schema.listing, schema.session)]
    return sorted(map(repr, rows))


class TestLooking:
    def test_new_changed_unchanged_and_kept_rows_are_told_apart(self, venue: Either) -> None:
        rows = table(HEADER, "p1|Person 1|Org 1|Land 1|press|en", "p2|Renamed|Org 2|Land 2|staff|en", "x1|New|||press|")
        before = held(venue)
        with venue.read() as connection:
            seen = imports.look(connection, {"people": rows})
        found = seen.files["people"]
        assert (list(found.added), list(found.changed), found.unchanged) == ([("x1",)], [("p2",)], 1)
        assert len(found.kept) == 58
        was, now = found.changed["p2",]
        assert (was["name"], now["name"]) == ("Person 2", "Renamed")
        assert held(venue) == before

    def test_what_is_shown_is_what_is_done(self, venue: Either) -> None:
        files = {
            "categories": table("category|name|colour", "crew|Crew|#102030"),
            "people": table(HEADER, "c1|Crew one||Land 1|crew|fr", "p3|Person 3|Org 3|Land 3|crew|en"),
            "rights": table("session|person|may", "dinner|c1|yes", "dinner|p1|no"),
        }
        with venue.read() as connection:
            seen = imports.look(connection, files)
        done = venue.write(lambda c: imports.run(c, files, os.urandom, seen.mark))
        assert {k: (len(d.added), len(d.changed)) for k, d in seen.files.items()} == {
            k: (done.added[k], done.changed[k]) for k in done.added
        }
        assert seen.reprint == done.reprint == ("p3",)
        with venue.read() as connection:
            assert imports.look(connection, files).empty

    def test_a_change_in_between_is_noticed_if_it_touches_these_rows_and_only_then(self, venue: Either) -> None:
        files = {"people": table(HEADER, "p1|Renamed|Org 1|Land 1|press|en")}
        with venue.read() as connection:
            mark = imports.look(connection, files).mark
        facts = people.Facts("Walk In", "", "", 1, 0, "")
        venue.write(lambda c: people.walk_in(c, facts, Who("x"), utc_now()))
        other = {"people": table(HEADER, "p1|Somebody Else|Org 1|Land 1|press|en")}
        venue.write(lambda c: imports.run(c, other, os.urandom))
        with pytest.raises(Moved):
            venue.write(lambda c: imports.run(c, files, os.urandom, mark))
        with venue.read() as connection:
            again = imports.look(connection, files).mark
        venue.write(lambda c: people.walk_in(c, facts, Who("x"), utc_now()))
        assert venue.write(lambda c: imports.run(c, files, os.urandom, again)).changed == {"people": 1}

    def test_an_import_is_seen_by_whoever_edits_the_person_meanwhile(self, venue: Either) -> None:
        with venue.read() as connection:
            row = people.find(connection, "p1")
        files = {"people": table(HEADER, "p1|Renamed|Org 1|Land 1|press|en")}
        venue.write(lambda c: imports.run(c, files, os.urandom))
        act = (Who("x"), utc_now(), os.urandom)
        with pytest.raises(people.Edited):
            venue.write(lambda c: people.correct(c, "p1", row["edition"], people.facts_of(row), act))

    @pytest.mark.parametrize(
        ("name", "first", "kind"),
        [
            ("People.CSV", "", "people"),
            (r"C:\list\rights.csv", "", "rights"),
            ("gäste.csv", "Person;NAME;Category\n", "people"),
            ("x", "room,name,limit\r\n", "rooms"),
            ("x", "gate,name,room\r", "gates"),
            ("x", "hello,world\n", None),
            ("x", "", None),
        ],
    )
    def test_a_table_is_known_by_its_name_or_its_columns(self, name: str, first: str, kind: str | None) -> None:
        assert imports.kind_of(name, first.encode()) == kind
        assert imports.kind_of(name, first.encode("utf-16")) == kind


class TestThePage:
    def test_it_shows_old_and_new_writes_nothing_and_then_does_exactly_that(self, site: Site) -> None:
        client = site.signed_in("organiser")
        before = held(site.store)
        page = upload(client, people=table(HEADER, "p1|Renamed|Org 1|Land 1|press|en", "n1|Fresh|||staff|"))
        assert held(site.store) == before
        for part in ("Person 1", "Renamed", "Fresh", "Import exactly this"):
            assert part in page.text
        assert "Renamed" in client.get(f"{page.request.path}/changes.csv").text
        assert confirm(client, page).status_code == 303
        with site.store.read() as connection:
            assert people.find(connection, "p1")["name"] == "Renamed"
            step, taken = trail.newest(connection, 2, about="import")
            assert (taken.what, taken.by) == ("downloaded", "organiser")
            left = select(func.count()).select_from(schema.setting).where(schema.setting.c.name.like("tray:%"))
            assert connection.execute(left).scalar_one() == 0
        assert step.facts == {"files": {"people": [1, 1]}}
        assert client.get(page.request.path).status_code == 404

    def test_a_change_in_between_shows_it_again_and_imports_nothing(self, site: Site) -> None:
        client = site.signed_in("organiser")
        page = upload(client, people=table(HEADER, "p1|Renamed|Org 1|Land 1|press|en"))
        other = table(HEADER, "p1|Meanwhile|Org 1|Land 1|press|en")
        site.store.write(lambda c: imports.run(c, {"people": other}, os.urandom))
        answer = confirm(client, page)
        assert answer.status_code == 409
        assert "Meanwhile" in answer.text
        with site.store.read() as connection:
            assert people.find(connection, "p1")["name"] == "Meanwhile"

    def test_whose_badges_have_to_be_printed_again_is_said_before_and_after(self, site: Site) -> None:
        client = site.signed_in("organiser")
        page = upload(client, people=table(HEADER, "p1|Person 1|Org 1|Land 1|staff|en"))
        assert "1 badge will have to be printed again" in page.text
        assert confirm(client, page).location == "/badges?badge=stale"
        assert "Person 1" in client.get("/badges?badge=stale").text

    def test_only_who_uploaded_it_finds_it_and_not_for_ever(self, site: Site) -> None:
        client = site.signed_in("organiser")
        page = upload(client, people=table(HEADER, "p1|Renamed|Org 1|Land 1|press|en"))
        assert site.signed_in("admin").get(page.request.path).status_code == 404
        name, later = page.request.path.rpartition("/")[2], utc_now() + tray.LASTS + timedelta(seconds=1)
        with site.store.read() as connection:
            assert tray.find(connection, name, Who("organiser"), utc_now())
            assert tray.find(connection, name, Who("organiser"), later) is None
        site.store.write(lambda c: tray.clear(c, later))
        assert client.get(page.request.path).status_code == 404

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"person,name,category\np1,Jos\xe9,press\n", "looks like Windows-1252"),
            (b"person,name,category\np1,A\0B,press\n", "is not a text file"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "is not a text file"),
            (b"", "is empty; the first line names the columns"),
            (b'person,name,category\np1,"A,press\n', "a quotation mark that is not closed"),
            (b"person,name,category\np1,<img src=x>,nobody\n", "&#39;nobody&#39; is not in categories.csv"),
            (b"person,name\n", "is missing; the columns are"),
            (b"person,name,category\n\xff\xfe,A,press\n", "is not UTF-8"),
            (("person,name,category\n" + "p1,A,press\n" * 3).encode(), "stands in line 2 already"),
            (f"person,name,category\n{EVIL},A,press\n".encode(), "is no reference"),
        ],
    )
    def test_a_file_from_hell_is_answered_by_what_to_correct(self, still: Site, raw: bytes, said: str) -> None:
        page = upload(still.signed_in("organiser"), people=raw)
        assert said in page.text
        assert "<script>alert(1)" not in page.text
        assert "Import exactly this" not in page.text

    def test_an_impossible_date_is_told_by_line_and_column(self, still: Site) -> None:
        rows = table("session|title|room|starts|ends|who", "s|S|hall|2026-02-31 09:00|2026-11-23 10:00|everyone")
        text = upload(still.signed_in("organiser"), sessions=rows).text
        assert "&#39;2026-02-31 09:00&#39; is no date and time" in text
        assert "starts" in text

    def test_formulas_and_markup_in_names_are_taken_as_text(self, site: Site) -> None:
        client = site.signed_in("organiser")
        page = upload(client, people=table(HEADER, f"e1|=1+1|{EVIL}||press|", "p1|@SUM(A1)|Org 1|Land 1|press|en"))
        assert "<script>alert(1)" not in page.text
        exported = client.get(f"{page.request.path}/changes.csv").text
        assert "'=1+1" in exported
        assert "'@SUM(A1)" in exported
        assert confirm(client, page).status_code == 303

    def test_many_rows_make_a_small_page(self, site: Site) -> None:
        rows = table(HEADER, *(f"m{at}|Guest number {at}|Org||press|en" for at in range(3000)))
        page = upload(site.signed_in("organiser"), people=rows)
        assert "3,000" in page.text
        assert len(page.data) < 60_000

    def test_many_mistakes_make_a_small_page(self, still: Site) -> None:
        rows = table(HEADER, *(f"m {at}|{'x' * 300}|Org||king|en" for at in range(3000)))
        page = upload(still.signed_in("organiser"), people=rows)
        assert "things to correct" in page.text
        assert len(page.data) < 100_000

    def test_a_file_of_several_megabytes_is_taken_and_a_larger_one_is_not(self, still: Site) -> None:
        client = still.signed_in("organiser")
        assert upload(client, people=b"person,name,category\n" + b" \n" * 1_000_000).status_code == 200
        form = {"csrf_token": token(client.get(PAGE)), "files": [(io.BytesIO(b"x" * (LARGEST + 1)), "people.csv")]}
        assert client.post(PAGE, data=form, content_type="multipart/form-data").status_code == 413
        assert client.post("/people/new", data={"name": "x" * 1_100_000}).status_code == 413

    def test_other_uploads_are_told_what_they_lack(self, still: Site) -> None:
        client = still.signed_in("organiser")
        assert upload(client).status_code == 400
        assert "is none of the tables" in upload(client, holiday=b"\xff\xd8\xff\xe0").text
        twice = {"people": table(HEADER, "p1|A|||press|"), "guests": table(HEADER, "p1|A|||press|")}
        assert "upload one of the two" in upload(client, **twice).text

    @pytest.mark.parametrize("name", ["0" * 32, "%00", "x" * 500, "..", "tray:x"])
    def test_a_token_that_is_none_is_not_found(self, still: Site, name: str) -> None:
        client = still.signed_in("organiser")
        for path in (f"{PAGE}/{name}", f"{PAGE}/{name}/changes.csv"):
            assert client.get(path).status_code in (404, 308), path

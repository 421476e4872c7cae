"""The JSON API: what programs read with which key, how they follow the log, what they are told when it cannot be."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from server import api_keys, erasure, extracts, trail
from server.api_keys import Scope
from server.extracts import Wanted
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.store.instants import to_ms
from server.store.schema import api_key, passage
from server.trail import Who
from server.web.api.description import Routes, Words
from server.web.api.shapes import Nothing, Ref
from tests.pages import EVIL, Site
from tests.server.audit_day import day
from tests.server.desk import Server

Get = Callable[..., TestResponse]


def key_of(site: Site, *scopes: Scope) -> dict[str, str]:
    name = f"test {os.urandom(4).hex()}"
    who = Who("admin")
    text = site.store.write(lambda c: api_keys.make(c, name, scopes, who, 1, os.urandom))
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A venue in which five people are in the hall."""
    url = f"sqlite:///{tmp_path_factory.mktemp('api') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    site = Site(store)
    site.enter("p1", "p2", "p4", "p5", "p9")
    yield site
    store.close()


@pytest.fixture(scope="module")
def client(hall: Site) -> FlaskClient:
    return hall.app.test_client()


@pytest.fixture(scope="module")
def every(hall: Site) -> dict[str, str]:
    return key_of(hall, *Scope)


@pytest.fixture
def get(client: FlaskClient, every: dict[str, str]) -> Get:
    return lambda path, **more: client.get(f"/api/v1{path}", headers=every, **more)


def said(answer: TestResponse, status: int) -> dict[str, str]:
    """An error's three sentences."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    body = answer.get_json()
    assert set(body) == {"error", "what", "do"}
    assert all(body.values())
    return dict(body)


class TestWithAKey:
    def test_every_address_needs_its_scope(self, hall: Site, client: FlaskClient) -> None:
        needs = {
            "/people": Scope.PEOPLE_READ,
            "/people/p1": Scope.PEOPLE_READ,
            "/event": Scope.SESSIONS_READ,
            "/sessions": Scope.SESSIONS_READ,
            "/sessions/keynote": Scope.SESSIONS_READ,
            "/sessions/keynote/attendance": Scope.SESSIONS_READ,
            "/occupancy": Scope.OCCUPANCY_READ,
            "/passages": Scope.PASSAGES_READ,
        }
        for path, scope in needs.items():
            assert client.get(f"/api/v1{path}", headers=key_of(hall, scope)).status_code == 200, path
            others = key_of(hall, *(one for one in Scope if one is not scope))
            assert scope.value in said(client.get(f"/api/v1{path}", headers=others), 403)["what"]
            answer = client.get(f"/api/v1{path}")
            said(answer, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        reader = key_of(hall, *(one for one in Scope if one is not Scope.PEOPLE_WRITE))
        said(client.put("/api/v1/people/p1", json={"name": "X", "category": "press"}, headers=reader), 403)

    @pytest.mark.parametrize(
        "text", ["", "Bearer", "Bearer thr_x", "Basic YTpi", "Bearer " + "x" * 9999, "bearer \u00e9"]
    )
    def test_no_other_text_is_one(self, client: FlaskClient, text: str) -> None:
        said(client.get("/api/v1/event", headers={"Authorization": text}), 401)

    def test_a_console_session_is_no_key(self, hall: Site) -> None:
        said(hall.signed_in("admin").get("/api/v1/people"), 401)

    def test_its_use_is_written_down(self, hall: Site, client: FlaskClient) -> None:
        headers = key_of(hall, Scope.SESSIONS_READ)
        client.get("/api/v1/event", headers=headers)
        with hall.store.read() as connection:
            newest = connection.execute(select(api_key.c.used).order_by(api_key.c.id.desc())).scalars().first()
        assert newest is not None

    def test_who_asks_too_often_is_told_to_wait(self, hall: Site, client: FlaskClient) -> None:
        headers, other = key_of(hall, Scope.SESSIONS_READ), key_of(hall, Scope.SESSIONS_READ)
        hall.app.config["API_PER_KEY"] = "3/minute"
        try:
            found = [client.get("/api/v1/event", headers=headers).status_code for _ in range(3)]
            late = client.get("/api/v1/sessions", headers=headers)
            assert client.get("/api/v1/event", headers=other).status_code == 200
        finally:
            del hall.app.config["API_PER_KEY"]
        assert found == [200, 200, 200]
        said(late, 429)
        assert 0 < int(late.headers["Retry-After"]) <= 60


class TestPeople:
    def test_are_read_on_by_cursor_each_once(self, get: Get) -> None:
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = get(f"/people?limit=7&cursor={cursor}").get_json()
            assert len(page["people"]) <= 7
            found += [one["ref"] for one in page["people"]]
            cursor = page["next"]
        assert found == sorted(set(found))
        assert {f"p{n}" for n in range(1, 61)} <= set(found)

    def test_are_found_by_words_delegation_and_category(self, get: Get) -> None:
        assert [one["ref"] for one in get("/people?q=PERSON+17").get_json()["people"]] == ["p17"]
        land = get("/people?delegation=Land+1&category=press").get_json()["people"]
        assert {one["delegation"] for one in land} == {"Land 1"}
        assert {one["category"] for one in land} == {"press"}
        assert get("/people?q=%25").get_json()["people"] == []

    def test_one_has_everything_but_the_badges_code(self, hall: Site, get: Get) -> None:
        one = get("/people/P1")
        assert one.get_json() == {
            "ref": "p1", "name": "Person 1", "organisation": "Org 1", "delegation": "Land 1", "category": "press",
            "zones": [], "language": "en", "badge": hall.world.badge_ids["p1"] >> 32,
        }  # fmt: skip
        assert get("/people/p9").get_json()["name"] == EVIL
        said(get("/people/nobody"), 404)
        said(get("/people/%00"), 404)

    def test_can_be_added_and_changed_by_the_checks_of_an_import(
        self, hall: Site, client: FlaskClient, every: dict[str, str]
    ) -> None:
        body = {"name": 'Ada, "Countess"', "category": "press", "zones": [3, 1], "language": "fr"}
        new = client.put("/api/v1/people/Ada.1", json=body, headers=every)
        assert new.status_code == 201
        assert new.get_json()["name"] == 'Ada, "Countess"'
        assert new.get_json()["zones"] == [1, 3]
        same = client.put("/api/v1/people/ada.1", json=body | {"name": "Ada"}, headers=every)
        assert (same.status_code, same.get_json()["name"]) == (200, "Ada")
        with hall.store.read() as connection:
            steps = trail.newest(connection, 2, about="person", ref="ada.1")
        assert [one.what for one in steps] == ["changed", "added"]
        assert steps[0].by.startswith("key test ")

    def test_the_badge_is_told_only_to_who_may_read(self, hall: Site, client: FlaskClient) -> None:
        body = {"name": "Person 7", "category": "press"}
        writer, both = key_of(hall, Scope.PEOPLE_WRITE), key_of(hall, Scope.PEOPLE_WRITE, Scope.PEOPLE_READ)
        blind = client.put("/api/v1/people/p7", json=body, headers=writer).get_json()
        seeing = client.put("/api/v1/people/p7", json=body, headers=both).get_json()
        assert "badge" not in blind
        assert seeing == blind | {"badge": seeing["badge"]}
        assert isinstance(seeing["badge"], int)

    @pytest.mark.parametrize(
        ("body", "status", "says"),
        [
            (b'{"name": "A", "category": "nobility"}', 400, "category"),
            (b'{"name": "A"}', 400, "category"),
            (b'{"name": "", "category": "press"}', 400, "name"),
            (b'{"name": "A", "category": "press", "zones": [13]}', 400, "zones"),
            (b'{"name": "A", "category": "press", "rank": 1}', 400, "rank"),
            (b'{"name": "A\\u0000", "category": "press"}', 400, "name"),
            (b'{"name": "A\\ud800", "category": "press"}', 400, "Body"),
            (b'{"name": "A", "category": "press", "language": "?"}', 400, "language"),
            (b'{"name', 400, "Body"),
            (b"", 400, "Body"),
            (b"\xff", 400, "Body"),
            (b"[" * 100_000, 400, "Body"),
            (b'"' + b"x" * 1_000_001 + b'"', 413, "large"),
        ],
    )
    def test_bad_bodies_are_told_what_is_wrong(
        self, client: FlaskClient, every: dict[str, str], body: bytes, status: int, says: str
    ) -> None:
        answer = client.put("/api/v1/people/p1", data=body, content_type="application/json", headers=every)
        assert says in said(answer, status)["what"]

    def test_a_body_says_that_it_is_json(self, client: FlaskClient, every: dict[str, str]) -> None:
        said(client.put("/api/v1/people/p1", data="name=A", headers=every), 415)


class TestTheProgramme:
    def test_event_sessions_and_attendance(self, get: Get) -> None:
        event = get("/event").get_json()
        assert (event["name"], event["timezone"], event["sessions"]) == ("Test summit", "Asia/Kolkata", 4)
        assert event["now"].endswith("+05:30")
        sessions = get("/sessions").get_json()["sessions"]
        assert {one["id"] for one in sessions} == {"keynote", "panel", "talks", "dinner"}
        assert [one["id"] for one in get("/sessions?room=salon").get_json()["sessions"]] == ["talks"]
        assert get("/sessions/TALKS").get_json()["categories"] == ["delegate", "press"]
        said(get("/sessions/none"), 404)
        said(get("/sessions/none/attendance"), 404)

    def test_attendance_names_people_only_to_who_may_read_people(
        self, hall: Site, client: FlaskClient, get: Get
    ) -> None:
        full = get("/sessions/keynote/attendance").get_json()
        refs = [one["ref"] for one in full["attendees"]]
        assert {"p1", "p2", "p4", "p5", "p9"} <= set(refs)  # other tests may have let somebody in since
        assert full["people"] == full["inside"] == len(refs)
        assert sum(one["people"] for one in full["delegations"]) == len(refs)
        assert sum(one["people"] for one in full["categories"]) == len(refs)
        bare = client.get("/api/v1/sessions/keynote/attendance", headers=key_of(hall, Scope.SESSIONS_READ)).get_json()
        assert bare == full | {"attendees": None}

    def test_occupancy_is_the_boards(self, hall: Site, get: Get) -> None:
        rooms = {one["id"]: one for one in get("/occupancy").get_json()["rooms"]}
        with hall.app.app_context():
            board = {one["id"]: one for one in hall.app.extensions["threshold"].boards.look()["rooms"]}
        assert set(rooms) == set(board)
        for name, room in rooms.items():
            assert (room["inside"], room["possible"]) == (board[name]["inside"], board[name]["possible"])
        assert rooms["hall"]["inside"] >= 5
        assert rooms["hall"]["limit"] == 100


class TestPassages:
    def test_a_program_follows_the_log(self, hall: Site, get: Get) -> None:
        first = get("/passages?limit=2").get_json()
        assert [one["id"] for one in first["passages"]] == [1, 2]
        assert (first["next"], first["more"]) == (2, True)
        rest = get(f"/passages?after={first['next']}").get_json()
        assert [one["id"] for one in rest["passages"]] == [3, 4, 5]
        none = get(f"/passages?after={rest['next']}").get_json()
        assert none == {"passages": [], "next": 5, "more": False}
        hall.enter("p20")
        later = get(f"/passages?after={none['next']}").get_json()
        assert [one["person"]["ref"] for one in later["passages"]] == ["p20"]

    def test_it_is_filtered(self, get: Get) -> None:
        def ids(query: str) -> list[int]:
            return [one["id"] for one in get(f"/passages?{query}").get_json()["passages"]]

        assert ids("person=P4") == [3]
        assert ids("gate=hall-a&room=hall&session=keynote&kind=entry&verdict=accepted&limit=2") == [1, 2]
        assert ids("kiosk=k-hall-b") == []
        assert ids("since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00%2B01:00") == []
        assert len(ids("since=2020-01-01T00:00:00Z")) >= 5

    def test_names_are_for_who_may_read_people(self, hall: Site, client: FlaskClient, get: Get) -> None:
        headers = key_of(hall, Scope.PASSAGES_READ)
        bare = client.get("/api/v1/passages?limit=1", headers=headers).get_json()["passages"][0]
        assert bare["person"] == {"ref": "p1", "name": None, "organisation": None, "delegation": None}
        assert get("/passages?limit=1").get_json()["passages"][0]["person"]["name"] == "Person 1"
        said(client.get("/api/v1/passages?person=p1", headers=headers), 403)

    def test_who_reads_it_is_noted_once_an_hour(self, hall: Site, client: FlaskClient) -> None:
        headers = key_of(hall, Scope.PASSAGES_READ)
        for _ in range(3):
            client.get("/api/v1/passages", headers=headers)
        with hall.store.read() as connection:
            by = trail.newest(connection, 1, about="log")[0].by
            assert len(trail.newest(connection, 9, about="log", by=by)) == 1

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0", "limit=1001", "limit=ten", "limit=1&limit=2", "after=-1", "after=9223372036854775808",
            "after=1e400", "colour=red", "since=yesterday", "since=2026-01-01T10:00:00", "session=a b", "gate=%00",
            "since=0000-00-00T00:00:00Z", "kiosk=" + "x" * 65,
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_said(self, get: Get, query: str) -> None:
        said(get(f"/passages?{query}"), 400)

    def test_the_ends_of_time_are_no_crash(self, get: Get) -> None:
        for query in (
            "since=0001-01-01T00:00:00%2B14:00",
            "until=9999-12-31T23:59:59-14:00",
            "after=9223372036854775807",
        ):
            assert get(f"/passages?{query}").status_code in (200, 400), query


class TestTheWholeApi:
    def test_an_unchanged_answer_is_not_sent_again(self, client: FlaskClient, every: dict[str, str]) -> None:
        first = client.get("/api/v1/sessions", headers=every)
        again = client.get("/api/v1/sessions", headers=every | {"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

    def test_other_methods_and_addresses_are_told_in_json(self, client: FlaskClient, every: dict[str, str]) -> None:
        answer = client.delete("/api/v1/people/p1", headers=every)
        said(answer, 405)
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, PUT"
        said(client.post("/api/v1/passages", headers=every), 405)
        said(client.get("/api/v1/nothing", headers=every), 404)
        assert client.head("/api/v1/event", headers=every).status_code == 200

    def test_its_page_shows_every_route_and_loads_nothing_from_elsewhere(self, client: FlaskClient) -> None:
        page = client.get("/api/docs")
        document = client.get("/api/v1/openapi.json").get_json()
        assert page.status_code == 200
        for path, methods in document["paths"].items():
            assert f"/api/v1{path}" in page.text
            for one in methods.values():
                assert one["summary"] in html.unescape(page.text)
        for name in document["components"]["schemas"]:
            assert f'id="schema-{name}"' in page.text
        assert "https://" not in page.text.replace("http://www.w3.org", "")

    def test_a_route_without_words_cannot_be(self) -> None:
        def view(_call: Any) -> Nothing:
            return Nothing()

        words = Words(Scope.PEOPLE_READ, {200: Nothing})
        with pytest.raises(TypeError, match="write a docstring"):
            Routes().add("GET", "/things", words)(view)
        with pytest.raises(TypeError, match="say the type"):
            Routes().add("GET", "/things/{id}", words)
        with pytest.raises(TypeError, match="say the type"):
            Routes().add("GET", "/things", Words(Scope.PEOPLE_READ, {}, path={"id": Ref}))


class TestOnEachDatabase:
    def test_extracts_are_the_same(self, server: Server) -> None:
        day(server)
        with server.store.read() as connection:
            now = to_ms(server.now) + 10_000
            rows, more = extracts.passages(connection, Wanted(person="p1"), 0, 10, now)
            assert [row["kind"] for row in rows] == ["entry", "exit"]
            assert not more
            rows, more = extracts.passages(connection, Wanted(), 0, 4, now)
            assert ([row["id"] for row in rows], more) == ([1, 2, 3, 4], True)
            assert extracts.attended(connection, "keynote") == (13, 10)
            before = extracts.groups(connection, "keynote")
            assert sum(before[0].values()) == 13
            assert len(extracts.people(connection, "person", "Land 1", "press", "", 99)) == 4
        server.store.write(lambda c: erasure.erase(c, "p1", "p1", "asked", Who("o"), server.now))
        with server.store.read() as connection:
            assert extracts.groups(connection, "keynote") == before
            assert extracts.attended(connection, "keynote") == (13, 10)

    @pytest.mark.postgres
    @pytest.mark.xdist_group("postgres")
    def test_what_is_young_waits_where_numbers_may_come_out_of_order(
        self, store: SqliteStore | PostgresStore, server: Server
    ) -> None:
        day(server)
        with store.read() as connection:
            newest = connection.execute(select(passage.c.received).order_by(passage.c.id.desc())).scalars().first()
            assert newest is not None
            early = extracts.passages(connection, Wanted(), 0, 100, newest)[0]
            late = extracts.passages(connection, Wanted(), 0, 100, newest + extracts.SETTLE_MS)[0]
        assert len(late) == 20
        assert (len(early) == 20) is isinstance(store, SqliteStore)

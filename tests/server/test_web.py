"""The pages as browsers meet them: who may open what, hostile input, errors, and the live stream."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Connection, update
from werkzeug.wrappers import Response

from server import chronicle, log
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.users import Role
from server.web import stream
from tests.pages import EVIL, Site, token

PAGES = ("/", "/board", "/board/stream", "/log", "/log.csv")
WATCHERS = {"viewer", "steward", "supervisor", "desk", "organiser", "admin"}
READERS = {"organiser", "admin", "auditor"}


class TestRoles:
    @pytest.mark.parametrize("page", PAGES)
    def test_a_stranger_is_asked_to_sign_in(self, site: Site, page: str) -> None:
        answer = site.app.test_client().get(page)
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/sign-in")
        assert "Keynote" not in answer.text

    @pytest.mark.parametrize("role", list(Role))
    def test_a_role_opens_its_pages_and_no_others(self, site: Site, role: str) -> None:
        client = site.signed_in(role)
        expected = {
            "/board": role in WATCHERS,
            "/board/stream": role in WATCHERS,
            "/log": role in READERS,
            "/log.csv": role in READERS,
        }
        for page, opens in expected.items():
            with client.get(page, buffered=False) as answer:
                assert answer.status_code == (200 if opens else 403), page
                if not opens:
                    assert "Your role does not open this page" in answer.get_data(as_text=True)


class TestErrorsAndHeaders:
    @pytest.mark.parametrize("page", ["/sign-in", "/board", "/log", "/nothing", "/log?since=x"])
    def test_every_page_forbids_framing_foreign_scripts_and_keeping_a_copy(self, site: Site, page: str) -> None:
        headers = site.signed_in("admin").get(page).headers
        policy = headers["Content-Security-Policy"]
        for word in ("default-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            assert word in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"

    def test_what_names_people_is_never_kept_by_a_browser_or_proxy(self, site: Site) -> None:
        headers = site.signed_in("admin").get("/log.csv").headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")

    def test_scripts_and_styles_come_from_files_only(self, site: Site) -> None:
        client = site.signed_in("admin")
        for page in ("/sign-in", "/board", "/board?wall=1", "/log"):
            text = client.get(page).text
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|<[^>]*\s(?:on\w+|style)=", text)

    @pytest.mark.parametrize(
        ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/log", 405), ("GET", "/log?verdict=x", 400)]
    )
    def test_an_error_is_a_page_that_says_what_and_what_to_do(
        self, site: Site, method: str, path: str, status: int
    ) -> None:
        answer = site.signed_in("admin").open(path, method=method)
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert 'class="error-do"' in answer.text

    def test_too_large_a_form_is_refused(self, site: Site) -> None:
        answer = site.app.test_client().post("/sign-in", data={"name": "x" * 1_100_000})
        assert answer.status_code == 413
        assert "too large" in answer.text

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/api/nothing", 404),
            ("POST", "/api/v1/nothing", 404),
            ("GET", "/api/v1/exchange", 400),
            ("POST", "/api/v1/exchange", 403),
        ],
    )
    def test_a_program_gets_error_what_and_do(self, site: Site, method: str, path: str, status: int) -> None:
        answer = site.app.test_client().open(path, method=method, data=b"{}")
        assert (answer.status_code, answer.mimetype) == (status, "application/json")
        said = json.loads(answer.data)
        assert set(said) == {"error", "what", "do"}
        assert all(said.values())

    def test_a_mistake_of_ours_says_nothing_of_our_insides(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise KeyError("secret inside")

        monkeypatch.setattr(log, "choices", fail)
        answer = site.signed_in("admin").get("/log")
        assert answer.status_code == 500
        assert "The server failed at this" in answer.text
        assert "secret" not in answer.text


class TestLog:
    @pytest.mark.parametrize("name", ["q", "session", "gate", "organisation", "verdict", "since", "until"])
    def test_what_was_asked_for_is_shown_again_as_text(self, site: Site, name: str) -> None:
        answer = site.signed_in("admin").get("/log", query_string={name: EVIL})
        assert answer.status_code == (400 if name in ("verdict", "since", "until") else 200)
        assert "<script>" not in answer.text
        assert "<img" not in answer.text

    def test_names_that_hold_markup_are_shown_as_text(self, site: Site) -> None:
        site.enter("p9")
        page = site.signed_in("admin").get("/log?q=p9").text
        assert EVIL in unescape(page)
        assert "<script>" not in page
        assert "<img" not in page

    @pytest.mark.parametrize("cursor", ["abc", "-1", "9" * 30, "", "1e5", "0"])
    def test_a_cursor_that_cannot_be_breaks_nothing(self, site: Site, cursor: str) -> None:
        for name in ("before", "after"):
            assert site.signed_in("admin").get("/log", query_string={name: cursor}).status_code == 200

    def test_older_and_newer_keep_the_filters(self, site: Site) -> None:
        site.enter(*["p5"] * 101)
        client = site.signed_in("admin")
        first = client.get("/log?q=p5&gate=hall-a")
        older = re.search(r'rel="next" href="([^"]+)"', first.text)
        assert older is not None
        second = client.get(unescape(older[1]))
        assert second.text.count('data-kind="entry"') == 1
        newer = re.search(r'rel="prev" href="([^"]+)"', second.text)
        assert newer is not None
        assert client.get(unescape(newer[1])).text.count('data-kind="entry"') == log.PAGE

    def test_the_csv_is_the_page_s_filter_as_a_file(self, site: Site) -> None:
        site.enter("p6", "p7")
        client = site.signed_in("auditor")
        link = re.search(r'href="(/log\.csv[^"]*)"', client.get("/log?q=p6&verdict=entry").text)
        assert link is not None
        answer = client.get(unescape(link[1]))
        assert (answer.mimetype, answer.content_type) == ("text/csv", "text/csv; charset=utf-8")
        assert re.fullmatch(
            r"attachment; filename=threshold-log-\d{8}-\d{4}\.csv", answer.headers["Content-Disposition"]
        )
        assert answer.data.startswith(b"\xef\xbb\xbftime,date,")
        lines = answer.data.decode("utf-8-sig").splitlines()[1:]
        assert {line.split(",")[2] for line in lines} == {"p6"}


def events(answer: Response) -> Iterator[tuple[str, Any]]:
    """(name, data) as they come; a beat at least every five seconds."""
    text = ""
    for chunk in answer.iter_encoded():
        text += chunk.decode()
        *whole, text = text.split("\n\n")
        for lines in whole:
            found = dict(line.split(": ", 1) for line in lines.splitlines())
            if "event" in found:
                yield found["event"], json.loads(found["data"])


class TestStream:
    @pytest.fixture
    def site(self, sqlite_store: SqliteStore | PostgresStore) -> Site:
        """A venue of its own: another test fills the hall beyond what its kiosk may hold."""
        return Site(sqlite_store)

    def test_it_says_the_whole_board_first_and_then_the_rooms_that_change(self, site: Site) -> None:
        with site.signed_in("viewer").get("/board/stream", buffered=False) as answer:
            assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/event-stream", "no-store")
            heard = events(answer)
            name, board = next(heard)
            assert (name, set(board)) == ("board", {"at", "rooms", "kiosks", "incidents"})
            before = {room["id"]: room["inside"] for room in board["rooms"]}
            site.enter("p11", "p12")
            for _, (name, data) in zip(range(20), heard, strict=False):
                now = {room["id"]: room["inside"] for room in data["rooms"]} if name == "rooms" else {}
                if now.get("hall") == before["hall"] + 2:
                    return
        pytest.fail("the board was not told")

    def test_above_the_cap_it_is_refused_and_who_leaves_makes_room(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stream, "MAX_LISTENERS", 2)
        client = site.signed_in("viewer")
        for _ in range(5):
            assert client.head("/board/stream").status_code == 200
        with client.get("/board/stream", buffered=False), client.get("/board/stream", buffered=False) as second:
            next(events(second))
            assert client.get("/board/stream").status_code == 429
        with client.get("/board/stream", buffered=False) as answer:
            assert next(events(answer))[0] == "board"

    def test_it_ends_soon_after_the_session_has(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "RECHECK", timedelta(0))
        client = site.signed_in("viewer")
        with client.get("/board/stream", buffered=False) as answer:
            heard = events(answer)
            assert next(heard)[0] == "board"
            assert next(heard)[0] in ("rooms", "kiosks", "incidents", "beat")
            over = update(schema.login).values(ended=1)
            site.store.write(lambda connection: connection.execute(over))
            assert len(list(zip(range(50), heard, strict=False))) < 50

    def test_one_user_watches_ten_boards_at_most(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream, "MOST_EACH", 2)
        viewer, other = site.signed_in("viewer"), site.signed_in("steward")
        with viewer.get("/board/stream", buffered=False), viewer.get("/board/stream", buffered=False):
            assert viewer.get("/board/stream").status_code == 429
            assert other.head("/board/stream").status_code == 200
        assert viewer.head("/board/stream").status_code == 200


class TestNul:
    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/a%00b", 404),
            ("/log?q=%00", 400),
            ("/log?a%00=1", 400),
            ("/static/%00", 404),
            ("/api/v1/people?q=%00", 400),
        ],
    )
    def test_no_address_holds_one(self, site: Site, path: str, status: int) -> None:
        answer = site.signed_in("admin").get(path)
        assert answer.status_code == status
        assert answer.is_json == path.startswith("/api/")

    def test_no_form_holds_one(self, site: Site) -> None:
        client = site.signed_in("admin")
        for form in ({"name": "a\0b"}, {"\0": "x"}):
            answer = client.post("/users", data=form | {"csrf_token": token(client.get("/users"))})
            assert answer.status_code == 400
            assert "The request was not understood" in answer.text


class TestFiles:
    @pytest.mark.parametrize("path", ["/log.csv", "/audit.csv"])
    def test_none_holds_a_connection_while_the_client_takes_it(
        self, site: Site, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.enter("p1", "p2", "p3")
        monkeypatch.setattr(log, "EXPORT_PART", 1)
        monkeypatch.setattr(chronicle, "PART", 1)
        client, held, read = site.signed_in("admin"), [0], site.store.read

        @contextmanager
        def counted() -> Iterator[Connection]:
            held[0] += 1
            try:
                with read() as connection:
                    yield connection
            finally:
                held[0] -= 1

        monkeypatch.setattr(site.store, "read", counted)
        with client.get(path, buffered=False) as answer:
            seen = [(part, held[0]) for part in answer.iter_encoded()]
        assert len(seen) > 2
        assert {now for _, now in seen} == {0}

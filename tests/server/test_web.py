"""The pages as browsers meet them: signing in, who may open what, hostile input, errors, and the live stream."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from admission.passage import Kind
from server import imports, log, users
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from server.users import Role
from server.web import create_app, stream
from tests.world import PASSWORD, PaperKiosk, World, make_world, table, utc_now

Either = SqliteStore | PostgresStore
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PAGES = ("/", "/board", "/board/stream", "/log", "/log.csv")
WATCHERS = {"viewer", "steward", "supervisor", "organiser", "admin"}
READERS = {"organiser", "admin", "auditor"}


class Site:
    """A running server's pages, and kiosks that speak to it."""

    def __init__(self, store: Either) -> None:
        self.store = store
        self.world: World = store.write(lambda connection: make_world(connection, utc_now()))
        evil = table("person|name|organisation|category", f"p9|{EVIL}|{EVIL}|press")
        store.write(lambda connection: imports.run(connection, {"people": evil}, os.urandom))
        self.app: Flask = create_app(store, utc_now)
        self.kiosk = PaperKiosk(self.world.enrolments["hall-a"], "hall-a", "hall")

    def enter(self, *refs: str) -> None:
        """These people pass gate A of the hall, and the server is told."""
        for ref in refs:
            self.kiosk.pass_through(Kind.ENTRY, self.world.badge_ids[ref], utc_now())
        body, headers = self.kiosk.seal(self.kiosk.letter(report=False))
        answer = self.app.test_client().post("/api/v1/exchange", data=body, headers=headers)
        assert answer.status_code == 200
        self.kiosk.have += len(self.kiosk.unsent)
        self.kiosk.unsent.clear()

    def signed_in(self, role: str) -> FlaskClient:
        client = self.app.test_client()
        assert sign_in(client, role).status_code == 303
        return client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all of these tests: none of them needs the log or the rooms to be empty."""
    url = f"sqlite:///{tmp_path_factory.mktemp('web') / 'threshold.db'}"
    migrate(url)
    store = open_store(url)
    yield Site(store)
    store.close()


def token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, goal: str = "") -> TestResponse:
    form = {"name": name, "password": password, "next": goal, "csrf_token": token(client.get("/sign-in"))}
    return client.post("/sign-in", data=form)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/").status_code != 302 or "/sign-in" not in client.get("/").location


class TestSigningIn:
    def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(self, site: Site) -> None:
        client = site.app.test_client()
        wrong, unknown = sign_in(client, "admin", "a bad password"), sign_in(client, "nobody")
        assert wrong.status_code == unknown.status_code == 401
        for answer in (wrong, unknown):
            assert "This name and password do not belong together" in answer.text
            assert PASSWORD not in answer.text
        assert 'value="admin"' in wrong.text
        assert not is_signed_in(client)

    def test_a_name_that_was_typed_is_shown_again_as_text(self, site: Site) -> None:
        assert EVIL in unescape(sign_in(site.app.test_client(), EVIL).text)
        assert "<script>" not in sign_in(site.app.test_client(), EVIL, goal=EVIL).text

    @pytest.mark.parametrize(("role", "page"), [("viewer", "/board"), ("organiser", "/board"), ("auditor", "/log")])
    def test_the_right_password_leads_to_the_role_s_first_page(self, site: Site, role: str, page: str) -> None:
        client = site.app.test_client()
        answer = sign_in(client, role)
        assert (answer.status_code, answer.location) == (303, page)
        assert client.get(page).status_code == 200
        assert client.get("/").location == page

    def test_the_cookie_is_kept_from_scripts_and_other_sites_and_with_tls_from_plain_http(self, site: Site) -> None:
        for secure in (False, True):
            app = create_app(site.store, utc_now, secure_cookies=secure)
            [cookie] = app.test_client().get("/sign-in", base_url="https://localhost").headers.getlist("Set-Cookie")
            flags = {flag.strip() for flag in cookie.split(";")[1:]}
            assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
            assert ("Secure" in flags) == secure

    @pytest.mark.parametrize("given", [{}, {"csrf_token": ""}, {"csrf_token": "IjAi.Zx.forged"}])
    def test_without_the_form_s_token_nothing_is_done(self, site: Site, given: dict[str, str]) -> None:
        stranger, admin = site.app.test_client(), site.signed_in("admin")
        stranger.get("/sign-in")
        answer = stranger.post("/sign-in", data={"name": "admin", "password": PASSWORD} | given)
        assert answer.status_code == 400
        assert "open for too long, or cookies are off" in answer.text
        assert not is_signed_in(stranger)
        assert admin.post("/sign-out", data=given).status_code == 400
        assert is_signed_in(admin)

    def test_signing_out_ends_it(self, site: Site) -> None:
        client = site.signed_in("viewer")
        answer = client.post("/sign-out", data={"csrf_token": token(client.get("/board"))})
        assert (answer.status_code, answer.location) == (303, "/sign-in")
        assert not is_signed_in(client)

    @pytest.mark.parametrize(
        "goal",
        ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil"]
        + [
            "javascript:alert(1)",
            "//[",
            "http://[x",
            "/board\r\nSet-Cookie: a=b",
            "/\n/evil.example",
            "///evil.example",
        ],
    )
    def test_nobody_is_sent_to_another_site(self, site: Site, goal: str) -> None:
        answer = sign_in(site.app.test_client(), "viewer", goal=goal)
        assert (answer.status_code, answer.location) == (303, "/board")

    def test_who_was_sent_to_sign_in_comes_back_to_the_page(self, site: Site) -> None:
        client = site.app.test_client()
        sent = client.get("/log?q=a%26b").location
        goal = re.search(r'name="next" value="([^"]+)"', client.get(sent).text)
        assert goal is not None
        assert sign_in(client, "admin", goal=unescape(goal[1])).location == "/log?q=a%26b"

    def test_a_user_who_was_made_inactive_is_out_at_once(self, site: Site) -> None:
        site.store.write(lambda c: users.set_user(c, "leaver", PASSWORD, Role.ADMIN, os.urandom(16)))
        client = site.signed_in("leaver")
        gone = update(schema.user).where(schema.user.c.name == "leaver").values(active=False)
        site.store.write(lambda connection: connection.execute(gone))
        assert not is_signed_in(client)
        assert sign_in(site.app.test_client(), "leaver").status_code == 401

    def test_a_name_with_a_character_that_postgresql_refuses_is_nobody_s(self, store: Either) -> None:
        with store.read() as connection:
            assert users.sign_in(connection, "a\0b", PASSWORD) is None


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
                    assert "Your role does not open this page" in answer.text


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
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", text)

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
        assert set(answer.json) == {"error", "what", "do"}
        assert all(answer.json.values())

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


def events(answer: TestResponse) -> Iterator[tuple[str, Any]]:
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
    def test_it_says_the_whole_board_first_and_then_the_rooms_that_change(self, site: Site) -> None:
        with site.signed_in("viewer").get("/board/stream", buffered=False) as answer:
            assert (answer.mimetype, answer.headers["Cache-Control"]) == ("text/event-stream", "no-store")
            heard = events(answer)
            name, board = next(heard)
            assert (name, set(board)) == ("board", {"at", "rooms", "kiosks"})
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

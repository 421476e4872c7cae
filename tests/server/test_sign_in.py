"""Signing in and out as browsers do it: passwords, cookies, forged forms, and where one is sent afterwards."""

from __future__ import annotations

import os
import re
from html import unescape

import pytest
from sqlalchemy import update

from server import users
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.users import Role
from server.web import create_app
from tests.pages import EVIL, Site, is_signed_in, sign_in, token
from tests.world import PASSWORD, utc_now

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/board\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "http://[x",
    "//[",
    "evil",
)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(site: Site) -> None:
    client = site.app.test_client()
    wrong, unknown = sign_in(client, "admin", "a bad password"), sign_in(client, "nobody")
    assert wrong.status_code == unknown.status_code == 401
    for answer in (wrong, unknown):
        assert "This name and password do not belong together" in answer.text
        assert PASSWORD not in answer.text
    assert 'value="admin"' in wrong.text
    assert not is_signed_in(client)


def test_a_name_that_was_typed_is_shown_again_as_text(site: Site) -> None:
    assert EVIL in unescape(sign_in(site.app.test_client(), EVIL).text)
    assert "<script>" not in sign_in(site.app.test_client(), EVIL, goal=EVIL).text


@pytest.mark.parametrize(("role", "page"), [("viewer", "/board"), ("organiser", "/board"), ("auditor", "/log")])
def test_the_right_password_leads_to_the_role_s_first_page(site: Site, role: str, page: str) -> None:
    client = site.app.test_client()
    answer = sign_in(client, role)
    assert (answer.status_code, answer.location) == (303, page)
    assert client.get(page).status_code == 200
    assert client.get("/").location == page


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_with_tls_from_plain_http(site: Site) -> None:
    for secure in (False, True):
        app = create_app(site.store, utc_now, secure_cookies=secure)
        [cookie] = app.test_client().get("/sign-in", base_url="https://localhost").headers.getlist("Set-Cookie")
        flags = {flag.strip() for flag in cookie.split(";")[1:]}
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
        assert ("Secure" in flags) == secure


@pytest.mark.parametrize("given", [{}, {"csrf_token": ""}, {"csrf_token": "IjAi.Zx.forged"}])
def test_without_the_form_s_token_nothing_is_done(site: Site, given: dict[str, str]) -> None:
    stranger, admin = site.app.test_client(), site.signed_in("admin")
    stranger.get("/sign-in")
    answer = stranger.post("/sign-in", data={"name": "admin", "password": PASSWORD} | given)
    assert answer.status_code == 400
    assert "open for too long, or cookies are off" in answer.text
    assert not is_signed_in(stranger)
    assert admin.post("/sign-out", data=given).status_code == 400
    assert is_signed_in(admin)


def test_signing_out_ends_it(site: Site) -> None:
    client = site.signed_in("viewer")
    answer = client.post("/sign-out", data={"csrf_token": token(client.get("/board"))})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert not is_signed_in(client)


@pytest.mark.parametrize("goal", ELSEWHERE)
def test_nobody_is_sent_to_another_site(site: Site, goal: str) -> None:
    answer = sign_in(site.app.test_client(), "viewer", goal=goal)
    assert (answer.status_code, answer.location) == (303, "/board")


def test_who_was_sent_to_sign_in_comes_back_to_the_page(site: Site) -> None:
    client = site.app.test_client()
    sent = client.get("/log?q=a%26b").location
    goal = re.search(r'name="next" value="([^"]+)"', client.get(sent).text)
    assert goal is not None
    assert sign_in(client, "admin", goal=unescape(goal[1])).location == "/log?q=a%26b"


def test_a_user_who_was_made_inactive_is_out_at_once(site: Site) -> None:
    site.store.write(lambda c: users.set_user(c, "leaver", PASSWORD, Role.ADMIN, os.urandom(16)))
    client = site.signed_in("leaver")
    gone = update(schema.user).where(schema.user.c.name == "leaver").values(active=False)
    site.store.write(lambda connection: connection.execute(gone))
    assert not is_signed_in(client)
    assert sign_in(site.app.test_client(), "leaver").status_code == 401


def test_a_name_with_a_character_that_postgresql_refuses_is_nobody_s(store: SqliteStore | PostgresStore) -> None:
    with store.read() as connection:
        assert users.look_up(connection, "a\0b")[0] is None

"""Signing in and out as browsers do it: passwords, cookies, forged forms, and where one is sent afterwards."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from server import logins, users
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
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


def fresh(site: Site, name: str, role: Role = Role.VIEWER) -> None:
    """A user of whom no other test knows."""
    site.store.write(lambda c: users.set_user(c, name, PASSWORD, role, os.urandom(16)))


def test_a_copied_cookie_is_nobody_s_after_signing_out(site: Site) -> None:
    client, thief = site.signed_in("viewer"), site.app.test_client()
    cookie = client.get_cookie("threshold")
    assert cookie is not None
    thief.set_cookie("threshold", cookie.value)
    assert is_signed_in(thief)
    client.post("/sign-out", data={"csrf_token": token(client.get("/board"))})
    assert not is_signed_in(thief)


def test_a_session_is_seen_in_the_list_and_can_be_ended_from_another_browser(site: Site) -> None:
    fresh(site, "two-browsers")
    phone, desk = site.app.test_client(), site.app.test_client()
    sign_in(phone, "two-browsers")
    sign_in(desk, "two-browsers")
    page = desk.get("/account")
    [number] = re.findall(r"/account/sessions/(\d+)/end", page.text)
    assert "This browser" in page.text
    assert desk.post(f"/account/sessions/{number}/end", data={"csrf_token": token(page)}).status_code == 303
    assert (is_signed_in(phone), is_signed_in(desk)) == (False, True)
    assert desk.post(f"/account/sessions/{number}/end", data={"csrf_token": token(page)}).status_code == 404


def test_nobody_ends_a_session_of_somebody_else(site: Site) -> None:
    fresh(site, "bystander")
    victim, other = site.app.test_client(), site.signed_in("viewer")
    sign_in(victim, "bystander")
    with site.store.read() as connection:
        number = connection.execute(select(schema.login.c.id).order_by(schema.login.c.id.desc())).scalars().first()
    form = {"csrf_token": token(other.get("/account"))}
    for wrong in (number, 2**63, 2**80):
        assert other.post(f"/account/sessions/{wrong}/end", data=form).status_code == 404
    assert is_signed_in(victim)


def test_one_signs_out_everywhere_else_at_once(site: Site) -> None:
    fresh(site, "everywhere")
    clients = [site.app.test_client() for _ in range(3)]
    for client in clients:
        sign_in(client, "everywhere")
    clients[0].post("/account/sessions/end", data={"csrf_token": token(clients[0].get("/account"))})
    assert [is_signed_in(client) for client in clients] == [True, False, False]


def test_a_new_password_signs_out_everywhere_else_and_keeps_this_browser(site: Site) -> None:
    fresh(site, "changer")
    here, there = site.app.test_client(), site.app.test_client()
    sign_in(here, "changer")
    sign_in(there, "changer")
    form = {"old": PASSWORD, "new": "another good one", "again": "another good one"}
    answer = here.post("/account/password", data=form | {"csrf_token": token(here.get("/account"))})
    assert answer.status_code == 303
    assert (is_signed_in(here), is_signed_in(there)) == (True, False)
    assert sign_in(site.app.test_client(), "changer").status_code == 401
    assert sign_in(site.app.test_client(), "changer", "another good one").status_code == 303


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"old": "not mine at all"}, "this is not your password"),
        ({"again": "typed otherwise"}, "typed in two different ways"),
        ({"new": "short", "again": "short"}, "at least 10 characters"),
        ({"new": "Password1234", "again": "Password1234"}, "guessed at once"),
        ({"new": "a" * 30, "again": "a" * 30}, "guessed at once"),
    ],
)
def test_a_bad_new_password_is_refused_beside_its_form(site: Site, changed: dict[str, str], says: str) -> None:
    fresh(site, f"careless-{says[:8].replace(' ', '')}-{len(str(changed))}")
    client = site.app.test_client()
    sign_in(client, f"careless-{says[:8].replace(' ', '')}-{len(str(changed))}")
    form = {"old": PASSWORD, "new": "another good one", "again": "another good one"} | changed
    answer = client.post("/account/password", data=form | {"csrf_token": token(client.get("/account"))})
    assert answer.status_code == 400
    assert says in unescape(answer.text)
    assert is_signed_in(client)


def test_a_session_that_was_not_used_for_a_day_is_over_and_its_use_is_written_down_each_minute(
    sqlite_store: SqliteStore,
) -> None:
    now, store = [utc_now()], sqlite_store
    Site(store)
    client = create_app(store, lambda: now[0]).test_client()
    sign_in(client, "viewer")

    def seen() -> int:
        with store.read() as connection:
            return int(connection.execute(select(schema.login.c.seen)).scalar_one())

    begun = seen()
    now[0] += timedelta(seconds=59)
    assert is_signed_in(client)
    assert seen() == begun
    now[0] += timedelta(seconds=2)
    assert is_signed_in(client)
    assert seen() == to_ms(now[0])
    now[0] += logins.LASTS
    assert not is_signed_in(client)


@pytest.mark.parametrize("cookie", ["", "x", "1", "1.2", "1..", "1.zz.y", f"{2**80}.{'0' * 32}.y", f"1.{'0' * 32}.y"])
def test_a_forged_name_of_a_session_is_nobody_s(site: Site, cookie: str) -> None:
    client = site.signed_in("viewer")
    with client.session_transaction() as session:
        session["_user_id"] = cookie
    assert not is_signed_in(client)


def test_a_session_is_over_after_a_day_however_much_it_is_used(sqlite_store: SqliteStore) -> None:
    now, store = [utc_now()], sqlite_store
    Site(store)
    client = create_app(store, lambda: now[0]).test_client()
    sign_in(client, "viewer")
    for _ in range(2):
        now[0] += timedelta(hours=11)
        assert is_signed_in(client)
    now[0] += timedelta(hours=2)
    assert not is_signed_in(client)


def test_sessions_that_are_long_over_are_forgotten_but_for_the_newest(store: SqliteStore | PostgresStore) -> None:
    first = utc_now() - timedelta(days=100)
    number = store.write(lambda c: users.add(c, "pruned", PASSWORD, Role.VIEWER, os.urandom(16)))
    other = store.write(lambda c: users.add(c, "kept", PASSWORD, Role.VIEWER, os.urandom(16)))

    def begin(user: int, at: datetime) -> int:
        return store.write(lambda c: logins.begin(c, user, logins.Browser("", ""), bytes(16), at))

    begin(number, first)
    newest = begin(other, first)
    late = [begin(number, utc_now() - timedelta(days=29)), begin(number, utc_now())]
    with store.read() as connection:
        kept = select(schema.login.c.id).where(schema.login.c.user.in_([number, other]))
        assert set(connection.execute(kept).scalars()) == {newest, *late}


def test_a_user_reads_the_pages_in_the_language_of_the_account(site: Site) -> None:
    fresh(site, "reader")
    client = site.app.test_client()
    sign_in(client, "reader")
    form = {"csrf_token": token(client.get("/account"))}
    assert client.post("/account/language", data=form | {"language": "ar"}).status_code == 303
    assert 'lang="ar" dir="rtl"' in client.get("/account").text
    elsewhere = site.app.test_client()
    sign_in(elsewhere, "reader")
    assert 'lang="ar" dir="rtl"' in elsewhere.get("/account").text
    assert client.post("/account/language", data=form | {"language": "tlh"}).status_code == 400


# ---- what every page is sent with ----


class Inline(HTMLParser):
    """Notes what a policy against everything inline would stop."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if (tag == "script" and "src" not in names) or tag == "style":
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in names if name == "style" or name.startswith("on")]
        self.found += [f"{tag} {value}" for _, value in attrs if (value or "").lower().startswith("javascript:")]


def pages(site: Site) -> list[str]:
    """Every page that can be asked for without a parameter, but for streams and files."""
    rules = (rule for rule in site.app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments)
    return sorted(rule.rule for rule in rules if "stream" not in rule.rule and not rule.rule.startswith("/static"))


def check_page(client: FlaskClient, path: str, role: str) -> bool:
    """Whether it was a page; what is wrong with one is said."""
    answer = client.get(path, base_url="https://localhost")
    where = f"{path} as {role}"
    assert answer.status_code < 500, where
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", where
    if answer.mimetype != "text/html":
        answer.close()
        return False
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy, where
    assert "object-src 'none'" in policy, where
    assert "unsafe-inline" not in policy, where
    assert answer.headers["X-Frame-Options"] == "DENY", where
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", where
    camera = "camera=(self)" if path.startswith(("/courier", "/roll-call")) else "camera=()"
    assert answer.status_code in (302, 303, 403) or camera in answer.headers["Permissions-Policy"], where
    inline = Inline()
    inline.feed(answer.text)
    assert inline.found == [], where
    return True


@pytest.mark.parametrize("role", ["nobody", *Role])
def test_no_page_of_any_role_has_anything_inline_and_all_have_their_headers(site: Site, role: str) -> None:
    client = site.app.test_client() if role == "nobody" else site.signed_in(role)
    assert sum(check_page(client, path, role) for path in pages(site)) > 20


def test_with_tls_browsers_are_told_to_keep_to_it(site: Site) -> None:
    plain = site.app.test_client().get("/sign-in")
    secure = create_app(site.store, utc_now, secure_cookies=True).test_client().get("/sign-in")
    assert "Strict-Transport-Security" not in plain.headers
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"

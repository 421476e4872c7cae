"""Users as admins see and change them; the last admin stays; nobody else gets there."""

from __future__ import annotations

import os
import re
import threading
from html import unescape

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admission.errors import ConfigError
from server import settings, trail, users
from server.settings import SignIn
from server.store.engine import PostgresStore, SqliteStore
from server.users import Role
from server.web import create_app
from tests.pages import EVIL, Site, is_signed_in, sign_in, token
from tests.world import PASSWORD, utc_now

Either = SqliteStore | PostgresStore
OTHERS = ["viewer", "steward", "supervisor", "desk", "organiser", "auditor"]


@pytest.fixture
def admin(site: Site) -> FlaskClient:
    return site.signed_in("admin")


def number(site: Site, name: str) -> int:
    """Of the user of that name."""
    with site.store.read() as connection:
        return next(one.id for one in users.directory(connection) if one.name == name)


def make(site: Site, name: str, role: Role = Role.VIEWER) -> int:
    """A user of whom no other test knows."""
    return site.store.write(lambda c: users.add(c, name, PASSWORD, role, os.urandom(16)))


def add(store: Either, name: str) -> int:
    """An admin."""
    return store.write(lambda c: users.add(c, name, PASSWORD, Role.ADMIN, os.urandom(16)))


def post(client: FlaskClient, path: str, **form: object) -> TestResponse:
    return client.post(path, data=form | {"csrf_token": token(client.get("/users"))})


def shown(answer: TestResponse) -> str:
    """The password that is shown."""
    found = re.search(r'class="secret"[^>]*>([a-z0-9-]+)<', answer.text)
    assert found is not None
    return found[1]


class TestUsers:
    def test_a_name_is_had_by_one_in_any_case(self, store: Either) -> None:
        store.write(lambda c: users.add(c, "Anna", PASSWORD, Role.DESK, os.urandom(16)))
        with pytest.raises(ConfigError, match="exists already"):
            store.write(lambda c: users.add(c, "anna", PASSWORD, Role.DESK, os.urandom(16)))

    @pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\0b", "a\nb", " a", "\u202eadmin"])
    def test_a_name_that_cannot_be_seen_is_nobody_s(self, store: Either, name: str) -> None:
        with pytest.raises(ConfigError, match="1 to 64 characters"):
            store.write(lambda c: users.add(c, name, PASSWORD, Role.DESK, os.urandom(16)))

    def test_the_last_admin_stays_also_when_two_go_at_once(self, store: Either) -> None:
        one, two = (add(store, name) for name in ("one", "two"))
        problems: list[ConfigError] = []

        def leave(who: int) -> None:
            try:
                if who == one:
                    store.write(lambda c: users.set_active(c, one, active=False))
                else:
                    store.write(lambda c: users.change_role(c, two, Role.VIEWER, Role.ADMIN))
            except ConfigError as error:
                problems.append(error)

        threads = [threading.Thread(target=leave, args=(who,)) for who in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as connection:
            left = [user for user in users.directory(connection) if user.role is Role.ADMIN and user.active]
        assert (len(left), len(problems)) == (1, 1)
        assert "last admin" in str(problems[0])

    def test_of_two_who_change_a_role_at_once_one_does(self, store: Either) -> None:
        one = store.write(lambda c: users.add(c, "one", PASSWORD, Role.VIEWER, os.urandom(16)))
        store.write(lambda c: users.change_role(c, one, Role.DESK, Role.VIEWER))
        with pytest.raises(ConfigError, match="somebody else has changed"):
            store.write(lambda c: users.change_role(c, one, Role.STEWARD, Role.VIEWER))

    def test_first_passwords_are_strong_and_never_the_same(self) -> None:
        made = {users.first_password(os.urandom) for _ in range(200)}
        assert len(made) == 200
        for password in made:
            assert re.fullmatch(r"([a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}", password)
            users.check_password(password)


class TestPages:
    @pytest.mark.parametrize("role", OTHERS)
    def test_nobody_but_an_admin_gets_there(self, site: Site, role: str) -> None:
        client = site.signed_in(role)
        form = {"csrf_token": token(client.get("/account")), "name": "x", "role": "admin", "was": role}
        mine = number(site, role)
        for path in ("/users", f"/users/{mine}"):
            assert client.get(path).status_code == 403
        paths = [f"/users/{mine}/{act}" for act in ("role", "active", "second-factor", "sign-out", "password")]
        for path in ("/users", "/users/second-factor", *paths):
            assert client.post(path, data=form).status_code == 403
            assert site.app.test_client().get(path).status_code in (302, 405)

    def test_an_added_user_signs_in_with_the_password_that_was_shown(self, site: Site, admin: FlaskClient) -> None:
        answer = post(admin, "/users", name="newcomer", role="desk")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert sign_in(site.app.test_client(), "newcomer", shown(answer)).status_code == 303
        assert shown(answer) not in admin.get(f"/users/{number(site, 'newcomer')}").text

    @pytest.mark.parametrize(("name", "says"), [("admin", "exists already"), ("", "1 to 64"), ("a\x07b", "1 to 64")])
    def test_a_bad_name_is_told_and_kept(self, admin: FlaskClient, name: str, says: str) -> None:
        answer = post(admin, "/users", name=name, role="desk")
        assert answer.status_code == 400
        assert says in unescape(answer.text)

    def test_a_name_is_shown_as_text(self, site: Site, admin: FlaskClient) -> None:
        name = EVIL[:64]
        make(site, name)
        page = admin.get("/users").text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>" not in page

    def test_a_role_that_is_none_is_refused(self, site: Site, admin: FlaskClient) -> None:
        one = make(site, "roles")
        assert post(admin, f"/users/{one}/role", role="king", was="viewer").status_code == 400
        assert post(admin, "/users", name="x", role="").status_code == 400

    def test_another_role_holds_from_the_next_page_on(self, site: Site, admin: FlaskClient) -> None:
        one = make(site, "climber")
        client = site.app.test_client()
        sign_in(client, "climber")
        assert client.get("/log").status_code == 403
        assert post(admin, f"/users/{one}/role", role="organiser", was="viewer").status_code == 303
        assert client.get("/log").status_code == 200
        stale = post(admin, f"/users/{one}/role", role="desk", was="viewer")
        assert stale.status_code == 409
        assert "somebody else has changed" in stale.text

    def test_a_deactivated_user_is_out_at_once_and_can_be_let_in_again(self, site: Site, admin: FlaskClient) -> None:
        one = make(site, "leaving")
        client = site.app.test_client()
        sign_in(client, "leaving")
        post(admin, f"/users/{one}/active", active="no")
        assert not is_signed_in(client)
        assert sign_in(site.app.test_client(), "leaving").status_code == 401
        post(admin, f"/users/{one}/active", active="yes")
        assert not is_signed_in(client)
        assert sign_in(site.app.test_client(), "leaving").status_code == 303

    def test_nobody_deactivates_themselves(self, site: Site, admin: FlaskClient) -> None:
        answer = post(admin, f"/users/{number(site, 'admin')}/active", active="no")
        assert answer.status_code == 409
        assert is_signed_in(admin)

    def test_the_last_admin_cannot_become_anything_else(self, site: Site, admin: FlaskClient) -> None:
        answer = post(admin, f"/users/{number(site, 'admin')}/role", role="viewer", was="admin")
        assert answer.status_code == 409
        assert "last admin" in answer.text

    def test_a_new_password_is_shown_once_and_ends_the_sessions(self, site: Site, admin: FlaskClient) -> None:
        one = make(site, "forgetful")
        client = site.app.test_client()
        sign_in(client, "forgetful")
        answer = post(admin, f"/users/{one}/password")
        assert not is_signed_in(client)
        assert sign_in(site.app.test_client(), "forgetful").status_code == 401
        assert sign_in(site.app.test_client(), "forgetful", shown(answer)).status_code == 303

    def test_an_admin_signs_a_user_out_everywhere_and_stays_in(self, site: Site, admin: FlaskClient) -> None:
        one = make(site, "elsewhere")
        client = site.app.test_client()
        sign_in(client, "elsewhere")
        assert post(admin, f"/users/{one}/sign-out").status_code == 303
        assert (is_signed_in(client), is_signed_in(admin)) == (False, True)

    def test_every_act_is_in_the_audit_log_and_no_password_is(self, site: Site, admin: FlaskClient) -> None:
        password = shown(post(admin, "/users", name="traced", role="viewer"))
        one = number(site, "traced")
        post(admin, f"/users/{one}/role", role="desk", was="viewer")
        post(admin, f"/users/{one}/active", active="no")
        with site.store.read() as connection:
            steps = trail.newest(connection, about="user", ref="traced")
        assert [(step.what, step.by) for step in reversed(steps)] == [
            ("added", "admin"),
            ("changed", "admin"),
            ("deactivated", "admin"),
        ]
        assert not any(password in str(step.facts) for step in steps)

    def test_a_user_who_is_none_is_not_found(self, admin: FlaskClient) -> None:
        for wrong in (0, 999_999, 2**63, 2**70):
            assert admin.get(f"/users/{wrong}").status_code == 404
            assert post(admin, f"/users/{wrong}/sign-out").status_code == 404


def test_of_two_who_change_the_rule_at_once_the_second_is_told(sqlite_store: Either) -> None:
    Site(sqlite_store)
    app = create_app(sqlite_store, utc_now)
    client = app.test_client()
    sign_in(client, "admin")
    assert post(client, "/users/second-factor", required=["organiser", "king"], edition="0").status_code == 303
    with sqlite_store.read() as connection:
        assert settings.read(connection, SignIn).required == ("organiser",)
    for stale in ("0", "7", "x", str(2**80), "-3"):
        answer = post(client, "/users/second-factor", required=["supervisor"], edition=stale)
        assert answer.status_code == 409
        assert "somebody else has changed this" in answer.text
    with sqlite_store.read() as connection:
        assert settings.read(connection, SignIn).required == ("organiser",)

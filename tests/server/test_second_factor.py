"""The second factor: codes are taken once, recovery codes too, and half a sign-in opens nothing."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from admission.errors import ConfigError
from server import second_factor, settings, users
from server.settings import SignIn
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.users import Role
from server.web import create_app
from tests.pages import Site, is_signed_in, sign_in, token
from tests.world import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOON = datetime(2026, 2, 16, 12, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)
Either = SqliteStore | PostgresStore


def code(at: datetime, secret: str = SECRET) -> str:
    """What the app shows then."""
    return pyotp.TOTP(secret).at(at)


def add(store: Either, name: str, role: Role = Role.ADMIN) -> int:
    """A user; their number."""
    return store.write(lambda c: users.add(c, name, PASSWORD, role, os.urandom(16)))


@pytest.fixture
def number(store: Either) -> int:
    """A user with the secret; the first code was that of noon."""
    number = add(store, "ada")
    store.write(lambda c: second_factor.enrol(c, number, SECRET, code(NOON), NOON, os.urandom))
    return number


def take(store: Either, number: int, given: str, at: datetime) -> str:
    """Whether it is taken, and as what."""
    return store.write(lambda c: second_factor.take(c, number, given, at))


class TestCodes:
    def test_a_code_is_taken_once_and_never_an_older_one(self, store: Either, number: int) -> None:
        assert take(store, number, code(NOON), NOON) == ""  # the one that it was set up with
        assert take(store, number, code(NOON + STEP), NOON + STEP) == "app"
        assert take(store, number, code(NOON + STEP), NOON + STEP) == ""
        assert take(store, number, code(NOON), NOON + STEP) == ""
        assert take(store, number, code(NOON + 2 * STEP), NOON + 2 * STEP) == "app"

    @pytest.mark.parametrize(("steps", "taken"), [(-2, ""), (-1, "app"), (0, "app"), (1, "app"), (2, "")])
    def test_a_phone_s_clock_may_be_off_by_one_step(self, store: Either, number: int, steps: int, taken: str) -> None:
        later = NOON + 10 * STEP
        assert take(store, number, code(later + steps * STEP), later) == taken

    @pytest.mark.parametrize(
        "given", ["", "12345", "1234567", "\u0661\u0662\u0663\u0664\u0665\u0666", "x" * 5000, "a\0b"]
    )
    def test_what_is_no_code_is_not_taken(self, store: Either, number: int, given: str) -> None:
        assert take(store, number, given, NOON + STEP) == ""

    def test_spaces_in_a_code_do_not_matter(self, store: Either, number: int) -> None:
        digits = code(NOON + STEP)
        assert take(store, number, f" {digits[:3]} {digits[3:]} ", NOON + STEP) == "app"

    def test_each_recovery_code_opens_once_however_it_is_typed(self, store: Either, number: int) -> None:
        codes = store.write(lambda c: second_factor.renew(c, number, os.urandom))
        assert len(set(codes)) == 10
        assert take(store, number, codes[0].upper(), NOON) == "recovery"
        assert take(store, number, codes[0], NOON) == ""
        assert take(store, number, codes[1].replace("-", " "), NOON) == "recovery"
        with store.read() as connection:
            assert second_factor.left(connection, number) == 8
            kept = connection.execute(select(schema.user.c.recovery)).scalar_one()
        assert not any(one in kept for one in codes)

    def test_new_recovery_codes_take_the_place_of_the_earlier_ones(self, store: Either, number: int) -> None:
        old = store.write(lambda c: second_factor.renew(c, number, os.urandom))
        store.write(lambda c: second_factor.renew(c, number, os.urandom))
        assert take(store, number, old[0], NOON) == ""

    def test_a_code_of_one_user_is_of_no_use_to_another(self, store: Either, number: int) -> None:
        other = add(store, "bob")
        codes = store.write(lambda c: second_factor.renew(c, number, os.urandom))
        assert take(store, other, codes[0], NOON) == ""
        assert take(store, other, code(NOON + STEP), NOON + STEP) == ""

    def test_it_is_not_set_up_over_another_nor_with_a_wrong_code(self, store: Either, number: int) -> None:
        with pytest.raises(ConfigError, match="already"):
            store.write(lambda c: second_factor.enrol(c, number, SECRET, code(NOON), NOON, os.urandom))
        other = add(store, "bob")
        with pytest.raises(ConfigError, match="not the code of now"):
            store.write(lambda c: second_factor.enrol(c, other, SECRET, "000000", NOON, os.urandom))
        with pytest.raises(ConfigError, match="no second factor"):
            store.write(lambda c: second_factor.renew(c, other, os.urandom))

    def test_it_can_be_reset_by_name(self, store: Either, number: int) -> None:
        store.write(lambda c: second_factor.reset(c, "ada"))
        assert take(store, number, code(NOON + STEP), NOON + STEP) == ""
        with pytest.raises(ConfigError, match="has no second factor"):
            store.write(lambda c: second_factor.reset(c, "ada"))
        with pytest.raises(ConfigError, match="there is no user"):
            store.write(lambda c: second_factor.reset(c, "nobody"))


class Door:
    """The pages at a time of the test's choice."""

    def __init__(self, store: Either) -> None:
        self.site, self.store, self.now = Site(store), store, NOON
        self.app = create_app(store, lambda: self.now)

    def enrol(self, client: FlaskClient) -> tuple[str, list[str]]:
        """Sets it up through the pages: the secret, and the recovery codes."""
        page = client.get("/account/second-factor")
        found = re.search(r'class="secret"[^>]*>([A-Z2-7 ]+)<', page.text)
        assert found is not None
        secret = found[1].replace(" ", "")
        form = {"code": code(self.now, secret), "password": PASSWORD, "csrf_token": token(page)}
        answer = client.post("/account/second-factor", data=form)
        assert answer.status_code == 200
        return secret, re.findall(r"<code>([a-z2-7-]{19})</code>", answer.text)

    def second(self, client: FlaskClient, given: str) -> TestResponse:
        """The second step."""
        return client.post("/sign-in/code", data={"code": given, "csrf_token": token(client.get("/sign-in/code"))})

    def signed_in(self, name: str) -> FlaskClient:
        client = self.app.test_client()
        assert sign_in(client, name).status_code == 303
        return client


@pytest.fixture
def door(sqlite_store: Either) -> Door:
    return Door(sqlite_store)


class TestPages:
    def test_after_the_password_the_code_is_asked_for_and_leads_where_one_wanted(self, door: Door) -> None:
        secret, codes = door.enrol(door.signed_in("admin"))
        assert len(codes) == 10
        client = door.app.test_client()
        assert sign_in(client, "admin", goal="/log?q=a").location == "/sign-in/code"
        for path in ("/", "/board", "/account", "/users", "/board/stream"):
            assert client.get(path).status_code == 302
            assert "/sign-in" in client.get(path).location
        door.now += STEP
        assert door.second(client, "000000").status_code == 401
        answer = door.second(client, code(door.now, secret))
        assert (answer.status_code, answer.location) == (303, "/log?q=a")
        assert is_signed_in(client)

    def test_the_secret_that_is_being_set_up_is_in_no_cookie_and_is_kept_for_ten_minutes(self, door: Door) -> None:
        client = door.signed_in("admin")
        page = client.get("/account/second-factor")
        found = re.search(r'class="secret"[^>]*>([A-Z2-7 ]+)<', page.text)
        assert found is not None
        secret = found[1].replace(" ", "")
        with client.session_transaction() as session:
            assert secret not in repr(dict(session))
        assert found[1] in client.get("/account/second-factor").text  # the same, as the app has it already
        form = {"password": PASSWORD, "csrf_token": token(page)}
        wrong = client.post("/account/second-factor", data=form | {"code": "000000"})
        assert found[1] in wrong.text
        door.now += timedelta(minutes=10)
        late = client.post("/account/second-factor", data=form | {"code": code(door.now, secret)})
        assert (late.status_code, late.location) == (303, "/account/second-factor")
        assert found[1] not in client.get("/account/second-factor").text
        door.enrol(client)
        with door.store.read() as connection:
            left = select(schema.setting.c.name).where(schema.setting.c.name.startswith("enrolling:"))
            assert connection.execute(left).all() == []

    def test_a_code_that_somebody_has_seen_is_of_no_use_to_them(self, door: Door) -> None:
        secret, _ = door.enrol(door.signed_in("admin"))
        door.now += STEP
        first, spy = door.app.test_client(), door.app.test_client()
        sign_in(first, "admin")
        sign_in(spy, "admin")
        assert door.second(first, code(door.now, secret)).status_code == 303
        assert door.second(spy, code(door.now, secret)).status_code == 401

    def test_a_recovery_code_opens_and_the_number_left_is_told(self, door: Door) -> None:
        _, codes = door.enrol(door.signed_in("admin"))
        client = door.app.test_client()
        sign_in(client, "admin")
        assert door.second(client, codes[3]).status_code == 303
        assert "9 recovery codes are left" in client.get("/account").text

    def test_half_a_sign_in_is_over_after_five_minutes(self, door: Door) -> None:
        secret, _ = door.enrol(door.signed_in("admin"))
        client = door.app.test_client()
        sign_in(client, "admin")
        form = {"csrf_token": token(client.get("/sign-in/code"))}
        door.now += timedelta(minutes=5)
        answer = client.post("/sign-in/code", data=form | {"code": code(door.now, secret)})
        assert (answer.status_code, answer.location) == (303, "/sign-in")
        assert "took too long" in client.get("/sign-in").text
        assert not is_signed_in(client)

    def test_without_a_password_before_it_the_second_step_is_not_there(self, door: Door) -> None:
        answer = door.app.test_client().get("/sign-in/code")
        assert (answer.status_code, answer.location) == (303, "/sign-in")

    def test_codes_are_not_guessed(self, door: Door) -> None:
        door.enrol(door.signed_in("admin"))
        door.app.config["SIGN_IN_PER_CODE"] = "3/minute"
        for client in (door.app.test_client(), door.app.test_client()):
            sign_in(client, "admin")
            codes = [door.second(client, f"00000{number}").status_code for number in range(2)]
        assert codes == [401, 429]  # counted for the user, whichever browser it is

    def test_switching_it_off_asks_for_password_and_code(self, door: Door) -> None:
        client = door.signed_in("admin")
        secret, codes = door.enrol(client)
        door.now += STEP
        form = {"csrf_token": token(client.get("/account")), "password": PASSWORD, "code": code(door.now, secret)}
        for wrong in ({"password": "no"}, {"code": "000000"}):
            assert client.post("/account/second-factor/off", data=form | wrong).status_code == 400
        assert client.post("/account/second-factor/off", data=form).status_code == 303
        assert is_signed_in(door.signed_in("admin"))
        assert codes

    def test_new_recovery_codes_are_shown_once(self, door: Door) -> None:
        client = door.signed_in("admin")
        secret, old = door.enrol(client)
        door.now += STEP
        form = {"csrf_token": token(client.get("/account")), "code": code(door.now, secret)}
        answer = client.post("/account/recovery-codes", data=form)
        fresh = re.findall(r"<code>([a-z2-7-]{19})</code>", answer.text)
        assert (len(fresh), set(fresh) & set(old)) == (10, set())
        assert answer.headers["Cache-Control"] == "no-store"
        assert client.post("/account/recovery-codes", data=form).status_code == 400
        assert fresh[0] not in client.get("/account").text

    def test_who_must_have_one_is_led_to_it_before_anything_else(self, door: Door) -> None:
        door.store.write(lambda c: settings.write(c, SignIn(("supervisor",)), 0))
        client = door.signed_in("supervisor")
        for path in ("/", "/board", "/account", "/supervision"):
            assert (client.get(path).status_code, client.get(path).location) == (303, "/account/second-factor")
        assert door.signed_in("admin").get("/board").status_code == 200
        door.enrol(client)
        assert client.get("/board").status_code == 200

    def test_the_secret_is_not_set_up_without_the_password(self, door: Door) -> None:
        client = door.signed_in("viewer")
        page = client.get("/account/second-factor")
        secret = re.search(r'class="secret"[^>]*>([A-Z2-7 ]+)<', page.text)
        assert secret is not None
        form = {"code": code(door.now, secret[1].replace(" ", "")), "password": "not mine", "csrf_token": token(page)}
        answer = client.post("/account/second-factor", data=form)
        assert answer.status_code == 400
        assert "this is not your password" in answer.text
        assert secret[1] in answer.text

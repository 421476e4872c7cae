"""Guessing passwords and codes: who has to wait, who has not, and what is written down of it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest
from limits import parse_many

from server import trail, users
from server.web import create_app
from server.web.doorway import CHECKS, WAITERS, Attempts, Busy, Doorway, TooOften
from tests.pages import Site, sign_in, token
from tests.world import PASSWORD, utc_now


def test_who_guesses_has_to_wait_by_name_and_the_wait_is_told_in_seconds(site: Site) -> None:
    app = create_app(site.store, utc_now)
    app.config["SIGN_IN_PER_NAME"] = "3/minute"
    for name in ("organiser", "nobody-of-this-name"):
        client = app.test_client()
        assert [sign_in(client, name, "a bad password").status_code for _ in range(3)] == [401] * 3
        answer = sign_in(client, name)
        assert answer.status_code == 429
        assert re.search(r"Too many attempts\. Wait \d+ seconds?\.", answer.text)
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert f'value="{name}"' in answer.text
    assert sign_in(app.test_client(), "viewer").status_code == 303


def test_who_guesses_from_elsewhere_locks_nobody_out(site: Site) -> None:
    app = create_app(site.store, utc_now)
    app.config["SIGN_IN_PER_NAME"] = "2/minute"
    guesser, owner = app.test_client(), app.test_client()
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    form = {"name": "organiser", "password": "a bad password"}
    form["csrf_token"] = token(guesser.get("/sign-in", environ_overrides=elsewhere))
    codes = [guesser.post("/sign-in", data=form, environ_overrides=elsewhere).status_code for _ in range(4)]
    assert codes == [401, 401, 429, 429]
    assert sign_in(owner, "organiser").status_code == 303


def test_a_browser_that_the_user_knows_is_not_counted_with_all_others(site: Site) -> None:
    app = create_app(site.store, utc_now)
    owner, other = app.test_client(), app.test_client()
    for client, name in ((owner, "organiser"), (other, "viewer")):
        assert sign_in(client, name).status_code == 303
        client.post("/sign-out", data={"csrf_token": token(client.get("/account"))})
    app.config["SIGN_IN_PER_NAME_ANYWHERE"] = app.config["SIGN_IN_PER_ADDRESS"] = "2/hour"
    assert [sign_in(app.test_client(), "organiser", "a bad password").status_code for _ in range(3)] == [401, 401, 429]
    assert sign_in(other, "organiser").status_code == 429  # it is known, but not to this user
    assert sign_in(owner, "organiser").status_code == 303
    app.config["SIGN_IN_PER_NAME"] = "2/hour"
    assert [sign_in(owner, "organiser", "a bad password").status_code for _ in range(3)] == [401, 401, 429]


def test_the_cookie_of_a_known_browser_is_kept_from_scripts_and_a_forged_one_is_nobody_s(site: Site) -> None:
    for secure in (False, True):
        app = create_app(site.store, utc_now, secure_cookies=secure)
        client = app.test_client()
        page = client.get("/sign-in", base_url="https://localhost")
        form = {"name": "viewer", "password": PASSWORD, "csrf_token": token(page)}
        with_tls = {"base_url": "https://localhost", "headers": {"Referer": "https://localhost/sign-in"}}
        answer = client.post("/sign-in", data=form, **with_tls)
        [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("threshold-known=")]
        flags = {flag.strip() for flag in cookie.split(";")[1:]}
        assert {"HttpOnly", "SameSite=Lax"} <= flags
        assert ("Secure" in flags) == secure
    for forged in ("", "x", "WyJhIixbMV1d.forged", "WyJhIixbMV1d"):
        client = site.app.test_client()
        client.set_cookie("threshold-known", forged)
        assert sign_in(client, "viewer").status_code == 303


def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_after_another() -> None:
    attempts, limits = Attempts(), parse_many("5/minute;7/hour")
    for _ in range(5):
        attempts.take("ada", limits, 1000.0)  # none of them is answered yet
    with pytest.raises(TooOften) as waits:
        attempts.take("ada", limits, 1010.0)
    assert waits.value.seconds == 50
    attempts.take("bob", limits, 1010.0)
    attempts.give_back("ada", 1000.0)
    attempts.take("ada", limits, 1010.0)
    for at in (1061.0, 1062.0):
        attempts.take("ada", limits, at)
    with pytest.raises(TooOften) as waits:
        attempts.take("ada", limits, 1063.0)
    assert waits.value.seconds == 3600 - 63


def test_who_finds_many_waiting_for_a_check_is_sent_away_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    door, go, began = Doorway(utc_now), Event(), Semaphore(0)

    def slow(_password: str, _stored: str) -> bool:
        began.release()
        return go.wait(10)

    monkeypatch.setattr(users, "fits", slow)
    with ThreadPoolExecutor(CHECKS + WAITERS) as pool:
        checks = [pool.submit(door.fits, "x", "y") for _ in range(CHECKS)]
        for _ in checks:
            assert began.acquire(timeout=10)
        checks += [pool.submit(door.fits, "x", "y") for _ in range(WAITERS)]
        while door.waiting() < CHECKS + WAITERS:
            assert not all(check.done() for check in checks)
        with pytest.raises(Busy):
            door.fits("x", "y")
        go.set()
        assert all(check.result(10) for check in checks)


def test_a_failure_is_written_down_also_of_an_unknown_name_but_not_that_name(site: Site) -> None:
    def failures() -> list[trail.Step]:
        with site.store.read() as connection:
            return [one for one in trail.newest(connection, 5, about="sign-in") if one.what == "failed"]

    sign_in(site.app.test_client(), "viewer", "a bad password")
    sign_in(site.app.test_client(), "a password in the wrong field")
    unknown, known = failures()[:2]
    assert (unknown.by, unknown.ref, unknown.facts) == ("?", "", known.facts)
    assert (known.by, known.ref) == ("viewer", "viewer")
    assert "wrong field" not in repr(failures())


def test_who_guesses_names_has_to_wait_by_address(site: Site) -> None:
    app = create_app(site.store, utc_now)
    app.config["SIGN_IN_PER_ADDRESS"] = "4/minute"
    codes = [sign_in(app.test_client(), f"guess-{number}").status_code for number in range(6)]
    assert codes == [401] * 4 + [429] * 2


def test_what_is_right_is_never_counted(site: Site) -> None:
    app = create_app(site.store, utc_now)
    app.config["SIGN_IN_PER_NAME"] = app.config["SIGN_IN_PER_ADDRESS"] = "2/minute"
    assert [sign_in(app.test_client(), "viewer").status_code for _ in range(5)] == [303] * 5


def test_passwords_are_not_guessed_on_the_page_of_an_account(site: Site) -> None:
    app = create_app(site.store, utc_now)
    app.config["SIGN_IN_PER_CODE"] = "2/minute"
    client = app.test_client()
    sign_in(client, "desk")
    form = {"old": "wrong guess", "new": "another good one", "again": "another good one"}
    form |= {"csrf_token": token(client.get("/account"))}
    assert [client.post("/account/password", data=form).status_code for _ in range(3)] == [400, 400, 429]

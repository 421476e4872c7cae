"""The corner's pages: only the door's own page on this machine may press, and what they show is no secret."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.face import Place
from kiosk.face.corner import NOTES, blueprint
from kiosk.face.here import HEADER, MARK
from kiosk.face.screen import Screen
from kiosk.padlock import Padlock
from kiosk.stages import Note
from kiosk.steward import Corner
from kiosk.stewarding import Stewarding
from server import stewards
from server.store.engine import PostgresStore, SqliteStore
from tests.kiosk.conftest import Doors, Kiosk

Either = SqliteStore | PostgresStore
CODE = "730518"
OWN = {HEADER: MARK, "Origin": "http://127.0.0.1:8090", "Host": "127.0.0.1:8090"}


@pytest.fixture
def kiosk(door: Doors, sqlite_store: Either) -> Kiosk:
    """A kiosk at the hall, where p5 is a steward."""
    sqlite_store.write(lambda c: stewards.set_code(c, "p5", CODE, os.urandom(16), os.urandom))
    return door("hall-a")


@pytest.fixture
def corner(kiosk: Kiosk) -> Corner:
    """Its corner."""
    stewarding = Stewarding(kiosk.disk, kiosk.journal, kiosk.standing, kiosk.clock)
    padlock = Padlock(kiosk.disk, kiosk.standing, kiosk.clock)
    return Corner(stewarding, padlock, kiosk.standing, kiosk.clock, kiosk.line)


@pytest.fixture
def client(corner: Corner) -> Iterator[FlaskClient]:
    """A browser at the door."""
    screen = Screen(lambda: Place("Hall A", "The hall"), [blueprint(lambda: corner)])
    with screen.app().test_client() as made:
        yield made


def press(client: FlaskClient, deed: str, headers: dict[str, str] | None = None, **facts: object) -> TestResponse:
    return client.post(f"/steward/{deed}", json=facts, headers=OWN if headers is None else headers)


def test_the_doors_own_page_may_press_and_is_told_the_step(client: FlaskClient) -> None:
    reply = press(client, "open")
    assert reply.status_code == 200
    assert reply.json is not None
    assert reply.json["stage"] == "badge"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "changed",
    [
        {HEADER: ""},
        {HEADER: "something"},
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Host": "evil.example:8090", "Origin": "http://evil.example:8090"},  # its own name leads to this machine
    ],
)
def test_any_other_page_is_turned_away(client: FlaskClient, corner: Corner, changed: dict[str, str]) -> None:
    reply = press(client, "open", {name: value for name, value in (OWN | changed).items() if value})
    assert reply.status_code == 403
    assert corner.view().number == 0


@pytest.mark.parametrize("path", ["/steward/open", "/steward/events"])
def test_another_machine_is_turned_away(client: FlaskClient, path: str) -> None:
    elsewhere = {"REMOTE_ADDR": "192.168.1.20"}
    does = client.get if path.endswith("events") else client.post
    assert does(path, headers=OWN, environ_overrides=elsewhere).status_code == 403


@pytest.mark.parametrize(
    ("deed", "body", "status"),
    [
        ("dance", b"{}", 404),
        ("code", b"{", 400),
        ("code", b'{"code": 5}', 400),
        ("code", b'{"code": "%s"}' % (b"1" * 65), 400),
        ("count", b'{"bodies": "many"}', 400),
        ("reason", b'{"why": "because"}', 400),
        ("open", b'{"unknown": 1}', 400),
        ("open", b"\xff", 400),
    ],
)
def test_what_cannot_be_read_does_nothing(
    client: FlaskClient, corner: Corner, deed: str, body: bytes, status: int
) -> None:
    reply = client.post(f"/steward/{deed}", data=body, headers=OWN)
    assert reply.status_code == status
    assert reply.json is not None
    assert set(reply.json) == {"error", "what", "do"}
    assert corner.view().number == 0


def test_before_the_kiosk_is_set_up_there_is_no_corner() -> None:
    client = Screen(Place, [blueprint(lambda: None)]).app().test_client()
    assert press(client, "open").status_code == 409
    assert client.get("/steward/events", headers=OWN).status_code == 409


def test_it_works_step_by_step_and_tells_no_name_and_no_code(client: FlaskClient, kiosk: Kiosk, corner: Corner) -> None:
    told = [press(client, "open").text]
    corner.take(kiosk.world.tokens["p5"])
    told.append(press(client, "code", code="111111").text)
    told.append(press(client, "code", code=CODE).text)
    told.append(press(client, "choose", what="reason").text)
    told.append(press(client, "reason", why="medical").text)
    corner.take(kiosk.world.tokens["p1"])
    told.append(press(client, "choose", what="annul").text)
    told.append(press(client, "agree").text)
    told.append(press(client, "close").text)
    stages = [json.loads(one)["stage"] for one in told]
    assert stages == ["badge", "code", "menu", "reason", "visitor", "annul", "menu", "closed"]
    assert json.loads(told[1])["note"] == "That did not work."
    assert not any(secret in one for one in told for secret in (CODE, "111111", "Person", "argon2"))
    assert kiosk.journal.seq == 2


def test_the_events_tell_every_step_and_end_when_it_is_shut(client: FlaskClient, corner: Corner) -> None:
    press(client, "open")
    reply = client.get("/steward/events", headers=OWN)
    parts = reply.iter_encoded()
    assert json.loads(next(parts).removeprefix(b"data: "))["stage"] == "badge"
    corner.close()
    rest = [part for part in parts if part.startswith(b"data: ")]
    assert [json.loads(part.removeprefix(b"data: "))["stage"] for part in rest] == ["closed"]


def test_every_note_has_words() -> None:
    assert set(NOTES) == set(Note)

"""A server's pages for tests: the small venue behind a Flask test client, users who sign in, and a kiosk at gate A."""

from __future__ import annotations

import os
import re

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admission import wire
from admission.passage import Kind
from server import imports
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_app
from tests.world import PASSWORD, PaperKiosk, World, make_world, table, utc_now

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Site:
    """The pages of a server whose person p9 has a name full of markup, and a kiosk that speaks to it."""

    def __init__(self, store: SqliteStore | PostgresStore) -> None:
        self.store = store
        self.world: World = store.write(lambda connection: make_world(connection, utc_now()))
        evil = table("person|name|organisation|category", f"p9|{EVIL}|{EVIL}|press")
        store.write(lambda connection: imports.run(connection, {"people": evil}, os.urandom))
        self.app: Flask = create_app(store, utc_now)
        self.kiosk = PaperKiosk(self.world.enrolments["hall-a"], "hall-a", "hall")

    def enter(self, *refs: str) -> None:
        """These people pass gate A of the hall with a seat each, and the server is told."""
        self._exchange()
        for ref in refs:
            self.kiosk.pass_through(Kind.ENTRY, self.world.badge_ids[ref], utc_now())
        self._exchange()

    def _exchange(self) -> None:
        body, headers = self.kiosk.seal(self.kiosk.letter())
        answer = self.app.test_client().post("/api/v1/exchange", data=body, headers=headers)
        assert answer.status_code == 200
        self.kiosk.hear(wire.decode_answer(answer.data))

    def signed_in(self, role: str) -> FlaskClient:
        client = self.app.test_client()
        assert sign_in(client, role).status_code == 303
        return client


def token(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, goal: str = "") -> TestResponse:
    form = {"name": name, "password": password, "next": goal, "csrf_token": token(client.get("/sign-in"))}
    return client.post("/sign-in", data=form)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/").status_code != 302 or "/sign-in" not in client.get("/").location

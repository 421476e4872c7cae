"""API keys: made by admins, shown once, never kept, revoked."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from admission.errors import ConfigError
from server import api_keys, trail
from server.api_keys import Scope
from server.store.engine import PostgresStore, SqliteStore
from server.store.schema import api_key
from server.trail import Who
from tests.pages import EVIL, Site, token

WHO = Who("admin", "10.0.0.1")
Either = SqliteStore | PostgresStore


def random(count: int) -> bytes:
    return bytes(range(count))


def make(store: Either, name: str = "screens", *scopes: str) -> str:
    chosen = scopes or ("people:read",)
    return store.write(lambda c: api_keys.make(c, name, chosen, WHO, 1000, random))


class TestAKey:
    def test_is_found_by_its_text_and_kept_as_a_hash(self, store: Either) -> None:
        text = make(store, "screens", "occupancy:read", "people:read")
        assert re.fullmatch(r"thr_[A-Za-z0-9_-]{43}", text)
        with store.read() as connection:
            key = api_keys.find(connection, text)
            assert key is not None
            assert (key.name, key.scopes) == ("screens", frozenset({Scope.PEOPLE_READ, Scope.OCCUPANCY_READ}))
            row = connection.execute(select(api_key)).mappings().one()
            assert text not in str(dict(row))
            assert len(row["hash"]) == 32
            step = trail.newest(connection, 1)[0]
        assert (step.what, step.about, step.facts["scopes"]) == ("made", "api key", ["people:read", "occupancy:read"])
        assert text[4:] not in str(step)

    @pytest.mark.parametrize(
        "text", ["", "thr_", "thr_" + "A" * 42, "thr_" + "é" * 43, "thr_" + "!" * 43, "\0", "x" * 99999]
    )
    def test_nothing_else_is_one(self, sqlite_store: Either, text: str) -> None:
        made = make(sqlite_store)
        with sqlite_store.read() as connection:
            assert api_keys.find(connection, text) is None
            assert api_keys.find(connection, made + "A") is None
            assert api_keys.find(connection, made[:-1]) is None

    def test_that_is_revoked_is_none_and_is_revoked_once(self, store: Either) -> None:
        text = make(store)
        with store.read() as connection:
            number = api_keys.listed(connection)[0].id
        assert store.write(lambda c: api_keys.revoke(c, number, WHO, 2000)) == "screens"
        with store.read() as connection:
            assert api_keys.find(connection, text) is None
            assert api_keys.listed(connection)[0].revoked == 2000
        with pytest.raises(ConfigError, match="revoked already"):
            store.write(lambda c: api_keys.revoke(c, number, WHO, 3000))
        with pytest.raises(ConfigError, match="revoked already"):
            store.write(lambda c: api_keys.revoke(c, 12345, WHO, 3000))

    def test_last_use_is_written_once_a_minute(self, sqlite_store: Either) -> None:
        text = make(sqlite_store)
        with sqlite_store.read() as connection:
            new = api_keys.find(connection, text)
        assert new is not None
        assert api_keys.is_used(new, 1000)
        sqlite_store.write(lambda c: api_keys.use(c, new, 1000))
        with sqlite_store.read() as connection:
            used = api_keys.find(connection, text)
        assert used is not None
        assert not api_keys.is_used(used, 60_999)
        assert api_keys.is_used(used, 61_000)

    @pytest.mark.parametrize(
        ("name", "scopes", "says"),
        [
            ("", ["people:read"], "give the key a name"),
            ("x" * 65, ["people:read"], "give the key a name"),
            ("a\x07b", ["people:read"], "give the key a name"),
            ("screens", [], "choose at least one"),
            ("screens", ["root"], "there is no scope 'root'"),
        ],
    )
    def test_that_cannot_be_is_refused(self, sqlite_store: Either, name: str, scopes: list[str], says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            sqlite_store.write(lambda c: api_keys.make(c, name, scopes, WHO, 1, random))

    def test_two_live_ones_have_two_names(self, sqlite_store: Either) -> None:
        make(sqlite_store)
        with pytest.raises(ConfigError, match="there is a key 'screens' already"):
            make(sqlite_store)


class TestThePage:
    @pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk", "organiser", "auditor"])
    def test_is_for_admins(self, site: Site, role: str) -> None:
        client = site.signed_in(role)
        assert client.get("/keys").status_code == 403
        form = {"csrf_token": "x", "name": "n", "scope": "people:read"}
        assert client.post("/keys", data=form).status_code in (400, 403)
        assert client.post("/keys/1/revoke", data=form).status_code in (400, 403)

    def test_shows_a_key_once_and_revokes_it(self, site: Site) -> None:
        client = site.signed_in("admin")
        key = token(client.get("/keys"))
        made = client.post("/keys", data={"csrf_token": key, "name": EVIL[:60], "scope": ["sessions:read"]})
        assert made.status_code == 200
        assert EVIL[:60] not in made.text
        found = re.search(r"thr_[A-Za-z0-9_-]{43}", made.text)
        assert found is not None
        assert made.headers["Cache-Control"] == "no-store"
        assert found[0] not in client.get("/keys").text
        bearer = {"Authorization": f"Bearer {found[0]}"}
        assert client.get("/api/v1/event", headers=bearer).status_code == 200
        number = re.search(r"/keys/(\d+)/revoke", client.get("/keys").text)
        assert number is not None
        again = {"csrf_token": key}
        assert client.post(f"/keys/{number[1]}/revoke", data=again).status_code == 303
        assert client.post(f"/keys/{number[1]}/revoke", data=again).status_code == 409
        assert client.post(f"/keys/{2**70}/revoke", data=again).status_code == 409
        assert client.get("/api/v1/event", headers=bearer).status_code == 401

    def test_keeps_what_was_typed_if_it_cannot_be(self, site: Site) -> None:
        client = site.signed_in("admin")
        form = {"csrf_token": token(client.get("/keys")), "name": "my screens", "scope": []}
        page = client.post("/keys", data=form)
        assert page.status_code == 400
        assert 'value="my screens"' in page.text
        assert "choose at least one" in page.text
        assert client.post("/keys", data=form | {"name": "a\0", "scope": ["people:read"]}).status_code == 400

"""Pairing at the server: who is enrolled, who is refused, and that nothing but a confirmation changes anything."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from admission import pairing as words
from admission import wire
from admission.badge import base45_decode, base45_encode
from admission.errors import BadMessage, ConfigError
from admission.pairing import Code, Enrol, Enrolled
from admission.roots import fingerprint
from server import devices, event, pairing, roots, symbol
from server.__main__ import main
from server.pairing import NotPending, State, Wanted
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate, transaction
from server.store.instants import from_ms, to_ms
from server.web import create_app, enrolment
from tests.pages import sign_in, token
from tests.tls import Authority
from tests.world import World, make_world, utc_now

ADDRESS = "http://192.168.1.5:8080"
WANTED = Wanted("north-1", "hall-a", ADDRESS, "admin")
ROOT, SECOND = Authority("one"), Authority("two")
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def sealed(token: bytes, key: Ed25519PrivateKey = KEY, **changed: object) -> tuple[bytes, dict[str, str]]:
    """A kiosk's request and its header."""
    body = json.dumps(json.loads(words.encode(Enrol(token=token, public=public(key)))) | changed).encode()
    return body, {wire.SIGNATURE_HEADER: wire.sign(words.UP, body, key)}


@dataclass
class Desk:
    """A server with a clock that can be put forward."""

    store: SqliteStore | PostgresStore
    now: datetime

    @cached_property
    def app(self) -> Flask:
        """Its pages and endpoint."""
        return create_app(self.store, lambda: self.now)

    def begin(self, wanted: Wanted = WANTED, token: bytes = b"t" * 16) -> pairing.Pairing:
        return self.store.write(lambda c: pairing.begin(c, wanted, token, self.now))

    def state(self, number: int) -> State:
        with self.store.read() as connection:
            found = pairing.look(connection, number, self.now)
        assert found is not None
        return found.state

    def post(self, body: bytes, headers: dict[str, str]) -> TestResponse:
        return self.app.test_client().post(words.PATH, data=body, headers=headers)

    def ask(self, token: bytes = b"t" * 16, key: Ed25519PrivateKey = KEY) -> Enrolled:
        """The answer to a good request."""
        asked = Enrol(token=token, public=public(key))
        return self.store.write(lambda c: pairing.answer(c, asked, self.now))

    @property
    def key(self) -> Ed25519PublicKey:
        with self.store.read() as connection:
            return event.read(connection).signing.public_key()

    def confirm(self, number: int) -> None:
        self.store.write(lambda c: pairing.confirm(c, number, self.now))

    def devices(self) -> dict[str, bytes]:
        with self.store.read() as connection:
            return {row.id: bytes(row.public) for row in connection.execute(select(schema.device))}


@pytest.fixture
def desk(store: SqliteStore | PostgresStore, world: World) -> Desk:
    """The server on each kind of database."""
    return Desk(store, world.now)


@pytest.fixture
def quick(sqlite_store: SqliteStore | PostgresStore) -> Desk:
    """The server on SQLite, for what has nothing to do with the database."""
    world = sqlite_store.write(lambda connection: make_world(connection, utc_now()))
    return Desk(sqlite_store, world.now)


class TestPairing:
    def test_a_kiosk_is_enrolled_with_its_own_key_once_the_admin_has_confirmed_and_not_before(self, desk: Desk) -> None:
        number = desk.begin().id
        first = desk.ask()
        assert (first.state, first.device, first.gate) == (words.State.ASKED, "north-1", "hall-a")
        assert first.public == public(KEY)
        assert "north-1" not in desk.devices()
        desk.confirm(number)
        assert desk.ask().state is words.State.CONFIRMED
        assert desk.devices()["north-1"] == public(KEY)
        with desk.store.read() as connection:
            assert devices.keys(connection)["north-1"][1] == "hall-a"

    def test_a_device_begins_in_the_event_s_present_era(self, desk: Desk) -> None:
        desk.store.write(lambda c: c.execute(update(schema.event).values(era=5)))
        number = desk.begin().id
        desk.ask()
        desk.confirm(number)
        with desk.store.read() as connection:
            rows = connection.execute(select(schema.device.c.era).where(schema.device.c.id == "north-1"))
            assert rows.scalar_one() == 5

    def test_asking_again_changes_nothing(self, desk: Desk) -> None:
        number = desk.begin().id
        assert len({desk.ask() for _ in range(3)}) == 1
        desk.confirm(number)
        assert len({desk.ask() for _ in range(3)}) == 1
        assert desk.state(number) is State.CONFIRMED

    def test_a_second_key_ends_a_pairing_that_was_not_confirmed_for_both(self, desk: Desk) -> None:
        number = desk.begin().id
        desk.ask()
        assert desk.ask(key=OTHER).state is words.State.REFUSED
        assert desk.state(number) is State.CONTESTED
        assert desk.ask().state is words.State.REFUSED
        with pytest.raises(ConfigError, match="does not wait"):
            desk.confirm(number)
        assert "north-1" not in desk.devices()

    def test_a_second_key_takes_nothing_from_a_kiosk_that_was_confirmed(self, desk: Desk) -> None:
        number = desk.begin().id
        desk.ask()
        desk.confirm(number)
        assert desk.ask(key=OTHER).state is words.State.REFUSED
        assert desk.ask().state is words.State.CONFIRMED
        assert desk.devices()["north-1"] == public(KEY)

    def test_nothing_can_be_confirmed_that_no_kiosk_has_answered(self, desk: Desk) -> None:
        number = desk.begin().id
        with pytest.raises(ConfigError, match="does not wait"):
            desk.confirm(number)
        assert desk.state(number) is State.OPEN

    def test_what_was_refused_stays_refused(self, desk: Desk) -> None:
        number = desk.begin().id
        desk.ask()
        desk.store.write(lambda c: pairing.refuse(c, number))
        assert desk.ask().state is words.State.REFUSED
        with pytest.raises(ConfigError):
            desk.confirm(number)
        with pytest.raises(ConfigError):
            desk.store.write(lambda c: pairing.refuse(c, number))

    def test_after_ten_minutes_it_is_over_asked_or_not(self, desk: Desk) -> None:
        number = desk.begin().id
        desk.now += timedelta(minutes=9, seconds=59)
        desk.ask()
        desk.now += timedelta(seconds=1)
        assert desk.state(number) is State.EXPIRED
        with pytest.raises(NotPending):
            desk.ask()
        with pytest.raises(ConfigError):
            desk.confirm(number)
        assert "north-1" not in desk.devices()

    def test_a_kiosk_that_missed_the_confirmation_hears_it_later(self, desk: Desk) -> None:
        number = desk.begin().id
        desk.ask()
        desk.confirm(number)
        desk.now += timedelta(hours=1)
        assert desk.ask().state is words.State.CONFIRMED

    def test_a_name_that_was_taken_meanwhile_leaves_the_pairing_as_it_was(self, desk: Desk) -> None:
        number = desk.begin().id
        desk.ask()
        desk.store.write(lambda c: devices.add_kiosk(c, "north-1", "hall-b", ADDRESS, bytes(32), desk.now))
        with pytest.raises(ConfigError, match="exists already"):
            desk.confirm(number)
        assert desk.state(number) is State.ASKED

    def test_the_token_itself_is_not_in_the_database(self, desk: Desk) -> None:
        desk.begin(token=b"a very secret 16")
        with desk.store.read() as connection:
            [row] = connection.execute(select(schema.pairing)).mappings()
        assert b"a very secret 16" not in [bytes(v) for v in row.values() if isinstance(v, bytes | memoryview)]


class TestBeginning:
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"name": "North 1"}, "lower-case"),
            ({"name": ""}, "lower-case"),
            ({"name": "k-hall-a"}, "exists already"),
            ({"gate": "nowhere"}, "gates are: club-door"),
            ({"server": "192.168.1.5:8080"}, "http://host:port"),
            ({"server": "ftp://192.168.1.5"}, "http://host:port"),
            ({"server": "HTTPS://192.168.1.5"}, "http://host:port"),
            ({"server": "http://a:b@host"}, "http://host:port"),
            ({"server": "http://host:99999"}, "http://host:port"),
            ({"server": "http://ho st"}, "http://host:port"),
            ({"server": f"http://{'h' * 200}"}, "http://host:port"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_begun(self, quick: Desk, wrong: dict[str, str], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            quick.begin(replace(WANTED, **wrong))
        with quick.store.read() as connection:
            assert connection.execute(select(schema.pairing)).all() == []

    def test_a_name_can_be_paired_again_only_after_the_first_try_has_ended(self, quick: Desk) -> None:
        quick.begin()
        with pytest.raises(ConfigError, match="going on already"):
            quick.begin(token=b"u" * 16)
        quick.now += timedelta(minutes=10)
        quick.begin(token=b"u" * 16)

    def test_at_most_twenty_are_open_at_once(self, quick: Desk) -> None:
        for n in range(pairing.MAX_OPEN):
            quick.begin(replace(WANTED, name=f"k{n}"), bytes([n]) * 16)
        with pytest.raises(ConfigError, match="20 pairings are open"):
            quick.begin()


class TestEndpoint:
    def test_a_good_request_gets_an_answer_signed_by_the_key_in_the_code(self, quick: Desk) -> None:
        quick.begin()
        reply = quick.post(*sealed(b"t" * 16))
        assert reply.status_code == 200
        wire.check(words.DOWN, reply.data, reply.headers[wire.SIGNATURE_HEADER], quick.key)
        assert words.decode_enrolled(reply.data) == quick.ask()

    @pytest.mark.parametrize(
        ("spoil", "status", "said"),
        [
            (lambda _body, head: (b"", head), 400, "not a message"),
            (lambda _body, head: (b"\xff{", head), 400, "not a message"),
            (lambda body, head: (body + b" " * words.MAX_BODY, head), 400, "at most"),
            (lambda body, _head: (body, {}), 403, "signature"),
            (lambda body, _head: (body, {wire.SIGNATURE_HEADER: "00" * 64}), 403, "signature"),
            (lambda body, head: (body + b" ", head), 403, "signature"),
            (lambda _body, _head: sealed(b"t" * 16, v=2), 400, "version 2"),
            (lambda _body, _head: sealed(b"t" * 16, more=1), 400, "not a message"),
            (lambda _body, _head: sealed(b"t" * 15), 400, "not a message"),
            (lambda _body, _head: sealed(b"t" * 16, public="AAAA"), 400, "not a message"),
            (lambda _body, _head: sealed(b"u" * 16), 410, "not known"),
        ],
    )
    def test_a_bad_request_gets_one_clear_error_and_changes_nothing(
        self, quick: Desk, spoil: object, status: int, said: str
    ) -> None:
        number = quick.begin().id
        assert callable(spoil)
        reply = quick.post(*spoil(*sealed(b"t" * 16)))
        assert reply.status_code == status
        told = json.loads(reply.data)
        assert set(told) == {"error", "what", "do"}
        assert said in told["what"]
        assert wire.SIGNATURE_HEADER not in reply.headers
        assert quick.state(number) is State.OPEN

    def test_wrong_attempts_are_answered_ten_times_a_minute_and_good_ones_always(self, quick: Desk) -> None:
        quick.begin()
        wrong = [quick.post(*sealed(b"u" * 16)).status_code for _ in range(12)]
        assert wrong == [410] * 10 + [429] * 2
        assert quick.post(*sealed(b"t" * 16)).status_code == 200
        quick.now += timedelta(minutes=1)
        assert quick.post(*sealed(b"u" * 16)).status_code == 410

    def test_it_needs_no_csrf_token_but_the_admin_s_forms_do(self, quick: Desk) -> None:
        number = quick.begin().id
        assert quick.post(*sealed(b"t" * 16)).status_code == 200
        client = quick.app.test_client()
        sign_in(client, "admin")
        assert client.post(f"/kiosks/pair/{number}", data={"same": "yes"}).status_code == 400
        assert client.post("/kiosks", data={"name": "x", "gate": "hall-a", "server": ADDRESS}).status_code == 400
        assert quick.state(number) is State.ASKED


class TestPages:
    @pytest.fixture
    def admin(self, quick: Desk) -> FlaskClient:
        """An admin who is signed in."""
        client = quick.app.test_client()
        assert sign_in(client, "admin").status_code == 303
        return client

    def begin(self, client: FlaskClient, **changed: str) -> TestResponse:
        form = {"name": "north-1", "gate": "hall-a", "server": ADDRESS} | changed
        return client.post("/kiosks", data=form | {"csrf_token": token(client.get("/kiosks"))})

    def code(self, client: FlaskClient, page: str) -> Code:
        found = re.search(r">(TE:[^<]*)</textarea>", client.get(page).text)
        assert found is not None
        return words.read_code(found[1])

    def decide(self, client: FlaskClient, page: str, **answer: str) -> TestResponse:
        return client.post(page, data=answer | {"csrf_token": token(client.get(page))})

    @pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk", "organiser", "auditor"])
    def test_nobody_but_an_admin_gets_there(self, quick: Desk, role: str) -> None:
        number = quick.begin().id
        client = quick.app.test_client()
        sign_in(client, role)
        for page in ("/kiosks", f"/kiosks/pair/{number}", f"/kiosks/pair/{number}/state"):
            assert client.get(page).status_code == 403
            assert quick.app.test_client().get(page).status_code == 302
        form = {"csrf_token": token(client.get("/log" if role == "auditor" else "/board")), "same": "no"}
        assert client.post(f"/kiosks/pair/{number}", data=form).status_code == 403
        assert client.post("/kiosks", data=form).status_code == 403
        assert quick.state(number) is State.OPEN
        assert "/kiosks" not in client.get("/", follow_redirects=True).text

    def test_the_code_says_address_key_and_token_of_this_pairing(self, quick: Desk, admin: FlaskClient) -> None:
        answer = self.begin(admin, server=f"{ADDRESS}/")
        assert answer.status_code == 303
        code = self.code(admin, answer.location)
        assert (code.url, code.server_key) == (ADDRESS, quick.key.public_bytes_raw())
        assert quick.ask(code.token).device == "north-1"

    def test_an_admin_confirms_the_digits_that_the_page_has_shown(self, quick: Desk, admin: FlaskClient) -> None:
        page = self.begin(admin).location
        code = self.code(admin, page)
        quick.ask(code.token)
        digits = words.digits(code, public(KEY))
        assert digits in admin.get(page).text
        assert admin.get(f"{page}/state").json == {"state": "asked"}
        assert self.decide(admin, page, same="yes", digits="000 000").status_code == 409
        assert self.decide(admin, page, same="yes").status_code == 409
        assert "north-1" not in quick.devices()
        assert self.decide(admin, page, same="yes", digits=digits).status_code == 303
        assert quick.devices()["north-1"] == public(KEY)
        assert "is enrolled" in admin.get(page).text
        assert "north-1" in admin.get("/kiosks").text

    def test_no_ends_it(self, quick: Desk, admin: FlaskClient) -> None:
        page = self.begin(admin).location
        code = self.code(admin, page)
        quick.ask(code.token)
        assert self.decide(admin, page, same="no").status_code == 303
        assert "Not enrolled" in admin.get(page).text
        assert quick.ask(code.token).state is words.State.REFUSED

    def test_a_second_key_is_said_loudly(self, quick: Desk, admin: FlaskClient) -> None:
        page = self.begin(admin).location
        code = self.code(admin, page)
        quick.ask(code.token)
        quick.ask(code.token, OTHER)
        assert "Somebody else has read this code" in admin.get(page).text
        assert "same digits" not in admin.get(page).text

    def test_another_browser_sees_neither_code_nor_digits_and_cannot_confirm(
        self, quick: Desk, admin: FlaskClient
    ) -> None:
        page = self.begin(admin).location
        code = self.code(admin, page)
        other = quick.app.test_client()
        sign_in(other, "admin")
        assert "TE:" not in other.get(page).text
        quick.ask(code.token)
        digits = words.digits(code, public(KEY))
        assert digits not in other.get(page).text
        assert self.decide(other, page, same="yes", digits=digits).status_code == 409
        assert "north-1" not in quick.devices()

    def test_a_mistake_in_the_form_is_shown_beside_what_was_typed(self, admin: FlaskClient) -> None:
        answer = self.begin(admin, name="<b>North</b>")
        assert answer.status_code == 400
        assert "lower-case letters" in answer.text
        assert "<b>North" not in answer.text
        assert "&lt;b&gt;North" in answer.text

    def test_the_list_says_when_a_kiosk_was_heard_and_which_is_revoked(self, quick: Desk, admin: FlaskClient) -> None:
        ms = to_ms(quick.now + timedelta(hours=1))
        of_hall_b = schema.device.c.id == "k-hall-b"
        quick.store.write(lambda c: c.execute(update(schema.device).where(of_hall_b).values(revoked=ms)))
        with quick.store.read() as connection:
            listed = {one.name: one for one in pairing.kiosks(connection)}
        assert listed["k-hall-b"].revoked == from_ms(ms)
        assert listed["k-hall-a"].revoked is None
        text = admin.get("/kiosks").text
        assert text.count("Revoked <time") == 1
        assert "Not yet" in text

    def test_a_pairing_that_is_none_is_not_found(self, admin: FlaskClient) -> None:
        for page in ("/kiosks/pair/999", f"/kiosks/pair/{2**70}", "/kiosks/pair/999/state"):
            assert admin.get(page).status_code == 404


class TestRoots:
    """The certificates of the TLS in front, which kiosks pin."""

    @pytest.fixture
    def file(self, quick: Desk, tmp_path: Path) -> Path:
        """The file that the settings name, with a root in it."""
        file = tmp_path / "ca.crt"
        file.write_text(f"# Caddy\n{ROOT.pem}")
        quick.app.config[enrolment.CA] = str(file)
        return file

    def test_everybody_may_have_them(self, quick: Desk, file: Path) -> None:
        answer = quick.app.test_client().get(words.ROOTS_PATH)
        assert (answer.status_code, answer.text, answer.mimetype) == (200, ROOT.pem, "application/x-pem-file")
        file.write_text(SECOND.pem)
        assert quick.app.test_client().get(words.ROOTS_PATH).text == SECOND.pem

    def test_a_server_that_names_none_says_so(self, quick: Desk) -> None:
        answer = quick.app.test_client().get(words.ROOTS_PATH)
        assert answer.status_code == 404
        assert set(answer.get_json()) == {"error", "what", "do"}

    def test_a_file_that_cannot_be_used_is_named_in_the_log_and_to_no_stranger(
        self, quick: Desk, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        for spoil in (lambda: file.write_text("nothing"), file.unlink):
            spoil()
            answer = quick.app.test_client().get(words.ROOTS_PATH)
            assert answer.status_code == 503
            assert str(file) not in answer.text
            assert f"setting ca: {file}" in caplog.text or f"cannot read {file}" in caplog.text
            caplog.clear()

    def test_the_code_has_their_fingerprint_where_the_kiosk_comes_by_tls_and_only_there(self, quick: Desk) -> None:
        for address, pin in (("https://192.168.1.5", fingerprint(ROOT.pem)), (ADDRESS, b"")):
            begun = quick.begin(replace(WANTED, name=f"k{len(pin)}", server=address), bytes([len(pin)]) * 16)
            with quick.store.read() as connection:
                assert pairing.code(connection, begun, b"t" * 16, ROOT.pem).roots == pin
                assert pairing.code(connection, begun, b"t" * 16).roots == b""

    @pytest.mark.usefixtures("file")
    def test_the_page_shows_the_code_with_them(self, quick: Desk) -> None:
        client, pages = quick.app.test_client(), TestPages()
        sign_in(client, "admin")
        page = pages.begin(client, server="https://192.168.1.5").location
        assert pages.code(client, page).roots == fingerprint(ROOT.pem)
        code = pages.code(client, page)
        quick.ask(code.token)
        assert words.digits(code, public(KEY)) in client.get(page).text

    def test_the_page_says_what_is_wrong_with_the_file_and_begins_nothing(self, quick: Desk, file: Path) -> None:
        client = quick.app.test_client()
        sign_in(client, "admin")
        file.unlink()
        answer = TestPages().begin(client, server="https://192.168.1.5")
        assert answer.status_code == 400
        assert f"setting ca: cannot read {file}: No such file" in answer.text
        with quick.store.read() as connection:
            assert connection.execute(select(schema.pairing)).all() == []

    @pytest.mark.parametrize(("address", "pem"), [("https://192.168.1.5", ROOT.pem), (ADDRESS, "")])
    def test_an_enrolment_by_file_has_them_where_the_kiosk_comes_by_tls(
        self, tmp_path: Path, address: str, pem: str
    ) -> None:
        url = f"sqlite:///{tmp_path / 'threshold.db'}"
        migrate(url)
        with transaction(url) as connection:
            make_world(connection, utc_now(), people=3, kiosks=())
        (tmp_path / "ca.crt").write_text(ROOT.pem)
        settings, out = tmp_path / "server.toml", tmp_path / "k.json"
        settings.write_text(f'data = "{tmp_path}"\nca = "{tmp_path / "ca.crt"}"\n')
        given = ["--config", str(settings), "add-kiosk", "k", "--gate", "hall-a", "--server", address]
        before = os.umask(0o022)
        try:
            assert CliRunner().invoke(main, [*given, "--out", str(out)]).exit_code == 0
        finally:
            os.umask(before)
        assert wire.decode_enrolment(out.read_bytes()).ca == pem

    @pytest.mark.parametrize("address", ["HTTPS://server", "Http://server", "server:8080", "https://server?x=1", ""])
    def test_an_address_that_a_kiosk_would_not_pin_or_could_not_call_makes_no_enrolment(
        self, tmp_path: Path, address: str
    ) -> None:
        url = f"sqlite:///{tmp_path / 'threshold.db'}"
        migrate(url)
        with transaction(url) as connection:
            make_world(connection, utc_now(), people=3, kiosks=())
        given = ["--data", str(tmp_path), "add-kiosk", "k", "--gate", "hall-a", "--server", address]
        answer = CliRunner().invoke(main, [*given, "--out", str(tmp_path / "k.json")])
        assert answer.exit_code == 1
        assert "write http://host:port or https://host" in answer.output
        assert not (tmp_path / "k.json").exists()
        with transaction(url) as connection:
            assert devices.keys(connection) == {}

    def test_the_scheme_of_an_address_counts_as_browsers_write_it_too(self) -> None:
        assert roots.applies("HTTPS://server")
        assert not roots.applies("http://https://server")

    def test_without_a_file_nothing_is_pinned(self) -> None:
        given = wire.Enrolment(device="k", seed=bytes(32), server="https://server", server_key=bytes(32))
        assert roots.pinned(given, "") == given


class TestCode:
    CODE = Code(ADDRESS, bytes(range(32)), bytes(range(16)))

    PINNING = Code("https://192.168.1.5", bytes(range(32)), bytes(range(16)), bytes(range(100, 132)))

    @pytest.mark.parametrize("code", [CODE, PINNING])
    def test_it_is_read_as_it_was_written(self, code: Code) -> None:
        text = words.write_code(code)
        assert text.startswith("TE:")
        assert re.fullmatch(r"[0-9A-Z $%*+\-./:]+", text)
        assert words.read_code(text) == code

    def test_one_without_a_fingerprint_is_what_older_kiosks_read_and_one_with_it_says_its_version(self) -> None:
        of = {code: base45_decode(words.write_code(code)[3:]) or b"" for code in (self.CODE, self.PINNING)}
        assert msgspec.msgpack.decode(of[self.CODE]) == [1, ADDRESS, bytes(range(32)), bytes(range(16))]
        assert msgspec.msgpack.decode(of[self.PINNING])[0] == 2

    @pytest.mark.parametrize(("url", "most"), [("https://192.168.1.5", 45), ("https://checkin.example.org", 45)])
    def test_one_with_a_fingerprint_has_modules_large_enough_for_a_laptop_s_screen(self, url: str, most: int) -> None:
        """With the quiet zone of 4 on each side."""
        assert symbol.draw(words.write_code(replace(self.PINNING, url=url))).side <= most + 8

    def test_the_roots_of_an_address_without_tls_are_no_code(self) -> None:
        with pytest.raises(BadMessage, match="damaged"):
            words.read_code(words.write_code(replace(self.PINNING, url=ADDRESS)))

    def test_whatever_is_changed_in_it_is_noticed_or_changes_the_digits(self) -> None:
        whole, digits = words.write_code(self.CODE), words.digits(self.CODE, public(KEY))
        for changed in (replace(self.CODE, token=bytes(16)), replace(self.CODE, server_key=bytes(32))):
            assert words.digits(changed, public(KEY)) != digits
        assert words.digits(self.CODE, public(OTHER)) != digits
        for at in range(3, len(whole), 7):
            with pytest.raises(BadMessage):
                words.read_code(whole[:at])

    @pytest.mark.parametrize(
        "packed",
        [
            (),
            (3, "x"),
            (2, ADDRESS, b"k" * 32, b"t" * 16, b""),
            (1, ADDRESS, b"k" * 32),
            (1, ADDRESS, b"k", b"t"),
            7,
            None,
        ],
    )
    def test_another_shape_is_no_code(self, packed: object) -> None:
        text = words.PREFIX + base45_encode(msgspec.msgpack.encode(packed))
        with pytest.raises(BadMessage, match="version 3.*knows versions 1 and 2" if packed == (3, "x") else "damaged"):
            words.read_code(text)

    def test_another_text_is_no_code(self) -> None:
        for text in ("", "TE:", "TE:é", "TBABC", "te:ABC", "https://example.org"):
            with pytest.raises(BadMessage):
                words.read_code(text)

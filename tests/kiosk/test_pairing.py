"""Pairing at the kiosk, before its camera and in a terminal, with a real server behind it; and what must not pass."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from admission import pairing as words
from admission import wire
from admission.errors import BadMessage, ConfigError, DiskError, NetworkError, ThresholdError
from admission.pairing import Code
from admission.wire import Enrolment
from kiosk.__main__ import main
from kiosk.camera import Away
from kiosk.config import check_place, find_enrolment, machine_name, read_enrolment, write_enrolment
from kiosk.pairing import EVERY_MS, Booth, Candidate, Reply, converse
from kiosk.postbox import Postbox
from server import event, pairing
from server.pairing import State, Wanted
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_app
from tests.kiosk.conftest import Recorder, Script, Time
from tests.world import World

TOKEN = bytes(range(16))
ADDRESS = "http://server.example:8080"
FRAME = np.zeros((48, 64), np.uint8)
THIEF = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)


@dataclass
class Wire:
    """A Post to the server's application; ``between`` may do to a reply whatever a network may."""

    app: Flask
    between: Callable[[Reply], Reply] = field(default=lambda reply: reply)
    cut: bool = False
    asked: int = 0

    def __call__(self, url: str, body: bytes, signature: str, pinned: str = "") -> Reply:
        """See Post."""
        assert not pinned
        self.asked += 1
        if self.cut:
            raise NetworkError("the server cannot be reached")
        assert url == ADDRESS + words.PATH
        reply = self.app.test_client().post(words.PATH, data=body, headers={wire.SIGNATURE_HEADER: signature})
        return self.between(Reply(reply.status_code, reply.data, reply.headers.get(wire.SIGNATURE_HEADER, "")))

    def fetch(self, url: str) -> bytes:
        """See Post."""
        raise NotImplementedError(url)


@dataclass
class Other:
    """A Post with somebody else at its end."""

    answer: Callable[[str, bytes, str, str], Reply]

    def __call__(self, url: str, body: bytes, signature: str, pinned: str) -> Reply:
        """See Post."""
        return self.answer(url, body, signature, pinned)

    def fetch(self, url: str) -> bytes:
        """See Post."""
        raise NotImplementedError(url)


class Site:
    """A server with a pairing that was begun, and a kiosk in its booth."""

    def __init__(self, store: SqliteStore | PostgresStore, time: Time) -> None:
        self.store, self.time = store, time
        self.wire = Wire(create_app(store, time))
        self.face, self.script = Recorder(), Script()
        self.ms = 1_000_000
        self.seeds = iter(bytes([n]) * 32 for n in range(1, 100))
        self.booth = Booth(self.script, self.wire, self.face, lambda: next(self.seeds), lambda: self.ms)
        self.number, self.code = self.begin(TOKEN, "north-1")

    def begin(self, token: bytes, name: str) -> tuple[int, Code]:
        """Another pairing: its number and code."""
        wanted = Wanted(name, "hall-a", ADDRESS, "admin")
        begun = self.store.write(lambda c: pairing.begin(c, wanted, token, self.time()))
        with self.store.read() as connection:
            return begun.id, pairing.code(connection, begun, token)

    def look(self, *texts: str, frames: int = 1) -> Enrolment | None:
        """The camera sees these texts for so many frames, a second and more apart; the last frame's enrolment."""
        self.script.texts = list(texts)
        enrolment = None
        for _ in range(frames):
            self.ms += EVERY_MS
            enrolment = self.booth.step(FRAME)
        return enrolment

    def show(self, code: Code | None = None) -> Enrolment | None:
        """The code is held up."""
        return self.look(words.write_code(code or self.code), frames=2)

    def confirm(self) -> None:
        self.store.write(lambda c: pairing.confirm(c, self.number, self.time()))

    def state(self) -> State:
        with self.store.read() as connection:
            found = pairing.look(connection, self.number, self.time())
        assert found is not None
        return found.state

    def candidate(self, seed: bytes = bytes(32)) -> Candidate:
        return Candidate(words.write_code(self.code), seed, self.wire)


@pytest.fixture
def site(sqlite_store: SqliteStore | PostgresStore, kiosk_world: World, time: Time) -> Site:
    """A server on which an admin has begun to pair."""
    return Site(sqlite_store, time)


class TestBooth:
    def test_a_kiosk_says_what_it_needs_shows_the_digits_and_is_enrolled_once_they_are_confirmed(
        self, site: Site
    ) -> None:
        assert site.face.now == "pair"
        assert site.show() is None
        shown = site.face.shown[-1]
        with site.store.read() as connection:
            asked = pairing.look(connection, site.number, site.time())
        assert asked is not None
        assert asked.public is not None
        assert (shown.key, shown.name) == ("pair_digits", words.digits(site.code, asked.public))
        assert shown.detail == "north-1 · hall-a"
        site.confirm()
        enrolment = site.look()
        assert site.face.now == "pair_done"
        assert enrolment is not None
        assert (enrolment.device, enrolment.server, enrolment.server_key) == ("north-1", ADDRESS, site.code.server_key)
        assert Ed25519PrivateKey.from_private_bytes(enrolment.seed).public_key().public_bytes_raw() == asked.public

    def test_it_asks_about_once_a_second_however_many_frames_come(self, site: Site) -> None:
        site.show()
        before = site.wire.asked
        for _ in range(100):
            site.ms += EVERY_MS // 50
            site.booth.step(FRAME)
        assert site.wire.asked - before in (2, 3)

    def test_other_codes_are_passed_over(self, site: Site) -> None:
        site.look("https://example.org", "TBABC", site.code.url, frames=5)
        assert site.face.now == "pair"
        assert site.wire.asked == 0

    @pytest.mark.parametrize("text", ["TE:", "TE:1", "TE:ABCDEFGHI", "TE:é"])
    def test_a_damaged_code_is_said_on_the_line_for_staff_and_the_next_is_read(self, site: Site, text: str) -> None:
        site.look(text, frames=3)
        assert (site.face.now, site.wire.asked) == ("pair", 0)
        assert "damaged" in site.face.status.trouble
        site.show()
        assert (site.face.now, site.face.status.trouble) == ("pair_digits", "")

    def test_a_server_that_is_not_reached_is_asked_until_it_is(self, site: Site) -> None:
        site.wire.cut = True
        site.show()
        assert (site.face.now, site.face.shown[-1].detail) == ("pair_away", ADDRESS)
        assert site.face.status.trouble == "the server cannot be reached"
        site.wire.cut = False
        site.look()
        assert site.face.now == "pair_digits"

    @pytest.mark.parametrize("status", [302, 400, 403, 429, 500, 503])
    def test_an_error_is_not_an_end(self, site: Site, status: int) -> None:
        site.wire.between = lambda reply: replace(reply, status=status)
        site.show()
        assert site.face.now == "pair_away"
        assert str(status) in site.face.status.trouble
        site.wire.between = lambda reply: reply
        site.look()
        assert site.face.now == "pair_digits"

    def test_a_code_that_has_expired_is_said_to_be_and_a_new_one_is_taken(self, site: Site) -> None:
        site.time.elapsed *= 200
        site.show()
        assert site.face.now == "pair_expired"
        asked = site.wire.asked
        site.show()
        assert site.wire.asked == asked  # the same code, still in view
        site.number, site.code = site.begin(bytes(16), "north-1")
        site.show()
        assert site.face.now == "pair_digits"

    def test_a_refusal_is_said_and_ends_it(self, site: Site) -> None:
        site.show()
        site.store.write(lambda c: pairing.refuse(c, site.number))
        assert site.look(frames=3) is None
        assert site.face.now == "pair_refused"

    def test_another_code_does_not_push_in_while_digits_are_compared(self, site: Site) -> None:
        _, other = site.begin(bytes(16), "north-2")
        site.show()
        digits = site.face.shown[-1].name
        site.show(other)
        assert site.face.shown[-1].name == digits
        site.confirm()
        enrolment = site.look()
        assert enrolment is not None
        assert enrolment.device == "north-1"

    def test_two_codes_in_view_by_turns_never_look_like_two_kiosks(self, site: Site) -> None:
        _, other = site.begin(bytes(16), "north-2")
        pair = [words.write_code(code) for code in (site.code, other)]
        site.wire.between = lambda reply: replace(reply, status=503)  # each is asked for, no answer arrives
        for n in range(6):
            site.look(pair[n % 2])
        site.wire.between = lambda reply: reply
        site.look(pair[0], frames=2)
        assert site.face.now == "pair_digits"
        assert site.state() is State.ASKED

    def test_a_camera_that_is_away_is_said_and_then_what_was_shown_before(self, site: Site) -> None:
        site.booth.step(Away("no camera"))
        assert site.face.now == "camera_away"
        site.look()
        assert site.face.now == "pair"
        site.show()
        site.booth.step(Away("no camera"))
        assert site.face.now == "pair_digits"

    def test_it_goes_on_asking_without_a_camera(self, site: Site) -> None:
        site.show()
        site.confirm()
        site.ms += EVERY_MS
        assert site.booth.step(Away("no camera")) is not None


class TestTampering:
    def test_digits_are_shown_only_for_an_answer_that_the_code_s_key_has_signed(self, site: Site) -> None:
        def forged(reply: Reply) -> Reply:
            return replace(reply, signature=wire.sign(words.DOWN, reply.body, THIEF))

        site.wire.between = forged
        site.show()
        assert site.face.now == "pair_untrusted"
        assert not any(shown.name for shown in site.face.shown)
        site.confirm()
        assert site.look(frames=3) is None
        site.wire.between = lambda reply: reply
        assert site.look() is not None

    def test_a_code_with_another_server_s_key_gets_no_digits(self, site: Site) -> None:
        site.show(replace(site.code, server_key=THIEF.public_key().public_bytes_raw()))
        assert site.face.now == "pair_untrusted"

    def test_a_code_with_another_address_asks_there_and_is_told_nothing_that_counts(self, site: Site) -> None:
        asked: list[str] = []

        def elsewhere(url: str, body: bytes, _signature: str, _pinned: str) -> Reply:
            asked.append(url)
            token, public = json.loads(body)["token"], json.loads(body)["public"]
            said = {"v": 1, "state": "confirmed", "device": "north-1", "gate": "hall-a", "public": public}
            answer = json.dumps(said).encode()
            assert token
            return Reply(200, answer, wire.sign(words.DOWN, answer, THIEF))

        booth = Booth(site.script, Other(elsewhere), site.face, lambda: bytes(32), lambda: site.ms)
        site.script.texts = [words.write_code(replace(site.code, url="http://thief.example"))]
        for _ in range(3):
            site.ms += EVERY_MS
            assert booth.step(FRAME) is None
        assert set(asked) == {f"http://thief.example{words.PATH}"}
        assert site.face.now == "pair_untrusted"

    def test_a_man_in_the_middle_who_puts_his_own_key_in_gets_no_digits_onto_the_kiosk(self, site: Site) -> None:
        """Even one whose key was chosen so that the six digits agree: the server's answer names the other key."""
        theirs = Candidate(words.write_code(site.code), bytes([9]) * 32, site.wire)

        def swap(url: str, _body: bytes, _signature: str, _pinned: str) -> Reply:
            body = words.encode(words.Enrol(token=TOKEN, public=THIEF.public_key().public_bytes_raw()))
            return site.wire(url, body, wire.sign(words.UP, body, THIEF))

        booth = Booth(site.script, Other(swap), site.face, lambda: bytes(32), lambda: site.ms)
        site.script.texts = [words.write_code(site.code)]
        site.ms += EVERY_MS
        booth.step(FRAME)
        assert site.state() is State.ASKED
        assert site.face.now == "pair_untrusted"
        assert theirs.digits != Candidate(words.write_code(site.code), bytes(32), site.wire).digits

    def test_the_confirmation_of_another_kiosk_is_not_taken(self, site: Site) -> None:
        other = site.candidate(bytes([5]) * 32)
        other.ask()
        site.confirm()
        kept: list[Reply] = []

        def keep(reply: Reply) -> Reply:
            kept.append(reply)
            return reply

        site.wire.between = keep
        other.ask()
        site.wire.between = lambda _reply: kept[0]
        assert site.show() is None
        assert site.face.now == "pair_untrusted"

    def test_an_answer_of_another_version_or_shape_is_not_taken(self, site: Site) -> None:
        with site.store.read() as connection:
            key = event.read(connection).signing
        for body in (b"", b"{}", b'{"v": 2}', b"x" * 5000):
            site.wire.between = lambda _reply, body=body: Reply(200, body, wire.sign(words.DOWN, body, key))  # type: ignore[misc]
            site.show()
            assert site.face.now == "pair_untrusted"


class TestTerminal:
    def test_it_says_the_digits_and_waits_for_the_confirmation(self, site: Site) -> None:
        said: list[str] = []
        waits = iter([lambda: None, lambda: None, site.confirm])
        made, answer = converse(site.candidate(), said.append, lambda _s: next(waits)())
        assert len(said) == 1
        assert site.candidate().digits in said[0]
        assert (made.device, answer.gate) == ("north-1", "hall-a")

    def test_a_refusal_ends_it_with_a_sentence(self, site: Site) -> None:
        site.store.write(lambda c: pairing.refuse(c, site.number))
        with pytest.raises(ThresholdError, match="Not accepted"):
            converse(site.candidate(), lambda _line: None, lambda _s: None)

    def test_a_text_that_is_no_code_is_refused_at_once(self, tmp_path: Path) -> None:
        for text in ("hello", "TE:XX"):
            with pytest.raises(BadMessage):
                Candidate(text, bytes(32), Postbox(""))
        result = CliRunner().invoke(main, ["enrol", "--code", "TE:X", "--enrolment", str(tmp_path / "e.json")])
        assert result.exit_code == 1
        assert "Error: this is not a pairing code, or a damaged one" in result.output
        assert list(tmp_path.iterdir()) == []

    def test_an_enrolment_is_not_overwritten_unless_that_is_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "e.json"
        path.write_text("mine")
        given = ["enrol", "--code", "TE:X", "--enrolment", str(path)]
        assert "give --replace" in CliRunner().invoke(main, given).output
        assert "not a pairing code" in CliRunner().invoke(main, [*given, "--replace"]).output
        assert path.read_text() == "mine"

    @pytest.mark.parametrize("more", [[], ["--replace"]])
    def test_a_kiosk_that_systemd_hands_an_enrolment_is_not_given_another_that_it_would_not_use(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
    ) -> None:
        handed = tmp_path / "handed.json"
        monkeypatch.setattr("kiosk.__main__.HANDED_OVER", handed)
        given = ["--data", str(tmp_path / "data"), "enrol", "--code", "TE:X", *more]
        assert "not a pairing code" in CliRunner().invoke(main, given).output
        handed.touch()

        answer = CliRunner().invoke(main, given)

        assert answer.exit_code == 1
        assert f"{handed} is there, and systemd hands it to the kiosk" in answer.output
        assert not list(tmp_path.rglob("enrolment.json"))


class TestPostbox:
    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense", "ftp://127.0.0.1/", "http://[/", "http://h:x/"])
    def test_an_address_where_nobody_answers_is_an_error_of_the_network(self, url: str) -> None:
        with pytest.raises(NetworkError):
            Postbox("")(url, b"", "", "")


class TestFile:
    ENROLMENT = Enrolment(device="k-1", seed=bytes(32), server=ADDRESS, server_key=bytes(32))

    def test_it_is_written_whole_for_nobody_else_and_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "enrolment.json"
        assert find_enrolment(path) is None
        check_place(path)
        write_enrolment(path, self.ENROLMENT)
        assert find_enrolment(path) == read_enrolment(path) == self.ENROLMENT
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [one.name for one in path.parent.iterdir()] == ["enrolment.json"]

    def test_a_part_that_was_left_behind_is_in_nobody_s_way(self, tmp_path: Path) -> None:
        part = tmp_path / "enrolment.json.part"
        part.write_text("half")
        part.chmod(0o644)
        write_enrolment(tmp_path / "enrolment.json", self.ENROLMENT)
        assert stat.S_IMODE((tmp_path / "enrolment.json").stat().st_mode) == 0o600

    def test_a_place_that_cannot_be_written_is_said_before_the_pairing(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match='set "enrolment"'):
            check_place(tmp_path / "file" / "enrolment.json")
        with pytest.raises(DiskError, match="not kept"):
            write_enrolment(tmp_path / "file" / "enrolment.json", self.ENROLMENT)

    def test_a_damaged_enrolment_is_an_error_and_not_a_reason_to_pair(self, tmp_path: Path) -> None:
        path = tmp_path / "enrolment.json"
        path.write_text("{")
        with pytest.raises(ConfigError, match="damaged"):
            find_enrolment(path)
        path.unlink()
        path.symlink_to(tmp_path / "gone")
        with pytest.raises(ConfigError, match="No such file"):
            find_enrolment(path)


class TestMachine:
    def test_a_name_is_made_from_the_first_number_that_there_is_and_does_not_tell_it(self, tmp_path: Path) -> None:
        serial, machine = tmp_path / "serial", tmp_path / "id"
        assert machine_name("", (serial, machine)) == ""
        machine.write_text("0123456789abcdef\n")
        of_id = machine_name("", (serial, machine))
        serial.write_bytes(b"10000000c0ffee00\0")
        of_serial = machine_name("", (serial, machine))
        assert len({of_id, of_serial}) == 2
        assert {len(of_id), len(of_serial)} == {16}
        assert "c0ffee" not in of_serial
        assert machine_name("", (serial,)) == of_serial

    def test_a_name_that_is_set_is_used_as_it_is(self) -> None:
        assert machine_name("pi-07") == "pi-07"

    def test_an_empty_number_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "id").write_bytes(b"\0\n")
        assert machine_name("", (tmp_path / "id",)) == ""


def test_the_command_says_that_it_cannot_write_its_enrolment(tmp_path: Path) -> None:
    words_given = ["--data", str(tmp_path), "--enrolment", "/proc/no-such-folder/e.json", "--screen", "127.0.0.1:0"]
    before = os.umask(0o022)
    result = CliRunner().invoke(main, words_given)
    os.umask(before)
    assert result.exit_code == 1
    assert "this kiosk is not enrolled" in result.output

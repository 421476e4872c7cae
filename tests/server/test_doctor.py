"""The server's doctor: each threshold from both sides, and as it is called, on a server that is well or broken."""

from __future__ import annotations

import os
import socket
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import delete, insert
from werkzeug.serving import WSGIRequestHandler, make_server

from admission.findings import Finding, Level
from server import backup, doctor, doctor_desk, health, pairing, probes
from server.__main__ import main
from server.config import Config
from server.doctor import Certificate, Database, Event, Folder, Kiosk, Listening, Revision
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore, migrate
from server.web import create_app
from tests.server.desk import Either, Server
from tests.server.test_health import FIGURES
from tests.tls import Authority, Terminator
from tests.world import GATES, make_world, utc_now

HOST = "127.0.0.1"
OURS, THEIRS = Authority("ours"), Authority("theirs")
REAL_CLOCK = probes.is_synchronised


def level(found: Finding) -> str:
    """And whatever is not good says what to do."""
    assert found.words
    assert bool(found.fix) == (found.level is not Level.GOOD)
    return found.level.value


class TestWords:
    @pytest.mark.parametrize(
        ("facts", "levels"),
        [
            (Listening("127.0.0.1:8080", False, False, 0), ["good", "good"]),
            (Listening("127.0.0.1:8080", False, True, 1), ["good", "good"]),
            (Listening("127.0.0.1:8080", False, True, 0), ["good", "look"]),
            (Listening("0.0.0.0:8080", True, False, 0), ["good", "look"]),
            (Listening("0.0.0.0:8080", True, True, 1), ["good", "look"]),
            (Listening("127.0.0.1:8080", False, False, 0, "refused"), ["bad", "good"]),
        ],
    )
    def test_listening(self, facts: Listening, levels: list[str]) -> None:
        assert [level(one) for one in doctor.listening(facts)] == levels

    @pytest.mark.parametrize(
        ("free", "ms", "expected"),
        [(2000, 49.0, "good"), (1999, 1.0, "look"), (299, 1.0, "bad"), (9000, 50.0, "look"), (9000, 500.0, "bad")],
    )
    def test_disk(self, free: int, ms: float, expected: str) -> None:
        (found,) = doctor.disk(Folder("/data", "", free, ms))
        assert level(found) == expected

    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            (Database("SQLite 3.40.1", Revision.CURRENT), "good"),
            (Database("SQLite 3.40.1", Revision.OLDER), "look"),
            (Database("SQLite 3.40.1", Revision.NEWER), "bad"),
            (Database("SQLite 3.40.1", Revision.NONE), "bad"),
            (Database("SQLite 3.40.1", Revision.CURRENT, sound="page 3 is lost"), "bad"),
            (Database("SQLite 3.40.1", Revision.CURRENT, put_back=True), "look"),
            (Database("PostgreSQL 15.4", Revision.CURRENT, 150004), "good"),
            (Database("PostgreSQL 12.9", Revision.CURRENT, 120009), "look"),
        ],
    )
    def test_database(self, facts: Database, expected: str) -> None:
        assert level(doctor.database(facts)) == expected

    @pytest.mark.parametrize(
        ("facts", "levels"),
        [
            (Event(""), ["bad"]),
            (Event("Summit", 3, 4, 1), ["good"]),
            (Event("Summit", 0, 4, 1), ["look"]),
            (Event("Summit", 3, 4, 0, 2), ["good", "look", "look"]),
        ],
    )
    def test_event(self, facts: Event, levels: list[str]) -> None:
        assert [level(one) for one in doctor.event(facts)] == levels

    @pytest.mark.parametrize(("synchronised", "expected"), [(True, "good"), (False, "look"), (None, "look")])
    def test_time(self, synchronised: bool | None, expected: str) -> None:
        assert level(doctor.time(synchronised)) == expected

    @pytest.mark.parametrize(("hours", "expected"), [(11.0, "good"), (2.5, "good"), (2.3, "look")])
    def test_a_certificate_of_twelve_hours_is_late_when_a_fifth_is_left(self, hours: float, expected: str) -> None:
        facts = Certificate("https://x", left=timedelta(hours=hours), lifetime=timedelta(hours=12))
        assert level(doctor.tls(facts)) == expected

    @pytest.mark.parametrize(("days", "expected"), [(30, "good"), (29, "look")])
    def test_roots(self, days: int, expected: str) -> None:
        assert level(doctor.roots(timedelta(days=days))) == expected

    @pytest.mark.parametrize(
        ("age", "expected"), [(None, "look"), (timedelta(minutes=20), "good"), (timedelta(minutes=21), "bad")]
    )
    def test_backups(self, age: timedelta | None, expected: str) -> None:
        assert level(doctor.backups(age, timedelta(minutes=20))) == expected

    def test_kiosks_with_trouble_come_first_and_are_named_and_a_crowd_is_counted(self) -> None:
        well = [Kiosk(f"w{at}", "Hall A", (), grave=False) for at in range(3)]
        ill = [Kiosk(f"k{at:02}", "Hall B", ("late",), grave=False) for at in range(12)]
        found = list(doctor.kiosks([*well, *ill, Kiosk("z", "Hall C", ("silent",), grave=True)]))
        assert [level(one) for one in found] == ["bad", *["look"] * 9, "look", "good"]
        assert found[0].words == "z at Hall C: silent"
        assert found[-2].words == "3 more have trouble"
        assert found[-1].words == "3 of 16 are well"

    def test_no_kiosk_at_all_is_worth_a_look(self) -> None:
        assert [level(one) for one in doctor.kiosks([])] == ["look"]

    @pytest.mark.parametrize(
        ("time", "words"),
        [
            (timedelta(seconds=-5), "0 minutes"),
            (timedelta(minutes=1), "1 minute"),
            (timedelta(minutes=119), "119 minutes"),
            (timedelta(hours=2), "2 hours"),
            (timedelta(hours=47), "47 hours"),
            (timedelta(days=2), "2 days"),
        ],
    )
    def test_a_span_is_told_in_the_unit_that_says_enough(self, time: timedelta, words: str) -> None:
        assert doctor.span(time) == words


class Quiet(WSGIRequestHandler):
    """Does not write down what it serves."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """See WSGIRequestHandler."""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application on a port of this machine: host:port."""
    running = make_server(HOST, 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{HOST}:{running.port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join(10)


def config_of(store: Either, folder: Path, **changed: object) -> Config:
    """The settings of a server on this store."""
    database = store.plain_url if isinstance(store, PostgresStore) else ""
    return msgspec.structs.replace(Config(data=str(folder), database=database, bind="127.0.0.1:9"), **changed)


def examined(config: Config, address: str = "", now: datetime | None = None) -> dict[str, Finding]:
    """By topic, the worst of each."""
    found: dict[str, Finding] = {}
    for one in doctor_desk.examine(config, lambda: now or utc_now(), address):
        level(one)
        if one.topic not in found or one.level is Level.BAD:
            found[one.topic] = one
    return found


@pytest.fixture
def venue(sqlite_store: Either) -> Either:
    """The small venue on SQLite, in ``tmp_path``."""
    sqlite_store.write(lambda connection: make_world(connection, utc_now()))
    return sqlite_store


@pytest.fixture(autouse=True)
def _in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the clock of the machine that tests."""
    monkeypatch.setattr(probes, "is_synchronised", lambda: True)


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    """A server that answers, and every kiosk has spoken."""
    for gate in GATES:
        server.exchange(server.kiosk(gate))
    app = create_app(server.store, utc_now)
    with served(app) as bind:
        yield bind
    carrier = app.extensions["threshold"].hub.carrier
    if carrier is not None:
        carrier.close()


class TestCalled:
    def test_a_server_that_is_well_is_told_so(self, server: Server, address: str, tmp_path: Path) -> None:
        found = examined(config_of(server.store, tmp_path, bind=address))
        levels = {topic: one.level for topic, one in found.items()}
        if isinstance(server.store, SqliteStore):
            assert levels.pop("disk") is not Level.BAD  # as fast as this machine's disk is just now
            assert levels.pop("backups") is Level.LOOK
        assert set(levels.values()) == {Level.GOOD}
        assert set(levels) >= {"settings", "server", "exposure", "time", "database", "event", "kiosks", "versions"}
        assert "6 of 6 are well" in found["kiosks"].words

    def test_a_backup_that_was_made_is_found_and_its_age_told(self, venue: Either, tmp_path: Path) -> None:
        where = tmp_path / "backups"
        where.mkdir()
        backup.make(tmp_path / "threshold.db", where, utc_now)
        config = config_of(venue, tmp_path)
        assert examined(config)["backups"].level is Level.GOOD
        assert examined(config, now=utc_now() + timedelta(minutes=30))["backups"].level is Level.BAD

    def test_backups_on_a_disk_that_is_away_are_told(self, venue: Either, tmp_path: Path) -> None:
        config = config_of(venue, tmp_path, backups=str(tmp_path / "usb"))
        told = examined(config)["backups"]
        assert (told.level, "usb cannot be looked into: it is not there" in told.words) == (Level.BAD, True)

    def test_backups_that_may_not_be_read_end_nothing(
        self, venue: Either, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def barred(*_words: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(backup, "newest", barred)
        found = examined(config_of(venue, tmp_path))
        assert found["backups"].level is Level.BAD
        assert "Permission denied" in found["backups"].words
        assert "versions" in found

    def test_kiosks_are_named_with_their_gate_and_what_ails_them(self, server: Server, tmp_path: Path) -> None:
        for gate in GATES:
            server.exchange(server.kiosk(gate))
        hot = msgspec.structs.replace(FIGURES, undervolted=True, version="0.0.9")
        server.store.write(lambda c: health.keep(c, "k-hall-a", hot, server.now))
        found = examined(config_of(server.store, tmp_path), now=server.now)["kiosk"]
        assert found.level is Level.BAD
        assert found.words.startswith("k-hall-a at Hall A: runs version 0.0.9")
        assert "its power supply is too weak" in found.words

    def test_a_server_that_does_not_run_is_told(self, server: Server, tmp_path: Path) -> None:
        found = examined(config_of(server.store, tmp_path))["server"]
        assert (found.level, "systemctl start" in found.fix) == (Level.BAD, True)

    def test_another_program_on_its_port_is_told(self, server: Server, tmp_path: Path) -> None:
        with served(Flask("other")) as bind:
            found = examined(config_of(server.store, tmp_path, bind=bind))["server"]
        assert (found.level, "another program" in found.words) == (Level.BAD, True)

    def test_passages_that_were_put_aside_and_users_that_are_missing_are_told(
        self, server: Server, tmp_path: Path
    ) -> None:
        aside = {"device": "k", "incarnation": 1, "seq": 1, "raw": b"x", "hash": b"y", "why": "?", "received": 1}
        server.store.write(lambda c: c.execute(insert(schema.quarantine).values(**aside)))
        server.store.write(lambda c: c.execute(delete(schema.user)))
        found = examined(config_of(server.store, tmp_path))
        assert (found["journal"].level, found["users"].level) == (Level.LOOK, Level.LOOK)

    @pytest.mark.parametrize(
        ("revision", "expected"), [("0001", Level.LOOK), ("9999", Level.BAD)], ids=["older", "newer"]
    )
    def test_tables_of_another_version_are_told_and_not_read(
        self, server: Server, tmp_path: Path, revision: str, expected: Level
    ) -> None:
        server.store.write(lambda c: c.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'"))
        found = examined(config_of(server.store, tmp_path))
        assert found["database"].level is expected
        assert "event" not in found

    def test_a_database_without_an_event_is_told(self, store: Either, tmp_path: Path) -> None:
        found = examined(config_of(store, tmp_path))
        assert (found["database"].level, found["event"].level) == (Level.GOOD, Level.BAD)
        assert "kiosks" not in found

    @pytest.mark.usefixtures("venue")
    def test_the_command_says_it_in_lines_and_by_its_exit_status(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(main, ["--data", str(tmp_path), "doctor"])
        assert done.exit_code == 2
        assert "✗ BAD  server" in done.output or "answers at" in done.output
        told = CliRunner().invoke(main, ["--data", str(tmp_path), "doctor", "--json"])
        assert {one["topic"] for one in msgspec.json.decode(told.stdout)} >= {"server", "database", "event"}


class TestFiles:
    def test_there_is_no_database(self, tmp_path: Path) -> None:
        found = examined(Config(data=str(tmp_path)))["database"]
        assert (found.level, "init" in found.fix) == (Level.BAD, True)

    def test_an_empty_file_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "threshold.db").touch()
        assert examined(Config(data=str(tmp_path)))["database"].level is Level.BAD

    def test_a_damaged_database_is_told_with_the_way_back(self, tmp_path: Path) -> None:
        (tmp_path / "threshold.db").write_bytes(b"no database" * 1000)
        found = examined(Config(data=str(tmp_path)))["database"]
        assert (found.level, "restore" in found.fix) == (Level.BAD, True)

    def test_a_damaged_page_is_found(self, venue: Either, tmp_path: Path) -> None:
        venue.close()
        file = tmp_path / "threshold.db"
        with closing(sqlite3.connect(file)) as connection:
            query = "SELECT rootpage FROM sqlite_schema WHERE name = 'person'"
            [root] = connection.execute(query).fetchone()
            [size] = connection.execute("PRAGMA page_size").fetchone()
        with file.open("r+b") as opened:
            opened.seek((root - 1) * size)
            opened.write(b"\xff" * size)
        assert examined(Config(data=str(tmp_path)))["database"].level is Level.BAD

    @pytest.mark.usefixtures("venue")
    def test_an_older_copy_of_the_database_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "threshold.db.turn").write_bytes((10**6).to_bytes(8, "big"))
        found = examined(Config(data=str(tmp_path)))["database"]
        assert (found.level, "older copy" in found.words) == (Level.LOOK, True)

    @pytest.mark.usefixtures("venue")
    def test_a_database_that_others_can_read_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "threshold.db").chmod(0o644)
        found = examined(Config(data=str(tmp_path)))["secrets"]
        assert (found.level, "chmod 600" in found.fix) == (Level.LOOK, True)

    def test_nothing_is_left_behind_in_the_folder(self, tmp_path: Path) -> None:
        migrate(f"sqlite:///{tmp_path / 'threshold.db'}")
        before = sorted(path.name for path in tmp_path.iterdir())
        examined(Config(data=str(tmp_path)))
        after = {path.name for path in tmp_path.iterdir()} - {"threshold.db-wal", "threshold.db-shm"}
        assert sorted(after) == before

    @pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which only root may")
    def test_a_full_disk_is_told(self, tmp_path: Path) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True)
        try:
            with pytest.raises(OSError, match="No space"):
                (tmp_path / "filler").write_bytes(bytes(100_000))
            found = examined(Config(data=str(tmp_path)))["disk"]
        finally:
            subprocess.run(["umount", str(tmp_path)], check=True)
        assert (found.level, "No space left" in found.words) == (Level.BAD, True)

    @pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root may")
    @pytest.mark.usefixtures("venue")
    def test_whoever_may_not_look_is_told_to_call_it_with_sudo(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        os.seteuid(65534)
        try:
            found = examined(Config(data=str(tmp_path)))
        finally:
            os.seteuid(0)
        assert (found["user"].level, "sudo" in found["user"].fix) == (Level.LOOK, True)
        assert "database" not in found

    def test_settings_that_cannot_be_are_told(self, tmp_path: Path) -> None:
        found = examined(Config(data=str(tmp_path), bind="everywhere", ca=str(tmp_path / "none.pem"), workers=3))
        assert found["settings"].level is Level.BAD
        for name in ("bind", "ca", "workers"):
            assert name in found["settings"].words

    def test_an_address_that_is_no_database_is_told(self, tmp_path: Path) -> None:
        assert examined(Config(data=str(tmp_path), database="mysql://x/y"))["database"].level is Level.BAD

    def test_a_postgresql_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        found = examined(Config(data=str(tmp_path), database=f"postgresql://u@/none?host={tmp_path}"))["database"]
        assert (found.level, "PostgreSQL" in found.fix) == (Level.BAD, True)


class TestTls:
    def told(self, tmp_path: Path, roots: str, authority: Authority, *names: str, hours: float = 12) -> Finding:
        """What is said of a server whose certificate is like this."""
        window = (timedelta(hours=-100), timedelta(hours=hours))
        context, _ = authority.certify(tmp_path, *names, window=window)
        with served(Flask("server")) as bind, Terminator(context, int(bind.rpartition(":")[2])) as front:
            return doctor.tls(probes.try_tls(front.address, roots, utc_now()))

    def test_a_certificate_that_is_trusted_is_well(self, tmp_path: Path) -> None:
        assert level(self.told(tmp_path, OURS.pem, OURS, HOST, hours=100)) == "good"

    def test_one_that_should_have_been_renewed_is_told(self, tmp_path: Path) -> None:
        assert level(self.told(tmp_path, OURS.pem, OURS, HOST, hours=20)) == "look"

    def test_one_that_has_ended_is_told(self, tmp_path: Path) -> None:
        found = self.told(tmp_path, OURS.pem, OURS, HOST, hours=-1)
        assert (level(found), "renew" in found.fix) == ("bad", True)

    def test_one_for_another_name_is_told(self, tmp_path: Path) -> None:
        found = self.told(tmp_path, OURS.pem, OURS, "elsewhere.example")
        assert (level(found), "add this name" in found.fix) == ("bad", True)

    def test_one_of_somebody_else_is_told(self, tmp_path: Path) -> None:
        found = self.told(tmp_path, OURS.pem, THEIRS, HOST)
        assert (level(found), '"ca"' in found.fix) == ("bad", True)

    def test_one_that_the_system_does_not_know_is_told(self, tmp_path: Path) -> None:
        assert level(self.told(tmp_path, "", OURS, HOST)) == "bad"

    def test_a_port_without_tls_is_told(self) -> None:
        with served(Flask("plain")) as bind:
            found = doctor.tls(probes.try_tls(f"https://{bind}", OURS.pem, utc_now()))
        assert (level(found), "no TLS" in found.words) == ("bad", True)

    def test_nobody_there_is_told(self) -> None:
        with socket.socket() as taken:
            taken.bind((HOST, 0))
            found = doctor.tls(probes.try_tls(f"https://{HOST}:{taken.getsockname()[1]}", OURS.pem, utc_now()))
        assert (level(found), "refused" in found.words) == ("bad", True)

    def test_the_address_is_that_of_the_last_pairing_and_is_asked_for_where_there_was_none(
        self, venue: Either, tmp_path: Path
    ) -> None:
        config = config_of(venue, tmp_path, https=True, proxies=1)
        assert examined(config)["tls"].level is Level.LOOK
        wanted = pairing.Wanted("new", "hall-a", "https://127.0.0.1:9", "admin")
        venue.write(lambda c: pairing.begin(c, wanted, bytes(16), utc_now()))
        found = examined(config)["tls"]
        assert (found.level, "https://127.0.0.1:9" in found.words) == (Level.BAD, True)

    def test_roots_that_kiosks_pin_are_looked_at(self, venue: Either, tmp_path: Path) -> None:
        (tmp_path / "root.pem").write_text(OURS.pem)
        config = config_of(venue, tmp_path, ca=str(tmp_path / "root.pem"))
        assert examined(config)["roots"].level is Level.GOOD
        assert probes.roots_left(OURS.pem, datetime(2100, 1, 1, tzinfo=UTC)) < timedelta()


class TestProbes:
    @pytest.mark.parametrize(
        ("host", "expected"),
        [("127.0.0.1", False), ("localhost", False), ("[::1]", False), ("0.0.0.0", True), ("192.168.1.5", True)],
    )
    def test_what_others_may_reach(self, host: str, expected: bool) -> None:
        assert probes.is_open(host) is expected

    def test_a_server_that_listens_everywhere_is_asked_here(self, venue: Either) -> None:
        with served(create_app(venue, utc_now)) as bind:
            assert probes.answers(f"0.0.0.0:{bind.rpartition(':')[2]}") == ""


@pytest.mark.parametrize(
    ("script", "expected"), [("echo yes", True), ("echo no", False), ("exit 1", None), ("echo perhaps", None)]
)
def test_the_system_is_asked_whether_its_clock_is_in_step(tmp_path: Path, script: str, expected: bool | None) -> None:
    tool = tmp_path / "timedatectl"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert REAL_CLOCK(tmp_path / "none", str(tool)) is expected
    assert REAL_CLOCK(tmp_path / "none", str(tmp_path / "no-tool")) is None
    (tmp_path / "synchronized").touch()
    assert REAL_CLOCK(tmp_path / "synchronized", str(tool)) is True


def test_the_target_is_printed(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["print-target", "--out", str(tmp_path / "target.pdf")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "target.pdf").read_bytes().startswith(b"%PDF-")

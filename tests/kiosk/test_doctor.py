"""The doctor as it is called: on a kiosk that is well, on broken ones, and beside one that runs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import cv2
import msgspec
import pytest
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from admission.findings import Finding, Level, decode
from admission.wire import Enrolment
from kiosk import self_test
from kiosk.checkup import Kept
from kiosk.clock import Clock
from kiosk.config import Config, Optics, write_enrolment
from kiosk.disk import CLOSED, Disk
from kiosk.doctor import Means, command, examine, inside, wanted
from kiosk.face import checks
from kiosk.probes import look_at_enrolment, look_into
from kiosk.reader import Reader, Sight
from kiosk.self_test import SelfTest
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_app
from tests.eyes import new_eye
from tests.targets import held
from tests.tls import Authority, Terminator
from tests.views import View
from tests.world import make_world, utc_now

HOST = "127.0.0.1"
OURS, THEIRS = Authority("ours"), Authority("theirs")
SIZE = (1280, 720)
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk, which only root may")


class Quiet(WSGIRequestHandler):
    """Does not write down what it serves."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """See WSGIRequestHandler."""


@contextmanager
def served(app: Flask) -> Iterator[int]:
    """The application on a port of this machine."""
    server = make_server(HOST, 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def an_eye(_settings: Config) -> Iterator[Reader]:
    """As the kiosk has it."""
    yield new_eye()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target held up for eight seconds."""
    folder = tmp_path_factory.mktemp("film")
    for at in range(8):
        good, packed = cv2.imencode(".png", held(View(size=SIZE), at + 1))
        assert good
        for again in range(10):
            (folder / f"{at}-{again}.png").write_bytes(packed.tobytes())
    return folder


def _ms() -> int:
    return 7_000_000


def _boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@dataclass
class Patient:
    """A kiosk's folder and settings, as the doctor finds them."""

    folder: Path
    camera: str
    screen: str = f"{HOST}:9"
    changed: dict[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> Config:
        config = Config(data=str(self.folder), camera=self.camera, screen=self.screen, volume=0)
        return msgspec.structs.replace(config, **self.changed)

    @property
    def means(self) -> Means:
        def wait(seconds: float) -> None:
            threading.Event().wait(seconds)

        return Means(lambda: Clock("this-boot", _boot_ms), wait, an_eye)

    def enrol(self, server: str, ca: str = "") -> None:
        """Makes it a kiosk of the server at this address."""
        write_enrolment(
            self.folder / "enrolment.json",
            Enrolment(device="k-hall-a", seed=bytes(32), server=server, server_key=bytes(range(32)), ca=ca),
        )

    def keep(self, **facts: str) -> None:
        """Begins its store, with these facts in it."""
        disk = Disk(self.folder / "kiosk.db", 7)
        with disk.transaction():
            for name, value in facts.items():
                disk.set_fact(name, value)
        disk.close()

    def call(self, *options: str) -> Result:
        """Calls the doctor as a steward does."""
        return CliRunner().invoke(command(self.means), options, obj=self.settings)

    def found(self) -> dict[str, Finding]:
        """By topic, without waiting for a target."""
        return {one.topic: one for one in examine(self.settings, self.means, with_target=False)}


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames are counted for a moment only: most of these tests are not about the camera."""
    monkeypatch.setattr(self_test, "BRIEF_MS", 400)


@pytest.fixture
def patient(tmp_path: Path, film: Path) -> Patient:
    return Patient(tmp_path, str(film))


@pytest.fixture
def server(sqlite_store: SqliteStore | PostgresStore) -> Iterator[int]:
    """A Threshold server's port."""
    sqlite_store.write(lambda connection: make_world(connection, utc_now()))
    with served(create_app(sqlite_store, utc_now)) as port:
        yield port


ANCHOR = '{"boot":"this-boot","boot_ms":1,"server_ms":1769000000000,"uncertainty_ms":12}'


class TestAlone:
    def test_a_kiosk_that_is_well_is_told_so_topic_by_topic(self, patient: Patient, server: int) -> None:
        patient.enrol(f"http://{HOST}:{server}")
        patient.keep(anchor=ANCHOR)
        done = patient.call()
        assert done.exit_code == 0, done.output
        topics = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("✓ OK")]
        assert topics == [
            *("enrolment", "camera", "target", "focus", "glare", "light"),
            *("network", "disk", "store", "clock", "temperature", "voltage", "memory", "versions"),
        ]
        assert done.stdout.rstrip().endswith("All is well.")
        assert "\x1b" not in done.output
        assert "Hold the printed target up" in done.stderr

    def test_the_same_is_told_to_programs(self, patient: Patient) -> None:
        done = patient.call("--json", "--without-target")
        found = decode(done.stdout.encode())
        assert found is not None
        assert {one.topic: one.level for one in found}["enrolment"] is Level.BAD
        assert done.exit_code == 2
        assert done.stderr == ""

    def test_a_machine_that_is_not_enrolled_is_told_how_to_be(self, patient: Patient) -> None:
        found = patient.found()
        assert (found["enrolment"].level, "pairing code" in found["enrolment"].fix) == (Level.BAD, True)
        assert "network" not in found
        assert "clock" not in found

    def test_a_camera_that_is_not_there_is_told(self, patient: Patient) -> None:
        patient.camera = "nowhere.mp4"
        found = patient.found()
        assert (found["camera"].level, "there is no camera" in found["camera"].words) == (Level.BAD, True)
        assert "light" not in found

    def test_a_clock_that_was_not_set_in_this_boot_is_worth_a_look(self, patient: Patient) -> None:
        patient.enrol("http://127.0.0.1:9")
        patient.keep(anchor=ANCHOR.replace("this-boot", "an-earlier-boot"))
        assert patient.found()["clock"].level is Level.LOOK

    def test_a_file_of_settings_that_names_no_address_for_the_screen_is_told(self, patient: Patient) -> None:
        patient.screen = "everywhere"
        assert patient.found()["settings"].level is Level.BAD

    def test_nothing_is_left_behind_and_nothing_is_changed(self, patient: Patient) -> None:
        patient.enrol("http://127.0.0.1:9")
        patient.keep(anchor=ANCHOR)
        before = {path.name: path.read_bytes() for path in patient.folder.iterdir()}
        patient.found()
        after = {path.name: path.read_bytes() for path in patient.folder.iterdir()}
        assert after == before

    @AS_ROOT
    def test_whoever_may_not_look_is_told_to_call_it_with_sudo_and_nothing_is_blamed(self, patient: Patient) -> None:
        patient.enrol("http://127.0.0.1:9")
        patient.keep(anchor=ANCHOR)
        patient.folder.chmod(0o700)
        os.seteuid(65534)
        try:
            found = patient.found()
        finally:
            os.seteuid(0)
        for topic in ("enrolment", "store", "disk"):
            assert (found[topic].level, "sudo" in found[topic].fix) == (Level.LOOK, True)
        assert "clock" not in found


class TestEnrolment:
    def test_a_key_that_others_can_read_is_worth_a_look(self, patient: Patient) -> None:
        patient.enrol("http://127.0.0.1:9")
        (patient.folder / "enrolment.json").chmod(0o644)
        assert patient.found()["enrolment"].level is Level.LOOK

    def test_a_damaged_enrolment_is_told_with_how_to_enrol_anew(self, patient: Patient) -> None:
        (patient.folder / "enrolment.json").write_text("{")
        found = patient.found()["enrolment"]
        assert (found.level, "--replace" in found.fix) == (Level.BAD, True)


class TestStore:
    def test_a_damaged_store_is_told(self, patient: Patient) -> None:
        (patient.folder / "kiosk.db").write_bytes(b"not a database at all" * 100)
        found = patient.found()["store"]
        assert (found.level, "cannot be read" in found.words) == (Level.BAD, True)

    def test_a_store_that_another_process_holds_is_told(self, patient: Patient) -> None:
        held_open = Disk(patient.folder / "kiosk.db", 7)
        try:
            assert look_into(patient.folder / "kiosk.db", Clock("b", _ms)).state is Kept.IN_USE
            assert patient.found()["store"].level is Level.LOOK
        finally:
            held_open.close()

    def test_a_store_that_was_read_out_for_good_is_told(self, patient: Patient) -> None:
        patient.keep(**{CLOSED: "read out"})
        assert patient.found()["store"].level is Level.LOOK

    def test_facts_that_cannot_be_understood_are_told_as_damage(self, patient: Patient) -> None:
        patient.keep(programme="[]")
        assert patient.found()["store"].level is Level.BAD


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


class TestDisk:
    @AS_ROOT
    def test_a_full_disk_is_told(self, small_disk: Path, film: Path) -> None:
        with pytest.raises(OSError, match="No space"):
            (small_disk / "filler").write_bytes(bytes(100_000))
        found = Patient(small_disk, str(film)).found()["disk"]
        assert (found.level, "No space left" in found.words) == (Level.BAD, True)
        assert [path.name for path in small_disk.iterdir()] == ["filler"]

    @AS_ROOT
    def test_a_disk_with_little_room_is_told(self, small_disk: Path, film: Path) -> None:
        found = Patient(small_disk, str(film)).found()["disk"]
        assert (found.level, "0 MB free" in found.words) == (Level.BAD, True)

    @AS_ROOT
    def test_a_disk_that_may_not_be_written_is_told(self, small_disk: Path, film: Path) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        found = Patient(small_disk, str(film)).found()["disk"]
        assert (found.level, "Read-only" in found.words) == (Level.BAD, True)

    @AS_ROOT
    def test_files_that_another_user_left_in_the_folder_are_named(self, patient: Patient) -> None:
        patient.keep()
        os.chown(patient.folder / "kiosk.db", 12345, 12345)
        told = [one for one in examine(patient.settings, patient.means, with_target=False) if one.topic == "disk"]
        assert [one.level for one in told] == [Level.GOOD, Level.BAD]
        assert "kiosk.db" in told[1].words

    def test_a_folder_that_is_not_there_is_told(self, patient: Patient) -> None:
        patient.changed["data"] = str(patient.folder / "none")
        assert patient.found()["disk"].level is Level.BAD


class TestNetwork:
    def told(self, patient: Patient, address: str, ca: str = "") -> Finding:
        patient.enrol(address, ca)
        return patient.found()["network"]

    def test_a_server_that_answers_over_tls_is_well(self, patient: Patient, server: int, tmp_path: Path) -> None:
        context, _ = OURS.certify(tmp_path, HOST)
        with Terminator(context, server) as front:
            assert self.told(patient, front.address, OURS.pem).level is Level.GOOD

    @pytest.mark.parametrize(
        ("address", "word"),
        [
            ("http://no-such-name.invalid", "name"),
            ("http://127.0.0.1:9", "cannot be connected to"),
            ("nonsense", "address"),
            ("http://[::1", "address"),
        ],
    )
    def test_the_step_that_fails_is_named(self, patient: Patient, address: str, word: str) -> None:
        found = self.told(patient, address)
        assert (found.level, word in found.words) == (Level.BAD, True)

    @pytest.mark.parametrize("host", [HOST, "localhost"])
    def test_a_certificate_for_another_name_or_number_is_told(
        self, patient: Patient, server: int, tmp_path: Path, host: str
    ) -> None:
        context, _ = OURS.certify(tmp_path, "elsewhere.example")
        with Terminator(context, server) as front:
            found = self.told(patient, front.address.replace(HOST, host), OURS.pem)
        assert (found.level, "pair the kiosk anew with the name" in found.fix) == (Level.BAD, True)

    def test_a_certificate_of_somebody_else_is_told(self, patient: Patient, server: int, tmp_path: Path) -> None:
        context, _ = THEIRS.certify(tmp_path, HOST)
        with Terminator(context, server) as front:
            found = self.told(patient, front.address, OURS.pem)
        assert (found.level, "learns the server's root" in found.fix) == (Level.BAD, True)

    def test_a_date_that_is_wrong_is_told_where_the_date_counts(
        self, patient: Patient, server: int, tmp_path: Path
    ) -> None:
        context, _ = OURS.certify(tmp_path, HOST, window=(timedelta(hours=1), timedelta(hours=2)))
        (tmp_path / "root.pem").write_text(OURS.pem)
        patient.changed["ca"] = str(tmp_path / "root.pem")
        with Terminator(context, server) as front:
            found = self.told(patient, front.address)
        assert (found.level, "date is wrong" in found.fix) == (Level.BAD, True)

    def test_pinned_roots_do_not_mind_the_date_so_neither_does_the_doctor(
        self, patient: Patient, server: int, tmp_path: Path
    ) -> None:
        context, _ = OURS.certify(tmp_path, HOST, window=(timedelta(hours=1), timedelta(hours=2)))
        with Terminator(context, server) as front:
            assert self.told(patient, front.address, OURS.pem).level is Level.GOOD

    def test_a_file_of_roots_that_is_not_there_is_told(self, patient: Patient, server: int, tmp_path: Path) -> None:
        context, _ = OURS.certify(tmp_path, HOST)
        patient.changed["ca"] = str(tmp_path / "none.pem")
        with Terminator(context, server) as front:
            found = self.told(patient, front.address)
        assert (found.level, '"ca"' in found.fix) == (Level.BAD, True)

    def test_tls_at_a_port_without_it_is_told(self, patient: Patient, server: int) -> None:
        found = self.told(patient, f"https://{HOST}:{server}", OURS.pem)
        assert (found.level, "port the one for https" in found.fix) == (Level.BAD, True)

    def test_a_hotel_that_wants_to_be_signed_in_to_is_no_server(self, patient: Patient) -> None:
        app = Flask("hotel")
        app.register_error_handler(404, lambda _error: ("<h1>Welcome</h1>", 200))
        with served(app) as port:
            found = self.told(patient, f"http://{HOST}:{port}")
        assert (found.level, "not a Threshold server" in found.words) == (Level.BAD, True)

    def test_a_proxy_without_its_server_is_told(self, patient: Patient) -> None:
        app = Flask("proxy")
        app.register_error_handler(404, lambda _error: ("Bad gateway", 502))
        with served(app) as port:
            found = self.told(patient, f"http://{HOST}:{port}")
        assert "no server behind it" in found.fix

    def test_a_server_that_has_moved_to_tls_is_told(self, patient: Patient) -> None:
        app = Flask("front")
        app.register_error_handler(404, lambda _error: ("", 308, {"Location": "https://there.example/"}))
        with served(app) as port:
            found = self.told(patient, f"http://{HOST}:{port}")
        assert "begins with https" in found.fix


class TestBeside:
    """A kiosk runs: it holds camera and store, and is asked through its page."""

    @pytest.fixture
    def running(self, patient: Patient) -> Iterator[Patient]:
        clock = Clock("this-boot", _boot_ms)
        patient.enrol("http://127.0.0.1:9")
        file = look_at_enrolment(patient.folder / "enrolment.json")
        test = SelfTest(clock.ms, wanted(patient.settings), lambda: inside(file, "Hall A", 3, clock))
        app, ended = Flask("kiosk"), threading.Event()
        app.register_blueprint(checks.blueprint(test))
        frame, eye = held(View(size=SIZE)), new_eye()

        def gate() -> None:
            while not ended.wait(0.03):
                sight = eye.look(frame, clock.ms(), insist=True) if test.on else Sight()
                test.see(frame, sight, clock.ms())

        with ExitStack() as stack:
            disk = Disk(patient.folder / "kiosk.db", 7)
            stack.callback(disk.close)
            thread = threading.Thread(target=gate, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(ended.set)
            patient.screen = f"{HOST}:{stack.enter_context(served(app))}"
            patient.camera = "nowhere.mp4"  # it must not be opened
            yield patient

    def test_it_says_what_it_alone_can_know(self, running: Patient) -> None:
        done = running.call()
        lines = {line.split()[2]: line for line in done.stdout.splitlines() if line[2:4] in ("OK", "LO", "BA")}
        assert "sharp" in lines["focus"]
        assert "k-hall-a, at Hall A" in lines["enrolment"]
        assert "3 passages wait" in lines["store"]
        assert lines["clock"].startswith("! LOOK")
        assert sum(line.count(" enrolment ") for line in done.stdout.splitlines()) == 1

    def test_it_need_not_wait_for_a_target(self, running: Patient) -> None:
        found = running.found()
        assert "target" not in found
        assert found["camera"].level is Level.GOOD

    def test_a_page_of_an_older_kiosk_is_told(self, patient: Patient) -> None:
        with served(Flask("older")) as port:
            patient.screen = f"{HOST}:{port}"
            found = patient.found()
        assert (found["kiosk"].level, "404" in found["kiosk"].words) == (Level.LOOK, True)
        assert "camera" not in found

    def test_a_page_that_every_machine_may_ask_for_is_asked_here(self, running: Patient) -> None:
        running.screen = running.screen.replace(HOST, "0.0.0.0")
        assert running.found()["camera"].level is Level.GOOD


class TestAsked:
    def test_a_picture_on_its_side_is_asked_for_on_its_side(self) -> None:
        assert wanted(Config(optics=Optics(rotate=90))).size == (1080, 1920)

    def test_nothing_is_asked_of_the_size_of_a_part_of_a_picture(self) -> None:
        assert wanted(Config(optics=Optics(crop=(0.2, 0, 0.8, 1)))).size == (0, 0)

    def test_a_film_is_asked_for_nothing(self, film: Path) -> None:
        asked = wanted(Config(camera=str(film)))
        assert (asked.size, asked.fps) == ((0, 0), 0)

"""A kiosk that has never been enrolled is paired by its own camera with a real server, and admits a badge."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest

from admission import pairing as words
from kiosk.config import read_enrolment
from server import pairing
from server.store.engine import transaction
from tests.together.conftest import BLANK, Kiosk, Process, Site, free_port, picture, wait_for
from tests.world import PASSWORD, utc_now

pytestmark = [pytest.mark.together, pytest.mark.xdist_group("together"), pytest.mark.timeout(180)]


class Admin:
    """An admin's browser, as far as it is needed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._page = self._web.open(f"{site.address}/sign-in", timeout=10).read().decode()
        self._send("/sign-in", name="admin", password=PASSWORD)

    def begin(self, name: str, gate: str) -> str:
        """Begins to pair; the code."""
        self._page = self._web.open(f"{self._site.address}/kiosks", timeout=10).read().decode()
        self.pair = self._send("/kiosks", name=name, gate=gate, server=self._site.address)
        code: str = self._page.split("</textarea>")[0].rsplit(">", 1)[1]
        return code

    @property
    def digits(self) -> str:
        """The digits that the page shows; "" if none."""
        self._page = self._web.open(self.pair, timeout=10).read().decode()
        shown: str = self._page.partition('name="digits" value="')[2].partition('"')[0]
        return shown

    def say_yes(self, digits: str) -> None:
        """The digits are the same."""
        self._send(self.pair.removeprefix(self._site.address), same="yes", digits=digits)

    def _send(self, path: str, **form: str) -> str:
        form["csrf_token"] = self._page.partition('name="csrf_token" value="')[2].partition('"')[0]
        with self._web.open(f"{self._site.address}{path}", urlencode(form).encode(), timeout=10) as answer:
            self._page = answer.read().decode()
            return str(answer.url)


def new_kiosk(site: Site, folder: Path) -> Kiosk:
    """A kiosk process with a camera, a screen, and no enrolment."""
    folder.mkdir()
    os.mkfifo(folder / "camera.y4m")
    screen = f"127.0.0.1:{free_port()}"
    given = ["--data", str(folder), "--enrolment", str(folder / "enrolment.json")]
    given += ["--camera", str(folder / "camera.y4m"), "--screen", screen]
    kiosk = Kiosk(Process(["-m", "kiosk", *given], folder / "log"), folder / "camera.y4m", f"http://{screen}")
    site.kiosks["new"] = kiosk
    kiosk.start()
    return kiosk


def test_a_new_kiosk_is_paired_before_its_camera_and_admits_a_badge_without_a_restart(
    site: Site, tmp_path: Path
) -> None:
    admin, kiosk = Admin(site), new_kiosk(site, tmp_path / "new")
    wait_for(lambda: "pair" in kiosk.words, "the kiosk says that it is not set up")
    assert kiosk.process.running is not None
    process = kiosk.process.running.pid
    code = picture(admin.begin("north-1", "hall-a"))

    def looks(key: str) -> bool:
        kiosk.frames(code, 1)
        return key in kiosk.words

    wait_for(lambda: looks("pair_digits"), "the kiosk shows digits")
    digits = admin.digits
    assert digits
    with urllib.request.urlopen(kiosk.screen, timeout=10) as screen:
        assert f'<p id="name" dir="auto">{digits}</p>' in screen.read().decode()
    admin.say_yes(digits)
    wait_for(lambda: looks("pair_done"), "the kiosk is enrolled")
    kiosk.frames(BLANK, 2)
    wait_for(lambda: site.accounts().get("north-1", 0) > 0, "the new kiosk holds seats")
    assert kiosk.show(site.world.tokens["p1"]) == "welcome"
    wait_for(lambda: len(site.log()) == 1, "the passage is at the server")
    assert (site.log()[0]["device"], site.log()[0]["kind"]) == ("north-1", "entry")
    assert kiosk.process.running.pid == process
    enrolment = read_enrolment(tmp_path / "new" / "enrolment.json")
    assert (enrolment.device, enrolment.server) == ("north-1", site.address)
    kiosk.end()
    kiosk.start()
    assert kiosk.show(site.world.tokens["p2"]) == "welcome"


def test_a_terminal_pairs_as_a_camera_does(site: Site, tmp_path: Path) -> None:
    admin, path = Admin(site), tmp_path / "enrolment.json"
    code = admin.begin("north-2", "hall-b")
    given = ["-m", "kiosk", "enrol", "--code", code, "--enrolment", str(path)]
    with subprocess.Popen([sys.executable, *given], stdout=subprocess.PIPE, text=True) as terminal:
        assert terminal.stdout is not None
        shown = terminal.stdout.readline()
        assert shown.startswith(admin.digits)
        assert not path.exists()
        admin.say_yes(admin.digits)
        assert terminal.wait(20) == 0
        assert terminal.stdout.readline() == f"enrolled as north-2 at hall-b; {path} is written\n"
    assert read_enrolment(path).device == "north-2"


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_pairing_on_the_server_s_command_line_asks_for_the_digits(site: Site, tmp_path: Path, answer: str) -> None:
    path, database = tmp_path / "enrolment.json", str(tmp_path / "server")
    given = ["-m", "server", "--data", database, "pair-kiosk", "north-3", "--gate", "hall-b", "--server", site.address]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, *given], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as desk:
        assert desk.stdout is not None
        assert desk.stdin is not None
        code = next(line.strip() for line in desk.stdout if line.startswith(words.PREFIX))
        enrolling = [sys.executable, "-m", "kiosk", "enrol", "--code", code, "--enrolment", str(path)]
        with subprocess.Popen(enrolling, stdout=pipe, stderr=pipe, text=True) as terminal:
            assert terminal.stdout is not None
            digits = terminal.stdout.readline()[:7]
            assert digits in next(line for line in desk.stdout if line.startswith("A kiosk has answered"))
            desk.stdin.write(f"{answer}\n")
            desk.stdin.flush()
            assert terminal.wait(20) == (0 if answer == "y" else 1)
        assert desk.wait(20) == (0 if answer == "y" else 1)
    assert path.exists() is (answer == "y")
    with transaction(site.url) as connection:
        enrolled = {one.name for one in pairing.kiosks(connection)}
        assert ("north-3" in enrolled) is (answer == "y")
        state = pairing.look(connection, 1, utc_now())
    assert state is not None
    assert state.state is (pairing.State.CONFIRMED if answer == "y" else pairing.State.REFUSED)

"""A kiosk that has never been enrolled is paired by its own camera with a real server, and admits a badge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from admission import pairing as words
from kiosk.config import read_enrolment
from server import pairing
from server.store.engine import transaction
from tests.together.conftest import Site, wait_for
from tests.together.newcomer import Admin, new_kiosk, pair
from tests.world import utc_now

pytestmark = [pytest.mark.together, pytest.mark.xdist_group("together"), pytest.mark.timeout(180)]


def test_a_new_kiosk_is_paired_before_its_camera_and_admits_a_badge_without_a_restart(
    site: Site, tmp_path: Path
) -> None:
    admin, kiosk = Admin(site.address), new_kiosk(site, tmp_path / "new")
    assert kiosk.process.running is not None
    process = kiosk.process.running.pid
    pair(kiosk, admin, admin.begin("north-1", "hall-a"))
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
    admin, path = Admin(site.address), tmp_path / "enrolment.json"
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

"""A kiosk, a server, and in front of the server something that ends TLS: pinned from the pairing code on."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kiosk.config import read_enrolment
from tests.tls import Authority, Terminator
from tests.together.conftest import BLANK, Kiosk, Site, running_site, wait_for
from tests.together.newcomer import Admin, new_kiosk, pair

pytestmark = [pytest.mark.together, pytest.mark.xdist_group("together"), pytest.mark.timeout(240)]
OURS, THEIRS = Authority("ours"), Authority("theirs")


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """A server that names its authority, reached over TLS by kiosks and without it by the admin beside it."""
    (folder / "ca.crt").write_text(OURS.pem)
    with running_site(folder, f'ca = "{folder / "ca.crt"}"\n') as site:
        yield site


def port_of(site: Site) -> int:
    """Where the server listens, behind."""
    return int(site.address.rpartition(":")[2])


def state(kiosk: Kiosk) -> dict[str, Any]:
    """What its page shows now."""
    with urllib.request.urlopen(f"{kiosk.screen}/events", timeout=10) as events:
        events.readline()
        told: dict[str, Any] = json.loads(events.readline().removeprefix(b"data: "))
    return told


def complains(kiosk: Kiosk, of: str) -> None:
    """The kiosk comes to say so to staff, and that it has no link."""

    def says() -> bool:
        kiosk.frames(BLANK, 1)  # its page follows its camera
        now = state(kiosk)
        return of in now["trouble"] and now["link"] == "down"

    wait_for(says, f"the kiosk says: {of}", 90)


def test_a_kiosk_pairs_over_tls_and_speaks_only_with_whom_the_code_vouched_for(tmp_path: Path) -> None:
    ours, _ = OURS.certify(tmp_path, "127.0.0.1")
    theirs, _ = THEIRS.certify(tmp_path, "127.0.0.1")
    elsewhere, _ = OURS.certify(tmp_path, "other.example")
    with served(tmp_path) as site:
        admin, kiosk = Admin(site.address), new_kiosk(site, tmp_path / "new")
        with Terminator(ours, port_of(site)) as front:
            pair(kiosk, admin, admin.begin("north-1", "hall-a", front.address))
            wait_for(lambda: site.accounts().get("north-1", 0) > 0, "the new kiosk holds seats")
            assert kiosk.show(site.world.tokens["p1"]) == "welcome"
            wait_for(lambda: len(site.log()) == 1, "the passage is at the server")
        made = read_enrolment(tmp_path / "new" / "enrolment.json")
        assert (made.server, made.ca) == (front.address, OURS.pem)
        for context, said in ((theirs, "unable to get local issuer"), (elsewhere, "IP address mismatch")):
            with Terminator(context, port_of(site), front.port):
                complains(kiosk, said)
        assert kiosk.show(site.world.tokens["p2"]) == "welcome"  # of the seats that it holds
        assert len(site.log()) == 1
        kiosk.end()
        kiosk.start()  # what is pinned is pinned for good
        with Terminator(ours, port_of(site), front.port):
            wait_for(lambda: len(site.log()) == 2, "what was kept is at the server", 90)


def test_a_terminal_pins_what_the_code_says_and_refuses_anybody_else(tmp_path: Path) -> None:
    path = tmp_path / "enrolment.json"
    theirs, _ = THEIRS.certify(tmp_path, "127.0.0.1")
    ours, _ = OURS.certify(tmp_path, "127.0.0.1")
    with served(tmp_path) as site:
        admin = Admin(site.address)
        with Terminator(theirs, port_of(site)) as wrong:
            code = admin.begin("north-2", "hall-b", wrong.address)
            given = [sys.executable, "-m", "kiosk", "enrol", "--code", code, "--enrolment", str(path)]
            terminal = subprocess.Popen(given, stdout=subprocess.PIPE, text=True)
            assert terminal.stdout is not None
            assert "This is not the server" in terminal.stdout.readline()
            assert admin.digits == ""
        with terminal, Terminator(ours, port_of(site), wrong.port):
            digits = next(line for line in terminal.stdout if "Compare these digits" in line)[:7]
            assert digits == admin.digits
            admin.say_yes(digits)
            assert terminal.wait(20) == 0
    assert read_enrolment(path).ca == OURS.pem

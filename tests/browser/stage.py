"""What the browser tests stand on: a server process over the small venue, and pages that note every complaint.

The server is the one that ships, reached over HTTP alone; knows nothing of what its pages should look like.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, StorageState, ViewportSize

from admission import wire
from admission.passage import Kind
from server.store.engine import migrate, transaction
from tests.world import PASSWORD, PaperKiosk, World, make_world, utc_now

PATIENCE_S = 20.0
SIZES = {"phone": (390, 844), "tablet": (1024, 768), "desktop": (1920, 1080)}
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first has no screen to draw on, and is three times as fast."""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
"""Chromium as root in a container, and without a word to anybody but us."""

T = TypeVar("T")


def program() -> str:
    """The distribution's Chromium. Fails, never skips: a page that no browser has opened is not tested."""
    found = [path for name in PROGRAMS if (path := shutil.which(name))]
    assert found, "Chromium is not installed; run: sh deploy/bootstrap.sh test (or leave these out with --fast)"
    return found[0]


def launch(playwright: Playwright) -> Browser:
    """It, headless."""
    return playwright.chromium.launch(executable_path=program(), args=list(QUIET))


def free_port() -> int:
    """A port that nothing listens on, below those that outgoing connections get: nobody takes it during a restart."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # not the seeded one: two runs would choose the same
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(condition: Callable[[], T | None], what: str) -> T:
    """What ``condition`` gives as soon as it gives something. Raises AssertionError after 20 s."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.03)
    raise AssertionError(f"{what}: not within {PATIENCE_S:.0f} s")


class Process:
    """A process that serves pages on a port of its own, and can be stopped, killed and started again there."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port

    @property
    def address(self) -> str:
        """The start of every address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, path: str = "/") -> None:
        """Starts it and waits until it answers."""
        self._process = subprocess.Popen(self._command, start_new_session=True)  # killed with all its children
        until(lambda: self._answers(path), f"{' '.join(self._command[:4])} answers")

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to it and all its children."""
        if self._process is not None:
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Ends it without a word, as a power cut does."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self, path: str) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self._command} ended with status {self._process.returncode}"
        try:
            urllib.request.urlopen(self.address + path, timeout=2).close()
        except (urllib.error.URLError, OSError):
            return False
        return True


class Venue(Process):
    """The server as it ships, over the small venue in a folder."""

    def __init__(self, folder: Path) -> None:
        settings = folder / "server.toml"
        super().__init__([sys.executable, "-m", "server", "--config", str(settings), "run"], free_port())
        settings.write_text(f'data = "{folder}"\nbind = "127.0.0.1:{self.port}"\n')
        self.database = f"sqlite:///{folder / 'threshold.db'}"
        migrate(self.database)
        with transaction(self.database) as connection:
            self.world: World = make_world(connection, utc_now(), server=self.address)
        self.sessions: dict[str, StorageState] = {}  # by role: a session outlives the server, as its key is stored
        self.start("/sign-in")

    def kiosk(self, gate: str, room: str) -> PaperKiosk:
        """The kiosk at a gate; one per gate and test module, for its chain goes on."""
        return PaperKiosk(self.world.enrolments[gate], gate, room)

    def hear(self, kiosk: PaperKiosk) -> float:
        """Sends what the kiosk has to say, by a signed exchange; the wall clock's ms just before it was sent."""
        body, headers = kiosk.seal(kiosk.letter())
        request = urllib.request.Request(self.address + wire.PATH, body, headers)
        sent = time.time() * 1000
        with urllib.request.urlopen(request, timeout=10) as reply:
            kiosk.hear(wire.decode_answer(reply.read()))
        return sent

    def admit(self, kiosk: PaperKiosk, person: str) -> float:
        """One entry through the kiosk's gate, sent at once."""
        kiosk.pass_through(Kind.ENTRY, self.world.badge_ids[person], utc_now())
        return self.hear(kiosk)


class Window:
    """Opens pages in contexts of their own; keeps all that a console, a script or the policy complains of."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._complaints: list[str] = []

    def open(self, size: tuple[int, int] = SIZES["tablet"], session: StorageState | None = None) -> Page:
        """An empty page that knows nobody, or goes on with a session."""
        viewport: ViewportSize = {"width": size[0], "height": size[1]}
        context = self._browser.new_context(viewport=viewport, storage_state=session)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self._complaints.append(f"error: {error}"))
        return page

    def sign_in(self, venue: Venue, role: str, path: str = "/", size: tuple[int, int] = SIZES["tablet"]) -> Page:
        """A page at ``path`` for the user of that role, who uses the form the first time."""
        page = self.open(size, venue.sessions.get(role))
        page.goto(venue.address + path)
        if role not in venue.sessions:
            fill_in(page, role, PASSWORD)
            page.wait_for_url(re.compile(r"/(board|log)"))
            venue.sessions[role] = page.context.storage_state()
        return page

    def complaints(self, *expected: str) -> list[str]:
        """What was complained of, apart from the patterns in ``expected``; what was told is forgotten."""
        told = [text for text in self._complaints if not any(re.search(pattern, text) for pattern in expected)]
        self._complaints.clear()
        return told

    def close(self) -> None:
        """Closes every page."""
        for context in self._browser.contexts:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


def fill_in(page: Page, name: str, password: str) -> None:
    """Sends the sign-in form."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def overflow(page: Page) -> dict[str, list[str]]:
    """What sticks out of the page sideways, by size; empty if the page cannot be scrolled that way at any size."""
    found = {}
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        if sideways := _sideways(page):
            found[name] = sideways
    return found


def _sideways(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        """() => {
          const root = document.scrollingElement;
          if (root.scrollWidth <= innerWidth) return [];
          const wide = [...document.querySelectorAll("body *")].filter(
            (element) => element.getBoundingClientRect().right > innerWidth + 0.5);
          return [`page ${root.scrollWidth} > ${innerWidth}`, ...wide.slice(0, 5).map(
            (element) => `${element.tagName}.${element.getAttribute("class")}`)];
        }"""
    )
    return found

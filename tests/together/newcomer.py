"""A kiosk that has never been enrolled, and the admin who pairs it, both as they come."""

from __future__ import annotations

import os
import ssl
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

from tests.together.conftest import BLANK, Kiosk, Process, Site, free_port, picture, wait_for
from tests.world import PASSWORD


class Admin:
    """An admin's browser, as far as it is needed."""

    def __init__(self, address: str, ca: str = "") -> None:
        """``ca``: the file of the authority that it was told to trust."""
        self.address = address
        trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca or None))
        self.web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), trusted)
        self._page = self.web.open(f"{address}/sign-in", timeout=10).read().decode()
        self._send("/sign-in", name="admin", password=PASSWORD)

    def begin(self, name: str, gate: str, server: str = "") -> str:
        """Begins to pair; the code. ``server``: where the kiosk finds the server, if not where the admin does."""
        self._page = self.web.open(f"{self.address}/kiosks", timeout=10).read().decode()
        self.pair = self._send("/kiosks", name=name, gate=gate, server=server or self.address)
        code: str = self._page.split("</textarea>")[0].rsplit(">", 1)[1]
        return code

    @property
    def digits(self) -> str:
        """The digits that the page shows; "" if none."""
        self._page = self.web.open(self.pair, timeout=10).read().decode()
        shown: str = self._page.partition('name="digits" value="')[2].partition('"')[0]
        return shown

    def say_yes(self, digits: str) -> None:
        """The digits are the same."""
        self._send(self.pair.removeprefix(self.address), same="yes", digits=digits)

    def _send(self, path: str, **form: str) -> str:
        form["csrf_token"] = self._page.partition('name="csrf_token" value="')[2].partition('"')[0]
        asked = urllib.request.Request(f"{self.address}{path}", urlencode(form).encode())
        asked.add_header("Referer", f"{self.address}/")
        with self.web.open(asked, timeout=10) as answer:
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


def pair(kiosk: Kiosk, admin: Admin, code: str) -> None:
    """The kiosk reads the code, the admin finds the same digits on both sides, and the kiosk is enrolled."""
    wait_for(lambda: "pair" in kiosk.words, "the kiosk says that it is not set up")
    shown = picture(code)

    def looks(key: str) -> bool:
        kiosk.frames(shown, 1)
        return key in kiosk.words

    wait_for(lambda: looks("pair_digits"), "the kiosk shows digits")
    digits = admin.digits
    assert digits
    with urllib.request.urlopen(kiosk.screen, timeout=10) as screen:
        assert digits in screen.read().decode()
    admin.say_yes(digits)
    wait_for(lambda: looks("pair_done"), "the kiosk is enrolled")
    kiosk.frames(BLANK, 2)

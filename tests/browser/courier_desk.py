"""What the courier page's tests stand on: the server's own pages with scripted answers to letters, and a camera that
sees what a test wants it to see.

The page, its policy, signing in and the check of the token are the server's; only the answer to a letter is not.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import qrcode
from flask import jsonify, request
from flask.typing import ResponseReturnValue
from playwright.sync_api import Browser, BrowserType, Page
from pyzbar.pyzbar import ZBarSymbol, decode
from qrcode.image.svg import SvgPathImage
from werkzeug.serving import make_server

from server.store.engine import SqliteStore, migrate, transaction
from server.web import create_app
from server.web.auth import only
from server.web.courier import COURIERS
from tests.browser.stage import QUIET, free_port, program
from tests.world import make_world, utc_now

WIDTH, SIDE = 640, 480
Grey = np.ndarray[Any, np.dtype[np.uint8]]
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def letter(device: str = "K-HALL-A", name: str = "00C0DE", total: int = 14, length: int = 90) -> list[str]:
    """The frames of a letter, with a payload that means nothing and may hold every sign of base45."""
    dice = random.Random(f"{device}{name}")
    payloads = ["".join(dice.choices(ALPHABET, k=length)) for _ in range(total)]
    return [f"TR:{device}:{name}:{part}:{total}:{payload}" for part, payload in enumerate(payloads, 1)]


def launch(chromium: BrowserType, *switches: str) -> Browser:
    """A further Chromium: a camera's film is a matter of the whole program, not of a page."""
    return chromium.launch(executable_path=program(), args=[*QUIET, *switches])


def film(path: Path, texts: Sequence[str], *, per_second: int = 5) -> None:
    """What Chromium's camera sees from now on: these codes on a dark screen, one after the other, for ever."""
    film_pictures(
        path, [_code(text) if text else np.full((1, 1), 40, np.uint8) for text in texts], per_second=per_second
    )


def film_pictures(path: Path, pictures: Sequence[Grey], *, per_second: int = 5) -> None:
    """The same of grey pictures, each no larger than the camera's."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{SIDE} F{per_second}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            high, wide = picture.shape
            top, left = (SIDE - high) // 2, (WIDTH - wide) // 2
            seen = np.full((SIDE, WIDTH), 40, np.uint8)
            seen[top : top + high, left : left + wide] = picture
            file.write(b"FRAME\n" + seen.tobytes() + bytes([128]) * (WIDTH * SIDE // 2))


def see(page: Page, reel: Path, *codes: str) -> None:
    """Turns the camera to these codes."""
    film(reel, codes)
    page.evaluate("document.querySelector('video').srcObject?.getTracks()[0].dispatchEvent(new Event('ended'))")
    page.get_by_role("button", name="Try again").first.click()


def read_codes(screenshot: bytes) -> list[str]:
    """The texts of the QR codes in a screenshot."""
    return [found.data.decode() for found in decode(grey(screenshot), symbols=[ZBarSymbol.QRCODE])]


def grey(screenshot: bytes) -> Grey:
    """The screenshot's pixels."""
    return np.asarray(cv2.imdecode(np.frombuffer(screenshot, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)


def _code(text: str) -> Grey:
    drawn = qrcode.QRCode(border=4)
    drawn.add_data(text)
    modules = np.where(np.array(drawn.get_matrix()), 20, 230).astype(np.uint8)
    size = SIDE // len(modules)
    return np.kron(modules, np.ones((size, size), np.uint8))


class CourierDesk:
    """A server in this process. ``came`` is every set of frames that reached it with a good token."""

    def __init__(self, folder: Path) -> None:
        database = f"sqlite:///{folder / 'threshold.db'}"
        migrate(database)
        with transaction(database) as connection:
            make_world(connection, utc_now())
        self.came: list[list[str]] = []
        self.troubles: list[tuple[int, str]] = []  # status and words of the next answers to letters
        self._store = SqliteStore(folder / "threshold.db")
        self._app = create_app(self._store, utc_now)
        self._app.view_functions["courier.letters"] = only(COURIERS)(self.answer)
        self._port = free_port()
        self.open()

    @property
    def address(self) -> str:
        """The start of every address."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Answers from now on."""
        self._server = make_server("127.0.0.1", self._port, self._app, threaded=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def shut(self) -> None:
        """Answers nobody; what was open is closed."""
        self._server.shutdown()
        self._server.server_close()

    def close(self) -> None:
        """Ends it."""
        self.shut()
        self._store.close()

    def answer(self) -> ResponseReturnValue:
        """The scripted answer: trouble if there is some, else what is missing, and a grant once nothing is."""
        frames = [str(frame) for frame in request.get_json()["frames"]]
        self.came.append(frames)
        if self.troubles:
            status, what = self.troubles.pop(0)
            return jsonify(error="Not now", what=what, do="Try again later."), status
        _, device, name, _, total, _ = frames[0].split(":", 5)
        missing = sorted(set(range(1, int(total) + 1)) - {int(frame.split(":")[3]) for frame in frames})
        grant = None if missing else f"TG:{device}:{name} SEATS*12+$%./:" + "9F" * 40
        told = {"device": device.lower(), "gate": "Hall A" if device == "K-HALL-A" else "Hall B", "taken": 31}
        says = "The letter is not complete." if missing else "12 seats for Hall A."
        return jsonify(told | {"missing": missing, "waiting": 0, "grant": grant, "svg": _svg(grant), "says": says})


def _svg(text: str | None) -> str | None:
    return (
        None if text is None else qrcode.make(text, image_factory=SvgPathImage, border=4).to_string(encoding="unicode")
    )

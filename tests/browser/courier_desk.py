"""What the courier page's tests stand on: the server's own pages with scripted answers to letters, and a camera that
sees what a test wants it to see.

The page, its policy, signing in and the check of the token are the server's; only the answer to a letter is not.
"""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import qrcode
from flask import Blueprint, Flask, Response, jsonify, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue
from playwright.sync_api import Browser, BrowserType, Page
from pyzbar.pyzbar import ZBarSymbol, decode
from qrcode.image.svg import SvgPathImage
from werkzeug.serving import make_server

from server.store.engine import SqliteStore, migrate, transaction
from server.users import Role
from server.web import create_app
from server.web.auth import only
from tests.browser.stage import QUIET, free_port
from tests.world import make_world, utc_now

POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; worker-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
)
COURIERS = frozenset({Role.STEWARD, Role.SUPERVISOR, Role.ADMIN})
SIDE = 480
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def letter(device: str = "K-HALL-A", name: str = "00C0DE", total: int = 14, length: int = 90) -> list[str]:
    """The frames of a letter, with a payload that means nothing and may hold every sign of base45."""
    dice = random.Random(f"{device}{name}")
    payloads = ["".join(dice.choices(ALPHABET, k=length)) for _ in range(total)]
    return [f"TR:{device}:{name}:{part}:{total}:{payload}" for part, payload in enumerate(payloads, 1)]


def launch(chromium: BrowserType, *switches: str) -> Browser:
    """A further Chromium: a camera's film is a matter of the whole program, not of a page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    return chromium.launch(executable_path=program, args=[*QUIET, *switches])


def film(path: Path, texts: Sequence[str], *, per_second: int = 5) -> None:
    """What Chromium's camera sees from now on: these codes on a dark screen, one after the other, for ever."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W640 H{SIDE} F{per_second}:1 Ip A1:1 C420jpeg\n".encode())
        for text in texts:
            picture = np.full((SIDE, 640), 40, np.uint8)
            if text:
                code = _code(text)
                at = (SIDE - len(code)) // 2
                picture[at : at + len(code), at + 80 : at + 80 + len(code)] = code
            file.write(b"FRAME\n" + picture.tobytes() + bytes([128]) * (640 * SIDE // 2))


def see(page: Page, reel: Path, *codes: str) -> None:
    """Turns the camera to these codes."""
    film(reel, codes)
    page.evaluate("document.querySelector('video').srcObject?.getTracks()[0].dispatchEvent(new Event('ended'))")
    page.get_by_role("button", name="Try again").first.click()


def read_codes(screenshot: bytes) -> list[str]:
    """The texts of the QR codes in a screenshot."""
    picture = cv2.imdecode(np.frombuffer(screenshot, np.uint8), cv2.IMREAD_GRAYSCALE)
    return [found.data.decode() for found in decode(picture, symbols=[ZBarSymbol.QRCODE])]


def _code(text: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
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
        self._wire(self._app)
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

    def _wire(self, app: Flask) -> None:
        if "courier" not in app.blueprints:
            app.register_blueprint(_blueprint())
            app.wsgi_app = _Policy(app.wsgi_app)  # type: ignore[method-assign]
        app.view_functions["courier.letters"] = only(COURIERS)(self.answer)


def _svg(text: str | None) -> str | None:
    return (
        None if text is None else qrcode.make(text, image_factory=SvgPathImage, border=4).to_string(encoding="unicode")
    )


def _blueprint() -> Blueprint:
    pages = Blueprint("courier", __name__)

    @pages.get("/courier")
    @only(COURIERS)
    def page() -> ResponseReturnValue:
        return render_template("courier.html", active="courier")

    @pages.get("/courier/worker.js")
    def worker() -> Response:
        answer = send_from_directory("static", "courier-worker.js")
        answer.headers["Service-Worker-Allowed"] = "/courier"
        return answer

    @pages.post("/courier/letters")
    def letters() -> ResponseReturnValue:
        raise NotImplementedError

    return pages


class _Policy:
    """The policy of /courier where the server does not set it yet."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __call__(self, environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if environ["PATH_INFO"] == "/courier":
                headers = [(k, POLICY if k == "Content-Security-Policy" else v) for k, v in headers]
            return start_response(status, headers, *rest)

        return self._inner(environ, start)

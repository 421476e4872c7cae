"""What stands on the kiosk's display until the kiosk answers (deploy/etc/waiting.html)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.stage import Window

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WAITING = (Path(__file__).parents[2] / "deploy" / "etc" / "waiting.html").as_uri()


class Kiosk(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>The door</title>")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def kiosk(port: int) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", port), Kiosk)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_page_that_waits_gives_way_to_the_kiosk_as_soon_as_it_answers(window: Window) -> None:
    with kiosk(0) as port:
        pass  # nobody listens there any more
    page = window.open()
    page.clock.install()
    page.goto(f"{WAITING}#http://127.0.0.1:{port}/")
    expect(page.get_by_text("One moment")).to_be_visible()
    page.clock.run_for(61_000)
    expect(page.get_by_text("Please ask a steward")).to_be_visible()
    expect(page.get_by_text("One moment")).to_be_hidden()
    with kiosk(port):
        page.clock.run_for(1_000)
        page.wait_for_url(f"http://127.0.0.1:{port}/")
        expect(page).to_have_title("The door")
        window.close()
    window.complaints("ERR_CONNECTION_REFUSED|404|favicon")

"""What the settings make of the application: whose word on an address is believed, and who may scrape without a key."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from flask import request

from server.config import Config
from server.serve import Gunicorn
from server.store.engine import migrate, transaction
from tests.browser.stage import free_port
from tests.world import make_world, utc_now


def address(config: Config) -> str:
    """Where a request is believed to come from that a proxy has passed on."""
    app = Gunicorn(config, utc_now).load()
    app.add_url_rule("/where", view_func=lambda: f"{request.remote_addr} {request.scheme}")
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    return app.test_client().get("/where", headers=headers).text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now(), people=3, kiosks=())
    return tmp_path


def test_a_proxy_is_believed_only_where_the_settings_say_that_there_is_one(folder: Path) -> None:
    assert address(Config(data=str(folder))) == "127.0.0.1 http"
    assert address(Config(data=str(folder), proxies=1)) == "203.0.113.9 https"


def test_metrics_are_open_to_this_machine_only_where_the_settings_say_so(folder: Path) -> None:
    closed = Gunicorn(Config(data=str(folder)), utc_now).load().test_client()
    assert closed.get("/metrics").status_code == 401
    here = Gunicorn(Config(data=str(folder), metrics_open=True), utc_now).load().test_client()
    assert here.get("/metrics").status_code == 200
    assert here.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401


def test_systemd_hears_that_it_is_ready_once_the_application_is_loaded_and_answers(folder: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "server", "--data", str(folder), "run", "--bind", f"127.0.0.1:{port}"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(folder / "notify"))
        ear.settimeout(60)
        process = subprocess.Popen(command, env=os.environ | {"NOTIFY_SOCKET": str(folder / "notify")})
        try:
            assert ear.recv(200) == b"READY=1"  # gunicorn's own word, before any worker runs, is a longer one
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in", timeout=10) as reply:
                assert reply.status == 200
        finally:
            process.terminate()
            process.wait(20)

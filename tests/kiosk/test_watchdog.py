"""What systemd hears: ready at the first frame, then a sign of life every few seconds and never more often."""

from __future__ import annotations

import itertools
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.watchdog import FEED_MS, Watchdog


@contextmanager
def systemd(address: str) -> Iterator[socket.socket]:
    """A real notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind("\0" + address[1:] if address.startswith("@") else address)
        ear.setblocking(False)
        yield ear


def heard(ear: socket.socket) -> list[bytes]:
    """All that has come; a datagram to a local socket is there when it was sent."""
    words = []
    while True:
        try:
            words.append(ear.recv(100))
        except BlockingIOError:
            return words


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """NOTIFY_SOCKET in its two forms."""
    return str(tmp_path / "notify") if request.param == "path" else f"@threshold-{secrets.token_hex(8)}"


def test_ready_comes_first_and_only_once(address: str) -> None:
    with systemd(address) as ear:
        watchdog = Watchdog(address)
        assert heard(ear) == []
        for now in range(0, 4 * FEED_MS, FEED_MS):
            watchdog.feed(now)
        assert heard(ear) == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]


def test_thirty_frames_a_second_are_one_sign_of_life_every_five_seconds(address: str) -> None:
    with systemd(address) as ear:
        watchdog = Watchdog(address)
        told = []
        for now in range(1_000_000, 1_031_000, 33):
            watchdog.feed(now)
            told += [(word, now) for word in heard(ear)]
        words, times = zip(*told, strict=True)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert words == (b"READY=1", *[b"WATCHDOG=1"] * 6)
        assert FEED_MS <= min(gaps) <= max(gaps) < FEED_MS + 33


def test_without_frames_nothing_is_said(address: str) -> None:
    with systemd(address) as ear:
        watchdog = Watchdog(address)
        watchdog.feed(0)
        assert heard(ear) == [b"READY=1"]
        assert heard(ear) == []


@pytest.mark.parametrize("absent", [None, "", "/nowhere/notify"])
def test_where_there_is_no_systemd_nothing_happens(absent: str | None) -> None:
    watchdog = Watchdog(absent)
    watchdog.feed(0)
    watchdog.feed(FEED_MS)


def test_a_systemd_that_is_gone_does_not_stop_the_door(address: str) -> None:
    watchdog = Watchdog(address)
    with systemd(address) as ear:
        watchdog.feed(0)
        assert heard(ear) == [b"READY=1"]
    watchdog.feed(FEED_MS)

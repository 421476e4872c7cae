"""The first snapshot of a new kiosk over HTTP, against a static answer of the same size in the same run.

    python -m tests.bench.snapshot [--people 5000] [--rounds 5]

A real server process on SQLite under gunicorn; the baseline is a Flask route under the same gunicorn. Each round is
another new kiosk. First the bare exchange: seconds and bytes. Then the kiosk's own parts, from the start of its
uplink with an empty store until the store holds every record; and where that time goes. Prints figures and ratios;
never fails on a time.
"""

from __future__ import annotations

import argparse
import http.client
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from admission import wire
from admission.wire import Cursors, Enrolment, Lane
from kiosk.clock import Clock
from kiosk.disk import Disk
from kiosk.dispatch import Dispatch, Vitals
from kiosk.journal import Journal
from kiosk.standing import Standing
from kiosk.station import boot_ms
from kiosk.uplink import Uplink
from server import devices, news
from server.store.engine import open_store, transaction
from tests.bench import stand
from tests.bench.stand import Venue
from tests.world import PaperKiosk


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP, and the seconds from the request to its last byte."""

    body: bytes
    signature: str
    seconds: float


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=5000, help="each has a badge")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    stand.end_children_on_sigterm()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        run(Path(name), given.people, given.rounds)


def run(folder: Path, people: int, rounds: int) -> None:
    """Measures in rounds: the snapshot, the static answer, a kiosk."""
    venue = stand.make_venue(folder, people, [])
    enrolments = [_enrol(venue, number) for number in range(2 * rounds)]
    port = stand.free_port()
    ours, base, held = [], [], []
    with stand.running(venue.command, venue.port), stand.running(stand.gunicorn("tests.bench.noop:app", port), port):
        for number in range(rounds):
            ours.append(snapshot(venue.port, enrolments[2 * number]))
            base.append(static_answer(port, len(ours[-1].body)))
            held.append(fill(folder / f"kiosk-{number}", enrolments[2 * number + 1], people))
    _print_totals(ours, base, held, people)
    _print_parts(folder / "alone", venue, enrolments[0], ours[-1])


def snapshot(port: int, enrolment: Enrolment) -> Reply:
    """What a new kiosk is given. Fails if it is not everything."""
    letter = PaperKiosk(enrolment, "hall-a", "hall").letter(lane=Lane.NEWS, cursors=Cursors())
    body, headers = PaperKiosk(enrolment, "hall-a", "hall").seal(letter)
    reply = _post(port, wire.PATH, body, headers)
    answer = wire.decode_answer(reply.body)
    assert answer.badges is not None
    assert answer.programme is not None
    assert not answer.badges.more
    return reply


def static_answer(port: int, size: int) -> Reply:
    """The baseline: so many bytes that lie ready."""
    return _post(port, f"/static/{size}", b"{}", {})


def fill(data: Path, enrolment: Enrolment, people: int) -> float:
    """Seconds from the start of a new kiosk's uplink until its store holds everybody's record."""
    disk = Disk(data / "kiosk.db", secrets.randbits(48))
    standing = Standing(disk)
    uplink = Uplink(_dispatch(disk, standing, enrolment), enrolment.server, "", lambda: 0.5, lambda: None)
    began = time.perf_counter()
    uplink.start()
    stand.wait_for(lambda: standing.cursors.badges > 0, "the kiosk was given no badges")
    assert _records(disk) == people  # waits for the commit
    seconds = time.perf_counter() - began
    uplink.close()
    return seconds


def _dispatch(disk: Disk, standing: Standing, enrolment: Enrolment) -> Dispatch:
    clock = Clock(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), boot_ms)
    return Dispatch(enrolment, disk, Journal(disk), standing, clock, Vitals())


def _records(disk: Disk) -> int:
    with disk.reading() as connection:
        return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])


def _enrol(venue: Venue, number: int) -> Enrolment:
    server = f"http://127.0.0.1:{venue.port}"
    with transaction(venue.url) as connection:
        return devices.add_kiosk(connection, f"new-{number}", "hall-a", server, os.urandom(32), venue.world.now)


def _post(port: int, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    line = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    line.request("POST", path, body, headers)
    reply = line.getresponse()
    content = reply.read()
    seconds = time.perf_counter() - began
    line.close()
    assert reply.status == 200, content[:200]
    return Reply(content, reply.headers.get(wire.SIGNATURE_HEADER, ""), seconds)


def _print_totals(ours: Sequence[Reply], base: Sequence[Reply], held: Sequence[float], people: int) -> None:
    static = statistics.median(one.seconds for one in base)
    print(f"first snapshot of {people} badges, seconds    median      max    ratio")
    for name, values in (
        ("over HTTP", [one.seconds for one in ours]),
        ("until the kiosk's store holds it", held),
        ("static answer of the same size", [one.seconds for one in base]),
    ):
        middle = statistics.median(values)
        print(f"  {name:38} {middle:8.3f} {max(values):8.3f} {middle / static:8.1f}")
    size = len(ours[-1].body)
    print(f"  {size} bytes, {size / people:.0f} for each badge; rounds: {len(ours)}")


def _print_parts(data: Path, venue: Venue, enrolment: Enrolment, reply: Reply) -> None:
    """Each part alone in this process, on the last snapshot."""
    server_key = Ed25519PublicKey.from_public_bytes(enrolment.server_key)
    answer = wire.decode_answer(reply.body)
    badges = answer.badges
    assert badges is not None
    store = open_store(venue.url)
    with store.read() as connection:
        reading = _ms(lambda: news.badge_news(connection, 0, "hall", badges.upto))
    store.close()
    disk = Disk(data / "kiosk.db", 1)
    standing = Standing(disk)
    rows = (
        ("server: rows and bitmaps", reading),
        ("server: encoding", _ms(lambda: wire.encode(answer))),
        ("kiosk: checking the signature", _ms(lambda: wire.check(wire.DOWN, reply.body, reply.signature, server_key))),
        ("kiosk: decoding", _ms(lambda: wire.decode_answer(reply.body))),
        ("kiosk: writing to the store", _ms(lambda: standing.learn_badges(badges))),
    )
    disk.close()
    print("\npart, alone (median of 5)                     ms")
    for name, value in rows:
        print(f"  {name:38} {value:8.1f}")


def _ms(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


if __name__ == "__main__":
    main()

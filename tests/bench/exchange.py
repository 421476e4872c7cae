"""Exchanges a second with one passage each, against a Flask route that does nothing, in the same run.

    python -m tests.bench.exchange [--clients 32] [--each 100] [--rounds 3]

Both run under gunicorn with one gthread worker; 32 keep-alive clients in a process of their own send messages that
were signed before the clock started. Then the CPU of one exchange by part. Prints ratios; never fails on a time.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection as PipeConnection
from pathlib import Path

import psutil
from sqlalchemy import Connection

from admission import wire
from admission.passage import Kind, decode
from admission.wire import Exchange
from server import devices
from server.current import Current
from server.exchange import Desk
from server.store.engine import migrate, open_store, transaction
from tests.world import PaperKiosk, World, make_world, utc_now

Request = tuple[str, bytes, dict[str, str]]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--each", type=int, default=100, help="requests of each client and round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), given.clients, given.each, given.rounds)


def run(folder: Path, clients: int, each: int, rounds: int) -> None:
    """Measures in rounds, ours and the baseline in turn."""
    url = f"sqlite:///{folder / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        world = make_world(connection, utc_now(), people=min(20_000, clients * each * rounds), hall=200_000, kiosks=[])
        kiosks = [_kiosk(connection, world, number) for number in range(clients)]
    noop = _gunicorn("tests.bench.noop:app", 18_181)
    (folder / "server.toml").write_text(f'data = "{folder}"\nbind = "127.0.0.1:18180"\n')
    program = [sys.executable, "-m", "server", "--config", str(folder / "server.toml"), "run"]
    ours = subprocess.Popen(program)
    try:
        _await(18_180)
        _await(18_181)
        rows = []
        for number in range(rounds):
            plans = _plan(kiosks, world, each, number)
            base, _ = _blast(18_181, [[("/noop", body, headers) for _, body, headers in work] for work in plans], noop)
            rate, cpu = _blast(18_180, plans, ours)
            rows.append((rate, base, rate / base, cpu))
            print(f"round {number + 1}: {rate:6.0f} exchanges/s, no-op {base:6.0f}/s, ratio {rate / base:.2f}")
    finally:
        ours.terminate()
        noop.terminate()
        ours.wait()
        noop.wait()
    ratio = statistics.median(row[2] for row in rows)
    print(f"\nexchanges/s over no-op requests/s, {clients} clients: {ratio:.2f} (median of {rounds} rounds)")
    _by_part(url, kiosks[0], world, statistics.median(row[3] for row in rows))


def _kiosk(connection: Connection, world: World, number: int) -> PaperKiosk:
    seed = os.urandom(32)
    enrolment = devices.add_kiosk(connection, f"bench-{number}", "hall-a", "http://127.0.0.1:1", seed, world.now)
    return PaperKiosk(enrolment, "hall-a", "hall")


def _plan(kiosks: Sequence[PaperKiosk], world: World, each: int, number: int) -> list[list[Request]]:
    """Every client's requests, signed: each an exchange with one new entry."""
    ids = list(world.badge_ids.values())
    plans = []
    for which, kiosk in enumerate(kiosks):
        work: list[Request] = []
        for step in range(each):
            badge = ids[(which + (step + number * each) * len(kiosks)) % len(ids)]
            kiosk.pass_through(Kind.ENTRY, badge, utc_now())
            body, headers = kiosk.seal(kiosk.letter())
            work.append((wire.PATH, body, headers))
            kiosk.have += 1
            kiosk.unsent.clear()
        plans.append(work)
    return plans


def _blast(port: int, plans: list[list[Request]], server: subprocess.Popen[bytes]) -> tuple[float, float]:
    """(requests a second, server CPU ms a request)."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send_all, args=(port, plans, theirs))
    process.start()
    assert ours.recv() == "ready"
    before = _cpu(server)
    ours.send("go")
    seconds = float(ours.recv())
    used = _cpu(server) - before
    process.join()
    count = sum(len(work) for work in plans)
    return count / seconds, used / count * 1000


def _send_all(port: int, plans: list[list[Request]], pipe: PipeConnection[object, object]) -> None:
    barrier = threading.Barrier(len(plans) + 1)

    def client(work: list[Request]) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port)
        line.connect()
        barrier.wait()
        for path, body, headers in work:
            line.request("POST", path, body, headers)
            reply = line.getresponse()
            reply.read()
            assert reply.status in (200, 204), reply.status

    threads = [threading.Thread(target=client, args=(work,)) for work in plans]
    for thread in threads:
        thread.start()
    pipe.send("ready")
    pipe.recv()
    barrier.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    pipe.send(time.perf_counter() - began)


def _cpu(server: subprocess.Popen[bytes]) -> float:
    parent = psutil.Process(server.pid)
    every = [parent, *parent.children(recursive=True)]
    return float(sum(sum(one.cpu_times()[:2]) for one in every))


def _gunicorn(app: str, port: int) -> subprocess.Popen[bytes]:
    words = ["-k", "gthread", "-w", "1", "--threads", "256", "--keep-alive", "75", "--log-level", "warning"]
    return subprocess.Popen([sys.executable, "-m", "gunicorn", *words, "-b", f"127.0.0.1:{port}", app])


def _await(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def _by_part(url: str, kiosk: PaperKiosk, world: World, total_ms: float) -> None:
    """CPU of one exchange by part, measured alone in this process; HTTP is what remains of the server's total."""
    store = open_store(url)
    current = Current(store, utc_now)
    picture = current.get()
    kiosk.pass_through(Kind.ENTRY, next(iter(world.badge_ids.values())), utc_now())
    letter = kiosk.letter()
    body, headers = kiosk.seal(letter)
    key = picture.devices[kiosk.enrolment.device][0]
    answer = wire.encode(letter)
    crypto = _cpu_ms(lambda: wire.check(wire.UP, body, headers[wire.SIGNATURE_HEADER], key)) + _cpu_ms(
        lambda: wire.sign(wire.DOWN, answer, picture.event.signing)
    )
    decoding = _cpu_ms(lambda: (wire.decode_exchange(body), decode(letter.passages[0]), wire.encode(letter)))
    cpu: list[float] = []
    wall: list[float] = []
    for _ in range(300):
        kiosk.have, kiosk.unsent[:] = kiosk.seq, []
        kiosk.pass_through(Kind.ENTRY, next(iter(world.badge_ids.values())), utc_now())
        message = kiosk.letter()
        began = time.perf_counter()
        cpu.append(store.write(partial(_handle, current, message)))
        wall.append((time.perf_counter() - began) * 1000)
    sql = statistics.median(cpu)
    store.close()
    rest = total_ms - crypto - decoding - sql
    print(f"\nserver CPU of one exchange: {total_ms:.2f} ms")
    for name, value in (("HTTP, threads", rest), ("crypto", crypto), ("decoding", decoding), ("SQL and stays", sql)):
        print(f"  {name:14} {value:6.3f} ms  {value / total_ms:4.0%}")
    print(f"  waiting for the commit, alone: {statistics.median(wall) - sql:.2f} ms of wall time")


def _handle(current: Current, message: Exchange, connection: Connection) -> float:
    """The CPU ms that the use case itself takes in the writer's thread."""
    picture = current.get()
    began = time.thread_time()
    Desk(connection, picture.programme, utc_now(), "hall-a").handle(message)
    return (time.thread_time() - began) * 1000


def _cpu_ms(work: Callable[[], object], times: int = 500) -> float:
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times * 1000


if __name__ == "__main__":
    main()

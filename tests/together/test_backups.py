"""A bad day, rehearsed: backups while doors are busy, the server's disk lost, a backup put back, everybody there again.

The commands are those of the manual: for PostgreSQL they are read out of docs/backups.md and run as they stand there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from server.store.engine import migrate, transaction
from tests import manual
from tests.conftest import Cluster
from tests.together.busy import ROOM, Arena, busy_site, make_arena
from tests.together.conftest import Process, Site, free_port
from tests.together.fleet import Fleet, audit, wait_until
from tests.together.proxy import Cut
from tests.together.supervisors import era, raised
from tests.together.test_restore import (
    awaited,
    badges,
    confirm_rooms,
    drain,
    entered,
    granted,
    greens,
    settle,
    tokens,
)
from tests.world import utc_now

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.timeout(180)]
LIMIT = 30
HALL = Arena(limit=LIMIT, people=140, gates=2)


def run(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of an admin, beside the server or without it."""
    program = [sys.executable, "-m", "server", "--config", str(site.folder / "server.toml"), *words]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def postgres_site(folder: Path, cluster: Cluster, arena: Arena) -> Iterator[Site]:
    """As busy_site, over a database of PostgreSQL."""
    port = free_port()
    address, url = f"http://127.0.0.1:{port}", cluster.new_database()
    migrate(url)
    with transaction(url) as connection:
        world = make_arena(connection, utc_now(), arena, address)
    server = Process(["-m", "server", "--config", str(folder / "server.toml"), "run"], folder / "server.log")
    site = Site(folder, world, url, server, address)
    settings(site)
    site.start_server()
    try:
        yield site
    finally:
        server.end()


def settings(site: Site) -> None:
    """What the server is told: its address, and the present database."""
    bind = site.address.removeprefix("http://")
    (site.folder / "server.toml").write_text(f'database = "{site.url}"\nbind = "{bind}"\n')


def all_is_there_again(fleet: Fleet, held: dict[str, int], queue: list[str]) -> None:
    """After the restored server has started, with g2 still out of reach: nothing is granted until it has reported and
    the room is confirmed; then the room fills, never over its limit, and the log holds every green light."""
    site = fleet.site
    wait_until(lambda: awaited(fleet) == ["k-g2"], "all but the one that is cut off have reported", 45)
    settle(fleet, "g1", "out1")
    drain(fleet, "g1", queue[:40])
    confirm_rooms(fleet)
    assert not fleet["g1"].present(queue[40]).green
    assert {name: granted(fleet, name) for name in held} == held
    fleet["g2"].link.restore()
    wait_until(lambda: awaited(fleet) == [], "the last kiosk has reported", 45)
    wait_until(lambda: fleet["g1"].present(queue[41]).green, "seats are granted again")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda one: drain(fleet, *one), [("g1", queue[42:70]), ("g2", queue[70:])]))
    settle(fleet, *fleet.kiosks)
    assert len(greens(fleet)) - 2 <= LIMIT
    assert entered(fleet) == badges(fleet, greens(fleet))
    assert site.inside() == {ROOM: len(greens(fleet)) - 2}
    status, report = audit(site)
    assert status == 0, report


@pytest.mark.xdist_group("together")
def test_a_lost_disk_costs_nothing_that_a_kiosk_knows_of(tmp_path: Path) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(busy_site(tmp_path, HALL))
        fleet = stack.enter_context(Fleet(site))
        fleet.start_ready("g1", "g2", "out1")
        stick = tmp_path / "stick"
        stick.mkdir()
        with ThreadPoolExecutor() as pool:  # the doors are busy all the while
            crowd = pool.submit(fleet.present_many, {"g1": tokens(fleet, 1, 6), "g2": tokens(fleet, 7, 10)})
            made = [run(site, "backup", "--to", str(stick)) for _ in range(3)]
            assert all(outcome.green for door in crowd.result().values() for outcome in door)
        assert [one.returncode for one in made] == [0, 0, 0], made
        newest = max(stick.glob("threshold-*.db"))
        fleet.present_many({"g1": tokens(fleet, 11, 13), "g2": tokens(fleet, 14, 15)})
        assert [fleet["out1"].present(token).key for token in tokens(fleet, 1, 2)] == ["goodbye", "goodbye"]
        settle(fleet, *fleet.kiosks)
        assert len(site.log()) == 17
        refused = run(site, "restore", str(newest))
        assert refused.returncode == 1
        assert "running server" in refused.stderr
        fleet["g2"].link.cut(Cut.REFUSED)
        assert fleet["g2"].present(tokens(fleet, 16, 16)[0]).green  # only the kiosk knows
        held = {name: granted(fleet, name) for name in ("g1", "g2")}

        site.server.end(signal.SIGKILL)
        shutil.rmtree(tmp_path / "server")
        restored = run(site, "restore", str(newest))
        assert restored.returncode == 0, restored.stderr
        assert "k-g1, k-g2, k-out1" in restored.stdout
        assert era(site) == 2
        site.start_server()
        assert len(raised(site, "restore")) == 1
        all_is_there_again(fleet, held, tokens(fleet, 20, 140))


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_a_dump_of_postgres_put_back_by_the_manual_costs_nothing_that_a_kiosk_knows_of(
    tmp_path: Path, cluster: Cluster
) -> None:
    with ExitStack() as stack:
        site = stack.enter_context(postgres_site(tmp_path, cluster, HALL))
        fleet = stack.enter_context(Fleet(site))
        fleet.start_ready("g1", "g2", "out1")
        told = run(site, "backup")
        assert (told.returncode, "docs/backups.md" in told.stderr) == (3, True)
        assert "its own tools" in run(site, "restore", str(manual.BACKUPS)).stderr
        new = f"restored_{os.getpid()}"
        where = {
            "DATABASE": site.url,
            "ADMIN": f"postgresql://postgres@/postgres?host={cluster.socket}",
            "OWNER": "postgres",
            "NAME": new,
            "RESTORED": f"postgresql://postgres@/{new}?host={cluster.socket}",
        }
        with ThreadPoolExecutor() as pool:
            crowd = pool.submit(fleet.present_many, {"g1": tokens(fleet, 1, 6), "g2": tokens(fleet, 7, 10)})
            manual.follow("dump", tmp_path, where)
            assert all(outcome.green for door in crowd.result().values() for outcome in door)
        fleet.present_many({"g1": tokens(fleet, 11, 13), "g2": tokens(fleet, 14, 15)})
        assert [fleet["out1"].present(token).key for token in tokens(fleet, 1, 2)] == ["goodbye", "goodbye"]
        settle(fleet, *fleet.kiosks)
        fleet["g2"].link.cut(Cut.REFUSED)
        assert fleet["g2"].present(tokens(fleet, 16, 16)[0]).green
        held = {name: granted(fleet, name) for name in ("g1", "g2")}

        site.server.end(signal.SIGKILL)
        manual.follow("put the dump back", tmp_path, where)
        site.url = where["RESTORED"]
        settings(site)
        site.start_server()
        assert era(site) == 2
        assert len(raised(site, "restore")) == 1
        all_is_there_again(fleet, held, tokens(fleet, 20, 140))

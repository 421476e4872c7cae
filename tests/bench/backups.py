"""What a backup costs whoever commits meanwhile: ``python -m tests.bench.backups``.

A summit's log (tests/busy.py) of so many passages; small commits through the server's own writer, a hundred a second at
most; and the command itself in a process of its own, as nice as its unit makes it. Prints how long commits took without
and with backups beside them, in turn in the same run, and how long a backup takes by its steps. ``--data`` keeps the
database for the next run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click
from sqlalchemy import update

from server import backup
from server.store import copies
from server.store.engine import SqliteStore, migrate
from server.store.schema import device
from tests.busy import Busy, fill
from tests.world import utc_now

TURNS = 3
PAUSE_S = 0.01


def commits(store: SqliteStore, ended: threading.Event, took: list[float]) -> None:
    """Commits until told to end; how long each took, in ms, is added to ``took``."""
    while not ended.wait(PAUSE_S):
        begun = time.perf_counter()
        store.write(lambda connection: connection.execute(update(device).values(era=device.c.era)))
        took.append((time.perf_counter() - begun) * 1000)


def beside(store: SqliteStore, work: Callable[[], object]) -> list[float]:
    """How long commits took while something else was done."""
    ended, took = threading.Event(), list[float]()
    thread = threading.Thread(target=commits, args=(store, ended, took))
    thread.start()
    work()
    ended.set()
    thread.join()
    return took


def said(name: str, took: list[float]) -> str:
    """Median, 99th percentile and worst."""
    parts = statistics.quantiles(took, n=100)
    return f"{name:24}{len(took):8}{statistics.median(took):10.1f}{parts[98]:10.1f}{max(took):10.1f}"


def steps(source: Path, folder: Path) -> str:
    """How long copying, checking and reading a backup take, each by itself."""
    target, took = folder / "step.db", []
    for work in (copies.take, lambda _source, copy: copies.check(copy), lambda _source, copy: backup.contents(copy)):
        begun = time.perf_counter()
        work(source, target)
        took.append(time.perf_counter() - begun)
    size = target.stat().st_size / 10**6
    target.unlink()
    return f"a backup of {size:.0f} MB: copied in {took[0]:.2f} s, checked in {took[1]:.2f} s, read in {took[2]:.2f} s"


@click.command()
@click.option("--rows", default=300_000, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="a folder to keep the database in [a temporary one]")
def main(rows: int, data: Path | None) -> None:
    """Print the latency of commits with and without backups beside them."""
    folder = data or Path(tempfile.mkdtemp(prefix="threshold-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "threshold.db"
    fresh = not source.exists()
    migrate(f"sqlite:///{source}")
    store = SqliteStore(source)
    if fresh:
        Busy(store, utc_now())
    print(f"{fill(store, rows):,} passages; {steps(source, folder)}")
    command = ["nice", "-n", "15", sys.executable, "-m", "server", "--data", str(folder), "backup"]
    alone, during = list[float](), list[float]()
    for _ in range(TURNS):
        begun = time.perf_counter()
        during += beside(store, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
        took = time.perf_counter() - begun
        alone += beside(store, lambda took=took: time.sleep(took))  # type: ignore[misc]
        print(f"the command took {took:.1f} s")
    print(f"{'commits, ms':24}{'number':>8}{'median':>10}{'99 %':>10}{'worst':>10}")
    print(said("nothing beside", alone))
    print(said("a backup beside", during))
    store.close()


if __name__ == "__main__":
    main()

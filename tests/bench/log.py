"""How long a page of a log of a million passages takes, filter by filter: ``python -m tests.bench.log``.

Fills a summit's log up (tests/busy.py) and asks for the first page, a page in the middle and the oldest one, with each
filter and the meanest sets of them. "processor" is the worst of the three in processor time, "ratio" the same against
what 100 whole rows by their number cost in the same run.
``--data`` keeps the database for the next run.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection, func, select

from server import log
from server.filters import Filters
from server.store.engine import migrate, open_store
from server.store.instants import from_ms
from server.store.schema import passage, person
from tests.busy import ZONE, Busy, Either, fill
from tests.world import utc_now

TIMES = 7
VENUE = ZoneInfo(ZONE)


def cases(connection: Connection) -> dict[str, Filters]:
    """The filters, by what they ask for."""
    first, last = (
        from_ms(ms) for ms in connection.execute(select(func.min(passage.c.at), func.max(passage.c.at))).one()
    )
    one = connection.execute(select(person.c.ref, person.c.delegation).limit(1)).one()
    badge = connection.execute(select(passage.c.badge).limit(1)).scalar_one() >> 32
    tenth, minute = (last - first) / 10, timedelta(minutes=1)
    return {
        "everything": Filters(),
        "a person by name: 1": Filters(q=one.ref),
        "a person by name: nobody": Filters(q="nobody of this name"),
        "a person by name: most of them": Filters(q="a"),
        "organisation": Filters(organisation="univ"),
        "delegation": Filters(delegation=one.delegation),
        "category: many": Filters(category="delegate"),
        "category: few": Filters(category="head-of-state"),
        "badge": Filters(badge=str(badge)),
        "badge nobody has": Filters(badge="4000000"),
        "person": Filters(person=one.ref),
        "session: the largest": Filters(session="opening"),
        "session: none": Filters(session="closing"),
        "gate": Filters(gate="nave-east"),
        "room": Filters(room="nave"),
        "kiosk": Filters(kiosk="k-nave-east"),
        "entries": Filters(kind="entry"),
        "refusals": Filters(kind="refused"),
        "forced: none": Filters(kind="forced"),
        "verdict: rare": Filters(verdict="duplicate_entry"),
        "verdict: none": Filters(verdict="annuls_nothing"),
        "reason: frequent": Filters(reason="not_listed"),
        "reason: none": Filters(reason="forged"),
        "flag: none": Filters(flag="over_limit"),
        "steward: nobody": Filters(steward="nobody"),
        "steward: a name": Filters(steward="a"),
        "since: the last minute": Filters(since=last - minute),
        "until: the first tenth": Filters(until=first + tenth),
        "a window of a tenth": Filters(since=first + 4 * tenth, until=first + 5 * tenth),
        "a window of half": Filters(since=first + 2 * tenth, until=first + 7 * tenth),
        "a window before everything": Filters(until=first - minute),
        "gate without exits + exits": Filters(gate="nave-east", kind="exit"),
        "largest session + a reason that never was": Filters(session="opening", reason="forged"),
        "most people + a reason that never was": Filters(q="a", reason="forged"),
        "most people + a kiosk elsewhere": Filters(q="a", session="opening", kiosk="k-press-studio"),
        "category + window + refusals": Filters(category="delegate", until=first + tenth, kind="refused"),
        "delegation + exits + room": Filters(delegation=one.delegation, kind="exit", room="nave"),
        "category + room + exits": Filters(category="delegate", kind="exit", room="nave"),
        "largest room + exits, until the first tenth": Filters(room="nave", kind="exit", until=first + tenth),
    }


@dataclass(frozen=True)
class Took:
    """Medians of a few runs, in ms: by the wall's clock, and of the processor, whatever else the machine does."""

    wall: float
    cpu: float


def median(work: Callable[[], object]) -> Took:
    """How long it takes."""

    def once() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.thread_time()
        work()
        return (time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000

    walls, cpus = zip(*(once() for _ in range(TIMES)), strict=True)
    return Took(statistics.median(walls), statistics.median(cpus))


def measure(store: Either, filters: Filters, top: int) -> list[Took]:
    """The first page, one in the middle, and the oldest one."""

    def turn(before: int | None, after: int | None) -> Callable[[], log.Page]:
        def work() -> log.Page:
            with store.read() as connection:
                return log.page(connection, filters, before, after, VENUE)

        return work

    return [median(turn(None, None)), median(turn(top // 2, None)), median(turn(None, 0))]


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="a folder to keep the database in [a temporary one]")
def main(rows: int, data: Path | None) -> None:
    """Print the median of each filter's pages and its ratio to the baseline."""
    folder = data or Path(tempfile.mkdtemp(prefix="threshold-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'threshold.db'}"
    fresh = not (folder / "threshold.db").exists()
    migrate(url)
    store = open_store(url)
    if fresh:
        Busy(store, utc_now())
    many = fill(store, rows)
    with store.read() as connection:
        top, wanted = log.newest(connection), cases(connection)

    def plain() -> None:
        with store.read() as connection:
            connection.execute(select(passage).order_by(passage.c.id.desc()).limit(100)).all()

    base = median(plain)
    print(f"{many:,} passages; 100 whole rows by number: {base.wall:.1f} ms ({base.cpu:.1f} ms of the processor)")
    print(f"{'filter, ms':44}{'first':>8}{'middle':>8}{'oldest':>8}{'processor':>11}{'ratio':>8}")
    worst = Took(0, 0)
    for name, filters in wanted.items():
        pages = measure(store, filters, top)
        wall, cpu = max(one.wall for one in pages), max(one.cpu for one in pages)
        worst = Took(max(worst.wall, wall), max(worst.cpu, cpu))
        print(f"{name:44}" + "".join(f"{one.wall:8.1f}" for one in pages) + f"{cpu:11.1f}{cpu / base.cpu:8.1f}")
    print(f"the slowest page: {worst.wall:.0f} ms, of the processor {worst.cpu:.0f} ms")
    store.close()


if __name__ == "__main__":
    main()

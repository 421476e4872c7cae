"""The figures that a monitoring system scrapes, in Prometheus' words: rooms, kiosks, passages, incidents.

Read from the database at each scrape; only passages are counted on from the last one, for a log may be long. Knows
nothing of keys or pages.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Connection, func, select

from server.store.schema import incident, passage

SETTLED_MS = 60_000
"""After so long no passage appears under a number that was passed over: transactions do not last longer."""

Row = Mapping[str, Any]


class Tally:
    """How many passages of each kind and verdict there are, without counting the whole log each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[tuple[str, str]] = Counter()
        self._last = 0
        self._next: tuple[int, int] | None = None

    def count(self, connection: Connection, now: int) -> Counter[tuple[str, str]]:
        """The numbers as of now (ms): those up to a settled row from before, and the rest."""
        with self._lock:
            if self._next is not None and now - self._next[0] >= SETTLED_MS:
                self._counted += _between(connection, self._last, self._next[1])
                self._last, self._next = self._next[1], None
            total = self._counted + _between(connection, self._last, None)
            if self._next is None:
                newest = connection.execute(select(func.coalesce(func.max(passage.c.id), 0))).scalar_one()
                self._next = (now, int(newest))
            return total


def render(
    board: Mapping[str, Any],
    passages: Mapping[tuple[str, str], int],
    incidents: Mapping[str, int],
    backup_age: float | None = None,
) -> bytes:
    """The exposition text. ``board``: the one that security watches; then counts by kind; ``backup_age``: seconds since
    the newest backup, infinite where one is missed, None where there need not be any."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(board, passages, incidents, backup_age))
    return generate_latest(registry)


def open_incidents(connection: Connection) -> dict[str, int]:
    """How many incidents of each kind nobody has resolved."""
    query = select(incident.c.kind, func.count()).where(incident.c.resolved.is_(None)).group_by(incident.c.kind)
    return dict(connection.execute(query).all())


class _Figures:
    """All families as of one moment, as a registry collects them."""

    def __init__(
        self,
        board: Mapping[str, Any],
        passages: Mapping[tuple[str, str], int],
        incidents: Mapping[str, int],
        backup_age: float | None,
    ) -> None:
        self._board, self._passages, self._incidents, self._backup_age = board, passages, incidents, backup_age

    def collect(self) -> Iterator[Metric]:
        yield from _rooms(self._board["rooms"])
        yield from _kiosks(self._board["kiosks"])
        total = CounterMetricFamily(
            "threshold_passages", "Passages in the log, by what happened and the verdict.", labels=["kind", "verdict"]
        )
        for (kind, verdict), count in sorted(self._passages.items()):
            total.add_metric([kind, verdict], count)
        yield total
        waiting = GaugeMetricFamily("threshold_open_incidents", "Incidents that nobody has resolved.", labels=["kind"])
        for kind, count in sorted(self._incidents.items()):
            waiting.add_metric([kind], count)
        yield waiting
        if self._backup_age is not None:
            yield GaugeMetricFamily("threshold_backup_age_seconds", "Age of the newest backup.", self._backup_age)


def _rooms(rooms: Iterable[Row]) -> Iterator[Metric]:
    inside = GaugeMetricFamily(
        "threshold_room_bodies",
        "Bodies inside: confirmed ones, and possible ones if every seat out of reach was spent.",
        labels=["room", "sure"],
    )
    capacity = GaugeMetricFamily("threshold_room_capacity_bodies", "Bodies that may be inside now.", labels=["room"])
    limit = GaugeMetricFamily("threshold_room_limit_bodies", "The legal limit of the room.", labels=["room"])
    seats = GaugeMetricFamily(
        "threshold_room_seats",
        "Seats: free ones, with kiosks, and stranded with silent kiosks.",
        labels=["room", "where"],
    )
    held = GaugeMetricFamily("threshold_room_entries_held", "1 while entries into the room are held.", labels=["room"])
    for room in rooms:
        name = str(room["id"])
        inside.add_metric([name, "confirmed"], room["inside"])
        inside.add_metric([name, "possible"], room["possible"])
        for family, value in ((capacity, room["capacity"]), (limit, room["limit"])):
            if value is not None:
                family.add_metric([name], value)
        for where in ("free", "kiosks", "stranded") if room["seats"] else ():
            seats.add_metric([name, where], room["seats"][where])
        held.add_metric([name], 1 if room["hold"] else 0)
    return iter((inside, capacity, limit, seats, held))


def _kiosks(kiosks: Iterable[Row]) -> Iterator[Metric]:
    found = list(kiosks)
    states = GaugeMetricFamily("threshold_kiosks", "Kiosks by state.", labels=["state"])
    names = ("live", "late", "silent", "never", "fenced", "revoked")
    counted = Counter(str(one["state"]) for one in found)
    for state in sorted({*names, *counted}):
        states.add_metric([state], counted[state])
    heard = GaugeMetricFamily("threshold_kiosk_heard_seconds", "Time since the kiosk was last heard.", labels=["kiosk"])
    queue = GaugeMetricFamily(
        "threshold_kiosk_queued_passages", "Passages that the kiosk has yet to send.", labels=["kiosk"]
    )
    seats = GaugeMetricFamily("threshold_kiosk_seats", "Seats that the kiosk holds.", labels=["kiosk"])
    for one in found:
        labels = [str(one["name"])]
        if one["heard_s"] is not None:
            heard.add_metric(labels, one["heard_s"])
        queue.add_metric(labels, one["queue"])
        seats.add_metric(labels, one["seats"])
    return iter((states, heard, queue, seats))


def _between(connection: Connection, after: int, upto: int | None) -> Counter[tuple[str, str]]:
    query = select(passage.c.kind, passage.c.verdict, func.count()).where(passage.c.id > after)
    query = query if upto is None else query.where(passage.c.id <= upto)
    rows = connection.execute(query.group_by(passage.c.kind, passage.c.verdict))
    return Counter({(row[0], row[1]): int(row[2]) for row in rows})

"""Retention: when names are cut by itself, what will be cut then, and the cutting, in steps that bear an interruption.

Due so many days after the last session's end, by the venue's clock; but never within a day of the last passage that
arrived or the last badge that was issued, for an event whose doors are in use is not over. What is kept is counts:
passages and stays without a person, and :data:`server.store.schema.kept_count`.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, delete, func, select, update

from server import event, settings, traces, trail
from server.settings import Retention
from server.store import versions
from server.store.engine import Store
from server.store.instants import from_ms, to_ms
from server.store.schema import badge, companion, export, passage, person, quota, session
from server.store.schema import trail as kept
from server.traces import Cut
from server.trail import Who

log = logging.getLogger(__name__)

QUIET = timedelta(days=1)
"""Nothing is cut within so long of a passage that arrived or a badge that was issued."""
Write = Callable[[Callable[[Connection], Cut | None]], Cut | None]
STEP = 20
"""So many people are cut in one transaction: doors are not kept waiting."""
WHY = "retention"
ITSELF = Who("retention")
LOCK = 0x7265_7465  # of all processes on PostgreSQL one cuts; on SQLite there is one writer anyway
LOOK_S = 3600
FIRST_S = 20
TICK_S = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What retention will do. ``due``: when (None: never, as it is off or there is no session); ``ends``: the last
    session's end; ``busy_until``: what it waits for besides, if the doors were in use since (None: nothing)."""

    setting: Retention
    edition: int
    ends: datetime | None
    due: datetime | None
    busy_until: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Whether it would cut at this moment."""
        return self.due is not None and self.due <= now


@dataclass(frozen=True, slots=True)
class Held:
    """How much the tables hold of people."""

    people: int
    badges: int
    passages: int


def plan(connection: Connection, zone: ZoneInfo, setting: Retention | None = None) -> Plan:
    """What will be done by the present setting, or would be by another one."""
    current, edition = settings.read_edition(connection, Retention)
    chosen = setting or current
    last = connection.execute(select(func.max(session.c.ends))).scalar_one()
    if last is None:
        return Plan(chosen, edition, None, None, None)
    ends = from_ms(last).astimezone(zone)
    promised = ends + timedelta(days=chosen.days)  # days of the venue's calendar, also over a change of the clocks
    used = _used(connection)
    quiet = None if used is None else from_ms(used).astimezone(zone) + QUIET
    late = quiet if quiet is not None and quiet > promised else None
    return Plan(chosen, edition, ends, (late or promised) if chosen.active else None, late)


def held(connection: Connection) -> Held:
    """How many people, badges and passages can still be told apart by name."""
    named = select(func.count()).select_from(passage).where(passage.c.person > 0)
    return Held(
        int(connection.execute(select(func.count()).select_from(person)).scalar_one()),
        int(connection.execute(select(func.count()).where(badge.c.person.is_not(None))).scalar_one()),
        int(connection.execute(named).scalar_one()),
    )


def set_to(connection: Connection, value: Retention, edition: int, who: Who, now: int) -> None:
    """Changes the setting, and writes so into the trail. Raises ConfigError if somebody has changed it since."""
    before = settings.read(connection, Retention)
    settings.write(connection, value, edition)
    facts = {"days": [before.days, value.days], "active": [before.active, value.active]}
    trail.note(connection, who, now, "changed", "retention", "", facts)


def run(write: Write, clock: Callable[[], datetime], who: Who = ITSELF) -> Cut:
    """Cuts what is due, step by step; what was cut. An interrupted run is taken up by the next one.

    Nothing is cut, and nothing raised, where nothing is due or another process is at it. ``write``: runs each step in
    a transaction of its own.
    """
    total = Cut()
    while True:
        done = write(partial(_step, now=clock(), who=who, so_far=total))
        if done is None:
            return total
        total += done


def _step(connection: Connection, now: datetime, who: Who, so_far: Cut) -> Cut | None:
    """The next people, or None: nothing is due, or somebody else cuts, or it is finished (which is noted)."""
    if not _alone(connection):
        return None
    due = plan(connection, event.read(connection).zone)
    if not due.is_due(now):
        return None
    people = traces.subjects(connection, limit=STEP)
    if people:
        if so_far == Cut():
            facts = held(connection)
            trail.note(connection, who, to_ms(now), "began", "retention", "", _counts(facts))
        return traces.cut(connection, people, to_ms(now), WHY)
    texts = _cut_rest(connection)
    if so_far != Cut() or _is_unfinished(connection):
        trail.note(connection, who, to_ms(now), "cut", "retention", "", _counts(so_far + Cut(texts=texts)))
    return None


def _cut_rest(connection: Connection) -> int:
    """What names no person but a delegation, or what somebody looked for or uploaded."""
    traces.forget_uploads(connection)
    if connection.execute(delete(quota)).rowcount:
        versions.bump(connection, versions.PROGRAMME)
    connection.execute(update(companion).where(companion.c.delegation != "").values(delegation=""))
    filters = update(export).where(export.c.filters != "{}", export.c.ended.is_not(None))
    return connection.execute(filters.values(filters="{}")).rowcount


def _is_unfinished(connection: Connection) -> bool:
    """Whether the trail says that a run began, and not that one was finished since: its process died in between."""
    ours = (kept.c.about == "retention") & kept.c.what.in_(["began", "cut"])
    return connection.execute(select(kept.c.what).where(ours).order_by(kept.c.id.desc()).limit(1)).scalar() == "began"


def _counts(of: Cut | Held) -> dict[str, object]:
    return {name: getattr(of, name) for name in type(of).__slots__}


def _used(connection: Connection) -> int | None:
    """When the doors or the desk were last in use: the newest passage that arrived, the newest badge."""
    received = connection.execute(select(passage.c.received).order_by(passage.c.id.desc()).limit(1)).scalar()
    issued = connection.execute(select(func.max(badge.c.issued)).where(badge.c.person.is_not(None))).scalar_one()
    known = [one for one in (received, issued) if one is not None]
    return max(known, default=None)


def _alone(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        return True
    return bool(connection.execute(select(func.pg_try_advisory_xact_lock(LOCK))).scalar_one())


@dataclass
class Keeper:
    """Looks once an hour, and soon after the start, whether something is due, and cuts it.

    ``heard`` is called after a cut, to tell kiosks and boards and to withdraw files; ``tidy`` at every look, with the
    present moment, to throw away what else has lain for long enough. The thread holds on to nothing: it ends within
    seconds once the store is let go of, or ``serving`` says so.
    """

    store: Store
    clock: Callable[[], datetime]
    heard: Callable[[], None]
    serving: Callable[[], bool] = lambda: True
    tidy: Callable[[datetime], None] = lambda _now: None
    _ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begins to look, in a thread of its own."""
        arguments = (weakref.ref(self), self._ended)
        threading.Thread(target=_watch, args=arguments, name="retention", daemon=True).start()

    def look(self) -> Cut:
        """Cuts what is due now. A failure is logged, and tried again at the next look."""
        done = Cut()
        try:
            done = run(partial(self.store.write, patient=True), self.clock)
            if done != Cut():
                log.info("retention has cut %d people out of %d passages", done.people, done.passages)
                self.heard()
        except Exception:
            log.exception("retention could not cut what is due; it tries again within the hour")
        try:
            self.tidy(self.clock())
        except Exception:
            log.exception("what is old could not be thrown away; it is tried again within the hour")
        return done

    def close(self) -> None:
        """Ends looking."""
        self._ended.set()


def _watch(whose: weakref.ref[Keeper], ended: threading.Event) -> None:
    wait = FIRST_S
    while True:
        for _ in range(0, wait, TICK_S):
            if ended.wait(TICK_S):
                return
            keeper = whose()
            if keeper is None or not keeper.serving():
                return
            del keeper
        keeper = whose()
        if keeper is None:
            return
        keeper.look()
        del keeper
        wait = LOOK_S

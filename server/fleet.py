"""All kiosks at a glance, those with trouble first; what one is called, and at which gate it stands.

Another gate is safe at any time: a kiosk reports every room in which it has an account, seats of a room whose gate it
does not stand at come back with its next letter, and until then they stay counted (docs/protocol.md, section 8). Only a
kiosk that is silent is left where it is while it holds some: nobody could tell when they come back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, update

from admission.errors import ConfigError
from admission.health import Health
from admission.ledger import State
from admission.venue import Programme
from server import health, standings
from server.health import Figures
from server.phrase import Phrase, phrase
from server.standings import SILENT_MS
from server.store import versions
from server.store.instants import from_ms, to_ms
from server.store.schema import account, device, gate, incarnation, room

HOT_C = 75.0
"""From here on a Raspberry Pi is about to slow down, which it does at 80 degrees."""
LITTLE_MB = 500
UNSURE_MS = 5000
MAX_LABEL = 60
BAD, WARN, OFF = 2, 1, -1
"""How much a trouble weighs; a revoked kiosk has none any more."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that somebody should see to: in words, and how much it weighs (BAD or WARN)."""

    words: Phrase
    weight: int


@dataclass(frozen=True, slots=True)
class Member:
    """A kiosk. ``state``: live, late, silent, never, fenced or revoked; ``queue``: passages that wait on it; ``seats``
    that it holds, by the names of rooms; ``programme``: the version that it holds, ``behind`` if it is not the present
    one; ``figures`` of its reading and its machine."""

    name: str
    label: str
    gate: str
    gate_name: str
    enrolled: datetime
    heard: datetime | None
    revoked: datetime | None
    state: str
    queue: int
    seats: tuple[tuple[str, int], ...]
    programme: int
    behind: bool
    figures: Figures | None
    troubles: tuple[Trouble, ...]

    @property
    def weight(self) -> int:
        """Of its worst trouble."""
        return OFF if self.revoked else max((one.weight for one in self.troubles), default=0)

    @property
    def all_seats(self) -> int:
        """In all rooms."""
        return sum(seats for _, seats in self.seats)


def read(connection: Connection, programme: Programme, now: datetime, version: str) -> list[Member]:
    """All kiosks ever enrolled, those with the worst trouble first. ``version``: of the server's software."""
    stands = {one.name: one for one in standings.read(connection, programme, now).kiosks}
    figures, seats = health.read(connection, now), _seats(connection)
    newest = _stores(connection)
    query = select(device, gate.c.name.label("gate_name")).outerjoin(gate, gate.c.id == device.c.gate)
    found = []
    for row in connection.execute(query.order_by(device.c.id)).mappings():
        stand, store = stands.get(row["id"]), newest.get(row["id"])
        facts = _Facts(row, stand, store, figures.get(row["id"]), programme.version)
        found.append(facts.member(tuple(seats[row["id"]].items()), version))
    return sorted(found, key=lambda one: (-one.weight, one.name))


def rename(connection: Connection, name: str, label: str, was: str) -> None:
    """Calls a kiosk so; its name in the log stays. Raises ConfigError for a label that is bad, or that was another
    than ``was``, and for an unknown kiosk."""
    if len(label) > MAX_LABEL or not label.isprintable():
        raise ConfigError(phrase("a label has at most {most} characters that can be seen", most=MAX_LABEL))
    _find(connection, name)
    mine = update(device).where(device.c.id == name, device.c.label == was)
    if connection.execute(mine.values(label=label.strip())).rowcount == 0:
        raise ConfigError(phrase("somebody else has renamed this kiosk since you opened the page; look again"))


def assign(connection: Connection, name: str, gate_id: str, was: str, now: datetime) -> None:
    """Places a kiosk at another gate; it hears so with its next news. ``was``: the gate that was seen.

    Raises ConfigError for an unknown kiosk or gate, one that is revoked or that somebody else has moved, and one that
    is silent and holds seats of another room.
    """
    one, goal = _find(connection, name), _gate(connection, gate_id)
    if one["revoked"] is not None:
        raise ConfigError(phrase("{kiosk} is revoked; enrol it anew to use it again", kiosk=name))
    if gate_id == was:
        raise ConfigError(phrase("{kiosk} stands at this gate already; choose another", kiosk=name))
    elsewhere = {where: seats for where, seats in _held(connection, name).items() if where != goal["room"]}
    if elsewhere and not _is_in_reach(connection, name, now):
        raise ConfigError(
            phrase(
                "{kiosk} is silent and holds {seats} seats of {rooms}: switch it on so that it can give them back, and "
                "try again; if it is broken, leave it there, fence it and pair another kiosk",
                kiosk=name,
                seats=sum(elsewhere.values()),
                rooms=", ".join(elsewhere),
            )
        )
    mine = update(device).where(device.c.id == name, device.c.gate == was, device.c.revoked.is_(None))
    if connection.execute(mine.values(gate=gate_id)).rowcount == 0:
        raise ConfigError(phrase("somebody else has moved this kiosk since you opened the page; look again"))
    versions.bump(connection, versions.PROGRAMME)


@dataclass(frozen=True, slots=True)
class _Facts:
    row: RowMapping
    stand: standings.Kiosk | None
    store: RowMapping | None
    figures: Figures | None
    newest: int

    def member(self, seats: tuple[tuple[str, int], ...], version: str) -> Member:
        """The kiosk with what is wrong with it."""
        row, stand, store = self.row, self.stand, self.store
        held = store["programme"] if store is not None else 0
        return Member(
            name=row["id"],
            label=row["label"],
            gate=row["gate"],
            gate_name=row["gate_name"] or row["gate"],
            enrolled=from_ms(row["enrolled"]),
            heard=from_ms(store["heard"]) if store is not None else None,
            revoked=None if row["revoked"] is None else from_ms(row["revoked"]),
            state=stand.state if stand is not None else "revoked",
            queue=stand.queue if stand is not None else 0,
            seats=seats,
            programme=held,
            behind=bool(held) and held != self.newest,
            figures=self.figures,
            troubles=tuple(self._reach()) + tuple(self._machine(version)) if row["revoked"] is None else (),
        )

    def _reach(self) -> Iterator[Trouble]:
        """What is wrong with the way to it."""
        stand = self.stand
        if stand is None:
            return
        if stand.state == "silent":
            yield Trouble(phrase("silent"), BAD)
            if stand.queue:
                yield Trouble(phrase("{count} passages wait on it", count=stand.queue), BAD)
        elif stand.state in ("fenced", "late", "never"):
            words = {"fenced": phrase("fenced"), "late": phrase("late"), "never": phrase("never heard")}
            yield Trouble(words[stand.state], WARN)
        held = self.store["programme"] if self.store is not None else 0
        if stand.state == "live" and held and held != self.newest:
            yield Trouble(phrase("holds an older programme"), WARN)

    def _machine(self, version: str) -> Iterator[Trouble]:
        """What it says of itself; old figures are not judged, but for the version."""
        if self.figures is None:
            return
        said = self.figures.health
        if said.version and said.version != version:
            yield Trouble(phrase("runs version {theirs}, the server {ours}", theirs=said.version, ours=version), WARN)
        if self.figures.stale:
            return
        if said.camera:
            yield Trouble(phrase("camera trouble"), BAD)
        yield from _power_and_heat(said)
        if said.disk_free_mb is not None and said.disk_free_mb < LITTLE_MB:
            yield Trouble(phrase("disk almost full: {free} MB left", free=said.disk_free_mb), BAD)
        if (said.clock_uncertainty_ms or 0) > UNSURE_MS:
            seconds = f"{(said.clock_uncertainty_ms or 0) / 1000:.0f}"
            yield Trouble(phrase("clock unsure by {seconds} s", seconds=seconds), WARN)


def _power_and_heat(said: Health) -> Iterator[Trouble]:
    if (said.temperature_c or 0) >= HOT_C:
        yield Trouble(phrase("hot: {degrees} °C", degrees=f"{said.temperature_c:.0f}"), BAD)
    if said.undervolted:
        yield Trouble(phrase("its power supply is too weak"), BAD)


def _find(connection: Connection, name: str) -> RowMapping:
    row = connection.execute(select(device).where(device.c.id == name)).mappings().first()
    if row is None:
        raise ConfigError(phrase("there is no kiosk {kiosk!r}", kiosk=name[:80]))
    return row


def _gate(connection: Connection, name: str) -> RowMapping:
    row = connection.execute(select(gate).where(gate.c.id == name)).mappings().first()
    if row is None:
        raise ConfigError(phrase("there is no gate {gate!r}; choose one of the list", gate=name[:80]))
    return row


def _held(connection: Connection, name: str) -> dict[str, int]:
    """The seats that the kiosk may still spend, by room."""
    return _seats(connection, name, of="room")[name]


def _seats(connection: Connection, name: str = "", of: str = "name") -> Mapping[str, dict[str, int]]:
    """By kiosk: the seats that it may still spend, by the rooms' names, or by their ids."""
    balance = account.c.granted - account.c.returned - account.c.entries + account.c.exits
    query = select(account.c.device, account.c.room, room.c.name, balance.label("balance"))
    query = query.join(room, room.c.id == account.c.room).where(account.c.state != State.RETIRED.value, balance > 0)
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = connection.execute(query.where(account.c.device == name) if name else query)
    for row in rows.mappings():
        found[row["device"]][row[of]] += row["balance"]
    return found


def _stores(connection: Connection) -> dict[str, RowMapping]:
    """The store of each kiosk that was begun last."""
    query = select(incarnation).order_by(incarnation.c.registered, incarnation.c.heard)
    return {row["device"]: row for row in connection.execute(query).mappings()}


def _is_in_reach(connection: Connection, name: str, now: datetime) -> bool:
    floor = to_ms(now) - SILENT_MS
    query = select(incarnation.c.heard).where(incarnation.c.device == name, incarnation.c.heard > floor)
    return connection.execute(query.limit(1)).first() is not None

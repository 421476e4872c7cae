"""The particulars of an incident, in words: which gates, when by the venue's clock, who, and what was said.

Reads names for the numbers in its facts. Only reads; knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from server.incidents import Incident
from server.phrase import marked as _
from server.phrase import phrase
from server.store.instants import from_ms
from server.store.schema import badge, device, gate, passage, person, room

MANY = 500
"""Numbers looked up in one statement, and no more."""


@dataclass(frozen=True, slots=True)
class Names:
    """What people call rooms, gates, kiosks and the holders of badges; and the venue's clock."""

    rooms: Mapping[str, str]
    gates: Mapping[str, str]
    kiosks: Mapping[str, str]
    people: Mapping[int, str]
    zone: tzinfo

    def room(self, name: str) -> str:
        """The room's name, or its reference if it has none."""
        return self.rooms.get(name, name)

    def gate(self, name: str) -> str:
        """The gate's name, or its reference."""
        return self.gates.get(name, name)

    def kiosk(self, name: str) -> str:
        """The kiosk, and where it stands."""
        at = self.kiosks.get(name)
        return f"{name} ({self.gate(at)})" if at else name

    def holder(self, number: int) -> str:
        """Whose badge it is."""
        return self.people.get(number) or phrase("badge {serial}", serial=number >> 32)

    def time(self, ms: int, uncertainty: int = 0) -> str:
        """When it was, by the venue's clock, and how sure that is."""
        local = from_ms(ms).astimezone(self.zone)
        said = f"{local:%Y-%m-%d %H:%M:%S}"
        return phrase("{time}, give or take {span}", time=said, span=span(uncertainty)) if uncertainty else said


@dataclass(frozen=True, slots=True)
class Told:
    """An incident with its particulars: (what, in words) each. ``about``: what an act that mends it would need."""

    incident: Incident
    lines: tuple[tuple[str, str], ...]
    about: Mapping[str, str]


def span(ms: int) -> str:
    """A length of time, roughly."""
    for unit, size in (("h", 3_600_000), ("min", 60_000)):
        if ms >= 2 * size:
            return f"{round(ms / size)} {unit}"
    return f"{max(1, round(ms / 1000))} s"


def names(connection: Connection, zone: tzinfo, badges: Iterable[int] = ()) -> Names:
    """The names of the venue, and those of the people who hold these badges."""
    wanted = sorted(set(badges))[:MANY]
    holders = select(badge.c.id, person.c.name, person.c.ref).join(person, person.c.id == badge.c.person)
    rows = connection.execute(holders.where(badge.c.id.in_(wanted))) if wanted else ()
    return Names(
        dict(connection.execute(select(room.c.id, room.c.name)).all()),
        dict(connection.execute(select(gate.c.id, gate.c.name)).all()),
        dict(connection.execute(select(device.c.id, device.c.gate)).all()),
        {row.id: f"{row.name} ({row.ref})" for row in rows},
        zone,
    )


def tell(connection: Connection, found: Sequence[Incident], zone: tzinfo, *, named: bool) -> list[Told]:
    """The particulars of these incidents. ``named``: people may be named."""
    steps = _steps(connection, found)
    badges = {one.facts[key] for one in found for key in ("badge", "by") if isinstance(one.facts.get(key), int)}
    known = names(connection, zone, badges if named else ())
    refs = _refs(connection, badges) if named else {}
    return [Told(one, tuple(_lines(one, steps, known, named=named)), _about(one, refs)) for one in found]


def _steps(connection: Connection, found: Sequence[Incident]) -> dict[int, RowMapping]:
    """The passages that the incidents point to."""
    wanted = {one.facts[key] for one in found for key in ("passage", "earlier") if isinstance(one.facts.get(key), int)}
    columns = (passage.c.id, passage.c.gate, passage.c.room, passage.c.at, passage.c.uncertainty_ms)
    rows = connection.execute(select(*columns).where(passage.c.id.in_(sorted(wanted)[-2 * MANY :]))).mappings()
    return {row["id"]: row for row in rows}


def _refs(connection: Connection, badges: set[int]) -> dict[int, str]:
    query = select(badge.c.id, person.c.ref).join(person, person.c.id == badge.c.person)
    return dict(connection.execute(query.where(badge.c.id.in_(sorted(badges)[:MANY]))).all())


def _lines(one: Incident, steps: Mapping[int, RowMapping], known: Names, *, named: bool) -> Iterable[tuple[str, str]]:
    facts = one.facts
    if named and facts.get("badge"):
        yield _("Person"), known.holder(facts["badge"])
    yield from _places(one, steps, known)
    for key, (label, say) in WORDS.items():
        if facts.get(key) not in (None, "", []) and not (key == "earlier" and _is_twice(one)):
            yield label, say(facts[key])
    if named and facts.get("by"):
        yield _("Steward"), known.holder(facts["by"])


def _places(one: Incident, steps: Mapping[int, RowMapping], known: Names) -> Iterable[tuple[str, str]]:
    """Where and when: of a second entry both."""
    if one.room:
        yield _("Room"), known.room(one.room)
    if _is_twice(one) and one.facts["earlier"] in steps:
        yield _("First"), _step(steps[one.facts["earlier"]], known)
    if one.facts.get("passage") in steps:
        yield _("Then") if _is_twice(one) else _("Passage"), _step(steps[one.facts["passage"]], known)
    elif one.gate:
        yield _("Gate"), known.gate(one.gate)
    if one.device:
        yield _("Kiosk"), known.kiosk(one.device)


def _is_twice(one: Incident) -> bool:
    """Whether it is about two passages; of a lost store, "earlier" is a list of stores."""
    return isinstance(one.facts.get("earlier"), int)


def _step(step: RowMapping, known: Names) -> str:
    return phrase("{gate}, {time}", gate=known.gate(step["gate"]), time=known.time(step["at"], step["uncertainty_ms"]))


def _about(one: Incident, refs: Mapping[int, str]) -> dict[str, str]:
    about = {"room": one.room, "device": one.device, "person": refs.get(one.facts.get("badge", 0), "")}
    return {key: value for key, value in about.items() if value}


def _list(values: Any) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list) else str(values)


WORDS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "seq": (_("Record"), str),
    "why": (_("Reason"), lambda why: str(why).replace("_", " ")),
    "what": (_("Error"), str),
    "count": (_("People"), str),
    "ahead_ms": (_("Ahead by"), span),
    "was": (_("Machine before"), str),
    "is": (_("Machine now"), str),
    "machine": (_("Machine"), str),
    "granted": (_("Seats that it says it was given"), str),
    "balance": (_("Seats that it says it holds"), str),
    "acknowledged": (_("Records that it says we had"), str),
    "held": (_("Records that we have"), str),
    "era": (_("Era from now on"), str),
    "earlier": (_("Earlier stores"), _list),
    "incarnation": (_("Store"), str),
    "delegation": (_("Delegation"), str),
    "most": (_("May send"), str),
    "came": (_("Have come"), str),
}

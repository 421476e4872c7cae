"""Incidents: what somebody should look at now. Raised by the exchange and by acts; listed, claimed, resolved.

Facts are JSON in the row; words for people are made here, in one place. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, case, func, insert, select, update

from admission.errors import ConfigError
from server.store.schema import incident


@dataclass(frozen=True, slots=True)
class Words:
    """What an incident of a kind is called, and what to do about it. ``grave``: look at once."""

    title: str
    do: str
    grave: bool = False


WORDS: Mapping[str, Words] = {
    "duplicate_entry": Words(
        "Somebody came in twice",
        "Two people may share a badge, or one left unseen. Look at both gates; forgive the badge or revoke it.",
    ),
    "unknown_badge": Words("A badge that was never issued", "Its signature is good. Ask who printed it.", grave=True),
    "revoked_meanwhile": Words(
        "Admitted after the badge was revoked",
        "The door had not heard of it yet. Find the person in the room.",
        grave=True,
    ),
    "quarantine": Words("A record could not be taken", "It is kept as it came. Look at the reason; tell support."),
    "hash_fork": Words(
        "Two kiosks share one memory card",
        "The card was copied. The kiosk is fenced and gets no more seats: take both machines in, pair one anew.",
        grave=True,
    ),
    "gap": Words("A kiosk's records have a hole", "Read the kiosk's journal before anything else is done with it."),
    "clock": Words("A kiosk's clock cannot be right", "Its passages keep a wide uncertainty. Restart the kiosk."),
    "forced": Words("A steward forced an entry", "It is counted. Check with the steward."),
    "over_limit": Words(
        "A room is over its legal limit by forced entries",
        "Stop entries, let people out, or have heads counted.",
        grave=True,
    ),
    "restore": Words(
        "The database is an older copy",
        "No seat is granted until every kiosk has reported and a supervisor has confirmed each room.",
        grave=True,
    ),
    "store_lost": Words(
        "A kiosk has begun a new store",
        "The seats of its old one stay counted until its journal is read (vouch) or heads are counted.",
    ),
    "machine_changed": Words(
        "A kiosk's card is in another machine",
        "If nobody moved it, the card was copied: fence the kiosk.",
        grave=True,
    ),
    "impossible_report": Words(
        "A kiosk reports what cannot be",
        "It says to have spent seats that it never had. Fence it, read its journal.",
        grave=True,
    ),
    "late_evidence": Words("A fenced or revoked kiosk has called", "Its records are kept as evidence. Take it in."),
    "left_unseen": Words(
        "People left a room unseen",
        "They were counted into another room. Their seats come back by a head count.",
    ),
    "annuls_nothing": Words("An annulment names no entry", "Look at the kiosk's last passages."),
    "bad_message": Words("A kiosk's message could not be read", "Update the older side; see what the error says."),
    "bad_signature": Words("A message with a wrong signature", "Somebody else uses its name, or its key changed."),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, as it is shown."""

    id: int
    kind: str
    at: int
    room: str
    gate: str
    device: str
    facts: dict[str, Any]
    claimed_by: str
    resolved: int | None
    resolved_by: str
    note: str

    @property
    def words(self) -> Words:
        """Its title and what to do."""
        return WORDS.get(self.kind, Words(self.kind.replace("_", " ").capitalize(), "Look into it."))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened; empty where that is not known."""

    room: str = ""
    gate: str = ""
    device: str = ""


def raise_incident(connection: Connection, kind: str, at: int, place: Place, facts: Mapping[str, object]) -> None:
    """Writes an incident."""
    row = {"kind": kind, "at": at, "room": place.room, "gate": place.gate, "device": place.device}
    text = msgspec.json.encode(dict(facts)).decode()
    connection.execute(insert(incident), row | {"facts": text, "resolved": None})


def raise_while_open(connection: Connection, kind: str, at: int, place: Place, facts: Mapping[str, object]) -> bool:
    """Writes an incident unless one of this kind and place is still open; whether it was written."""
    if is_open(connection, kind, place):
        return False
    raise_incident(connection, kind, at, place, facts)
    return True


def is_open(connection: Connection, kind: str, place: Place) -> bool:
    """Whether an incident of this kind and place is not resolved yet."""
    still = select(incident.c.id).where(
        incident.c.kind == kind,
        incident.c.device == place.device,
        incident.c.room == place.room,
        incident.c.resolved.is_(None),
    )
    return connection.execute(still.limit(1)).first() is not None


def listed(connection: Connection, *, resolved: bool, limit: int = 200) -> list[Incident]:
    """Open incidents, grave ones first, or resolved ones; the newest first."""
    where = incident.c.resolved.is_not(None) if resolved else incident.c.resolved.is_(None)
    grave = incident.c.kind.in_([kind for kind, words in WORDS.items() if words.grave])
    first = [] if resolved else [case((grave, 0), else_=1)]
    query = select(incident).where(where).order_by(*first, incident.c.id.desc()).limit(limit)
    rows = connection.execute(query).mappings()
    return [_incident(row) for row in rows]


def count_open(connection: Connection) -> int:
    """How many are not resolved."""
    return int(connection.execute(select(func.count()).where(incident.c.resolved.is_(None))).scalar_one())


def find(connection: Connection, number: int) -> Incident | None:
    """The incident of that number."""
    row = connection.execute(select(incident).where(incident.c.id == number)).mappings().first()
    return None if row is None else _incident(row)


def claim(connection: Connection, number: int, by: str) -> None:
    """Says that ``by`` looks after it. Raises ConfigError if somebody else does, or it is resolved."""
    free = update(incident).where(
        incident.c.id == number, incident.c.resolved.is_(None), incident.c.claimed_by.in_(["", by])
    )
    if connection.execute(free.values(claimed_by=by)).rowcount == 0:
        raise ConfigError("this incident is looked after by somebody else, or resolved; load the page again")


def resolve(connection: Connection, number: int, by: str, note: str, now: int) -> None:
    """Closes it, with what was found. Raises ConfigError without a note, or if it is resolved already."""
    if not note.strip():
        raise ConfigError("write what was found and done; a note is needed")
    still = update(incident).where(incident.c.id == number, incident.c.resolved.is_(None))
    if connection.execute(still.values(resolved=now, resolved_by=by, note=note.strip()[:2000])).rowcount == 0:
        raise ConfigError("this incident is resolved already; load the page again")


def _incident(row: RowMapping) -> Incident:
    values = {name: row[name] for name in Incident.__slots__ if name != "facts"}
    return Incident(**values, facts=msgspec.json.decode(row["facts"]))

"""Incidents: what somebody should look at now. Raised by the exchange and by acts; listed, claimed, resolved.

Facts are JSON in the row; words for people are made here, in one place. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, case, func, insert, select, update

from admission.errors import ConfigError
from server.phrase import marked as _
from server.phrase import phrase
from server.store.schema import incident, incident_note


@dataclass(frozen=True, slots=True)
class Words:
    """What an incident of a kind is called, and what to do about it. ``grave``: look at once."""

    title: str
    do: str
    grave: bool = False


WORDS: Mapping[str, Words] = {
    "duplicate_entry": Words(
        _("Somebody came in twice"),
        _("Two people may share a badge, or one left unseen. Look at both gates; forgive the badge or revoke it."),
    ),
    "unknown_badge": Words(
        _("A badge that was never issued"), _("Its signature is good. Ask who printed it."), grave=True
    ),
    "revoked_meanwhile": Words(
        _("Admitted after the badge was revoked"),
        _("The door had not heard of it yet. Find the person in the room."),
        grave=True,
    ),
    "quarantine": Words(
        _("A record could not be taken"), _("It is kept as it came. Look at the reason; tell support.")
    ),
    "hash_fork": Words(
        _("Two kiosks share one memory card"),
        _("The card was copied. The kiosk is fenced and gets no more seats: take both machines in, pair one anew."),
        grave=True,
    ),
    "gap": Words(
        _("A kiosk's records have a hole"), _("Read the kiosk's journal before anything else is done with it.")
    ),
    "clock": Words(_("A kiosk's clock cannot be right"), _("Its passages keep a wide uncertainty. Restart the kiosk.")),
    "forced": Words(_("A steward forced an entry"), _("It is counted. Check with the steward.")),
    "over_limit": Words(
        _("A room is over its legal limit by forced entries"),
        _("Stop entries, let people out, or have heads counted."),
        grave=True,
    ),
    "restore": Words(
        _("The database is an older copy"),
        _(
            "No seat is granted until every kiosk has reported and a supervisor has confirmed each room. A lock, a "
            "limit, a revocation or a check-in by hand made after the copy is not in it: make it again."
        ),
        grave=True,
    ),
    "store_lost": Words(
        _("A kiosk has begun a new store"),
        _("The seats of its old one stay counted until its journal is read (vouch) or heads are counted."),
    ),
    "machine_changed": Words(
        _("A kiosk's card is in another machine"),
        _("If nobody moved it, the card was copied: fence the kiosk."),
        grave=True,
    ),
    "impossible_report": Words(
        _("A kiosk reports what cannot be"),
        _("It says to have spent seats that it never had. Fence it, read its journal."),
        grave=True,
    ),
    "late_evidence": Words(
        _("A fenced or revoked kiosk has called"), _("Its records are kept as evidence. Take it in.")
    ),
    "left_unseen": Words(
        _("People left a room unseen"),
        _("They were counted into another room. Their seats come back by a head count."),
    ),
    "over_quota": Words(
        _("A delegation has sent more people than it may"),
        _("A door that could not ask let them in. They are counted; speak to the delegation."),
    ),
    "annuls_nothing": Words(_("An annulment names no entry"), _("Look at the kiosk's last passages.")),
    "bad_message": Words(
        _("A kiosk's message could not be read"), _("Update the older side; see what the error says.")
    ),
    "no_backup": Words(
        _("No backup for a while"),
        _(
            "The newest is older than 20 minutes. Look at its disk and at what the timer says: journalctl -u "
            "threshold-backup. threshold-server backup makes one now."
        ),
        grave=True,
    ),
    "bad_signature": Words(
        _("A message with a wrong signature"), _("Somebody else uses its name, or its key changed.")
    ),
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
        return WORDS.get(self.kind, Words(self.kind.replace("_", " ").capitalize(), _("Look into it.")))


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody has noted of an incident, and when (ms)."""

    at: int
    by: str
    text: str


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


@dataclass(frozen=True, slots=True)
class Tally:
    """How many incidents are open, how many of these are grave, and the newest one's number."""

    open: int
    grave: int
    newest: int


def tally(connection: Connection) -> Tally:
    """What a board says of them."""
    grave = incident.c.kind.in_([kind for kind, words in WORDS.items() if words.grave])
    counts = (
        func.count(),
        func.coalesce(func.sum(case((grave, 1), else_=0)), 0),
        func.coalesce(func.max(incident.c.id), 0),
    )
    return Tally(*map(int, connection.execute(select(*counts).where(incident.c.resolved.is_(None))).one()))


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
        raise ConfigError(phrase("this incident is looked after by somebody else, or resolved; load the page again"))


def add_note(connection: Connection, number: int, by: str, text: str, now: int) -> None:
    """Notes what was seen or done, while it is open. Raises ConfigError for an empty note, or if it is resolved."""
    if not text.strip():
        raise ConfigError(phrase("write what you have seen or done"))
    still = select(incident.c.id).where(incident.c.id == number, incident.c.resolved.is_(None))
    if connection.execute(still).first() is None:
        raise ConfigError(phrase("this incident is resolved already; load the page again"))
    row = {"incident": number, "at": now, "by": by, "text": text.strip()[:2000]}
    connection.execute(insert(incident_note), row)


def notes(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Note]]:
    """What was noted of these incidents, the oldest first."""
    found: dict[int, list[Note]] = {}
    query = select(incident_note).where(incident_note.c.incident.in_(list(numbers))).order_by(incident_note.c.id)
    for row in connection.execute(query) if numbers else ():
        found.setdefault(row.incident, []).append(Note(row.at, row.by, row.text))
    return found


def resolve(connection: Connection, number: int, by: str, note: str, now: int) -> None:
    """Closes it, with what was found. Raises ConfigError without a note, or if it is resolved already."""
    if not note.strip():
        raise ConfigError(phrase("write what was found and done; a note is needed"))
    still = update(incident).where(incident.c.id == number, incident.c.resolved.is_(None))
    if connection.execute(still.values(resolved=now, resolved_by=by, note=note.strip()[:2000])).rowcount == 0:
        raise ConfigError(phrase("this incident is resolved already; load the page again"))


def _incident(row: RowMapping) -> Incident:
    values = {name: row[name] for name in Incident.__slots__ if name != "facts"}
    return Incident(**values, facts=msgspec.json.decode(row["facts"]))

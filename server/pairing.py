"""Pairings: a kiosk is enrolled by a code that it reads off the admin's screen, and six digits that the admin compares.

A token is stored only as its hash; the key that first answers is kept, and another one ends the pairing. Rows stay: a
kiosk that missed the answer may ask again. Knows nothing of pages, HTTP or cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from admission import pairing as words
from admission.errors import ConfigError, ThresholdError
from admission.pairing import Code, Enrol, Enrolled
from admission.roots import fingerprint
from server import devices, event, roots
from server.phrase import phrase
from server.store.instants import from_ms, to_ms
from server.store.schema import device, gate, incarnation, pairing

MAX_OPEN = 20


class State(StrEnum):
    """OPEN: nobody has answered; ASKED: a kiosk has; CONTESTED: a second key has, so nobody is enrolled; EXPIRED is
    never stored, it is what an undecided pairing becomes."""

    OPEN = "open"
    ASKED = "asked"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    CONTESTED = "contested"
    EXPIRED = "expired"


UNDECIDED = (State.OPEN, State.ASKED)


class NotPending(ThresholdError):
    """The token is unknown or its time is over; the kiosk needs a new code."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The kiosk that is to be paired; ``server``: the address under which it reaches us; ``by``: who asked for it."""

    name: str
    gate: str
    server: str
    by: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """A pairing as of one moment. ``public``: the key that has answered."""

    id: int
    device: str
    gate: str
    server: str
    by: str
    expires: datetime
    public: bytes | None
    state: State

    @property
    def over(self) -> bool:
        """Whether nothing can change any more."""
        return self.state not in UNDECIDED


@dataclass(frozen=True, slots=True)
class Known:
    """A kiosk in the list of all."""

    name: str
    gate: str
    gate_name: str
    enrolled: datetime
    heard: datetime | None
    revoked: datetime | None


def begin(connection: Connection, wanted: Wanted, token: bytes, now: datetime) -> Pairing:
    """Opens a pairing of ten minutes under ``token`` (16 random bytes, of which the hash is kept).

    Raises ConfigError for a name that is bad or taken, an unknown gate, an address that is none, or too many at once.
    """
    _check(connection, wanted, now)
    expires = to_ms(now) + words.LASTS_MS
    row = {"device": wanted.name, "gate": wanted.gate, "server": wanted.server, "by": wanted.by, "expires": expires}
    row |= {"token_hash": words.token_hash(token), "state": State.OPEN.value}
    number = connection.execute(insert(pairing).returning(pairing.c.id), row).scalar_one()
    found = look(connection, number, now)
    assert found is not None
    return found


def code(connection: Connection, one: Pairing, token: bytes, trusted: str = "") -> Code:
    """What the kiosk is to read. ``trusted``: the roots of the server's TLS as PEM (server.roots), or ""."""
    key = event.read(connection).signing.public_key().public_bytes_raw()
    pin = fingerprint(trusted) if trusted and roots.applies(one.server) else b""
    return Code(one.server, key, token, pin)


def look(connection: Connection, number: int, now: datetime) -> Pairing | None:
    """The pairing with this number; None if there is none."""
    row = connection.execute(select(pairing).where(pairing.c.id == number)).first()
    return None if row is None else _pairing(row, now)


def answer(connection: Connection, asked: Enrol, now: datetime) -> Enrolled:
    """What is said to a kiosk whose signed request is ``asked``; saying it again changes nothing.

    The first key is kept. Another one is refused, and ends a pairing that was not confirmed: somebody else has read
    the code. Raises NotPending for a token that is unknown or too old.
    """
    found = _by_token(connection, asked.token, now)
    if found is not None and found.state is State.OPEN:
        claim = update(pairing).where(pairing.c.id == found.id, pairing.c.state == State.OPEN)
        connection.execute(claim.values(state=State.ASKED.value, public=asked.public))
        found = _by_token(connection, asked.token, now)
    if found is None or found.state is State.EXPIRED:
        raise NotPending("this pairing code is not known here, or its ten minutes are over; make a new one")
    if found.public != asked.public:
        ending = update(pairing).where(pairing.c.id == found.id, pairing.c.state == State.ASKED)
        connection.execute(ending.values(state=State.CONTESTED.value))
        state = words.State.REFUSED
    else:
        state = words.State.REFUSED if found.state is State.CONTESTED else words.State(found.state)
    return Enrolled(state=state, device=found.device, gate=found.gate, public=asked.public)


def confirm(connection: Connection, number: int, now: datetime) -> None:
    """The admin has seen the same digits on both sides: the kiosk is enrolled. Raises ConfigError if the pairing is
    not waiting for that (any more), or if the name was taken meanwhile; nothing is changed then."""
    waits = (pairing.c.id == number, pairing.c.state == State.ASKED, pairing.c.expires > to_ms(now))
    done = connection.execute(update(pairing).where(*waits).values(state=State.CONFIRMED.value))
    if done.rowcount != 1:
        raise ConfigError(phrase("this pairing does not wait for a confirmation any more; look at its page"))
    row = connection.execute(select(pairing).where(pairing.c.id == number)).one()
    devices.check_free(connection, row.device)
    devices.enrol(connection, row.device, row.gate, bytes(row.public), now)


def refuse(connection: Connection, number: int) -> None:
    """The admin says no, or gives it up. Raises ConfigError if the pairing was decided already."""
    waits = (pairing.c.id == number, pairing.c.state.in_(UNDECIDED))
    done = connection.execute(update(pairing).where(*waits).values(state=State.REFUSED.value))
    if done.rowcount != 1:
        raise ConfigError(phrase("this pairing was decided already; look at its page"))


def kiosks(connection: Connection) -> list[Known]:
    """All kiosks ever enrolled, by name."""
    heard = select(func.max(incarnation.c.heard)).where(incarnation.c.device == device.c.id).scalar_subquery()
    columns = (device.c.id, device.c.gate, gate.c.name, device.c.enrolled, heard.label("heard"), device.c.revoked)
    joined = device.outerjoin(gate, gate.c.id == device.c.gate)
    rows = connection.execute(select(*columns).select_from(joined).order_by(device.c.id))
    return [
        Known(row.id, row.gate, row.name or row.gate, from_ms(row.enrolled), _at(row.heard), _at(row.revoked))
        for row in rows
    ]


def gates(connection: Connection) -> list[tuple[str, str]]:
    """Where a kiosk can stand: (id, name), by name."""
    return [(row.id, row.name) for row in connection.execute(select(gate.c.id, gate.c.name).order_by(gate.c.name))]


def _check(connection: Connection, wanted: Wanted, now: datetime) -> None:
    devices.check_new(connection, wanted.name, wanted.gate)
    devices.check_address(wanted.server)
    is_open = (pairing.c.state.in_(UNDECIDED), pairing.c.expires > to_ms(now))
    names = set(connection.execute(select(pairing.c.device).where(*is_open)).scalars())
    if wanted.name in names:
        raise ConfigError(
            phrase("a pairing of a kiosk {name!r} is going on already; finish or cancel it first", name=wanted.name)
        )
    if len(names) >= MAX_OPEN:
        raise ConfigError(phrase("{most} pairings are open; finish or cancel one first", most=MAX_OPEN))


def _by_token(connection: Connection, token: bytes, now: datetime) -> Pairing | None:
    row = connection.execute(select(pairing).where(pairing.c.token_hash == words.token_hash(token))).first()
    return None if row is None else _pairing(row, now)


def _pairing(row: Row[Any], now: datetime) -> Pairing:
    state = State(row.state)
    if state in UNDECIDED and row.expires <= to_ms(now):
        state = State.EXPIRED
    public = None if row.public is None else bytes(row.public)
    return Pairing(row.id, row.device, row.gate, row.server, row.by, from_ms(row.expires), public, state)


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)

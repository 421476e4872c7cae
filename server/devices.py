"""Kiosks as devices: provision one for a gate, and know the key that it signs with."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, insert, select

from admission.errors import ConfigError
from admission.pairing import MAX_URL
from admission.wire import Enrolment
from server import event
from server.phrase import phrase
from server.store.instants import to_ms
from server.store.schema import device, gate


def add_kiosk(connection: Connection, name: str, gate_id: str, server: str, seed: bytes, now: datetime) -> Enrolment:
    """Adds the kiosk to the gate; what it returns goes to the kiosk, once: it holds the kiosk's own key.

    ``server``: the address under which the kiosk will reach this server. Raises ConfigError for a bad or taken name,
    an unknown gate and an address that is none.
    """
    check_new(connection, name, gate_id)
    check_address(server)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    enrol(connection, name, gate_id, public, now)
    ours = event.read(connection).signing.public_key().public_bytes_raw()
    return Enrolment(device=name, seed=seed, server=server, server_key=ours)


def check_new(connection: Connection, name: str, gate_id: str) -> None:
    """Raises ConfigError for a name that is bad or taken, and for an unknown gate."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", name):
        raise ConfigError(
            phrase("kiosk name {name!r}: use lower-case letters, digits and hyphens, at most 64", name=name[:80])
        )
    check_free(connection, name)
    if connection.execute(select(gate.c.id).where(gate.c.id == gate_id)).first() is None:
        known = ", ".join(connection.execute(select(gate.c.id).order_by(gate.c.id)).scalars()) or "none yet"
        raise ConfigError(phrase("there is no gate {gate!r}; gates are: {known}", gate=gate_id[:80], known=known))


def check_free(connection: Connection, name: str) -> None:
    """Raises ConfigError if a kiosk has this name."""
    if connection.execute(select(device.c.id).where(device.c.id == name)).first() is not None:
        raise ConfigError(phrase("a kiosk {name!r} exists already; choose another name", name=name))


def check_address(server: str) -> None:
    """Raises ConfigError for what kiosks cannot call, or would call otherwise than the rest of this program expects:
    they take http:// and https:// in lower case, and nothing behind the path."""
    try:
        parts = urlsplit(server)
        good = (
            server.startswith(("http://", "https://"))
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        good = False
    extra = good and (parts.query or parts.fragment or "@" in parts.netloc)
    if not good or extra or len(server) > MAX_URL or re.search(r"[^\x21-\x7e]", server):
        raise ConfigError(
            phrase("address {given!r}: write http://host:port or https://host, as kiosks reach it", given=server[:80])
        )


def enrol(connection: Connection, name: str, gate_id: str, public: bytes, now: datetime) -> None:
    """Writes a kiosk down under its public key. It was granted nothing in any era before this one."""
    era = event.read(connection).era
    row = {"id": name, "gate": gate_id, "public": public, "enrolled": to_ms(now), "era": era}
    connection.execute(insert(device), row)


def revoked_keys(connection: Connection) -> dict[str, Ed25519PublicKey]:
    """Of every revoked kiosk: its public key. What it still sends is kept as evidence."""
    rows = connection.execute(select(device.c.id, device.c.public).where(device.c.revoked.is_not(None)))
    return {row.id: Ed25519PublicKey.from_public_bytes(bytes(row.public)) for row in rows}


def keys(connection: Connection) -> dict[str, tuple[Ed25519PublicKey, str]]:
    """Of every kiosk that is not revoked: its public key and its gate."""
    rows = connection.execute(select(device.c.id, device.c.public, device.c.gate).where(device.c.revoked.is_(None)))
    return {row.id: (Ed25519PublicKey.from_public_bytes(bytes(row.public)), row.gate) for row in rows}

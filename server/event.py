"""The event itself: its number, name, zone and keys; made once per database by ``threshold-server init``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select

from admission.errors import ConfigError
from admission.venue import DOOR_LANGUAGES
from admission.wire import Key, Keyring
from server.phrase import marked as _
from server.phrase import phrase
from server.store import schema, versions
from server.store.instants import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class Event:
    """What the whole server needs to know of the event. ``era`` rises when the database is restored."""

    number: int
    name: str
    zone: ZoneInfo
    epoch: datetime
    era: int
    show_names: bool
    languages: tuple[str, ...]
    signing: Ed25519PrivateKey
    cookie_secret: bytes


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What ``init`` is told. Badges count their hours from ``epoch``."""

    number: int
    name: str
    timezone: str
    epoch: datetime
    show_names: bool
    languages: tuple[str, ...] = ()


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ConfigError with an example."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"time zone {name!r} is not known; write one like Europe/Paris or Asia/Kolkata") from error


def languages_of(tags: Iterable[str]) -> tuple[str, ...]:
    """These languages of the doors, in order. Raises ConfigError for one that no door speaks, or that comes twice."""
    asked = tuple(tag.strip().lower() for tag in tags)
    for tag in asked:
        if tag not in DOOR_LANGUAGES:
            said = _("no door speaks {tag!r}; choose among {known}")
            raise ConfigError(phrase(said, tag=tag[:35], known=", ".join(DOOR_LANGUAGES)))
        if asked.count(tag) > 1:
            raise ConfigError(phrase("choose each language once; {tag!r} comes twice", tag=tag))
    return asked


def start(connection: Connection, new: NewEvent, secrets: tuple[bytes, bytes, bytes]) -> None:
    """Writes the event and its first badge key into an empty database. ``secrets``: three times 32 random bytes.

    Raises ConfigError if the database holds an event, or if the number, the zone or a language cannot be.
    """
    if connection.execute(select(schema.event.c.id)).first() is not None:
        raise ConfigError("this database holds an event already; give another one, or use this as it is")
    if not 0 <= new.number < 2**16:
        raise ConfigError(f"event number {new.number}: choose one from 0 to 65535")
    zone_of(new.timezone)
    signing, cookie, badges = secrets
    row = {"id": 1, "number": new.number, "name": new.name, "timezone": new.timezone, "epoch": to_ms(new.epoch)}
    secret = {"signing_seed": signing, "cookie_secret": cookie}
    doors = {"show_names": new.show_names, "languages": " ".join(languages_of(new.languages))}
    connection.execute(insert(schema.event), row | secret | doors | {"era": 1})
    public = Ed25519PrivateKey.from_private_bytes(badges).public_key().public_bytes_raw()
    connection.execute(insert(schema.badge_key), {"id": 0, "seed": badges, "public": public})
    versions.start(connection)


def read(connection: Connection) -> Event:
    """The event. Raises ConfigError if ``init`` was not run."""
    row = connection.execute(select(schema.event)).mappings().first()
    if row is None:
        raise ConfigError("this database holds no event yet; run: threshold-server init --name ... --timezone ...")
    return Event(
        number=row["number"],
        name=row["name"],
        zone=zone_of(row["timezone"]),
        epoch=from_ms(row["epoch"]),
        era=row["era"],
        show_names=row["show_names"],
        languages=tuple(row["languages"].split()),
        signing=Ed25519PrivateKey.from_private_bytes(row["signing_seed"]),
        cookie_secret=row["cookie_secret"],
    )


def keyring(connection: Connection, event: Event) -> Keyring:
    """The public half of the badge keys, for the kiosks."""
    rows = connection.execute(select(schema.badge_key.c.id, schema.badge_key.c.public)).all()
    return Keyring(event.number, event.epoch, tuple(Key(row.id, bytes(row.public)) for row in rows))

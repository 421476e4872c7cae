"""``threshold-server read-journal``: takes the journal that was read out of a stopped kiosk, beside the server or
without one. Each letter in the file is taken exactly like one from the network. Time is passed in."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, select

from admission import wire
from admission.errors import BadMessage, BadSignature
from admission.wire import Exchange
from server import devices, event, programme
from server.config import Config
from server.exchange import Desk
from server.store import passages
from server.store.engine import transaction
from server.store.schema import incarnation


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A letter in the file: the signed bytes, and the signature as it would be in a header."""

    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a store after its letters were taken."""

    device: str
    incarnation: int
    fresh: int
    have_seq: int
    said_seq: int
    closed: bool

    @property
    def complete(self) -> bool:
        """Whether the journal has been read to its last passage."""
        return self.have_seq >= self.said_seq


def register(group: click.Group, now: Callable[[], datetime]) -> None:
    """Adds the command to the server's others."""

    @group.command("read-journal")
    @click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.pass_obj
    def command(config: Config, file: Path) -> None:
        """Take the journal that threshold-kiosk export has written to FILE, all or nothing. May be repeated."""
        content = file.read_bytes()
        with transaction(config.url) as connection:
            told = read_journal(connection, content, now())
        for one in told:
            for line in report(one):
                click.echo(line)


def read_journal(connection: Connection, content: bytes, now: datetime) -> list[Told]:
    """Takes the letters, in the order of their passages; what is known now of each store that speaks in them.

    Raises BadMessage or BadSignature naming the line, and then nothing may be committed.
    """
    known = devices.keys(connection)
    revoked = devices.revoked_keys(connection)
    letters = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            letters.append(_opened(line, known, revoked))
        except BadMessage as error:
            raise BadMessage(f"line {number}: {error}") from error
        except BadSignature as error:
            raise BadSignature(f"line {number}: {error}") from error
    if not letters:
        raise BadMessage("the file holds no letter; write it with: threshold-kiosk export --out FILE")
    stores = dict.fromkeys((letter.device, letter.incarnation) for letter in letters)
    return [_take(connection, [x for x in letters if (x.device, x.incarnation) == one], now) for one in stores]


def report(told: Told) -> list[str]:
    """The words for it."""
    store = f"{told.device}, store {told.incarnation}"
    lines = [f"{store}: {told.fresh} passages are new; the journal is here up to passage {told.have_seq}"]
    if not told.complete:
        lines.append(
            f"INCOMPLETE: the kiosk has written {told.said_seq} passages; read it out again with: "
            "threshold-kiosk export --all --out FILE"
        )
    elif not told.closed:
        lines.append(
            "complete, but not closed: the kiosk may run on, so that nothing can be vouched for. If it stays off: "
            "threshold-kiosk export --close --out FILE"
        )
    else:
        lines.append(f"complete and closed: now a supervisor can vouch for {told.device}")
    return lines


def _opened(line: bytes, known: Mapping[str, tuple[Ed25519PublicKey, str]], revoked: Container[str]) -> Exchange:
    """The letter in a line, if it is its kiosk's own. Raises BadMessage or BadSignature."""
    try:
        letter = msgspec.json.decode(line, type=Line)
    except wire.UNREADABLE as error:
        raise BadMessage(f"not a letter ({error}); the file is damaged or cut off: copy it again") from error
    message = wire.decode_exchange(letter.body)
    if message.device in revoked:
        raise BadSignature(f"kiosk {message.device} was revoked; nothing that its key signs is believed")
    if message.device not in known:
        raise BadSignature(f"no kiosk named {message.device!r} is enrolled here")
    wire.check(wire.UP, letter.body, letter.signature, known[message.device][0])
    return message


def _take(connection: Connection, letters: Sequence[Exchange], now: datetime) -> Told:
    """Takes the letters of one store."""
    device, number = letters[0].device, letters[0].incarnation
    before = passages.chain_of(connection, device, number)
    had = before.have_seq if before is not None else 0
    ordered = sorted(letters, key=lambda letter: letter.first_seq)
    _check_whole(ordered, had)
    facts = event.read(connection)
    gate = devices.keys(connection)[device][1]
    desk = Desk(connection, programme.read(connection, facts), now, gate)
    for letter in ordered:
        desk.handle(letter, carried=True)
    mine = (incarnation.c.device == device) & (incarnation.c.incarnation == number)
    row = connection.execute(select(incarnation).where(mine)).one()
    return Told(device, number, row.have_seq - had, row.have_seq, row.said_seq, row.closed)


def _check_whole(letters: Sequence[Exchange], have: int) -> None:
    """Raises BadMessage if passages are missing before a letter: they would count as lost."""
    for letter in letters:
        if letter.passages and letter.first_seq > have + 1:
            raise BadMessage(
                f"passages {have + 1} to {letter.first_seq - 1} of {letter.device} are neither here nor in the file; "
                "read the kiosk out again with: threshold-kiosk export --all --out FILE"
            )
        have = max(have, letter.first_seq + len(letter.passages) - 1)

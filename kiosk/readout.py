"""Reading a stopped kiosk's journal out into a file, for ``threshold-server read-journal``.

A file of letters, one a line: {"body": base64, "signature": hexadecimal}, each signed like one that is posted. Knows
neither the network nor the clock.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from admission import wire
from admission.errors import ConfigError, DiskError
from admission.wire import Enrolment
from kiosk.clock import Clock
from kiosk.disk import CLOSED, Disk
from kiosk.dispatch import Dispatch, Letter, Vitals
from kiosk.journal import Journal
from kiosk.standing import Standing


@dataclass(frozen=True, slots=True)
class Wanted:
    """``whole``: from the first passage on, not only what was not acknowledged; ``close``: the store ends with it."""

    out: Path
    whole: bool
    close: bool


def begin_store(path: Path, numbers: Iterable[int]) -> Disk:
    """The store to run on. One that was read out for good is put aside, and a new one is begun; ``numbers`` name new
    stores. Raises DiskError."""
    numbered = iter(numbers)
    disk = Disk(path, next(numbered))
    if disk.fact(CLOSED) is None:
        return disk
    disk.put_aside(CLOSED)
    return Disk(path, next(numbered))


def read_out(store: Path, enrolment: Enrolment, clock: Clock, wanted: Wanted) -> int:
    """Writes the letters; how many passages there are in them. What ``close`` says is on the disk before.

    Raises ConfigError if there is no store, DiskError if the kiosk runs or the file cannot be written.
    """
    if not store.is_file():
        raise ConfigError(f"there is no store at {store}; --data names its folder, --store the file")
    disk = _open(store)
    try:
        journal = Journal(disk)
        # Without the machine's name: the card may have been put into another one to be read.
        dispatch = Dispatch(enrolment, disk, journal, Standing(disk), clock, Vitals())
        if wanted.close:
            with disk.transaction():
                disk.set_fact(CLOSED, "read out")
        count = journal.seq if wanted.whole else journal.waiting
        _write(wanted.out, b"".join(_line(letter) for letter in dispatch.read_out(whole=wanted.whole)))
        return count
    finally:
        disk.close()


def _open(store: Path) -> Disk:
    """The store, if nobody else has it. One that names no incarnation was begun just now: the file was damaged."""
    disk = Disk(store, 0)
    if disk.incarnation == 0:
        disk.close()
        raise DiskError(
            f"the store {store} holds no journal that can be read; a damaged one is kept beside it. Its seats come"
            " back only by a head count"
        )
    return disk


def _line(letter: Letter) -> bytes:
    signature = letter.headers[wire.SIGNATURE_HEADER]
    return msgspec.json.encode({"body": letter.body, "signature": signature}) + b"\n"


def _write(out: Path, content: bytes) -> None:
    """The file whole or not at all, and on the disk."""
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise DiskError(f"{out} cannot be written: {error.strerror}") from error

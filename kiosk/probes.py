"""Measures what is around the camera for the doctor: folder, store, enrolment, memory, sound, versions.

Looks and tries, and leaves everything as it was. What cannot be read is not known. What the figures mean says
:mod:`kiosk.checkup`.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

import msgspec

from admission.errors import ConfigError
from admission.wire import ProgrammeNews
from kiosk.checkup import Enrolled, Folder, Kept, Store
from kiosk.clock import Anchor, Clock
from kiosk.config import read_enrolment
from kiosk.disk import CLOSED

TRIES = 5
BLOCK = bytes(4096)
MEMORY = Path("/proc/meminfo")
CARDS = Path("/proc/asound/cards")
DEVICES = Path("/dev")
MODEL = Path("/proc/device-tree/model")
PARTS = ("threshold", "opencv-python", "zxing-cpp", "pyzbar")


def try_folder(folder: Path, now_s: Callable[[], float]) -> Folder:
    """Writes to the folder with fsync a few times, and takes away what it wrote. Never raises OSError."""
    took: list[float] = []
    try:
        free = shutil.disk_usage(folder).free // 1_000_000
    except OSError as error:
        return Folder(str(folder), f"{error.strerror}", barred=isinstance(error, PermissionError))
    trial = folder / f".doctor-{secrets.token_hex(4)}"
    try:
        with trial.open("xb", buffering=0) as file:
            for _ in range(TRIES):
                began = now_s()
                file.write(BLOCK)
                os.fsync(file.fileno())
                took.append(1000 * (now_s() - began))
    except OSError as error:
        return Folder(str(folder), f"{error.strerror}", free, barred=isinstance(error, PermissionError))
    finally:
        with suppress(OSError):
            trial.unlink()
    return Folder(str(folder), "", free, median(took), _strangers(folder))


def _strangers(folder: Path) -> tuple[str, ...]:
    """The files that another owns than the folder: a kiosk that was once run by root leaves such."""
    found = []
    with suppress(OSError):
        owner = folder.stat().st_uid
        found = sorted(one.name for one in folder.iterdir() if one.is_file() and one.stat().st_uid != owner)
    return tuple(found)


def look_into(path: Path, boot: Clock) -> Store:
    """What the store holds, read beside everything else; nothing is written. Never raises. ``boot``: what names this
    boot and counts its time."""
    try:
        if not path.exists():
            return Store(Kept.NONE)
    except PermissionError:
        return Store(Kept.BARRED)
    # Without a log beside it nobody has it open, and SQLite need not make one; with one, it reads that too.
    how = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=1)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return Store(Kept.DAMAGED, why="its pages contradict each other")
            return _told(connection, boot)
    except sqlite3.Error as error:
        states = {sqlite3.SQLITE_BUSY: Kept.IN_USE, sqlite3.SQLITE_CANTOPEN: Kept.BARRED}
        return Store(states.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, Kept.DAMAGED), why=str(error))
    except (msgspec.MsgspecError, ValueError, TypeError):
        return Store(Kept.DAMAGED, why="what it holds cannot be understood")


def _told(connection: sqlite3.Connection, boot: Clock) -> Store:
    facts = dict(connection.execute("SELECT name, value FROM fact").fetchall())
    known = int(facts.get("acknowledged") or 0)
    waiting = connection.execute("SELECT count(*) FROM journal WHERE seq > ?", (known,)).fetchone()[0]
    kept = facts.get("anchor")
    boot.adopt(msgspec.json.decode(kept, type=Anchor) if kept else None)
    state = Kept.SOUND if facts.get(CLOSED) is None else Kept.CLOSED
    return Store(state, int(waiting), _gate(facts.get("programme")), boot.anchor is not None, boot.uncertainty_ms)


def _gate(kept: str | None) -> str:
    if not kept:
        return ""
    news = msgspec.json.decode(kept, type=ProgrammeNews)
    return next((gate.name for gate in news.programme.gates if gate.id == news.gate), news.gate)


def look_at_enrolment(path: Path) -> Enrolled:
    """Whose kiosk this is. Never raises."""
    try:
        mode = path.stat().st_mode & 0o777
        path.open("rb").close()
    except FileNotFoundError:
        return Enrolled(missing=True)
    except PermissionError:
        return Enrolled(barred=True)
    except OSError as error:
        return Enrolled(why=f"the enrolment {path} cannot be read: {error.strerror}")
    try:
        enrolment = read_enrolment(path)
    except ConfigError as error:
        return Enrolled(why=str(error), mode=mode)
    return Enrolled(enrolment.device, enrolment.server, mode=mode)


def free_memory_mb(meminfo: Path = MEMORY) -> int | None:
    """What the system could still give to a program."""
    with suppress(OSError, ValueError, IndexError):
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1000
    return None


def sound_cards(cards: Path = CARDS) -> list[str] | None:
    """The names of what the machine can be heard through; None where the system does not tell."""
    try:
        lines = cards.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return [] if cards.parent.parent.is_dir() else None  # no sound drivers at all
    except OSError:
        return None
    return [line.partition(" - ")[2].strip() for line in lines if " - " in line]


def model(path: Path = MODEL) -> str:
    """The machine's name in its device tree, like "Raspberry Pi 5 Model B Rev 1.0"; "" where there is none."""
    with suppress(OSError):
        return path.read_text("utf-8", "replace").strip("\0\n ")
    return ""


def versions(machine: str) -> list[tuple[str, str]]:
    """What runs here. ``machine``: its model."""
    found = [(name, _version(name)) for name in PARTS]
    found += [("Python", platform.python_version()), ("kernel", platform.release())]
    return [*found, ("on a", machine)] if machine else found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def pins_in_reach(devices: Path = DEVICES) -> bool:
    """Whether this user may switch the pins of the header."""
    return any(os.access(one, os.R_OK | os.W_OK) for one in devices.glob("gpiochip*"))

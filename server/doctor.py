"""What measured facts of the server mean, in words that a steward understands, and what to do about them. Pure.

The thresholds are here and nowhere else. Must not know how anything was measured (:mod:`server.probes`,
:mod:`server.doctor_desk`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from admission.findings import Finding, bad, good, look

FEW_MB, HARDLY_MB = 2000, 300
"""Free where the database is: a million passages take some 600 MB, and a backup leaves 200 MB free or is not made."""
SLOW_FSYNC_MS, STUCK_FSYNC_MS = 50.0, 500.0
"""Writes wait for the disk in groups; from half a second on, doors wait with them."""
LATE_SHARE = 0.2
"""Of a certificate's lifetime: what renews it does so with a third left (Caddy), or 30 days of 90 (Let's Encrypt)."""
SOON = timedelta(days=30)
"""A root that ends sooner ends before anybody has paired every kiosk anew."""
LEAST_POSTGRES = 130000
SECRET = 0o077
"""The bits of a file's mode that let others at it."""
MOST_KIOSKS = 10
"""So many kiosks are named; more are counted."""


@dataclass(frozen=True, slots=True)
class Listening:
    """``bind``: host:port of the settings; ``open``: others than this machine reach it; ``https``, ``proxies``: see
    Config; ``why``: why nothing answers there ("": the server does)."""

    bind: str
    open: bool
    https: bool
    proxies: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of the database: ``why``: why nothing can be written there ("": it can); ``fsync_ms``: the middle one
    of a few; ``loose``: files that others on this machine may read."""

    path: str
    why: str = ""
    free_mb: int = 0
    fsync_ms: float = 0.0
    loose: tuple[str, ...] = ()


class Revision(StrEnum):
    """How the tables stand to this software."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Database:
    """``kind``: "SQLite 3.40.1" or "PostgreSQL 15.4"; ``number``: PostgreSQL's, 0 for SQLite; ``sound``: what a quick
    look through its pages says, "ok" if they are; ``put_back``: it is an older copy of itself, not yet noticed."""

    kind: str
    revision: Revision
    number: int = 0
    sound: str = "ok"
    put_back: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """``name``: "" if there is no event; how many gates, sessions, and users who may sign in it has; ``quarantined``:
    passages that could not be understood."""

    name: str
    gates: int = 0
    sessions: int = 0
    users: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a try at TLS gave: ``why``: why it is not trusted ("": it is), ``fix``: what to do then; ``left`` of its
    ``lifetime``."""

    address: str
    why: str = ""
    fix: str = ""
    left: timedelta = timedelta()
    lifetime: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A kiosk, and what is wrong with it; ``grave``: something is that keeps people out or passages back."""

    name: str
    gate: str
    troubles: tuple[str, ...]
    grave: bool


def listening(facts: Listening) -> Iterator[Finding]:
    """Whether the server answers, and who can listen in."""
    if facts.why:
        fix = "start it: systemctl start threshold-server; if that fails: journalctl -u threshold-server -n 50"
        yield bad("server", f"nothing of Threshold's answers at {facts.bind} ({facts.why})", fix)
    else:
        yield good("server", f"answers at {facts.bind}")
    if facts.open and not facts.https:
        fix = "put TLS in front (deploy/install-server.sh --tls ADDRESS), or let nobody else into this network"
        yield look("exposure", "open to other machines without TLS: passwords and names can be read on the way", fix)
    elif facts.open:
        fix = 'if the proxy that ends TLS is on this machine: bind = "127.0.0.1:8080"; else let only it reach the port'
        yield look("exposure", f"{facts.bind} is open to others beside TLS", fix)
    elif facts.https and facts.proxies == 0:
        fix = "set proxies = 1: without it everybody seems to come from this machine, and shares one limit of sign-ins"
        yield look("exposure", "https = true, and no proxy is counted", fix)
    elif facts.https:
        yield good("exposure", "only through TLS")
    else:
        yield good("exposure", "only this machine reaches it: no kiosk does (bind, or TLS in front)")


def barred(path: str) -> Finding:
    """The data is not for this user to see."""
    fix = "call the doctor with sudo, and with the server's settings: sudo threshold-server --config FILE doctor"
    return look("user", f"{path} is not this user's: disk, database and backups were not looked at", fix)


def disk(folder: Folder) -> Iterator[Finding]:
    """Room and speed, and who may read what is there."""
    if folder.why:
        fix = 'see that "data" names it, that it is mounted for writing, and that it belongs to the server\'s user'
        yield bad("disk", f"nothing can be written in {folder.path}: {folder.why}", fix)
        return
    words = f"{folder.free_mb} MB free in {folder.path}, a write takes {folder.fsync_ms:.0f} ms"
    room = "delete what is not Threshold's, move the backups (backups = ...), or use a larger disk"
    if folder.free_mb < HARDLY_MB:
        yield bad("disk", words, room)
    elif folder.fsync_ms >= STUCK_FSYNC_MS:
        yield bad("disk", words, "replace the disk; make a backup first: threshold-server backup --to ANOTHER-DISK")
    elif folder.free_mb < FEW_MB:
        yield look("disk", words, room)
    elif folder.fsync_ms >= SLOW_FSYNC_MS:
        yield look("disk", words, "use an SSD in place of a card or a network drive; every door waits for these writes")
    else:
        yield good("disk", words)
    if folder.loose:
        fix = f"take their rights away: chmod 600 {' '.join(folder.loose)}"
        yield look("secrets", f"others on this machine can read {', '.join(folder.loose)}: keys and names", fix)


def database(facts: Database) -> Finding:
    """Whether it is whole, and of this software's version."""
    if facts.sound != "ok":
        fix = "stop the server and put the last backup back: threshold-server backups, then threshold-server restore"
        return bad("database", f"{facts.kind}: damaged ({facts.sound})", fix)
    if facts.revision is Revision.NONE:
        return bad(
            "database", f"{facts.kind}: there are no tables in it", "threshold-server init, or look at the setting"
        )
    if facts.revision is Revision.NEWER:
        return bad("database", f"{facts.kind}: of a newer version of Threshold", "install that version again")
    if facts.revision is Revision.OLDER:
        return look("database", f"{facts.kind}: of an older version of Threshold", "start the server: it converts it")
    if facts.put_back:
        fix = "start the server; it grants no seats until every kiosk has reported (docs/supervising.md)"
        return look("database", f"{facts.kind}: this is an older copy of itself", fix)
    if 0 < facts.number < LEAST_POSTGRES:
        return look("database", f"{facts.kind}: too old to be tried", "use PostgreSQL 13 or later")
    return good("database", f"{facts.kind}: sound, and of this version")


def event(facts: Event) -> Iterator[Finding]:
    """Whether there is something to serve, and somebody to serve it."""
    if not facts.name:
        yield bad("event", "there is no event in the database", "threshold-server init --name NAME --timezone ZONE")
        return
    if facts.gates and facts.sessions:
        yield good("event", f"{facts.name}: {facts.gates} gates, {facts.sessions} sessions")
    else:
        words = f"{facts.name}: {facts.gates} gates, {facts.sessions} sessions"
        yield look("event", words, "import them (threshold-server import FOLDER), or enter them on the page Programme")
    if not facts.users:
        yield look("users", "nobody may sign in", "threshold-server add-user NAME --role admin")
    if facts.quarantined:
        words = f"{facts.quarantined} passages of kiosks could not be understood and are kept aside"
        yield look("journal", words, "see the page Incidents, and docs/supervising.md; nothing is lost")


def time(synchronised: bool | None) -> Finding:
    """Whether the server's time is right: it is the venue's."""
    if synchronised:
        return good("time", "in step with a time server")
    fix = "timedatectl set-ntp true; without a way to a time server, set it by hand to the second: timedatectl set-time"
    if synchronised is None:
        return look("time", "not known whether it is in step with a time server", fix)
    return look("time", "not in step with any time server: every door takes its time from here", fix)


def tls(facts: Certificate) -> Finding:
    """Whether kiosks and browsers can trust what answers."""
    if facts.why:
        return bad("tls", f"{facts.address}: {facts.why}", facts.fix)
    words = f"{facts.address}: trusted, for another {span(facts.left)}"
    if facts.left < LATE_SHARE * facts.lifetime:
        return look("tls", words, "it should have been renewed: see why not (journalctl -u caddy, or your proxy's log)")
    return good("tls", words)


def tls_untried() -> Finding:
    """https = true, and nobody knows under which address."""
    return look("tls", "not tried: the address is not known", "give it: threshold-server doctor --address https://...")


def roots(left: timedelta) -> Finding:
    """The roots that kiosks pin (setting "ca"): how long the first of them to end is still good."""
    if left < SOON:
        return look(
            "roots", f"a root that kiosks trust ends in {span(left)}", "make a new one and pair every kiosk anew"
        )
    return good("roots", f"what kiosks trust is good for another {span(left)}")


def backups(age: timedelta | None, stale: timedelta) -> Finding:
    """``age``: of the newest; None: there is none. ``stale``: too old."""
    if age is None:
        return look(
            "backups", "there is none", "systemctl enable --now threshold-backup.timer, or: threshold-server backup"
        )
    if age > stale:
        fix = "see why: systemctl status threshold-backup.timer, journalctl -u threshold-backup -n 20"
        return bad("backups", f"the newest is {span(age)} old", fix)
    return good("backups", f"the newest is {span(age)} old")


def unseen(folder: str, why: str) -> Finding:
    """The backups' folder cannot be looked into."""
    fix = "see that its disk is mounted, and that the folder is there and belongs to the server's user"
    return bad("backups", f"{folder} cannot be looked into: {why}", fix)


def kiosks(those: Sequence[Kiosk]) -> Iterator[Finding]:
    """One line for each with trouble, and one for the others."""
    ill = sorted((one for one in those if one.troubles), key=lambda one: (not one.grave, one.name))
    for one in ill[:MOST_KIOSKS]:
        words = f"{one.name} at {one.gate}: {', '.join(one.troubles)}"
        fix = "go there, or call the door; on it: threshold-kiosk doctor"
        yield bad("kiosk", words, fix) if one.grave else look("kiosk", words, fix)
    if len(ill) > MOST_KIOSKS:
        yield look("kiosks", f"{len(ill) - MOST_KIOSKS} more have trouble", "see the page Kiosks")
    if not those:
        yield look("kiosks", "none is enrolled", "add one on the page Kiosks, or: threshold-server pair-kiosk")
    elif len(those) > len(ill):
        yield good("kiosks", f"{len(those) - len(ill)} of {len(those)} are well")


def versions(parts: Sequence[tuple[str, str]]) -> Finding:
    """What runs here, to be read out to whoever helps."""
    return good("versions", ", ".join(f"{name} {number}" for name, number in parts))


def span(time: timedelta) -> str:
    """So much time, in the largest whole unit that says enough."""
    minutes = max(0, int(time.total_seconds() // 60))
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return f"{minutes} minutes" if minutes != 1 else "1 minute"

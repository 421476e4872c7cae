"""What measured facts of the machine around the camera mean, in a steward's words, and what to do about them. Pure.

The thresholds are here and nowhere else. Must not know how anything was measured (:mod:`kiosk.probes`,
:mod:`kiosk.reach`, :mod:`kiosk.power_supply`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from admission.findings import Finding, bad, good, look

WARM_C, HOT_C = 70.0, 80.0
"""A Raspberry Pi slows down from 80 degrees on; at 70 it has ten to spare for a warm afternoon."""
FEW_MB, HARDLY_MB = 500, 50
"""Free where the journal is: a passage takes about 1 kB, so that 50 MB last a day with 50,000 and what is around it."""
SLOW_FSYNC_MS, STUCK_FSYNC_MS = 100.0, 1000.0
"""Green is shown after an fsync: a tenth of a second is felt in a queue, a second is a dying card."""
UNSURE_MS = 5000
"""How far the clock may be off before the server's page Kiosks says so, too."""
LITTLE_MEMORY_MB, NO_MEMORY_MB = 200, 80
"""The kiosk takes up to 200 MB; with less than 80 to spare it will be ended by the system."""
SECRET = 0o077
"""The bits of a file's mode that let others at it."""
SUDO = "call the doctor with sudo, and with the settings of the kiosk: sudo threshold-kiosk --config FILE doctor"
SLOW_ANSWER_MS = 250
"""Longer than a visitor's question to the server is waited for (docs/protocol.md)."""


class Step(StrEnum):
    """What it takes to reach the server, in order."""

    ADDRESS = "address"
    NAME = "name"
    CONNECTION = "connection"
    TLS = "tls"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Reach:
    """A try to reach the server at ``url``: the step that failed (None: none did) and why; ``fix``: what to do if the
    step alone does not say it; ``ms``: how long the answer took."""

    url: str
    failed: Step | None = None
    why: str = ""
    fix: str = ""
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Folder:
    """The data folder: ``why``: why nothing can be kept in it ("": it can), ``barred``: because it is not this user's;
    ``free_mb``: None where it is not known; ``fsync_ms``: the middle one of a few; ``strangers``: its files that
    another user owns than the folder."""

    path: str
    why: str = ""
    free_mb: int | None = None
    fsync_ms: float = 0.0
    strangers: tuple[str, ...] = ()
    barred: bool = False


class Kept(StrEnum):
    """How the store is: not begun yet, not for this user to see, sound, in use by another process, read out for good,
    or it cannot be read."""

    NONE = "none"
    BARRED = "barred"
    SOUND = "sound"
    IN_USE = "in use"
    CLOSED = "closed"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Store:
    """The kiosk's store as it was found: ``waiting``: passages that the server does not have; ``gate``: the name of
    the gate, "" before the first exchange; ``anchored``: whether the clock was set in this boot."""

    state: Kept
    waiting: int = 0
    gate: str = ""
    anchored: bool = False
    uncertainty_ms: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The enrolment's file: ``why``: why there is none that can be read; ``missing``: there is no file; ``barred``: it
    is not for this user to see; ``mode``: its permissions."""

    device: str = ""
    server: str = ""
    missing: bool = False
    barred: bool = False
    why: str = ""
    mode: int = 0o600


_STEPS = {
    Step.ADDRESS: ("the server's address is none", "pair the kiosk anew with a code from the page Kiosks"),
    Step.NAME: (
        "the server's name is not found",
        "is the cable in, or the kiosk in the right Wi-Fi? Else the name is wrong: see that the router knows it",
    ),
    Step.CONNECTION: (
        "the server cannot be connected to",
        "see that the server runs (there: threshold-server doctor), and that no firewall is between the two",
    ),
    Step.TLS: ("the server's certificate is not trusted", "on the server: threshold-server doctor"),
    Step.ANSWER: (
        "something answers that is not a Threshold server",
        "see that the address is the server's, and that no hotel or guest Wi-Fi wants to be signed in to",
    ),
}


def network(reach: Reach) -> Finding:
    """How far the way to the server goes. A gate decides without it, but by ever older news."""
    if reach.failed is not None:
        words, usual = _STEPS[reach.failed]
        why = f" ({reach.why})" if reach.why else ""
        return bad("network", f"{words}: {reach.url}{why}", reach.fix or usual)
    words = f"the server answers at {reach.url} in {reach.ms:.0f} ms"
    if reach.ms > SLOW_ANSWER_MS:
        fix = "use a cable in place of Wi-Fi, or another channel; visitors' questions to the server go unanswered"
        return look("network", f"{words}: slow", fix)
    return good("network", words)


def disk(folder: Folder) -> Iterator[Finding]:
    """Room and speed of the data folder, and whose its files are. That the system's own disk is read-only is as it
    should be."""
    if folder.barred:
        yield look("disk", f"not tried: {folder.path} is not this user's", SUDO)
        return
    if folder.why:
        fix = (
            "see that the data partition is mounted for writing and belongs to the kiosk's user; else replace the card"
        )
        yield bad("disk", f"nothing can be kept in {folder.path}: {folder.why}", fix)
        return
    free = "" if folder.free_mb is None else f"{folder.free_mb} MB free in {folder.path}, "
    words = f"{free}a write takes {folder.fsync_ms:.0f} ms"
    full = "delete what is not Threshold's, or use a larger card; never delete kiosk.db"
    if folder.free_mb is not None and folder.free_mb < HARDLY_MB:
        yield bad("disk", words, full)
    elif folder.fsync_ms >= STUCK_FSYNC_MS:
        yield bad("disk", words, "the card is worn out: read its journal out (threshold-kiosk export), and replace it")
    elif folder.free_mb is not None and folder.free_mb < FEW_MB:
        yield look("disk", words, full)
    elif folder.fsync_ms >= SLOW_FSYNC_MS:
        yield look("disk", words, "use a card of class A2, or a disk on USB 3; visitors wait for each write")
    else:
        yield good("disk", words)
    if folder.strangers:
        fix = f"give them to the owner of the folder: sudo chown --reference={folder.path} FILE"
        yield bad("disk", f"another user owns {', '.join(folder.strangers)}: the kiosk cannot write them", fix)


def store(found: Store) -> Finding:
    """Whether the journal can be opened, and what waits in it."""
    match found.state:
        case Kept.BARRED:
            return look("store", "not looked into: it is not this user's", SUDO)
        case Kept.NONE:
            return good("store", "not begun yet: it will be when the kiosk starts")
        case Kept.IN_USE:
            fix = "is the kiosk's page open to this machine? Else end the second one: systemctl restart threshold-kiosk"
            return look("store", "a kiosk is using it and does not answer the doctor", fix)
        case Kept.CLOSED:
            return look("store", "it was read out for good", "start the kiosk: it puts this one aside and begins anew")
        case Kept.DAMAGED:
            fix = "keep the file for the organisers; start the kiosk: it puts it aside and begins anew"
            return bad("store", f"it cannot be read ({found.why})", fix)
        case Kept.SOUND:
            return good("store", f"sound, {waiting(found.waiting)}")


def waiting(passages: int) -> str:
    """How much the server has yet to hear, in words."""
    return "the server has every passage" if not passages else f"{passages} passages wait for the server"


def clock(*, anchored: bool, uncertainty_ms: int) -> Finding:
    """Whether the time is known. Only the server's counts: what the system's own clock says does not matter."""
    if not anchored:
        fix = "connect it to the server once; until then nobody is refused for the time, and times are marked unsure"
        return look("clock", "not set since it was switched on", fix)
    words = f"set by the server, give or take {uncertainty_ms} ms"
    if uncertainty_ms > UNSURE_MS:
        return look("clock", words, "it has not heard the server for long: see network")
    return good("clock", words)


def temperature(degrees: float | None) -> Finding:
    """How warm the processor is."""
    if degrees is None:
        return good("temperature", "this machine does not tell")
    words = f"{degrees:.0f} °C"
    fix = "take it out of the sun, give its case air or a fan, and keep it off the display's back"
    if degrees >= HOT_C:
        return bad("temperature", f"{words}: it slows itself down", fix)
    return look("temperature", f"{words}: warm", fix) if degrees >= WARM_C else good("temperature", words)


def voltage(undervolted: bool | None, *, is_pi: bool) -> Finding:
    """Whether the supply gave too little. None: nobody knows, which is worth a look on a Pi only."""
    if undervolted:
        fix = "use the official power supply and its own cable, and nothing else on its USB ports; then restart it"
        return bad("voltage", "too low, now or since it was switched on: it may crash, and its card suffer", fix)
    if undervolted is None:
        return good("voltage", "not told: the system offers no figure" if is_pi else "not known: no Raspberry Pi")
    return good("voltage", "no under-voltage seen")


def memory(free_mb: int | None, *, running: bool) -> Finding:
    """What the system has left to give. ``running``: the kiosk has its share already."""
    if free_mb is None:
        return good("memory", "this machine does not tell")
    words, fix = f"{free_mb} MB left", "close other programs; a machine with 1 GB is the least"
    if free_mb < NO_MEMORY_MB:
        return bad("memory", words, fix)
    return look("memory", words, fix) if free_mb < LITTLE_MEMORY_MB and not running else good("memory", words)


def enrolment(file: Enrolled, gate: str) -> Finding:
    """Whose kiosk this is, and whether its key is its own secret."""
    if file.missing:
        fix = "start it and hold a pairing code before its camera (server, page Kiosks), or: threshold-kiosk enrol"
        return bad("enrolment", "this machine is not enrolled: it belongs to no event yet", fix)
    if file.barred:
        return look("enrolment", "not looked at: it is not this user's", SUDO)
    if file.why:
        return bad("enrolment", file.why, "enrol it anew: threshold-kiosk enrol --replace --code ...")
    words = f"{file.device}, at {gate}" if gate else f"{file.device}; at which gate it will hear from the server"
    if file.mode & SECRET:
        fix = "take the others' rights away (chmod 600); if strangers had the card, revoke it and pair anew"
        return look("enrolment", f"{words}; others on this machine can read its key", fix)
    return good("enrolment", words)


def sound(cards: Sequence[str] | None) -> Finding:
    """What the machine can be heard through. None: the system does not tell."""
    if cards:
        return good("sound", ", ".join(cards))
    if cards is None:
        return good("sound", "not known")
    fix = "plug in a loudspeaker or a display with one, or set volume = 0: light and words tell the same"
    return look("sound", "there is no sound device: the door stays silent", fix)


def pins(wanted: Sequence[int], *, have: bool) -> Finding:
    """Lamp, buzzer and relay, if any pin is set."""
    named = ", ".join(f"GPIO{number}" for number in wanted)
    if have:
        return good("pins", f"{named} can be switched")
    fix = "let the kiosk's user into the group gpio; on anything but a Raspberry Pi, take the pins out of the settings"
    return bad("pins", f"{named} are set, and this machine gives no access to pins", fix)


def versions(parts: Sequence[tuple[str, str]], *, machine: str) -> Finding:
    """What runs here, to be read out to whoever helps. ``machine``: the processor's kind."""
    words = ", ".join(f"{name} {number}" for name, number in parts)
    if machine not in ("aarch64", "x86_64"):
        return look("versions", f"{words}, {machine}", "install the 64-bit system: this one is not supported")
    return good("versions", words)

"""What else a steward can do at a door: look a badge up by its number, see the last passages, test the camera, change
the volume, turn the gate into a way out, start again and switch off.

Where each press leads is here; who may press is :mod:`kiosk.steward`'s. A kiosk knows badges by number and nobody by
name, so no tool can tell a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from admission.errors import DiskError, ThresholdError
from admission.passage import Kind, Passage
from admission.rules import Listing
from kiosk.clock import Clock
from kiosk.journal import Journal, Visit
from kiosk.self_test import SelfTest
from kiosk.site import Site
from kiosk.stages import Note, Stage, Step
from kiosk.standing import Standing
from kiosk.volume import Volume

LATEST = 8
MOST_NUMBER = 2**32 - 1
ENDINGS = ("program", "again", "off")
"""Start the program again, start the machine again, switch it off."""


class NoPower(ThresholdError):
    """Nobody here can start the machine again or switch it off; the text says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What this door knows of a badge by its number. ``newer``: than its lists; ``replaced``: the number of the badge
    printed in its place, or 0; ``listed``: what the list of the session whose doors are open says ("": there is none);
    ``inside``: by the server's last picture, None if there is none; ``last`` and ``at``: the last passage here."""

    number: int
    newer: bool
    revoked: bool
    replaced: int
    listed: str
    inside: bool | None
    last: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Passed:
    """A passage in the list of the last ones. ``why``: of a refusal or a forced entry, a key and no words."""

    seq: int
    at: datetime | None
    kind: str
    why: str
    number: int
    count: int
    annulled: bool


@dataclass(frozen=True, slots=True)
class Loudness:
    """The volume that was chosen, and what is heard of it now: nothing in silent hours."""

    level: int
    heard: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What the tools work with. ``end``: does one of ENDINGS; raises NoPower if it cannot."""

    journal: Journal
    standing: Standing
    clock: Clock
    volume: Volume
    test: SelfTest
    end: Callable[[str], None]


class Tools:
    """One door's. Used with the corner's lock held; raises DiskError, and then nothing was changed."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._ending = ""

    def open(self, stage: Stage) -> Step:
        """A tool as it is found."""
        match stage:
            case Stage.LAST:
                return Step(stage, sheet=self._latest())
            case Stage.TEST:
                self._bench.test.begin()
                return Step(stage)
            case Stage.VOLUME:
                return Step(stage, sheet=self._loudness())
            case Stage.EXITS:
                return Step(stage, sheet=self._bench.standing.exit_only)
            case _:
                return Step(stage)

    def press(self, stage: Stage, press: str, number: int) -> Step:
        """What a press comes to; one that does not belong there leaves all as it is."""
        match stage, press:
            case Stage.FIND, "number":
                return self._find(number)
            case Stage.TEST, "again":
                return self.open(Stage.TEST)
            case Stage.VOLUME, "louder" | "softer":
                self._bench.volume.change(1 if press == "louder" else -1)
                return Step(stage, sheet=self._loudness())
            case Stage.EXITS, "turn":
                return self._turn()
            case Stage.POWER, _ if press in ENDINGS:
                self._ending = press
                return Step(Stage.SURE, sheet=press)
            case Stage.SURE, "yes":  # another word than before: a double tap is no answer
                return self._end(self._ending)
            case Stage.SURE, _:
                return Step(stage, sheet=self._ending)
            case _:
                return self.open(stage)

    def _loudness(self) -> Loudness:
        return Loudness(self._bench.volume.level, self._bench.volume.now())

    def _find(self, number: int) -> Step:
        site = self._bench.standing.site
        if not 1 <= number <= MOST_NUMBER or site is None:
            return Step(Stage.FIND, Note.NO_BADGE)
        return Step(Stage.FOUND, sheet=self._found(number, site))

    def _found(self, number: int, site: Site) -> Found:
        standing = self._bench.standing
        holder = standing.badges_of_holder(number)
        visit = self._bench.journal.last_visit(holder, site.room.id)
        return Found(
            number=number,
            newer=standing.is_newer(number),
            revoked=standing.revoked(number),
            replaced=standing.replacement(number),
            listed=self._listed(number, site),
            inside=standing.pictured(holder, site.room.id, since=visit.seq if visit is not None else 0),
            last=visit.kind.value if visit is not None else "",
            at=self._visited(visit),
        )

    def _listed(self, number: int, site: Site) -> str:
        now = self._bench.clock.now()
        session = next((one for one in site.sessions if now is not None and one.admits_at(now)), None)
        if session is None:
            return ""
        listing = self._bench.standing.listing(session, number)
        return Listing.NO.value if listing is Listing.SILENT and session.invited else listing.value

    def _visited(self, visit: Visit | None) -> datetime | None:
        if visit is None:
            return None
        passage = self._bench.journal.passage(visit.seq)
        return self._when(passage) if passage is not None else None

    def _latest(self) -> tuple[Passed, ...]:
        journal = self._bench.journal
        return tuple(
            Passed(
                seq=seq,
                at=self._when(one),
                kind=one.kind.value,
                why=one.why,
                number=one.badge >> 32,
                count=one.count,
                annulled=one.kind in (Kind.ENTRY, Kind.FORCED) and journal.is_annulled(seq),
            )
            for seq, one in journal.latest(LATEST)
        )

    def _when(self, passage: Passage) -> datetime | None:
        same = passage.boot == self._bench.clock.boot
        return passage.at or (self._bench.clock.at(passage.boot_ms) if same else None)

    def _turn(self) -> Step:
        out = not self._bench.standing.exit_only
        self._bench.standing.turn(out=out)
        return Step(Stage.MORE, Note.WAY_OUT if out else Note.WAY_IN)

    def _end(self, ending: str) -> Step:
        try:
            self._bench.end(ending)
        except (NoPower, DiskError):
            return Step(Stage.POWER, Note.NO_POWER)
        return Step(Stage.MORE, Note.GOING)

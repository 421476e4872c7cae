"""A kiosk with its steward's corner, as tests work it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from admission.passage import Kind, Passage, decode
from kiosk.diagnosis import Wanted
from kiosk.face.sound import hours
from kiosk.gate import Gate
from kiosk.padlock import Padlock
from kiosk.self_test import SelfTest
from kiosk.stages import Note, Stage, View
from kiosk.steward import Corner
from kiosk.stewarding import Reason, Stewarding
from kiosk.tools import Bench, NoPower, Tools
from kiosk.volume import Volume
from kiosk.way import Barrier, Way

if TYPE_CHECKING:
    from tests.kiosk.conftest import Kiosk

CODE = "730518"
OTHER_CODE = "918264"


class Watch:
    """A kiosk with its steward's corner; person p5 is the steward."""

    def __init__(self, kiosk: Kiosk) -> None:
        self.kiosk = kiosk
        self.join()

    def join(self) -> None:
        """Joins the corner as kiosk.station does; again after a restart."""
        one = self.kiosk
        self.stewarding = Stewarding(one.disk, one.journal, one.standing, one.clock)
        padlock = Padlock(one.disk, one.standing, one.clock)
        self.volume = Volume(60, hours(["22:00-07:00"]), one.disk, one.standing, one.clock)
        self.test = SelfTest(one.clock.ms, Wanted("0"))
        self.ended: list[str] = []
        tools = Tools(Bench(one.journal, one.standing, one.clock, self.volume, self.test, self.end))
        self.corner = Corner(self.stewarding, padlock, one.standing, one.clock, one.line, tools)
        self.gate = Gate(replace(one.parts, corner=self.corner, test=self.test))

    def end(self, how: str) -> None:
        """What the process would do; it cannot switch the machine off."""
        if how == "off":
            raise NoPower("not as a service")
        self.ended.append(how)

    def behind(self, barrier: Barrier) -> None:
        """Puts a barrier in the way."""
        way = Way(barrier, self.stewarding, self.kiosk.standing)
        self.gate = Gate(replace(self.kiosk.parts, corner=self.corner, way=way))

    def use(self, tool: Stage) -> View:
        """From the menu to one of the tools."""
        self.corner.choose(Stage.MORE)
        self.corner.choose(tool)
        return self.corner.view()

    def restart(self, boot: str | None = None) -> None:
        """The process or the machine starts again."""
        self.kiosk.restart(boot=boot)
        self.join()

    @property
    def stage(self) -> Stage:
        """Where the steward is."""
        return self.corner.view().stage

    @property
    def note(self) -> Note:
        """What became of the last press."""
        return self.corner.view().note

    def hold_up(self, who: str, *, later_ms: int = 2_000) -> str:
        """A badge before the camera; the words that are seen."""
        self.kiosk.ms += later_ms
        return self.gate.hold_up(self.kiosk.world.tokens.get(who, who)).key

    def try_code(self, code: str = CODE, who: str = "p5") -> Stage:
        """From a shut corner: a badge and a code."""
        self.corner.close()
        self.corner.open()
        self.hold_up(who)
        self.corner.try_code(code)
        return self.stage

    def force(self, who: str = "", why: Reason = Reason.GUEST) -> None:
        """From the menu: lets somebody in, unless the room's limit is in doubt."""
        self.corner.choose(Stage.REASON)
        self.corner.give_reason(why)
        if who:
            self.hold_up(who)
        else:
            self.corner.has_no_badge()

    def annul(self) -> Note:
        """From the menu: the last entry."""
        self.corner.choose(Stage.ANNUL)
        self.corner.agree()
        return self.note

    def written(self, *kinds: Kind) -> list[Passage]:
        """The journal."""
        with self.kiosk.disk.reading() as connection:
            found = [decode(row[0]) for row in connection.execute("SELECT body FROM journal ORDER BY seq")]
        return [one for one in found if not kinds or one.kind in kinds]


Watches = Callable[[str], Watch]

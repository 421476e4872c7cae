"""The steward's corner of a door: shut, a badge, a code, then forcing, annulling and counting, one step at a time.

Holds where the steward is; what is written is :mod:`kiosk.stewarding`'s, who may is :mod:`kiosk.padlock`'s. Knows
nothing of pages: keys out, presses and badge texts in, from any thread.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from admission.badge import BadBadge, Badge, verify
from admission.errors import DiskError
from admission.venue import Exits
from kiosk.clock import Clock
from kiosk.padlock import Padlock, Turn
from kiosk.position import Position
from kiosk.site import Site
from kiosk.stages import BACK, OUTSIDE, TOOLS, Forced, Note, Stage, Step, View
from kiosk.standing import Standing
from kiosk.stewarding import MOST, Entry, Forcing, Reason, Stewarding, Undo
from kiosk.tools import Tools

log = logging.getLogger(__name__)

_UNDONE = {Undo.DONE: Note.ANNULLED, Undo.NOTHING: Note.NOTHING, Undo.TOO_LATE: Note.TOO_LATE, Undo.LEFT: Note.LEFT}


class Line(Protocol):
    """The way to the server, as the corner uses it."""

    up: bool

    def flush(self) -> None:
        """Sends what was just written, without waiting."""


class Corner:
    """One door's. Presses that do not belong to the present stage do nothing, so a double tap writes once."""

    def __init__(
        self,
        stewarding: Stewarding,
        padlock: Padlock,
        standing: Standing,
        clock: Clock,
        line: Line,
        tools: Tools | None = None,
    ) -> None:
        self._stewarding, self._padlock, self._tools = stewarding, padlock, tools
        self._standing, self._line = standing, line
        self._at = Position(clock.ms, self._forget)
        self._text = ""
        self._steward: Badge | None = None
        self._forcing = Forcing(Reason.OTHER, 0, 1, 0)
        self._forced: deque[Forced] = deque()

    def view(self) -> View:
        """What is shown now."""
        return self._at.view

    def await_change(self, number: int, patience_s: float) -> View:
        """What is shown as soon as that is no longer view ``number``, or after so long."""
        return self._at.await_change(number, patience_s)

    def open(self) -> None:
        """Somebody pressed the corner: the next badge is taken for a steward's."""
        with self._at.moved:
            if self._at.view.stage is Stage.CLOSED and self._standing.site is not None:
                self._go(Stage.BADGE)

    def close(self) -> None:
        """Shuts it."""
        with self._at.moved:
            self._go(Stage.CLOSED)

    def back(self) -> None:
        """One step back; from a choice to the menu."""
        with self._at.moved:
            stage = self._at.stage
            to = BACK.get(stage, Stage.CLOSED if stage in OUTSIDE | {Stage.MENU} else Stage.MENU)
            if to in TOOLS:
                self._use(lambda tools: tools.open(to))
            else:
                self._go(to)

    def try_code(self, code: str) -> None:
        """Opens the menu if the code is that of the badge that was shown."""
        with self._at.moved:
            if self._at.stage is not Stage.CODE or self._steward is None:
                return
            badge, text = self._steward, self._text
            self._go(Stage.CHECKING)
        try:  # the lock is not held: it takes long, and the gate goes on meanwhile
            turn = self._padlock.turn(text, badge, code)
            stage = {Turn.OPEN: Stage.MENU, Turn.NO: Stage.CODE, Turn.LOCKED: Stage.LOCKED}[turn]
            note = Note.NO if turn is Turn.NO else Note.NONE
        except DiskError as error:
            log.error("a code was not looked at: %s", error)
            stage, note = Stage.CODE, Note.DISK
        with self._at.moved:
            if self._at.view.stage is Stage.CHECKING and self._steward is badge:
                self._go(stage, note)

    def choose(self, what: Stage) -> None:
        """From the menu to forcing (REASON), ANNUL, COUNT_IN, COUNT_OUT or MORE; from there to one of the tools."""
        with self._at.moved:
            if what in TOOLS and self._inside(Stage.MORE) is not None:
                self._use(lambda tools: tools.open(what))
                return
            site = self._inside(Stage.MENU)
            if site is None or what not in (Stage.REASON, Stage.ANNUL, Stage.COUNT_IN, Stage.COUNT_OUT, Stage.MORE):
                return
            if what is Stage.ANNUL:
                self._find_entry()
            elif what is not Stage.COUNT_OUT or site.room.exits is Exits.TRUSTED:
                self._go(what)

    def use_tool(self, press: str, number: int) -> None:
        """A press within a tool."""
        with self._at.moved:
            stage = self._at.view.stage
            if self._inside(*TOOLS, Stage.FOUND, Stage.SURE) is not None:
                self._use(lambda tools: tools.press(stage, press, number))

    def give_reason(self, why: Reason) -> None:
        """Why somebody is let in without a seat; then their badge is waited for."""
        with self._at.moved:
            if self._inside(Stage.REASON) is not None and why is not Reason.COUNTED:
                self._forcing = Forcing(why, 0, 1, self._by)
                self._go(Stage.VISITOR)

    def has_no_badge(self) -> None:
        """The visitor has none."""
        with self._at.moved:
            if (site := self._inside(Stage.VISITOR)) is not None:
                self._propose(site, "")

    def count(self, bodies: int) -> None:
        """So many people without a badge came in or went out."""
        with self._at.moved:
            site = self._inside(Stage.COUNT_IN, Stage.COUNT_OUT)
            if site is None:
                return
            if not 1 <= bodies <= MOST:
                self._go(self._at.view.stage, Note.BAD_NUMBER)
            elif self._at.view.stage is Stage.COUNT_IN:
                self._forcing = Forcing(Reason.COUNTED, 0, bodies, self._by)
                self._propose(site, "")
            else:
                self._count_out(bodies, site)

    def agree(self) -> None:
        """Yes, also over the limit; or yes, annul the entry that is shown."""
        with self._at.moved:
            site = self._inside(Stage.OVER, Stage.ANNUL)
            if site is None:
                return
            if self._at.view.stage is Stage.OVER:
                self._force(site, over_limit=True)
            else:
                self._annul(site)

    def take(self, text: str) -> bool:
        """A badge is held up. True if the corner waited for one: then the gate does not decide on it."""
        with self._at.moved:
            stage, site = self._at.stage, self._standing.site
            if stage not in (Stage.BADGE, Stage.VISITOR) or site is None:
                return False
            badge = verify(text, site.keys)
            if stage is Stage.BADGE:
                self._greet(badge, text)
            elif self._inside(Stage.VISITOR) is not None:
                self._visit(badge, text, site)
            return True

    def forced(self) -> Forced | None:
        """A forced entry that the gate has not shown yet; each once, in their order."""
        with self._at.moved:
            return self._forced.popleft() if self._forced else None

    def _greet(self, badge: Badge | BadBadge, text: str) -> None:
        if isinstance(badge, BadBadge):
            self._at.note(Note.NO)
        else:
            self._go(Stage.CODE)
            self._steward, self._text = badge, text

    def _visit(self, badge: Badge | BadBadge, text: str, site: Site) -> None:
        if isinstance(badge, BadBadge):
            self._at.note(Note.STRANGER)
        elif badge.id == self._by:
            self._at.note(Note.OWN)
        else:
            self._forcing = replace(self._forcing, badge=badge.id)
            self._propose(site, text)

    def _propose(self, site: Site, text: str) -> None:
        """Forces at once if that can be shown to be within the limit; otherwise asks once more."""
        self._text = text
        try:
            over = self._stewarding.is_over_limit(site.room, self._forcing.bodies, link_up=self._line.up)
        except DiskError:
            over = True
        if over:
            self._go(Stage.OVER, bodies=self._forcing.bodies)
        else:
            self._force(site, over_limit=False)

    def _force(self, site: Site, *, over_limit: bool) -> None:
        note = Note.COUNTED_IN if self._forcing.why is Reason.COUNTED else Note.FORCED
        try:
            seq = self._stewarding.force(self._forcing, site, over_limit=over_limit)
        except DiskError as error:
            self._fail(error)
            return
        self._forced.append(Forced(seq, self._text, opens=self._forcing.why is not Reason.COUNTED))
        self._written(note, self._forcing.bodies)

    def _count_out(self, bodies: int, site: Site) -> None:
        try:
            self._stewarding.count_out(bodies, self._by, site)
        except DiskError as error:
            self._fail(error)
            return
        self._written(Note.COUNTED_OUT, bodies)

    def _use(self, work: Callable[[Tools], Step]) -> None:
        if self._tools is None:
            return
        try:
            step = work(self._tools)
        except DiskError as error:
            self._fail(error)
            return
        self._go(step.stage, step.note, sheet=step.sheet)

    def _find_entry(self) -> None:
        try:
            entry = self._stewarding.last_entry()
        except DiskError as error:
            self._fail(error)
            return
        if entry is None:
            self._go(Stage.MENU, Note.NOTHING)
        elif entry.fresh:
            self._go(Stage.ANNUL, bodies=entry.bodies, entry=entry)
        else:
            self._go(Stage.MENU, Note.TOO_LATE, entry=entry)

    def _annul(self, site: Site) -> None:
        entry = self._at.view.entry
        if entry is None:
            return
        try:
            undone = self._stewarding.annul(entry.seq, self._by, site)
        except DiskError as error:
            self._fail(error)
            return
        self._line.flush()
        self._go(Stage.MENU, _UNDONE[undone], entry=entry)

    def _written(self, note: Note, bodies: int) -> None:
        self._text = ""
        self._line.flush()
        self._go(Stage.MENU, note, bodies)

    def _fail(self, error: DiskError) -> None:
        log.error("nothing was written: %s", error)
        self._go(Stage.MENU, Note.DISK)

    @property
    def _by(self) -> int:
        return self._steward.id if self._steward is not None else 0

    def _inside(self, *stages: Stage) -> Site | None:
        """Where the kiosk stands, if this is the stage and the steward's badge is still good."""
        site = self._standing.site
        if self._at.stage not in stages or site is None:
            return None
        if self._padlock.is_revoked(self._by):
            self._go(Stage.CLOSED)
            return None
        return site

    def _go(
        self, stage: Stage, note: Note = Note.NONE, bodies: int = 0, entry: Entry | None = None, sheet: object = None
    ) -> None:
        site = self._standing.site
        out = stage is Stage.MENU and site is not None and site.room.exits is Exits.TRUSTED
        self._at.go(View(0, stage, note, bodies, entry, out, sheet))

    def _forget(self) -> None:
        """Nobody has proved to be a steward any more."""
        self._steward, self._text = None, ""

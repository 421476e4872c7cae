"""The loop at the door: presentation -> ask -> verdict -> journal -> face.

Green is shown after the commit. Nothing that goes wrong here stops the loop; each has its visible state. Camera,
disk, network, clock and face are passed in.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from admission.badge import BadBadge, Badge, verify
from admission.errors import DiskError
from admission.passage import Kind
from admission.rules import Admitted, Refused, Why
from admission.venue import Direction, Session
from admission.wire import Whereabouts
from kiosk.camera import Away, Frame
from kiosk.doorkeeper import Decision
from kiosk.face import Shown, Status, hint
from kiosk.hints import Hints
from kiosk.journal import Visit
from kiosk.parts import Parts
from kiosk.presentation import Presentations
from kiosk.reader import Sight
from kiosk.site import Site
from kiosk.usher import Guest, Usher
from kiosk.way import UNWRITTEN

log = logging.getLogger(__name__)

COUNTED_MS = 10_000
TURN_MS = 20_000
UNSHOWN_MS = 120_000
MOMENT_MS = 300
MOMENTS = 7
LOOK_AGAIN_MS = 500


@dataclass(frozen=True, slots=True)
class _Moment:
    """A badge that cannot be decided on yet: it is asked about again while it is held up."""

    text: str
    at_ms: int


class Gate:
    """One door. ``step`` takes each frame; ``present`` is what a held-up text comes to."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._usher = Usher(parts.standing, parts.line)
        self._presentations = Presentations()
        self._hints = Hints()
        self._read_ms = 0
        self.awake = True
        """Whether something moves or is held up: frames are wanted fast."""
        self._shown_until = 0
        self._moment: _Moment | None = None
        self._tries = MOMENTS
        self._trouble = ""
        self._answered = 0
        self.strangers = 0

    def step(self, frame: Frame | Away) -> None:
        """Takes one frame: reads it, decides on what begins to be held up, and keeps the screen true."""
        # Whoever a steward has let in, or a turnstile has not let through, waits for no frame.
        for work in (self._show_forced, self._take_back, lambda: self._see(frame), self._parts.doorkeeper.write_counts):
            try:
                work()
            except DiskError as error:
                self._trouble = str(error)
            except Exception:  # a door that stops is worse than one that says it is out of order
                log.exception("the gate failed at one frame")
                self._show(Shown("trouble", "out_of_order"))
        self._report()

    def _see(self, frame: Frame | Away) -> None:
        if not isinstance(frame, Away):
            self._look(frame)
            return
        self._moment = None
        self._show(Shown("trouble", "camera_away"))
        if self._parts.test is not None:
            self._parts.test.lose(frame.why)

    def hold_up(self, text: str) -> Shown:
        """What begins to be held up goes to the steward's corner while that waits for a badge; otherwise the gate
        decides on it."""
        corner, test = self._parts.corner, self._parts.test
        if test is not None and test.takes(text):
            return self._show(Shown("reading", "reading"))
        if corner is None or not corner.take(text):
            return self.present(text)
        shown = self._show(Shown("reading", "reading"))
        return self._show_forced() or shown

    def present(self, text: str, *, again: bool = False) -> Shown:
        """Decides on one presentation and shows the outcome, which is also returned. ``again``: whoever holds it up was
        told to wait a moment."""
        if self._parts.courier.brings(text):
            return self._show(self._parts.courier.take(text))
        site = self._parts.standing.site
        if site is None:
            self._moment = _Moment(text, self._parts.clock.ms() + MOMENT_MS)
            return self._show(Shown("moment", "starting"))
        badge = verify(text, site.keys)
        if isinstance(badge, BadBadge):
            self.strangers += 1
            return self._let_out(self._usher.outcome(self._parts.doorkeeper.judge_stranger(badge, site)))
        guest = self._usher.know(text, site)
        try:
            visit = self._parts.doorkeeper.last_visit(badge, site)
            earlier = self._earlier(visit, guest, site) if visit is not None else None
        except DiskError as error:
            return self._unwritten(error, site, badge)
        if earlier is not None:
            return earlier
        if not again:
            self._show(self._usher.reading(guest))
        word = self._parts.line.ask(badge.id, site.room.id)
        if word is not None and word.claimed and self._postpone(text):
            return self._show(self._usher.moment(guest))
        return self._decide(badge, text, site, word, guest)

    def _look(self, frame: Frame) -> None:
        now = self._parts.clock.ms()
        # However slow the camera: what is held up must be seen again before its presentation would end.
        overdue = not self._presentations.idle and now - self._read_ms >= LOOK_AGAIN_MS
        test = self._parts.test
        sight = self._parts.reader.look(frame, now, insist=overdue or (test is not None and test.on))
        if test is not None:
            test.see(frame, sight, now)
        text = None
        if sight.spent:  # a frame that was passed over says nothing of what is in view
            self._read_ms = now
            text = self._presentations.see(sight.readings, now)
        self.awake = sight.moved or self._presentations.badge_held or (test is not None and test.on)
        if self._parts.diary is not None:
            self._parts.diary.note(sight, began=text is not None, now_ms=now)
        due = self._moment
        if text is not None:
            if due is not None:  # whoever was told to wait has not been decided on
                self._presentations.forget(due.text)
            self._moment, self._tries = None, MOMENTS
            self.hold_up(text)
        elif due is not None and not self._presentations.shows(due.text):
            self._moment = None  # whoever waited has gone
        elif due is not None and now >= due.at_ms:
            self._moment = None
            self.present(due.text, again=True)
        else:
            self._wait(sight, now)

    def _wait(self, sight: Sight, now: int) -> None:
        """Nobody is decided on: what to do with a code that cannot be read, or that the door is free."""
        advice = self._hints.hear(sight.advice, now, sure=sight.sure)
        if now < self._shown_until:
            return
        if self._parts.standing.site is None:
            self._show(Shown("moment", "starting"))
        else:
            self._show(hint(advice) if advice is not None else self._usher.free(self._parts.standing.site))

    def _postpone(self, text: str) -> bool:
        """Asks again soon, for two seconds at most."""
        self._tries -= 1
        self._moment = _Moment(text, self._parts.clock.ms() + MOMENT_MS) if self._tries > 0 else None
        return self._moment is not None

    def _decide(self, badge: Badge, text: str, site: Site, word: Whereabouts | None, guest: Guest) -> Shown:
        try:
            decision = self._parts.doorkeeper.judge(badge, site, word, link_up=self._parts.line.up)
        except DiskError as error:
            return self._unwritten(error, site, badge)
        self._trouble = decision.unwritten
        if decision.unwritten:
            log.error("an exit was not written: %s", decision.unwritten)
            return self._let_out(Shown("goodbye", "goodbye", guest.name, speaks=guest.language))
        if isinstance(decision.verdict, Refused):
            if decision.verdict.why is Why.NO_SEATS and self._usher.seats_may_come(site) and self._postpone(text):
                return self._show(self._usher.moment(guest))  # seats may be on their way to this door
            shown = self._show(self._usher.refused(decision.verdict.why, site, guest))
            self._parts.doorkeeper.note_refusal(badge, site, decision.verdict)
            self._parts.line.flush()
            return shown
        return self._confirm(_kind(decision), decision.seq, guest, decision.verdict.session)

    def _confirm(self, kind: Kind, seq: int, guest: Guest, session: Session | None) -> Shown:
        """Shows what is on the disk now, opens the way, sends it up, and remembers that it was seen."""
        shown = self._show(self._usher.passed(kind, session, guest))
        self._answered = seq
        self._open(seq)
        self._note_shown(seq)
        return shown

    def _note_shown(self, seq: int) -> None:
        self._parts.line.flush()
        try:
            self._parts.journal.mark_shown(seq)
        except DiskError as error:  # the passage itself is safe; at worst it is shown once more
            self._trouble = str(error)

    def _let_out(self, shown: Shown) -> Shown:
        """Shows this; if somebody leaves uncounted, the way is open all the same."""
        self._show(shown)
        if shown.state == "goodbye":
            self._open(UNWRITTEN)
        return shown

    def _open(self, seq: int) -> None:
        if self._parts.way is not None:
            self._parts.way.open(seq)

    def _take_back(self) -> None:
        """Nobody went through although the way was open: that passage did not happen. Raises DiskError."""
        seq = self._parts.way.take_back() if self._parts.way is not None else 0
        if not seq:
            return
        self._parts.line.flush()
        if seq == self._answered or self._parts.clock.ms() >= self._shown_until:  # else somebody else is being answered
            self._show(Shown("reading", "did_not_turn"))

    def _show_forced(self) -> Shown | None:
        """Shows an entry that a steward has forced since, as any other. People who were only counted are inside."""
        forced = self._parts.corner.forced() if self._parts.corner is not None else None
        site = self._parts.standing.site
        if forced is None or site is None:
            return None
        if forced.opens:
            return self._confirm(Kind.FORCED, forced.seq, self._usher.know(forced.text, site), None)
        self._note_shown(forced.seq)
        return None

    def _earlier(self, visit: Visit, guest: Guest, site: Site) -> Shown | None:
        """What an earlier passage of the same person means for this presentation; None: decide afresh.

        One that was written and never seen (a power cut) is shown. Within 10 s of an admission, or 20 s at a two-way
        gate, the badge is already counted: never a second green.
        """
        clock = self._parts.clock
        same_boot = visit.boot == clock.boot
        age = clock.ms() - visit.boot_ms if same_boot else clock.ms()
        unshown = not self._parts.journal.was_shown(visit.seq) and age < UNSHOWN_MS
        if unshown and not self._parts.doorkeeper.did_not_turn(visit):
            return self._confirm(visit.kind, visit.seq, guest, None)
        window = TURN_MS if site.gate.direction is Direction.BOTH else COUNTED_MS
        if not same_boot or age >= window or self._parts.doorkeeper.did_not_turn(visit):
            return None
        at = clock.at(visit.boot_ms)
        local = at.astimezone(site.zone) if at is not None else None
        return self._show(self._usher.counted(guest, f"{local:%H:%M:%S}" if local is not None else ""))

    def _unwritten(self, error: DiskError, site: Site, badge: Badge) -> Shown:
        """The disk failed: nobody gets in uncounted, but everybody gets out who is known to be inside, or comes to a
        gate that leads out only."""
        log.error("nothing was written: %s", error)
        self._trouble = str(error)
        leaving = site.gate.direction is Direction.OUT or (
            site.gate.direction is Direction.BOTH and self._parts.doorkeeper.is_pictured(badge, site)
        )
        return self._let_out(Shown("goodbye", "goodbye") if leaving else Shown("trouble", "disk_full"))

    def _show(self, shown: Shown) -> Shown:
        self._parts.face.show(shown)
        self._shown_until = self._parts.clock.ms() + shown.lasts_ms
        return shown

    def _report(self) -> None:
        line = self._parts.line
        as_of = self._parts.standing.as_of()
        way = self._parts.way.trouble if self._parts.way is not None else ""
        trouble = self._trouble or self._usher.trouble or way or ("" if line.up else line.trouble)
        self._parts.face.report(Status(line.up, self._parts.journal.waiting, trouble, "" if line.up else as_of))


def _kind(decision: Decision) -> Kind:
    return Kind.ENTRY if isinstance(decision.verdict, Admitted) else Kind.EXIT

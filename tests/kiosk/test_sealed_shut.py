"""What stays shut: the corner for a code that comes too late, for a badge that is revoked and for whoever has left it.

Also what is said at once of a way that opened in vain, and of a machine that cannot be switched off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier as Meeting
from threading import Event, Thread

import pytest

from admission.badge import Badge, verify
from admission.errors import DiskError
from admission.passage import Kind
from kiosk import padlock
from kiosk.padlock import TRIES, Padlock, Turn
from kiosk.position import BECKON_MS, IDLE_MS, Position
from kiosk.stages import Note, Stage, View
from kiosk.stewarding import Reason
from server import badges, stewards
from server.store.engine import PostgresStore, SqliteStore
from tests.kiosk.watch import CODE, OTHER_CODE, Watch, Watches
from tests.kiosk.wires import PATIENCE_S, Boot

Either = SqliteStore | PostgresStore
WRONG = "000000"


class Slow:
    """A padlock that looks at each of these codes until it is told to go on."""

    def __init__(self, *codes: str) -> None:
        self._fits = padlock._fits
        self.looks = {code: Event() for code in codes}
        self.go_on = {code: Event() for code in codes}

    def __call__(self, code: str, stored: str) -> bool:
        """In place of the padlock's own."""
        self.looks[code].set()
        assert self.go_on[code].wait(PATIENCE_S), "never told to go on"
        return self._fits(code, stored)

    @contextmanager
    def looking_at(self, one: Watch, code: str) -> Iterator[Callable[[], None]]:
        """While a code is looked at in a thread of its own; what is given ends that."""
        trying = Thread(target=one.corner.try_code, args=(code,), daemon=True)

        def end() -> None:
            self.go_on[code].set()
            trying.join(PATIENCE_S)
            assert not trying.is_alive()

        trying.start()
        try:
            assert self.looks[code].wait(PATIENCE_S), "never looked at"
            assert one.stage is Stage.CHECKING
            yield end
        finally:
            end()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow(CODE, WRONG)
    monkeypatch.setattr(padlock, "_fits", made)
    return made


@pytest.fixture
def another(watch: Watches, sqlite_store: Either) -> None:
    """Person p6 is a steward, too."""
    sqlite_store.write(lambda c: stewards.set_code(c, "p6", OTHER_CODE, os.urandom(16), os.urandom))


def hold_up_at_the_corner(one: Watch, who: str) -> None:
    one.corner.open()
    one.hold_up(who)
    assert one.stage is Stage.CODE


class TestALateCode:
    def test_it_does_not_open_a_corner_that_was_shut_meanwhile(self, watch: Watches, slow: Slow) -> None:
        one = watch("hall-a")
        hold_up_at_the_corner(one, "p5")
        with slow.looking_at(one, CODE) as end:
            one.corner.close()
            end()
            assert one.stage is Stage.CLOSED

    def test_it_does_not_spare_the_next_badge_its_own_code(self, watch: Watches, slow: Slow) -> None:
        one = watch("hall-a")
        hold_up_at_the_corner(one, "p5")
        with slow.looking_at(one, CODE) as end:
            one.corner.close()
            hold_up_at_the_corner(one, "p1")
            end()
            assert one.stage is Stage.CODE

    def test_it_does_not_answer_for_the_next_badges_code(self, watch: Watches, slow: Slow) -> None:
        one = watch("hall-a")
        hold_up_at_the_corner(one, "p5")
        with slow.looking_at(one, CODE) as end_first:
            one.corner.close()
            hold_up_at_the_corner(one, "p1")
            with slow.looking_at(one, WRONG) as end_second:
                end_first()
                assert one.stage is Stage.CHECKING
                end_second()
                assert (one.stage, one.note) == (Stage.CODE, Note.NO)

    def test_one_that_is_waited_for_opens_it(self, watch: Watches, slow: Slow) -> None:
        one = watch("hall-a")
        hold_up_at_the_corner(one, "p5")
        with slow.looking_at(one, CODE) as end:
            end()
            assert one.stage is Stage.MENU


@pytest.mark.parametrize(
    ("tool", "before", "press"),
    [(Stage.VOLUME, "", "louder"), (Stage.EXITS, "", "turn"), (Stage.POWER, "program", "yes")],
)
def test_a_steward_whose_badge_is_revoked_while_a_tool_is_open_does_nothing_with_it(
    opened: Watches, sqlite_store: Either, tool: Stage, before: str, press: str
) -> None:
    one = opened("hall-a")
    one.use(tool)
    if before:
        one.corner.use_tool(before, 0)
    sqlite_store.write(lambda c: badges.revoke(c, ["p5"], "lost", one.kiosk.world.now))
    one.kiosk.hear()
    one.corner.use_tool(press, 0)
    assert one.stage is Stage.CLOSED
    assert (one.volume.level, one.kiosk.standing.exit_only, one.ended) == (60, False, [])


class TestWhoeverHasLeft:
    @pytest.mark.usefixtures("another")
    def test_what_the_next_steward_forces_is_the_next_ones_and_the_last_ones_presses_do_nothing(
        self, opened: Watches
    ) -> None:
        one = opened("hall-a")
        one.corner.choose(Stage.REASON)
        one.corner.give_reason(Reason.MEDICAL)
        one.corner.close()
        one.corner.has_no_badge()
        one.corner.open()
        one.corner.has_no_badge()
        one.corner.agree()
        assert one.try_code(OTHER_CODE, "p6") is Stage.MENU
        one.corner.has_no_badge()
        one.corner.agree()
        assert one.written() == []
        one.force("p1", Reason.GUEST)
        [passage] = one.written()
        ids = one.kiosk.world.badge_ids
        assert (passage.why, passage.badge, passage.by) == (Reason.GUEST.value, ids["p1"], ids["p6"])

    def test_of_a_steward_who_has_shut_it_neither_badge_nor_text_is_kept(self, opened: Watches) -> None:
        one = opened("hall-a")
        text = one.kiosk.world.tokens["p5"]
        assert text in vars(one.corner).values()
        one.corner.close()
        assert not any(kept == text or isinstance(kept, Badge) for kept in vars(one.corner).values())

    @pytest.mark.parametrize("stage", list(Stage))
    def test_a_position_has_them_forgotten_wherever_a_badge_or_nobody_is_waited_for(self, stage: Stage) -> None:
        forgotten: list[Stage] = []
        at = Position(Boot(), lambda: forgotten.append(stage))
        with at.moved:
            at.go(View(0, stage))
        assert bool(forgotten) is (stage in (Stage.CLOSED, Stage.BADGE, Stage.LOCKED))

    @pytest.mark.parametrize(("stage", "patience_ms"), [(Stage.BADGE, BECKON_MS), (Stage.MENU, IDLE_MS)])
    def test_a_position_that_shuts_itself_has_them_forgotten(self, stage: Stage, patience_ms: int) -> None:
        now, forgotten = Boot(), []
        at = Position(now, lambda: forgotten.append(now.ms))
        with at.moved:
            at.go(View(0, stage))
        forgotten.clear()
        now.ms += patience_ms
        assert at.stage is Stage.CLOSED
        assert forgotten == [now.ms]


class Barrier:
    """One that did not turn for each of ``stuck``."""

    trouble = ""

    def __init__(self) -> None:
        self.stuck: list[int] = []

    def open(self, seq: int) -> None:
        """See kiosk.way."""

    def undone(self) -> int | None:
        """See kiosk.way."""
        return self.stuck.pop() if self.stuck else None


def test_the_server_hears_at_once_of_a_way_that_opened_in_vain(watch: Watches, sqlite_store: Either) -> None:
    one, barrier = watch("hall-a"), Barrier()
    one.behind(barrier)
    assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "welcome"
    barrier.stuck = [1]
    one.gate.step(one.kiosk.frame)
    assert [passage.of for passage in one.written(Kind.ANNULLED)] == [1]
    assert one.kiosk.journal.waiting == 0
    with sqlite_store.read() as connection:
        kinds = connection.exec_driver_sql("SELECT kind FROM passage ORDER BY seq").scalars().all()
    assert list(kinds) == ["entry", "annulled"]


def test_an_end_that_a_disk_keeps_from_coming_is_said_where_it_was_asked_for(
    watch: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = watch("hall-a")

    def fail(_: str) -> None:
        raise DiskError("the disk is full")

    monkeypatch.setattr(one, "end", fail)
    one.join()
    assert one.try_code() is Stage.MENU
    one.use(Stage.POWER)
    one.corner.use_tool("again", 0)
    one.corner.use_tool("yes", 0)
    assert (one.stage, one.note) == (Stage.POWER, Note.NO_POWER)


def test_as_many_codes_as_are_tried_at_once_are_counted(watch: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    one = watch("hall-a").kiosk
    locks = Padlock(one.disk, one.standing, one.clock)
    token = one.world.tokens["p5"]
    site = one.standing.site
    assert site is not None
    badge = verify(token, site.keys)
    assert isinstance(badge, Badge)
    together = Meeting(TRIES)

    def late(*_: object) -> bool:
        together.wait(20)  # every code is counted before the first is looked at
        return False

    monkeypatch.setattr(padlock, "_fits", late)
    turns: list[Turn] = []
    threads = [Thread(target=lambda: turns.append(locks.turn(token, badge, "1"))) for _ in range(TRIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(turn is Turn.LOCKED for turn in turns) == [False] * (TRIES - 1) + [True]
    assert locks.turn(token, badge, CODE) is Turn.LOCKED

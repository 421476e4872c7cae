"""The steward's corner: who gets in, what is written, and that nobody learns anything from it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from sqlalchemy import select

from admission.errors import DiskError
from admission.passage import Kind, Passage, decode
from kiosk.gate import Gate
from kiosk.padlock import LOCK_MS, TRIES, Padlock
from kiosk.stages import Note, Stage
from kiosk.steward import BECKON_MS, IDLE_MS, Corner
from kiosk.stewarding import MOST, OVER_LIMIT, Reason, Stewarding, Undo
from server import badges, stewards
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_app
from tests.kiosk.conftest import Doors, Kiosk
from tests.pages import sign_in

Either = SqliteStore | PostgresStore
CODE = "730518"
OTHER_CODE = "918264"


class Watch:
    """A kiosk with its steward's corner; person p5 is the steward."""

    def __init__(self, kiosk: Kiosk) -> None:
        self.kiosk = kiosk
        self.join()

    def join(self) -> None:
        """Joins the corner as kiosk.__main__ does; again after a restart."""
        one = self.kiosk
        self.stewarding = Stewarding(one.disk, one.journal, one.standing, one.clock)
        padlock = Padlock(one.disk, one.standing, one.clock)
        self.corner = Corner(self.stewarding, padlock, one.standing, one.clock, one.line)
        self.gate = Gate(replace(one.parts, corner=self.corner))

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


@pytest.fixture
def watch(door: Doors, sqlite_store: Either) -> Watches:
    """Makes a kiosk at a gate whose steward p5 has a code."""
    sqlite_store.write(lambda c: stewards.set_code(c, "p5", CODE, os.urandom(16), os.urandom))
    return lambda gate: Watch(door(gate))


@pytest.fixture
def opened(watch: Watches) -> Watches:
    """The same, with the menu open."""

    def make(gate: str) -> Watch:
        made = watch(gate)
        assert made.try_code() is Stage.MENU
        return made

    return make


class TestWhoGetsIn:
    def test_a_badge_and_its_code_open_the_menu_and_nothing_is_written_for_it(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.corner.open()
        assert one.stage is Stage.BADGE
        assert one.hold_up("p5") == "reading"
        assert one.corner.view().stage is Stage.CODE
        one.corner.try_code(CODE)
        assert one.corner.view().stage is Stage.MENU
        assert one.written() == []

    def test_nothing_tells_a_wrong_code_from_a_badge_without_one_or_a_revoked_one(
        self, watch: Watches, sqlite_store: Either
    ) -> None:
        one = watch("hall-a")
        sqlite_store.write(lambda c: stewards.set_code(c, "p6", OTHER_CODE, os.urandom(16), os.urandom))
        sqlite_store.write(lambda c: badges.revoke(c, ["p6"], "lost", one.kiosk.world.now))
        one.kiosk.hear()
        seen = set()
        for who, code in (("p5", OTHER_CODE), ("p7", CODE), ("p6", OTHER_CODE), ("p5", ""), ("p5", CODE + "0" * 60)):
            one.try_code(code, who)
            seen.add((one.stage, one.note))
        assert seen == {(Stage.CODE, Note.NO)}

    def test_a_record_that_cannot_be_opened_opens_nothing(self, watch: Watches) -> None:
        one = watch("hall-a")
        with one.kiosk.disk.transaction() as connection:
            connection.execute("UPDATE record SET box = zeroblob(80)")
        assert one.try_code() is Stage.CODE
        assert one.note is Note.NO

    def test_a_code_that_is_no_badge_leaves_the_corner_waiting(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.corner.open()
        one.hold_up("https://example.org")
        assert (one.stage, one.note) == (Stage.BADGE, Note.NO)

    def test_a_steward_whose_badge_is_revoked_meanwhile_can_do_no_more(
        self, opened: Watches, sqlite_store: Either
    ) -> None:
        one = opened("hall-a")
        sqlite_store.write(lambda c: badges.revoke(c, ["p5"], "lost", one.kiosk.world.now))
        one.kiosk.hear()
        one.corner.choose(Stage.REASON)
        assert one.stage is Stage.CLOSED

    def test_it_needs_no_server(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.restart("boot-2")
        one.kiosk.line.cut = True
        assert one.try_code() is Stage.MENU


class TestTheLock:
    def lock(self, one: Watch) -> None:
        for tried in range(1, TRIES + 1):
            assert one.try_code(OTHER_CODE) is (Stage.LOCKED if tried == TRIES else Stage.CODE)

    def test_five_wrong_codes_lock_that_badge_and_no_other(self, watch: Watches, sqlite_store: Either) -> None:
        sqlite_store.write(lambda c: stewards.set_code(c, "p6", OTHER_CODE, os.urandom(16), os.urandom))
        one = watch("hall-a")
        self.lock(one)
        assert one.try_code(CODE) is Stage.LOCKED
        assert one.try_code(OTHER_CODE, "p6") is Stage.MENU

    def test_the_fifth_code_may_still_be_right_and_then_all_five_are_there_again(self, watch: Watches) -> None:
        one = watch("hall-a")
        for _ in range(2):
            for _ in range(TRIES - 1):
                assert one.try_code(OTHER_CODE) is Stage.CODE
            assert one.try_code(CODE) is Stage.MENU

    @pytest.mark.parametrize("boot", [None, "boot-2"])
    def test_a_restart_does_not_unlock_it(self, watch: Watches, boot: str | None) -> None:
        one = watch("hall-a")
        self.lock(one)
        one.restart(boot)
        assert one.try_code(CODE) is Stage.LOCKED

    def test_pulling_the_plug_while_a_code_is_looked_at_gives_no_try_back(
        self, watch: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = watch("hall-a")

        def cut(_code: str, _stored: str) -> bool:
            raise KeyboardInterrupt

        for _ in range(TRIES):
            with monkeypatch.context() as patch:
                patch.setattr("kiosk.padlock._fits", cut)
                with pytest.raises(KeyboardInterrupt):
                    one.try_code(CODE)
            one.restart()
        assert one.try_code(CODE) is Stage.LOCKED

    def test_it_ends_after_a_quarter_of_an_hour_of_this_boot(self, watch: Watches) -> None:
        one = watch("hall-a")
        self.lock(one)
        one.kiosk.ms += LOCK_MS - 60_000
        assert one.try_code(CODE) is Stage.LOCKED
        one.kiosk.ms += 60_000
        assert one.try_code(CODE) is Stage.MENU

    def test_after_a_reboot_it_ends_a_quarter_of_an_hour_after_the_start(self, watch: Watches) -> None:
        one = watch("hall-a")
        self.lock(one)
        one.restart("boot-2")
        one.kiosk.ms = LOCK_MS - 10_000
        assert one.try_code(CODE) is Stage.LOCKED
        one.kiosk.ms = LOCK_MS
        assert one.try_code(CODE) is Stage.MENU

    def test_it_ends_when_the_code_is_set_again(self, watch: Watches, sqlite_store: Either) -> None:
        one = watch("hall-a")
        self.lock(one)
        sqlite_store.write(lambda c: stewards.set_code(c, "p5", OTHER_CODE, os.urandom(16), os.urandom))
        one.kiosk.hear()
        assert one.try_code(CODE) is Stage.CODE
        assert one.try_code(OTHER_CODE) is Stage.MENU

    def test_a_disk_that_fails_opens_nothing(self, watch: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
        one = watch("hall-a")
        broken = monkeypatch.context()
        with broken as patch:
            patch.setattr(one.kiosk.disk, "set_fact", _fail)
            assert one.try_code(CODE) is Stage.CODE
            assert one.note is Note.DISK
        assert one.try_code(CODE) is Stage.MENU


def _fail(*_: object) -> None:
    raise DiskError("the disk is full")


class TestForcing:
    def test_a_forced_entry_is_welcomed_written_with_its_reason_and_counted(self, opened: Watches) -> None:
        one = opened("hall-a")
        before = one.kiosk.standing.account("hall")
        one.force("p1", Reason.MEDICAL)
        assert one.kiosk.face.now == "welcome"
        assert one.kiosk.face.shown[-1].name == "Person 1"
        assert (one.stage, one.note) == (Stage.MENU, Note.FORCED)
        [passage] = one.written()
        ids = one.kiosk.world.badge_ids
        assert (passage.kind, passage.badge, passage.by) == (Kind.FORCED, ids["p1"], ids["p5"])
        assert (passage.why, passage.count, passage.flags, passage.session) == ("medical", 1, (), "keynote")
        after = one.kiosk.standing.account("hall")
        assert (after.forced, after.entries) == (before.forced + 1, before.entries)
        assert after.balance == before.balance

    def test_somebody_without_a_badge_is_forced_as_nobody_in_particular(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.force()
        assert one.kiosk.face.now != "welcome"
        one.gate.step(one.kiosk.frame)
        assert one.kiosk.face.now == "welcome"
        [passage] = one.written()
        assert (passage.kind, passage.badge, passage.count, passage.why) == (Kind.FORCED, 0, 1, "guest_of_honour")

    @pytest.mark.parametrize("who", ["p3", "p4"])
    def test_whoever_the_rules_refuse_can_be_forced(self, opened: Watches, sqlite_store: Either, who: str) -> None:
        one = opened("hall-a")
        sqlite_store.write(lambda c: badges.revoke(c, ["p4"], "lost", one.kiosk.world.now))
        one.kiosk.hear()
        one.force(who)
        assert one.kiosk.face.now == "welcome"
        assert [passage.badge for passage in one.written()] == [one.kiosk.world.badge_ids[who]]

    def test_a_code_that_is_no_badge_and_the_stewards_own_are_told_apart_from_a_visitors(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.corner.choose(Stage.REASON)
        one.corner.give_reason(Reason.OTHER)
        one.hold_up("https://example.org")
        assert (one.stage, one.note) == (Stage.VISITOR, Note.STRANGER)
        one.hold_up("p5")
        assert (one.stage, one.note) == (Stage.VISITOR, Note.OWN)
        assert one.written() == []

    def test_over_the_limit_it_is_said_asked_once_more_and_never_refused(self, opened: Watches) -> None:
        one = opened("salon-door")  # 12 seats, 2 of them its reserve
        within = 0
        for number in range(10, 30):
            one.force(f"p{number}")
            if one.stage is Stage.OVER:
                break
            within += 1
        assert 2 <= within <= 12
        assert len(one.written()) == within
        one.corner.agree()
        assert (one.stage, one.note) == (Stage.MENU, Note.FORCED)
        assert [passage.flags for passage in one.written()] == [()] * within + [(OVER_LIMIT,)]
        one.gate.step(one.kiosk.frame)
        assert one.kiosk.face.shown[-1].name == f"Person {10 + within}"

    def test_what_the_server_does_not_know_yet_counts_towards_the_limit(
        self, opened: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = opened("salon-door")
        monkeypatch.setattr(one.kiosk.line, "flush", lambda: None)  # as if every answer were late
        for _ in range(one.kiosk.standing.words["salon"].spare):
            one.force()
            assert one.stage is Stage.MENU
        one.force()
        assert one.stage is Stage.OVER

    def test_with_the_link_down_the_limit_can_never_be_shown_to_hold(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.kiosk.line.cut, one.kiosk.line.up = True, False
        one.force("p1")
        assert one.stage is Stage.OVER
        one.corner.back()
        assert one.written() == []
        one.force("p1")
        one.corner.agree()
        assert [passage.flags for passage in one.written()] == [(OVER_LIMIT,)]

    def test_a_room_without_a_limit_has_none_to_be_over(self, opened: Watches) -> None:
        one = opened("venue-door")
        one.kiosk.line.cut, one.kiosk.line.up = True, False
        one.force("p1")
        assert (one.stage, one.note) == (Stage.MENU, Note.FORCED)
        assert one.kiosk.standing.rooms_held == set()

    def test_a_double_tap_writes_once(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.force()
        one.corner.has_no_badge()
        one.corner.agree()
        assert len(one.written()) == 1

    def test_a_disk_that_fails_is_told_and_nobody_is_counted(
        self, opened: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = opened("hall-a")
        monkeypatch.setattr(one.kiosk.journal, "append", _fail)
        one.force("p1")
        assert (one.stage, one.note) == (Stage.MENU, Note.DISK)
        assert one.kiosk.standing.account("hall").forced == 0
        assert "welcome" not in {shown.key for shown in one.kiosk.face.shown}

    def test_one_that_was_written_before_a_power_cut_is_shown_and_not_written_again(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.corner.choose(Stage.REASON)
        one.corner.give_reason(Reason.GUEST)
        one.corner.take(one.kiosk.world.tokens["p1"])  # the gate never comes to show it
        one.restart("boot-2")
        assert one.hold_up("p1") == "welcome"
        assert len(one.written()) == 1
        assert one.hold_up("p1") == "inside_already"

    def test_who_was_forced_in_may_leave_by_a_two_way_gate(self, opened: Watches) -> None:
        one = opened("salon-door")
        one.force("p1")
        assert one.hold_up("p1", later_ms=5_000) == "counted"
        assert one.hold_up("p1", later_ms=30_000) == "goodbye"


class TestAnnulling:
    def test_the_last_entry_is_annulled_once_and_may_come_again(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.hold_up("p1")
        assert one.kiosk.face.now == "welcome"
        before = one.kiosk.standing.account("hall")
        one.corner.choose(Stage.ANNUL)
        entry = one.corner.view().entry
        assert entry is not None
        assert (entry.seq, entry.badge) == (1, one.kiosk.world.badge_ids["p1"])
        assert entry.at is not None
        one.corner.agree()
        assert one.note is Note.ANNULLED
        [passage] = one.written(Kind.ANNULLED)
        assert (passage.of, passage.room, passage.badge) == (1, "hall", one.kiosk.world.badge_ids["p1"])
        assert passage.by == one.kiosk.world.badge_ids["p5"]
        assert one.kiosk.standing.account("hall").balance == before.balance + 1
        assert one.annul() is Note.NOTHING
        assert one.stewarding.annul(1, 1, one.kiosk.standing.site) is Undo.NOTHING  # type: ignore[arg-type]
        assert one.hold_up("p1") == "welcome"

    @pytest.mark.parametrize(("gate", "room", "seats"), [("hall-a", "hall", 1), ("club-door", "club", 1)])
    def test_the_seat_comes_back_where_exits_are_trusted_or_none(
        self, opened: Watches, gate: str, room: str, seats: int
    ) -> None:
        one = opened(gate)
        one.hold_up("p1")
        before = one.kiosk.standing.account(room).exits
        one.annul()
        assert one.kiosk.standing.account(room).exits == before + seats

    def test_in_a_matched_room_the_server_brings_it_back(self, opened: Watches) -> None:
        one = opened("salon-door")
        one.hold_up("p1")
        before = one.kiosk.standing.account("salon")
        assert one.annul() is Note.ANNULLED
        assert one.kiosk.standing.account("salon").exits == before.exits == 0

    def test_after_a_head_count_it_brings_nothing_back(self, opened: Watches, sqlite_store: Either) -> None:
        one = opened("hall-a")
        one.hold_up("p1")
        book = schema.book.update().where(schema.book.c.room == "hall")
        sqlite_store.write(lambda c: c.execute(book.values(held=True, hold=1)))
        one.kiosk.hear()
        assert one.kiosk.standing.hold("hall").settled == 1
        exits = one.kiosk.standing.account("hall").exits
        assert one.annul() is Note.ANNULLED
        assert one.kiosk.standing.account("hall").exits == exits

    def test_after_a_minute_it_is_too_late_even_if_it_was_asked_for_in_time(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.hold_up("p1")
        one.kiosk.ms += 59_000
        one.corner.choose(Stage.MENU)
        assert one.try_code() is Stage.MENU
        assert one.annul() is Note.TOO_LATE
        one.hold_up("p2")
        one.kiosk.ms += 50_000
        one.corner.choose(Stage.ANNUL)
        assert one.stage is Stage.ANNUL
        one.kiosk.ms += 10_001
        one.corner.agree()
        assert one.note is Note.TOO_LATE
        assert one.written(Kind.ANNULLED) == []

    def test_an_entry_before_a_reboot_may_be_of_any_age(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.hold_up("p1")
        one.restart("boot-2")
        one.try_code()
        assert one.annul() is Note.TOO_LATE

    def test_the_entry_that_was_shown_is_annulled_whoever_comes_in_meanwhile(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.hold_up("p1")
        one.corner.choose(Stage.ANNUL)
        one.hold_up("p2")
        assert one.kiosk.face.now == "welcome"
        one.corner.agree()
        assert [passage.of for passage in one.written(Kind.ANNULLED)] == [1]

    def test_who_has_gone_out_here_since_is_not_annulled(self, opened: Watches) -> None:
        one = opened("salon-door")
        one.hold_up("p1")
        one.hold_up("p1", later_ms=25_000)
        assert one.kiosk.face.now == "goodbye"
        assert one.annul() is Note.LEFT

    def test_people_counted_in_are_annulled_together(self, opened: Watches) -> None:
        one = opened("hall-a")
        before = one.kiosk.standing.account("hall").balance
        one.corner.choose(Stage.COUNT_IN)
        one.corner.count(4)
        one.corner.agree()
        assert one.annul() is Note.ANNULLED
        assert one.kiosk.standing.account("hall").balance == before + 4


class TestCounting:
    def test_people_without_a_badge_are_counted_in_as_forced(self, opened: Watches) -> None:
        one = opened("salon-door")
        one.corner.choose(Stage.COUNT_IN)
        one.corner.count(3)
        assert one.note is Note.COUNTED_IN
        [passage] = one.written()
        assert (passage.kind, passage.badge, passage.count, passage.why) == (Kind.FORCED, 0, 3, "counted_in")
        assert one.kiosk.standing.account("salon").forced == 3

    def test_people_without_a_badge_are_counted_out_where_exits_are_trusted(self, opened: Watches) -> None:
        one = opened("hall-a")
        before = one.kiosk.standing.account("hall").balance
        one.corner.choose(Stage.COUNT_OUT)
        one.corner.count(3)
        assert one.note is Note.COUNTED_OUT
        [passage] = one.written()
        assert (passage.kind, passage.badge, passage.count) == (Kind.EXIT, 0, 3)
        assert passage.by == one.kiosk.world.badge_ids["p5"]
        assert one.kiosk.standing.account("hall").exits == 3
        assert one.kiosk.standing.account("hall").granted + 3 >= before

    @pytest.mark.parametrize("gate", ["salon-door", "club-door"])
    def test_nobody_is_counted_out_elsewhere(self, opened: Watches, gate: str) -> None:
        one = opened(gate)
        assert not one.corner.view().may_count_out
        one.corner.choose(Stage.COUNT_OUT)
        assert one.stage is Stage.MENU
        with pytest.raises(ValueError, match="trusted"):
            one.stewarding.count_out(1, 1, one.kiosk.standing.site)  # type: ignore[arg-type]

    @pytest.mark.parametrize("bodies", [0, -1, MOST + 1])
    def test_a_number_that_cannot_be_is_not_written(self, opened: Watches, bodies: int) -> None:
        one = opened("hall-a")
        one.corner.choose(Stage.COUNT_OUT)
        one.corner.count(bodies)
        assert (one.stage, one.note) == (Stage.COUNT_OUT, Note.BAD_NUMBER)
        assert one.written() == []

    def test_more_than_fit_are_counted_in_after_asking_once_more(self, opened: Watches) -> None:
        one = opened("salon-door")
        one.corner.choose(Stage.COUNT_IN)
        one.corner.count(13)
        assert one.stage is Stage.OVER
        assert one.corner.view().bodies == 13
        one.corner.agree()
        assert [(passage.count, passage.flags) for passage in one.written()] == [(13, (OVER_LIMIT,))]


class TestTheDoorGoesOn:
    def test_badges_are_decided_on_as_ever_but_for_the_one_that_is_waited_for(self, watch: Watches) -> None:
        one = watch("hall-a")
        assert one.hold_up("p1") == "welcome"
        one.corner.open()
        one.hold_up("p5")
        assert one.hold_up("p2") == "welcome"
        one.corner.try_code(CODE)
        assert one.hold_up("p7") == "welcome"
        assert len(one.written(Kind.ENTRY)) == 3

    def test_a_visitor_who_is_asked_about_again_is_not_taken_for_a_steward(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.corner.open()
        assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "welcome"
        assert one.stage is Stage.BADGE

    def test_who_only_leans_on_the_corner_keeps_it_for_twenty_seconds(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.corner.open()
        one.kiosk.ms += BECKON_MS - 5_000
        one.hold_up("https://example.org")  # says something, and buys no time
        assert one.hold_up("p1", later_ms=3_000) == "welcome"
        assert one.stage is Stage.CLOSED

    def test_it_locks_by_itself_after_a_minute_without_a_press(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.kiosk.ms += IDLE_MS - 1
        one.corner.choose(Stage.REASON)
        assert one.stage is Stage.REASON
        one.kiosk.ms += IDLE_MS
        one.corner.give_reason(Reason.GUEST)
        assert one.corner.view().stage is Stage.CLOSED
        one.corner.has_no_badge()
        assert one.written() == []

    def test_after_it_was_shut_badge_and_code_are_needed_again(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.corner.close()
        one.corner.choose(Stage.REASON)
        one.corner.try_code(CODE)
        assert one.stage is Stage.CLOSED
        one.corner.open()
        assert one.corner.view().stage is Stage.BADGE

    def test_nothing_can_be_pressed_from_outside_the_menu(self, watch: Watches) -> None:
        one = watch("hall-a")
        for reach in (one.corner.close, one.corner.open, lambda: one.hold_up("p5")):
            reach()
            one.force()
            one.annul()
            one.corner.count(3)
        assert one.written() == []


class TestAfterwards:
    def test_the_server_takes_it_all_raises_its_incidents_and_agrees_on_the_seats(
        self, opened: Watches, sqlite_store: Either
    ) -> None:
        one = opened("hall-a")
        one.force("p1", Reason.TECHNICAL)
        one.hold_up("p2")
        one.annul()
        one.corner.choose(Stage.COUNT_OUT)
        one.corner.count(2)
        one.kiosk.hear()
        assert one.kiosk.journal.waiting == 0
        with sqlite_store.read() as connection:
            kinds = connection.execute(select(schema.passage.c.kind, schema.passage.c.verdict)).all()
            raised = connection.execute(select(schema.incident.c.kind)).scalars().all()
            row = connection.execute(
                select(schema.account).where(schema.account.c.device == "k-hall-a", schema.account.c.room == "hall")
            ).one()
        assert [tuple(kind) for kind in kinds] == [
            ("forced", "forced"),
            ("entry", "accepted"),
            ("annulled", "annulled"),
            ("exit", "counted"),
        ]
        assert list(raised) == ["forced"]
        mine = one.kiosk.standing.account("hall")
        assert (row.forced, row.entries, row.exits) == (mine.forced, mine.entries, mine.exits) == (1, 1, 3)

    def test_the_organisers_log_tells_it_in_words(self, opened: Watches, sqlite_store: Either) -> None:
        one = opened("hall-a")
        one.kiosk.line.up = False
        one.force("p1", Reason.TECHNICAL)
        one.corner.agree()
        one.annul()
        one.corner.choose(Stage.COUNT_OUT)
        one.corner.count(2)
        one.kiosk.hear()
        client = create_app(sqlite_store, one.kiosk.time).test_client()
        assert sign_in(client, "organiser").status_code == 303
        said = " ".join(unescape(re.sub(r"<[^>]*>", " ", client.get("/log").text)).split())
        assert "Let in by a steward technical by Person 5 over the limit Person 1" in said
        assert "Entry annulled by Person 5 Person 1" in said
        assert "2 by Person 5 counted without a badge No badge" in said
        only = client.get("/log?verdict=forced").text
        assert only.count('data-kind="forced"') == 1
        assert 'data-kind="exit"' not in only
        assert f",{one.kiosk.world.badge_ids['p5'] >> 32}\r\n" in client.get("/log.csv").text

    def test_neither_code_nor_name_nor_badge_text_is_on_the_disk(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.try_code(OTHER_CODE)
        one.try_code(CODE)
        one.force("p1")
        one.annul()
        tokens = one.kiosk.world.tokens
        one.kiosk.disk.close()
        files = b"".join(path.read_bytes() for path in one.kiosk.folder.iterdir())
        one.kiosk.start()
        assert b"forced" in files
        for secret in (CODE, OTHER_CODE, "Person 1", "Person 5", tokens["p1"], tokens["p5"], "argon2id"):
            assert secret.encode() not in files

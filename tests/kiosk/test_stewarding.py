"""What a steward does at a door: forces entries, annuls the last one, counts people without a badge."""

from __future__ import annotations

import pytest

from admission.errors import DiskError
from admission.passage import Kind
from kiosk.stages import Note, Stage
from kiosk.stewarding import MOST, OVER_LIMIT, Reason, Undo
from server import badges, fleet
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from tests.kiosk.watch import Watches

Either = SqliteStore | PostgresStore


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

    def test_it_is_annulled_where_it_was_though_the_kiosk_moved(self, opened: Watches, sqlite_store: Either) -> None:
        one = opened("hall-a")
        one.hold_up("p1")
        sqlite_store.write(lambda c: fleet.assign(c, "k-hall-a", "salon-door", "hall-a", one.kiosk.time()))
        one.kiosk.hear()
        assert one.kiosk.standing.site is not None
        assert one.kiosk.standing.site.gate.id == "salon-door"
        assert one.annul() is Note.ANNULLED
        [passage] = one.written(Kind.ANNULLED)
        assert (passage.room, passage.gate, passage.session) == ("hall", "hall-a", "keynote")

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

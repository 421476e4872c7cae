"""The way through a door: opened after the commit and never before, for every exit, and taken back if nobody went."""

from __future__ import annotations

import msgspec
import pytest

from admission.errors import DiskError
from admission.passage import DID_NOT_TURN, Kind
from admission.wire import ProgrammeNews
from kiosk.stages import Stage
from kiosk.stewarding import Reason
from kiosk.way import UNWRITTEN
from server.store.engine import PostgresStore, SqliteStore
from tests.kiosk.watch import Watch, Watches

Either = SqliteStore | PostgresStore


class Turnstile:
    """A barrier that looks on the disk whenever it is opened. ``stuck``: passages for which nobody will go through."""

    trouble = ""

    def __init__(self, one: Watch) -> None:
        self.one = one
        self.opened: list[int] = []
        self.stuck: list[int] = []

    def open(self, seq: int) -> None:
        """See Barrier."""
        assert seq == UNWRITTEN or self.one.kiosk.journal.passage(seq) is not None
        self.opened.append(seq)

    def undone(self) -> int | None:
        """See Barrier."""
        return self.stuck.pop() if self.stuck else None


def behind(one: Watch) -> Turnstile:
    made = Turnstile(one)
    one.behind(made)
    return made


def show(one: Watch, who: str) -> str:
    one.kiosk.ms += 30_000
    return one.gate.present(one.kiosk.world.tokens.get(who, who)).key


def fail(*_: object) -> None:
    raise DiskError("the disk is full")


class TestOpening:
    def test_it_opens_for_an_entry_that_is_on_the_disk_and_for_no_refusal(self, watch: Watches) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        assert show(one, "p1") == "welcome"
        assert show(one, "p3") == "not_listed"
        assert show(one, "no badge") == "not_ours"
        assert turnstile.opened == [1]

    def test_it_stays_shut_if_the_entry_cannot_be_written(
        self, watch: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        monkeypatch.setattr(one.kiosk.journal, "append", fail)
        assert show(one, "p1") == "disk_full"
        assert turnstile.opened == []

    @pytest.mark.parametrize("who", ["p1", "no badge"])
    def test_everybody_gets_out_with_any_code_and_with_a_full_disk(
        self, watch: Watches, monkeypatch: pytest.MonkeyPatch, who: str
    ) -> None:
        one = watch("hall-out")
        turnstile = behind(one)
        monkeypatch.setattr(one.kiosk.journal, "append", fail)
        assert show(one, who) == "goodbye"
        assert turnstile.opened == [UNWRITTEN]

    def test_a_badge_that_is_held_up_twice_opens_once(self, watch: Watches) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        show(one, "p1")
        one.kiosk.ms += 2_000
        assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "counted"
        assert turnstile.opened == [1]

    def test_it_opens_for_whom_a_steward_forces_but_not_for_people_who_were_only_counted(self, opened: Watches) -> None:
        one = opened("hall-a")
        turnstile = behind(one)
        one.force("p1", Reason.MEDICAL)
        assert turnstile.opened == [1]
        one.corner.choose(Stage.COUNT_IN)
        one.corner.count(3)
        one.gate.step(one.kiosk.frame)
        assert [passage.count for passage in one.written()] == [1, 3]
        assert turnstile.opened == [1]


class TestDidNotTurn:
    def test_an_entry_is_annulled_its_seat_is_back_and_the_same_badge_may_come_again(self, watch: Watches) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        seats = one.kiosk.standing.account("hall").balance
        show(one, "p1")
        assert one.kiosk.standing.account("hall").balance == seats - 1
        turnstile.stuck = [1]
        one.gate.step(one.kiosk.frame)
        assert one.kiosk.face.now == "did_not_turn"
        [annulled] = one.written(Kind.ANNULLED)
        assert (annulled.of, annulled.by, annulled.flags) == (1, 0, (DID_NOT_TURN,))
        assert one.kiosk.standing.account("hall").balance == seats
        one.kiosk.ms += 3_000
        assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "welcome"

    def test_the_server_counts_nobody_for_it_and_its_audit_is_content(
        self, watch: Watches, sqlite_store: Either
    ) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        show(one, "p1")
        turnstile.stuck = [1]
        one.gate.step(one.kiosk.frame)
        one.kiosk.hear()
        with sqlite_store.read() as connection:
            rows = connection.exec_driver_sql("SELECT kind, verdict, flags FROM passage ORDER BY seq").all()
            inside = connection.exec_driver_sql("SELECT count(*) FROM stay WHERE closed IS NULL").scalar_one()
        assert [(row[0], row[1]) for row in rows] == [("entry", "accepted"), ("annulled", "annulled")]
        assert DID_NOT_TURN in str(rows[1][2])
        assert inside == 0

    def test_the_same_signal_twice_annuls_once(self, watch: Watches) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        show(one, "p1")
        turnstile.stuck = [1, 1]
        for _ in range(3):
            one.gate.step(one.kiosk.frame)
        assert len(one.written(Kind.ANNULLED)) == 1

    def test_whoever_did_not_go_out_after_all_is_let_in_again_on_the_seat_that_came_back(self, watch: Watches) -> None:
        one = watch("hall-out")
        one.kiosk.line.cut = True  # else the seat goes back to the server at once
        turnstile = behind(one)
        before = one.kiosk.standing.account("hall")
        show(one, "p1")
        assert one.kiosk.standing.account("hall").balance == before.balance + 1
        turnstile.stuck = [1]
        one.gate.step(one.kiosk.frame)
        [entry] = one.written(Kind.ENTRY)
        assert (entry.badge, entry.flags) == (one.kiosk.world.badge_ids["p1"], (DID_NOT_TURN,))
        assert one.kiosk.standing.account("hall").balance == before.balance

    def test_if_that_seat_is_gone_already_they_are_counted_as_forced(self, watch: Watches) -> None:
        one = watch("hall-out")
        turnstile = behind(one)
        show(one, "p1")
        account = one.kiosk.standing.account("hall")
        assert one.kiosk.standing.account("hall").balance == 0
        turnstile.stuck = [1]
        one.gate.step(one.kiosk.frame)
        [forced] = one.written(Kind.FORCED)
        assert (forced.why, forced.flags, forced.count) == ("technical", (DID_NOT_TURN,), 1)
        assert one.kiosk.standing.account("hall").forced == account.forced + 1

    def test_where_exits_bring_no_seat_back_nothing_is_written_for_one_that_did_not_happen(
        self, watch: Watches
    ) -> None:
        one = watch("club-door")
        one.kiosk.standing.turn(out=True)
        turnstile = behind(one)
        assert show(one, "p1") == "goodbye"
        turnstile.stuck = [1]
        one.gate.step(one.kiosk.frame)
        assert [passage.kind for passage in one.written()] == [Kind.EXIT]

    def test_a_disk_that_fails_then_is_said_and_the_signal_is_not_forgotten(
        self, watch: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        show(one, "p1")
        turnstile.stuck = [1]
        with monkeypatch.context() as broken:
            broken.setattr(one.kiosk.journal, "append", fail)
            one.gate.step(one.kiosk.frame)
            assert one.kiosk.face.status.trouble == "the disk is full"
        one.gate.step(one.kiosk.frame)
        assert [passage.of for passage in one.written(Kind.ANNULLED)] == [1]

    @pytest.mark.parametrize("cut", [True, False])
    def test_however_often_somebody_tries_to_leave_only_as_many_seats_come_back_as_bodies(
        self, watch: Watches, cut: bool
    ) -> None:
        """With the line up the seat goes back to the server at once, so that who stays inside is counted as forced."""
        one = watch("hall-out")
        one.kiosk.line.cut = cut
        turnstile = behind(one)
        for number in (1, 3, 5):
            assert show(one, "p1") == "goodbye"
            assert turnstile.opened[-1] == number
            turnstile.stuck = [number]
            one.gate.step(one.kiosk.frame)
            assert one.kiosk.face.now == "did_not_turn"
        account = one.kiosk.standing.account("hall")
        assert account.exits == account.entries + account.forced == 3
        one.kiosk.ms += 2_000
        assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "goodbye"

    def test_at_a_two_way_gate_whoever_did_not_go_out_may_try_again_at_once(self, watch: Watches) -> None:
        one = watch("salon-door")
        turnstile = behind(one)
        assert show(one, "p1") == "welcome"
        assert show(one, "p1") == "goodbye"
        turnstile.stuck = [2]
        one.gate.step(one.kiosk.frame)
        one.kiosk.ms += 2_000
        assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "goodbye"
        assert turnstile.opened == [1, 2, 4]

    def test_what_says_so_does_not_cover_the_answer_to_the_next(self, watch: Watches) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        show(one, "p1")
        one.kiosk.ms += 1_500
        one.gate.present(one.kiosk.world.tokens["p2"])
        turnstile.stuck = [1]
        one.gate.step(one.kiosk.frame)
        assert one.kiosk.face.now == "welcome"
        assert [passage.of for passage in one.written(Kind.ANNULLED)] == [1]


class TestOnePassageOneOpening:
    def test_a_forced_entry_that_is_shown_later_does_not_bring_an_earlier_green_back(self, opened: Watches) -> None:
        one = opened("hall-a")
        turnstile = behind(one)
        one.corner.choose(Stage.REASON)
        one.corner.give_reason(Reason.OTHER)
        one.corner.has_no_badge()  # passage 1, not shown yet
        assert show(one, "p1") == "welcome"  # passage 2
        one.gate.step(one.kiosk.frame)  # passage 1 is shown
        one.kiosk.ms += 30_000
        assert one.gate.present(one.kiosk.world.tokens["p1"]).key != "welcome"
        assert turnstile.opened == [2, 1]

    def test_a_disk_on_which_nothing_can_be_marked_opens_no_second_time(
        self, watch: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        monkeypatch.setattr(one.kiosk.disk, "set_fact", fail)
        assert show(one, "p1") == "welcome"
        for _ in range(3):
            one.kiosk.ms += 3_000
            assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "counted"
        assert turnstile.opened == [1]

    def test_everybody_whom_a_steward_forces_between_two_frames_is_let_in(self, opened: Watches) -> None:
        one = opened("hall-a")
        turnstile = behind(one)
        one.force()
        one.force()
        one.corner.choose(Stage.COUNT_IN)
        one.corner.count(3)
        for _ in range(4):
            one.gate.step(one.kiosk.frame)
        assert turnstile.opened == [1, 2]

    def test_a_reader_that_fails_at_every_frame_keeps_no_forced_entry_back(
        self, opened: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = opened("hall-a")
        turnstile = behind(one)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("the reader is dead")

        monkeypatch.setattr(one.kiosk.script, "look", broken)
        one.force()
        one.gate.step(one.kiosk.frame)
        assert turnstile.opened == [1]


class TestAWayOutThatWasTurned:
    def test_codes_that_are_no_badge_open_nothing_there(self, watch: Watches) -> None:
        one = watch("hall-a")
        one.kiosk.standing.turn(out=True)
        turnstile = behind(one)
        assert show(one, "https://example.org") == "not_ours"
        assert turnstile.opened == []

    def test_only_somebody_who_is_known_to_be_inside_brings_a_seat_back(self, watch: Watches) -> None:
        one = watch("hall-a")
        assert show(one, "p1") == "welcome"
        one.kiosk.standing.turn(out=True)
        for who in ("p2", "p1"):
            assert show(one, who) == "goodbye"
        assert one.kiosk.standing.account("hall").exits == 1

    def test_news_of_the_programme_never_makes_it_an_entry_for_a_moment(self, watch: Watches) -> None:
        one = watch("hall-a")
        standing = one.kiosk.standing
        standing.turn(out=True)
        seen: list[bool] = []
        fact = one.kiosk.disk.fact

        def look(name: str) -> str | None:
            seen.append(standing.exit_only)
            return fact(name)

        kept = fact("programme")
        assert kept is not None
        news = msgspec.json.decode(kept, type=ProgrammeNews)
        one.kiosk.disk.fact = look  # type: ignore[method-assign]
        standing.learn_programme(news)
        assert seen
        assert all(seen)
        assert standing.exit_only


def test_a_passage_that_cannot_be_read_keeps_nobody_in(watch: Watches, monkeypatch: pytest.MonkeyPatch) -> None:
    one = watch("hall-out")
    turnstile = behind(one)
    assert show(one, "p1") == "goodbye"
    monkeypatch.setattr(one.kiosk.journal, "passage", fail)
    one.kiosk.ms += 2_000
    assert one.gate.present(one.kiosk.world.tokens["p1"]).key == "goodbye"
    assert turnstile.opened == [1, UNWRITTEN]


def test_somebody_inside_gets_out_of_a_two_way_gate_although_the_disk_cannot_be_read(
    watch: Watches, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = watch("salon-door")
    turnstile = behind(one)
    assert show(one, "p1") == "welcome"
    one.kiosk.hear()
    monkeypatch.setattr(one.kiosk.journal, "last_visit", fail)
    assert show(one, "p1") == "goodbye"
    assert show(one, "p4") == "disk_full"
    assert turnstile.opened == [1, UNWRITTEN]


def test_what_is_wrong_with_the_barrier_is_said_to_staff(watch: Watches) -> None:
    one = watch("hall-a")
    behind(one).trouble = "the relay on pin 17 cannot be switched off"
    one.gate.step(one.kiosk.frame)
    assert one.kiosk.face.status.trouble == "the relay on pin 17 cannot be switched off"

"""The way through a door: opened after the commit and never before, for every exit, and taken back if nobody went."""

from __future__ import annotations

import pytest

from admission.errors import DiskError
from admission.passage import Kind
from kiosk.stages import Stage
from kiosk.stewarding import DID_NOT_TURN, Reason
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

    def test_a_disk_that_fails_then_stops_nothing_and_is_said(
        self, watch: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = watch("hall-a")
        turnstile = behind(one)
        show(one, "p1")
        turnstile.stuck = [1]
        monkeypatch.setattr(one.kiosk.journal, "append", fail)
        one.gate.step(one.kiosk.frame)
        assert one.kiosk.face.status.trouble == "the disk is full"


def test_what_is_wrong_with_the_barrier_is_said_to_staff(watch: Watches) -> None:
    one = watch("hall-a")
    behind(one).trouble = "the relay on pin 17 cannot be switched off"
    one.gate.step(one.kiosk.frame)
    assert one.kiosk.face.status.trouble == "the relay on pin 17 cannot be switched off"

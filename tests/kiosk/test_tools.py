"""A steward's tools at a door: what a badge's number says, the last passages, volume, the way out, switching off."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from admission.errors import DiskError
from admission.passage import Kind
from admission.rules import Why
from admission.target import TEXT
from admission.venue import Direction
from kiosk.clock import Anchor
from kiosk.face.sound import hours
from kiosk.power import ask
from kiosk.stages import OUTSIDE, TOOLS, Note, Stage
from kiosk.tools import Found, Loudness, NoPower, Passed
from kiosk.volume import Volume
from server import badges
from server.store.engine import PostgresStore, SqliteStore
from tests.kiosk.watch import Watch, Watches

Either = SqliteStore | PostgresStore


def find(one: Watch, number: int) -> Found:
    one.use(Stage.FIND)
    one.corner.use_tool("number", number)
    view = one.corner.view()
    assert view.stage is Stage.FOUND
    assert isinstance(view.sheet, Found)
    one.corner.back()
    one.corner.back()
    one.corner.back()
    assert one.stage is Stage.MENU
    return view.sheet


def serial(one: Watch, who: str) -> int:
    return one.kiosk.world.badge_ids[who] >> 32


class TestFinding:
    def test_a_badge_that_came_in_here_is_told_with_time_and_by_number_alone(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.hold_up("p1")
        found = find(one, serial(one, "p1"))
        assert (found.last, found.revoked, found.replaced, found.newer) == ("entry", False, 0, False)
        assert found.at is not None
        assert found.listed == "silent"
        assert "Person" not in repr(found)

    def test_one_that_is_revoked_replaced_uninvited_or_unknown_is_told_as_that(
        self, opened: Watches, sqlite_store: Either
    ) -> None:
        one = opened("hall-a")
        old = serial(one, "p9")
        sqlite_store.write(
            lambda c: badges.issue(c, badges.Selection(["p9"], reprint=True), one.kiosk.world.now, os.urandom)
        )
        one.kiosk.hear()
        replaced = find(one, old)
        assert replaced.revoked
        assert replaced.replaced > old
        assert find(one, serial(one, "p3")).listed == "no"
        assert find(one, 9_999).newer

    def test_a_number_that_is_none_is_asked_for_again(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.use(Stage.FIND)
        for number in (0, -1, 2**32):
            one.corner.use_tool("number", number)
            assert (one.stage, one.note) == (Stage.FIND, Note.NO_BADGE)


def test_the_last_passages_come_newest_first_with_what_became_of_them(opened: Watches) -> None:
    one = opened("hall-a")
    one.hold_up("p1")
    one.hold_up("p3")
    one.annul()
    view = one.use(Stage.LAST)
    assert isinstance(view.sheet, tuple)
    rows = [row for row in view.sheet if isinstance(row, Passed)]
    told = [(row.kind, row.number, row.why, row.annulled) for row in rows]
    p1, p3 = serial(one, "p1"), serial(one, "p3")
    assert told == [
        ("annulled", p1, "", False),
        ("refused", p3, Why.NOT_LISTED.value, False),
        ("entry", p1, "", True),
    ]
    assert all(row.at is not None for row in rows)


class TestTheWayOut:
    def turn(self, one: Watch) -> None:
        assert one.use(Stage.EXITS).sheet is one.kiosk.standing.exit_only
        one.corner.use_tool("turn", 0)

    def test_a_gate_that_leads_in_lets_everybody_out_and_nobody_in_until_it_is_turned_back(
        self, opened: Watches
    ) -> None:
        one = opened("hall-a")
        assert one.hold_up("p1") == "welcome"
        self.turn(one)
        assert (one.stage, one.note) == (Stage.MORE, Note.WAY_OUT)
        assert one.hold_up("p1", later_ms=30_000) == "goodbye"
        one.kiosk.ms += 30_000
        one.gate.step(one.kiosk.frame)
        assert one.kiosk.face.now == "waiting_out"
        assert one.kiosk.standing.account("hall").exits == 1
        one.try_code()
        self.turn(one)
        assert one.note is Note.WAY_IN
        assert one.hold_up("p2", later_ms=30_000) == "welcome"
        assert [passage.kind for passage in one.written()] == [Kind.ENTRY, Kind.EXIT, Kind.ENTRY]

    def test_it_outlives_a_restart_and_news_but_not_a_move_to_another_gate(self, opened: Watches) -> None:
        one = opened("hall-a")
        self.turn(one)
        one.restart("boot-2")
        one.kiosk.hear()
        assert one.kiosk.standing.exit_only
        assert one.kiosk.standing.site is not None
        assert one.kiosk.standing.site.gate.direction is Direction.OUT
        with one.kiosk.disk.transaction():
            one.kiosk.disk.set_fact("exit only", "hall-b")
        one.restart()
        assert not one.kiosk.standing.exit_only

    def test_the_server_takes_such_exits_as_any_other(self, opened: Watches, sqlite_store: Either) -> None:
        one = opened("salon-door")
        assert one.kiosk.show("p1") == "welcome"
        one.try_code()
        self.turn(one)
        assert one.kiosk.show("p1") == "goodbye"
        one.kiosk.hear()
        assert one.kiosk.journal.waiting == 0
        with sqlite_store.read() as connection:
            rows = connection.exec_driver_sql("SELECT kind, verdict FROM passage ORDER BY seq").all()
        assert [tuple(row) for row in rows] == [("entry", "accepted"), ("exit", "accepted")]


class TestVolume:
    def test_it_changes_in_steps_stays_in_bounds_and_outlives_a_restart(self, opened: Watches) -> None:
        one = opened("hall-a")
        assert one.use(Stage.VOLUME).sheet == Loudness(60, 60)
        for _ in range(6):
            one.corner.use_tool("louder", 0)
        assert one.corner.view().sheet == Loudness(100, 100)
        one.corner.use_tool("softer", 0)
        one.restart()
        assert one.volume.level == 90

    def test_in_silent_hours_of_the_venue_nothing_is_heard(self, watch: Watches) -> None:
        one = watch("hall-a").kiosk  # in Asia/Kolkata: UTC+5:30
        volume = Volume(60, hours(["22:00-07:00"]), one.disk, one.standing, one.clock)
        for at, heard in (("16:29", 60), ("16:30", 0), ("01:29", 0), ("01:30", 60)):
            instant = datetime.fromisoformat(f"2026-03-01T{at}:00+00:00")
            server_ms = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
            one.clock.anchor = Anchor(one.clock.boot, one.clock.ms(), server_ms, 1)
            assert volume.now() == heard, at

    def test_without_a_clock_it_is_never_night(self, watch: Watches) -> None:
        one = watch("hall-a").kiosk
        one.clock.anchor = None
        assert Volume(60, hours(["00:00-24:00"]), one.disk, one.standing, one.clock).now() == 60


class TestSwitchingOff:
    def test_it_is_asked_once_more_and_then_done(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.use(Stage.POWER)
        one.corner.use_tool("program", 0)
        assert (one.stage, one.corner.view().sheet, one.ended) == (Stage.SURE, "program", [])
        one.corner.use_tool("program", 0)  # a finger that comes down twice
        assert (one.stage, one.ended) == (Stage.SURE, [])
        one.corner.use_tool("yes", 0)
        assert (one.stage, one.note, one.ended) == (Stage.MORE, Note.GOING, ["program"])

    def test_a_kiosk_that_cannot_says_so(self, opened: Watches) -> None:
        one = opened("hall-a")
        one.use(Stage.POWER)
        one.corner.use_tool("off", 0)
        one.corner.use_tool("yes", 0)
        assert (one.stage, one.note) == (Stage.POWER, Note.NO_POWER)

    def test_the_word_is_left_where_the_machine_looks_for_it(self, tmp_path: Path) -> None:
        ask(str(tmp_path), "off")
        assert (tmp_path / "power").read_text("ascii") == "off\n"
        for folder in (None, f"{tmp_path}/missing"):
            with pytest.raises(NoPower):
                ask(folder, "again")


class TestWhoMay:
    @pytest.mark.parametrize("tool", sorted(TOOLS))
    def test_no_tool_opens_without_badge_and_code(self, watch: Watches, tool: Stage) -> None:
        one = watch("hall-a")
        one.corner.open()
        for press in ("number", "turn", "louder", "off", "program"):
            one.corner.choose(Stage.MORE)
            one.corner.choose(tool)
            one.corner.use_tool(press, 1)
        assert one.stage in OUTSIDE
        assert (one.ended, one.volume.level, one.kiosk.standing.exit_only) == ([], 60, False)

    def test_a_disk_that_fails_is_said_and_changes_nothing(
        self, opened: Watches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = opened("hall-a")
        one.use(Stage.VOLUME)

        def fail(*_: object) -> None:
            raise DiskError("the disk is full")

        monkeypatch.setattr(one.kiosk.disk, "set_fact", fail)
        one.corner.use_tool("louder", 0)
        assert (one.stage, one.note, one.volume.level) == (Stage.MENU, Note.DISK, 60)

    def test_a_test_under_way_takes_the_target_and_leaves_visitors_alone(self, opened: Watches) -> None:
        one = opened("hall-a")
        assert one.use(Stage.TEST).stage is Stage.TEST
        assert one.test.on
        assert one.hold_up(TEXT) == "reading"
        assert one.hold_up("p1") == "welcome"
        one.kiosk.ms += 30_000
        assert one.hold_up(TEXT) == "not_ours"

"""The steward's corner: who gets in, what is written, and that nobody learns anything from it."""

from __future__ import annotations

import os
import re
from html import unescape

import pytest
from sqlalchemy import select

from admission.errors import DiskError
from admission.passage import Kind
from kiosk.padlock import LOCK_MS, TRIES
from kiosk.position import BECKON_MS, IDLE_MS
from kiosk.stages import Note, Stage
from kiosk.stewarding import Reason
from server import badges, stewards
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.web import create_app
from tests.kiosk.watch import CODE, OTHER_CODE, Watch, Watches
from tests.pages import sign_in

Either = SqliteStore | PostgresStore


def _fail(*_: object) -> None:
    raise DiskError("the disk is full")


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

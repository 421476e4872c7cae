"""The gate: what visitors see, what is written, and that nothing stops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from admission.badge import Badge, badge_id, issue
from admission.passage import Kind, Passage, decode
from admission.seats import RolledBack
from deploy.cards import code
from kiosk.camera import Away
from kiosk.gate import Gate
from server import badges
from server.store.engine import PostgresStore, SqliteStore
from tests.eyes import new_eye
from tests.kiosk.conftest import Doors, Kiosk

Either = SqliteStore | PostgresStore


def written(kiosk: Kiosk) -> list[Passage]:
    """Everything in the journal."""
    with kiosk.disk.reading() as connection:
        return [decode(row[0]) for row in connection.execute("SELECT body FROM journal ORDER BY seq")]


def test_a_badge_that_may_enter_is_welcomed_by_name_and_written_down(door: Doors) -> None:
    kiosk = door("hall-a")
    assert kiosk.show("p1") == "welcome"
    assert kiosk.face.shown[-1].name == "Person 1"
    assert kiosk.face.shown[-1].detail == "Keynote"
    [passage] = written(kiosk)
    assert (passage.kind, passage.badge, passage.session) == (Kind.ENTRY, kiosk.world.badge_ids["p1"], "keynote")
    assert kiosk.journal.waiting == 0


def test_green_is_shown_only_after_the_passage_is_on_the_disk(door: Doors) -> None:
    kiosk = door("hall-a")
    at_green: list[int] = []
    show = kiosk.face.show

    def watch(shown: object) -> None:
        if getattr(shown, "state", "") == "welcome":
            at_green.append(kiosk.journal.seq)
        show(shown)  # type: ignore[arg-type]

    kiosk.face.show = watch  # type: ignore[method-assign]
    kiosk.show("p1")
    assert at_green == [1]


def test_the_same_badge_within_ten_seconds_is_already_counted_and_never_green_twice(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.show("p1")
    assert kiosk.show("p1", later_ms=9_000) == "counted"
    assert kiosk.face.shown[-1].detail.count(":") == 2
    assert len(written(kiosk)) == 1


def test_after_a_refusal_the_next_presentation_is_decided_afresh(door: Doors, sqlite_store: Either) -> None:
    kiosk = door("hall-a")
    sqlite_store.write(lambda c: badges.revoke(c, ["p4"], "lost", kiosk.world.now))
    assert kiosk.show("p4") == "revoked"
    assert kiosk.show("p3") == "not_listed"
    assert kiosk.show("p1") == "welcome"


@pytest.mark.parametrize(
    ("text", "words"), [("https://example.org", "not_ours"), ("TBXX", "damaged"), ("", "not_ours")]
)
def test_a_code_that_is_no_badge_is_refused_counted_and_not_kept(door: Doors, text: str, words: str) -> None:
    kiosk = door("hall-a")
    assert kiosk.show(text) == words
    assert kiosk.gate.strangers == 1
    assert written(kiosk) == []


def test_a_forged_badge_is_sent_to_a_steward_and_never_told_why(door: Doors) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    kiosk = door("hall-a")
    forger = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    kiosk.show(issue(Badge(7, 0, badge_id(1, 1), 0, 0, 0, 0), forger))
    assert kiosk.face.shown[-1].state == "steward"
    assert "forge" not in (kiosk.face.shown[-1].title + kiosk.face.shown[-1].advice).lower()


def test_with_the_server_away_the_first_scan_after_a_restart_is_decided(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.restart()
    kiosk.line.cut = True
    assert kiosk.show("p1") == "welcome"
    assert kiosk.show("p3") == "not_listed"
    assert kiosk.journal.waiting == 2


def test_after_a_reboot_without_a_network_or_a_clock_nobody_is_refused_for_the_time(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.restart(boot="boot-2")
    kiosk.line.cut = True
    assert kiosk.clock.now() is None
    assert kiosk.show("p1") == "welcome"
    assert written(kiosk)[-1].flags == ("no_clock",)
    assert written(kiosk)[-1].at is None


def test_a_kiosk_spends_only_seats_that_it_holds_whatever_the_network_does(door: Doors) -> None:
    kiosk = door("club-door")
    held = kiosk.standing.account("club").balance
    kiosk.line.cut = True
    for number in range(60):
        kiosk.show("p1" if number % 2 else "p2")
    entries = [passage for passage in written(kiosk) if passage.kind is Kind.ENTRY]
    assert len(entries) == held <= 30
    assert kiosk.face.now == "no_seats"


def test_a_full_room_is_told_apart_from_a_door_without_seats(door: Doors) -> None:
    kiosk = door("club-door")
    seen = {kiosk.show("p1" if number % 2 else "p2") for number in range(60)}
    assert seen == {"welcome", "full"}
    assert sum(passage.kind is Kind.ENTRY for passage in written(kiosk)) == 30


def test_a_two_way_gate_turns_after_twenty_seconds_and_an_exit_needs_no_seat(door: Doors) -> None:
    kiosk = door("salon-door")
    assert kiosk.show("p1") == "welcome"
    assert kiosk.show("p1", later_ms=15_000) == "counted"
    assert kiosk.show("p1", later_ms=15_000) == "goodbye"
    assert kiosk.show("p1", later_ms=25_000) == "welcome"
    kiosk.line.cut = True
    assert kiosk.show("p1", later_ms=25_000) == "goodbye"


def test_the_server_gives_the_seat_of_a_matched_exit_back(door: Doors) -> None:
    kiosk = door("salon-door")
    who = [name for name in kiosk.world.tokens if int(name[1:]) % 3 in (0, 1)]
    for step in range(40):
        name = who[step % 12]
        kiosk.show(name, later_ms=25_000)
    assert kiosk.show(who[13]) == "welcome"


def test_somebody_inside_by_another_gate_is_not_let_in_twice(door: Doors) -> None:
    first, second, way_out = door("hall-a"), door("hall-b"), door("hall-out")
    assert first.show("p1") == "welcome"
    way_out.hear()
    assert second.show("p1", later_ms=10_000) == "inside_already"
    second.line.cut = True
    assert second.show("p1") == "welcome"
    assert written(second)[-1].flags == ()


def test_whoever_went_out_while_the_line_was_cut_comes_in_again(door: Doors) -> None:
    kiosk = door("salon-door")
    assert kiosk.show("p1") == "welcome"
    kiosk.line.cut = True
    for number in range(25):
        kiosk.show(f"p{2 + 3 * number}" if number < 20 else "p2", later_ms=61_000)
    assert kiosk.show("p1") == "goodbye"
    kiosk.line.cut = False
    assert kiosk.show("p1") == "welcome"


def test_a_visitor_of_this_morning_is_not_refused_because_the_server_is_away(door: Doors) -> None:
    kiosk, way_out = door("hall-a"), door("hall-out")
    kiosk.show("p1")
    assert way_out.show("p1") == "goodbye"
    kiosk.line.cut = True
    assert kiosk.show("p1", later_ms=3_600_000) == "welcome"


def test_the_session_served_last_stays_open_after_a_power_cut_without_a_network(door: Doors) -> None:
    kiosk = door("hall-a")
    assert kiosk.show("p1") == "welcome"
    kiosk.restart(boot="boot-2")
    kiosk.line.cut = True
    kiosk.show("p4")
    assert written(kiosk)[-1].session == "keynote"


def test_somebody_inside_gets_out_of_a_two_way_gate_although_the_disk_is_full(door: Doors) -> None:
    kiosk = door("salon-door")
    assert kiosk.show("p1") == "welcome"
    kiosk.disk._connection.execute("PRAGMA query_only = 1")
    assert kiosk.show("p1") == "goodbye"


def test_a_badge_held_up_while_the_door_starts_is_decided_as_soon_as_it_can_be(door: Doors) -> None:
    kiosk = door("hall-a", heard=False)
    kiosk.script.texts = [kiosk.world.tokens["p1"]]
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.now == "starting"
    kiosk.hear()
    kiosk.ms += 400
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.now == "welcome"
    for _ in range(20):
        kiosk.ms += 100
        kiosk.gate.step(kiosk.frame)
    assert len(written(kiosk)) == 1


def test_an_exit_is_open_to_everybody_always(door: Doors) -> None:
    kiosk = door("hall-out")
    for text in ("p1", "p3", "https://example.org", "TBdamaged"):
        assert kiosk.show(text) == "goodbye"
    assert [passage.kind for passage in written(kiosk)] == [Kind.EXIT, Kind.EXIT]


def test_an_admission_that_was_never_seen_is_shown_when_the_badge_comes_back(door: Doors) -> None:
    kiosk = door("hall-a")

    def cut(_seq: int) -> None:
        raise KeyboardInterrupt

    kiosk.journal.mark_shown = cut  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        kiosk.show("p1")
    kiosk.restart(boot="boot-2")
    assert kiosk.show("p1", later_ms=20_000) == "welcome"
    assert len(written(kiosk)) == 1
    assert kiosk.show("p1", later_ms=20_000) != "welcome"


def test_repeated_refusals_are_two_passages_with_a_count(door: Doors) -> None:
    kiosk = door("hall-a")
    for _ in range(6):
        kiosk.show("p3", later_ms=5_000)
    kiosk.ms += 60_000
    kiosk.gate.step(kiosk.frame)
    assert [(passage.why, passage.count) for passage in written(kiosk)] == [("not_listed", 1), ("not_listed", 5)]


def test_a_garbled_answer_is_visible_and_changes_nothing(door: Doors) -> None:
    kiosk = door("hall-a")
    before = kiosk.standing.account("hall")
    for garbled in (b"", b"{}", b"<html>portal</html>"):
        kiosk.line.garble = lambda _body, garbled=garbled: garbled  # type: ignore[misc]
        assert kiosk.line.ask(1, "hall") is None
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.status.trouble
    assert not kiosk.face.status.link_up
    assert kiosk.standing.account("hall") == before
    assert kiosk.show("p1") == "welcome"


def test_an_answer_to_another_letter_is_refused(door: Doors) -> None:
    kiosk = door("hall-a")
    old: list[bytes] = []

    def overhear(body: bytes) -> bytes:
        old.append(body)
        return body

    kiosk.line.garble = overhear
    kiosk.hear()
    kiosk.ms += 1000
    kiosk.line.garble = lambda _body: old[0]
    assert kiosk.line.ask(1, "hall") is None


def test_a_disk_that_does_not_write_lets_nobody_in_uncounted_and_everybody_out(door: Doors) -> None:
    entry, way_out = door("hall-a"), door("hall-out")
    for kiosk in (entry, way_out):
        kiosk.disk._connection.execute("PRAGMA query_only = 1")
    assert entry.show("p1") == "disk_full"
    assert way_out.show("p2") == "goodbye"
    entry.gate.step(entry.frame)
    assert "disk" in entry.face.status.trouble
    entry.disk._connection.execute("PRAGMA query_only = 0")
    assert entry.show("p1") == "welcome"


def test_a_camera_that_vanishes_is_shown_and_the_door_goes_on_when_it_is_back(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.gate.step(Away("unplugged"))
    assert kiosk.face.now == "camera_away"
    kiosk.ms += 10_000
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.now == "waiting"
    kiosk.script.texts = [kiosk.world.tokens["p1"]]
    for _ in range(12):
        kiosk.gate.step(kiosk.frame)
    assert kiosk.face.now == "welcome"
    assert len(written(kiosk)) == 1


def test_an_error_of_our_own_is_shown_and_does_not_stop_the_loop(door: Doors) -> None:
    kiosk = door("hall-a")

    def fail(*_: object, **__: object) -> object:
        raise RuntimeError("a bug")

    kiosk.script.look = fail  # type: ignore[method-assign, assignment]
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.now == "out_of_order"


def test_a_kiosk_that_was_never_told_anything_says_that_it_is_starting(door: Doors) -> None:
    kiosk = door("hall-a", heard=False)
    assert kiosk.show("p1") == "starting"


def test_a_person_whom_another_kiosk_decides_on_waits_a_moment_and_is_asked_about_again(door: Doors) -> None:
    first, second = door("hall-a"), door("club-door")
    first.line.ask(first.world.badge_ids["p1"], "hall")
    second.script.texts = [second.world.tokens["p1"]]
    second.gate.step(second.frame)
    assert second.face.now == "moment"
    second.lanes._claims._held.clear()
    second.ms += 400
    second.gate.step(second.frame)
    assert second.face.now == "welcome"


def test_a_reprinted_badge_is_the_same_person(door: Doors, sqlite_store: Either) -> None:
    kiosk = door("hall-a")
    other, way_out = door("hall-b"), door("hall-out")
    assert kiosk.show("p1") == "welcome"
    now = kiosk.world.now + timedelta(minutes=1)
    [serial] = sqlite_store.write(lambda c: badges.issue(c, badges.Selection(["p1"], reprint=True), now, _random))
    [card] = sqlite_store.write(lambda c: badges.cards(c, [serial]))
    kiosk.hear()
    assert kiosk.show(card.text, later_ms=5_000) == "counted"
    way_out.hear()
    kiosk.hear()
    assert other.show(card.text, later_ms=5_000) == "inside_already"


def test_a_kiosk_whose_store_is_an_older_copy_is_unmasked_by_the_server(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.show("p1")
    kiosk.disk.close()
    copy = (kiosk.folder / "kiosk.db").read_bytes()
    kiosk.start()
    kiosk.show("p2")
    kiosk.disk.close()
    (kiosk.folder / "kiosk.db").write_bytes(copy)
    kiosk.start()
    with pytest.raises(RolledBack, match="2 passages"):
        kiosk.hear()


def _random(size: int) -> bytes:
    return b"\x07" * size


def test_a_badge_held_still_before_a_slow_camera_is_one_presentation(door: Doors) -> None:
    kiosk = door("hall-a")
    kiosk.script.texts = [kiosk.world.tokens["p1"]]
    for _ in range(40):
        kiosk.ms += 700
        kiosk.gate.step(kiosk.frame)
    assert [shown.key for shown in kiosk.face.shown if shown.state in ("welcome", "counted", "refused")] == ["welcome"]


def test_whoever_leaves_a_second_time_by_the_same_exit_brings_a_seat_back_again(door: Doors) -> None:
    first, way_out = door("hall-a"), door("hall-out")
    for round_trip in (1, 2):
        assert first.show("p1", later_ms=60_000) == "welcome"
        assert way_out.show("p1", later_ms=60_000) == "goodbye"
        assert way_out.standing.account("hall").exits == round_trip
    assert way_out.show("p1", later_ms=60_000) == "goodbye"
    assert way_out.standing.account("hall").exits == 2, "nobody was inside"


def test_an_exit_that_the_server_has_not_heard_of_yet_is_not_credited_twice(door: Doors) -> None:
    first, way_out = door("hall-a"), door("hall-out")
    first.show("p1")
    way_out.line.cut = True
    way_out.show("p1", later_ms=60_000)
    way_out.show("p1", later_ms=60_000)
    assert way_out.standing.account("hall").exits == 1


POSTER = "https://poster.example.org"


def play(kiosk: Kiosk, film: list[tuple[int, list[str]]]) -> list[str]:
    """What is shown, one after the other; a film is pauses (ms) and what is in view after each."""
    seen: list[str] = []
    for pause, texts in film:
        kiosk.ms += pause
        kiosk.script.texts = texts
        kiosk.gate.step(kiosk.frame)
        if not seen or seen[-1] != kiosk.face.now:
            seen.append(kiosk.face.now)
    return seen


def test_a_poster_behind_the_visitor_does_not_cover_the_welcome(door: Doors) -> None:
    kiosk = door("hall-a")
    badge = kiosk.world.tokens["p1"]
    seen = play(kiosk, [(0, [badge]), (100, [badge]), *[(100, [POSTER])] * 20])
    assert seen == ["welcome"]


def test_whoever_waits_a_moment_is_decided_on_though_a_poster_was_read_meanwhile(door: Doors) -> None:
    first, kiosk = door("hall-a"), door("club-door")
    first.line.ask(first.world.badge_ids["p1"], "hall")
    badge = kiosk.world.tokens["p1"]
    assert play(kiosk, [(0, [badge]), (100, [badge])]) == ["moment"]
    play(kiosk, [(100, [POSTER])] * 3)
    kiosk.lanes._claims._held.clear()
    assert play(kiosk, [(33, [badge])] * 150)[-1] in ("welcome", "waiting")
    assert "welcome" in {shown.key for shown in kiosk.face.shown}


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_two_badges_lying_in_view_are_each_welcomed_once(door: Doors, fps: int) -> None:
    """With the real eye, whatever it passes over."""
    kiosk = door("club-door")
    wall, dice = np.full((720, 1280), 200, np.uint8), np.random.default_rng(1)
    for who, x, y in (("p1", 600, 360), ("p2", 250, 300)):
        symbol = code(kiosk.world.tokens[who])
        top, left = y - symbol.shape[0] // 2, x - symbol.shape[1] // 2
        wall[top : top + symbol.shape[0], left : left + symbol.shape[1]] = symbol
    frames = [np.clip(wall + dice.normal(0, 1, wall.shape), 0, 255).astype(np.uint8) for _ in range(3)]
    gate = Gate(replace(kiosk.parts, reader=new_eye()))
    kiosk.ms += 60_000
    for at in range(30 * fps):
        kiosk.ms += 1000 // fps
        gate.step(frames[at % 3])
    assert [shown.key for shown in kiosk.face.shown].count("welcome") == 2

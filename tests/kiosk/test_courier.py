"""The courier at a cut-off door, both ways: codes off its screen to a real server, and its code into the camera."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from admission import courier
from admission.errors import DiskError
from admission.wire import GrantTo, Lane
from kiosk.face import courier_view
from kiosk.face.screen import Screen
from kiosk.gate import Gate
from server import symbol
from server.store.engine import PostgresStore, SqliteStore
from server.web import Parts as ServerParts
from server.web import courier as desk
from tests.codes import picture
from tests.eyes import new_eye, stare
from tests.kiosk.conftest import Doors, Kiosk

Either = SqliteStore | PostgresStore
PEOPLE = [f"p{number}" for number in range(1, 61) if number != 3]


def share(door: Doors, gate: str = "hall-a") -> Kiosk:
    """A kiosk that holds half of the hall's seats: the other door of it has heard the news, too."""
    other = door({"hall-a": "hall-b", "hall-b": "hall-a"}[gate])
    kiosk = door(gate)
    for one in (other, kiosk, other, kiosk):
        one.hear()
    assert 10 < kiosk.standing.account("hall").balance < len(PEOPLE)
    return kiosk


def cut_off(kiosk: Kiosk, entries: int = 0) -> Kiosk:
    """Takes the server away and lets so many people in."""
    kiosk.line.cut = True
    for name in PEOPLE[:entries]:
        assert kiosk.show(name) == "welcome"
    return kiosk


def spend_all(kiosk: Kiosk) -> int:
    """Cuts the kiosk off and lets people in until it holds no seat; how many."""
    kiosk.line.cut = True
    balance = kiosk.standing.account("hall").balance
    for step in range(balance):
        assert kiosk.show(PEOPLE[step], later_ms=1_000) == "welcome"
    assert kiosk.show(PEOPLE[balance]) == "no_seats"
    return balance


def off_the_screen(kiosk: Kiosk) -> list[str]:
    """What a phone reads off the kiosk's own pages, code by code."""
    screen = Screen(lambda: None, [courier_view.blueprint(kiosk.courier.slips)])  # type: ignore[arg-type, return-value]
    client = screen.app().test_client()
    told = client.post("/courier/letters").get_json()
    texts = []
    for part in range(1, told["codes"] + 1):
        svg = client.get(f"/courier/letters/{told['letter']}/{part}.svg").get_data(as_text=True)
        assert f'viewBox="0 0 {told["side"]} {told["side"]}"' in svg
        [reading] = stare(picture(svg)).readings
        texts.append(reading.text)
    return texts


def look(kiosk: Kiosk, svg: str, *, later_ms: int = 30_000) -> str:
    """A phone holds a code up to the kiosk's camera; the words that are shown."""
    kiosk.ms += later_ms
    gate = Gate(replace(kiosk.parts, reader=new_eye()))
    gate.step(picture(svg))
    return kiosk.face.now


def carry(parts: ServerParts, kiosk: Kiosk, texts: list[str]) -> dict[str, object]:
    """The phone posts what it has read."""
    return desk.deliver(parts, kiosk.lanes, texts)


def known_to(store: Either) -> int:
    """How many passages the server holds."""
    with store.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM passage").scalar_one())


def test_a_door_without_seats_admits_again_after_a_courier_has_been_both_ways(
    door: Doors, server_parts: ServerParts, sqlite_store: Either
) -> None:
    kiosk = share(door)
    entries = spend_all(kiosk)
    told = carry(server_parts, kiosk, off_the_screen(kiosk))
    assert (told["missing"], told["waiting"], known_to(sqlite_store)) == ([], 0, entries + 1)
    assert look(kiosk, str(told["svg"])) == "courier_thanks"
    balance = kiosk.standing.account("hall").balance
    assert balance > 0
    assert (kiosk.face.shown[-1].about, kiosk.face.shown[-1].detail) == ("more_seats", str(balance))
    assert str(told["says"]).startswith(f"{balance} more seats")
    assert kiosk.journal.waiting == 0
    assert kiosk.show("p59") == "welcome"


def test_what_the_courier_delivered_is_not_sent_again_when_the_network_is_back(
    door: Doors, server_parts: ServerParts, sqlite_store: Either
) -> None:
    kiosk = cut_off(door("hall-a"), entries=5)
    told = carry(server_parts, kiosk, off_the_screen(kiosk))
    look(kiosk, str(told["svg"]))
    assert kiosk.journal.pending(10) == (6, [])
    kiosk.line.cut = False
    assert kiosk.show("p59") == "welcome"
    assert (kiosk.journal.waiting, known_to(sqlite_store)) == (0, 6)


def test_codes_may_come_in_any_order_twice_and_in_two_goes(
    door: Doors, server_parts: ServerParts, sqlite_store: Either
) -> None:
    kiosk = cut_off(door("hall-a"), entries=58)
    texts = off_the_screen(kiosk)
    assert len(texts) >= 3
    first, *rest = texts
    told = carry(server_parts, kiosk, [*rest, rest[0]])
    assert (told["missing"], known_to(sqlite_store)) == ([1], 0)  # what lies behind a hole waits
    assert look(kiosk, str(told["svg"])) in ("courier_thanks", "courier_old")
    assert kiosk.journal.waiting == 58
    shuffled = random.Random(4).sample(texts * 2, len(texts) * 2)
    told = carry(server_parts, kiosk, [first, *shuffled])
    assert (told["missing"], known_to(sqlite_store)) == ([], 58)
    assert look(kiosk, str(told["svg"])) == "courier_thanks"
    assert kiosk.journal.waiting == 0


def test_a_code_that_is_shown_again_brings_nothing_new(door: Doors, server_parts: ServerParts) -> None:
    kiosk = share(door)
    spend_all(kiosk)
    told = carry(server_parts, kiosk, off_the_screen(kiosk))
    assert look(kiosk, str(told["svg"])) == "courier_thanks"
    account = kiosk.standing.account("hall")
    assert look(kiosk, str(told["svg"])) == "courier_old"
    assert kiosk.standing.account("hall") == account


def test_a_courier_code_is_never_taken_for_a_badge(door: Doors, server_parts: ServerParts) -> None:
    kiosk = cut_off(door("hall-a"))
    written = kiosk.journal.seq
    for text in ("TG:", "TG:K-HALL-A:", "TG:NOTHING OF OURS"):
        assert kiosk.show(text) == "courier_doubted"
    assert (kiosk.gate.strangers, kiosk.journal.seq) == (0, written)


def test_a_code_for_another_door_is_named_and_changes_nothing(door: Doors, server_parts: ServerParts) -> None:
    other = share(door, "hall-b")
    [kiosk] = [cut_off(one) for one in door.made if one is not other]
    spend_all(other)
    told = carry(server_parts, other, off_the_screen(other))
    before = kiosk.standing.account("hall")
    assert look(kiosk, str(told["svg"])) == "courier_astray"
    assert kiosk.face.shown[-1].detail == "k-hall-b"
    assert kiosk.standing.account("hall") == before
    assert look(other, str(told["svg"])) == "courier_thanks"


def word(parts: ServerParts, kiosk: Kiosk, **change: int) -> courier.Delivered:
    """What the server would say to the kiosk, with more seats."""
    mine = kiosk.standing.account("hall")
    granted = change.get("granted", mine.granted + 50)
    hold, opened = change.get("hold", 0), change.get("opened", 0)
    grant = GrantTo("hall", change.get("era", mine.era), granted, 60, full=False, hold=hold, opened=opened)
    message = kiosk.dispatch._message(Lane.NEWS, kiosk.ms, 0)
    have = change.get("have_seq", kiosk.journal.acknowledged)
    return courier.deliver(message, parts.clock(), have, grant.era, (grant,))


def test_a_forged_code_is_not_believed(door: Doors, server_parts: ServerParts) -> None:
    kiosk = cut_off(door("hall-a"))
    before = kiosk.standing.account("hall")
    forger = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    text = courier.answer(word(server_parts, kiosk), forger)
    assert look(kiosk, symbol.svg(text)) == "courier_doubted"
    assert kiosk.standing.account("hall") == before
    true = courier.answer(word(server_parts, kiosk), server_parts.current.get().event.signing)
    assert kiosk.show(true.replace("K-HALL-A", "K-HALL-B")) == "courier_thanks"  # the head is only for the phone
    assert kiosk.standing.account("hall").granted == before.granted + 50


def test_a_code_from_an_earlier_era_changes_nothing(door: Doors, server_parts: ServerParts) -> None:
    kiosk = cut_off(door("hall-a"), entries=2)
    signing = server_parts.current.get().event.signing
    newer = word(server_parts, kiosk, era=kiosk.standing.account("hall").era + 1, granted=0)
    assert kiosk.show(courier.answer(newer, signing)) == "courier_thanks"  # the era itself is news
    before, words = kiosk.standing.account("hall"), dict(kiosk.standing.words)
    older = word(server_parts, kiosk, era=before.era - 1, have_seq=kiosk.journal.seq)
    assert kiosk.show(courier.answer(older, signing)) == "courier_old"
    assert kiosk.standing.account("hall") == before
    assert kiosk.standing.words == words
    assert kiosk.journal.waiting == 2


def test_a_code_for_an_earlier_store_of_this_kiosk_changes_nothing(door: Doors, server_parts: ServerParts) -> None:
    kiosk = cut_off(door("hall-a"))
    text = courier.answer(word(server_parts, kiosk), server_parts.current.get().event.signing)
    kiosk.disk.incarnation = 78
    assert kiosk.show(text) == "courier_doubted"


def test_an_old_code_does_not_end_a_hold(door: Doors, server_parts: ServerParts) -> None:
    kiosk = cut_off(door("hall-a"))
    signing = server_parts.current.get().event.signing
    before_the_hold = courier.answer(word(server_parts, kiosk), signing)
    kiosk.time.elapsed *= 2
    kiosk.show(courier.answer(word(server_parts, kiosk, hold=3), signing))
    assert kiosk.show("p1") == "held"
    kiosk.show(before_the_hold)
    assert kiosk.show("p1") == "held"
    kiosk.show(courier.answer(word(server_parts, kiosk, opened=3), signing))
    assert kiosk.show("p1") == "welcome"


def test_a_code_that_knows_more_than_this_store_ends_it_like_an_answer_from_the_network(
    door: Doors, server_parts: ServerParts
) -> None:
    kiosk = cut_off(door("hall-a"))
    signing = server_parts.current.get().event.signing
    before = kiosk.standing.account("hall")
    assert kiosk.show(courier.answer(word(server_parts, kiosk, have_seq=kiosk.journal.seq + 1), signing)) == (
        "out_of_order"
    )
    assert kiosk.rolled_back == 1
    assert kiosk.standing.account("hall") == before


def test_a_code_that_the_disk_does_not_keep_is_not_thanked_for(
    door: Doors, server_parts: ServerParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiosk = cut_off(door("hall-a"))
    text = courier.answer(word(server_parts, kiosk), server_parts.current.get().event.signing)

    def fail(*_given: object) -> None:
        raise DiskError("the disk did not keep this: full")

    monkeypatch.setattr(kiosk.standing, "accept", fail)
    kiosk.script.texts = [text]
    kiosk.gate.step(kiosk.frame)
    assert kiosk.face.status.trouble == "the disk did not keep this: full"
    assert "courier_thanks" not in {shown.key for shown in kiosk.face.shown}


def test_a_letter_that_was_replaced_by_a_fresh_one_is_gone(door: Doors) -> None:
    kiosk = cut_off(door("hall-a"))
    screen = Screen(lambda: None, [courier_view.blueprint(kiosk.courier.slips)])  # type: ignore[arg-type, return-value]
    client = screen.app().test_client()
    first = client.post("/courier/letters").get_json()["letter"]
    kiosk.show("p1")
    second = client.post("/courier/letters").get_json()["letter"]
    assert first != second
    assert client.get(f"/courier/letters/{first}/1.svg").status_code == 404
    assert [client.get(f"/courier/letters/{second}/{part}.svg").status_code for part in (0, 1, 2)] == [404, 200, 404]


def test_a_kiosk_that_is_not_set_up_has_no_letter() -> None:
    client = Screen(lambda: None, [courier_view.blueprint(list)]).app().test_client()  # type: ignore[arg-type, return-value]
    assert client.post("/courier/letters").status_code == 409


class TestElsewhere:
    def test_a_door_without_seats_names_one_that_has_some(self, door: Doors) -> None:
        kiosk = share(door)
        name_another(kiosk, "hall-b")
        spend_all(kiosk)
        assert (kiosk.face.shown[-1].about, kiosk.face.shown[-1].detail) == ("try_gate", "Hall B")

    def test_the_last_hint_stands_while_the_link_is_down_and_no_longer(self, door: Doors) -> None:
        kiosk = door("hall-a")
        site = kiosk.standing.site
        assert site is not None
        name_another(kiosk, "hall-b")
        name_another(kiosk, "")
        assert kiosk.standing.elsewhere(site, link_up=False) == "Hall B"
        assert kiosk.standing.elsewhere(site, link_up=True) == ""

    def test_a_door_is_never_told_to_try_itself_or_a_gate_that_is_not_there(self, door: Doors) -> None:
        kiosk = door("hall-a")
        site = kiosk.standing.site
        assert site is not None
        for gate in ("hall-a", "demolished", ""):
            name_another(kiosk, gate)
            assert kiosk.standing.elsewhere(site, link_up=True) == ""

    def test_a_full_room_names_no_door(self, door: Doors) -> None:
        kiosk = door("club-door")
        for number in range(31):
            kiosk.show("p1" if number % 2 else "p2")
        assert (kiosk.face.shown[-1].key, kiosk.face.shown[-1].detail) == ("full", "The club")


def name_another(kiosk: Kiosk, gate: str) -> None:
    """The server names a gate that has seats."""
    word = kiosk.standing.words["hall"]
    fresh = GrantTo("hall", word.era, word.granted, word.target, full=False, elsewhere=gate)
    kiosk.standing.accept(fresh, kiosk.journal.acknowledged, kiosk.journal.seq)

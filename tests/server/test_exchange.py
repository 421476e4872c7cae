"""The exchange: every well-signed passage is kept once, accounts merge, seats are handed out, nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Connection, func, select

from admission.passage import Kind, Passage, encode
from admission.wire import Presenting
from server import badges, news
from server.store.instants import to_ms
from server.store.schema import account, book, incident, passage, quarantine, stay
from tests.server.desk import Server, badge_of, verdicts
from tests.world import PaperKiosk

MINUTE = timedelta(minutes=1)


def test_an_entry_is_stored_and_counted_and_an_exit_ends_the_stay(server: Server) -> None:
    door, way_out = server.kiosk("hall-a"), server.kiosk("hall-out")
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    assert verdicts(server.exchange(door)) == ["accepted"]
    assert server.inside() == {"hall": 1}
    way_out.pass_through(Kind.EXIT, badge_of(server, 1), server.now + MINUTE)
    assert verdicts(server.exchange(way_out)) == ["accepted"]
    assert server.inside() == {}


def test_a_repeated_message_gets_its_first_verdicts_and_counts_nothing_twice(server: Server) -> None:
    door = server.kiosk("hall-a")
    for number in range(1, 6):
        door.pass_through(Kind.ENTRY, badge_of(server, number), server.now)
    letter = door.letter()
    first = server.take(letter)
    assert server.take(letter) == replace(first, touched=frozenset())
    assert server.take(letter).have_seq == 5
    assert len(server.rows(passage)) == 5
    assert server.inside() == {"hall": 5}


def test_messages_in_the_wrong_order_move_no_counter_back(server: Server) -> None:
    door = server.kiosk("hall-a")
    server.exchange(door)
    server.exchange(door)
    early = door.letter()
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    server.exchange(door)
    before = server.rows(account)
    outcome = server.take(early)
    assert outcome.have_seq == 1
    assert [{**row, "heard": 0} for row in server.rows(account)] == [{**row, "heard": 0} for row in before]


def test_a_gap_is_quarantined_raised_and_healed_by_sending_again(server: Server) -> None:
    door = server.kiosk("hall-a")
    for number in range(1, 4):
        door.pass_through(Kind.ENTRY, badge_of(server, number), server.now)
    letter = door.letter()
    gappy = msgspec.structs.replace(letter, first_seq=3, passages=letter.passages[2:])
    assert server.take(gappy).have_seq == 0
    assert server.rows(passage) == []
    assert [row["kind"] for row in server.rows(incident)] == ["gap"]
    assert server.take(letter).have_seq == 3


def test_a_passage_that_cannot_be_read_is_kept_whole_and_does_not_block_the_next(server: Server) -> None:
    door = server.kiosk("hall-a")
    door.append(b"\xc1 poison")
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    outcome = server.exchange(door)
    assert verdicts(outcome) == ["quarantined", "accepted"]
    assert outcome.have_seq == 2
    kept = server.rows(quarantine)
    assert [row["raw"] for row in kept] == [b"\xc1 poison"]
    assert server.inside() == {"hall": 1}


def test_another_passage_under_a_used_number_is_a_fork_that_is_kept_and_raised(server: Server) -> None:
    door, clone = server.kiosk("hall-a"), server.kiosk("hall-a")
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    clone.pass_through(Kind.ENTRY, badge_of(server, 2), server.now)
    server.exchange(door)
    assert verdicts(server.take(clone.letter())) == ["quarantined"]
    assert {str(row["kind"]) for row in server.rows(incident)} == {"hash_fork"}
    assert len(server.rows(passage)) == 1


def test_a_second_entry_is_kept_as_a_duplicate_and_both_bodies_count(server: Server) -> None:
    here, there = server.kiosk("hall-a"), server.kiosk("hall-b")
    here.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    there.pass_through(Kind.ENTRY, badge_of(server, 1), server.now + MINUTE)
    server.now += MINUTE
    server.exchange(here)
    assert verdicts(server.exchange(there)) == ["duplicate_entry"]
    assert server.inside() == {"hall": 2}
    assert [row["kind"] for row in server.rows(incident)] == ["duplicate_entry"]
    assert sorted(bool(row["duplicate"]) for row in server.rows(stay)) == [False, True]


def test_an_exit_that_arrives_before_its_entry_is_paired_with_it(server: Server) -> None:
    here, way_out = server.kiosk("hall-a"), server.kiosk("hall-out")
    here.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    way_out.pass_through(Kind.EXIT, badge_of(server, 1), server.now + MINUTE)
    assert verdicts(server.exchange(way_out)) == ["exit_unmatched"]
    assert server.inside() == {}
    assert verdicts(server.exchange(here)) == ["accepted"]
    assert server.inside() == {}
    assert len(server.rows(stay)) == 1


def test_entering_another_room_ends_the_stay_in_the_first_but_not_in_a_room_around_it(server: Server) -> None:
    main, hall, club = server.kiosk("venue-door"), server.kiosk("hall-a"), server.kiosk("club-door")
    for minute, door in enumerate((main, hall, club)):
        door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now + minute * MINUTE)
        server.exchange(door)
    assert server.inside() == {"venue": 1, "club": 1}


def test_unknown_and_revoked_badges_are_stored_counted_and_raised(server: Server) -> None:
    server.store.write(lambda c: badges.revoke(c, ["p2"], "lost", server.now - MINUTE))
    door = server.kiosk("hall-a")
    door.pass_through(Kind.ENTRY, 999 << 32 | 7, server.now)
    door.pass_through(Kind.ENTRY, badge_of(server, 2), server.now)
    assert verdicts(server.exchange(door)) == ["unknown_badge", "revoked_meanwhile"]
    assert server.inside() == {"hall": 2}
    assert len(server.rows(incident)) == 2


def test_refusals_are_kept_and_change_no_count(server: Server) -> None:
    door = server.kiosk("hall-a")
    door.pass_through(Kind.REFUSED, badge_of(server, 1), server.now, why="full")
    assert verdicts(server.exchange(door)) == ["noted"]
    assert server.inside() == {}


def test_an_entry_that_arrives_after_a_later_one_elsewhere_leaves_nobody_in_two_rooms(server: Server) -> None:
    hall, salon = server.kiosk("hall-a"), server.kiosk("salon-door")
    salon.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    hall.pass_through(Kind.ENTRY, badge_of(server, 1), server.now + 20 * MINUTE)
    server.exchange(hall)
    server.exchange(salon)
    assert server.inside() == {"hall": 1}
    assert {row["room"]: row["closed"] for row in server.rows(book)}["salon"] == 1


def test_an_exit_whose_time_nobody_knows_ends_no_stay(server: Server) -> None:
    hall, way_out = server.kiosk("hall-a"), server.kiosk("hall-out")
    hall.pass_through(Kind.ENTRY, badge_of(server, 1), server.now - MINUTE)
    server.exchange(hall)
    lost = Passage(
        kind=Kind.EXIT, badge=badge_of(server, 1), gate="hall-out", room="hall", boot="earlier", boot_ms=1, at=None
    )
    way_out.append(encode(lost))
    assert verdicts(server.exchange(way_out)) == ["exit_unmatched"]
    assert server.inside() == {"hall": 1}


def test_a_flipped_bit_in_a_passage_blocks_nothing(server: Server) -> None:
    door = server.kiosk("hall-a")
    good = encode(Passage(kind=Kind.ENTRY, badge=1, gate="hall-a", room="hall", boot="b", boot_ms=1, at=None))
    door.append(good.replace(b"hall-a", b"h\xffll-a"))
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    assert verdicts(server.exchange(door)) == ["quarantined", "accepted"]


def test_passages_of_a_boot_without_a_clock_are_placed_by_the_message_that_brings_them(server: Server) -> None:
    door = server.kiosk("hall-a")
    facts = {"kind": Kind.ENTRY, "gate": "hall-a", "room": "hall", "at": None}
    same = Passage(badge=badge_of(server, 1), boot="boot", boot_ms=60_000, **facts)  # type: ignore[arg-type]
    other = Passage(badge=badge_of(server, 2), boot="earlier", boot_ms=60_000, **facts)  # type: ignore[arg-type]
    door.append(encode(same))
    door.append(encode(other))
    server.take(msgspec.structs.replace(door.letter(), boot_ms=180_000))
    placed = [(int(str(row["received"])) - int(str(row["at"])), row["uncertainty_ms"]) for row in server.rows(passage)]
    assert placed == [(120_000, 1000), (0, 86_400_000)]


def test_the_word_on_a_holder_knows_where_they_are_and_whether_the_badge_was_revoked(server: Server) -> None:
    door = server.kiosk("club-door")
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now, session="dinner")
    outcome = server.exchange(door, asking=badge_of(server, 1))

    def word(connection: Connection, room: str) -> tuple[bool, bool, bool]:
        assert outcome.holder is not None
        found = news.whereabouts(connection, Presenting(1, 1, room), outcome.holder, to_ms(server.now))
        return found.inside, found.sure, found.revoked

    with server.store.read() as connection:
        assert word(connection, "club") == (True, True, False)
        assert word(connection, "hall") == (False, False, False)
    server.store.write(lambda c: badges.revoke(c, ["p1"], "lost", server.now))
    outcome = server.exchange(door, asking=badge_of(server, 1))
    with server.store.read() as connection:
        assert word(connection, "club") == (True, True, True)


def test_every_passage_of_many_kiosks_at_once_is_stored_exactly_once(server: Server) -> None:
    doors = [server.kiosk(gate) for gate in ("hall-a", "hall-b", "club-door", "salon-door", "venue-door")]

    def work(door: PaperKiosk) -> None:
        for number in range(1, 31):
            door.pass_through(Kind.ENTRY, badge_of(server, number), server.now + number * MINUTE)
            server.exchange(door)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, doors))
    with server.store.read() as connection:
        identities = select(passage.c.device, passage.c.seq).distinct().subquery()
        assert connection.execute(select(func.count()).select_from(identities)).scalar_one() == 150
        assert connection.execute(select(func.count()).select_from(passage)).scalar_one() == 150


@pytest.mark.parametrize(
    "change",
    [{"uncertainty_ms": 2**63}, {"gate": "g" * 65}, {"room": "hall\0"}, {"boot_ms": -1}, {"flags": ("x",) * 9}],
    ids=lambda change: next(iter(change)),
)
def test_a_passage_that_no_table_could_hold_is_quarantined_and_blocks_nothing(
    server: Server, change: dict[str, object]
) -> None:
    door = server.kiosk("hall-a")
    fine = Passage(kind=Kind.ENTRY, badge=1, gate="hall-a", room="hall", boot="b", boot_ms=1, at=server.now)
    door.append(encode(msgspec.structs.replace(fine, **change)))
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    assert verdicts(server.exchange(door)) == ["quarantined", "accepted"]


def test_a_fork_is_raised_once_however_often_it_is_repeated(server: Server) -> None:
    door, clone = server.kiosk("hall-a"), server.kiosk("hall-a")
    door.pass_through(Kind.ENTRY, badge_of(server, 1), server.now)
    clone.pass_through(Kind.ENTRY, badge_of(server, 2), server.now)
    server.exchange(door)
    for _ in range(4):
        server.take(clone.letter())
    assert sorted(str(row["kind"]) for row in server.rows(incident)) == ["hash_fork"]

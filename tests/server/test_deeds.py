"""What each act does to the tables, on each store: rooms, kiosks, people."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from admission.errors import ConfigError
from admission.ledger import State as Can
from admission.passage import Kind
from server import asked, counting, restore
from server.store import schema
from server.store.instants import to_ms
from tests.server.acting import STEWARD, admit, agreed, ask, book, confirm, filled, free, state_of
from tests.server.desk import Server, badge_of

# ---- rooms ----


def test_hold_and_reopen_reach_the_gates(server: Server) -> None:
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    ask(server, "hold", room="hall")
    assert [grant.hold for grant in server.exchange(kiosk).grants] == [1]
    ask(server, "reopen", room="hall")
    assert [grant.hold for grant in server.exchange(kiosk).grants] == [0]
    ask(server, "hold", room="hall")
    assert [grant.hold for grant in server.exchange(kiosk).grants] == [2]


def test_a_held_room_is_granted_no_seats(server: Server) -> None:
    ask(server, "hold", room="hall")
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    assert kiosk.account.granted == 0
    ask(server, "reopen", room="hall")
    server.exchange(kiosk)
    assert kiosk.account.granted > 0


def test_a_count_that_finds_more_people_lowers_what_is_free_at_once(server: Server) -> None:
    filled(server, people=10)
    silent = server.kiosk("hall-b")
    server.exchange(silent)
    ask(server, "hold", room="hall")
    before = free(server)
    done = agreed(server, "count", room="hall", heads="25")
    assert free(server) == before - 15
    assert "had not confirmed the hold: k-hall-a, k-hall-b" in done.outcome
    assert not book(server)["held"]


def test_a_count_that_finds_fewer_raises_only_when_every_gate_kept_the_hold_and_reported_after_it(
    server: Server,
) -> None:
    first, second = filled(server, people=10), server.kiosk("hall-b")
    server.exchange(second)
    ask(server, "hold", room="hall")
    server.exchange(first)  # is told of the hold
    server.exchange(first)  # says that it keeps it
    with server.store.read() as connection:
        assert [one.device for one in counting.waiting(connection, "hall")] == ["k-hall-b"]
        assert {one.device: one.keeps for one in counting.stores(connection, "hall")} == {
            "k-hall-a": True,
            "k-hall-b": False,
        }
    server.exchange(second)
    server.exchange(second)
    before = free(server)
    done = agreed(server, "count", room="hall", heads="4")
    assert done.outcome == "4 inside; seats that this would free wait for: k-hall-a, k-hall-b"
    assert free(server) == before
    for kiosk in (first, first, second):
        server.exchange(kiosk)
        assert free(server) == before
        assert book(server)["held"]
    server.exchange(second)
    assert not book(server)["held"]
    spendable = first.account.balance + second.account.balance
    assert free(server) + spendable == 100 - 4


def test_a_silent_gate_keeps_every_seat_back(server: Server) -> None:
    first, second = filled(server, people=10), server.kiosk("hall-b")
    server.exchange(second)
    ask(server, "hold", room="hall")
    for _ in range(2):
        server.exchange(first)
    before = free(server)
    done = agreed(server, "count", room="hall", heads="0")
    assert "had not confirmed the hold: k-hall-b" in done.outcome
    for _ in range(3):
        server.exchange(first)
    assert free(server) == before


@pytest.mark.parametrize("named", ["k-hall-b", "k-hall-b/1"])
def test_a_kiosk_that_is_off_and_in_hand_is_not_waited_for(server: Server, named: str) -> None:
    first, second = filled(server, people=10), server.kiosk("hall-b")
    server.exchange(second)
    lost = second.account.balance
    ask(server, "hold", room="hall")
    for _ in range(2):
        server.exchange(first)
    agreed(server, "count", room="hall", heads="10", retired=[named])
    assert state_of(server, "k-hall-b") == {Can.RETIRED.value}
    assert state_of(server, "k-hall-a") == {Can.LIVE.value}
    for _ in range(2):
        server.exchange(first)
    assert lost > 0
    assert free(server) + first.account.balance == 100 - 10


def test_a_count_is_of_no_use_once_the_room_was_open_again(server: Server) -> None:
    """Whoever came in meanwhile was not counted."""
    kiosk = filled(server, people=10)
    ask(server, "hold", room="hall")
    one = ask(server, "count", room="hall", heads="0")
    ask(server, "reopen", room="hall")
    admit(server, kiosk, 11, 12, 13)
    ask(server, "hold", room="hall")
    for _ in range(2):
        server.exchange(kiosk)
    with pytest.raises(ConfigError, match="count anew"):
        confirm(server, one)
    for _ in range(2):
        server.exchange(kiosk)
    assert free(server) + kiosk.account.balance == 100 - 13


def test_a_count_that_waits_is_dropped_for_a_newer_one_and_by_opening_the_room(server: Server) -> None:
    kiosk = filled(server, people=10)
    ask(server, "hold", room="hall")
    for _ in range(2):
        server.exchange(kiosk)
    agreed(server, "count", room="hall", heads="4")
    assert book(server)["heads"] == 4
    agreed(server, "clear", room="hall")
    assert (book(server)["heads"], book(server)["held"]) == (None, True)
    before = free(server)
    for _ in range(2):
        server.exchange(kiosk)
    assert free(server) == before
    ask(server, "hold", room="hall")
    for _ in range(2):
        server.exchange(kiosk)
    agreed(server, "count", room="hall", heads="4")
    ask(server, "reopen", room="hall")
    assert (book(server)["heads"], book(server)["held"]) == (None, False)


def test_clearing_a_room_ends_all_stays_and_keeps_it_closed_until_it_is_opened(server: Server) -> None:
    kiosk = filled(server, people=10)
    ask(server, "hold", room="hall")
    for _ in range(2):
        server.exchange(kiosk)
    agreed(server, "clear", room="hall")
    for _ in range(2):
        server.exchange(kiosk)
    assert server.inside() == {}
    assert {row["how"] for row in server.rows(schema.stay)} == {"swept"}
    assert book(server)["held"]
    assert free(server) + kiosk.account.balance == 100
    ask(server, "reopen", room="hall")
    assert not book(server)["held"]


def test_a_lowered_limit_counts_from_the_next_exchange_on(server: Server) -> None:
    done = agreed(server, "capacity", room="hall", limit="20", reserve="5")
    assert done.facts == {"room": "hall", "limit": 20, "reserve": 5, "was": 100, "was_reserve": 0}
    with server.store.read() as connection:
        server.programme = asked.programme_of(connection)
    kiosk = server.kiosk("hall-a")
    server.exchange(kiosk)
    assert 0 < kiosk.account.granted <= 15
    assert book(server)["capacity"] == 15


def test_a_limit_below_the_reserve_takes_the_reserve_with_it(server: Server) -> None:
    agreed(server, "capacity", room="salon", limit="1")
    salon = next(row for row in server.rows(schema.room) if row["id"] == "salon")
    assert (salon["limit"], salon["reserve"]) == (1, 1)


def test_unbadged_people_take_seats_and_give_them_back(server: Server) -> None:
    before = free(server)
    ask(server, "unbadged-in", STEWARD, room="hall", bodies="7")
    assert free(server) == before - 7
    agreed(server, "unbadged-out", room="hall", bodies="5")
    assert free(server) == before - 2


def test_after_a_restore_rooms_are_confirmed_by_two_and_the_kiosks_awaited(server: Server) -> None:
    kiosk = filled(server, people=3)
    era = server.store.write(lambda c: restore.raise_era(c, 1, to_ms(server.now) + 1, {}))
    done = agreed(server, "confirm-room", room="hall")
    assert "still awaited: k-club-door, k-hall-a" in done.outcome
    assert (book(server)["vowed_era"], book(server)["open_era"]) == (era, 1)
    granted = kiosk.account.granted
    server.exchange(kiosk)
    assert kiosk.account.granted == granted
    with pytest.raises(ConfigError, match="confirmed already"):
        ask(server, "confirm-room", room="hall")


def test_a_confirmation_does_not_outlive_another_restore(server: Server) -> None:
    server.store.write(lambda c: restore.raise_era(c, 1, to_ms(server.now) + 1, {}))
    one = ask(server, "confirm-room", room="hall")
    server.store.write(lambda c: restore.raise_era(c, 2, to_ms(server.now) + 1, {}))
    with pytest.raises(ConfigError, match="put back once more"):
        confirm(server, one)
    assert book(server)["vowed_era"] == 1


# ---- kiosks ----


def test_a_fenced_kiosk_gets_no_more_seats_and_what_it_holds_stays_counted(server: Server) -> None:
    kiosk = filled(server, people=10)
    before = free(server)
    ask(server, "fence", device="k-hall-a")
    assert state_of(server, "k-hall-a") == {Can.FENCED.value}
    assert server.exchange(kiosk).grants == ()
    assert free(server) == before


def test_a_revoked_kiosk_is_fenced_and_its_key_believed_no_more(server: Server) -> None:
    filled(server, people=10)
    before = free(server)
    ask(server, "revoke", device="k-hall-a")
    device = next(row for row in server.rows(schema.device) if row["id"] == "k-hall-a")
    assert device["revoked"] == to_ms(server.now)
    assert state_of(server, "k-hall-a") == {Can.FENCED.value}
    assert free(server) == before


def test_a_vouch_needs_the_journal_to_its_end_and_the_kiosk_s_word_that_it_ends(server: Server) -> None:
    kiosk = filled(server, people=10)
    unspent = kiosk.account.balance
    with pytest.raises(ConfigError, match=r"journal of k-hall-a .* is not complete.*not closed"):
        ask(server, "vouch", device="k-hall-a")
    kiosk.pass_through(Kind.ENTRY, badge_of(server, 20), server.now)
    closing = msgspec.structs.replace(kiosk.letter(), closed=True, passages=())
    server.take(closing)
    with pytest.raises(ConfigError, match="read up to passage 10 of 11"):
        ask(server, "vouch", device="k-hall-a")
    assert server.rows(schema.act) == []
    server.take(msgspec.structs.replace(kiosk.letter(), closed=True))
    before = free(server)
    done = agreed(server, "vouch", device="k-hall-a")
    assert done.outcome == f"{unspent - 1} seats came back"
    assert free(server) == before + unspent - 1
    assert state_of(server, "k-hall-a") == {Can.RETIRED.value}
    assert agreed(server, "vouch", device="k-hall-a").outcome == "0 seats came back"


# ---- people ----


def test_forgiving_a_badge_lets_it_in_again_and_brings_no_seat_back(server: Server) -> None:
    kiosk = filled(server, people=3)
    before = free(server)
    done = ask(server, "forgive", STEWARD, person=" P2 ")
    assert done.outcome.startswith("1 stays ended")
    assert server.inside() == {"hall": 2}
    assert free(server) == before
    again = server.exchange(kiosk, asking=badge_of(server, 2))
    assert again.holder is not None
    assert not any(stay.closed is None for stay in again.holder.stays)
    kiosk.pass_through(Kind.ENTRY, badge_of(server, 2), server.now)
    assert [verdict for _, verdict in server.exchange(kiosk).verdicts] == ["accepted"]
    assert ask(server, "forgive", STEWARD, person="p2").outcome.startswith("1 stays ended")


def test_annulling_an_entry_in_a_matched_room_brings_its_seat_back_once(server: Server) -> None:
    kiosk = server.kiosk("salon-door")
    server.exchange(kiosk)
    admit(server, kiosk, 1, 4)
    entry = str(server.rows(schema.passage)[0]["id"])
    one, two = ask(server, "annul", passage=entry), ask(server, "annul", passage=entry)
    before = free(server, "salon")
    assert confirm(server, one).outcome == "annulled; its seat is free again"
    assert confirm(server, two).outcome == "that stay was over already"
    assert free(server, "salon") == before + 1
    assert server.inside() == {"salon": 1}
    kiosk.pass_through(Kind.EXIT, badge_of(server, 1), server.now + timedelta(minutes=1))
    server.exchange(kiosk)
    assert book(server, "salon")["closed"] == 1


def test_annulling_an_entry_elsewhere_ends_the_stay_and_brings_no_seat_back(server: Server) -> None:
    filled(server, people=2)
    before = free(server)
    entry = str(server.rows(schema.passage)[0]["id"])
    assert agreed(server, "annul", passage=entry).outcome == "annulled; its seat comes back by a head count"
    assert (server.inside(), free(server)) == ({"hall": 1}, before)


def test_an_exit_cannot_be_annulled(server: Server) -> None:
    kiosk = server.kiosk("salon-door")
    kiosk.pass_through(Kind.EXIT, badge_of(server, 1), server.now)
    server.exchange(kiosk)
    with pytest.raises(ConfigError, match="is no entry"):
        ask(server, "annul", passage=str(server.rows(schema.passage)[0]["id"]))

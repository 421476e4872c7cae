"""How the seats stand: confirmed and possible bodies, what kiosks hold, what is stranded and why, holds, restores."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from admission import ledger, seats
from admission.ledger import Held, RoomBook, State
from admission.passage import Kind
from admission.seats import Account
from server import counting, fencing, restore, standings
from server.asked import book_of
from server.exchange import Desk
from server.standings import Kiosk, News, Purse, Standing
from server.store import schema
from server.store.instants import to_ms
from tests.server.desk import Server, badge_of
from tests.world import PaperKiosk

SECOND = timedelta(seconds=1)


def stands(server: Server, room: str = "hall") -> Standing:
    with server.store.read() as connection:
        return standings.read(connection, server.programme, server.now).rooms[room]


def kiosk_of(server: Server, name: str) -> Kiosk | None:
    with server.store.read() as connection:
        kiosks = standings.read(connection, server.programme, server.now).kiosks
    return next((one for one in kiosks if one.name == name), None)


def stocked(server: Server, gate: str) -> PaperKiosk:
    """A kiosk that has been given seats, and has said so."""
    kiosk = server.kiosk(gate)
    server.exchange(kiosk)
    server.exchange(kiosk)
    assert kiosk.account.balance > 0
    return kiosk


def admit(server: Server, kiosk: PaperKiosk, *numbers: int, post: bool = True) -> None:
    for number in numbers:
        assert kiosk.account.balance > 0
        kiosk.pass_through(Kind.ENTRY, badge_of(server, number), server.now)
    if post:
        server.exchange(kiosk)


def let_force(server: Server, kiosk: PaperKiosk, bodies: int) -> None:
    kiosk.account = seats.force(kiosk.account, bodies)
    server.exchange(kiosk)


def test_while_every_kiosk_is_heard_what_is_possible_is_what_is_confirmed(server: Server) -> None:
    first, second = stocked(server, "hall-a"), stocked(server, "hall-b")
    admit(server, first, 1, 2, 3)
    admit(server, second, 4)
    now = stands(server)
    assert (now.confirmed, now.possible, now.stranded, now.doubted) == (4, 4, 0, ())
    assert now.kiosks == first.account.balance + second.account.balance
    assert now.confirmed + now.kiosks + now.free == 100


def test_what_a_kiosk_holds_may_have_been_spent_once_it_is_late_and_is_stranded_once_silent(server: Server) -> None:
    first, second = stocked(server, "hall-a"), stocked(server, "hall-b")
    admit(server, first, 1, 2, 3)
    held = first.account.balance
    began = server.now
    for seconds, doubted, stranded in ((14, 0, 0), (15, held, 0), (59, held, 0), (60, held, held), (7200, held, held)):
        server.now = began + seconds * SECOND
        server.exchange(second)
        now = stands(server)
        assert (now.confirmed, now.possible - 3, now.stranded) == (3, doubted, stranded)
        assert now.doubted == (("k-hall-a",) if doubted else ())
        assert now.kiosks + now.stranded == held + second.account.balance
    shown = kiosk_of(server, "k-hall-a")
    assert shown is not None
    assert (shown.state, shown.heard_s, shown.seats, shown.stranded, shown.todo) == (
        "silent",
        7200,
        held,
        held,
        "silent",
    )
    admit(server, first, 4, 5)
    now = stands(server)
    assert (now.confirmed, now.possible, now.stranded) == (5, 5, 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_kiosk_that_goes_on_alone_never_admits_more_than_the_board_holds_possible(server: Server, seed: int) -> None:
    dice = random.Random(seed)
    alone, heard = stocked(server, "hall-a"), stocked(server, "hall-b")
    bodies, number = 0, 0
    server.now += 20 * SECOND
    server.exchange(heard)
    while number < 55:
        one = dice.choice([alone, heard])
        if one.account.balance < 1 or dice.random() < 0.1:
            server.exchange(heard)
        if one.account.balance < 1:
            continue
        number, bodies = number + 1, bodies + 1
        admit(server, one, number, post=one is heard)
        now = stands(server)
        assert now.confirmed <= bodies <= now.possible <= 100
    server.exchange(alone)
    assert (stands(server).confirmed, stands(server).possible) == (bodies, bodies)


def test_a_courier_brings_the_numbers_but_the_kiosk_is_alone_again(server: Server) -> None:
    first = stocked(server, "hall-a")
    server.now += timedelta(minutes=12)
    admit(server, first, 1, 2, post=False)
    letter = first.letter()
    server.store.write(lambda c: Desk(c, server.programme, server.now, "hall-a").handle(letter, carried=True))
    now = stands(server)
    assert (now.confirmed, now.possible) == (2, 2 + now.stranded)
    assert now.stranded >= first.account.balance > 0


def test_a_fenced_kiosk_that_still_speaks_may_have_spent_what_it_holds(server: Server) -> None:
    first = stocked(server, "hall-a")
    admit(server, first, 1, 2, 3)
    held = first.account.balance
    server.store.write(lambda c: fencing.fence(c, "k-hall-a"))
    server.exchange(first)
    now, shown = stands(server), kiosk_of(server, "k-hall-a")
    assert (now.confirmed, now.possible, now.stranded) == (3, 3 + held, held)
    assert shown is not None
    assert (shown.state, shown.seats, shown.todo) == ("fenced", held, "fenced")


def test_the_seats_of_a_store_that_was_begun_anew_are_stranded_though_the_kiosk_is_heard(server: Server) -> None:
    first = stocked(server, "hall-a")
    admit(server, first, 1, 2)
    lost = first.account.balance
    server.now += SECOND
    again = replace(server.kiosk("hall-a"), incarnation=0)  # drawn by lot: it need not be the larger number
    server.exchange(again)
    server.exchange(again)
    now, shown = stands(server), kiosk_of(server, "k-hall-a")
    assert (now.confirmed, now.possible, now.stranded, now.kiosks) == (2, 2 + lost, lost, again.account.balance)
    assert shown is not None
    assert (shown.state, shown.seats, shown.stranded) == ("live", lost + again.account.balance, lost)
    assert shown.todo == "anew"


def test_a_kiosk_is_live_for_15_seconds_late_for_a_minute_then_silent(server: Server) -> None:
    server.exchange(server.kiosk("hall-a"))
    began, states = server.now, []
    for seconds in (0, 14.9, 15, 59.9, 60, 7200):
        server.now = began + seconds * SECOND
        heard, other = kiosk_of(server, "k-hall-a"), kiosk_of(server, "k-hall-b")
        assert heard is not None
        assert other is not None
        assert (heard.gate, heard.heard_s, other.state, other.heard_s) == ("Hall A", int(seconds), "never", None)
        states.append(heard.state)
    assert states == ["live", "live", "late", "late", "silent", "silent"]


def test_a_kiosk_says_how_many_passages_wait_and_its_newest_store_counts(server: Server) -> None:
    kiosk = stocked(server, "hall-a")
    admit(server, kiosk, 1, 2, 3, 4, post=False)
    held, kiosk.unsent = kiosk.unsent[1:], kiosk.unsent[:1]
    server.exchange(kiosk)
    shown = kiosk_of(server, "k-hall-a")
    assert shown is not None
    assert shown.queue == 3
    kiosk.unsent = held
    server.exchange(kiosk)
    server.now += timedelta(minutes=1)
    server.exchange(replace(server.kiosk("hall-a"), incarnation=2))
    shown = kiosk_of(server, "k-hall-a")
    assert shown is not None
    assert (shown.queue, shown.state, shown.heard_s) == (0, "live", 0)


def test_a_revoked_kiosk_is_shown_for_as_long_as_it_holds_seats(server: Server) -> None:
    first = stocked(server, "hall-a")
    server.store.write(lambda c: fencing.revoke(c, "k-hall-a", to_ms(server.now)))
    shown = kiosk_of(server, "k-hall-a")
    assert shown is not None
    assert (shown.state, shown.stranded, shown.todo) == ("revoked", first.account.balance, "revoked")
    server.store.write(lambda c: counting.retire(c, "k-hall-a", "hall"))
    assert kiosk_of(server, "k-hall-a") is None


def test_while_entries_are_held_it_is_said_which_kiosks_have_yet_to_confirm(server: Server) -> None:
    first, second = stocked(server, "hall-a"), stocked(server, "hall-b")
    assert stands(server).hold is None
    server.store.write(lambda c: counting.hold(c, "hall"))
    hold = stands(server).hold
    assert hold is not None
    assert (hold.confirmed, hold.kiosks, hold.waiting) == (0, 2, ("k-hall-a", "k-hall-b"))
    server.exchange(first)
    server.exchange(first)
    hold, shown = stands(server).hold, kiosk_of(server, "k-hall-b")
    assert hold is not None
    assert shown is not None
    assert (hold.confirmed, hold.waiting, shown.unconfirmed) == (1, ("k-hall-b",), ("hall",))
    server.exchange(second)
    server.exchange(second)
    hold = stands(server).hold
    assert hold is not None
    assert (hold.confirmed, hold.waiting) == (2, ())
    server.store.write(lambda c: counting.reopen(c, "hall"))
    assert stands(server).hold is None


@pytest.mark.parametrize("heads", [0, 3, 7, 40])
def test_after_a_settled_count_what_is_confirmed_is_the_heads(server: Server, heads: int) -> None:
    first, second = stocked(server, "hall-a"), stocked(server, "hall-b")
    admit(server, first, 1, 2, 3)
    let_force(server, second, 2)
    assert stands(server).forced == 2
    room = server.programme.room("hall")
    assert room is not None
    server.store.write(lambda c: counting.hold(c, "hall"))
    for kiosk in (first, second, first, second):
        server.exchange(kiosk)
    server.store.write(lambda c: counting.count(c, room, book_of(c, "hall", server.now)[1], heads, to_ms(server.now)))
    for kiosk in (first, second, first, second):
        server.exchange(kiosk)
    now = stands(server)
    assert (now.confirmed, now.possible) == (heads, heads)
    assert now.hold is None or heads == 0


@pytest.mark.parametrize("seed", range(200))
def test_a_count_makes_any_accounts_add_up_to_the_heads(seed: int) -> None:
    dice = random.Random(seed)
    purses = []
    for number in range(dice.randrange(1, 6)):
        granted = dice.randrange(40)
        entries = dice.randrange(granted + 1)
        exits = dice.randrange(entries + 1)
        returned = dice.randrange(granted - entries + exits + 1)
        account = Account(1, granted, returned, entries, exits, dice.randrange(3))
        state = State.RETIRED if dice.random() < 0.3 else State.LIVE
        news = dice.choice(list(News))
        purses.append(Purse(f"k{number}", "hall", Held(account, state, 5), news))
    book = RoomBook(dice.randrange(120), dice.randrange(-5, 5), dice.randrange(9), dice.randrange(3))
    heads = dice.randrange(60)
    counted = standings.standing(ledger.recount(book, [one.held for one in purses], heads, 5), purses)
    doubted = sum(one.seats for one in purses if one.news is not News.FRESH)
    assert (counted.confirmed, counted.possible) == (heads, heads + doubted)
    assert counted.confirmed <= counted.possible


def test_bodies_that_were_counted_in_and_out_at_the_console_are_inside_and_gone(server: Server) -> None:
    admit(server, stocked(server, "hall-a"), 1, 2)
    hall = schema.book.c.room == "hall"
    server.store.write(lambda c: c.execute(update(schema.book).where(hall).values(forced=5, closed=1)))
    now = stands(server)
    assert (now.confirmed, now.possible, now.forced) == (6, 6, 5)


def test_more_exits_than_entries_are_nobody_inside(server: Server) -> None:
    way_out = server.kiosk("hall-out")
    way_out.account = seats.let_out(way_out.account, server.programme.rooms[1].exits, 3)
    server.exchange(way_out)
    assert (stands(server).confirmed, stands(server).possible) == (0, 0)


def test_after_a_restore_it_is_said_for_whom_the_room_waits(server: Server) -> None:
    first, second = stocked(server, "hall-a"), stocked(server, "hall-b")
    gone = schema.device.c.id.not_in(("k-hall-a", "k-hall-b"))
    server.store.write(lambda c: c.execute(update(schema.device).where(gone).values(revoked=to_ms(server.now))))
    assert stands(server).recovery is None
    server.store.write(lambda c: restore.raise_era(c, 1, to_ms(server.now) + 1, {}))
    server.era += 1
    server.exchange(first)
    server.exchange(first)
    recovery = stands(server).recovery
    assert recovery is not None
    assert (recovery.awaited, recovery.vowed) == (("k-hall-b",), False)
    server.exchange(second)
    server.exchange(second)
    server.store.write(lambda c: restore.confirm(c, "hall"))
    assert stands(server).recovery is None
    still = stands(server, "salon").recovery
    assert still is not None
    assert (still.awaited, still.vowed) == ((), False)

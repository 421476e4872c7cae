"""What supervisors do, on each store: what each act changes in the tables, and that a second person has to agree."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, select

from admission.errors import ConfigError, ThresholdError
from admission.ledger import State as Can
from admission.passage import Kind
from server import acts, counting, deeds, effects, restore, supervision, users
from server.acts import Act, Actor, State
from server.config import Config
from server.deeds import DEEDS
from server.store import schema
from server.store.engine import PostgresStore
from server.store.instants import to_ms
from server.users import Role
from tests.server.desk import Server, badge_of
from tests.world import PASSWORD, PaperKiosk

SUPERVISOR = Actor("supervisor", Role.SUPERVISOR)
ADMIN = Actor("admin", Role.ADMIN)
STEWARD = Actor("steward", Role.STEWARD)


def ask(server: Server, kind: str, who: Actor = SUPERVISOR, reason: str = "because", **asked: Any) -> Act:
    return server.store.write(lambda c: acts.ask(c, kind, asked, who, reason, server.now))


def confirm(server: Server, one: Act, who: Actor = ADMIN) -> Act:
    return server.store.write(lambda c: acts.confirm(c, one.id, who, server.now))


def agreed(server: Server, kind: str, **asked: Any) -> Act:
    """Asked for by one and confirmed by another."""
    one = ask(server, kind, **asked)
    assert one.state is State.WAITING
    return confirm(server, one)


def book(server: Server, room: str = "hall") -> dict[str, Any]:
    return next(row for row in server.rows(schema.book) if row["room"] == room)


def state_of(server: Server, device: str) -> set[object]:
    return {row["state"] for row in server.rows(schema.account) if row["device"] == device}


def free(server: Server, room: str = "hall") -> int:
    """The seats that may still be granted, by the tables."""

    def look(connection: Connection) -> int:
        _, one = deeds.book_of(connection, room, server.now)
        held = connection.execute(select(schema.account).where(schema.account.c.room == room)).all()
        return one.after(sum(a.granted - a.returned for a in held), sum(a.forced for a in held))

    return server.store.write(look)


def admit(server: Server, kiosk: PaperKiosk, *people: int, room: str | None = None) -> None:
    """These people enter, and the server hears of it."""
    for number in people:
        kiosk.pass_through(Kind.ENTRY, badge_of(server, number), server.now, room=room)
    server.exchange(kiosk)


def filled(server: Server, gate: str = "hall-a", people: int = 10) -> PaperKiosk:
    """A kiosk that has seats and has let people in."""
    kiosk = server.kiosk(gate)
    server.exchange(kiosk)
    admit(server, kiosk, *range(1, people + 1))
    return kiosk


# ---- asking, confirming, declining ----


def test_every_act_is_told_before_it_is_done_and_has_a_place_among_the_others() -> None:
    assert set(effects.EFFECTS) == set(DEEDS)
    assert {one.group for one in effects.EFFECTS.values()} == set(effects.GROUPS)


def test_an_act_asks_for_a_reason_and_writes_nothing_without_one(server: Server) -> None:
    with pytest.raises(ConfigError, match="give a reason"):
        ask(server, "hold", reason=" ", room="hall")
    assert server.rows(schema.act) == []
    assert not book(server)["held"]


def test_who_did_what_when_and_why_is_in_the_audit_log(server: Server) -> None:
    ask(server, "hold", reason="  crowding at the stairs ", room="hall")
    [row] = server.rows(schema.act)
    assert (row["kind"], row["by"], row["room"], row["state"]) == ("hold", "supervisor", "hall", "done")
    assert (row["reason"], row["confirmed_by"], row["at"]) == ("crowding at the stairs", "", to_ms(server.now))
    assert "hold 1" in str(row["outcome"])


def test_what_could_break_the_promise_waits_for_a_second_person() -> None:
    seconded = {kind for kind, deed in DEEDS.items() if deed.second}
    assert seconded == {"count", "clear", "capacity", "vouch", "confirm-room", "annul", "unbadged-out"}


def test_whoever_asks_cannot_confirm_and_nothing_is_done_until_somebody_else_does(server: Server) -> None:
    one = ask(server, "capacity", room="hall", limit="80")
    assert one.state is State.WAITING
    with pytest.raises(ConfigError, match="second person"):
        confirm(server, one, SUPERVISOR)
    assert next(row for row in server.rows(schema.room) if row["id"] == "hall")["limit"] == 100
    done = confirm(server, one)
    assert (done.state, done.by, done.confirmed_by) == (State.DONE, "supervisor", "admin")
    assert next(row for row in server.rows(schema.room) if row["id"] == "hall")["limit"] == 80


def test_a_steward_and_an_auditor_may_not_do_what_supervisors_do(server: Server) -> None:
    for kind in ("hold", "fence", "count", "vouch"):
        for who in (STEWARD, Actor("auditor", Role.AUDITOR), Actor("viewer", Role.VIEWER)):
            with pytest.raises(ConfigError, match="may not do this"):
                ask(server, kind, who, room="hall", device="k-hall-a", heads="1")
    assert server.rows(schema.act) == []


def test_a_steward_may_not_be_the_second_person(server: Server) -> None:
    one = ask(server, "unbadged-out", room="hall", bodies="1")
    for answer in (acts.confirm, acts.decline):
        with pytest.raises(ConfigError, match="stewards may not do this"):
            server.store.write(lambda c, answer=answer: answer(c, one.id, STEWARD, server.now))  # type: ignore[misc]
    assert book(server)["closed"] == 0


def test_of_two_who_confirm_at_once_one_does_it(server: Server) -> None:
    one = ask(server, "unbadged-out", room="hall", bodies="3")
    server.store.write(lambda c: users.set_user(c, "second", PASSWORD, Role.SUPERVISOR, bytes(16)))
    outcomes: list[object] = []
    ready = threading.Barrier(8)

    def press(who: Actor) -> None:
        ready.wait()
        try:
            outcomes.append(confirm(server, one, who).state)
        except ConfigError as error:
            outcomes.append(str(error))

    people = [ADMIN, Actor("second", Role.SUPERVISOR)] * 4
    threads = [threading.Thread(target=press, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(State.DONE) == 1
    assert {text for text in outcomes if text != State.DONE} == {
        "this was confirmed or declined already; load the page again"
    }
    assert book(server)["closed"] == 3


def test_an_act_that_nobody_confirms_within_half_an_hour_is_over(server: Server) -> None:
    one = ask(server, "capacity", room="hall", limit="80")
    server.now += timedelta(minutes=29, seconds=59)
    with server.store.read() as connection:
        assert [act.id for act in acts.waiting(connection, server.now)] == [one.id]
    server.now += timedelta(seconds=1)
    with server.store.read() as connection:
        assert acts.waiting(connection, server.now) == []
    with pytest.raises(ConfigError, match="within 30 minutes"):
        confirm(server, one)
    assert next(row for row in server.rows(schema.room) if row["id"] == "hall")["limit"] == 100


def test_an_act_can_be_declined_or_taken_back_and_then_confirmed_by_nobody(server: Server) -> None:
    for who in (ADMIN, SUPERVISOR):
        one = ask(server, "capacity", room="hall", limit="80")
        over = server.store.write(lambda c, one=one, who=who: acts.decline(c, one.id, who, server.now))  # type: ignore[misc]
        assert (over.state, over.confirmed_by) == (State.DECLINED, who.name)
        with pytest.raises(ConfigError, match="already"):
            confirm(server, one)


def test_an_act_that_has_become_impossible_is_not_done_and_still_waits(server: Server) -> None:
    ask(server, "hold", room="hall")
    one = ask(server, "count", room="hall", heads="4")
    ask(server, "reopen", room="hall")
    with pytest.raises(ConfigError, match="was opened"):
        confirm(server, one)
    with server.store.read() as connection:
        assert [act.id for act in acts.waiting(connection, server.now)] == [one.id]


IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("dance", {}, "there is no act 'dance'; acts are: annul"),
    ("hold", {"room": "attic"}, "there is no room 'attic'; rooms are: venue, hall"),
    ("hold", {"room": "venue"}, "room 'venue' has no limit"),
    ("fence", {"device": "k-moon"}, "there is no kiosk 'k-moon'; kiosks are: k-club-door"),
    ("count", {"room": "hall", "heads": "3"}, "hold the room's entries first"),
    ("capacity", {"room": "hall", "limit": "many"}, "limit: write a whole number"),
    ("capacity", {"room": "hall", "limit": "-1"}, "limit: -1 cannot be"),
    ("capacity", {"room": "hall", "limit": "9", "reserve": "10"}, "a reserve of 10 is more than the limit of 9"),
    ("unbadged-in", {"room": "hall", "bodies": "0"}, "bodies: 0 cannot be"),
    ("unbadged-out", {"room": "salon", "bodies": "1"}, "only where exits are trusted"),
    ("forgive", {"person": "p999"}, "nobody with the reference 'p999' has a badge"),
    ("annul", {"passage": "4000000000"}, "passage 4000000000 is no entry"),
    ("confirm-room", {"room": "hall"}, "was not closed by a restore"),
]


def test_what_cannot_be_is_said_in_a_sentence_and_nothing_is_written(server: Server) -> None:
    for kind, asked, says in IMPOSSIBLE:
        with pytest.raises(ConfigError, match=says):
            ask(server, kind, **asked)
    assert server.rows(schema.act) == []


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
    with pytest.raises(ConfigError, match="count them anew"):
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
        server.programme = deeds.programme_of(connection)
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
    era = server.store.write(lambda c: restore.raise_era(c, 1, to_ms(server.now), {}))
    done = agreed(server, "confirm-room", room="hall")
    assert "still awaited: k-club-door, k-hall-a" in done.outcome
    assert (book(server)["vowed_era"], book(server)["open_era"]) == (era, 1)
    granted = kiosk.account.granted
    server.exchange(kiosk)
    assert kiosk.account.granted == granted
    with pytest.raises(ConfigError, match="confirmed already"):
        ask(server, "confirm-room", room="hall")


def test_a_confirmation_does_not_outlive_another_restore(server: Server) -> None:
    server.store.write(lambda c: restore.raise_era(c, 1, to_ms(server.now), {}))
    one = ask(server, "confirm-room", room="hall")
    server.store.write(lambda c: restore.raise_era(c, 2, to_ms(server.now), {}))
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


# ---- the command line ----


def run(server: Server, *words: str, who: str = "", password: str = PASSWORD) -> tuple[int, str]:
    """Runs a command of the server's beside it, in the name of ``who``; its status and what it said."""
    url = server.store.plain_url if isinstance(server.store, PostgresStore) else f"sqlite:///{server.store.path}"

    @click.group()
    @click.pass_context
    def main(context: click.Context) -> None:
        context.obj = Config(database=url)

    supervision.register(main, lambda: server.now)
    by = ["--by", who, "--password-stdin"] if who else []
    result = CliRunner().invoke(main, [*words, *by], input=f"{password}\n")
    if isinstance(result.exception, Exception) and not isinstance(result.exception, ThresholdError):
        raise result.exception
    trouble = f"{result.exception}" if result.exception is not None else ""
    return result.exit_code, result.output + trouble


def test_an_act_of_two_people_on_the_command_line(server: Server) -> None:
    kiosk = filled(server, people=10)
    for words in (["act", "hold", "--room", "hall"], ["act", "count", "--room", "hall", "--heads", "12"]):
        status, said = run(server, *words, "--reason", "too full", who="supervisor")
        assert status == 0, said
    assert "threshold-server confirm-act 2" in said
    assert "too full" in run(server, "acts", "--waiting")[1]
    assert "second person has to confirm" in run(server, "confirm-act", "2", who="supervisor")[1]
    status, said = run(server, "confirm-act", "2", who="admin")
    assert status == 0, said
    assert "Write in a head count: The hall: 12 inside" in said
    assert "Only if: Nobody came in while heads were counted" in said
    assert (server.exchange(kiosk).grants[0].hold, book(server)["recount"]) == (0, -2)
    assert "nothing waits" in run(server, "acts", "--waiting")[1]
    listed = run(server, "acts")[1]
    assert "supervisor, admin: too full" in listed
    assert listed.index("Write in a head count") < listed.index("Close a room")


def test_a_command_needs_the_password_and_the_role_and_only_its_own_options(server: Server) -> None:
    fence = ["act", "fence", "--device", "k-hall-a", "--reason", "gone"]
    assert "do not belong together" in run(server, *fence, who="supervisor", password="guessed it")[1]
    assert "do not belong together" in run(server, *fence, who="nobody")[1]
    assert "stewards may not do this" in run(server, *fence, who="steward")[1]
    status, said = run(server, *fence, "--heads", "3", who="supervisor")
    assert (status, "fence does not take --heads" in said) == (2, True)
    assert server.rows(schema.act) == []
    assert run(server, *fence, who="supervisor") == (
        0,
        "act 1 done: it gets no more seats; those that it holds stay counted\n",
    )


def test_an_act_is_declined_on_the_command_line(server: Server) -> None:
    ask(server, "capacity", room="hall", limit="80")
    assert "act 1 is declined" in run(server, "decline-act", "1", who="admin")[1]
    assert "already" in run(server, "confirm-act", "1", who="admin")[1]
    assert "there is no act 7" in run(server, "confirm-act", "7", who="admin")[1]


def test_the_help_of_act_lists_every_kind_with_what_it_needs(server: Server) -> None:
    said = run(server, "act", "--help")[1]
    for kind, deed in DEEDS.items():
        assert f"    {kind}" in said
        assert " ".join(f"--{need}" for need in deed.needs) in said

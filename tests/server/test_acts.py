"""What supervisors do, on each store: what each act changes in the tables, and that a second person has to agree."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from admission.errors import ConfigError
from server import acts, effects, users
from server.acts import Actor, State
from server.deeds import DEEDS
from server.phrase import read_back
from server.store import schema
from server.store.instants import to_ms
from server.users import Role
from tests.server.acting import ADMIN, STEWARD, SUPERVISOR, ask, book, confirm, filled, run
from tests.server.desk import Server
from tests.world import PASSWORD

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
    assert "hold 1" in read_back(str(row["outcome"]))


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
        with pytest.raises(ConfigError, match="the role steward may not do this"):
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


# ---- the command line ----


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
    assert "the role steward may not do this" in run(server, *fence, who="steward")[1]
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

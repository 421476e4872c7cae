"""What a door does while a supervisor has closed its room, and when a delegation has used up its places."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from kiosk.face import Shown
from server import acts
from server.acts import Actor
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.users import Role
from tests.kiosk.conftest import Doors, Kiosk

Either = SqliteStore | PostgresStore
BOSS = Actor("sue", Role.SUPERVISOR)


def act(store: Either, door: Doors, kind: str, **asked: object) -> None:
    store.write(lambda c: acts.ask(c, kind, asked, BOSS, "smoke", door.time()))


def idle(kiosk: Kiosk) -> Shown:
    """What stands on the screen once nobody is there."""
    kiosk.ms += 60_000
    kiosk.gate.step(kiosk.frame)
    return kiosk.face.shown[-1]


@pytest.mark.parametrize("where", ["hall", "venue", ""])
def test_a_closed_room_lets_nobody_in_and_says_so_while_nobody_is_there(
    door: Doors, sqlite_store: Either, where: str
) -> None:
    kiosk = door("hall-a")
    assert idle(kiosk).key == "waiting"
    act(sqlite_store, door, "close", room=where)
    kiosk.hear()
    assert idle(kiosk) == Shown("closed", "closed_now")
    assert kiosk.show("p1") == "held"
    act(sqlite_store, door, "open", room=where)
    kiosk.hear()
    assert idle(kiosk).key == "waiting"
    assert kiosk.show("p1") == "welcome"


def test_a_kiosk_that_has_heard_of_it_keeps_it_closed_without_the_network_and_after_a_restart(
    door: Doors, sqlite_store: Either
) -> None:
    kiosk = door("hall-a")
    act(sqlite_store, door, "close", room="hall")
    kiosk.hear()
    kiosk.restart()
    kiosk.line.cut = True
    assert kiosk.show("p1") == "held"


def test_it_opens_by_category(door: Doors, sqlite_store: Either) -> None:
    kiosk = door("hall-a")
    act(sqlite_store, door, "close", room="")
    act(sqlite_store, door, "open", room="hall", only=["staff"])
    kiosk.hear()
    assert kiosk.show("p1") == "held"  # press
    assert kiosk.show("p2") == "welcome"  # staff


def test_nobody_is_kept_in(door: Doors, sqlite_store: Either) -> None:
    salon, way_out = door("salon-door"), door("hall-out")
    assert salon.show("p1") == "welcome"
    act(sqlite_store, door, "close", room="")
    for kiosk in (salon, way_out):
        kiosk.hear()
    assert idle(salon) == Shown("closed", "exit_only")
    assert idle(way_out).key == "waiting_out"
    assert salon.show("p1") == "goodbye"
    assert way_out.show("p4") == "goodbye"


def quota(store: Either, session: str, delegation: str, most: int) -> None:
    row = {"session": session, "delegation": delegation, "most": most}
    store.write(lambda c: c.execute(insert(schema.quota), row))


def incidents_of(store: Either) -> list[dict[str, object]]:
    with store.read() as connection:
        rows = connection.execute(select(schema.incident).where(schema.incident.c.kind == "over_quota"))
        return [dict(row) for row in rows.mappings()]


def test_in_reach_of_the_server_a_delegation_sends_no_more_than_it_may(door: Doors, sqlite_store: Either) -> None:
    kiosk = door("hall-a")
    quota(sqlite_store, "keynote", "Land 1", 2)
    assert [kiosk.show(who) for who in ("p1", "p6", "p11")] == ["welcome", "welcome", "delegation_full"]
    assert kiosk.face.shown[-1].state == "steward"  # nobody behind them reads why
    assert kiosk.show("p2") == "welcome"  # another delegation
    assert incidents_of(sqlite_store) == []


def test_somebody_who_has_attended_may_come_back(door: Doors, sqlite_store: Either) -> None:
    kiosk = door("salon-door")
    quota(sqlite_store, "talks", "Land 1", 1)
    assert kiosk.show("p1") == "welcome"
    assert kiosk.show("p1") == "goodbye"
    assert kiosk.show("p1") == "welcome"


def test_out_of_reach_the_door_lets_them_in_and_the_server_tells_afterwards(door: Doors, sqlite_store: Either) -> None:
    kiosk = door("hall-a")
    quota(sqlite_store, "keynote", "Land 1", 1)
    kiosk.line.cut = True
    assert [kiosk.show(who) for who in ("p1", "p6")] == ["welcome", "welcome"]
    kiosk.line.cut = False
    kiosk.hear()
    [incident] = incidents_of(sqlite_store)
    assert (incident["room"], incident["gate"]) == ("hall", "hall-a")
    assert '"most":1' in str(incident["facts"])
    assert '"came":2' in str(incident["facts"])

"""The registration desk: people are found by a few letters, badges printed and handed over, check-ins undone."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select

from admission.badge import PREFIX, Badge, BadgeId, issue
from admission.errors import ConfigError
from admission.rules import Why
from server import badges, desk, event, finding, guest, imports, shift
from server.acts import Act, Actor
from server.current import Current
from server.finding import Found
from server.guest import Card
from server.shift import Report
from server.store import schema
from server.store.engine import PostgresStore, SqliteStore
from server.store.instants import to_ms
from server.trail import Who
from server.users import Role
from tests.world import World, make_world, table, utc_now

Either = SqliteStore | PostgresStore
ALMA, BRUNO = Who("alma", "::1"), Who("bruno", "::1")
GUESTS = (
    ("mora", "José Álvarez Mora", "Ríos Vivos", "Chile"),
    ("castro", "Alma Castro", "Moya & Co", "Peru"),
    ("wang", "王小明", "水利部", "中国"),
    ("ahmadi", "محمد الأحمدي", "Wadi", "Egypt"),
    ("ohara", "Siobhán O'Hara-Núñez", "Hundred%", "Ireland"),
    ("muller", "Jörg Müller-Lüdenscheidt", "Under_score", "Germany"),
)


def invite(store: Either) -> Either:
    """Guests whose names are written in several scripts."""
    rows = [f"{'|'.join(one)}|press|" for one in GUESTS]
    files = {"people": table("person|name|organisation|delegation|category|language", *rows)}
    store.write(lambda c: imports.run(c, files, os.urandom))
    return store


@pytest.fixture
def guests(store: Either, world: World) -> Either:
    """The small venue and its guests, on each kind of database."""
    return invite(store)


@pytest.fixture
def here(sqlite_store: Either) -> tuple[Either, World]:
    """The same on SQLite alone, for what has nothing to do with the database."""
    world = sqlite_store.write(lambda connection: make_world(connection, utc_now()))
    return invite(sqlite_store), world


def find(store: Either, text: str) -> list[str]:
    with store.read() as connection:
        return [one.ref for one in finding.find(connection, text)]


def look(store: Either, world: World, ref: str) -> Card:
    with store.read() as connection:
        found = guest.card(connection, Current(store, lambda: world.now).get(), ref, world.now)
    assert found is not None
    return found


def rows(store: Either, of: Any) -> list[dict[str, Any]]:
    with store.read() as connection:
        return [dict(row) for row in connection.execute(select(of).order_by(of.c.id)).mappings()]


def act(
    store: Either, world: World, kind: str, who: Who = ALMA, reason: str = "Badge left behind", **asked: Any
) -> Act:
    by = (Actor(who.name, Role.DESK), who)
    return store.write(lambda c: desk.ask(c, kind, asked, by, reason, world.now))


def hand_over(store: Either, world: World, serial: int, who: Who = ALMA, *, again: bool = False) -> None:
    store.write(lambda c: desk.hand_over(c, serial, who, world.now, again=again))


def is_inside(store: Either, world: World, ref: str, room: str) -> bool:
    return room in {one.room for one in look(store, world, ref).inside}


# ---- finding ----


KNOWN_AS = {
    "mora": ("al mo", "mor alv", "ÁLVAREZ", "a m", "jam", "rios", "mora"),
    "wang": ("王小", "明", "水利", "wang"),
    "ahmadi": ("الأحمدي", "احمد"),
    "ohara": ("o\N{RIGHT SINGLE QUOTATION MARK}hara", "o'hara", "nunez", "irel", "hundred%"),
    "muller": ("ludensch", "under_s"),
    "p7": ("p7", "P7"),
}


def test_a_few_letters_find_the_person_in_any_script(guests: Either) -> None:
    found = {text: find(guests, text)[:1] for texts in KNOWN_AS.values() for text in texts}
    assert found == {text: [ref] for ref, texts in KNOWN_AS.items() for text in texts}
    assert find(guests, "mo al") == ["mora", "castro"]  # a name before an organisation
    many = find(guests, "person")
    assert len(many) == len(set(many)) == 12
    nobody = ("", "   ", "zzz", "%%%", "___", "\0", "a\0b", "'; DROP TABLE person; --", "x" * 5000, "9" * 30)
    assert {text: find(guests, text) for text in nobody} == {text: [] for text in nobody}


def test_a_badge_s_number_finds_its_holder_also_when_it_is_revoked(guests: Either, world: World) -> None:
    serial = world.badge_ids["p7"] >> 32
    assert find(guests, str(serial))[0] == find(guests, f"#{serial}")[0] == "p7"
    guests.write(lambda c: desk.reprint(c, "p7", serial, "Badge lost", (ALMA, os.urandom), world.now))
    with guests.read() as connection:
        one: Found = finding.find(connection, str(serial))[0]
    assert (one.ref, one.badge, one.serial) == ("p7", finding.LIVE, 61)
    assert find(guests, "99999999999999999999") == []


# ---- badges that are scanned ----


def scan(store: Either, world: World, text: str) -> finding.Scan:
    with store.read() as connection:
        return finding.scan(connection, text, world.keys)


def test_a_scanned_badge_finds_its_holder_and_a_foreign_text_is_said_to_be_one(here: tuple[Either, World]) -> None:
    guests, world = here
    assert scan(guests, world, world.tokens["p4"]) == finding.Scan("p4", world.badge_ids["p4"] >> 32)
    forged = Ed25519PrivateKey.from_private_bytes(bytes(32))
    mine = Badge(world.keys.event, 0, BadgeId(world.badge_ids["p4"]), 1, 0, 0, 0)
    other = Badge(world.keys.event + 1, 0, BadgeId(world.badge_ids["p4"]), 1, 0, 0, 0)
    assert "forged" in scan(guests, world, issue(mine, forged)).problem
    assert "not of this event" in scan(guests, world, issue(other, forged)).problem
    assert "not of this event" in scan(guests, world, "M1DESMARAIS/LUC EABC123 YULFRAAC 0834 326J001A0025 100").problem
    assert "not read whole" in scan(guests, world, world.tokens["p4"][:-1]).problem
    assert "not read whole" in scan(guests, world, PREFIX + "\0" * 120).problem


def test_a_genuine_badge_of_nobody_is_said_to_be_that(here: tuple[Either, World]) -> None:
    guests, world = here

    def erase(connection: Connection) -> None:
        mine = schema.badge.c.serial == world.badge_ids["p4"] >> 32
        connection.execute(schema.badge.update().where(mine).values(person=None))

    guests.write(erase)
    assert "nobody holds it" in scan(guests, world, world.tokens["p4"]).problem


# ---- the card ----


def test_the_card_says_what_the_gates_would_say(here: tuple[Either, World]) -> None:
    guests, world = here
    doors = {str(one.room.id): one for one in look(guests, world, "p3").doors}
    assert doors["hall"].why is Why.NOT_LISTED  # p3 is barred from the keynote
    assert doors["venue"].why is None
    listed = {str(one.room.id): one.why for one in look(guests, world, "p1").doors}
    assert (listed["hall"], listed["club"]) == (None, None)
    assert {str(one.room.id): one.why for one in look(guests, world, "p4").doors}["club"] is Why.NOT_LISTED
    assert {str(one.room.id): one.why for one in look(guests, world, "p2").doors}["salon"] is Why.NOT_LISTED  # staff


def test_a_badge_that_says_another_category_than_the_list_is_pointed_out(here: tuple[Either, World]) -> None:
    guests, world = here
    assert not look(guests, world, "p1").outdated
    files = {"people": table("person|name|category", "p1|Person 1|staff")}
    guests.write(lambda c: imports.run(c, files, os.urandom))
    assert look(guests, world, "p1").outdated


def test_nobody_has_no_card(here: tuple[Either, World]) -> None:
    guests, world = here
    with guests.read() as connection:
        assert guest.card(connection, Current(guests, lambda: world.now).get(), "nobody", world.now) is None


# ---- print, hand over, reprint ----


def test_whoever_has_no_badge_gets_one_and_whoever_has_one_keeps_it(guests: Either, world: World) -> None:
    first = guests.write(lambda c: desk.print_badge(c, "mora", ALMA, world.now, os.urandom))
    again = guests.write(lambda c: desk.print_badge(c, "mora", BRUNO, world.now, os.urandom))
    assert first == again == 61
    badge = look(guests, world, "mora").badge
    assert badge is not None
    assert [(one.by, one.at) for one in badge.printed] == [("alma", to_ms(world.now)), ("bruno", to_ms(world.now))]
    assert [row["what"] for row in rows(guests, schema.trail)] == ["issued", "printed", "printed"]


def test_a_reprint_takes_a_reason_and_revokes_the_old_one(here: tuple[Either, World]) -> None:
    guests, world = here
    old = world.badge_ids["p5"] >> 32
    with pytest.raises(ConfigError, match="say why"):
        guests.write(lambda c: desk.reprint(c, "p5", old, "  ", (ALMA, os.urandom), world.now))
    new = guests.write(lambda c: desk.reprint(c, "p5", old, "Badge lost", (ALMA, os.urandom), world.now))
    card = look(guests, world, "p5")
    assert card.badge is not None
    assert card.badge.serial == new != old
    assert [row["revoked_why"] for row in _badges(guests) if row["serial"] == old] == ["Badge lost"]


def test_of_two_desks_that_reprint_the_same_badge_one_is_told(guests: Either, world: World) -> None:
    old = world.badge_ids["p5"] >> 32
    guests.write(lambda c: desk.reprint(c, "p5", old, "Badge lost", (ALMA, os.urandom), world.now))
    with pytest.raises(ConfigError, match="badge 61 was issued to this person meanwhile"):
        guests.write(lambda c: desk.reprint(c, "p5", old, "Badge lost", (BRUNO, os.urandom), world.now))
    assert len(_badges(guests)) == 61


def test_whose_badge_was_revoked_gets_no_new_one_without_a_reason(here: tuple[Either, World]) -> None:
    guests, world = here
    guests.write(lambda c: badges.revoke(c, ["p5"], "accreditation withdrawn", world.now))
    with pytest.raises(ConfigError, match="takes a reason"):
        guests.write(lambda c: desk.print_badge(c, "p5", ALMA, world.now, os.urandom))
    card = look(guests, world, "p5")
    assert card.badge is None
    assert card.last is not None
    assert card.last.why == "accreditation withdrawn"
    was = card.last.serial
    new = guests.write(lambda c: desk.reprint(c, "p5", was, "Restored", (ALMA, os.urandom), world.now))
    assert look(guests, world, "p5").badge is not None
    assert new == 61


def test_a_badge_is_handed_over_once_unless_somebody_means_it(guests: Either, world: World) -> None:
    serial = world.badge_ids["p5"] >> 32
    hand_over(guests, world, serial)
    with pytest.raises(ConfigError, match="handed over already, by alma"):
        hand_over(guests, world, serial, BRUNO)
    hand_over(guests, world, serial, BRUNO, again=True)
    badge = look(guests, world, "p5").badge
    assert badge is not None
    assert [one.by for one in badge.handed] == ["alma", "bruno"]


def test_a_badge_that_is_not_valid_is_not_handed_over(here: tuple[Either, World]) -> None:
    guests, world = here
    serial = world.badge_ids["p5"] >> 32
    guests.write(lambda c: badges.revoke(c, ["p5"], "lost", world.now))
    for number in (serial, 0, 999):
        with pytest.raises(ConfigError, match="not valid any more"):
            hand_over(guests, world, number)


def _badges(store: Either) -> list[dict[str, Any]]:
    with store.read() as connection:
        return [dict(row) for row in connection.execute(select(schema.badge)).mappings()]


# ---- by hand, and companions ----


def test_a_check_in_by_hand_opens_a_stay_and_its_undoing_closes_it(guests: Either, world: World) -> None:
    done = act(guests, world, "check-in", person="p5", room="hall")
    assert is_inside(guests, world, "p5", "hall")
    with pytest.raises(ConfigError, match="inside"):
        act(guests, world, "check-in", person="p5", room="hall")
    with guests.read() as connection:
        assert [(one.act, one.ref, one.undone) for one in desk.checked_in(connection, 0)] == [(done.id, "p5", False)]
    act(guests, world, "undo-check-in", BRUNO, reason="Wrong person", act=done.id)
    assert not is_inside(guests, world, "p5", "hall")
    with guests.read() as connection:
        assert [one.undone for one in desk.checked_in(connection, 0)] == [True]
    with pytest.raises(ConfigError):
        act(guests, world, "undo-check-in", act=done.id)
    noted = [(row["what"], row["about"], row["ref"]) for row in rows(guests, schema.trail)]
    assert noted == [("check-in", "person", "p5"), ("undo-check-in", "person", "p5")]


def test_a_check_in_that_fails_leaves_nothing_behind(here: tuple[Either, World]) -> None:
    guests, world = here
    for person, room in (("p5", "nowhere"), ("nobody", "hall"), ("", "")):
        with pytest.raises(ConfigError):
            act(guests, world, "check-in", person=person, room=room)
    with pytest.raises(ConfigError, match="reason"):
        act(guests, world, "check-in", reason="", person="p5", room="hall")
    assert rows(guests, schema.act) == rows(guests, schema.trail) == rows(guests, schema.stay) == []


def test_no_more_companions_go_out_than_came_in(guests: Either, world: World) -> None:
    act(guests, world, "companions-in", room="hall", delegation="Chile", bodies=3)
    act(guests, world, "companions-in", room="salon", delegation="Chile", bodies=1)
    act(guests, world, "companions-out", room="hall", delegation="Chile", bodies=2)
    with pytest.raises(ConfigError):
        act(guests, world, "companions-out", room="hall", delegation="Chile", bodies=2)
    with pytest.raises(ConfigError):
        act(guests, world, "companions-out", room="hall", delegation="Peru", bodies=1)
    act(guests, world, "companions-out", room="salon", delegation="Chile", bodies=1)
    with guests.read() as connection:
        assert desk.balances(connection) == [desk.Balance("Chile", "hall", 1)]


# ---- the shift ----


def report(store: Either, world: World, since: int) -> Report:
    with store.read() as connection:
        return shift.report(connection, since, since)


def test_a_shift_tells_what_each_did_and_what_is_open(guests: Either, world: World) -> None:
    start = to_ms(world.now - timedelta(hours=1))
    p5, p6 = world.badge_ids["p5"] >> 32, world.badge_ids["p6"] >> 32
    guests.write(lambda c: desk.print_badge(c, "p5", ALMA, world.now, os.urandom))
    guests.write(lambda c: desk.print_badge(c, "mora", ALMA, world.now, os.urandom))
    hand_over(guests, world, p5, BRUNO)
    guests.write(lambda c: desk.reprint(c, "p6", p6, "Badge lost", (BRUNO, os.urandom), world.now))
    act(guests, world, "check-in", BRUNO, person="p7", room="hall")
    act(guests, world, "companions-in", room="hall", delegation="Chile", bodies=3)
    found = report(guests, world, start)
    assert found.done["alma"] == {"printed": 2, "companions-in": 1}
    assert found.done["bruno"] == {"printed": 1, "handed": 1, "reprinted": 1, "check-in": 1}
    assert found.total["printed"] == 3
    assert sorted((one.ref, one.by) for one in found.waiting) == [("mora", "alma"), ("p6", "bruno")]
    assert [(one.ref, one.why, one.replaced_by) for one in found.revoked] == [("p6", "Badge lost", 62)]
    assert [one.ref for one in found.by_hand] == ["p7"]
    assert found.companions == [desk.Balance("Chile", "hall", 3)]
    later = report(guests, world, to_ms(world.now) + 1)
    assert (later.done, later.waiting, later.by_hand) == ({}, [], [])
    assert later.companions == found.companions


def test_handing_the_desk_on_ends_one_shift_and_begins_the_next(guests: Either, world: World) -> None:
    with guests.read() as connection:
        zone = event.read(connection).zone
    local = world.now.astimezone(zone).replace(hour=14)
    with guests.read() as connection:
        assert shift.began(connection, local) == to_ms(shift.day_of(local))
    noon = local - timedelta(hours=2)
    guests.write(lambda c: shift.hand_on(c, ALMA, " Printer 2 jams. ", shift.report(c, 0, 0), noon))
    with guests.read() as connection:
        assert shift.began(connection, local) == to_ms(noon)
        assert shift.last_handed_on(connection) == shift.HandedOn(to_ms(noon), "alma", "Printer 2 jams.")
        assert shift.began(connection, local + timedelta(days=1)) == to_ms(shift.day_of(local + timedelta(days=1)))


def test_counters_tell_everybody_s_work_from_one_s_own(guests: Either, world: World) -> None:
    guests.write(lambda c: desk.print_badge(c, "p5", ALMA, world.now, os.urandom))
    guests.write(lambda c: desk.print_badge(c, "p6", BRUNO, world.now, os.urandom))
    act(guests, world, "check-in", BRUNO, person="p7", room="hall")
    with guests.read() as connection:
        found = desk.counters(connection, to_ms(world.now) - 1, "alma")
        assert found == {"printed": (2, 1), "handed": (0, 0), "check-in": (1, 0)}
        assert desk.counters(connection, to_ms(world.now) + 1, "alma")["printed"] == (0, 0)

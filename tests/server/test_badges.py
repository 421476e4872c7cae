"""Badges from the list of people to the camera at the gate: issued once, replaced, revoked, printed, read again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Row, select

from admission import badge as tokens
from admission import bitmap, record
from admission.errors import ConfigError
from deploy.footage import photograph
from server import badges, imports, news
from server.badges import Selection
from server.cards import A4, Card
from server.store import schema, versions
from server.store.engine import PostgresStore, SqliteStore
from tests.eyes import texts
from tests.paper import printed
from tests.world import World, make_world, table, utc_now

Either = SqliteStore | PostgresStore
READING_CM = (26, 28, 30)


def rows(store: Either, ref: str) -> list[Row[tuple[object, ...]]]:
    """The person's badges, oldest first."""
    whose = select(schema.badge).join(schema.person).where(schema.person.c.ref == ref).order_by(schema.badge.c.serial)
    with store.read() as connection:
        return list(connection.execute(whose).all())


def issue(store: Either, *refs: str, reprint: bool = False) -> list[int]:
    whose = Selection(refs or None, reprint)
    return store.write(lambda connection: badges.issue(connection, whose, utc_now(), os.urandom))


def revoke(store: Either, *refs: str) -> int:
    return store.write(lambda connection: badges.revoke(connection, refs, "lost", utc_now()))


def cards(store: Either, *serials: int) -> list[Card]:
    with store.read() as connection:
        return badges.cards(connection, serials)


def serials_in(packed: bytes) -> set[int]:
    bits = bitmap.unpack(packed)
    return {serial for serial in range(8 * len(bits)) if bitmap.holds(bits, serial)}


def badges_version(store: Either) -> int:
    with store.read() as connection:
        return versions.current(connection, versions.BADGES)


def test_everybody_gets_one_badge_and_serials_are_dense_in_the_order_of_references(store: Either, world: World) -> None:
    serials = {ref: tokens.serial_of(number) for ref, number in world.badge_ids.items()}
    assert sorted(serials.values()) == list(range(1, 61))
    assert sorted(serials, key=lambda ref: serials[ref]) == sorted(serials)


def test_who_has_a_live_badge_is_passed_over(store: Either, world: World) -> None:
    before = badges_version(store)
    assert issue(store) == issue(store, "p1") == []
    assert badges_version(store) == before
    store.write(
        lambda c: imports.run(c, {"people": table("person|name|category", "new|New|press")}, os.urandom),
    )
    assert issue(store) == [61]
    assert len(rows(store, "p1")) == len(rows(store, "new")) == 1


def test_a_reprint_revokes_the_old_badge_and_leads_from_it_to_the_new(store: Either, world: World) -> None:
    before = badges_version(store)
    [serial] = issue(store, "p7", reprint=True)
    old, new = rows(store, "p7")
    assert (old.revoked_why, old.replaced_by, new.serial) == ("reprinted", serial, serial)
    assert old.revoked is not None
    assert (new.revoked, new.replaced_by) == (None, None)
    with store.read() as connection:
        heard = news.badge_news(connection, before, "hall", badges_version(store))
    assert heard.replaced == ((old.serial, serial),)
    assert serials_in(heard.revoked) == {old.serial}
    told = {where: bool(box) for where, box in heard.records}
    assert told == {bytes(old.lookup): False, record.lookup(cards(store, serial)[0].text): True}
    with store.read() as connection:
        anew = news.badge_news(connection, 0, "hall", badges_version(store))
    assert bytes(old.lookup) not in {where for where, _ in anew.records}
    assert heard.highest == serial == 61


def test_a_person_on_a_list_stays_on_it_with_the_new_badge(store: Either, world: World) -> None:
    [serial] = issue(store, "p1", reprint=True)
    with store.read() as connection:
        [dinner] = news.badge_news(connection, 0, "club", badges_version(store)).lists
    assert serials_in(dinner.yes) == {serial, tokens.serial_of(world.badge_ids["p2"])}


def test_a_revoked_badge_is_told_to_the_kiosks_and_a_new_one_needs_no_reprint(store: Either, world: World) -> None:
    before = badges_version(store)
    assert revoke(store, "p4", "p5") == 2
    assert revoke(store, "p4") == 0
    old = rows(store, "p4")[0]
    assert (old.revoked_why, old.replaced_by) == ("lost", None)
    with store.read() as connection:
        heard = news.badge_news(connection, before, "hall", badges_version(store))
    gone = {tokens.serial_of(world.badge_ids[ref]) for ref in ("p4", "p5")}
    assert serials_in(heard.revoked) == gone
    assert [box for _, box in heard.records] == [b"", b""]  # to be forgotten
    assert issue(store, "p4") == [61]


def test_only_the_live_badge_is_revoked_and_the_reason_of_the_first_stays(store: Either, world: World) -> None:
    issue(store, "p6", reprint=True)
    assert revoke(store, "p6") == 1
    assert [row.revoked_why for row in rows(store, "p6")] == ["reprinted", "lost"]


def test_an_unknown_reference_is_named_and_nobody_gets_or_loses_anything(store: Either, world: World) -> None:
    before = badges_version(store)
    with pytest.raises(ConfigError, match="no person has the reference nobody, nowhere"):
        issue(store, "p1", "nowhere", "nobody", reprint=True)
    with pytest.raises(ConfigError, match="no person has the reference nobody"):
        revoke(store, "p1", "nobody")
    assert [row.revoked for row in rows(store, "p1")] == [None]
    assert badges_version(store) == before


def test_every_token_proves_the_badge_that_the_tables_hold(store: Either, world: World) -> None:
    for ref, token in world.tokens.items():
        badge, [row] = tokens.verify(token, world.keys), rows(store, ref)
        assert isinstance(badge, tokens.Badge)
        assert (badge.id, badge.category, badge.zones, badge.event) == (row.id, row.category, row.zones, 7)
        assert bytes(row.lookup) == record.lookup(token)
        sealed = record.unseal(token, bytes(row.box))
        assert sealed == record.Record(f"Person {ref[1:]}", "en")


def test_the_same_badge_is_printed_again_with_the_same_text(store: Either, world: World) -> None:
    serial = tokens.serial_of(world.badge_ids["p3"])
    [card] = cards(store, serial)
    assert card == Card(world.tokens["p3"], "Person 3", "Org 3", "Land 3", "Delegate", "#1f6f8b", serial)
    assert [one.serial for one in cards(store, 9, 2, 5)] == [9, 2, 5]


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs pdftoppm (poppler-utils)")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_badge_printed_and_held_before_the_camera_is_read_as_the_very_token(
    sqlite_store: Either, tmp_path: Path, seed: int
) -> None:
    world = sqlite_store.write(lambda connection: make_world(connection, utc_now(), people=6, kiosks=()))
    those = cards(sqlite_store, *(tokens.serial_of(number) for number in world.badge_ids.values()))
    dice = np.random.default_rng(seed)
    read, photographs = 0, 0
    for card, paper in zip(those, printed(those, tmp_path), strict=True):
        for distance in READING_CM:
            frame = photograph(paper, distance, dice, badge_mm=A4.card[0], tilt_deg=float(dice.uniform(0, 12)))
            seen = texts(frame)
            assert seen in ([], [card.text]), "a code is read as what was printed, or not at all"
            read += seen == [card.text]
            photographs += 1
    assert isinstance(tokens.verify(those[0].text, world.keys), tokens.Badge)
    assert read / photographs > 0.95

"""A memory card that is copied, put back or lost: what each can cost, and that it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import select

from admission.passage import decode
from server.store.engine import transaction
from server.store.schema import incarnation, quarantine
from tests.together.busy import ROOM, Arena, busy_site
from tests.together.fleet import Fleet, audit, wait_until
from tests.together.proxy import Cut
from tests.together.storm import delivered
from tests.together.supervisors import do, raised

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(120)]
LIMIT = 30


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two doors of a room for 30, ready."""
    with ExitStack() as stack:
        site = stack.enter_context(busy_site(tmp_path, Arena(limit=LIMIT, people=150, gates=2)))
        fleet = stack.enter_context(Fleet(site))
        fleet.start_ready("g1", "g2")
        yield fleet


def tokens(fleet: Fleet, first: int, last: int) -> list[str]:
    return [fleet.site.world.tokens[f"p{number}"] for number in range(first, last + 1)]


def greens(fleet: Fleet) -> list[str]:
    return [text for kiosk in fleet.kiosks.values() for text in kiosk.greens]


def drain(fleet: Fleet, name: str, first: int, last: int) -> None:
    """People come to the door until two in a row were sent away."""
    refused = 0
    for token in tokens(fleet, first, last):
        refused = 0 if fleet[name].present(token).green else refused + 1
        if refused == 2:
            return
    raise AssertionError(f"{name} let everybody in")


def logged(fleet: Fleet) -> set[int]:
    return {int(str(row["badge"])) for row in fleet.site.log() if row["kind"] == "entry"}


def aside(fleet: Fleet) -> set[int]:
    """The badges in the records that were kept aside."""
    with transaction(fleet.site.url) as connection:
        return {decode(bytes(raw)).badge for raw in connection.execute(select(quarantine.c.raw)).scalars()}


def fenced(fleet: Fleet) -> list[bool]:
    with transaction(fleet.site.url) as connection:
        query = select(incarnation.c.fenced).where(incarnation.c.device == "k-g1").order_by(incarnation.c.incarnation)
        return list(connection.execute(query).scalars())


def badges(fleet: Fleet, shown: list[str]) -> set[int]:
    ids = {text: fleet.site.world.badge_ids[ref] for ref, text in fleet.site.world.tokens.items()}
    return {ids[text] for text in shown}


def test_a_cloned_card_costs_no_more_than_it_held_and_the_audit_names_both_machines(fleet: Fleet) -> None:
    door = fleet["g1"]
    assert [door.present(token).key for token in tokens(fleet, 1, 2)] == ["welcome", "welcome"]
    wait_until(lambda: delivered(door) and door.balance(ROOM) >= 3, "it has delivered, and holds seats")
    assert audit(fleet.site)[0] == 0
    door.link.cut(Cut.REFUSED)
    copy = fleet.clone("g1", "g1-copy", Cut.REFUSED)
    wait_until(lambda: bool(copy.state()) and bool(door.state()), "both run")
    cloned = door.balance(ROOM)
    assert copy.balance(ROOM) == cloned > 0
    with ThreadPoolExecutor() as pool:
        queues = [("g1", 3, 50), ("g1-copy", 51, 90), ("g2", 91, 148)]
        list(pool.map(lambda queue: drain(fleet, *queue), queues))
    assert len(copy.greens) == cloned
    assert LIMIT < len(greens(fleet)) <= LIMIT + cloned

    door.link.restore()
    wait_until(lambda: delivered(door), "the first has delivered", 45)
    copy.link.restore()
    wait_until(lambda: bool(raised(fleet.site, "hash_fork")), "the fork is seen", 45)
    assert fenced(fleet) == [True]
    told = [str(one.facts) for one in raised(fleet.site, "machine_changed")]
    assert any("g1-copy" in facts and "'g1'" in facts for facts in told)
    wait_until(lambda: badges(fleet, greens(fleet)) <= logged(fleet) | aside(fleet), "every green is kept", 45)
    assert not door.present(tokens(fleet, 149, 149)[0]).green
    assert not copy.present(tokens(fleet, 150, 150)[0]).green
    status, report = audit(fleet.site)
    assert status == 1, report
    assert "a copied card" in report
    assert "machines: g1, g1-copy" in report


def test_a_card_put_back_and_a_store_lost_begin_new_stores_and_what_they_held_is_given_to_nobody(fleet: Fleet) -> None:
    door = fleet["g1"]
    card, before = fleet.copy_card("g1"), door.state()["incarnation"]
    wait_until(lambda: fleet.ready("g1"), "it is back")
    assert [door.present(token).key for token in tokens(fleet, 1, 3)] == ["welcome"] * 3
    wait_until(lambda: delivered(door) and door.balance(ROOM) > 0, "it has delivered, and holds seats")
    lost = held_at_the_end(fleet)
    fleet.put_card("g1", card)
    assert door.wait() == 75
    assert (door.folder / "kiosk.db.rolled-back-1").exists()
    door.start()
    wait_until(lambda: len(raised(fleet.site, "store_lost")) == 1, "the new store is told of", 45)
    assert raised(fleet.site, "store_lost")[0].facts["earlier"] == [before]
    wait_until(lambda: door.balance(ROOM) > 0, "the new store holds seats")

    lost += held_at_the_end(fleet)
    for file in door.folder.glob("kiosk.db*"):
        file.unlink()
    door.start()
    wait_until(lambda: len(raised(fleet.site, "store_lost")) == 2, "that is told of, too", 45)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda queue: drain(fleet, *queue), [("g1", 11, 70), ("g2", 71, 150)]))
    for name in ("g1", "g2"):
        wait_until(lambda name=name: delivered(fleet[name]), f"{name} has delivered")  # type: ignore[misc]
    assert LIMIT - lost - 3 <= len(greens(fleet)) <= LIMIT - lost
    assert logged(fleet) == badges(fleet, greens(fleet))
    assert audit(fleet.site)[0] == 0


def held_at_the_end(fleet: Fleet) -> int:
    """The seats that the first door held when it was switched off."""
    fleet["g1"].link.cut(Cut.REFUSED)
    held = fleet["g1"].balance(ROOM)
    fleet["g1"].kill()
    fleet["g1"].link.restore()
    return held


def test_a_revoked_kiosk_is_believed_no_more_and_what_it_sends_is_kept(fleet: Fleet) -> None:
    door = fleet["g1"]
    assert door.present(tokens(fleet, 1, 1)[0]).green
    wait_until(lambda: delivered(door), "it has delivered")
    do(fleet.site, "revoke", device="k-g1")
    wait_until(lambda: "403" in door.state()["trouble"], "the server does not believe it")
    assert door.present(tokens(fleet, 2, 2)[0]).green  # it was let in: it did not know yet
    [late] = badges(fleet, tokens(fleet, 2, 2))
    wait_until(lambda: late in aside(fleet), "what it sends is kept", 45)
    assert late not in logged(fleet)
    assert [one.device for one in raised(fleet.site, "late_evidence")] == ["k-g1"]
    assert not door.state()["up"]

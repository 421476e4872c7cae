"""Many kiosks behind links that fail: who was seen to be let in is in the server's log, once, whatever was cut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.together.busy import ROOM, Arena, busy_site
from tests.together.fleet import Fleet, Kiosk, Outcome, wait_until
from tests.together.proxy import Cut

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(90)]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Nobody at work yet in an arena of 300 seats."""
    with ExitStack() as stack:
        site = stack.enter_context(busy_site(tmp_path, Arena(limit=300, people=120)))
        yield stack.enter_context(Fleet(site))


def tokens(fleet: Fleet, first: int, last: int) -> list[str]:
    """The badges of these persons."""
    return [fleet.site.world.tokens[f"p{number}"] for number in range(first, last + 1)]


def persons(fleet: Fleet, shown: list[str]) -> list[int]:
    """The serials of the badges, in order."""
    serial = {text: fleet.site.world.badge_ids[ref] >> 32 for ref, text in fleet.site.world.tokens.items()}
    return sorted(serial[text] for text in shown)


def entered(fleet: Fleet, name: str | None = None) -> list[int]:
    """The serials that the server has as entered, by all kiosks or this one."""
    rows = [row for row in fleet.site.log() if row["kind"] == "entry" and name in (None, str(row["device"])[2:])]
    return sorted(int(str(row["badge"])) >> 32 for row in rows)


def assert_delivered(fleet: Fleet, *kiosks: Kiosk) -> None:
    """The server's log comes to hold exactly the greens that were seen at these doors."""
    seen = persons(fleet, [text for kiosk in kiosks for text in kiosk.greens])
    wait_until(lambda: len(entered(fleet)) >= len(seen), f"the server holds {len(seen)} entries")
    assert entered(fleet) == seen
    assert fleet.site.inside() == {ROOM: len(seen)}


def test_eight_kiosks_admit_at_once_and_the_log_has_exactly_their_greens(fleet: Fleet) -> None:
    doors = [f"g{number}" for number in range(1, 9)]
    fleet.start_ready(*doors)
    everybody = tokens(fleet, 1, 80)
    outcomes = fleet.present_many({door: everybody[turn::8] for turn, door in enumerate(doors)})
    assert {outcome.key for queue in outcomes.values() for outcome in queue} == {"welcome"}
    assert_delivered(fleet, *fleet.kiosks.values())
    assert all(kiosk.link.sent > 0 and kiosk.link.received > 0 for kiosk in fleet.kiosks.values())


@pytest.mark.parametrize("how", [Cut.REFUSED, Cut.SILENT, Cut.ANSWERS])
def test_a_kiosk_whose_link_is_cut_goes_on_and_delivers_when_it_is_back(fleet: Fleet, how: Cut) -> None:
    fleet.start_ready("g1", "g2")
    door, other = fleet["g1"], fleet["g2"]
    door.link.cut(how)
    served = fleet.present_many({"g1": tokens(fleet, 1, 10), "g2": tokens(fleet, 11, 20)})
    assert {outcome.key for queue in served.values() for outcome in queue} == {"welcome"}
    wait_until(lambda: entered(fleet, "g2") == persons(fleet, other.greens), "the other door's are there")
    if how is not Cut.ANSWERS:
        assert entered(fleet, "g1") == []
    wait_until(lambda: not door.state()["up"], "the kiosk says that it has no link")
    assert door.state()["queue"] == 10
    door.link.restore()
    wait_until(lambda: door.state()["queue"] == 0, "everything is acknowledged")
    assert_delivered(fleet, door, other)


def test_a_kiosk_killed_in_mid_stream_delivers_every_green_that_was_seen(fleet: Fleet) -> None:
    fleet.start_ready("g1")
    door = fleet["g1"]
    queue = tokens(fleet, 1, 60)
    served: list[Outcome] = []
    at_the_door = threading.Thread(target=lambda: served.extend(fleet.present_many({"g1": queue})["g1"]))
    at_the_door.start()
    wait_until(lambda: len(door.greens) >= 7, "seven were let in")
    door.kill()
    at_the_door.join()
    assert served[-1].state == "gone"
    greens = list(door.greens)
    assert 7 <= len(greens) < len(queue)
    door.start()
    wait_until(lambda: fleet.ready("g1") and door.state()["queue"] == 0, "the kiosk has delivered")
    inside = entered(fleet)
    assert set(persons(fleet, greens)) <= set(inside)
    assert len(inside) == len(set(inside)) <= len(greens) + 1  # one may have been written and not yet seen


def test_a_slow_link_still_admits_and_delivers(fleet: Fleet) -> None:
    fleet.start_ready("g1")
    door = fleet["g1"]
    door.link.slow(delay_s=0.3)
    outcomes = [door.present(token) for token in tokens(fleet, 1, 8)]
    assert {outcome.key for outcome in outcomes} == {"welcome"}
    assert max(outcome.ms for outcome in outcomes) < 1000  # nobody waits for a link longer than for one ask
    assert_delivered(fleet, door)

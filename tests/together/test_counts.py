"""Head counts with real kiosks: the gates hold at once, and no seat comes back that somebody may still spend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.together.busy import ROOM, Arena, busy_site
from tests.together.fleet import Fleet, audit, wait_until
from tests.together.proxy import Cut
from tests.together.storm import delivered
from tests.together.supervisors import do

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(120)]
LIMIT = 12
HEADS = 5


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two doors of a room for twelve that nobody is seen to leave."""
    with ExitStack() as stack:
        site = stack.enter_context(busy_site(tmp_path, Arena(limit=LIMIT, people=150, gates=2, outs=0, exits="none")))
        fleet = stack.enter_context(Fleet(site))
        fleet.start_ready("g1", "g2")
        yield fleet


def people(fleet: Fleet) -> Iterator[str]:
    return iter([fleet.site.world.tokens[f"p{number}"] for number in range(1, 151)])


def holds(fleet: Fleet, name: str) -> bool:
    return bool(fleet[name].state()["holds"][ROOM]["held"])


def greens(fleet: Fleet) -> int:
    return sum(len(kiosk.greens) for kiosk in fleet.kiosks.values())


def fill(fleet: Fleet, queue: Iterator[str]) -> int:
    """Lets people in by all doors, as often as it takes until nobody more gets in; how many did."""
    before = -1
    start = greens(fleet)
    while greens(fleet) > before:
        before = greens(fleet)
        for name in fleet.kiosks:
            while fleet[name].present(next(queue)).green:
                pass
    return greens(fleet) - start


def test_a_hold_reaches_all_gates_within_two_seconds_and_a_count_frees_seats_only_after_all_keep_it(
    fleet: Fleet,
) -> None:
    queue = people(fleet)
    assert fill(fleet, queue) == LIMIT
    fleet["g2"].link.cut(Cut.SILENT)
    began = time.monotonic()
    do(fleet.site, "hold", room=ROOM)
    wait_until(lambda: holds(fleet, "g1"), "the gate in reach holds")
    assert time.monotonic() - began <= 2.0
    assert fleet["g1"].present(next(queue)).key == "held"
    early = do(fleet.site, "count", room=ROOM, heads=HEADS)
    assert "no seat came back" in early.outcome
    assert "k-g2" in early.outcome
    wait_until(lambda: not holds(fleet, "g1"), "the gates are opened again")
    assert not fleet["g1"].present(next(queue)).green

    fleet["g2"].link.restore()
    wait_until(lambda: delivered(fleet["g2"]), "it is back", 45)
    began = time.monotonic()
    do(fleet.site, "hold", room=ROOM)
    wait_until(lambda: all(holds(fleet, name) for name in fleet.kiosks), "every gate holds")
    assert time.monotonic() - began <= 2.0
    assert [fleet[name].present(next(queue)).key for name in fleet.kiosks] == ["held"] * 2
    assert greens(fleet) == LIMIT
    wait_until(lambda: all(delivered(kiosk) for kiosk in fleet.kiosks.values()), "every gate has said so")
    counted = do(fleet.site, "count", room=ROOM, heads=HEADS)
    assert "no seat came back" not in counted.outcome
    wait_until(lambda: not any(holds(fleet, name) for name in fleet.kiosks), "the count is settled")
    assert fill(fleet, queue) == LIMIT - HEADS
    wait_until(lambda: all(delivered(kiosk) for kiosk in fleet.kiosks.values()), "everything is delivered")
    assert len([row for row in fleet.site.log() if row["kind"] == "entry"]) == greens(fleet)
    status, report = audit(fleet.site)
    assert status == 0, report

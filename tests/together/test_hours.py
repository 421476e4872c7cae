"""A kiosk that was booted without a clock and without a network: its passages get their times at first contact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.store.instants import from_ms
from tests.together.busy import Arena, busy_site
from tests.together.fleet import Fleet, wait_until
from tests.together.proxy import Cut
from tests.together.storm import delivered
from tests.world import utc_now

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(120)]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """One door, ready."""
    with ExitStack() as stack:
        site = stack.enter_context(busy_site(tmp_path, Arena(limit=50, people=60, gates=1)))
        fleet = stack.enter_context(Fleet(site))
        fleet.start_ready("g1")
        yield fleet


def let_in(fleet: Fleet, numbers: range) -> dict[int, datetime]:
    """The badges that were let in, and when."""
    seen = {}
    for number in numbers:
        assert fleet["g1"].present(fleet.site.world.tokens[f"p{number}"]).green
        seen[fleet.site.world.badge_ids[f"p{number}"]] = utc_now()
    return seen


def entries(fleet: Fleet) -> dict[int, dict[str, Any]]:
    return {int(str(row["badge"])): row for row in fleet.site.log() if row["kind"] == "entry"}


def assert_timed(fleet: Fleet, seen: dict[int, datetime]) -> None:
    """Each stored time is right within what the server says that it may be off (and the tenth of a second that it
    takes to look at a light)."""
    log = entries(fleet)
    for badge, at in seen.items():
        off = abs(from_ms(log[badge]["at"]) - at)
        assert off <= timedelta(milliseconds=log[badge]["uncertainty_ms"] + 500)


def test_passages_from_a_boot_without_a_clock_get_the_right_times_when_the_link_is_back(fleet: Fleet) -> None:
    door = fleet["g1"]
    door.link.cut(Cut.REFUSED)
    door.reboot(seconds_ago=40_000)
    assert not door.state()["time"]
    seen = let_in(fleet, range(1, 4))
    assert door.state()["queue"] == 3
    door.link.restore()
    wait_until(lambda: delivered(door), "it has delivered", 45)
    assert_timed(fleet, seen)
    assert all(row["uncertainty_ms"] <= 2000 for row in entries(fleet).values())
    assert door.state()["time"]


def test_passages_of_a_boot_that_nobody_heard_of_are_right_within_what_is_said(fleet: Fleet) -> None:
    door = fleet["g1"]
    earlier = let_in(fleet, range(1, 2))
    wait_until(lambda: delivered(door), "it has delivered")
    door.link.cut(Cut.REFUSED)
    door.reboot(seconds_ago=5)
    lost = let_in(fleet, range(2, 4))
    door.reboot(seconds_ago=5)  # nothing ties the boot before it to any clock
    later = let_in(fleet, range(4, 6))
    door.link.restore()
    wait_until(lambda: delivered(door), "it has delivered", 45)
    assert_timed(fleet, earlier | lost | later)
    log = entries(fleet)
    assert all(log[badge]["uncertainty_ms"] <= 2000 for badge in (*earlier, *later))
    assert min(log, key=lambda badge: log[badge]["at"]) == next(iter(earlier))

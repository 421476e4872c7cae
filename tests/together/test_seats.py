"""The seats of a room, for real: never over-filled and nothing lost, whatever is cut, slowed or killed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.together.busy import Arena, busy_site
from tests.together.fleet import Fleet
from tests.together.storm import Storm, assert_never_over, assert_nothing_lost

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(180)]


def weather(folder: Path, arenas: Sequence[Arena], seed: int, seconds: float) -> list[Storm]:
    """What the crowd of each house, larger than its room, saw in that weather, after everything was repaired; all
    houses at once."""
    with ExitStack() as stack:
        storms = [at_work(stack, folder / f"house-{number}", arena, seed) for number, arena in enumerate(arenas)]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda storm: storm.rage(seconds), storms))
        for storm in storms:
            storm.settle()
            assert_never_over(storm)
            assert_nothing_lost(storm)
    return storms


def at_work(stack: ExitStack, folder: Path, arena: Arena, seed: int) -> Storm:
    """A house whose kiosks are ready, before the storm."""
    folder.mkdir()
    site = stack.enter_context(busy_site(folder, arena))
    fleet = stack.enter_context(Fleet(site))
    fleet.start_ready(*arena.doors, *(arena.ways_out if arena.exits != "none" else ()))
    return Storm(fleet, arena, seed)


def test_eight_doors_in_bad_weather_never_over_fill_a_room_and_lose_nobody(tmp_path: Path) -> None:
    [storm] = weather(tmp_path, [Arena(limit=90, people=600)], seed=1, seconds=8)
    assert storm.kills > 0
    assert storm.crowd.greens.total() > 90  # seats came back by the exit

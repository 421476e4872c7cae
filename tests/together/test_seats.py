"""The seats of a room, for real: never over-filled and nothing lost, whatever is cut, slowed or killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.together.busy import Arena, busy_site
from tests.together.fleet import Fleet
from tests.together.storm import Storm, assert_never_over, assert_nothing_lost

pytestmark = [pytest.mark.together, pytest.mark.xdist_group("together"), pytest.mark.timeout(180)]


def weather(folder: Path, arena: Arena, seed: int, seconds: float) -> Storm:
    """What a crowd above the room's capacity saw in that weather, after everything was repaired."""
    with busy_site(folder, arena) as site, Fleet(site) as fleet:
        storm = Storm(fleet, arena, seed)
        fleet.start_ready(*arena.doors, *(arena.ways_out if arena.exits != "none" else ()))
        storm.rage(seconds)
        storm.settle()
        assert_never_over(storm)
        assert_nothing_lost(storm)
    return storm


def test_eight_doors_in_bad_weather_never_over_fill_a_room_and_lose_nobody(tmp_path: Path) -> None:
    storm = weather(tmp_path, Arena(limit=90, people=600), seed=1, seconds=9)
    assert storm.kills > 0
    assert storm.crowd.greens.total() > 90  # seats came back by the exit


@pytest.mark.parametrize("exits", ["matched", "none"])
def test_the_same_where_exits_are_matched_or_there_are_none(tmp_path: Path, exits: str) -> None:
    arena = Arena(limit=40, people=300, gates=2, exits=exits)
    storm = weather(tmp_path, arena, seed=2, seconds=4)
    if exits == "none":
        assert storm.crowd.greens.total() <= 40

"""An older backup in the place of the server's database: noticed, no seat given away twice, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from admission.errors import ConfigError
from server import acts, restore
from server.store.engine import transaction
from tests.together.busy import ROOM, Arena, busy_site
from tests.together.fleet import Fleet, audit, wait_until
from tests.together.proxy import Cut
from tests.together.storm import delivered
from tests.together.supervisors import FIRST, do, era, raised
from tests.world import utc_now

pytestmark = [pytest.mark.together, pytest.mark.long, pytest.mark.xdist_group("together"), pytest.mark.timeout(120)]
LIMIT = 30


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two doors and an exit of a room for 30; they are ready."""
    with ExitStack() as stack:
        site = stack.enter_context(busy_site(tmp_path, Arena(limit=LIMIT, people=120, gates=2)))
        fleet = stack.enter_context(Fleet(site))
        fleet.start_ready("g1", "g2", "out1")
        yield fleet


def tokens(fleet: Fleet, first: int, last: int) -> list[str]:
    return [fleet.site.world.tokens[f"p{number}"] for number in range(first, last + 1)]


def greens(fleet: Fleet) -> list[str]:
    return [text for kiosk in fleet.kiosks.values() for text in kiosk.greens]


def granted(fleet: Fleet, name: str) -> int:
    return int(fleet[name].state()["accounts"][ROOM]["granted"])


def settle(fleet: Fleet, *names: str) -> None:
    for name in names:
        wait_until(lambda name=name: delivered(fleet[name]), f"{name} has delivered", 45)  # type: ignore[misc]


def awaited(fleet: Fleet) -> list[str]:
    now = era(fleet.site)
    with transaction(fleet.site.url) as connection:
        return list(restore.awaited(connection, now))


def drain(fleet: Fleet, name: str, queue: list[str]) -> int:
    """Lets people in until the door has no seat left; how many went in."""
    for count, token in enumerate(queue):
        if not fleet[name].present(token).green:
            return count
    raise AssertionError(f"{name} let everybody in")


def entered(fleet: Fleet) -> list[int]:
    return sorted(int(str(row["badge"])) for row in fleet.site.log() if row["kind"] == "entry")


def badges(fleet: Fleet, shown: list[str]) -> list[int]:
    ids = {text: fleet.site.world.badge_ids[ref] for ref, text in fleet.site.world.tokens.items()}
    return sorted(ids[text] for text in shown)


def confirm_rooms(fleet: Fleet) -> None:
    with transaction(fleet.site.url) as connection:
        rooms = list(restore.closed_rooms(connection))
    assert ROOM in rooms
    for room in rooms:
        do(fleet.site, "confirm-room", room=room)


def test_an_older_backup_is_noticed_and_nothing_is_granted_until_all_is_known_again(fleet: Fleet) -> None:
    site = fleet.site
    fleet.present_many({"g1": tokens(fleet, 1, 4), "g2": tokens(fleet, 5, 7)})
    settle(fleet, "g1", "g2")
    backup = fleet.back_up()
    fleet.present_many({"g1": tokens(fleet, 8, 10), "g2": tokens(fleet, 12, 14)})
    assert [fleet["out1"].present(token).key for token in tokens(fleet, 1, 2)] == ["goodbye", "goodbye"]
    settle(fleet, *fleet.kiosks)
    assert len(site.log()) == 15
    fleet["g2"].link.cut(Cut.REFUSED)
    held = {name: granted(fleet, name) for name in ("g1", "g2")}

    fleet.put_back(backup)
    wait_until(lambda: bool(raised(site, "restore")), "the older copy is noticed")
    assert era(site) == 2
    wait_until(lambda: awaited(fleet) == ["k-g2"], "all but the one that is cut off have reported", 45)
    settle(fleet, "g1", "out1")  # what the copy did not hold came once more
    let_in = drain(fleet, "g1", tokens(fleet, 19, 60))
    assert let_in <= LIMIT
    with transaction(site.url) as connection:
        one = acts.ask(connection, "confirm-room", {"room": ROOM}, FIRST, "a test", utc_now())
        with pytest.raises(ConfigError, match="second person"):
            acts.confirm(connection, one.id, FIRST, utc_now())
    assert not fleet["g1"].present(tokens(fleet, 61, 61)[0]).green
    confirm_rooms(fleet)
    assert not fleet["g1"].present(tokens(fleet, 62, 62)[0]).green  # one kiosk may still hold what nobody knows of
    assert {name: granted(fleet, name) for name in held} == held

    fleet["g2"].link.restore()
    wait_until(lambda: awaited(fleet) == [], "the last kiosk has reported", 45)
    wait_until(lambda: fleet["g1"].present(tokens(fleet, 63, 63)[0]).green, "seats are granted again")
    with ThreadPoolExecutor() as pool:
        queues = {"g1": tokens(fleet, 64, 90), "g2": tokens(fleet, 91, 120)}
        list(pool.map(lambda name: drain(fleet, name, queues[name]), queues))
    settle(fleet, *fleet.kiosks)
    assert len(greens(fleet)) - 2 <= LIMIT
    assert entered(fleet) == badges(fleet, greens(fleet))
    assert site.inside() == {ROOM: len(greens(fleet)) - 2}
    status, report = audit(site)
    assert status == 0, report
    assert "put back" in report


def test_a_backup_that_is_put_back_twice_begins_an_era_each_time_and_loses_nothing(fleet: Fleet) -> None:
    backup = fleet.back_up()
    for turn in (1, 2):
        fleet.present_many(
            {"g1": tokens(fleet, turn * 10, turn * 10 + 3), "g2": tokens(fleet, turn * 10 + 4, turn * 10 + 5)}
        )
        settle(fleet, "g1", "g2")
        before = era(fleet.site)
        fleet.put_back(backup)
        wait_until(lambda: bool(raised(fleet.site, "restore")), "it is noticed")  # the copy knew of none
        wait_until(lambda: awaited(fleet) == [], "every kiosk has reported", 45)
        settle(fleet, *fleet.kiosks)
        assert era(fleet.site) > before
        assert entered(fleet) == badges(fleet, greens(fleet))
    confirm_rooms(fleet)
    assert audit(fleet.site)[0] == 0

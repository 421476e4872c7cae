"""A server and kiosks as they ship: nothing is lost, nothing counts twice, whatever is killed."""

from __future__ import annotations

import itertools
import signal

import pytest

from tests.together.conftest import Kiosk, Site, wait_for

pytestmark = [pytest.mark.together, pytest.mark.xdist_group("together"), pytest.mark.timeout(180)]


def delivered(site: Site, count: int) -> None:
    """Waits until the server holds so many passages."""
    wait_for(lambda: len(site.log()) >= count, f"the server holds {count} passages")


def holds_seats(site: Site, *gates: str) -> None:
    """Waits until the kiosks have been given seats."""
    wait_for(lambda: all(site.accounts().get(f"k-{gate}", 0) > 0 for gate in gates), f"{gates} hold seats")


def assert_whole(site: Site, *kiosks: Kiosk) -> None:
    """Every green is in the log once; every kiosk's numbers are without a gap; counts equal what the log derives."""
    log = site.log()
    for _device, rows in itertools.groupby(
        sorted(log, key=_identity), key=lambda row: (row["device"], row["incarnation"])
    ):
        numbers = [row["seq"] for row in rows]
        assert numbers == list(range(1, len(numbers) + 1))
    entered = [f"Person {row['person']}" for row in log if row["kind"] == "entry"]
    greens = [name for kiosk in kiosks for name in kiosk.greens]
    assert set(greens) <= set(entered)
    assert len(entered) == len(set(entered))
    left = sum(row["kind"] == "exit" for row in log)
    assert sum(site.inside().values()) == len(entered) - left


def _identity(row: dict[str, object]) -> tuple[str, str, int]:
    return str(row["device"]), str(row["incarnation"]), int(str(row["seq"]))


def test_two_doors_and_an_exit_fill_and_empty_a_hall(site: Site) -> None:
    first, second, way_out = site.kiosk("hall-a"), site.kiosk("hall-b"), site.kiosk("hall-out")
    holds_seats(site, "hall-a", "hall-b")
    for number in (1, 2, 4):
        assert first.show(site.world.tokens[f"p{number}"]) == "welcome"
    for number in (5, 6):
        assert second.show(site.world.tokens[f"p{number}"]) == "welcome"
    assert second.show(site.world.tokens["p1"]) == "inside_already"
    assert first.show(site.world.tokens["p3"]) == "not_listed"
    assert second.show("https://example.org/menu") == "not_ours"
    assert way_out.show(site.world.tokens["p1"]) == "goodbye"
    delivered(site, 8)
    assert site.inside() == {"hall": 4}
    assert_whole(site, first, second)


def test_a_kiosk_killed_in_mid_stream_loses_no_green(site: Site) -> None:
    first, second = site.kiosk("hall-a"), site.kiosk("hall-b")
    holds_seats(site, "hall-a", "hall-b")
    people = [f"p{number}" for number in range(1, 40) if number != 3]
    for turn, who in enumerate(people[:16]):
        door = first if turn % 2 else second
        assert door.show(site.world.tokens[who]) == "welcome"
        if turn in (5, 11):
            first.kill()
            first.start()
    delivered(site, 16)
    assert_whole(site, first, second)
    assert site.inside() == {"hall": 16}


def test_a_server_that_is_away_for_a_while_stops_nobody_and_learns_everything(site: Site) -> None:
    first, second = site.kiosk("hall-a"), site.kiosk("hall-b")
    holds_seats(site, "hall-a", "hall-b")
    assert first.show(site.world.tokens["p1"]) == "welcome"
    site.server.end(signal.SIGKILL)
    for number in (2, 4, 5, 6):
        assert first.show(site.world.tokens[f"p{number}"]) == "welcome"
        assert second.show(site.world.tokens[f"p{number + 10}"]) == "welcome"
    second.kill()
    second.start()
    assert second.show(site.world.tokens["p30"]) == "welcome"
    site.start_server()
    delivered(site, 10)
    assert_whole(site, first, second)
    assert site.inside() == {"hall": 10}


def test_both_end_in_order_when_they_are_told_to(site: Site) -> None:
    door = site.kiosk("hall-a")
    holds_seats(site, "hall-a")
    door.show(site.world.tokens["p1"])
    delivered(site, 1)
    assert door.process.running is not None
    door.process.running.send_signal(signal.SIGTERM)
    assert door.process.running.wait(10) == 0
    door.process.running = None
    assert site.server.running is not None
    site.server.running.send_signal(signal.SIGTERM)
    assert site.server.running.wait(10) == 0
    site.server.running = None

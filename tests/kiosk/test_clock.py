"""The kiosk's time: anchored by exchanges, honest about how far it may be off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from kiosk.clock import Anchor, Clock

NOON = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


class Pi:
    """A machine that has been on for ``ms``."""

    def __init__(self, ms: int = 5_000, boot: str = "boot-1") -> None:
        self.ms = ms
        self.clock = Clock(boot, lambda: self.ms)

    def hear(self, server: datetime, round_trip: int) -> Anchor:
        """An exchange that takes so long, whose answer says ``server``."""
        sent = self.ms
        self.ms += round_trip
        return self.clock.hear(sent, server)


def test_without_an_exchange_there_is_no_time() -> None:
    pi = Pi()
    assert pi.clock.now() is None
    assert pi.clock.at(pi.ms) is None
    assert pi.clock.uncertainty_ms == 0


def test_an_exchange_anchors_the_clock_to_its_middle() -> None:
    pi = Pi(5_000)
    assert pi.hear(NOON, 200) == Anchor("boot-1", 5_100, int(NOON.timestamp() * 1000), 101)
    assert pi.clock.now() == NOON + timedelta(milliseconds=100)


def test_time_goes_on_with_the_machine_and_is_utc() -> None:
    pi = Pi()
    pi.hear(NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), 0)
    pi.ms += 90_061_007
    now = pi.clock.now()
    assert now == NOON + timedelta(milliseconds=90_061_007)
    assert now.utcoffset() == timedelta(0)


def test_passages_from_before_the_first_exchange_get_their_times_backwards() -> None:
    pi = Pi(60_000)
    pi.hear(NOON, 0)
    assert pi.clock.at(1_000) == NOON - timedelta(seconds=59)


def test_a_slow_exchange_does_not_make_the_clock_worse() -> None:
    pi = Pi()
    good = pi.hear(NOON, 20)
    pi.ms += 10_000
    assert pi.hear(NOON + timedelta(seconds=42), 4_000) == good
    assert pi.clock.anchor == good


def test_a_better_exchange_is_taken() -> None:
    pi = Pi()
    pi.hear(NOON, 4_000)
    better = pi.hear(NOON + timedelta(seconds=5), 20)
    assert pi.clock.anchor == better
    assert better.uncertainty_ms == 11


def test_an_old_anchor_gives_way_to_a_fresh_one_once_drift_has_made_it_worse() -> None:
    pi = Pi()
    pi.hear(NOON, 20)
    pi.ms += 60 * 60 * 1000
    assert pi.clock.uncertainty_ms == 11 + 360
    pi.hear(NOON + timedelta(hours=1), 400)
    assert pi.clock.uncertainty_ms == 201


def test_drift_widens_the_uncertainty() -> None:
    pi = Pi()
    pi.hear(NOON, 0)
    widths = []
    for _ in range(4):
        widths.append(pi.clock.uncertainty_ms)
        pi.ms += 1_000_000
    assert widths == [1, 101, 201, 301]


def test_an_anchor_that_was_kept_is_taken_again_in_the_same_boot() -> None:
    anchor = Pi().hear(NOON, 100)
    again = Pi(70_000)
    again.clock.adopt(anchor)
    assert again.clock.now() == NOON + timedelta(milliseconds=70_000 - 5_050)


def test_an_anchor_of_another_boot_is_refused() -> None:
    anchor = Pi().hear(NOON, 100)
    other = Pi(boot="boot-2")
    other.clock.adopt(anchor)
    assert other.clock.now() is None


def test_no_anchor_to_adopt_changes_nothing() -> None:
    pi = Pi()
    held = pi.hear(NOON, 100)
    pi.clock.adopt(None)
    assert pi.clock.anchor == held


exchanges = st.lists(
    st.tuples(st.integers(0, 10_000_000), st.integers(0, 20_000), st.integers(0, 20_000)), min_size=1, max_size=12
)


@given(exchanges, st.floats(-90e-6, 90e-6), st.integers(0, 10_000_000))
def test_the_clock_is_never_further_off_than_it_says(
    film: list[tuple[int, int, int]], drift: float, later: int
) -> None:
    """A crystal that drifts, answers that linger on either way; times count whole milliseconds, hence the two."""
    true_ms = 0.0
    pi = Pi(0)

    def wait(ms: int) -> None:
        nonlocal true_ms
        true_ms += ms
        pi.ms = int(true_ms * (1 + drift))

    for pause, up, down in film:
        wait(pause)
        sent = pi.ms
        wait(up)
        said = NOON + timedelta(milliseconds=true_ms)
        wait(down)
        pi.clock.hear(sent, said)
    wait(later)
    now = pi.clock.now()
    assert now is not None
    off = abs((now - NOON) / timedelta(milliseconds=1) - true_ms)
    assert off <= pi.clock.uncertainty_ms + 2

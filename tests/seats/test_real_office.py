"""The same histories against the server's own exchange, acts and tables: what the pure functions promise, it keeps."""

from __future__ import annotations

import pytest

from admission.venue import Exits
from tests.seats.history import MODES, History
from tests.seats.real_office import RealOffice

STEPS = 100
SEEDS = 9


def _history(seed: int, mode: Exits, *, calm: bool) -> History:
    history = History(seed, mode, calm)
    gates = {door.device: (door.room, door.direction) for door in history.doors}
    history.office = RealOffice.like(history.office, gates)  # type: ignore[assignment]  # the same steps, on tables
    return history


@pytest.mark.timeout(300)
@pytest.mark.parametrize("calm", [True, False], ids=["calm", "cards copied"])
@pytest.mark.parametrize("mode", MODES)
def test_the_server_over_fills_no_room_and_loses_nothing(mode: Exits, calm: bool) -> None:
    for seed in range(SEEDS):
        _history(seed, mode, calm=calm).run(STEPS)


def test_these_histories_are_no_idle_ones() -> None:
    full = entries = 0
    for seed in range(12):
        history = _history(seed, MODES[seed % 3], calm=True)
        history.run(STEPS)
        full += history.was_full
        entries += sum(len(chain.facts) for chain in history.office.chains.values())
    assert full >= 4
    assert entries > 60

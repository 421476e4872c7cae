"""No room is ever over-filled, and no passage is lost, whatever fails: 40,000 seeded histories (see history.py)."""

from __future__ import annotations

import pytest

from admission.venue import Exits
from tests.seats.history import MODES, History
from tests.seats.replay import failure_of

STEPS = 100
CHUNK = 1_250
CALM, CARDS = 8, 3
"""Chunks of each exit mode without and with copied cards: 24 and 9 of 1,250 histories, and 3 of long ones."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(CALM))
@pytest.mark.parametrize("mode", MODES)
def test_no_history_over_fills_a_room_or_loses_a_passage(mode: Exits, chunk: int) -> None:
    failures = [failure_of(seed, mode, STEPS) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)]
    assert [failure for failure in failures if failure] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("chunk", range(CARDS))
@pytest.mark.parametrize("mode", MODES)
def test_a_copied_card_over_fills_a_room_by_no_more_than_what_it_held(mode: Exits, chunk: int) -> None:
    failures = [failure_of(seed, mode, STEPS, calm=False) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK)]
    assert [failure for failure in failures if failure] == []


def test_the_histories_are_no_idle_ones() -> None:
    """Rooms fill, doors are cut, eras change, counts settle: otherwise nothing above would mean anything."""
    full = eras = counts = cut = entries = 0
    for seed in range(300):
        history = History(seed, MODES[seed % 3])
        history.run(STEPS)
        full += history.was_full
        eras += history.office.era > 1
        counts += history.settled
        cut += history.decided_cut
        entries += sum(len(chain.facts) for chain in history.office.chains.values())
    assert full > 130
    assert eras > 15
    assert counts > 60
    assert cut > 30
    assert entries > 2_000


def test_a_seed_is_the_same_history_each_time() -> None:
    one, again = (History(7, Exits.MATCHED) for _ in range(2))
    one.run(STEPS)
    again.run(STEPS)
    assert [door.card.journal for door in one.doors] == [door.card.journal for door in again.doors]

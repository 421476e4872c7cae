"""Each rule of the protocol is needed: broken, it over-fills a room or loses a passage in some history."""

from __future__ import annotations

import pytest

from tests.seats.mutants import MUTANTS, Mutant, broken
from tests.seats.replay import failure_of

TRIES = 4_000
STEPS = 300


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_a_protocol_with_one_rule_broken_is_caught(mutant: Mutant) -> None:
    with broken(mutant):
        seeds = range(mutant.since, mutant.since + TRIES)
        caught = any(
            failure_of(seed, mode, STEPS, calm=mutant.calm, focus=mutant.focus)
            for seed in seeds
            for mode in mutant.modes
        )
    assert caught

"""Real kiosks and a real server in bad weather, for as long as asked; says what falls on them and what came of it.

    python -m tests.together.chaos --seed 1 --minutes 5 [--exits trusted] [--gates 8] [--limit 200]

Ends with status 1, and says why, if a room was over-filled or a passage lost; the folder is kept then. The same seed
plans the same strikes; what they hit differs from run to run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.together.busy import Arena, busy_site
from tests.together.fleet import Fleet, audit
from tests.together.storm import Storm, assert_never_over, assert_nothing_lost, lines


def main() -> None:
    """Runs one storm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--exits", choices=["trusted", "matched", "none"], default="trusted")
    parser.add_argument("--gates", type=int, default=8)
    parser.add_argument("--limit", type=int, default=200)
    given = parser.parse_args()
    people = given.limit + int(given.minutes * 60 * 12)
    arena = Arena(limit=given.limit, people=people, gates=given.gates, exits=given.exits)
    folder = Path(tempfile.mkdtemp(prefix="threshold-chaos-"))
    try:
        run(folder, arena, given.seed, given.minutes * 60)
    except AssertionError as error:
        print(f"WRONG: {error}\neverything is kept in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


def run(folder: Path, arena: Arena, seed: int, seconds: float) -> None:
    """One storm over an arena. Raises AssertionError if anything that was promised does not hold."""
    with busy_site(folder, arena) as site, Fleet(site) as fleet:
        storm = Storm(fleet, arena, seed, print)
        fleet.start_ready(*arena.doors, *(arena.ways_out if arena.exits != "none" else ()))
        print(f"seed {seed}: {arena.gates} doors of a room for {arena.limit}, {arena.people} people, {seconds:.0f} s")
        storm.rage(seconds)
        storm.settle()
        print("".join(lines(storm)))
        print(audit(site)[1])
        assert_never_over(storm)
        assert_nothing_lost(storm)
        print("never over-filled, nothing lost")


if __name__ == "__main__":
    main()

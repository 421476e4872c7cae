"""How well the seats of a room are handed out when links fail, against two simpler ways, on the same visitors.

    python -m tests.bench.seats [--runs 5] [--seed 0] [--out docs/seats.svg]

Eight gates as busy as 1, 1/2, 1/3 ... 1/8, one room of 500. Threshold: the real accounts and handing-out policy.
Online-only: a gate admits while it reaches the server. Static split: every gate owns an eighth of the seats for ever.
Refused falsely: sent away although bodies inside < capacity, then and for the 50 ms before. Seats used: people let in,
in percent of those whom one all-knowing counter lets in of the same visitors (by luck a hair above 100). Nobody who
is refused comes back, except where half of them walk to the gate that the kiosk names. Stops if a room is ever over
capacity. Prints means over the runs, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import Random
from statistics import mean

from admission.venue import Exits
from tests.bench import crowd as people
from tests.bench.crowd import GATES, MINUTE, Crowd, Dead, Tally, Weather
from tests.bench.seat_trial import Trial
from tests.bench.seats_picture import Bars, draw

FAIR = Crowd(Exits.TRUSTED, 31.25, 16, 75)
MATCHED = Crowd(Exits.MATCHED, 31.25, 16, 75)
CRUSH = Crowd(Exits.TRUSTED, 45, 16, 75)
EVENLY = Crowd(Exits.TRUSTED, 31.25, 16, 75, evenly=True)
KEYNOTE = Crowd(Exits.NONE, 12, 0, 75)
NAMES = {FAIR: "fair", MATCHED: "fair", CRUSH: "crush", EVENLY: "fair, out evenly", KEYNOTE: "keynote"}
CUT = ((20 * MINUTE, 40 * MINUTE),)
TWO = {0: CUT, 1: CUT}
HALF = dict.fromkeys(range(0, GATES, 2), CUT)
GONE = dict.fromkeys(range(GATES), ((5 * MINUTE, inf),))
SOUGHT = 0.1  # seconds: whoever waits longer asked more than once
UP_FOR, DOWN_FOR = 4 * MINUTE, 2 * MINUTE


@dataclass(frozen=True)
class Scene:
    """What happens, to whom; ``drawn``: its line in the picture."""

    name: str
    crowd: Crowd
    weather: Callable[[Random], Weather]
    drawn: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scene: who asked, and per system the false refusals and the seats used in percent."""

    asked: int
    false: tuple[int, ...]
    used: tuple[float, ...]
    waits: tuple[float, ...]


def main() -> None:
    """Prints the table and draws the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where to draw the picture")
    given = parser.parse_args()
    for crowd, name in NAMES.items():
        stay = f"stay {crowd.stay:g} min on average" if crowd.stay else "stay for good"
        print(f"{name} ({crowd.exits}): {crowd.rate:g} a minute for {crowd.minutes:g} min; people {stay}")
    print(f"\n{'':38}{'refused falsely':>39}{'seats used, %':>39}")
    print(f"{'':29}{'exits':9}" + f"{'Threshold':>21}{'online':>9}{'static':>9}" * 2)
    bars, healthy = [], list[float]()
    for scene in scenes():
        runs = [run(scene, given.seed + number) for number in range(given.runs)]
        _print(scene, runs)
        healthy += [wait for one in runs for wait in one.waits] if scene.name == "healthy" else []
        if scene.drawn:
            false, used = (zip(*(getattr(one, what) for one in runs), strict=True) for what in ("false", "used"))
            asked = mean(one.asked for one in runs)
            bars.append(
                Bars(*scene.drawn, asked, [mean(values) for values in false], [mean(values) for values in used])
            )
    sought = [wait for wait in healthy if wait > SOUGHT]
    longest = f", {max(sought):.2f} s at most" if sought else ""
    print(f"\nhealthy: {len(sought)} of {len(healthy)} waited for a seat to be called back{longest}")
    if given.out:
        given.out.write_text(draw(bars), encoding="utf-8")


def scenes() -> list[Scene]:
    """The scenarios, in the order of the table. Those of FAIR are drawn, and the server's end with CRUSH."""
    two, courier, half = Weather(TWO), Weather(TWO, courier=True), Weather(HALF)
    dead, vouched = Dead(0, 20 * MINUTE), Dead(0, 20 * MINUTE, 30 * MINUTE)
    return [
        *_each("healthy", _always(Weather()), ("all is well", "")),
        *_each("links flap", _flapping, ("every link flaps", "up for 4 min, down for 2")),
        *_each("two busiest cut", _always(two), ("two busiest gates cut", "for 20 min")),
        Scene("  half of them walk", FAIR, _always(Weather(TWO, walk=0.5))),
        *_each("  with a courier", _always(courier), ("the same, with a courier", "every 60 to 90 s")),
        Scene("two busiest cut", EVENLY, _always(two)),
        Scene("  with a courier", EVENLY, _always(courier)),
        *_each("every other gate cut", _always(half), ("every other gate cut", "for 20 min")),
        Scene(
            "server gone from minute 5",
            CRUSH,
            _always(Weather(GONE)),
            ("server gone", "from minute 5; more come than fit"),
        ),
        *_each("server gone from minute 5", _always(Weather(GONE))),
        *(Scene("  half of them walk", crowd, _always(Weather(GONE, walk=0.5))) for crowd in (CRUSH, KEYNOTE)),
        *_each("busiest kiosk dead", _always(Weather(dead=dead)), ("busiest kiosk dead", "from minute 20")),
        *_each("  vouched for after 10 min", _always(Weather(dead=vouched)), ("the same, vouched for", "10 min later")),
    ]


def _each(name: str, weather: Callable[[Random], Weather], drawn: tuple[str, str] | None = None) -> list[Scene]:
    """The same for each exit mode."""
    return [Scene(name, FAIR, weather, drawn), Scene(name, MATCHED, weather), Scene(name, KEYNOTE, weather)]


def run(scene: Scene, seed: int) -> Run:
    """One run, all systems on the same visitors."""
    visitors = people.come(scene.crowd, Random(f"people {seed}"))
    weather = scene.weather(Random(f"weather {seed}"))
    if weather.dead:
        visitors = people.diverted(visitors, weather.dead, Random(f"ways {seed}"))
    best = people.all_knowing(visitors)
    ours = Trial(visitors, scene.crowd.exits, weather, Random(f"network {seed}")).run()
    others: list[Tally] = [people.online_only(visitors, weather), people.static_split(visitors, scene.crowd.exits)]
    tallies = [ours, *others]
    false = tuple(one.false for one in tallies)
    return Run(len(visitors), false, tuple(100 * one.admitted / best.admitted for one in tallies), tuple(ours.waits))


def _always(weather: Weather) -> Callable[[Random], Weather]:
    return lambda _dice: weather


def _flapping(dice: Random) -> Weather:
    """Every link is up and down for exponential times of its own."""
    cuts = {}
    for gate in range(GATES):
        found, at = [], 0.0
        while at < 2 * FAIR.minutes * MINUTE:
            start = at + dice.expovariate(1 / UP_FOR)
            at = start + dice.expovariate(1 / DOWN_FOR)
            found.append((start, at))
        cuts[gate] = tuple(found)
    return Weather(cuts)


def _print(scene: Scene, runs: list[Run]) -> None:
    line = f"{scene.name:29}{scene.crowd.exits:9}"
    for rows, form in (([one.false for one in runs], ".0f"), ([one.used for one in runs], ".1f")):
        ours, *others = zip(*rows, strict=True)
        line += f"{mean(ours):{form}} ({min(ours):{form}}-{max(ours):{form}})".rjust(21)
        line += "".join(f"{mean(values):{form}}".rjust(9) for values in others)
    print(line + (f"  {NAMES[scene.crowd]}" if scene.crowd in {CRUSH, EVENLY} else ""), flush=True)


if __name__ == "__main__":
    main()

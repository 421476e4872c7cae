"""A crowd at the doors of one room while links, kiosks and server fail: the people, the weather, and what must hold.

The truth is kept by whoever stands at the doors: somebody is inside from the green light on, and outside from the
moment of going to the exit. Seeded; knows nothing of seats.
"""

from __future__ import annotations

import heapq
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from operator import itemgetter
from random import Random
from typing import Any

from tests.together.busy import ROOM, Arena
from tests.together.fleet import Fleet, Kiosk, Outcome, audit, wait_until
from tests.together.proxy import Cut
from tests.together.supervisors import era

STAYS_S = 2.0
"""Nobody goes straight out again: which of two passages was the first could not be proven then."""
HEALS_S = 60
"""A kiosk that was cut off for long tries again after at most half a minute."""


class Blow(Enum):
    """What can happen."""

    REFUSED = "its link is cut"
    SILENT = "its cable is out"
    ANSWERS = "it hears no answers"
    SLOW = "its link is slow"
    FLAP = "its link flaps"
    KILL = "it is killed"
    SERVER = "the server is killed"
    MASTER = "the server's first process alone is killed"


CUTS = {Blow.REFUSED: Cut.REFUSED, Blow.SILENT: Cut.SILENT, Blow.ANSWERS: Cut.ANSWERS}
WEIGHTS = {Blow.REFUSED: 4, Blow.SILENT: 3, Blow.ANSWERS: 3, Blow.SLOW: 3, Blow.FLAP: 3, Blow.KILL: 4}


@dataclass(frozen=True)
class Strike:
    """Something happens ``at`` so many seconds, to the kiosk of a gate ("": to the server), for ``lasts`` seconds."""

    at: float
    blow: Blow
    gate: str
    lasts: float


def forecast(dice: Random, gates: Sequence[str], seconds: float) -> list[Strike]:
    """About one strike a second at one of the gates, and one at the server every five seconds."""
    found, at = [], 0.5
    while at < seconds:
        [blow] = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        found.append(Strike(at, blow, dice.choice(gates), dice.uniform(0.3, 4)))
        at += dice.expovariate(1.0)
    for number in range(1, int(seconds / 5) + 1):
        blow = Blow.SERVER if number % 2 else Blow.MASTER
        found.append(Strike(number * 5 - dice.uniform(0.5, 3), blow, "", dice.uniform(0, 1)))
    return sorted(found, key=lambda strike: strike.at)


@dataclass
class Crowd:
    """Everybody, and what each has seen. ``most``: the most that were inside at once; ``unsure``: badges whose kiosk
    was killed before it answered: whether their passage was written, nobody outside can know."""

    outside: deque[str]
    inside: list[tuple[float, str]] = field(default_factory=list)
    greens: Counter[str] = field(default_factory=Counter)
    goodbyes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unsure: set[str] = field(default_factory=set)
    most: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def comes(self) -> str | None:
        """The next who wants to come in."""
        with self._turn:
            return self.outside.popleft() if self.outside else None

    def answered(self, token: str, outcome: Outcome, *, stays: bool) -> None:
        """Somebody was let in, was sent away and will come back, or had no answer; then ``stays`` to ask again."""
        with self._turn:
            if outcome.green:
                self.greens[token] += 1
                self.inside.append((time.monotonic(), token))
                self.most = max(self.most, len(self.inside))
                return
            self.refused[outcome.key] += 1
            if outcome.key == "gone":
                self.unsure.add(token)
            elif not stays:
                self.outside.append(token)

    def goes(self, dice: Random) -> str | None:
        """Somebody who has been inside for a while goes to the exit: from now on there is one body less."""
        with self._turn:
            may = sum(since < time.monotonic() - STAYS_S for since, _ in self.inside)  # in order of time
            return self.inside.pop(dice.randrange(may))[1] if may else None

    def gone(self, token: str) -> None:
        """Somebody was shown out."""
        with self._turn:
            self.goodbyes[token] += 1


class Storm:
    """Runs the crowd through the doors of a fleet while strikes fall on it."""

    def __init__(self, fleet: Fleet, arena: Arena, seed: int, say: Callable[[str], None] = lambda _: None) -> None:
        self.fleet, self.arena = fleet, arena
        self._dice, self._say = Random(seed), say
        tokens = [token for ref, token in fleet.site.world.tokens.items() if ref.startswith("p")]
        self._dice.shuffle(tokens)
        self.crowd = Crowd(deque(tokens))
        self.kills = 0
        self._over = threading.Event()
        self._repairs: list[tuple[float, int, Callable[[], None]]] = []

    def rage(self, seconds: float) -> None:
        """The crowd comes and goes for so long, in this weather; then everything is repaired, and the last questions
        are answered."""
        exits = self.arena.ways_out if self.arena.exits != "none" else ()
        people = [
            threading.Thread(target=self._queue, args=(gate, Random(self._dice.random()))) for gate in self.arena.doors
        ]
        people += [threading.Thread(target=self._leave, args=(gate, Random(self._dice.random()))) for gate in exits]
        strikes = forecast(self._dice, [*self.arena.doors, *exits], seconds)
        for person in people:
            person.start()
        self._weather(strikes, seconds)
        self._over.set()
        for person in people:
            person.join(HEALS_S)
            assert not person.is_alive(), "a kiosk gives no answer"

    def settle(self) -> None:
        """Waits until everything that was written is at the server."""
        for name, kiosk in self.fleet.kiosks.items():
            what = f"{name} has delivered everything"
            wait_until(lambda kiosk=kiosk: delivered(kiosk), what, HEALS_S)  # type: ignore[misc]

    # People

    def _queue(self, gate: str, dice: Random) -> None:
        while not self._over.is_set():
            token = self.crowd.comes()
            if token is None:
                return
            outcome = self._ask(gate, token)
            stays = outcome.key == "gone" and dice.random() < 0.7  # the others go home, with or without a passage
            self.crowd.answered(token, outcome, stays=stays)
            if stays:
                outcome = self._ask(gate, token)
                self.crowd.answered(token, outcome, stays=False)
            self._over.wait(0 if outcome.green else dice.uniform(0, 0.3))

    def _leave(self, gate: str, dice: Random) -> None:
        while not self._over.wait(dice.expovariate(6)):
            token = self.crowd.goes(dice) if len(self.crowd.inside) > self.arena.limit // 2 else None
            if token is None:
                continue
            while (outcome := self._ask(gate, token)).key != "goodbye":
                assert outcome.key == "gone", f"an exit showed {outcome.key}"
            self.crowd.gone(token)

    def _ask(self, gate: str, token: str) -> Outcome:
        """Holds the badge up as soon as the kiosk runs."""
        kiosk = self.fleet[gate]
        wait_until(lambda: kiosk.running is not None, f"{gate} runs again", HEALS_S)
        return kiosk.present(token)

    # Weather

    def _weather(self, strikes: Sequence[Strike], seconds: float) -> None:
        began = time.monotonic()
        for number, strike in enumerate(strikes):
            self._wait(began + strike.at)
            self._say(
                f"{time.monotonic() - began:6.1f} s  {strike.gate or 'server':8} {strike.blow.value}"
                f" ({strike.lasts:.1f} s); {len(self.crowd.inside)} inside"
            )
            repair = self._strike(strike)
            heapq.heappush(self._repairs, (time.monotonic() + strike.lasts, number, repair))
        self._wait(began + seconds)
        self._wait(float("inf"))

    def _wait(self, until: float) -> None:
        """Repairs what is due meanwhile; with no end, all that is left, at once."""
        while self._repairs and self._repairs[0][0] <= until:
            due, _, repair = heapq.heappop(self._repairs)
            if until < float("inf"):
                self._over.wait(max(0.0, due - time.monotonic()))
            repair()
        if until < float("inf"):
            self._over.wait(max(0.0, until - time.monotonic()))

    def _strike(self, strike: Strike) -> Callable[[], None]:
        """Does it; what undoes it."""
        if not strike.gate:
            server = self.fleet.site.server
            if strike.blow is Blow.MASTER:
                server.end_alone(signal.SIGKILL)  # its worker goes on for a moment, beside the next server
            else:
                server.end(signal.SIGKILL)
            return server.start
        kiosk = self.fleet[strike.gate]
        if strike.blow is Blow.KILL:
            return self._kill(kiosk)
        if strike.blow is Blow.FLAP:
            for _ in range(3):
                kiosk.link.cut(Cut.REFUSED)
                kiosk.link.restore()
        elif strike.blow is Blow.SLOW:
            kiosk.link.slow(delay_s=0.2)
        else:
            kiosk.link.cut(CUTS[strike.blow])
        return kiosk.link.heal

    def _kill(self, kiosk: Kiosk) -> Callable[[], None]:
        if kiosk.running is None:
            return lambda: None
        self.kills += 1
        kiosk.kill()
        return kiosk.start


def delivered(kiosk: Kiosk) -> bool:
    """Whether the kiosk has a link, and nothing that the server has not acknowledged."""
    state = kiosk.state()
    return bool(state and state["up"] and state["queue"] == 0)


# What must hold


def assert_never_over(storm: Storm) -> None:
    """At no moment were more inside than the room holds, as those at the doors saw it; and it was worth a try."""
    assert storm.crowd.most <= storm.arena.limit, f"{storm.crowd.most} inside of {storm.arena.limit}"
    assert storm.crowd.most >= storm.arena.limit * 2 // 3, storm.crowd.refused


def assert_nothing_lost(storm: Storm) -> None:
    """Every green and every goodbye is in the server's log exactly once, and nothing else but what was written and not
    seen; numbers have no gaps; the counts are those of the log; the audit finds nothing wrong."""
    site, crowd = storm.fleet.site, storm.crowd
    log = site.log()
    serials = {token: site.world.badge_ids[ref] >> 32 for ref, token in site.world.tokens.items()}
    entries, exits = _by_serial(log, "entry"), _by_serial(log, "exit")
    for token, serial in serials.items():
        seen = crowd.greens[token]
        unseen = entries[serial] == 1 and seen == 0 and token in crowd.unsure
        assert entries[serial] == seen or unseen, f"{seen} greens, {entries[serial]} entries of serial {serial}"
        assert exits[serial] == crowd.goodbyes[token], f"{crowd.goodbyes[token]} goodbyes, {exits[serial]} exits"
    for _, rows in groupby(sorted(log, key=_STORE), key=itemgetter("device", "incarnation")):
        numbers = [row["seq"] for row in rows]
        assert numbers == list(range(1, len(numbers) + 1))
    unpaired = sum(row["verdict"] == "exit_unmatched" for row in log)  # too soon after the entry to be sure
    assert site.inside().get(ROOM, 0) == entries.total() - exits.total() + unpaired
    assert era(site) == 1, "the server took its own database for an older copy"
    status, report = audit(site)
    assert status == 0, report
    assert "Nothing wrong" in report.splitlines()[-1]


_STORE = itemgetter("device", "incarnation", "seq")


def _by_serial(log: Sequence[dict[str, Any]], kind: str) -> Counter[int]:
    return Counter(int(row["badge"]) >> 32 for row in log if row["kind"] == kind)


def lines(storm: Storm) -> Iterator[str]:
    """What came of it."""
    crowd = storm.crowd
    yield f"{crowd.greens.total()} greens, {crowd.goodbyes.total()} goodbyes, at most {crowd.most} inside of "
    yield f"{storm.arena.limit}; {storm.kills} kiosks killed, {len(crowd.unsure)} without an answer; "
    yield "sent away: " + ", ".join(f"{count} {key}" for key, count in crowd.refused.most_common())

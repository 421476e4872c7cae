"""What the rehearsal found: each check as a sentence with its result, and the figures, kept for the summary.

Must not know what is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Report:
    """Says everything as it happens, through ``say``, and counts what did not hold."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock
        self._began = clock()
        self._figures: list[tuple[str, str]] = []
        self._failed: list[str] = []
        self._held = 0

    @property
    def good(self) -> bool:
        """Whether something was checked and all of it held."""
        return self._held > 0 and not self._failed

    def check(self, sentence: str, holds: bool, seen: str = "") -> None:
        """Notes whether the sentence is true; ``seen`` says what was there instead."""
        if holds:
            self._held += 1
            self._say(f"  ok      {sentence}")
            return
        self._failed.append(sentence)
        self._say(f"  FAILED  {sentence}")
        for line in seen.strip().splitlines()[-25:]:
            self._say(f"          {line}")

    def skip(self, sentence: str, why: str) -> None:
        """Notes that the sentence was not put to the test."""
        self._say(f"  -       {sentence}: not looked at, {why}")

    def note(self, line: str) -> None:
        """Something that was seen and says itself what it means."""
        self._say(f"          | {line}")

    def figure(self, name: str, value: str) -> None:
        """A measurement, for the summary too."""
        self._figures.append((name, value))
        self._say(f"          {name}: {value}")

    @contextmanager
    def act(self, title: str) -> Iterator[None]:
        """A part of the rehearsal."""
        since = self._clock()
        self._say(f"\n-- {title}")
        yield
        self._say(f"          {self._clock() - since:.0f} s")

    def close(self) -> None:
        """The summary."""
        self._say("\n-- summary")
        for name, value in self._figures:
            self._say(f"  {name}: {value}")
        for sentence in self._failed:
            self._say(f"  FAILED: {sentence}")
        verdict = "all of it held" if self.good else f"{len(self._failed)} failed"
        self._say(f"  {self._held + len(self._failed)} checks in {self._clock() - self._began:.0f} s: {verdict}")

"""How well each kiosk reads: its last figures, kept one row a kiosk, and their words for people.

Nothing is decided by them. Knows nothing of pages; a row that cannot be read is as good as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from admission import health as figures
from admission.health import Health, StageHealth
from server.phrase import marked as _
from server.store.engine import execute, given, named
from server.store.instants import from_ms, to_ms
from server.store.schema import health

STALE = timedelta(seconds=60)
SHARP, SOFT = 0.38, 0.25
"""Sharpness from which on a picture is called so; below, it is blurred."""
DARK, BRIGHT = 45, 245
"""Grey levels: a dark picture is below the first, a bright one above the second."""
ADVICE: Mapping[str, str] = {
    "closer": _("hold it closer"),
    "hold_still": _("hold it still"),
    "blurred": _("blurred"),
    "dark": _("too dark"),
    "bright": _("too bright"),
    "glare": _("glare on it"),
    "cut_off": _("cut off at the edge"),
}

_replace = update(health).where(health.c.device == given("device")).values(at=given("at"), body=given("body"))
_insert = insert(health).values({column.name: given(column.name) for column in health.c})


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the reader: CPU ms of one run, and the share (0 to 1) of presentations that needed it."""

    name: str
    runs: int
    ms_a_run: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a kiosk said last of its reading, and when. ``stale``: it should have spoken again by now."""

    at: datetime
    stale: bool
    health: Health

    @property
    def frames_a_second(self) -> float:
        """Frames seen in a second."""
        return self.health.frames / self.health.seconds

    @property
    def ms_a_frame(self) -> float | None:
        """CPU ms for one frame that was read; None: none was."""
        return _part(sum(stage.ms for stage in self.health.stages), self.health.looked)

    @property
    def sharpness(self) -> str:
        """In a word; empty if no code was seen."""
        value = self.health.sharpness
        if value is None:
            return ""
        return _("sharp") if value >= SHARP else _("soft") if value >= SOFT else _("blurred")

    @property
    def light(self) -> str:
        """In a word; empty if no frame was looked at."""
        value = self.health.light
        if value is None:
            return ""
        return _("dark") if value < DARK else _("bright") if value > BRIGHT else _("good")

    @property
    def stages(self) -> list[Stage]:
        """In the order in which the kiosk named them: those that run most often first."""
        return [self._stage(stage) for stage in self.health.stages]

    @property
    def advice(self) -> list[tuple[str, int]]:
        """What was said to visitors, in words, and how often; one that has no words is called by its name."""
        return [(ADVICE.get(name, name.replace("_", " ")), times) for name, times in self.health.advice]

    def _stage(self, stage: StageHealth) -> Stage:
        share = _part(min(stage.needed, self.health.presentations), self.health.presentations)
        return Stage(stage.name, stage.runs, _part(stage.ms, stage.runs), share)


def keep(connection: Connection, device: str, said: Health, now: datetime) -> None:
    """Puts a kiosk's figures in the place of its last ones."""
    values = named({"device": device, "at": to_ms(now), "body": figures.encode(said).decode()})
    if execute(connection, _replace, values).rowcount == 0:
        execute(connection, _insert, values)


def read(connection: Connection, now: datetime) -> dict[str, Figures]:
    """The figures by kiosk. One whose row cannot be read, as of an earlier version, has none."""
    found = {}
    for row in connection.execute(select(health.c.device, health.c.at, health.c.body)):
        said, at = figures.decode(row.body), from_ms(row.at)
        if said is not None:
            found[row.device] = Figures(at, now - at > STALE, said)
    return found


def _part(much: float, of: int) -> float | None:
    return much / of if of else None

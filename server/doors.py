"""What the doors of an event say: whether they greet people by name, and in which languages, in order.

Both lie in the event's row and travel to the kiosks with the programme. Knows nothing of pages, nor of what a door does
with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, update

from admission.errors import ConfigError
from server import event, trail
from server.phrase import marked as _
from server.phrase import phrase
from server.store import versions
from server.store.instants import to_ms
from server.store.schema import event as events
from server.trail import Who

ABOUT, REF = "setting", "doors"
"""What the trail calls it."""
WORDS = {"names": _("Greet people by name"), "languages": _("Languages")}
"""What its facts in the trail are called."""


@dataclass(frozen=True, slots=True)
class Doors:
    """``names``: they greet people by name. ``languages``: as :func:`server.event.languages_of` gives them; none:
    nobody has chosen any, and kiosks speak their usual ones."""

    names: bool
    languages: tuple[str, ...]

    @property
    def mark(self) -> str:
        """Tells this state from every other."""
        return ":".join(self._cells.values())

    @property
    def _cells(self) -> dict[str, str]:
        return {"names": "yes" if self.names else "no", "languages": " ".join(self.languages)}

    def differences(self, after: Doors) -> dict[str, object]:
        """What another state has otherwise, as the trail writes it: [as it is here, as it is there]."""
        there = after._cells
        return {name: [cell, there[name]] for name, cell in self._cells.items() if cell != there[name]}


def read(connection: Connection) -> Doors:
    """As it is now. Raises ConfigError if the database holds no event."""
    now = event.read(connection)
    return Doors(now.show_names, now.languages)


def change(connection: Connection, wanted: Doors, mark: str, who: Who, now: datetime) -> bool:
    """Sets it for every door, with a row in the trail; False if nothing was different. ``mark``: of the state that was
    seen. Raises ConfigError if somebody has changed it since."""
    was = read(connection)
    if was == wanted:
        return False
    seen = events.c.show_names.is_(was.names) & (events.c.languages == " ".join(was.languages))
    values = {"show_names": wanted.names, "languages": " ".join(wanted.languages)}
    if was.mark != mark or not connection.execute(update(events).where(seen).values(values)).rowcount:
        raise ConfigError(phrase("nothing was saved: somebody else has changed this since you opened it"))
    trail.note(connection, who, to_ms(now), "changed", ABOUT, REF, was.differences(wanted))
    versions.bump(connection, versions.PROGRAMME)
    return True

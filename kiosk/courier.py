"""The courier at this door: the codes that a phone carries away, and the code that it brings back.

What is shown to the visitor is decided here; how a code is drawn or read is not. Knows nothing of cameras or of
the network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from admission import courier
from admission.errors import BadMessage, BadSignature
from admission.seats import RolledBack
from kiosk.dispatch import Dispatch, NotForThisKiosk
from kiosk.face import Shown
from kiosk.journal import Journal
from kiosk.standing import Standing

log = logging.getLogger(__name__)

STATE = "courier"


class Courier:
    """``on_rolled_back`` is told that this store is an older copy of itself, as the uplink tells it."""

    def __init__(
        self, dispatch: Dispatch, journal: Journal, standing: Standing, on_rolled_back: Callable[[], None]
    ) -> None:
        self._dispatch = dispatch
        self._journal = journal
        self._standing = standing
        self._on_rolled_back = on_rolled_back

    def slips(self) -> list[str]:
        """A fresh letter: the texts of its codes."""
        return self._dispatch.slips()

    @staticmethod
    def brings(text: str) -> bool:
        """Whether the text is the server's word by courier, and so never a badge."""
        return courier.is_answer(text)

    def take(self, text: str) -> Shown:
        """Takes the server's word; what it says is on the disk when this returns. Whatever is wrong with it changes
        nothing and is said on the screen. Raises DiskError."""
        given, known = self._granted(), (self._journal.era, self._journal.acknowledged)
        try:
            self._dispatch.read_courier(text)
        except RolledBack as error:
            log.error("%s", error)
            self._on_rolled_back()
            return Shown("trouble", "out_of_order")
        except NotForThisKiosk as error:
            return Shown(STATE, "courier_astray", detail=error.addressee)
        except (BadMessage, BadSignature) as error:
            log.warning("a courier's code was not taken: %s", error)
            return Shown(STATE, "courier_doubted")
        more = self._granted() - given
        if more <= 0 and (self._journal.era, self._journal.acknowledged) == known:
            return Shown(STATE, "courier_old")
        if more > 0:
            return Shown(STATE, "courier_thanks", detail=str(more), about="more_seats")
        return Shown(STATE, "courier_thanks", about="no_more_seats")

    def _granted(self) -> int:
        """All seats that were ever granted to this store."""
        return sum(self._standing.account(room).granted for room in self._standing.rooms_held)

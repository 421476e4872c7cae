"""The end of the kiosk's loop: asked for by a signal, or by any part that cannot go on."""

from __future__ import annotations

import os
import signal
from types import FrameType


class Stop:
    """Ends the loop: SIGTERM and SIGINT interrupt even a camera that blocks."""

    def __init__(self) -> None:
        """From now on SIGTERM is this one's; to be made in the main thread."""
        self.status: int | None = None
        signal.signal(signal.SIGTERM, self._interrupt)

    def now(self, status: int) -> None:
        """Ends the process with this status; may be called from any thread."""
        self.status = status
        os.kill(os.getpid(), signal.SIGTERM)  # Python runs handlers in the main thread

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

"""Starting the machine again and switching it off, by somebody who may: a kiosk has no right to.

It leaves a word in its folder under /run; ``threshold-power.path`` sees it, and ``deploy/power.sh`` does it
(systemd/). Knows nothing of who asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kiosk.tools import NoPower

FILE = "power"
WORDS = ("again", "off")


def end(how: str, restart: Callable[[], None], folder: str | None) -> None:
    """Does one of kiosk.tools.ENDINGS: has the program started again by ``restart``, or asks for the rest. Raises
    NoPower."""
    if how == "program":
        restart()
    else:
        ask(folder, how)


def ask(folder: str | None, word: str) -> None:
    """Asks for one of WORDS. ``folder``: this service's under /run; None outside of systemd. Raises NoPower."""
    if word not in WORDS:
        raise ValueError(f"{word!r} is none of {WORDS}")
    if not folder:
        raise NoPower("this kiosk does not run as a service: switch the machine off by its own means")
    whole = Path(folder) / FILE
    part = whole.with_name(f"{FILE}.part")
    try:
        part.write_text(f"{word}\n", "ascii")
        part.replace(whole)  # whoever watches for it never reads half a word
    except OSError as error:
        raise NoPower(f"{folder} cannot be written: {error.strerror}") from error

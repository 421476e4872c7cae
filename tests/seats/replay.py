"""Runs one history and says how it failed, with the command that plays it again."""

from __future__ import annotations

from admission.venue import Exits
from tests.seats.history import History, Lost, Overfull


def failure_of(seed: int, mode: Exits, steps: int, *, calm: bool = True, focus: tuple[str, ...] = ()) -> str:
    """ "" if the promise held; otherwise what broke and how to see it alone."""
    try:
        History(seed, mode, calm, focus).run(steps)
    except (Overfull, Lost) as error:
        cards = "" if calm else " --cards"
        return f"{error}; alone: python -m tests.seats --seed {seed} --mode {mode.value} --steps {steps}{cards}"
    return ""

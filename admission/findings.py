"""What a doctor finds: topic, level, words, and what to do; and how a list of findings is written down.

Kiosk and server have a doctor each, and a steward reads both alike. Pure. Must not know what is examined.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

WIDTH = 96
"""Characters to a line, at most."""
_TOPIC = 12
_HANGING = " " * (2 + 4 + 1 + _TOPIC + 1)
"""Below the words: mark, word and topic are to the left."""
_ARROW = "-> "


class Level(StrEnum):
    """How a topic stands: nothing to do, worth a look before the day, or wrong now."""

    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``words``: what was found, in a sentence; ``fix``: what to do about it, empty where nothing is to be done."""

    topic: str
    level: Level
    words: str
    fix: str = ""


WORD = {Level.GOOD: "OK", Level.LOOK: "LOOK", Level.BAD: "BAD"}
MARK = {Level.GOOD: "✓", Level.LOOK: "!", Level.BAD: "✗"}
STATUS = {Level.GOOD: 0, Level.LOOK: 1, Level.BAD: 2}
"""The exit status of a command that found nothing worse."""
_COLOUR = {Level.GOOD: "\x1b[32m", Level.LOOK: "\x1b[33m", Level.BAD: "\x1b[1;31m"}
_PLAIN = "\x1b[0m"
_WEIGHT = {level: weight for weight, level in enumerate(Level)}
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Finding])


def good(topic: str, words: str) -> Finding:
    """Nothing to do."""
    return Finding(topic, Level.GOOD, words)


def look(topic: str, words: str, fix: str) -> Finding:
    """Worth a look."""
    return Finding(topic, Level.LOOK, words, fix)


def bad(topic: str, words: str, fix: str) -> Finding:
    """Wrong."""
    return Finding(topic, Level.BAD, words, fix)


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among them; good if there are none."""
    return max((one.level for one in findings), key=_WEIGHT.__getitem__, default=Level.GOOD)


def lines(findings: Sequence[Finding], *, coloured: bool = False) -> list[str]:
    """A line for each, with what to do below it, and a last line that sums up. Colour says nothing that mark and word
    do not."""
    out: list[str] = []
    for one in findings:
        head = f"{MARK[one.level]} {WORD[one.level]:<4}"
        head = f"{_COLOUR[one.level]}{head}{_PLAIN}" if coloured else head
        first, *rest = _wrapped(one.words)
        out.append(f"{head} {one.topic:<{_TOPIC}} {first}")
        out += [_HANGING + more for more in rest]
        if one.fix:
            first, *rest = _wrapped(one.fix)
            out.append(_HANGING + _ARROW + first)
            out += [_HANGING + " " * len(_ARROW) + more for more in rest]
    return [*out, "", _summary(findings)]


def encode(findings: Sequence[Finding]) -> bytes:
    """The findings as JSON, for programs."""
    return _encoder.encode(list(findings))


def decode(text: bytes) -> list[Finding] | None:
    """The findings in ``text``; None if it holds none. Never raises."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _wrapped(text: str) -> list[str]:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return textwrap.wrap(plain, WIDTH - len(_HANGING + _ARROW), break_on_hyphens=False) or [""]


def _summary(findings: Sequence[Finding]) -> str:
    wrong = sum(one.level is Level.BAD for one in findings)
    odd = sum(one.level is Level.LOOK for one in findings)
    if not wrong and not odd:
        return "All is well."
    parts = [f"{wrong} wrong"] if wrong else []
    parts += [f"{odd} worth a look"] if odd else []
    return f"{' and '.join(parts)}; what to do stands after each arrow."

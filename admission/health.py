"""How well a kiosk reads, and its machine does: figures over the last minute, sent with the news (protocol, 4).

Bounded in every direction, so that a faulty kiosk cannot fill the database. Counts, times and light only: it must not
know any badge, text, person or passage, and has no field that could name one.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MOST_NAMES = 32
"""Stages, and kinds of advice, in one message."""
MAX_NAME = 32
MAX_TROUBLE = 200
MAX_COUNT = 1_000_000
MAX_MS = 3_600_000
MAX_MB = 1_000_000_000
MAX_UPTIME_S = 1_000_000_000

Name = Annotated[str, Meta(max_length=MAX_NAME, pattern=r"^[a-z0-9_-]*\Z")]
"""A stage of the reader or a kind of advice: too short, and of too few characters, for a badge."""
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Ms = Annotated[float, Meta(ge=0, le=MAX_MS)]
Trouble = Annotated[str, Meta(max_length=MAX_TROUBLE, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Version = Annotated[str, Meta(max_length=MAX_NAME, pattern=r"^[0-9A-Za-z.+_-]*\Z")]


class StageHealth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One stage of the reader: how often it ran, the CPU ms of all these runs together, and how many presentations
    had their first reading from it."""

    name: Name
    runs: Count
    ms: Ms
    needed: Count


class Health(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a kiosk says of its own reading, over the last ``seconds``. Nothing in it is about a person or a badge.

    ``frames``: seen; ``looked``: read rather than passed over at a glance; ``presentations``: begun;
    ``first_read_ms_…``: from the first frame with something like a code in it to the first reading; ``advice``: how
    often each was given; ``sharpness``: 0 to 1, of frames with a code; ``light``: grey level, 0 to 255 (both medians).
    ``camera``: its trouble, empty if it is well; ``reopened``: how often since the kiosk was started; ``version``: of
    the software. None where there was nothing to measure.

    Of the machine, not sent where they are not known: ``temperature_c`` of the processor; ``disk_free_mb`` where the
    journal is; ``clock_uncertainty_ms``: how far its time may be off; ``uptime_s``: since it was switched on;
    ``undervolted``: whether its power supply was seen to give too little since then.
    """

    seconds: Annotated[float, Meta(gt=0, le=3600)]
    frames: Count
    looked: Count
    stages: Annotated[tuple[StageHealth, ...], Meta(max_length=MOST_NAMES)]
    presentations: Count
    first_read_ms_median: Ms | None
    first_read_ms_p95: Ms | None
    advice: Annotated[tuple[tuple[Name, Count], ...], Meta(max_length=MOST_NAMES)]
    sharpness: Annotated[float, Meta(ge=0, le=1)] | None
    light: Annotated[float, Meta(ge=0, le=255)] | None
    camera: Trouble
    reopened: Count
    version: Version
    temperature_c: Annotated[float, Meta(ge=-100, le=200)] | None = None
    disk_free_mb: Annotated[int, Meta(ge=0, le=MAX_MB)] | None = None
    clock_uncertainty_ms: Annotated[int, Meta(ge=0, le=MAX_MS)] | None = None
    uptime_s: Annotated[int, Meta(ge=0, le=MAX_UPTIME_S)] | None = None
    undervolted: bool | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Health)


def encode(health: Health) -> bytes:
    """The figures as JSON."""
    return _encoder.encode(health)


def decode(text: bytes | str) -> Health | None:
    """The figures in ``text``; None if they are none, or are out of bounds. Never raises."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def is_sound(health: Health) -> bool:
    """Whether the other side would take it: a message with figures out of bounds is refused as a whole."""
    return decode(encode(health)) == health

"""The door's sounds, made by arithmetic: one for each state of the face that wants one, as WAV bytes.

Each is told by its rhythm and by whether it rises, falls or stays, not by its pitch alone; all of it lies between
400 Hz and 3 kHz, where older ears still hear and small loudspeakers still speak. Nothing here knows who plays them.
"""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

RATE = 44_100
"""Samples a second."""
TOP_HZ = 3000
PEAK = 0.89
"""Of full scale, at volume 100: what is resampled on the way to the loudspeaker may swing a little higher."""
RANGE_DB = 40
"""Between volume 100 and volume 0. Equal steps in decibels are heard as equal steps."""
HARMONICS = (1.0, 0.5, 0.3)
ATTACK_MS, RELEASE_MS = 10, 50
TAIL_MS = 5
DAY_MIN = 24 * 60

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


@dataclass(frozen=True, slots=True)
class Note:
    """A tone from ``at_ms`` on. ``to_hz``: where it glides to (0: it stays); ``level``: of the loudest, 0 to 1."""

    hz: float
    at_ms: int
    ms: int
    to_hz: float = 0
    level: float = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of each day in minutes after midnight; ``end`` is the first minute after it, and may lie before ``begin``:
    then it goes over midnight."""

    begin: int
    end: int


SOUNDS: Mapping[str, tuple[Note, ...]] = MappingProxyType(
    {
        "reading": (Note(988, 0, 35, level=0.25),),
        "welcome": (Note(523, 0, 190, level=0.8), Note(784, 150, 400, level=0.8)),
        "goodbye": (Note(659, 0, 130, level=0.7), Note(440, 110, 390, level=0.7)),
        "counted": (Note(466, 0, 80, level=0.7), Note(466, 170, 80, level=0.7)),
        "refused": (Note(587, 0, 260), Note(440, 360, 420)),
        "steward": (Note(523, 0, 130), Note(523, 230, 450, to_hz=880)),
        "full": (Note(554, 0, 170), Note(554, 290, 170), Note(554, 580, 170)),
        "closed": (Note(415, 0, 750),),
        "trouble": tuple(Note(hz, 550 * at, 450) for at, hz in enumerate((740, 494, 740, 494))),
    }
)
"""By the state of the face. A state that is not here is silent."""


@lru_cache(maxsize=32)
def wav(state: str, volume: int) -> bytes:
    """The sound of this state as a WAV file: 16 bits, one channel. ``volume``: 0 (all silence) to 100.

    Raises KeyError for a state without a sound, ValueError for a volume outside 0 to 100.
    """
    if not 0 <= volume <= 100:
        raise ValueError(f"volume = {volume}: write a number from 0 (silent) to 100")
    gain = 10 ** (-RANGE_DB * (1 - volume / 100) / 20) if volume else 0.0
    samples = np.round(_wave(SOUNDS[state]) * gain * np.iinfo(np.int16).max).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


def hours(silent_hours: Iterable[str]) -> tuple[Span, ...]:
    """The setting ``silent_hours``, such as ["22:00-07:00"]. Raises ValueError saying what to write."""
    return tuple(_span(one) for one in silent_hours)


def silent(now: time, spans: Sequence[Span]) -> bool:
    """Whether the door keeps quiet at this time of the venue's day."""
    minute = now.hour * 60 + now.minute
    return any(
        one.begin <= minute < one.end if one.begin < one.end else minute >= one.begin or minute < one.end
        for one in spans
    )


def _span(text: str) -> Span:
    how = 'write the venue\'s time as "22:00-07:00", which goes over midnight; "00:00-24:00" is always'
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"silent_hours: {text!r} cannot be read: {how}")
    begin = int(found[1]) * 60 + int(found[2])
    end = int(found[3]) * 60 + int(found[4]) if found[3] else DAY_MIN
    if begin == end:
        raise ValueError(f"silent_hours: {text!r} begins and ends at once: {how}")
    return Span(begin, end)


def _wave(notes: tuple[Note, ...]) -> NDArray[np.float64]:
    """The notes together, scaled so that the loudest moment is PEAK times the loudest note's level."""
    end = max(note.at_ms + note.ms for note in notes) + TAIL_MS
    mixed = np.zeros(_samples(end))
    for note in notes:
        tone = _tone(note)
        begin = _samples(note.at_ms)
        mixed[begin : begin + len(tone)] += tone
    level = PEAK * max(note.level for note in notes)
    mixed *= level / np.abs(mixed).max()
    return mixed


def _tone(note: Note) -> NDArray[np.float64]:
    """One note with its harmonics below TOP_HZ, faded in and out so that it never clicks."""
    count = _samples(note.ms)
    pitch = np.linspace(note.hz, note.to_hz or note.hz, count)
    turns = np.cumsum(pitch) / RATE
    top = max(note.hz, note.to_hz)
    tone = np.zeros(count)
    for number, strength in enumerate(HARMONICS, 1):
        if number * top < TOP_HZ:
            tone += strength * np.sin(2 * np.pi * number * turns)
    decay = np.exp(-1.2 * np.arange(count) / count)
    return note.level * tone * decay * _fades(count)


def _fades(count: int) -> NDArray[np.float64]:
    """From 0 to 1 and back, along half a cosine each; a short note is all fade."""
    rise, fall = min(_samples(ATTACK_MS), count // 3), min(_samples(RELEASE_MS), count // 2)
    shape = np.ones(count)
    shape[:rise] = (1 - np.cos(np.pi * np.arange(rise) / rise)) / 2
    shape[-fall:] = (1 + np.cos(np.pi * np.arange(1, fall + 1) / fall)) / 2
    return shape


def _samples(ms: int) -> int:
    return RATE * ms // 1000

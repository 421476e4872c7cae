"""The door's sounds, looked at: their length, level, band and shape, and that no two could be mistaken."""

from __future__ import annotations

import io
import itertools
import wave
from datetime import time

import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk.face.sound import RATE, SOUNDS, hours, silent, wav

LONGEST_MS = {"reading": 50, "welcome": 600, "goodbye": 600, "counted": 400, "trouble": 2200}
MOST_MS = 900
LOUD_DBFS = (-18.0, -9.0)


def heard(state: str, volume: int = 100) -> NDArray[np.float64]:
    """The samples of a sound, from -1 to 1, as a program reads them that knows WAV files and not us."""
    with wave.open(io.BytesIO(wav(state, volume))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        raw = file.readframes(file.getnframes())
    return np.frombuffer(raw, "<i2") / 32768


def level(samples: NDArray[np.float64]) -> float:
    """Root mean square."""
    return float(np.sqrt((samples**2).mean()))


def notes(state: str) -> list[tuple[int, int, float, float]]:
    """The notes as an ear finds them: begin and length in ms, pitch where it begins and where it ends, in Hz."""
    samples = heard(state)
    window = RATE // 50
    spans = [samples[at : at + window] for at in range(0, len(samples) - window, window // 4)]
    pitches = [_pitch(one) if level(one) > 0.04 else 0.0 for one in spans]
    found: list[list[tuple[int, float]]] = []
    for at, pitch in enumerate(pitches):
        goes_on = bool(at and pitches[at - 1]) and abs(pitch / pitches[at - 1] - 1) < 0.06 if pitch else False
        if pitch and not goes_on:
            found.append([])
        if pitch:
            found[-1].append((at * 5, pitch))
    whole = [one for one in found if len(one) > 3]  # between two notes that overlap there is no pitch
    return [(one[0][0], one[-1][0] - one[0][0], one[1][1], one[-2][1]) for one in whole]


def _pitch(samples: NDArray[np.float64]) -> float:
    """The strongest lag of a window with itself, among those of 350 to 1100 Hz."""
    alike = np.correlate(samples, samples, "full")[len(samples) - 1 :]
    first, last = RATE // 1100, RATE // 350
    return float(RATE / (first + int(alike[first:last].argmax())))


@pytest.mark.parametrize("state", SOUNDS)
def test_a_sound_is_short(state: str) -> None:
    assert 0 < len(heard(state)) * 1000 / RATE <= LONGEST_MS.get(state, MOST_MS)


@pytest.mark.parametrize("state", SOUNDS)
def test_a_sound_never_reaches_full_scale_and_is_as_loud_as_it_may_be(state: str) -> None:
    samples = heard(state)
    assert 0.2 < np.abs(samples).max() <= 0.9
    least, most = LOUD_DBFS
    assert least <= 20 * np.log10(level(samples)) <= most or state == "reading"


@pytest.mark.parametrize("state", SOUNDS)
@pytest.mark.parametrize("volume", [1, 50, 100])
def test_a_sound_begins_and_ends_at_nothing_and_pushes_no_membrane_aside(state: str, volume: int) -> None:
    samples = heard(state, volume)
    millisecond = RATE // 1000
    assert samples[0] == samples[-1] == 0
    assert np.abs(samples[: millisecond // 4]).max() < 0.01
    assert np.abs(samples[-millisecond:]).max() < 0.001
    assert abs(samples.mean()) < 0.0001


@pytest.mark.parametrize("state", SOUNDS)
def test_nothing_clicks(state: str) -> None:
    """A click has energy everywhere; whatever the ear hears above the band is 40 dB below what is in it."""
    samples = heard(state)
    window = RATE // 100
    for at in range(0, len(samples) - window, window // 2):
        energy = np.abs(np.fft.rfft(samples[at : at + window] * np.hanning(window))) ** 2
        high = energy[len(energy) * 5000 // (RATE // 2) :].sum()
        assert high <= 1e-4 * max(energy.sum(), 1.0)


@pytest.mark.parametrize("state", SOUNDS)
def test_a_sound_lies_where_older_ears_hear_and_small_loudspeakers_speak(state: str) -> None:
    samples = heard(state)
    energy = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    assert energy[(hz >= 400) & (hz <= 3000)].sum() >= 0.98 * energy.sum()
    assert energy[(hz >= 800) & (hz <= 3000)].sum() >= 0.1 * energy.sum(), "harmonics carry it"


MELODIES = {
    "welcome": "short up long",
    "goodbye": "short down long",
    "counted": "short same short",
    "refused": "long down long",
    "steward": "short same rising",
    "full": "short same short same short",
    "closed": "long",
    "trouble": "long down long up long down long",
}


def melody(state: str) -> str:
    """A sound as somebody describes it who cannot name a pitch."""
    found = notes(state)
    words = []
    for number, (_, ms, begin, end) in enumerate(found):
        if number:
            step = begin / found[number - 1][3]
            words.append("up" if step > 1.06 else "down" if step < 0.94 else "same")
        words.append("rising" if end > 1.2 * begin else "short" if ms < 200 else "long")
    return " ".join(words)


@pytest.mark.parametrize("state", MELODIES)
def test_a_sound_is_what_it_is_described_as(state: str) -> None:
    assert melody(state) == MELODIES[state]


def test_no_two_sounds_are_described_alike() -> None:
    assert len({melody(state) for state in MELODIES}) == len(MELODIES) == len(SOUNDS) - 1


def test_a_farewell_is_one_gesture_and_a_refusal_two() -> None:
    """Both fall; between the notes of a refusal there is a silence that nobody misses."""

    def longest_silence_ms(state: str) -> float:
        loud = np.flatnonzero(np.abs(heard(state)) > 0.02)
        return float(np.diff(loud).max()) * 1000 / RATE

    assert longest_silence_ms("goodbye") < 20
    assert longest_silence_ms("refused") > 80


@pytest.mark.parametrize("state", SOUNDS)
def test_volume_goes_from_silence_up_in_steps_that_are_heard_as_equal(state: str) -> None:
    levels = [level(heard(state, volume)) for volume in (0, 1, 20, 40, 60, 80, 100)]
    assert levels[0] == 0
    assert all(softer < louder for softer, louder in itertools.pairwise(levels))
    steps = [20 * np.log10(louder / softer) for softer, louder in itertools.pairwise(levels[2:])]
    assert steps == pytest.approx([8] * 4, abs=0.5)


@pytest.mark.parametrize("volume", [-1, 101])
def test_a_volume_outside_its_range_is_an_error_that_says_so(volume: int) -> None:
    with pytest.raises(ValueError, match=f"volume = {volume}: write a number from 0"):
        wav("welcome", volume)


def test_a_state_without_a_sound_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        wav("waiting", 50)


@pytest.mark.parametrize(
    ("now", "quiet"),
    [(time(21, 59, 59), False), (time(22), True), (time(0), True), (time(6, 59, 59), True), (time(7), False)],
)
def test_silent_hours_go_over_midnight(now: time, quiet: bool) -> None:
    assert silent(now, hours(["22:00-07:00"])) is quiet


@pytest.mark.parametrize(
    ("now", "quiet"),
    [(time(12, 59), False), (time(13), True), (time(13, 59), True), (time(14), False), (time(23, 59), True)],
)
def test_there_may_be_several_silent_hours(now: time, quiet: bool) -> None:
    assert silent(now, hours(["13:00-14:00", "20:00-24:00"])) is quiet


def test_without_silent_hours_the_door_is_never_silent_and_with_a_whole_day_always() -> None:
    every = [time(hour, minute) for hour in range(24) for minute in (0, 59)]
    assert not any(silent(now, hours([])) for now in every)
    assert all(silent(now, hours(["00:00-24:00"])) for now in every)


@pytest.mark.parametrize("text", ["", "22-7", "22:00", "22:00-25:00", "24:00-07:00", "22:60-07:00", "7:00-8:00", "1:0"])
def test_silent_hours_that_cannot_be_read_are_named_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r'silent_hours: .*write .*"22:00-07:00"'):
        hours(["12:00-13:00", text])


def test_silent_hours_that_are_no_time_at_all_are_not_taken_for_a_day() -> None:
    with pytest.raises(ValueError, match="begins and ends at once"):
        hours(["07:00-07:00"])

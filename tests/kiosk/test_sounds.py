"""Which sound belongs to what is shown, and how the page gets it."""

from __future__ import annotations

import io
import wave
from itertools import pairwise

import pytest
from flask import Flask

from kiosk.face import Place, Shown, Status, sounds
from kiosk.face.screen import Screen


@pytest.mark.parametrize("state", ["welcome", "goodbye", "counted", "refused", "steward", "full", "trouble"])
def test_every_answer_has_a_sound_at_the_doors_volume_and_none_at_night(state: str) -> None:
    assert sounds.name(Shown(state, "welcome"), 60) == f"{state}-60"
    assert sounds.name(Shown(state, "welcome"), 58) == f"{state}-60"
    assert sounds.name(Shown(state, "welcome"), 0) == ""


def test_what_only_stands_there_is_silent() -> None:
    assert sounds.name(Shown("waiting", "waiting"), 60) == ""
    assert sounds.name(Shown("closed", "closed_now"), 60) == ""
    assert sounds.name(Shown("closed", "doors_closed"), 60) == "closed-60"


def test_the_page_gets_each_as_a_file_and_nothing_else() -> None:
    app = Flask(__name__)
    app.register_blueprint(sounds.blueprint())
    client = app.test_client()
    reply = client.get("/sounds/welcome-60.wav")
    assert (reply.status_code, reply.mimetype) == (200, "audio/wav")
    with wave.open(io.BytesIO(reply.data)) as sound:
        assert sound.getnframes() > 0
    for path in ("welcome-0", "welcome-101", "welcome-62", "nothing-60", "welcome--5"):
        assert client.get(f"/sounds/{path}.wav").status_code == 404


def test_the_page_names_the_sound_at_the_volume_of_that_moment() -> None:
    place = Place(volume=30)
    screen = Screen(lambda: place)
    screen.show(Shown("welcome", "welcome"))
    assert screen.state()["sound"] == "welcome-30"
    place = Place(volume=85)
    assert screen.state()["sound"] == "welcome-85"
    place = Place(volume=0)
    assert screen.state()["sound"] == ""


def test_each_answer_is_heard_once_and_a_trouble_that_goes_on_not_again() -> None:
    screen = Screen(lambda: Place(volume=60))
    heard = []
    for shown in (
        Shown("welcome", "welcome"),
        Shown("welcome", "welcome"),
        Shown("trouble", "camera_away"),
        Shown("trouble", "camera_away"),
        Shown("waiting", "waiting"),
        Shown("trouble", "camera_away"),
    ):
        screen.show(shown)
        heard.append((screen.state()["answer"], screen.state()["sound"]))
    numbers = [answer for answer, _ in heard]
    assert [later != earlier for earlier, later in pairwise(numbers)] == [
        True,
        True,
        False,
        True,
        True,
    ]
    screen.report(Status(queue=7))
    assert screen.state()["answer"] == numbers[-1]

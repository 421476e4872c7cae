"""What is wired where: strict, and every complaint says what to write. And the thread that turns the pins."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from kiosk.pins import Beat, Pins, PinsAway, header

WRONG = {
    "red = 28": "red = 28: write a BCM number from 2 to 27, or -1",
    "buzzer = 1": "buzzer = 1: write a BCM number",
    "green = -2": "green = -2: write a BCM number",
    "red = 17\nrelay = 17": "red and relay = 17: give each a pin of its own",
    "relay = 17\nrelay_ms = 99": "relay_ms = 99: write milliseconds from 100 to 10000",
    "relay = 17\nrelay_ms = 10001": "relay_ms = 10001",
    "relay = 8": "relay = 8: this pin is high from power-up",
    "relay = 17\nrelay_active_high = false": "relay = 17: this pin is low from power-up",
    "did_not_turn = 22": "did_not_turn = 22: only beside a relay",
    'relay = 17\ndid_not_turn = 22\npull = "none"': 'pull = "none": write "up" for a contact to ground',
    'relay = 17\ndid_not_turn = 3\npull = "down"': "did_not_turn = 3: this pin is pulled up",
    "bounce_ms = 501": "bounce_ms = 501: write milliseconds from 0 to 500",
    "blue = 17": "blue",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_setting_is_named_with_what_to_write(text: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.toml.decode(text, type=Pins)
    assert WRONG[text] in str(error.value)


def test_by_itself_nothing_is_wired() -> None:
    assert Pins().lamps == {}
    assert {Pins().relay, Pins().buzzer, Pins().did_not_turn} == {-1}


def test_a_relay_that_is_on_at_0_volt_may_be_where_the_pins_start_high() -> None:
    assert Pins(relay=5, relay_active_high=False).relay == 5


def test_the_colours_that_are_wired_are_known() -> None:
    assert Pins(red=17, green=27, buzzer=22).lamps == {"red": 17, "green": 27}


def test_a_machine_without_pins_says_what_to_install_and_stays_where_it_was(tmp_path: Path) -> None:
    here = Path.cwd()
    with pytest.raises(PinsAway, match="apt install python3-lgpio"):
        header(tmp_path)
    assert Path.cwd() == here


def test_lgpio_moves_the_process_to_its_folder_and_is_moved_back(tmp_path: Path) -> None:
    """lgpio changes the working directory when it is imported; a stand-in that does the same is imported here."""
    stand_in, pipes = tmp_path / "lgpio.py", tmp_path / "pipes"
    pipes.mkdir()
    stand_in.write_text("import os\nos.chdir(os.environ['LG_WD'])\nraise OSError('here ' + os.getcwd())\n")
    code = (
        "import pathlib, sys\nfrom kiosk.pins import PinsAway, header\n"
        "try:\n    header(pathlib.Path(sys.argv[1]))\nexcept PinsAway as error:\n    print(error)\n"
        "print(pathlib.Path.cwd())"
    )
    paths = os.pathsep.join([str(tmp_path), *(one or "." for one in sys.path)])
    environment = {name: value for name, value in os.environ.items() if name != "LG_WD"} | {"PYTHONPATH": paths}
    said = subprocess.run(
        [sys.executable, "-c", code, str(pipes)], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert f"here {pipes}" in said[0]
    assert said[1] == str(Path.cwd())


def test_a_door_without_wires_never_loads_gpiozero() -> None:
    code = (
        "import sys\nfrom kiosk.face.lamp import lamp\nfrom kiosk.pins import Pins\n"
        "from kiosk.turnstile import turnstile\n"
        "lamp(Pins(), None, None, None).close()\nturnstile(Pins(), None, None).close()\n"
        "assert not any(name.startswith(('gpiozero', 'lgpio')) for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_beat_comes_when_it_is_due_and_when_it_is_woken_and_not_after_its_end() -> None:
    steps, dues = threading.Semaphore(0), [1, None, None]

    def step() -> int | None:
        steps.release()
        return dues.pop(0)

    beat = Beat("test", step)
    beat.wake()
    assert steps.acquire(timeout=20)
    assert steps.acquire(timeout=20), "the one that was due after a millisecond"
    beat.wake()
    assert steps.acquire(timeout=20)
    beat.end()
    beat.wake()
    assert not steps.acquire(blocking=False)
    assert not any(thread.name == "test" for thread in threading.enumerate())

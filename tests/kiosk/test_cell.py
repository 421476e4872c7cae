"""zbar in its own process: what it reads, and that nothing which happens to it harms the kiosk."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from deploy.cards import code
from kiosk.reader import Frame
from kiosk.reader.cell import MOST_PIXELS, PATIENCE_S, Cell
from kiosk.reader.eye import Eye
from tests.eyes import cell, cpu_ms
from tests.views import View, look, token

BADGE = token(3)
READY = "import sys, time; sys.stdout.buffer.write(b'!'); sys.stdout.flush(); sys.stdin.buffer.read(8); "


def picture() -> Frame:
    """A badge's code."""
    return np.pad(code(BADGE), 20, constant_values=255)


@pytest.fixture
def own() -> Iterator[Cell]:
    """A cell that no other test uses."""
    made = Cell(time.monotonic)
    assert made.ready(within_s=20)
    yield made
    made.close()


def child_of(one: Cell) -> psutil.Process:
    """The process."""
    assert one._child is not None
    return psutil.Process(one._child.pid)


def bad(script: str) -> Cell:
    """A cell whose child misbehaves."""
    made = Cell(time.monotonic, (sys.executable, "-c", READY + script))
    assert made.ready(within_s=20)
    return made


def test_a_badge_is_read_with_its_place_and_what_it_cost() -> None:
    before = cell().cpu_ms
    [reading] = cell().read(picture()).readings
    assert reading.text == BADGE
    assert [reading.x, reading.y] == pytest.approx([side / 2 for side in picture().shape[::-1]], abs=4)
    assert cell().cpu_ms > before


def test_a_text_in_another_encoding_is_left_to_the_engine_that_keeps_its_bytes() -> None:
    """zbar makes something else of it."""
    assert cell().read(np.pad(code("äöü日本"), 20, constant_values=255)).readings == ()


def test_while_the_child_starts_nobody_waits_for_it() -> None:
    starting = Cell(time.monotonic, (sys.executable, "-c", "import time; time.sleep(60)"))
    began = time.monotonic()
    assert starting.read(picture()).readings == ()
    assert time.monotonic() - began < 2, "it would start for a minute"
    starting.close()


def test_a_child_that_is_killed_is_replaced_and_reads_again(own: Cell) -> None:
    os.kill(child_of(own).pid, signal.SIGKILL)
    child_of(own).wait(5)
    assert own.read(picture()).readings == ()
    assert own.lost == 1
    assert own.ready(within_s=20)
    assert [one.text for one in own.read(picture()).readings] == [BADGE]


@pytest.mark.parametrize(
    "script",
    [
        "time.sleep(60)",
        "sys.exit(1)",
        "import os, signal; os.kill(os.getpid(), signal.SIGABRT)",
        "sys.stdout.buffer.write(b'\\xff\\xff\\xff\\xff' + bytes(100)); sys.stdout.flush(); time.sleep(60)",
        "sys.stdout.buffer.write(b'\\0\\0\\0\\4what'); sys.stdout.flush(); time.sleep(60)",
        "sys.stdout.buffer.write(b'\\0\\0\\0'); sys.stdout.flush(); time.sleep(60)",
    ],
    ids=["hangs", "ends", "aborts", "never ends its answer", "talks nonsense", "breaks off"],
)
def test_a_child_that_misbehaves_costs_one_look_and_no_more_than_the_patience(script: str) -> None:
    one = bad(script)
    began = time.monotonic()
    assert one.read(picture()).readings == ()
    assert time.monotonic() - began < PATIENCE_S + 1
    assert one.lost == 1
    one.close()


def test_children_that_die_one_after_the_other_are_started_less_and_less_often() -> None:
    now = [0.0]
    one = Cell(lambda: now[0], ("/bin/false",))
    started = 0
    for _ in range(1200):
        now[0] += 0.1
        before = one.lost
        one.ready(within_s=1)
        started += one.lost - before
    assert 3 <= started <= 10
    one.close()


def test_a_child_that_hangs_now_and_then_takes_ever_less_of_the_doors_time() -> None:
    """Its good answers in between do not make up for it."""
    now = [0.0]
    one = Cell(lambda: now[0], (sys.executable, "-c", READY + "sys.exit(1)"))
    lost = []
    for _ in range(10):
        one.ready(within_s=10)
        one.read(picture())
        now[0] += 1
        lost.append(one.lost)
    assert lost[-1] <= 6
    one.close()


def test_a_child_that_never_says_that_it_is_there_is_given_up() -> None:
    now = [0.0]
    one = Cell(lambda: now[0], (sys.executable, "-c", "import time; time.sleep(60)"))
    assert not one.ready()
    now[0] += 60
    assert not one.ready()
    assert one.lost == 1
    one.close()


def test_a_program_that_is_not_there_is_no_error_and_is_not_tried_at_every_frame() -> None:
    one = Cell(time.monotonic, ("/nowhere/python",))
    for _ in range(50):
        assert one.read(picture()).readings == ()
    assert one.lost <= 3


def test_images_that_are_too_small_or_too_large_are_not_sent(own: Cell) -> None:
    assert own.read(np.zeros((5, 5), np.uint8)).readings == ()
    assert own.read(np.zeros((1, MOST_PIXELS + 1), np.uint8)).readings == ()
    assert own.lost == 0


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time; from kiosk.reader.cell import Cell; one = Cell(time.monotonic); one.ready(20)\n"
        "print(one._child.pid, flush=True); time.sleep(60)"
    )
    parent = psutil.Popen([sys.executable, str(script)], stdout=-1)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait(5)
    child.wait(5)
    assert not child.is_running()


def test_what_ends_zbar_does_not_end_the_eye() -> None:
    """Whatever image it is: here every one."""
    one = bad("import os; os.abort()")
    eye = Eye(cpu_ms, one.read)
    hard = look(BADGE, View(defocus_px=4), 3).frame
    for at in range(6):
        eye.look(hard, 33 * at, insist=True)
    assert [found.text for found in eye.look(look(BADGE, View(), 3).frame, 300, insist=True).readings] == [BADGE]
    assert one.lost >= 1
    one.close()


@pytest.mark.parametrize("seed", range(8))
def test_noise_of_any_shape_is_nothing_and_ends_no_child(seed: int) -> None:
    dice = np.random.default_rng(seed)
    high, wide = (int(side) for side in dice.integers(21, 700, 2))
    image = dice.integers(0, 2 if seed % 2 else 256, (high, wide)).astype(np.uint8) * (255 if seed % 2 else 1)
    lost = cell().lost
    assert cell().read(np.asarray(image, np.uint8)).readings == ()
    assert cell().ready(within_s=20)
    assert cell().lost == lost

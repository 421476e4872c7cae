"""A badge, printed by the server, held before a camera, is read by the kiosk and admitted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from admission.badge import serial_of
from deploy.footage import photograph
from kiosk.gate import Gate
from server import badges
from server.cards import A4
from server.store.engine import PostgresStore, SqliteStore
from tests.eyes import new_eye
from tests.kiosk.conftest import Doors
from tests.paper import printed

FRAMES = 6


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="needs pdftoppm (poppler-utils)")
@pytest.mark.parametrize("who", ["p1", "p2"])
def test_a_printed_badge_held_before_the_camera_is_admitted(
    door: Doors, sqlite_store: SqliteStore | PostgresStore, tmp_path: Path, who: str
) -> None:
    kiosk = door("hall-a")
    [card] = sqlite_store.write(lambda c: badges.cards(c, [serial_of(kiosk.world.badge_ids[who])]))
    [paper] = printed([card], tmp_path)
    gate = Gate(replace(kiosk.parts, reader=new_eye()))
    dice = np.random.default_rng(int(who[1:]))
    for _ in range(FRAMES):
        kiosk.ms += 100
        gate.step(photograph(paper, 30, dice, badge_mm=A4.card[0], tilt_deg=float(dice.uniform(0, 10))))
    welcomed = [shown.name for shown in kiosk.face.shown if shown.key == "welcome"]
    assert welcomed == [f"Person {who[1:]}"]
    assert kiosk.journal.seq == 1

"""The event of the rehearsal: one hall with one door, its guests, and their badges as they come out of the printer.

Reads badges off the printed sheets, as a camera would. Must not know the machine on which the event is held.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from admission.badge import token_bytes
from tests.appliance.camera import HEIGHT, WIDTH

Frame = NDArray[np.uint8]

GUESTS = 24
CAPACITY = 60
GATE = "hall-door"
SERIAL = slice(3, 7)
"""Where the badge's serial lies in its token (docs/protocol.md)."""

GRAINS = 4
CODE_PX = 280
DPI = 150


@dataclass(frozen=True, slots=True)
class Card:
    """One printed badge: its number, and the part of the sheet on which it is."""

    serial: int
    picture: Frame


def files(now: datetime) -> dict[str, str]:
    """The files of the import, by name; the hall's only session began an hour ago and goes on for the day."""
    starts, ends = now - timedelta(hours=1), now + timedelta(hours=12)
    people = [f"guest-{number},Guest {number},,,guest,,en" for number in range(1, GUESTS + 1)]
    return {
        "categories.csv": "category,name,colour\nguest,Guest,#3366aa\n",
        "rooms.csv": f"room,name,inside,limit,reserve,exits\nhall,Hall,,{CAPACITY},2,trusted\n",
        "gates.csv": f"gate,name,room,from,direction\n{GATE},Hall door,hall,,in\n",
        "sessions.csv": "session,title,theme,room,starts,ends,doors_open,doors_close,capacity,who,zones\n"
        f"rehearsal,Rehearsal,,hall,{starts.isoformat()},{ends.isoformat()},30,,,everyone,\n",
        "people.csv": "person,name,organisation,delegation,category,zones,language\n" + "\n".join(people) + "\n",
    }


def cards(sheets: bytes, folder: Path) -> list[Card]:
    """Every badge on the sheets (a PDF), in the order of their numbers. Raises ValueError if one cannot be read."""
    (folder / "badges.pdf").write_bytes(sheets)
    subprocess.run(["pdftoppm", "-gray", "-r", str(DPI), folder / "badges.pdf", folder / "sheet"], check=True)
    found = [card for sheet in sorted(folder.glob("sheet-*.pgm")) for card in _on_sheet(sheet)]
    if len(found) != GUESTS:
        raise ValueError(f"{len(found)} of {GUESTS} printed badges can be read")
    return sorted(found, key=lambda card: card.serial)


def held_up(card: Card | None, rng: np.random.Generator) -> bytes:
    """A few frames of somebody who holds the badge still (None: of nobody), each with other grain."""
    scene = np.full((HEIGHT, WIDTH), 150, np.uint8)
    scene[:, ::160] = 90  # a foyer with something in it
    scene[500:, :] = 110
    if card is not None:
        high, wide = card.picture.shape
        top, left = (HEIGHT - high) // 2, (WIDTH - wide) // 2
        scene[top : top + high, left : left + wide] = card.picture
    grained = [scene + rng.normal(0, 3, scene.shape) for _ in range(GRAINS)]
    return b"".join(np.clip(one, 0, 255).astype(np.uint8).tobytes() for one in grained)


def _on_sheet(path: Path) -> Sequence[Card]:
    sheet = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if sheet is None:
        raise ValueError(f"{path.name} is no picture")
    return [
        Card(int.from_bytes(token_bytes(code.text)[SERIAL], "big"), _around(np.asarray(sheet, np.uint8), code.position))
        for code in zxingcpp.read_barcodes(sheet)
    ]


def _around(sheet: Frame, corners: zxingcpp.Position) -> Frame:
    """The code with the quiet paper around it, as large as the camera sees it."""
    left, top = corners.top_left.x, corners.top_left.y
    side = corners.bottom_right.x - left
    margin = side // 6
    part = sheet[top - margin : top + side + margin, left - margin : left + side + margin]
    scale = CODE_PX / side
    return np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)

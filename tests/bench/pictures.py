"""Sets of photographs and films with the texts of their codes, as they lie in folders.

A set is a folder of images or films with ``expected.csv`` (columns ``file`` and ``text``; several rows for several
codes; an empty text: nothing to read). A folder without one has nothing to read. Must not know any reader.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from kiosk.reader import Frame

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm"})
FILMS = frozenset({".mp4", ".avi", ".webm", ".mkv", ".mov", ".y4m"})
LONGEST = 1280
"""Larger pictures are reduced to it, as a camera would have taken them."""
MOST_FRAMES = 90


@dataclass(frozen=True)
class Picture:
    """An image or a film. ``texts``: what is in it; None if the set does not say."""

    name: str
    frames: tuple[Frame, ...]
    texts: frozenset[str] | None


@dataclass(frozen=True)
class PictureSet:
    """A folder of them, and what could not be opened."""

    name: str
    pictures: list[Picture] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)

    @property
    def with_codes(self) -> int:
        """Pictures of which the set says what is to be read."""
        return sum(bool(picture.texts) for picture in self.pictures)


def plain(text: str) -> str:
    """A text without what tables of texts lose: kinds of line ends, space around it."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip()


def find_sets(folder: Path) -> Iterator[PictureSet]:
    """The folder itself if it holds pictures, and those below it that do."""
    for one in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        files = sorted(path for path in one.iterdir() if path.suffix.lower() in IMAGES | FILMS)
        if files:
            yield _read_set(one, files)


def _read_set(folder: Path, files: list[Path]) -> PictureSet:
    told = _told(folder / "expected.csv")
    made = PictureSet(folder.name)
    for path in files:
        frames = _film(path) if path.suffix.lower() in FILMS | {".gif"} else _image(path)
        if not frames:
            made.unopened.append(path.name)
            continue
        texts = frozenset() if told is None else told.get(path.name)
        made.pictures.append(Picture(path.name, frames, texts))
    return made


def _told(table: Path) -> dict[str, frozenset[str]] | None:
    if not table.is_file():
        return None
    told: dict[str, set[str]] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            told.setdefault(row["file"], set()).update({plain(row["text"])} - {""})
    return {name: frozenset(texts) for name, texts in told.items()}


def _image(path: Path) -> tuple[Frame, ...]:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return () if picture is None else (_reduced(np.asarray(picture, np.uint8)),)


def _film(path: Path) -> tuple[Frame, ...]:
    film = cv2.VideoCapture(str(path))
    frames: list[Frame] = []
    while len(frames) < MOST_FRAMES:
        good, frame = film.read()
        if not good:
            break
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        frames.append(_reduced(np.asarray(grey, np.uint8)))
    film.release()
    return tuple(frames)


def _reduced(picture: Frame) -> Frame:
    by = LONGEST / max(picture.shape)
    if by >= 1:
        return np.ascontiguousarray(picture)
    size = (max(1, round(picture.shape[1] * by)), max(1, round(picture.shape[0] * by)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

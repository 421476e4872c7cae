"""QR codes drawn in SVG, one unit a module, as a camera gets to see them."""

from __future__ import annotations

import re

import numpy as np

from kiosk.reader import Frame

BAR = re.compile(r"M(\d+)[ ,](\d+)(?:h(\d+)v1|H(\d+))")


def picture(svg: str, *, module: int = 4, shape: tuple[int, int] = (720, 1280)) -> Frame:
    """The code in the middle of a grey frame."""
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert found is not None
    code = np.full((int(found[2]), int(found[1])), 235, np.uint8)
    for x, y, length, until in BAR.findall(svg):
        code[int(y), int(x) : int(until) if until else int(x) + int(length)] = 20
    large = np.kron(code, np.ones((module, module), np.uint8))
    frame = np.full(shape, 90, np.uint8)
    top, left = ((whole - part) // 2 for whole, part in zip(shape, large.shape, strict=True))
    frame[top : top + large.shape[0], left : left + large.shape[1]] = large
    return frame

"""The printed test target before a camera: the server's PDF as it comes out of the printer, seen under a View."""

from __future__ import annotations

import math
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from admission.target import CODE_AT, CODE_MM, PAGE_MM
from deploy.optics import Frame, focal_px, foyer, projection
from server.target_sheet import draw_target
from tests.views import View, line

DPI = 254
"""Ten pixels to a millimetre."""
PAPER = 0.85
"""Of the light that falls on white paper, what reaches a camera that is well set."""


@lru_cache(maxsize=1)
def page() -> Frame:
    """The sheet of paper."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "target.pdf").open("wb") as file:
            draw_target(file)
        words = ["pdftoppm", "-r", str(DPI), "-gray", "-singlefile", "target.pdf", "page"]
        subprocess.run(words, cwd=folder, check=True, timeout=60)
        found = cv2.imread(str(folder / "page.pgm"), cv2.IMREAD_GRAYSCALE)
    assert found is not None
    return np.asarray(found, np.uint8)


def held(view: View, seed: int = 1) -> Frame:
    """One frame of it: distance, size, tilt, blur, movement, light, noise and glare are the view's."""
    dice = np.random.default_rng(seed)
    axis, lean = dice.uniform(0, math.tau), math.radians(view.tilt_deg)
    middle = np.array(CODE_AT) + CODE_MM / 2 - np.array(PAGE_MM) / 2
    pose = np.array([-middle[0], -middle[1], view.distance_cm * 10, lean * math.cos(axis), lean * math.sin(axis), 0.03])
    place = projection(pose, view.size)
    fine = np.kron(foyer(view.size, dice), np.ones((3, 3), np.uint8))
    sheet = np.asarray(page() * PAPER, np.uint8)
    to_mm = np.array([[0.1, 0, -PAGE_MM[0] / 2], [0, 0.1, -PAGE_MM[1] / 2], [0, 0, 1]])
    to_fine = np.array([[3.0, 0, 1], [0, 3, 1], [0, 0, 1]])
    shape = (fine.shape[1], fine.shape[0])
    cv2.warpPerspective(sheet, to_fine @ place @ to_mm, shape, dst=fine, borderMode=cv2.BORDER_TRANSPARENT)
    light = np.asarray(cv2.resize(fine, view.size, interpolation=cv2.INTER_AREA), np.float32)
    if view.glare > 0:
        radius = math.sqrt(view.glare / math.pi) * CODE_MM / (view.distance_cm * 10) * focal_px(view.size)
        spot = np.zeros(light.shape, np.float32)
        cv2.circle(spot, (view.size[0] // 2, view.size[1] // 2), max(1, round(radius)), (260.0,), -1)
        light += cv2.GaussianBlur(spot, (0, 0), 2)
    if view.motion_px > 0.3:
        light = np.asarray(cv2.filter2D(light, -1, line(view.motion_px, view.motion_deg)), np.float32)
    if view.defocus_px > 0:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), view.defocus_px), np.float32)
    noisy = light * view.light + dice.standard_normal(light.shape, np.float32) * view.noise
    return np.clip(noisy, 0, 255).astype(np.uint8)

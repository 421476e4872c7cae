"""The readers that are compared: each takes the frames of one picture and gives the texts that it reads in them.

A photograph is one frame, which ours may look at again: as if it were held up longer. What is not installed is left
out. Must not know sets or expected texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import zxingcpp
from pyzbar.pyzbar import ZBarSymbol, decode

from kiosk.reader import Frame
from tests.eyes import cpu_ms, new_eye

PATIENT_MS = 150.0
MOST_LOOKS = 60
_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
FRAME_MS = 33
WECHAT_MODELS = ("detect.prototxt", "detect.caffemodel", "sr.prototxt", "sr.caffemodel")

Way = Callable[[Sequence[Frame]], set[str]]
"""Reads a picture: the texts in it."""


def bare_pyzbar(frame: Frame) -> list[str]:
    """The baseline."""
    return [code.data.decode("utf-8", "replace") for code in decode(frame, symbols=[ZBarSymbol.QRCODE])]


def bare_zxing(frame: Frame) -> list[str]:
    """zxing-cpp as it comes."""
    found = zxingcpp.read_barcodes(frame, formats=_QR, text_mode=zxingcpp.TextMode.Plain)
    return [one.text for one in found]


def all_ways(wechat: Path | None) -> dict[str, Way]:
    """Every reader that is at hand, by name. ``wechat``: the folder of its four model files."""
    ways = {
        "pyzbar": first_frame_that_gives(bare_pyzbar),
        "zxing-cpp": first_frame_that_gives(bare_zxing),
        "OpenCV": first_frame_that_gives(_opencv(cv2.QRCodeDetector())),
        "OpenCV Aruco": first_frame_that_gives(_opencv(cv2.QRCodeDetectorAruco())),
    }
    maker = getattr(cv2, "wechat_qrcode_WeChatQRCode", None)
    if maker is not None and wechat is not None:
        detector = maker(*(str(wechat / name) for name in WECHAT_MODELS))
        ways["WeChat"] = first_frame_that_gives(_texts_of(lambda frame: detector.detectAndDecode(frame)[0]))
    return ways | {"ours, frame": Ours(), "ours, patient": Ours(PATIENT_MS)}


def first_frame_that_gives(read: Callable[[Frame], list[str]]) -> Way:
    """A reader of single frames, on frame after frame until it has read something."""

    def way(frames: Sequence[Frame]) -> set[str]:
        return next((found for frame in frames if (found := {text for text in read(frame) if text})), set())

    return way


class Ours:
    """Our eye, a new one for each picture, that has seen nothing before. ``patience_ms``: it looks again at the last
    frame until so many CPU ms are spent in all; 0: every frame once. ``stages``: which stage read how many pictures."""

    def __init__(self, patience_ms: float = 0.0) -> None:
        self._patience_ms = patience_ms
        self.stages: Counter[str] = Counter()

    def __call__(self, frames: Sequence[Frame]) -> set[str]:
        """See Way."""
        eye, began = new_eye(), cpu_ms()
        for at in range(max(MOST_LOOKS, len(frames))):
            sight = eye.look(frames[min(at, len(frames) - 1)], FRAME_MS * at, insist=True)
            if sight.readings:
                self.stages[sight.stage] += 1
                return {one.text for one in sight.readings}
            if at + 1 >= len(frames) and cpu_ms() - began >= self._patience_ms:
                break
        return set()


def _opencv(detector: Any) -> Callable[[Frame], list[str]]:
    return _texts_of(lambda frame: detector.detectAndDecodeMulti(frame)[1])


def _texts_of(read: Callable[[Frame], Sequence[str]]) -> Callable[[Frame], list[str]]:
    """OpenCV raises errors for some small images, and for texts that are not UTF-8."""

    def texts(frame: Frame) -> list[str]:
        with suppress(cv2.error, UnicodeDecodeError):
            return list(read(frame))
        return []

    return texts

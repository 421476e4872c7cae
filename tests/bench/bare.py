"""What a kiosk process is measured against: a process that reads the same stream with bare pyzbar, and does nothing
with what it finds.

    python -m tests.bench.bare STREAM
"""

import sys
from contextlib import suppress
from pathlib import Path

import cv2
from pyzbar.pyzbar import ZBarSymbol, decode

from kiosk.camera import CameraAway, replay


def main() -> None:
    """Reads to the end of the stream."""
    cv2.setNumThreads(1)
    with suppress(CameraAway):
        for frame in replay.y4m(Path(sys.argv[1])):
            decode(frame, symbols=[ZBarSymbol.QRCODE])


if __name__ == "__main__":
    main()

"""How a camera that hangs askew is put right: turned, mirrored, and cut down to where badges are held up.

Pure; must not know where the settings come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kiosk.camera import Frame

Crop = tuple[float, float, float, float]
"""Left, top, right and bottom edge of what is kept, as fractions of the upright picture."""


@dataclass(frozen=True, slots=True)
class Framing:
    """``rotate``: degrees clockwise, a multiple of 90; ``mirror``: left and right change places; then ``crop`` of the
    picture that comes of it."""

    rotate: int = 0
    mirror: bool = False
    crop: Crop | None = None

    def apply(self, frame: Frame) -> Frame:
        """The frame put right: itself if there is nothing to do, otherwise one copy of what is kept."""
        seen = np.rot90(frame, -(self.rotate // 90)) if self.rotate else frame
        if self.mirror:
            seen = seen[:, ::-1]
        if self.crop is not None:
            height, width = seen.shape
            left, top, right, bottom = self.crop
            seen = seen[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
        return frame if seen is frame else np.ascontiguousarray(seen)

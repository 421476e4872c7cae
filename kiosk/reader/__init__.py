"""From grey frames to the texts in them: the Eye, and the facts that it tells.

Reading is a pipeline (docs/reading.md): glance, read as it is, look closely, follow the grid, add up frames; data and
budget decide what runs. No I/O but for zbar's cell, which is a process of its own.
"""

from kiosk.reader.sight import Advice, Frame, Reader, Reading, Sight

__all__ = ["Advice", "Frame", "Reader", "Reading", "Sight"]

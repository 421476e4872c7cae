"""The Raspberry Pi's own cameras, through picamera2 (Debian's python3-picamera2; nothing of it comes from PyPI).

It has NOT run on hardware: it was written after picamera2's manual and source, and tried against a stand-in that has
the calls and names used here. Must not know who looks at the frames.
"""

from __future__ import annotations

import importlib
from typing import Any

from kiosk.camera import CameraAway, Frame, Shot, Shots, instant
from kiosk.camera.pace import Look
from kiosk.config import AUTO, Optics

# libcamera's control_ids: as numbers, so that it need not be imported.
AF_MANUAL, AF_CONTINUOUS = 0, 2
AF_RANGE_MACRO = 1
AE_SHORT = 1
NOISE_FAST = 1
PATIENCE_S = 2.0

INSTALL = (
    "picamera2 cannot be loaded ({}); install it with: apt install python3-picamera2, and make the venv anew with"
    " --system-site-packages"
)


def device(number: int, optics: Optics, look: Look) -> Shots:
    """What the camera sees: the luma as the Pi's own hardware made it, at the rate that the pace wants.

    Raises CameraAway if there is no picamera2 or no such camera, and when it stops.
    """
    camera = _opened(number)
    try:
        refused = ", ".join(_start(camera, optics))
        look.tell(f"the Pi's camera {number} has no control of: {refused}" if refused else "")
        interval = look.pace.interval_ms(look.clock())
        while True:
            wanted = look.pace.interval_ms(look.clock())
            if wanted != interval and "FrameDurationLimits" in camera.camera_controls:
                camera.set_controls({"FrameDurationLimits": _limits(wanted)})
            interval = wanted
            yield _shot(camera, look)
    except (RuntimeError, TimeoutError) as error:  # picamera2's, for whatever is the matter with a camera
        raise CameraAway(f"the Pi's camera {number} stopped: {error}; check its ribbon cable") from error
    finally:
        camera.close()


def _opened(number: int) -> Any:
    try:
        picamera2 = importlib.import_module("picamera2")
    except (ImportError, ValueError) as error:  # ValueError: built for another numpy
        raise CameraAway(INSTALL.format(error)) from error
    try:
        return picamera2.Picamera2(number)
    except (RuntimeError, IndexError) as error:
        raise CameraAway(f"the Pi's camera {number} cannot be opened ({error}); check its ribbon cable") from error


def _start(camera: Any, optics: Optics) -> list[str]:
    """Starts it for badges; which of the wanted controls it lacks."""
    wanted = _controls(optics)
    had = {name: value for name, value in wanted.items() if name in camera.camera_controls}
    main = {"size": tuple(optics.size), "format": "YUV420"}
    # Without a queue a frame is never one from before it was asked for.
    camera.configure(camera.create_video_configuration(main=main, controls=had, queue=False))
    camera.start()
    return sorted(wanted.keys() - had.keys())


def _controls(optics: Optics) -> dict[str, Any]:
    """libcamera's controls for badges: near, sharp in motion, and quickly made."""
    wanted: dict[str, Any] = {
        "FrameDurationLimits": _limits(1000 // optics.fps),
        "NoiseReductionMode": NOISE_FAST,
        "AeExposureMode": AE_SHORT,
        "AeEnable": AUTO in (optics.exposure, optics.gain),
        "AwbEnable": optics.white_balance == AUTO,
    }
    if optics.focus == AUTO:
        wanted |= {"AfMode": AF_CONTINUOUS, "AfRange": AF_RANGE_MACRO}
    else:
        wanted |= {"AfMode": AF_MANUAL, "LensPosition": optics.focus}
    if optics.exposure != AUTO:
        wanted["ExposureTime"] = round(optics.exposure * 1000)
    if optics.gain != AUTO:
        wanted["AnalogueGain"] = optics.gain
    if optics.white_balance != AUTO:
        wanted["ColourTemperature"] = round(optics.white_balance)
    return wanted


def _limits(interval_ms: int) -> tuple[int, int]:
    return interval_ms * 1000, interval_ms * 1000


def _shot(camera: Any, look: Look) -> Shot:
    request = camera.capture_request(wait=PATIENCE_S)
    try:
        planes = request.make_array("main")  # a copy: luma, and below it the rest, in rows as long as the stride
        stamp = request.get_metadata().get("SensorTimestamp", -1)  # nanoseconds of CLOCK_BOOTTIME
    finally:
        request.release()
    width, height = camera.camera_configuration()["main"]["size"]
    luma: Frame = planes[:height, :width]
    return Shot(luma, instant(stamp / 1_000_000, look.clock()))

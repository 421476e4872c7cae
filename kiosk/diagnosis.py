"""What measured facts of camera and target mean, in a steward's words, and what to do about them. Pure.

The thresholds are here and nowhere else. Must not know how anything was measured; see :mod:`kiosk.self_test` and, for
the machine around the camera, :mod:`kiosk.checkup`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from admission.findings import Finding, bad, good, look
from admission.target import HOLD_CM, WEDGE_STEPS
from kiosk.reader.advice import DARK, GLARE
from kiosk.reader.sight import Advice
from kiosk.sighting import Sighting

LEAST_FPS = 5.0
"""A badge in motion is sharp in one frame of several; with fewer a second a visitor waits."""
LEAST_PX, GOOD_PX = 2.5, 3.5
"""Pixels a module: what readers need of a sharp code, and of one that is blurred a little by being held in a hand."""
SOFT, BLURRED = 0.30, 0.45
"""Modules of blur. A sharp lens shows 0.2 and less at 30 cm; from 0.56 on codes begin to be lost (tests/targets.py)."""
SOFT_PX = 1.6
"""Pixels of blur: a code held near is read in spite of it, one held farther away is not."""
MOVED = 0.8
"""Evenness of edges, straight on, below which the target was moved."""
MUCH_GLARE = 0.04
"""Of the code's area, by the measure of kiosk.reader.advice: then a lamp covers a tenth of it, and an eighth is too
much for any reader."""
DIM = 80.0
"""Grey level of paper: twice what is too dark to read by; noise and a long shutter begin to tell."""
FAINT = 60.0
"""Grey levels from ink to paper; on a sheet of good paper there are 150 and more."""
CLIPPED = 250.0
TILTED = 35.0
"""Degrees; normal handling stays below 25."""
NIGHT = 20.0
"""Grey level of the whole picture below which a room has no light to speak of."""

AIM = "point the camera at where visitors hold their badge"
_UNREAD = {
    Advice.CUT_OFF: ("reaches over the edge of the picture", AIM),
    Advice.DARK: ("is too dark", "put a lamp beside the camera that shines on the badge, not into the lens"),
    Advice.GLARE: ("is covered by a reflection", "turn the lamp or the camera until the bright spot is gone"),
    Advice.CLOSER: ("is too small in the picture", "hold it nearer, or set optics.size to a larger picture"),
    Advice.HOLD_STILL: ("was moving", "hold it still, resting the elbow, and test again"),
    Advice.BLURRED: ("is blurred", "clean the lens; then turn its ring, or set optics.focus, until it is sharp"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the camera was asked for. ``size``: of the upright picture, (0, 0) where it is cropped or a film;
    ``fps``: 0 for a film, which has a pace of its own."""

    name: str
    size: tuple[int, int] = (0, 0)
    fps: int = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """What the camera gave: ``frames`` in ``ms``, of this ``size``; ``trouble``: why it was away last, while it was;
    ``light``: grey level of the whole picture, None if no frame was looked at."""

    frames: int = 0
    ms: int = 0
    size: tuple[int, int] = (0, 0)
    trouble: str = ""
    light: float | None = None

    @property
    def fps(self) -> float:
        """Frames a second."""
        return 1000 * (self.frames - 1) / self.ms if self.frames > 1 and self.ms > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """What became of the target: ``sighting`` where it was read; else ``advice`` on something like a code that was in
    view, and whether anything was (``suspect``)."""

    sighting: Sighting | None = None
    advice: Advice | None = None
    suspect: bool = False


def camera(watched: Watched, wanted: Wanted) -> Finding:
    """Whether there are pictures, of the size and at the rate that were asked for."""
    if watched.frames == 0:
        why = watched.trouble or f"camera {wanted.name} gives no picture"
        fix = 'check cable and plug, and that the setting "camera" names it; restart the kiosk'
        return bad("camera", why, fix)
    if watched.trouble and wanted.fps:
        fix = "press the cable home at both ends; use another one, or another USB port"
        return bad("camera", f"it fails now and then, last because: {watched.trouble}", fix)
    width, height = watched.size
    if wanted.fps and watched.fps < LEAST_FPS:
        fix = "give it more light, set optics.exposure to 8, and use USB port and cable of its own"
        return bad("camera", f"only {watched.fps:.1f} pictures a second: badges are missed", fix)
    if width * height < wanted.size[0] * wanted.size[1]:
        asked = f"{wanted.size[0]}x{wanted.size[1]}"
        fix = f"set optics.size to [{width}, {height}] if badges are read well, else use a better camera"
        return look("camera", f"its pictures are {width}x{height} and not {asked}", fix)
    if wanted.fps and watched.fps < wanted.fps / 2:
        words = f"{watched.fps:.0f} pictures a second of {wanted.fps} that were asked for"
        return look("camera", words, "give it more light: most cameras slow down in the dark; close other programs")
    return good("camera", f"{width}x{height}, {watched.fps:.0f} pictures a second")


def light(watched: Watched) -> Finding:
    """The light in the room, where no target says more."""
    if watched.light is not None and watched.light < NIGHT:
        fix = "switch the light on, take off what covers the lens, and test again"
        return look("light", "the whole picture is dark", fix)
    return good("light", "not measured: it is with the target before the camera")


def target(held: Held) -> Iterator[Finding]:
    """What the target says: read and how large, focus, glare, light."""
    seen = held.sighting
    if seen is None:
        yield _unread(held)
        return
    yield _size(seen)
    yield _focus(seen)
    yield _glare(seen)
    yield _light(seen)


def _unread(held: Held) -> Finding:
    if held.advice is not None:
        words, fix = _UNREAD[held.advice]
        return bad("target", f"something like the target is in view, and {words}", f"{fix}; then test again")
    if held.suspect:
        fix = f"hold the printed target flat at {HOLD_CM} cm, printed at 100 %; then test again"
        return bad("target", "something like a code is in view and cannot be read as the target", fix)
    fix = "print it (threshold-kiosk target --out target.svg), start the test again, and hold it up at 30 cm"
    return look("target", "no target was held up: focus, glare and light were not measured", fix)


def _size(seen: Sighting) -> Finding:
    words = f"read, {seen.module_px:.1f} pixels to a module"
    if seen.cut:
        return look("target", f"{words}, but at the edge of the picture", f"{AIM}, and test again")
    if seen.module_px < LEAST_PX:
        times = math.ceil(10 * GOOD_PX / seen.module_px) / 10
        fix = f"bring the camera {times:g} times nearer, or set optics.size to a larger picture"
        return bad("target", f"{words}: too few for badges that move", fix)
    if seen.module_px < GOOD_PX:
        fix = f"visitors have to come near; at {HOLD_CM} cm there should be {GOOD_PX:g}: a larger picture (optics.size)"
        return look("target", f"{words}, a little small", f"{fix}, or a lens that sees less around")
    if seen.tilt_deg > TILTED:
        fix = f"hold it flat towards the camera; if that is how badges are held, {AIM}"
        return look("target", f"{words}, but turned away by {seen.tilt_deg:.0f} degrees", fix)
    return good("target", words)


def _focus(seen: Sighting) -> Finding:
    straight = math.cos(math.radians(min(seen.tilt_deg, 80)))
    soft = seen.blur_modules > SOFT or seen.blur_px > SOFT_PX
    if soft and seen.evenness < MOVED * straight:
        return look("focus", "not measured well: the target was moving", "hold it still, resting the elbow; test again")
    fix = f"clean the lens; then turn its ring, or set optics.focus, until the target is sharp at {HOLD_CM} cm"
    if seen.blur_modules > BLURRED:
        return bad("focus", f"the picture is blurred, by {seen.blur_px:.1f} pixels", fix)
    if soft:
        return look("focus", f"the picture is a little soft, by {seen.blur_px:.1f} pixels", fix)
    return good("focus", f"sharp (blur of {seen.blur_px:.1f} pixels)")


def _glare(seen: Sighting) -> Finding:
    if seen.glare <= GLARE:
        return good("glare", "no reflection on the code")
    words = f"a reflection covers {100 * seen.glare:.0f} % of the code"
    fix = "move the lamp up or to the side, tilt the camera a little, or hang matt sleeves on the badges"
    return bad("glare", words, fix) if seen.glare > MUCH_GLARE else look("glare", words, fix)


def _light(seen: Sighting) -> Finding:
    words = f"white paper has level {seen.paper:.0f} of 255"
    lamp = "put a lamp beside the camera that shines on the badge, not into the lens"
    if seen.paper < DARK:
        return bad("light", f"too dark: {words}", lamp)
    greys = WEDGE_STEPS if seen.greys is None else seen.greys
    burnt = greys < WEDGE_STEPS or seen.greys is None
    if seen.paper >= CLIPPED and burnt:
        fix = "shade the lamp or the window, or set optics.exposure to fewer milliseconds"
        return look("light", f"too bright: {words}", fix)
    if seen.paper < DIM:
        return look("light", f"dim: {words}", lamp)
    if seen.contrast < FAINT:
        fix = "clean the lens, keep windows and lamps out of the picture, and print the target in black"
        return look("light", f"pale: black and white differ by {seen.contrast:.0f} levels only", fix)
    if greys < WEDGE_STEPS:
        fix = "print the target on another printer; if that does not help, set optics.exposure by hand"
        return look("light", f"{words}, but only {greys} of {WEDGE_STEPS} greys can be told apart", fix)
    return good("light", words)

"""A plain camera in numbers: where its lens puts a point, how its light falls, how its sensor is noisy.

Must not know what is looked at, how it moves, or that there are films.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Size = tuple[int, int]  # width, height in pixels
Box = tuple[slice, slice]  # rows, columns

_HALF_VIEW = math.radians(65 / 2)  # half of what a common webcam lens takes in, across
_NOISE = 3.0  # grey levels, standard deviation
_PAPER = 0.85  # of the light that falls on it, white paper sends this much back


def focal_px(size: Size) -> float:
    """Pixels per mm of a thing at 1 mm; divided by the distance in mm, the scale at which it is seen."""
    return size[0] / 2 / math.tan(_HALF_VIEW)


def projection(pose: Matrix, size: Size) -> Matrix:
    """From mm on a flat thing (right, down, from its middle) to pixels.

    A pose is six numbers: where the middle is, in mm right, down and away from the lens; then pitch, yaw and
    roll in radians, as one rotation vector.
    """
    focal = focal_px(size)
    lens = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    turn = np.asarray(cv2.Rodrigues(pose[3:])[0], np.float64)
    return np.asarray(lens @ np.column_stack([turn[:, 0], turn[:, 1], pose[:3]]), np.float64)


def moved(view: Matrix, right: float, down: float) -> Matrix:
    """The same view with the picture's origin moved, in pixels."""
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]]) @ view


def seen(points: Matrix, view: Matrix) -> Matrix:
    """Points in mm, one per row, as pixels."""
    flat = np.column_stack([points, np.ones(len(points))]) @ view.T
    return np.asarray(flat[:, :2] / flat[:, 2:], np.float64)


def box_around(points: Matrix, margin: int, size: Size) -> Box | None:
    """The part of a picture that holds all points (pixels) and a margin; None if all of it is out of view."""
    left, top = np.maximum(np.floor(points.min(axis=0)) - margin, 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(points.max(axis=0)) + margin, size).astype(int).tolist()
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def lay(onto: Frame, image: Frame, px_per_mm: float, view: Matrix) -> None:
    """Puts a flat image where the view sees it. The image should not be much finer than it is seen."""
    height, width = image.shape
    to_mm = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, px_per_mm]]) / px_per_mm
    shape = (onto.shape[1], onto.shape[0])
    cv2.warpPerspective(image, view @ to_mm, shape, dst=onto, borderMode=cv2.BORDER_TRANSPARENT)


def uneven(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Light from one side: factors between 0.75 and 1, the brightest at an edge."""
    towards, depth = rng.uniform(0, math.tau), rng.uniform(0.05, 0.25)
    rows, columns = np.ogrid[-0.5 : 0.5 : shape[0] * 1j, -0.5 : 0.5 : shape[1] * 1j]
    slope = columns * math.cos(towards) + rows * math.sin(towards)
    return np.asarray(1 - depth * (0.5 + slope / math.sqrt(2)), np.float32)


def foyer(size: Size, rng: np.random.Generator) -> Frame:
    """A room far behind, out of focus: walls, doors, lamps."""
    small = np.full((90, 160), rng.uniform(70, 110), np.float32)
    for _ in range(14):
        left, top = rng.integers((0, 0), (150, 80)).tolist()
        wide, high = rng.integers((4, 10), (40, 60)).tolist()
        small[top : top + high, left : left + wide] += rng.uniform(-40, 50)
    soft = cv2.GaussianBlur(np.clip(small, 25, 190), (0, 0), 3) * uneven(small.shape, rng)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_CUBIC), np.float32).astype(np.uint8)


class Grain:
    """A sensor's noise for pictures up to `size`, drawn once and laid over each from a random corner."""

    def __init__(self, size: Size, rng: np.random.Generator) -> None:
        self._rng = rng
        spare = (size[1] + 64, size[0] + 64)
        noise = (rng.standard_normal(spare, np.float32) * _NOISE).round()
        # Two halves, because OpenCV adds and subtracts bytes far quicker than it adds signed words.
        self._brighter = np.clip(noise, 0, 255).astype(np.uint8)
        self._darker = np.clip(-noise, 0, 255).astype(np.uint8)

    def over(self, picture: Frame) -> Frame:
        """The picture with noise, as a new one."""
        height, width = picture.shape
        room = (self._brighter.shape[0] - height + 1, self._brighter.shape[1] - width + 1)
        top, left = self._rng.integers(0, room).tolist()
        part = np.s_[top : top + height, left : left + width]
        return np.asarray(cv2.subtract(cv2.add(picture, self._brighter[part]), self._darker[part]), np.uint8)


def photograph(  # noqa: PLR0913 - each is one plain fact about the picture, and all but three have names
    card_image: Frame,
    distance_cm: float,
    rng: np.random.Generator,
    *,
    badge_mm: float,
    tilt_deg: float = 0.0,
    blur_px: float = 0.0,
    size: Size = (1280, 720),
) -> Frame:
    """One grey picture of a flat card whose image is `badge_mm` wide, its middle `distance_cm` before the lens.

    The card leans by `tilt_deg` about an axis that `rng` picks and is turned by a few degrees; `blur_px` is
    the standard deviation of the defocus. What does not fit into the picture is cut off. Raises ValueError
    unless the image is grey bytes.
    """
    if card_image.ndim != 2 or card_image.dtype != np.uint8:
        raise ValueError(f"not a grey picture in bytes: {card_image.dtype}, {card_image.ndim} dimensions")
    seen_px_per_mm = focal_px(size) / (distance_cm * 10)
    fitting = 1.25 * seen_px_per_mm * badge_mm / card_image.shape[1]
    if fitting < 1:  # a lens averages what is finer than its pixels, a warp skips it
        card_image = _u8(cv2.resize(card_image, None, fx=fitting, fy=fitting, interpolation=cv2.INTER_AREA))
    axis, roll = rng.uniform(0, math.tau), rng.normal(0, 0.05)
    lean = math.radians(tilt_deg) * np.array([math.cos(axis), math.sin(axis)])
    offset = rng.uniform(-10, 10, 2)
    pose = np.array([*offset, distance_cm * 10, *lean, roll])
    lit = _u8(card_image * (uneven(card_image.shape, rng) * _PAPER))
    picture = foyer(size, rng)
    lay(picture, lit, lit.shape[1] / badge_mm, projection(pose, size))
    if blur_px > 0:
        picture = _u8(cv2.GaussianBlur(picture, (0, 0), blur_px))
    return Grain(size, rng).over(picture)


def _u8(pixels: npt.ArrayLike) -> Frame:
    return np.asarray(pixels).astype(np.uint8, copy=False)

"""Rows of curves or columns over one clock, each with its name, its own numbers and, where there is one, its limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from server.reports.svg import Drawing, fitted, width_of

HEAD, FOOT, LAST = 25.0, 12.0, 24.0
NARROW = 500.0
STEPS = (15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880)
COLUMN = 1.5
"""Pixels of a curve that show one number, its largest."""
Points = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Panel:
    """``points``: (minute, number from then on) of a curve, or (minute, number) of columns. ``limit``: a line to be
    drawn; ``text``: its numbers in words; ``doubt``: the curve is drawn as an outline."""

    label: str
    text: str
    points: Points
    limit: int | None = None
    doubt: bool = False


@dataclass(frozen=True, slots=True)
class Clock:
    """The minutes that are drawn, how they are said, and where the day begins (a minute at local midnight)."""

    minutes: range
    midnight: int
    say: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a panel's plot lies, and what its height is worth."""

    left: float
    right: float
    top: float
    bottom: float
    most: float


@dataclass(frozen=True, slots=True)
class Style:
    """``columns``: minutes of a column, 0 for curves. ``plot``: pixels of height; ``same``: all to one scale."""

    plot: float = 56
    columns: int = 0
    same: bool = False


def draw(panels: Sequence[Panel], clock: Clock, style: Style, width: float, look: Mapping[str, str], title: str) -> str:
    """The picture of these panels."""
    drawing = Drawing(width, look)
    height = HEAD + style.plot + FOOT
    whole = max((_highest(one) for one in panels), default=0)
    marks = list(ticks(clock, width))
    for minute in marks:
        x = _x(clock, width, minute)
        drawing.line((x, HEAD, x, len(panels) * height), "grid")
    for number, one in enumerate(panels):
        top = number * height + HEAD
        most = whole if style.same else _highest(one)
        frame = Frame(0, width, top, top + style.plot, most * 1.1 or 1)
        _head(drawing, one, top - 8, width)
        if style.columns:
            _columns(drawing, one, frame, clock, style.columns)
        else:
            _curve(drawing, one, frame, clock)
        drawing.line((0, frame.bottom, width, frame.bottom), "edge")
    bottom = len(panels) * height + 6
    for minute in marks:
        drawing.text(min(_x(clock, width, minute) + 3, width - 38), bottom, clock.say(minute), "muted")
    return drawing.finish(bottom + LAST - 12, title)


def _highest(one: Panel) -> int:
    return max([one.limit or 0, *(number for _minute, number in one.points)])


def _head(drawing: Drawing, one: Panel, baseline: float, width: float) -> None:
    """Name on the left, numbers on the right, however long."""
    text = fitted(one.text, 0.62 * width)
    drawing.text(0, baseline, fitted(one.label, width - width_of(text) - 12), bold=True)
    drawing.text(width, baseline, text, "muted", anchor="end")


def _curve(drawing: Drawing, one: Panel, frame: Frame, clock: Clock) -> None:
    found = heights(one.points, clock.minutes, int(frame.right / COLUMN))
    step = frame.right / max(1, len(found))
    commands, last = [f"M0 {frame.bottom:.1f}"], 0
    for column, number in enumerate(found):
        if number != last:
            commands.append(f"H{column * step:.1f}V{_y(frame, number):.1f}")
            last = number
    commands.append(f"H{frame.right:.1f}V{frame.bottom:.1f}")
    drawing.path("".join(commands), "track" if one.doubt else "bar", "bar", 1)
    if one.limit is not None:
        y = _y(frame, one.limit)
        drawing.line((0, y, frame.right, y), "limit", 2, "6 4")


def _columns(drawing: Drawing, one: Panel, frame: Frame, clock: Clock, minutes: int) -> None:
    each = frame.right * minutes / len(clock.minutes)
    for minute, number in one.points:
        y = _y(frame, number)
        drawing.box(_x(clock, frame.right, minute), y, (max(1, each - 1), frame.bottom - y), "bar")


def heights(points: Points, minutes: range, columns: int) -> list[int]:
    """The largest number within each column."""
    found = [0] * columns
    ends = [minute for minute, _number in points[1:]] + [minutes.stop]
    for (begins, number), until in zip(points, ends, strict=True):
        first = max(0, (begins - minutes.start) * columns // len(minutes))
        last = min(columns, max(first + 1, -(-(until - minutes.start) * columns // len(minutes))))
        for column in range(first, last):
            found[column] = max(found[column], number)
    return found


def ticks(clock: Clock, width: float) -> Iterator[int]:
    """Whole hours, or parts of one, as many as there is room to write."""
    room = width / (64 if width >= NARROW else 56)
    step = next((one for one in STEPS if len(clock.minutes) / one <= room), STEPS[-1])
    first = clock.minutes.start + (clock.midnight - clock.minutes.start) % step
    yield from range(first, clock.minutes.stop, step)


def _x(clock: Clock, width: float, minute: int) -> float:
    return (minute - clock.minutes.start) / len(clock.minutes) * width


def _y(frame: Frame, number: float) -> float:
    return frame.bottom - number / frame.most * (frame.bottom - frame.top)

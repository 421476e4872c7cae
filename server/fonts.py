"""Lines of text in any script on a PDF page: which installed font draws which characters, and how wide they are.

Fonts are looked up one by one as characters ask for them and only those are embedded, because reading all of
Noto takes longer than printing. Must not know what is printed, for whom, or on what paper.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from fontTools import unicodedata as scripts  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import Align
from fpdf.line_break import Fragment

INSTALLED_FONTS = Path("/usr/share/fonts/truetype")
"""Where Debian's font packages put TrueType files."""

ANY_SCRIPT = frozenset({"Zyyy", "Zinh", "Zzzz"})
IDEOGRAPHIC = frozenset({"Hani", "Hira", "Kana", "Hang", "Bopo"})
PACKAGES = dict.fromkeys(IDEOGRAPHIC, "fonts-droid-fallback") | {"Hang": "fonts-nanum"}
JOINERS = frozenset("\u200c\u200d")
HYPHENS = "-\u2010\u05be"
BOXES = "\u25a1\ufffd"
MEASURED_AT = 100.0
POINTS_PER_MM = 72 / 25.4
LINE_HEIGHT = 1.22
WORTH_BREAKING = 1.25
MOST_LINES = 3


class Weight(StrEnum):
    """How heavy the strokes are; the words are those of Noto's file names."""

    REGULAR = "Regular"
    BOLD = "Bold"


@dataclass(frozen=True)
class Face:
    """One font file under the name by which the PDF refers to it; the built-in Helvetica has no file."""

    family: str
    path: Path | None


@dataclass(frozen=True)
class Run:
    """Characters next to each other that one face can shape together."""

    face: Face
    text: str


@cache
def _characters(path: Path) -> frozenset[int]:
    with TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap() or ())


def _is_invisible(character: str) -> bool:
    if character in JOINERS:
        return False
    variation = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return variation or unicodedata.category(character) in {"Cc", "Cf", "Cs"}


def tidy(text: str) -> str:
    """The same words composed (NFC), one space between them, without controls and variation selectors."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(character for character in spaced if not _is_invisible(character))


def _clusters(text: str) -> Iterator[str]:
    """Each character with the marks and joiners that follow it: they must come from the same font."""
    cluster = ""
    for character in text:
        if cluster and (character in JOINERS or unicodedata.category(character).startswith("M")):
            cluster += character
            continue
        if cluster:
            yield cluster
        cluster = character
    if cluster:
        yield cluster


def _script(cluster: str) -> str | None:
    """The ISO 15924 code of the script, None for what all scripts share (spaces, digits, lone marks)."""
    return next((code for code in map(scripts.script, cluster) if code not in ANY_SCRIPT), None)


def package_for(character: str) -> str:
    """The Debian package that most likely draws the character."""
    return PACKAGES.get(_script(character) or "", "fonts-noto-core")


@dataclass(frozen=True)
class Block:
    """Drawable lines that fit where they were fitted, all at one size in points."""

    lines: tuple[str, ...]
    weight: Weight
    size: float

    @property
    def height(self) -> float:
        """Millimetres from the top of the first line to the bottom of the last."""
        return len(self.lines) * self.size * LINE_HEIGHT / POINTS_PER_MM


class Faces:
    """The fonts found under one folder, asked for character by character."""

    def __init__(self, folder: Path = INSTALLED_FONTS) -> None:
        self._folder = folder
        self._found: dict[tuple[str, Weight], Face | None] = {}
        self._present: dict[str, Face | None] = {}

    def main(self, weight: Weight) -> Face | None:
        """The face for everything that it covers, None when the machine has no usable font."""
        return self._face_for(" ", weight)

    def drawable(self, text: str, weight: Weight) -> str:
        """The tidied text with a box (in Helvetica: a question mark) for each character that no face has."""
        box = next((box for box in BOXES if self._covered(box, weight)), "?")
        pieces = self._pieces(tidy(text), weight)
        return "".join(piece if self._covered(piece, weight) else box for piece in pieces)

    def missing(self, text: str, weight: Weight) -> frozenset[str]:
        """The characters of the text that no face has."""
        return frozenset(piece for piece in self._pieces(tidy(text), weight) if not self._covered(piece, weight))

    def runs(self, text: str, weight: Weight) -> list[Run]:
        """The drawable text cut where face or script changes; spaces and marks stay with what is before them."""
        runs: list[Run] = []
        running: str | None = None
        for cluster in self._pieces(text, weight):
            script = _script(cluster)
            last = runs[-1] if runs else None
            if last and script is None and _covers(last.face, cluster):
                face: Face | None = last.face
            else:
                face = self._face_for(cluster, weight)
            assert face is not None, "only drawable text is cut into runs"
            if last and last.face == face and (script is None or running in (None, script)):
                runs[-1] = Run(face, last.text + cluster)
                running = running or script
            else:
                runs.append(Run(face, cluster))
                running = script
        return runs

    def _pieces(self, text: str, weight: Weight) -> Iterator[str]:
        """Clusters; where no one face has the whole cluster, its characters."""
        for cluster in _clusters(text):
            if self._covered(cluster, weight):
                yield cluster
            else:
                yield from (character for character in cluster if character not in JOINERS)

    def _covered(self, cluster: str, weight: Weight) -> bool:
        if self.main(weight) is None:
            return all(" " <= character <= "~" or "\xa0" <= character <= "\xff" for character in cluster)
        return self._face_for(cluster, weight) is not None

    def _face_for(self, cluster: str, weight: Weight) -> Face | None:
        key = (cluster, weight)
        if key not in self._found:
            faces = map(self._open, _candidates(_script(cluster), weight))
            self._found[key] = next((face for face in faces if face and _covers(face, cluster)), None)
        return self._found[key]

    def _open(self, name: str) -> Face | None:
        if name not in self._present:
            path = self._folder / name
            self._present[name] = Face(path.stem.lower(), path) if path.is_file() else None
        return self._present[name]


def _covers(face: Face, cluster: str) -> bool:
    return face.path is not None and _characters(face.path).issuperset(map(ord, cluster))


def _candidates(script: str | None, weight: Weight) -> Iterator[str]:
    """File names in the order of preference: the main face, the script's own, then those that have a bit of all."""
    yield f"noto/NotoSans-{weight}.ttf"
    if script:
        name = scripts.script_name(script).replace("_", "").replace(" ", "")
        for style in ("Sans", "Serif"):
            yield f"noto/Noto{style}{name}-{weight}.ttf"
            yield f"noto/Noto{style}{name}-{Weight.REGULAR}.ttf"
    for each in (weight, *Weight):
        yield "dejavu/DejaVuSans-Bold.ttf" if each is Weight.BOLD else "dejavu/DejaVuSans.ttf"
        yield f"noto/NotoSans-{each}.ttf"
    yield "nanum/NanumGothicBold.ttf" if weight is Weight.BOLD else "nanum/NanumGothic.ttf"
    yield "droid/DroidSansFallbackFull.ttf"
    yield f"noto/NotoSansSymbols-{weight}.ttf"
    yield "noto/NotoSansSymbols2-Regular.ttf"


def _breaks_between(left: str, right: str) -> bool:
    return left in HYPHENS or {_script(left), _script(right)} <= IDEOGRAPHIC


def _broken(text: str, count: int) -> tuple[str, ...] | None:
    """The text in so many lines of about one length, broken at spaces, else after hyphens or ideographs; None if it
    has not enough places for that."""
    if count == 1:
        return (text,)
    ends = range(1, len(text))
    breaks = [end for end in ends if text[end - 1] == " "]
    breaks = breaks or [end for end in ends if _breaks_between(text[end - 1], text[end])]
    end = min(breaks, key=lambda place: abs(count * place - len(text)), default=0)
    rest = _broken(text[end:], count - 1) if end else None
    return None if rest is None else (text[:end].rstrip(), *rest)


class Sheet(FPDF):
    """Pages in millimetres that take lines of text in any script; texts must be drawable by its faces."""

    def __init__(self, page: tuple[float, float], faces: Faces) -> None:
        super().__init__(unit="mm", format=page)
        self._faces = faces
        self._weight = Weight.REGULAR
        self._widths: dict[tuple[str, Weight], float] = {}
        self.c_margin = 0
        self.set_auto_page_break(False)
        self.alias_nb_pages("")
        self.set_text_shaping(faces.main(Weight.REGULAR) is not None)

    def fitted(self, text: str, weight: Weight, largest: float, width: float, height: float) -> Block:
        """The text on up to three lines, as large as width and height (mm) and `largest` (points) let it be.

        Never cut: a long text gets small. More lines are taken only where they are worth it in size.
        """
        drawable = self._faces.drawable(text, weight)
        best = self._block((drawable,) if drawable else (), weight, largest, width, height)
        for lines in (_broken(drawable, count) for count in range(2, MOST_LINES + 1)):
            block = best if lines is None else self._block(lines, weight, largest, width, height)
            best = block if block.size > best.size * WORTH_BREAKING else best
        return best

    def write_block(self, block: Block, x: float, y: float, width: float, align: Align = Align.C) -> None:
        """Writes the block into a column; x and y (mm) are its upper left corner."""
        height = block.height / max(1, len(block.lines))
        self._select(block.weight, block.size)
        for index, line in enumerate(block.lines):
            self.set_xy(x, y + index * height)
            self.cell(width, height, line, align=align)

    def fill_strips(self, rectangles: Iterable[tuple[int, int, int]], x: float, y: float, unit: float) -> None:
        """Fills horizontal strips (column, row, length; one unit high) black, as one path.

        As one path, because strips that are painted one by one show hairlines where they touch.
        """
        corner = f"{x * self.k:.3f} {(self.h - y) * self.k:.3f}"
        path = "\n".join(f"{column} {row} {length} 1 re" for column, row, length in rectangles)
        self._out(f"q 0 g {unit * self.k:.5f} 0 0 {-unit * self.k:.5f} {corner} cm\n{path}\nf Q")

    def _block(self, lines: tuple[str, ...], weight: Weight, largest: float, width: float, height: float) -> Block:
        sizes = [largest]
        sizes += [width / self._width(line, weight) for line in lines if self._width(line, weight)]
        sizes += [height * POINTS_PER_MM / (len(lines) * LINE_HEIGHT)] if lines else []
        return Block(lines, weight, min(sizes))

    def _width(self, text: str, weight: Weight) -> float:
        """Millimetres that the text takes per point of size."""
        if (text, weight) not in self._widths:
            self._select(weight, MEASURED_AT)
            self._widths[text, weight] = self.get_string_width(text) / MEASURED_AT
        return self._widths[text, weight]

    def _select(self, weight: Weight, size: float) -> None:
        self._weight = weight
        face = self._faces.main(weight)
        if face is None:
            self.set_font("helvetica", "B" if weight is Weight.BOLD else "", size)
        else:
            self.set_font(self._family(face), size=size)

    def _family(self, face: Face) -> str:
        if face.path is not None and face.family not in self.fonts:
            self.add_font(face.family, fname=face.path)
        return face.family

    def _parse_chars(self, text: str, markdown: bool, **kept: Any) -> Iterator[Fragment]:
        """In place of fpdf2's own cut by script, which parts joiners and accents from the letters they belong to."""
        if not self.text_shaping:
            yield from super()._parse_chars(text, markdown, **kept)
            return
        for run in self._faces.runs(text, self._weight):
            state = self._get_current_graphics_state()
            state.font_family = self._family(run.face)
            state.current_font = self.fonts[run.face.family]
            yield Fragment(list(run.text), state, self.k)

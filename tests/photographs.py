"""Photographs of a door's screen: every state in every language, on every display, and sheets of them to look at.

    python -m tests.photographs --out DIR [--display "7 inch"] [--language ar]

DIR/DISPLAY/LANGUAGE/NN-KEY.png, and DIR/DISPLAY-LANGUAGE.png with all of them. ``two`` in place of a language is a
visitor whose own is not known, at an event that speaks English and French; ``rtl`` one that speaks Arabic and Chinese,
``more`` one that speaks Hindi and Russian.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from kiosk.face import Place, Shown, Status
from kiosk.face.language import LANGUAGES
from kiosk.face.screen import Screen
from kiosk.face.viewfinder import Viewfinder, blueprint
from tests.browser.stage import free_port, launch
from tests.faces import DISPLAYS, NAMES, STATES
from tests.views import View, look, token

PAIRS = {"two": ("en", "fr"), "rtl": ("ar", "zh"), "more": ("hi", "ru"), "spanish": ("es", "en")}
ACROSS = 5
CELL = 480


def states(spoken: str) -> list[Shown]:
    """What is photographed: names in the visitor's own script."""
    if spoken in PAIRS:
        return STATES
    return [
        replace(
            one, name=NAMES[spoken] if one.state in ("welcome", "goodbye") and one.name else one.name, speaks=spoken
        )
        for one in STATES
    ]


def shoot(page: Page, screen: Screen, wanted: Sequence[Shown], folder: Path) -> list[Path]:
    """One picture of each."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    for number, shown in zip(count(1), wanted, strict=False):
        for step in (Shown("moment", "starting"), shown):
            screen.show(step)
            expect(page.locator("#face")).to_have_attribute("data-key", step.key)
        page.wait_for_timeout(250)  # the picture arrives in a fifth of a second
        taken.append(folder / f"{number:02}-{shown.key}.png")
        page.screenshot(path=taken[-1])
    return taken


def sheet(pictures: Sequence[Path], out: Path) -> None:
    """All of them on one sheet."""
    images = [Image.open(path) for path in pictures]
    high = round(CELL * images[0].height / images[0].width)
    whole = Image.new("RGB", (ACROSS * CELL, -(-len(images) // ACROSS) * high), "#888888")
    for at, image in enumerate(images):
        small = image.resize((CELL - 6, high - 6), Image.Resampling.LANCZOS)
        whole.paste(small, (at % ACROSS * CELL + 3, at // ACROSS * high + 3))
    whole.save(out)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--display", choices=list(DISPLAYS), action="append")
    parser.add_argument("--language", choices=[*LANGUAGES, *PAIRS], action="append")
    given = parser.parse_args()
    place = [Place("Hall A", "The hall", "Asia/Kolkata")]
    finder = Viewfinder()
    finder.see(look(token(1), View(), 1).frame, 0)
    screen = Screen(lambda: place[0], [blueprint(finder, lambda: 0)])
    screen.report(Status(link_up=True))
    port = free_port()
    server = screen.serve("127.0.0.1", port)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for display in given.display or DISPLAYS:
            width, high = DISPLAYS[display]
            page = browser.new_page(viewport={"width": width, "height": high})
            for spoken in given.language or [*LANGUAGES, *PAIRS]:
                place[0] = replace(place[0], languages=PAIRS.get(spoken, ("en", "fr")))
                page.goto(f"http://127.0.0.1:{port}/")
                name = display.replace(" ", "-")
                taken = shoot(page, screen, states(spoken), given.out / name / spoken)
                sheet(taken, given.out / f"{name}-{spoken}.png")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()

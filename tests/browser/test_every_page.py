"""Every page that an admin can reach from the menu, in a summit in full swing: accessible (WCAG 2.2 AA, by
axe), light enough, within the width of every screen, and without a complaint in the console; in three languages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Response

from server.store.engine import migrate, open_store
from tests.browser.stage import SIZES, Process, Window, fill_in, free_port, overflow
from tests.busy import Busy
from tests.world import PASSWORD, utc_now

MOST_BYTES = 150_000
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
FILES = re.compile(
    r"\.(csv|pdf|svg|json|jsonl|xlsx|db|zip|png)(\?|$)|/stream|/sign-out|/state|/download|^/static/|^/metrics|/print"
)
MOST_PAGES = 70
COLLECTIONS = {"session", "sessions", "person", "people", "rooms", "gates", "categories", "delegations", "kiosks"}
PLAIN = {"new", "import", "delegations", "kiosks", "person", "list"}
BEGIN = ("/account", "/incidents")


class Summit(Process):
    """The server as it ships, over a summit in full swing."""

    def __init__(self, folder: Path) -> None:
        settings = folder / "server.toml"
        super().__init__([sys.executable, "-m", "server", "--config", str(settings), "run"], free_port())
        settings.write_text(f'data = "{folder}"\nbind = "127.0.0.1:{self.port}"\n')
        url = f"sqlite:///{folder / 'threshold.db'}"
        migrate(url)
        store = open_store(url)
        Busy(store, utc_now())
        store.close()
        self.start("/sign-in")


@pytest.fixture(scope="module")
def summit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Summit]:
    """One for all of these tests."""
    made = Summit(tmp_path_factory.mktemp("summit"))
    yield made
    made.kill()


def signed_in(window: Window, summit: Summit, role: str, size: tuple[int, int] = SIZES["tablet"]) -> Page:
    page = window.open(size)
    page.goto(f"{summit.address}/sign-in")
    fill_in(page, role, PASSWORD)
    page.wait_for_url(re.compile(r"/(board|log|desk)"))
    return page


def shape(path: str) -> str:
    """Pages that differ only in what they are about, or in how they are filtered or turned, are one page."""
    way, _, query = path.partition("?")
    parts = way.split("/")
    for place, before in enumerate(parts[:-1]):
        part = parts[place + 1]
        if part not in PLAIN and (before in COLLECTIONS or any(character.isdigit() for character in part)):
            parts[place + 1] = "*"
    return "/".join(parts) + ("?wall" if "wall=1" in query else "")


def pages(page: Page, address: str, most: int = MOST_PAGES) -> list[str]:
    """One address of each page that links lead to, beginning with the menu."""
    found: dict[str, str] = {shape(path): path for path in BEGIN}  # the menu is on every page
    waiting = list(found.values())
    while waiting and len(found) < most:
        reply = page.request.get(address + waiting.pop(0))
        if "text/html" not in reply.headers.get("content-type", "") or reply.status != 200:
            continue
        for link in re.findall(r'<a[^>]*\shref="(/[^"#]*)', reply.text()):
            path = link.replace("&amp;", "&")
            if FILES.search(path) or shape(path) in found:
                continue
            found[shape(path)] = path
            waiting.append(path)
    return list(found.values())


def weigh(page: Page) -> dict[str, int]:
    """Collects the bytes of what the page loads, as they are once unpacked."""
    sizes: dict[str, int] = {}

    def note(response: Response) -> None:
        asked: Request = response.request
        if asked.resource_type in ("document", "stylesheet", "script") and response.status == 200:
            sizes[response.url] = len(response.body())

    page.on("response", note)
    return sizes


def violations(page: Page) -> list[str]:
    """What axe finds: the rule, and where."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')[:160]}"
        for one in found
        for node in one["nodes"][:3]
    ]


@pytest.mark.long
@pytest.mark.timeout(400)
def test_every_page_is_accessible_light_and_within_its_screen(summit: Summit, window: Window) -> None:
    """An admin opens them all; other roles see less of the same pages."""
    page = signed_in(window, summit, "admin")
    sizes, wrong = weigh(page), []
    every = pages(page, summit.address)
    assert len(every) > 30
    for place, path in enumerate(every):
        sizes.clear()
        page.set_viewport_size(dict(zip(("width", "height"), SIZES["phone" if place % 2 else "desktop"], strict=True)))  # type: ignore[arg-type]
        page.emulate_media(color_scheme="dark" if place % 3 == 1 else "light")
        page.goto(summit.address + path)
        page.wait_for_load_state("load")
        wrong += [f"{path} {text}" for text in violations(page)]
        weight = sum(sizes.values())
        wrong += [f"{path} weighs {weight} bytes"] if weight > MOST_BYTES else []
        wrong += [f"{path} {where}: {what}" for where, what in overflow(page).items()]
        wrong += [f"{path} {text}" for text in window.complaints()]
    assert wrong == []


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_the_board_speaks_other_languages_also_from_right_to_left(
    summit: Summit, window: Window, language: str
) -> None:
    page = signed_in(window, summit, "viewer")
    page.goto(f"{summit.address}/board")
    english = page.locator("[data-word]").first.inner_text()
    page.get_by_role("button", name="Menu").click()
    page.locator(f'#menu button[lang="{language}"]').click()
    page.wait_for_url(re.compile("/board"))
    root = page.locator("html")
    assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, "rtl" if language == "ar" else "ltr")
    assert page.locator("[data-word]").first.inner_text() != english
    assert overflow(page) == {}
    page.set_viewport_size({"width": 1920, "height": 1080})
    name, inside = page.locator(".room-name").first.bounding_box(), page.locator(".inside").first.bounding_box()
    assert name is not None
    assert inside is not None
    assert (name["x"] > inside["x"]) is (language == "ar")
    assert violations(page) == []

"""What the documents point to is there, and the commands that they show exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.__main__ import main

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_readme_shows_commands_that_the_server_has() -> None:
    shown = re.findall(r"threshold-server --data event ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown
    assert set(shown) <= set(main.commands)


@pytest.mark.parametrize("script", ["demo.sh", "test.sh", "install-server.sh", "install-kiosk.sh"])
def test_the_scripts_that_documents_name_exist(script: str) -> None:
    assert (ROOT / "deploy" / script).is_file()

"""The pages' languages: catalogues that are whole and in step with the code, and no sentence outside them."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
CATALOGUES = ROOT / "server" / "web" / "translations"
TEMPLATES = sorted((ROOT / "server" / "web" / "templates").glob("**/*.html"))
CODE = sorted((ROOT / "server").glob("**/*.py"))
KEYWORDS = ("phrase", "marked", "_", "gettext", "ngettext:1,2", "lazy_gettext")
HOLES = re.compile(r"%\(\w+\)[sd]|\{\w+(?:![rs])?(?::[^}]*)?\}")
PLAIN = frozenset({"Threshold", "CSV", "PDF", "XLSX", "JSON", "JSON Lines", "SQLite", "TOTP", "OpenAPI", "API", ".csv"})
ENGLISH = {"api_docs"}
"""Pages that show a document which is in English, and say so (lang)."""


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What the code says now."""
    out = tmp_path_factory.mktemp("babel") / "messages.pot"
    words = [word for keyword in KEYWORDS for word in ("-k", keyword)]
    command = [str(Path(sys.executable).with_name("pybabel")), "-q", "extract", "-F", "deploy/babel.cfg", *words]
    subprocess.run([*command, "-o", str(out), "server"], cwd=ROOT, check=True, timeout=60)
    return read_po(io.BytesIO(out.read_bytes()))


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def key(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_a_catalogue_has_every_sentence_of_the_code_and_no_other(extracted: Catalog, language: str) -> None:
    known, said = {m.id for m in catalogue(language) if m.id}, {m.id for m in extracted if m.id}
    assert (said - known, known - said) == (set(), set()), "run: sh deploy/translate.sh"


def test_french_is_complete() -> None:
    assert [m.id for m in catalogue("fr") if m.id and not all(texts(m))] == []


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_a_translation_has_the_same_holes_to_be_filled(language: str) -> None:
    wrong = []
    for message in catalogue(language):
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        wanted = {frozenset(HOLES.findall(one)) for one in ids}
        found = [text for text in texts(message) if text and frozenset(HOLES.findall(text)) not in wanted]
        wrong += [(message.id, text) for text in found if message.id]
    assert wrong == []


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    with (CATALOGUES / language / "LC_MESSAGES" / "messages.mo").open("rb") as file:
        compiled = {key(m): texts(m) for m in read_mo(file) if m.id}
    written = {key(m): texts(m) for m in catalogue(language) if m.id and all(texts(m))}
    assert compiled == written, "run: sh deploy/translate.sh"


@pytest.mark.parametrize("template", [one for one in TEMPLATES if one.stem not in ENGLISH], ids=lambda path: path.stem)
def test_no_page_says_anything_outside_the_catalogues(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " ", template.read_text(), flags=re.DOTALL)
    shown = re.sub(r"<(script|style|code|kbd)\b.*?</\1>|<[^>]*>", "\n", text, flags=re.DOTALL)
    spoken = re.findall(r'\s(?:aria-label|alt|title|placeholder|aria-description)="([^"]*[A-Za-z]{3}[^"]*)"', text)
    lines = [line.strip() for line in [*shown.splitlines(), *spoken]]
    assert [line for line in lines if re.search(r"[A-Za-z]{3}", line) and line not in PLAIN and '="' not in line] == []


def test_every_pattern_of_a_phrase_is_seen_by_those_who_collect_them() -> None:
    """``phrase(said, ...)`` says nothing to a collector unless ``said`` was marked."""
    hidden = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                hidden += [f"{path.name}:{line}" for line in _hidden(node)]
    assert sorted(set(hidden)) == []


def _hidden(function: ast.FunctionDef) -> list[int]:
    """The lines on which a bare string is given the name that a phrase is made of."""
    named = {
        call.args[0].id
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") == "phrase"
        and isinstance(call.args[0], ast.Name)
    }
    return [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant | ast.JoinedStr)
        and any(isinstance(target, ast.Name) and target.id in named for target in node.targets)
    ]

"""In which languages the door speaks, and how a state is said in each of them.

Catalogues lie in ``translations/`` (gettext; ``sh deploy/translate.sh`` brings them up to date); the English sentences
of :mod:`kiosk.face.words` are their keys. Knows neither pages nor people: a language tag comes in, lines go out.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from kiosk.face import Shown
from kiosk.face.words import SENTENCES, STAFF, WORDS

LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "en": "English",
        "fr": "Français",
        "es": "Español",
        "ar": "العربية",
        "zh": "中文",
        "ru": "Русский",
        "hi": "हिन्दी",
    }
)
"""The six languages of the United Nations, and Hindi; each by its own name."""
RIGHT_TO_LEFT = frozenset({"ar"})
USUAL = ("en", "fr")
"""What a door speaks as long as the event has not said otherwise."""
AT_ONCE = 2
"""Languages that are shown at once to somebody whose own is not known."""
DOMAIN = "door"
CATALOGUES = Path(__file__).parent / "translations"


@dataclass(frozen=True, slots=True)
class Line:
    """A state in one language. ``lang`` is a BCP 47 tag, ``dir`` is ltr or rtl, as HTML writes them."""

    lang: str
    dir: str
    title: str
    advice: str
    detail: str


def known(tag: str) -> str:
    """The language of ``tag`` (BCP 47: "fr-CA", "zh-Hant") in which a door can speak; "" if it cannot."""
    language = tag.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else ""


def choose(shown: Shown, doors: Sequence[str]) -> tuple[str, ...]:
    """The languages for ``shown``, in order: the visitor's own if the door speaks it, otherwise the first two of the
    event (``doors``), of which all are given while nobody is there: the page then shows them by turns."""
    spoken = tuple(dict.fromkeys(filter(None, map(known, doors)))) or USUAL
    own = known(shown.speaks)
    if own:
        return (own,)
    if shown.state in STAFF:
        return spoken[:1]
    return spoken if shown.lasts_ms == 0 else spoken[:AT_ONCE]


def say(shown: Shown, language: str) -> Line:
    """``shown`` in a language that is one of LANGUAGES. A sentence that no catalogue has stays English."""
    words = WORDS[shown.key]
    pattern = SENTENCES.get(shown.about, "")
    detail = _said(pattern, language).format(detail=isolated(shown.detail)) if pattern else ""
    way = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return Line(language, way, _said(words.title, language), _said(words.advice, language), detail)


def isolated(text: str) -> str:
    """A name that may run the other way round than the sentence about it: between FIRST STRONG ISOLATE and POP
    DIRECTIONAL ISOLATE (Unicode Standard Annex 9)."""
    return f"\u2068{text}\u2069" if text else ""


def _said(sentence: str, language: str) -> str:
    return _catalogue(language).gettext(sentence)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, CATALOGUES, [language], fallback=True)

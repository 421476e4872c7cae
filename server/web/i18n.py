"""The pages' languages: which one a visitor reads, and how sentences, numbers and times are said in it.

Catalogues lie in ``translations/`` (gettext; ``sh deploy/translate.sh`` brings them up to date). Figures are written
with the digits 0-9 in every language, as the boards and the kiosks' screens write them.
"""

from __future__ import annotations

from datetime import datetime

from babel.numbers import format_decimal
from flask import Flask, request, session
from flask_babel import Babel, get_locale, gettext
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from server.phrase import Phrase

LANGUAGES = {"en": "English", "fr": "Français", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})
CHOSEN = "language"


def register(app: Flask) -> None:
    """Gives every page its language, and templates ``_``, ``say``, ``number`` and ``language``."""
    app.config["BABEL_DEFAULT_LOCALE"] = "en"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    Babel(app, locale_selector=choose)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.filters["number"] = number
    app.jinja_env.filters["say"] = say
    app.context_processor(_page)


def choose() -> str:
    """What the visitor has chosen, then what their account says, then what the browser asks for; English else."""
    chosen = session.get(CHOSEN) or _of_account()
    asked = request.accept_languages.best_match(list(LANGUAGES), "en")
    return str(chosen) if chosen in LANGUAGES else str(asked)


def language() -> str:
    """The language of this page, as the html element names it."""
    return str(get_locale() or "en").partition("_")[0]


def say(text: object) -> str:
    """A sentence in the page's language. A phrase is translated by its pattern; an error by what it says."""
    if isinstance(text, BaseException):
        text = text.args[0] if text.args else str(text)
    if isinstance(text, Phrase):
        pattern, values = str(gettext(text.pattern)), text.values.items()
        return pattern.format(**{name: _said(value) for name, value in values})
    return str(gettext(str(text))) if text else ""


def number(value: float) -> str:
    """A number with the separators of the page's language, in the digits 0-9."""
    return format_decimal(value, locale=get_locale(), numbering_system="latn")


def clock(at: datetime) -> str:
    """A time of day, the same in every language."""
    return f"{at:%H:%M}"


def _said(value: object) -> object:
    return say(value) if isinstance(value, Phrase) else value


def _of_account() -> str:
    try:
        return str(current_user.language) if current_user.is_authenticated else ""
    except SQLAlchemyError:  # the error's page is shown all the same
        return ""


def _page() -> dict[str, object]:
    code = language()
    return {
        "language": code,
        "direction": "rtl" if code in RIGHT_TO_LEFT else "ltr",
        "languages": LANGUAGES,
    }

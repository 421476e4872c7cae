"""At the doors: whether kiosks greet people by name, and in which languages they speak, in order.

What it does is in :mod:`server.doors`; what doors do with it, the kiosks know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from babel import Locale
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, gettext

from admission.errors import ConfigError
from admission.venue import DOOR_LANGUAGES
from server import doors, event, reach
from server.doors import Doors
from server.live import NEWS, ROOMS
from server.phrase import marked as _
from server.schedule import history
from server.web.auth import ORGANISERS, only, who
from server.web.i18n import say

if TYPE_CHECKING:
    from server.web import Parts

PLACES = (
    *(_("First language"), _("Second language"), _("Third language"), _("Fourth language")),
    *(_("Fifth language"), _("Sixth language"), _("Seventh language")),
)
"""One for each language that doors can be told to speak."""


def register(pages: Blueprint, parts: Parts) -> None:
    """Adds the page to the programme's."""

    @pages.get("/programme/doors")
    @only(ORGANISERS)
    def at_the_doors() -> ResponseReturnValue:
        return _page(parts)

    @pages.post("/programme/doors")
    @only(ORGANISERS)
    def set_doors() -> ResponseReturnValue:
        names, tags = "names" in request.form, [request.form.get(f"language-{n}", "") for n in range(len(PLACES))]
        by, mark = who(), request.form.get("mark", "")
        try:
            wanted = Doors(names, event.languages_of(filter(None, tags)))
        except ConfigError as error:
            return _page(parts, error, (names, tags)), 400
        try:
            moved = parts.store.write(lambda c: doors.change(c, wanted, mark, by, parts.clock()))
        except ConfigError as error:
            return _page(parts, error), 409
        if moved:
            parts.hub.tell(NEWS, ROOMS)
            flash(gettext("Saved. The kiosks hear of it at once."), "done")
        else:
            flash(gettext("Nothing was different, so nothing was saved."), "note")
        return redirect(url_for("programme.at_the_doors"), 303)


def _page(parts: Parts, problem: ConfigError | None = None, typed: tuple[bool, Sequence[str]] | None = None) -> str:
    """``typed``: what was written and cannot be saved; otherwise the page shows how it is now."""
    with parts.store.read() as connection:
        now = doors.read(connection)
        past = history.steps(connection, doors.ABOUT, doors.REF, doors.WORDS)
        spread = reach.read(connection, parts.clock())
    names, tags = typed or (now.names, now.languages)
    return render_template(
        "programme_doors.html",
        active="programme",
        mark=now.mark,
        names=names,
        places=[(say(word), tags[place] if place < len(tags) else "") for place, word in enumerate(PLACES)],
        languages={tag: _named(tag) for tag in DOOR_LANGUAGES},
        problem=problem,
        repeated=problem is not None and typed is not None,
        past=past if past.many else None,
        spread=spread,
        said=_said,
    )


def _named(tag: str) -> str:
    """A language in the page's own words, and in its own."""
    known = Locale.parse(tag)
    ours, theirs = known.get_display_name(get_locale()), known.get_display_name(known)
    return str(ours) if ours == theirs else f"{ours} ({theirs})"


def _said(name: str, cell: str) -> str:
    """A fact in the trail as a sentence names it."""
    if name == "names":
        return str(gettext("Yes") if cell == "yes" else gettext("No"))
    shown = [str(Locale.parse(tag).get_display_name(get_locale())) for tag in cell.split() if tag in DOOR_LANGUAGES]
    return ", ".join(shown)

"""What is said at the registration desk: reasons to choose from, why a gate would refuse, the state of a badge."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from server import finding
from server.phrase import marked as _

CHECK_IN_REASONS = (
    _("Badge cannot be read"),
    _("Kiosk out of order"),
    _("Badge left behind"),
    _("Escorted by protocol"),
)
REPRINT_REASONS = (_("Badge lost"), _("Badge damaged"), _("Name corrected"), _("Category changed"))
UNDO_REASONS = (_("Wrong person"), _("Wrong room"), _("Did not go in"))
COMPANION_REASONS = (_("Interpreter"), _("Close protection"), _("Private office"), _("Family"))
WHY: Mapping[str, str] = {
    "too_early": _("The badge is not valid yet"),
    "expired": _("The badge is no longer valid"),
    "doors_closed": _("Doors closed"),
    "not_listed": _("Not on the list"),
    "ask_list": _("Not on the list"),
    "delegation_full": _("The delegation's places are used up"),
    "inside_already": _("Inside already"),
    "held": _("Entries are held"),
}
WORDS = {
    "why": WHY,
    "check_in": CHECK_IN_REASONS,
    "reprint": REPRINT_REASONS,
    "undo": UNDO_REASONS,
    "companions": COMPANION_REASONS,
}
"""All of these, as the templates name them."""


def badge_words(state: str, serial: int | None) -> str:
    """The state of somebody's newest badge."""
    said = {finding.LIVE: _("Badge %(serial)s"), finding.REVOKED: _("Badge %(serial)s revoked")}
    return str(gettext(said.get(state, _("No badge")), serial=serial))

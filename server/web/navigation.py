"""The pages that each role has, in the order in which they are offered. Which role may open one is said in auth.py.

A small screen shows the first few; the rest are in the menu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.phrase import marked as _
from server.users import Role
from server.web.auth import (
    ACTORS,
    ADMINS,
    AUDITORS,
    DESK,
    INCIDENT_READERS,
    LOG_READERS,
    ORGANISERS,
    ROLL_CALLERS,
    WATCHERS,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A page: the ``active`` name that it gives itself, its endpoint, its words, its icon, who may open it."""

    name: str
    endpoint: str
    label: str
    roles: frozenset[Role]

    @property
    def icon(self) -> str:
        """The symbol in the base page's sprite."""
        return f"page-{self.name}"


GROUPS: Sequence[tuple[str, Sequence[Link]]] = (
    (
        _("Security"),
        (
            Link("board", "security.board", _("Board"), WATCHERS),
            Link("incidents", "incidents.index", _("Incidents"), INCIDENT_READERS),
            Link("roll-call", "roll_call.index", _("Roll call"), ROLL_CALLERS),
            Link("sweep", "sweep.index", _("Lockdown"), ACTORS),
            Link("supervision", "supervision.index", _("Acts"), ACTORS | {Role.AUDITOR}),
            Link("courier", "courier.page", _("Courier"), ACTORS),
        ),
    ),
    (
        _("Event"),
        (
            Link("desk", "desk.index", _("Desk"), DESK),
            Link("people", "people.index", _("People"), DESK),
            Link("badges", "badges.index", _("Badges"), DESK),
            Link("programme", "programme.index", _("Programme"), ORGANISERS),
            Link("log", "organisers.log", _("Log"), LOG_READERS),
            Link("reports", "reports.index", _("Reports"), LOG_READERS),
        ),
    ),
    (
        _("Administration"),
        (
            Link("kiosks", "admin.kiosks", _("Kiosks"), ADMINS),
            Link("users", "accounts.index", _("Users"), ADMINS),
            Link("keys", "keys.index", _("API keys"), ADMINS),
            Link("privacy", "privacy.index", _("Privacy"), ORGANISERS | {Role.AUDITOR}),
            Link("trail", "trail.index", _("Audit"), AUDITORS),
        ),
    ),
)
FIRST: dict[Role, tuple[str, ...]] = {
    Role.VIEWER: ("board", "incidents"),
    Role.STEWARD: ("board", "incidents", "roll-call", "courier", "supervision"),
    Role.SUPERVISOR: ("board", "incidents", "roll-call", "sweep", "supervision", "courier"),
    Role.DESK: ("desk", "people", "badges", "board", "incidents"),
    Role.ORGANISER: ("board", "people", "programme", "log", "reports", "desk", "badges"),
    Role.ADMIN: ("board", "incidents", "people", "log", "kiosks", "programme", "reports"),
    Role.AUDITOR: ("log", "reports", "trail", "incidents", "supervision"),
}
"""What a role needs all day: four of them fit a phone, seven a tablet."""


def groups(role: Role) -> list[tuple[str, list[Link]]]:
    """The pages of this role by group; groups without any are left out."""
    mine = [(title, [link for link in links if role in link.roles]) for title, links in GROUPS]
    return [(title, links) for title, links in mine if links]


def first(role: Role) -> list[Link]:
    """What stands on a small screen before the menu."""
    known = {link.name: link for _title, links in GROUPS for link in links}
    return [known[name] for name in FIRST[role]]

"""What the log is filtered by: read from an address or a form, kept as JSON, told in short. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server.columns import YEARS
from server.phrase import marked as _
from server.phrase import phrase

VERDICTS = (
    ("entry", _("entered")),
    ("exit", _("left")),
    ("refused", _("refused")),
    ("duplicate_entry", _("entered twice")),
    ("exit_unmatched", _("left without entry")),
    ("revoked_meanwhile", _("entered, badge revoked")),
    ("unknown_badge", _("unknown badge")),
    ("forced", _("let in by a steward")),
    ("annulled", _("entry annulled")),
    ("annuls_nothing", _("annulled no entry")),
    ("counted", _("left, counted without a badge")),
)
KINDS = (
    ("entry", _("Entry")),
    ("exit", _("Exit")),
    ("refused", _("Refused")),
    ("forced", _("Let in by a steward")),
    ("annulled", _("Entry annulled")),
)
FLAGS = (
    ("inside_soft", _("perhaps inside already")),
    ("no_clock", _("time not certain")),
    ("newer_than_list", _("newer than the kiosk's list")),
    ("over_limit", _("over the limit")),
    ("did_not_turn", _("the turnstile did not turn")),
    ("by_hand", _("by hand at the desk")),
)
REASONS = (
    ("not_listed", _("not on the list")),
    ("full", _("room full")),
    ("doors_closed", _("doors closed")),
    ("no_session", _("no session")),
    ("inside_already", _("inside already")),
    ("no_seats", _("no seat left at this door")),
    ("delegation_full", _("the delegation's places are used up")),
    ("held", _("entries were held")),
    ("ask_list", _("newer than the kiosk's list")),
    ("revoked", _("badge revoked")),
    ("expired", _("no longer valid")),
    ("too_early", _("not valid yet")),
    ("not_ours", _("not of this event")),
    ("damaged", _("not readable")),
    ("forged", _("forged")),
    ("guest_of_honour", _("guest of honour")),
    ("medical", _("medical")),
    ("technical", _("technical")),
    ("counted_in", _("counted without a badge")),
    ("other", _("other reason")),
)
TEXTS = (
    "q",
    "session",
    "gate",
    "organisation",
    "verdict",
    "room",
    "kiosk",
    "category",
    "delegation",
    "reason",
    "kind",
    "flag",
    "badge",
    "person",
    "steward",
)
FIELDS = (*TEXTS, "since", "until")
PRIVATE = frozenset({"q", "organisation", "steward"})
"""What somebody typed here may be a person's name: the trail only says that it was used."""


class BadFilter(ValueError):
    """A filter that cannot be; the text says which and what to write."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look for; empty strings look for everything. Times are instants; ``until`` is the first that is not
    wanted any more. ``badge``: a badge's number; ``person``: a reference; ``steward``: a name or a badge's number."""

    q: str = ""
    session: str = ""
    gate: str = ""
    organisation: str = ""
    verdict: str = ""
    room: str = ""
    kiosk: str = ""
    category: str = ""
    delegation: str = ""
    reason: str = ""
    kind: str = ""
    flag: str = ""
    badge: str = ""
    person: str = ""
    steward: str = ""
    since: datetime | None = None
    until: datetime | None = None


def parse_filters(given: Mapping[str, str], zone: ZoneInfo) -> Filters:
    """The filters of a query string. Raises BadFilter for times, words, numbers and characters that cannot be."""
    texts = {name: given.get(name, "").strip()[:200] for name in TEXTS}
    if any("\0" in text for text in texts.values()):
        raise BadFilter(phrase("a filter holds the character NUL, which no name has; write it again"))
    for name, words in (("verdict", VERDICTS), ("kind", KINDS)):
        if texts[name] and texts[name] not in dict(words):
            which = {"what": name, "value": texts[name], "words": ", ".join(dict(words))}
            raise BadFilter(phrase("{what} {value!r} is none of: {words}", **which))
    texts["badge"] = texts["badge"].removeprefix("#")
    if texts["badge"] and not _is_number(texts["badge"]):
        raise BadFilter(phrase("badge {value!r}: write its number, as it is printed on it", value=texts["badge"]))
    until = _moment(given.get("until", ""), zone)
    if until is not None:  # "until 10:00" includes what happened within that minute, a date that day
        until += _width(given["until"].strip())
    texts["person"] = texts["person"].lower()
    return Filters(**texts, since=_moment(given.get("since", ""), zone), until=until)


def serial(text: str) -> int:
    """The number of a badge, from what is printed on it, or from the number that passages hold."""
    number = int(text)
    return number if number < 2**32 else number >> 32


def given(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields that filter anything, as they were written: what is kept of a filter, and what addresses carry."""
    return {name: fields[name].strip()[:200] for name in FIELDS if fields.get(name, "").strip()}


def discreet(fields: Mapping[str, str]) -> dict[str, str]:
    """The same for the trail: of what may be a name only that it was asked for."""
    return {name: "…" if name in PRIVATE else value for name, value in fields.items()}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 2**63


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not text.strip():
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadFilter(phrase("time {value!r}: write it like 2026-11-23T10:00", value=text)) from error
    if instant.year not in YEARS:
        which = {"value": text, "year": instant.year}
        raise BadFilter(phrase("time {value!r} is in the year {year}: write it like 2026-11-23T10:00", **which))
    return instant if instant.tzinfo else instant.replace(tzinfo=zone)


def _width(text: str) -> timedelta:
    if len(text) <= len("2026-11-23"):
        return timedelta(days=1)
    clock = text[len("2026-11-23T") :].rstrip("Z").split("+")[0].split("-")[0]
    return timedelta(minutes=1) if clock.count(":") < 2 else timedelta(0)

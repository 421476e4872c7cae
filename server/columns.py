"""The columns of the files that an organiser imports, and how each cell is read. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from admission.venue import ZONES, Direction, Exits
from server.phrase import phrase
from server.sheet import Column

FILES = ("categories", "rooms", "gates", "sessions", "people", "rights")
EVERYONE = "everyone"
INVITED = "invited"
YEARS = range(2000, 3000)
LONGEST_TAG = 35  # RFC 5646, section 4.4.1
ANY_ZONE = ZoneInfo("UTC")
_STROKES = str.maketrans("đħłøŧı", "dhloti")  # letters that Unicode does not take apart


def columns(zone: ZoneInfo) -> Mapping[str, tuple[Column, ...]]:
    """The columns of each file; times without an offset are in ``zone``."""
    moment = _moment(zone)
    return {
        "categories": (
            Column("category", slug, required=True),
            Column("name", line_of(100), required=True),
            Column("colour", _colour, required=True),
        ),
        "rooms": (
            Column("room", slug, required=True),
            Column("name", line_of(200), required=True),
            Column("inside", _optional(slug)),
            Column("limit", _optional(_count)),
            Column("reserve", _optional(_count)),
            Column("exits", _one_of(Exits, Exits.NONE)),
            Column("overflow", _optional(slug)),
        ),
        "gates": (
            Column("gate", slug, required=True),
            Column("name", line_of(200), required=True),
            Column("room", slug, required=True),
            Column("from", _optional(slug)),
            Column("direction", _one_of(Direction, Direction.IN)),
        ),
        "sessions": (
            Column("session", slug, required=True),
            Column("title", line_of(300), required=True),
            Column("theme", line_of(200)),
            Column("room", slug, required=True),
            Column("starts", moment, required=True),
            Column("ends", moment, required=True),
            Column("doors_open", _optional(_count)),
            Column("doors_close", _optional(_count)),
            Column("capacity", _optional(_count)),
            Column("who", _words, required=True),
            Column("zones", zones),
        ),
        "people": (
            Column("person", slug, required=True),
            Column("name", line_of(200), required=True),
            Column("organisation", line_of(200)),
            Column("delegation", line_of(200)),
            Column("category", slug, required=True),
            Column("zones", zones),
            Column("language", language),
        ),
        "rights": (
            Column("session", slug, required=True),
            Column("person", slug, required=True),
            Column("may", _yes_no, required=True),
        ),
    }


def search_text(*parts: str) -> str:
    """What a search looks through: case folded, without diacritics, in one line."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", " ".join(parts)).casefold())
    return "".join(character for character in text if not unicodedata.combining(character)).translate(_STROKES)


def slug(cell: str) -> str:
    """A reference: letters, digits, dot, hyphen, underscore; at most 64; case does not matter."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", cell):
        raise ValueError(
            phrase("{cell!r} is no reference; use at most 64 letters, digits, dots, hyphens and underscores", cell=cell)
        )
    return cell.lower()


def line_of(most: int) -> Callable[[str], str]:
    """One line of text in any script, at most ``most`` characters; control characters are refused."""

    def parse(cell: str) -> str:
        text = unicodedata.normalize("NFC", cell)
        if len(text) > most:
            raise ValueError(phrase("has {count} characters; at most {most} fit", count=len(text), most=most))
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
            raise ValueError(phrase("holds a line break or control character; write it in one line"))
        return text

    return parse


def _optional(parse: Callable[[str], object]) -> Callable[[str], object]:
    return lambda cell: parse(cell) if cell else None


def _count(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", cell):
        raise ValueError(phrase("{cell!r} is not a whole number from 0 to 999999", cell=cell))
    return int(cell)


def _one_of(kind: type[Exits] | type[Direction], default: str) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        try:
            return kind(cell.lower() or default).value
        except ValueError as error:
            raise ValueError(phrase("{cell!r} is none of: {choices}", cell=cell, choices=", ".join(kind))) from error

    return parse


def _colour(cell: str) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", cell):
        raise ValueError(phrase("{cell!r} is no colour; write # and six hexadecimal digits, like #1f6f8b", cell=cell))
    return cell.lower()


def _moment(zone: ZoneInfo) -> Callable[[str], datetime]:
    def parse(cell: str) -> datetime:
        try:
            instant = datetime.fromisoformat(cell)
        except ValueError as error:
            raise ValueError(
                phrase("{cell!r} is no date and time; write it like 2026-11-23 09:30", cell=cell)
            ) from error
        if len(cell) < len("2026-11-23 09:30"):
            raise ValueError(phrase("{cell!r} has no time; write it like 2026-11-23 09:30", cell=cell))
        if instant.year not in YEARS:
            raise ValueError(phrase("{cell!r} is in the year {year}; correct the year", cell=cell, year=instant.year))
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)

    return parse


def _words(cell: str) -> tuple[str, ...]:
    words = tuple(slug(word) for word in re.split(r"[\s,|]+", cell) if word)
    if not words:
        raise ValueError(
            phrase("is empty; write categories, or {everyone!r}, or {invited!r}", everyone=EVERYONE, invited=INVITED)
        )
    return words


def zones(cell: str) -> int:
    """Zones by their numbers, as a mask. Raises ValueError."""
    mask = 0
    for word in re.split(r"[\s,|]+", cell):
        if word and (not re.fullmatch(r"[0-9]{1,2}", word) or not 1 <= int(word) <= ZONES):
            raise ValueError(
                phrase(
                    "{word!r} is no zone; zones are numbers from 1 to {most}, with spaces between",
                    word=word,
                    most=ZONES,
                )
            )
        mask |= 1 << int(word) - 1 if word else 0
    return mask


def language(cell: str) -> str:
    """A language tag (BCP 47), or nothing. Raises ValueError."""
    if cell and (len(cell) > LONGEST_TAG or not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", cell)):
        raise ValueError(phrase("{cell!r} is no language tag; write one like en, fr or zh-Hant (BCP 47)", cell=cell))
    return cell


def _yes_no(cell: str) -> bool:
    if cell.lower() not in ("yes", "no"):
        raise ValueError(phrase("{cell!r} is neither yes nor no", cell=cell))
    return cell.lower() == "yes"

"""What the roll call's pages show without a script: people in groups, filtered and searched, a page at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.columns import search_text
from server.roster import Entry, Roster

PAGE = 40
LONGEST_SEARCH = 200
BY = ("room", "delegation")
SHOW = ("open", "safe", "all")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    room: str = ""
    by: str = "room"
    show: str = "all"
    q: str = ""
    page: int = 1

    def query(self, **changes: Any) -> dict[str, Any]:
        """The address's values with some of them changed; what says nothing is left out."""
        usual = Asked()
        every = {name: getattr(self, name) for name in self.__slots__ if name != "page"} | changes
        return {name: value for name, value in every.items() if value != getattr(usual, name)}


@dataclass(frozen=True, slots=True)
class Group:
    """The people of a room or delegation that this page shows, and how many there are in all."""

    id: str
    title: str
    people: Sequence[Entry]
    total: int
    safe: int


@dataclass(frozen=True, slots=True)
class View:
    """A page of the list: ``total`` people match, on ``pages`` pages."""

    groups: Sequence[Group]
    total: int
    pages: int


def parse(given: Mapping[str, str]) -> Asked:
    """What a query string asks for; what cannot be is passed over, for a list in an emergency is better than none."""
    by, show, page = given.get("by", ""), given.get("show", ""), given.get("page", "")
    return Asked(
        given.get("room", "")[:64].replace("\0", ""),
        by if by in BY else "room",
        show if show in SHOW else "all",
        given.get("q", "")[:LONGEST_SEARCH].replace("\0", ""),
        max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


def matching(people: Iterable[Entry], asked: Asked, is_safe: Callable[[int], bool]) -> list[Entry]:
    """Who is asked for: by words of name, reference, organisation or delegation in any script, by what is known."""
    words = search_text(asked.q).split()
    return [
        one
        for one in people
        if (asked.show == "all" or is_safe(one.holder) == (asked.show == "safe"))
        and all(word in one.search or str(abs(one.holder)) == word for word in words)
    ]


def view(roster: Roster, asked: Asked, is_safe: Callable[[int], bool], *, paged: bool = True) -> View:
    """The list as it is asked for: groups in the venue's or the alphabet's order, people by name."""
    found = matching(roster.people, asked, is_safe)
    places = {one.id: (rank, one.name) for rank, one in enumerate(roster.places)}

    def group(one: Entry) -> tuple[int, str, str]:
        if asked.by == "delegation":
            return (0 if one.delegation else 1), search_text(one.delegation), one.delegation
        rank, title = places.get(one.room, (len(places), one.room))
        return (rank if one.room else len(places) + 1), title, one.room

    ordered = sorted(found, key=group)
    total, safe = Counter(map(group, ordered)), Counter(group(one) for one in ordered if is_safe(one.holder))
    pages = max(1, -(-len(ordered) // PAGE))
    at = (min(asked.page, pages) - 1) * PAGE
    shown: dict[tuple[int, str, str], list[Entry]] = {}
    for one in ordered[at : at + PAGE] if paged else ordered:
        shown.setdefault(group(one), []).append(one)
    groups = [
        Group(key[2], key[2] if asked.by == "delegation" else key[1], theirs, total[key], safe[key])
        for key, theirs in shown.items()
    ]
    return View(groups, len(ordered), pages)


def delegations(people: Iterable[Entry], is_safe: Callable[[int], bool]) -> list[tuple[str, int, int]]:
    """Each delegation with how many of it are on the list, and how many of these are safe; without one last."""
    every = [one for one in people if one.room]
    total = Counter(one.delegation for one in every)
    safe = Counter(one.delegation for one in every if is_safe(one.holder))
    return [(name, total[name], safe[name]) for name in sorted(total, key=lambda name: (not name, search_text(name)))]

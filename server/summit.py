"""A made-up summit of two days and 1,200 guests for demonstrations and tests, written as the files of an import.

Everything follows from a seed and the opening, to the byte. It must not know how the files are read, and holds no
real person: names are common ones combined by dice, organisations are inventions.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from random import Random

from server.summit_names import COUNTRIES, Tongue
from server.summit_programme import (
    CATEGORIES,
    GATES,
    ROOMS,
    Category,
    Gate,
    Room,
    Session,
    sessions_from,
    split_table,
)


@dataclass(frozen=True)
class Person:
    """A guest; `zones` are numbers separated by spaces, `language` is a BCP 47 tag."""

    person: str
    name: str
    organisation: str
    delegation: str
    category: str
    zones: str
    language: str


@dataclass(frozen=True)
class Right:
    """A person added to a session (`may` is yes) or barred from it (no)."""

    session: str
    person: str
    may: str


@dataclass(frozen=True)
class Summit:
    """All rows of an event; each field is one file."""

    categories: tuple[Category, ...]
    rooms: tuple[Room, ...]
    gates: tuple[Gate, ...]
    sessions: tuple[Session, ...]
    people: tuple[Person, ...]
    rights: tuple[Right, ...]


_OFFICIALS = 510  # with the numbers below: 1,200 people

# category | how many | organisations
_GUESTS = """
company       | 200 | Larkfield Robotics, Nordlicht Rechenwerke, Halyard & Vane, Atelier Sémaphore, Quillmark, \
    Banyan Signals, Kumo Loom, Três Rios Dados, Pampa Compute, Saffron Circuit, Harmattan Labs, Ostrov Vision
civil-society | 120 | Lanterns for the Public Record, The Second Reader, Code & Conscience, Open Ledger Watch, \
    Workers' Algorithm Desk, Voices Without Wires, Parents Offline, Archive of Small Languages
academia      | 110 | University of Port Linden, Institute for Slow Computing, Hautmont School of Statistics, \
    Southern Cross Polytechnic, College of the Three Rivers, Tidewater Observatory
press         | 110 | The Harbour Courier, Radio Meridian, Le Crieur du Matin, Abendpost am Fluss, Desk Nine, \
    El Faro de la Plaza, Monsoon Weekly, The Long Wire
staff         | 90  | Summit Secretariat, House of Interpreters, Venue Operations
security      | 60  | Venue Security, Summit Protection Office
"""

# category | organisations
_OFFICES = """
head     | Office of the Head of State, Office of the Head of Government
minister | Ministry of Digital Affairs, Ministry of Foreign Affairs, Ministry of Labour, Ministry of Research, \
    Ministry of Justice, Ministry of Culture, Ministry of Health
delegate | Permanent Mission, National AI Office, Embassy, Office of the Chief Scientist, Advisers to the Delegation
"""

# 1 = red zone behind the stages, 2 = press, 3 = leaders' floor, 4 = machine rooms and control.
# category | zones of all | another zone of some | in how many of a hundred
_ZONES = """
head          | 1 3   | 2 | 5
minister      | 3     | 1 | 40
delegate      |       | 3 | 12
company       |       | 1 | 12
civil-society |       | 1 | 12
academia      |       | 1 | 15
press         | 2     | 1 | 5
staff         | 1 2   | 4 | 30
security      | 1 2 3 | 4 | 50
"""

# session | may | how many | from which categories
_RIGHTS = """
compute     | yes | 60  | minister
founders    | yes | 22  | company
leaders     | yes | 95  | head
incidents   | yes | 26  | delegate company academia
breakfast   | yes | 20  | head minister
declaration | yes | 110 | minister delegate
signing     | yes | 100 | head
signing     | yes | 12  | security
fireside    | yes | 4   | press
fireside    | no  | 3   | company
reception   | yes | 25  | company civil-society academia
reception   | no  | 2   | delegate
shared-tests | no | 1   | press
"""


def make_summit(seed: int, opening: datetime) -> Summit:
    """Return the summit whose opening plenary starts at `opening`; the same arguments give equal summits.

    ValueError if `opening` has no time zone.
    """
    if opening.utcoffset() is None:
        raise ValueError("the opening needs a time zone")
    rng = Random(seed)
    sessions = sessions_from(opening)
    people = _people(rng)
    return Summit(CATEGORIES, ROOMS, GATES, sessions, people, tuple(_rights(rng, sessions, people)))


def write_csv(summit: Summit, folder: Path) -> None:
    """Write the six CSV files into `folder`, made if it is missing; files of these names are replaced.

    UTF-8 without a mark, lines end with a line feed. OSError if the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for each in fields(summit):
        rows = getattr(summit, each.name)
        columns = [column.name for column in fields(rows[0])]
        with (folder / f"{each.name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            # A column called `from` cannot be the name of a field.
            writer.writerow(column.removesuffix("_") for column in columns)
            writer.writerows([_cell(getattr(row, column)) for column in columns] for row in rows)


def _cell(value: str | datetime) -> str:
    return value.isoformat() if isinstance(value, datetime) else value


def _people(rng: Random) -> tuple[Person, ...]:
    zones = {category: rest for category, *rest in split_table(_ZONES)}
    taken: set[str] = set()
    people = []
    for number, (category, organisation, country) in enumerate(_places(rng), start=1):
        tongue = rng.choice(COUNTRIES[country])
        name = _fresh_name(rng, tongue, taken)
        taken.add(name)
        delegation = country if category in {"head", "minister", "delegate"} else ""
        zone_cell = _zones(rng, *zones[category])
        people.append(Person(f"p{number:04}", name, organisation, delegation, category, zone_cell, tongue.tag))
    return tuple(people)


def _places(rng: Random) -> Iterator[tuple[str, str, str]]:
    """Yield (category, organisation, country): the delegations first, then everybody else from anywhere."""
    offices = {category: names.split(", ") for category, names in split_table(_OFFICES)}
    countries = list(COUNTRIES)
    roles = {country: ["head", "minister", "delegate"] for country in countries}
    for _ in range(_OFFICIALS - 3 * len(countries)):
        roles[rng.choice(countries)].append(rng.choice(["minister", "delegate", "delegate"]))
    for country in countries:
        for category in roles[country]:
            yield category, rng.choice(offices[category]), country
    for category, count, organisations in split_table(_GUESTS):
        for _ in range(int(count)):
            yield category, rng.choice(organisations.split(", ")), rng.choice(countries)


def _fresh_name(rng: Random, tongue: Tongue, taken: set[str]) -> str:
    # Namesakes exist, so a language whose names run out is no fault; they are only kept rare.
    for _ in range(20):
        if (name := tongue.name(rng)) not in taken:
            break
    return name


def _zones(rng: Random, base: str, extra: str, percent: str) -> str:
    zones = base.split()
    if rng.randrange(100) < int(percent):
        zones.append(extra)
    return " ".join(sorted(zones))


def _rights(rng: Random, sessions: tuple[Session, ...], people: tuple[Person, ...]) -> Iterator[Right]:
    needed = {session.session: set(session.zones.split()) for session in sessions}
    for slug, may, count, categories in split_table(_RIGHTS):
        able = [
            each.person
            for each in people
            if each.category in categories.split() and needed[slug] <= set(each.zones.split())
        ]
        for person in sorted(rng.sample(able, int(count))):
            yield Right(slug, person, may)

"""The place and the timetable of a made-up summit: categories, rooms, gates and sessions, as rows for CSV files.

The fields of a row are the columns of its file, in order. It must not know about people or dice: the programme
depends on the opening alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Category:
    """A kind of guest."""

    category: str
    name: str
    colour: str


@dataclass(frozen=True)
class Room:
    """A place with or without a legal limit; no limit means that nobody counts. `overflow`: where people go when it is
    full."""

    room: str
    name: str
    inside: str
    limit: str
    reserve: str
    exits: str
    overflow: str


@dataclass(frozen=True)
class Gate:
    """A passage that guards `room` and leads there from the room `from_`."""

    gate: str
    name: str
    room: str
    from_: str
    direction: str


@dataclass(frozen=True)
class Session:
    """A room over a time, and who may come; doors in minutes, blank for the usual."""

    session: str
    title: str
    theme: str
    room: str
    starts: datetime
    ends: datetime
    doors_open: str
    doors_close: str
    capacity: str
    who: str
    zones: str


# Colours: Okabe and Ito's palette (2008) for the colour-blind, and a light grey that no deficiency confuses.
_CATEGORIES = """
head          | Head of state or government | #0072B2
minister      | Minister                    | #56B4E9
delegate      | Delegate                    | #009E73
company       | Company                     | #E69F00
civil-society | Civil society               | #CC79A7
academia      | Academia                    | #F0E442
press         | Press                       | #D55E00
staff         | Staff                       | #DDDDDD
security      | Security                    | #000000
"""

_ROOMS = """
venue     | The whole venue         |       |      |    | none    |
foyer     | Foyer and garden        | venue |      |    | none    |
nave      | The Nave                | foyer | 1500 |    | trusted |
hall-east | East Hall               | foyer | 600  |    | trusted |
hall-west | West Hall               | foyer | 400  |    | trusted |
forum     | The Forum               | foyer | 300  |    | matched | hall-west
council   | Council Chamber         | foyer | 150  | 10 | trusted |
press     | Press Room              | foyer | 180  |    | matched |
salon     | The Salon               | foyer | 120  |    | matched |
atelier   | The Atelier             | foyer | 80   |    | none    | forum
lounge    | Speakers' Lounge        | foyer | 60   | 5  | matched |
bilateral | Bilateral Room          | foyer | 30   |    | none    | salon
"""

_GATES = """
nave-north     | Nave, north portal       | nave      | foyer | in
nave-south     | Nave, south portal       | nave      | foyer | in
nave-east      | Nave, east portal        | nave      | foyer | in
nave-west      | Nave, way out            | nave      | foyer | out
east-left      | East Hall, left door     | hall-east | foyer | in
east-right     | East Hall, right door    | hall-east | foyer | in
east-out       | East Hall, way out       | hall-east | foyer | out
west-door      | West Hall, door          | hall-west | foyer | in
west-out       | West Hall, way out       | hall-west | foyer | out
forum-upper    | Forum, upper door        | forum     | foyer | both
forum-lower    | Forum, lower door        | forum     | foyer | both
council-door   | Council Chamber, door    | council   | foyer | in
council-out    | Council Chamber, way out | council   | foyer | out
press-door     | Press Room, door         | press     | foyer | both
press-studio   | Press Room, studio side  | press     | foyer | both
salon-door     | Salon, door              | salon     | foyer | both
atelier-door   | Atelier, door            | atelier   | foyer | in
lounge-door    | Speakers' Lounge, door   | lounge    | foyer | both
bilateral-door | Bilateral Room, door     | bilateral | foyer | in
"""

_WHO = {
    "open": "head minister delegate company civil-society academia press staff security",
    "talk": "head minister delegate company civil-society academia",
    "makers": "delegate company civil-society academia staff security",
    "states": "head minister delegate security",
    "media": "press staff security",
    "speakers": "head minister company civil-society academia staff security",
}

_THEMES = {
    "trust": "Safety and trust",
    "work": "Work and skills",
    "culture": "Invention and culture",
    "public": "AI for the public good",
    "rules": "Rules across borders",
    "": "",
}

# session | title | theme | room | day | minutes after that day's start | minutes long | who | other columns
_SESSIONS = """
opening | Opening plenary: what we came to decide | rules | nave | 1 | 0 | 90 | everyone | doors_open=60
fireside | Fireside: who answers when a machine errs? | trust | bilateral | 1 | 5 | 45 | talk | doors_open=60
salon-words | Salon: words we still lack for machines | culture | salon | 1 | 10 | 60 | open | doors_open=60
press-1 | Press room, day one | | press | 1 | -60 | 660 | media | zones=2
lounge-1 | Speakers' lounge, day one | | lounge | 1 | -60 | 660 | speakers | zones=1
red-teams | Red teams in daylight | trust | hall-east | 1 | 120 | 60 | everyone |
first-job | The first job of the next generation | work | hall-west | 1 | 120 | 60 | everyone |
memory | Museums, models and memory | culture | forum | 1 | 120 | 60 | open |
compute | Ministers' table: computing power, shared | public | council | 1 | 120 | 75 | invited | zones=3
model-cards | Workshop: reading a model card | trust | atelier | 1 | 120 | 60 | makers | doors_close=15
small-tongues | Small languages, large models | culture | salon | 1 | 120 | 60 | everyone |
founders | Closed table: founders and funders | work | bilateral | 1 | 120 | 60 | invited | capacity=24
hospitals | Hospitals that learn | public | hall-east | 1 | 270 | 60 | everyone |
night-shift | The algorithm on the night shift | work | hall-west | 1 | 270 | 60 | everyone |
shared-tests | Testing before trust: shared evaluations | trust | forum | 1 | 270 | 60 | open |
leaders | Leaders' retreat | rules | council | 1 | 270 | 90 | invited | zones=3 capacity=110
buying | Workshop: public buying without regret | public | atelier | 1 | 270 | 60 | makers | doors_close=15
artists | Artists after the training run | culture | salon | 1 | 270 | 60 | everyone |
treaties | Treaties for tools that change every week | rules | hall-east | 1 | 345 | 60 | everyone |
teachers | Teachers first | work | hall-west | 1 | 345 | 60 | everyone |
commons | A commons for data | public | forum | 1 | 345 | 60 | open |
incidents | Closed table: incidents that nobody reported | trust | bilateral | 1 | 345 | 60 | invited |
theatre | Salon: a play that no one wrote | culture | salon | 1 | 345 | 60 | open |
owed | Plenary: what the public is owed | public | nave | 1 | 435 | 60 | everyone |
reception | Evening reception of the delegations | | hall-east | 1 | 510 | 90 | states | doors_open=15
breakfast | Breakfast of the hosts | rules | bilateral | 2 | -60 | 45 | invited | doors_open=15
evidence | Plenary: the evidence so far | trust | nave | 2 | 0 | 75 | everyone | doors_open=60
press-2 | Press room, day two | | press | 2 | -60 | 600 | media | zones=2
lounge-2 | Speakers' lounge, day two | | lounge | 2 | -60 | 540 | speakers | zones=1
watermarks | Marks that survive: where pictures come from | trust | hall-east | 2 | 105 | 60 | everyone |
farmers | Forecasts for farmers | public | hall-west | 2 | 105 | 60 | everyone |
apprentices | Apprentices of every age | work | forum | 2 | 105 | 60 | open |
declaration | Drafting table: the declaration | rules | council | 2 | 105 | 90 | invited | zones=3
audit | Workshop: auditing with little money | trust | atelier | 2 | 105 | 60 | makers | doors_close=15
games | Salon: play as a laboratory | culture | salon | 2 | 105 | 60 | everyone |
energy | What thinking costs: energy and water | public | hall-east | 2 | 255 | 60 | everyone |
migrants | Skills that cross borders | work | hall-west | 2 | 255 | 60 | everyone |
music | New instruments | culture | forum | 2 | 255 | 60 | open |
sandboxes | Sandboxes compared | rules | salon | 2 | 255 | 60 | everyone |
signing | Signing of the declaration | rules | council | 2 | 330 | 30 | invited | zones=3 capacity=130
closing | Closing plenary: what we decided | rules | nave | 2 | 375 | 60 | everyone |
questions | Closing press conference | | hall-west | 2 | 450 | 45 | media | zones=2 doors_open=15
"""


def split_table(table: str) -> list[list[str]]:
    """Return the cells of a table whose columns are set off by bars; runs of spaces count as one."""
    return [[" ".join(cell.split()) for cell in line.split("|")] for line in table.strip().splitlines()]


CATEGORIES = tuple(Category(*cells) for cells in split_table(_CATEGORIES))
ROOMS = tuple(Room(*cells) for cells in split_table(_ROOMS))
GATES = tuple(Gate(*cells) for cells in split_table(_GATES))


def sessions_from(opening: datetime) -> tuple[Session, ...]:
    """Return the sessions of both days, day two 24 hours after `opening`, in the opening's time zone."""
    return tuple(_session(cells, opening) for cells in split_table(_SESSIONS))


def _session(cells: list[str], opening: datetime) -> Session:
    slug, title, theme, room, day, begins, lasts, who, others = cells
    other = dict(pair.split("=") for pair in others.split())
    # Added in UTC: sums of local times would be an hour out when the clocks change between the days.
    starts = opening.astimezone(UTC) + timedelta(days=int(day) - 1, minutes=int(begins))
    return Session(
        slug,
        title,
        _THEMES[theme],
        room,
        starts.astimezone(opening.tzinfo),
        (starts + timedelta(minutes=int(lasts))).astimezone(opening.tzinfo),
        other.get("doors_open", ""),
        other.get("doors_close", ""),
        other.get("capacity", ""),
        _WHO.get(who, who),
        other.get("zones", ""),
    )

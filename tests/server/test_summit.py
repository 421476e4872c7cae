"""The made-up summit: the same from the same seed, big and mixed enough, and an import that nothing is wrong with."""

import csv
import os
import re
import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from server import event, imports
from server.event import NewEvent
from server.schedule import facts, findings
from server.schedule.findings import Finding
from server.store.engine import PostgresStore, SqliteStore
from server.summit import Summit, make_summit, write_csv
from server.summit_names import COUNTRIES
from server.summit_programme import sessions_from

OPENING = datetime(2031, 5, 12, 9, 0, tzinfo=ZoneInfo("Europe/Lisbon"))
COLUMNS = {
    "categories": "category name colour",
    "rooms": "room name inside limit reserve exits overflow",
    "gates": "gate name room from direction",
    "sessions": "session title theme room starts ends doors_open doors_close capacity who zones",
    "people": "person name organisation delegation category zones language",
    "rights": "session person may",
}
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
Row = dict[str, str]
Files = dict[str, list[Row]]

# Machado, Oliveira and Fernandes (2009), severity 1: what linear RGB becomes for people without one kind of cone.
SIGHT = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


@pytest.fixture(scope="module", params=[1, 2031])
def summit(request: pytest.FixtureRequest) -> Summit:
    return make_summit(request.param, OPENING)


@pytest.fixture(scope="module")
def files(summit: Summit, tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("summit")
    write_csv(summit, folder)
    return {name: read_rows(folder / f"{name}.csv") for name in COLUMNS}


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def slugs(rows: list[Row], column: str) -> set[str]:
    return {row[column] for row in rows}


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def is_zone_list(text: str) -> bool:
    numbers = text.split()
    return len(set(numbers)) == len(numbers) and all(is_number(each) and 1 <= int(each) <= 12 for each in numbers)


def minutes_after_opening(session: Row) -> float:
    return (datetime.fromisoformat(session["starts"]) - OPENING) / timedelta(minutes=1)


def test_the_same_seed_and_opening_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("once", "again"):
        write_csv(make_summit(5, OPENING), tmp_path / folder)
    for name in COLUMNS:
        once, again = (tmp_path / folder / f"{name}.csv" for folder in ("once", "again"))
        assert once.read_bytes() == again.read_bytes()


def test_another_seed_brings_other_people_to_the_same_programme() -> None:
    one, other = make_summit(1, OPENING), make_summit(2, OPENING)
    assert one.people != other.people
    assert one.sessions == other.sessions


def test_another_opening_moves_every_session_and_changes_nobody() -> None:
    later = make_summit(1, OPENING + timedelta(minutes=7))
    assert later.people == make_summit(1, OPENING).people
    moved = [b.starts - a.starts for a, b in zip(sessions_from(OPENING), later.sessions, strict=True)]
    assert set(moved) == {timedelta(minutes=7)}


def test_day_two_starts_24_hours_later_though_the_clocks_change() -> None:
    eve = datetime(2031, 3, 29, 9, 0, tzinfo=ZoneInfo("Europe/Paris"))
    starts = {each.session: each.starts for each in sessions_from(eve)}
    assert starts["evidence"].astimezone(UTC) - starts["opening"].astimezone(UTC) == timedelta(hours=24)
    assert starts["evidence"].isoformat() == "2031-03-30T10:00:00+02:00"


def test_an_opening_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_summit(1, OPENING.replace(tzinfo=None))


def test_the_files_have_the_columns_of_an_import_and_nothing_else(summit: Summit, tmp_path: Path) -> None:
    write_csv(summit, tmp_path)
    firsts = {path.stem: path.read_text("utf-8").split("\n")[0] for path in tmp_path.iterdir()}
    assert firsts == {name: columns.replace(" ", ",") for name, columns in COLUMNS.items()}


def test_the_summit_is_as_big_as_promised(summit: Summit) -> None:
    assert len(summit.people) == 1200
    assert len(summit.rooms) == 12
    assert 38 <= len(summit.sessions) <= 44
    assert 95 <= len({each.delegation for each in summit.people} - {""}) == len(COUNTRIES) <= 110
    assert len({each.theme for each in summit.sessions} - {""}) == 5
    assert {each.category for each in summit.people} == {each.category for each in summit.categories}


def test_no_cell_has_spaces_to_spare(files: Files) -> None:
    cells = {cell for rows in files.values() for row in rows for cell in row.values()}
    assert [cell for cell in cells if cell != " ".join(cell.split())] == []


def test_slugs_are_well_formed_and_used_once(files: Files) -> None:
    for name, column in [(name, columns.split()[0]) for name, columns in COLUMNS.items() if name != "rights"]:
        found = [row[column] for row in files[name]]
        assert len(set(found)) == len(found)
        assert all(SLUG.fullmatch(each) for each in found)
    assert max(Counter((row["session"], row["person"]) for row in files["rights"]).values()) == 1


def test_every_reference_leads_somewhere(files: Files) -> None:
    rooms, categories = slugs(files["rooms"], "room"), slugs(files["categories"], "category")
    assert slugs(files["rooms"], "inside") | slugs(files["rooms"], "overflow") <= rooms | {""}
    assert slugs(files["gates"], "room") | slugs(files["gates"], "from") <= rooms
    assert slugs(files["sessions"], "room") <= rooms
    assert slugs(files["people"], "category") <= categories
    assert slugs(files["rights"], "session") <= slugs(files["sessions"], "session")
    assert slugs(files["rights"], "person") <= slugs(files["people"], "person")
    for session in files["sessions"]:
        who = session["who"].split()
        assert who in (["everyone"], ["invited"]) or (who and set(who) <= categories)


def test_categories_rooms_and_gates_keep_the_format(files: Files) -> None:
    assert len(files["categories"]) <= 16
    assert all(re.fullmatch("#[0-9A-Fa-f]{6}", row["colour"]) for row in files["categories"])
    for room in files["rooms"]:
        assert room["exits"] in {"trusted", "matched", "none"}
        assert all(is_number(cell) for cell in (room["limit"], room["reserve"]) if cell)
        assert room["limit"] or not room["reserve"]
    assert {row["direction"] for row in files["gates"]} == {"in", "out", "both"}
    assert all(row["name"] for name in ("categories", "rooms", "gates") for row in files[name])


def test_sessions_keep_the_format(files: Files) -> None:
    limits = {row["room"]: int(row["limit"] or 0) for row in files["rooms"]}
    for session in files["sessions"]:
        starts, ends = (datetime.fromisoformat(session[cell]) for cell in ("starts", "ends"))
        assert starts.utcoffset() == OPENING.utcoffset()
        assert starts < ends
        assert all(is_number(session[cell] or "0") for cell in ("doors_open", "doors_close", "capacity"))
        assert int(session["capacity"] or 0) <= limits[session["room"]]
        assert is_zone_list(session["zones"])
        assert session["title"]


def test_people_and_rights_keep_the_format(files: Files) -> None:
    for person in files["people"]:
        assert re.fullmatch(r"p\d{4}", person["person"])
        assert is_zone_list(person["zones"])
        assert re.fullmatch("[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", person["language"])
        assert person["name"]
        assert person["organisation"]
    assert slugs(files["rights"], "may") == {"yes", "no"}


def test_rooms_form_one_tree(files: Files) -> None:
    inside = {row["room"]: row["inside"] for row in files["rooms"]}
    assert [room for room, parent in inside.items() if not parent] == ["venue"]
    for room in inside:
        path = [room]
        while inside[path[-1]]:
            path.append(inside[path[-1]])
            assert len(path) <= len(inside)


def test_counted_rooms_have_gates_from_the_foyer_that_suit_how_their_exits_are_known(files: Files) -> None:
    directions = defaultdict(list)
    for gate in files["gates"]:
        directions[gate["room"]].append(gate["direction"])
        assert gate["from"] == "foyer"
    counted = {row["room"]: row["exits"] for row in files["rooms"] if row["limit"]}
    assert directions.keys() == counted.keys()
    assert set(counted.values()) == {"trusted", "matched", "none"}
    for room, exits in counted.items():
        assert 1 <= len(directions[room]) <= 4
        expected = {"trusted": {"in", "out"}, "matched": {"both"}, "none": {"in"}}[exits]
        assert set(directions[room]) == expected


def test_no_two_sessions_overlap_in_a_room(summit: Summit) -> None:
    for room in {each.room for each in summit.sessions}:
        there = sorted((each.starts, each.ends) for each in summit.sessions if each.room == room)
        assert all(before[1] <= after[0] for before, after in pairwise(there))


def test_the_first_ten_minutes_have_a_plenary_a_crowded_bilateral_and_a_salon(files: Files) -> None:
    early = {row["room"]: row for row in files["sessions"] if 0 <= minutes_after_opening(row) <= 10}
    assert {row["doors_open"] for row in early.values()} == {"60"}
    assert minutes_after_opening(early["nave"]) == 0
    assert (early["nave"]["session"], early["nave"]["who"]) == ("opening", "everyone")
    for room in ("bilateral", "salon"):
        who = early[room]["who"].split()
        assert sum(person["category"] in who for person in files["people"]) > 500
        assert not early[room]["zones"]


def test_the_rooms_and_gates_that_demonstrations_name_are_there(files: Files) -> None:
    rooms = {row["room"]: (row["limit"], row["exits"]) for row in files["rooms"]}
    gates = {row["gate"]: (row["room"], row["direction"]) for row in files["gates"]}
    assert (rooms["bilateral"], rooms["salon"], rooms["nave"][0]) == (("30", "none"), ("120", "matched"), "1500")
    assert rooms["venue"][0] == rooms["foyer"][0] == ""
    assert gates["nave-north"] == ("nave", "in")
    assert gates["bilateral-door"] == ("bilateral", "in")
    assert [(gate, facts[1]) for gate, facts in gates.items() if facts[0] == "salon"] == [("salon-door", "both")]


def test_a_door_that_is_full_sends_people_only_to_where_they_may_go(
    sqlite_store: SqliteStore | PostgresStore, summit: Summit, tmp_path: Path
) -> None:
    write_csv(summit, tmp_path)

    def fill(connection: Connection) -> list[Finding]:
        new = NewEvent(1, "Summit", "Europe/Lisbon", OPENING - timedelta(hours=1), show_names=True)
        event.start(connection, new, (bytes(32), bytes(32), bytes(32)))
        imports.run(connection, imports.read_folder(tmp_path), os.urandom)
        return findings.find(facts.read(connection, event.read(connection)), OPENING - timedelta(days=1))

    assert sum(bool(room.overflow) for room in summit.rooms) >= 2
    assert [one.what for one in sqlite_store.write(fill) if "sent to" in one.what] == []


def test_sessions_by_invitation_have_guests_who_fit_in_and_may_pass_the_zones(files: Files) -> None:
    people = {row["person"]: row for row in files["people"]}
    limits = {row["room"]: int(row["limit"] or 0) for row in files["rooms"]}
    for session in files["sessions"]:
        guests = [row for row in files["rights"] if row["session"] == session["session"] and row["may"] == "yes"]
        assert guests or session["who"] != "invited"
        assert len(guests) <= int(session["capacity"] or limits[session["room"]]) - 2
        for guest in guests:
            assert set(session["zones"].split()) <= set(people[guest["person"]]["zones"].split())


def test_names_come_in_many_scripts_shapes_and_lengths(summit: Summit) -> None:
    names = [each.name for each in summit.people]
    scripts = Counter(unicodedata.name(name[0]).split()[0] for name in names)
    assert len(scripts) >= 15
    assert {"LATIN", "CYRILLIC", "ARABIC", "CJK", "DEVANAGARI", "HANGUL", "GREEK", "HEBREW", "THAI"} <= scripts.keys()
    assert {"GEORGIAN", "ARMENIAN", "BENGALI", "TAMIL", "ETHIOPIC"} <= scripts.keys()
    assert sum(not name.isascii() for name in names if name[0].isascii()) > 100
    assert {length for length in map(len, names) if length >= 40}
    assert any(name.isalpha() and name.isascii() for name in names)
    assert all(any(mark in name for name in names) for mark in ("'", "\N{RIGHT SINGLE QUOTATION MARK}", "-"))


def test_names_are_clean_text_and_nearly_all_different(summit: Summit) -> None:
    names = [each.name for each in summit.people]
    for name in names:
        assert name == unicodedata.normalize("NFC", name)
        assert name == " ".join(name.split())
        assert not {unicodedata.category(letter) for letter in name} & {"Cc", "Co", "Cn", "Cs"}
    assert len(set(names)) > 1180


def test_family_and_given_names_stand_in_the_order_of_their_language(summit: Summit) -> None:
    def names(language: str) -> list[str]:
        return [each.name for each in summit.people if each.language == language]

    assert all(" " not in name for name in names("zh-Hans") + names("ko"))
    assert all(name.split()[0] in {"Nguyễn", "Trần", "Lê", "Đặng", "Huỳnh"} for name in names("vi"))
    assert all(name.endswith(("sson", "arson", "dóttir")) for name in names("is"))
    assert all(len(name.split()) >= 3 for name in names("es"))


def test_categories_can_be_told_apart_by_the_colour_blind(summit: Summit) -> None:
    colours = [each.colour for each in summit.categories]
    for matrix in SIGHT.values():
        seen = [as_seen(colour, matrix) for colour in colours]
        nearest = min(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5 for a, b in combinations(seen, 2))
        assert nearest > 15  # CIE 1976 difference in L*a*b*; 2.3 is just noticeable


def as_seen(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(row, light, strict=True)))) for row in matrix)
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
            0.2126 * red + 0.7152 * green + 0.0722 * blue,
            (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)

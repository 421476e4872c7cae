"""Tables as spreadsheet programs save them, and as they should not: every form is read, every flaw is named."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.columns import FILES, columns, search_text
from server.sheet import MAX_BYTES, Problem, Row, read

KINDS = columns(ZoneInfo("Asia/Kolkata"))
LINES = ("person,name,organisation,category", "p1,Łukasz,Żar,press", "p2,王小明,,press")
FORMS = {
    "plain": ("\n", ",", "utf-8"),
    "BOM": ("\n", ",", "utf-8-sig"),
    "semicolons": ("\n", ";", "utf-8-sig"),
    "tabs": ("\n", "\t", "utf-8"),
    "CRLF": ("\r\n", ";", "utf-8-sig"),
    "CR": ("\r", ";", "utf-8"),
    "UTF-16": ("\r\n", "\t", "utf-16"),
}


def people(raw: bytes) -> tuple[list[Row], list[Problem]]:
    return read("people.csv", raw, KINDS["people"])


def flaws(raw: bytes) -> list[str]:
    return [str(problem) for problem in people(raw)[1]]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_however_the_spreadsheet_saved_it(form: str) -> None:
    line_end, delimiter, encoding = FORMS[form]
    text = "".join(line.replace(",", delimiter) + line_end for line in LINES)
    rows, problems = people(text.encode(encoding))
    assert problems == []
    assert [(row.line, row.values["person"], row.values["name"]) for row in rows] == [
        (2, "p1", "Łukasz"),
        (3, "p2", "王小明"),
    ]


def test_utf_16_is_read_in_either_byte_order() -> None:
    text = "\n".join(LINES)
    for raw in (b"\xff\xfe" + text.encode("utf-16-le"), b"\xfe\xff" + text.encode("utf-16-be")):
        assert [row.values["name"] for row in people(raw)[0]] == ["Łukasz", "王小明"]


def test_commas_in_cells_do_not_make_a_semicolon_table_one_of_commas() -> None:
    rows, problems = people(b"person;name;category\rp1;O, P, Q, R, S;press\rp2;A, B, C, D;press\r")
    assert problems == []
    assert [row.values["name"] for row in rows] == ["O, P, Q, R, S", "A, B, C, D"]


def test_quoted_cells_hold_delimiters_and_quotes() -> None:
    rows, problems = people(b'person,name,category\np1,"O\'Neill, ""Tip""",press\n')
    assert problems == []
    assert rows[0].values["name"] == 'O\'Neill, "Tip"'


def test_columns_stand_in_any_order_and_blank_lines_are_passed_over_but_counted() -> None:
    rows, problems = people(b" Category ,NAME,person,,\n\n,,,,\npress, Ana ,p1,,\n")
    assert problems == []
    assert [(row.line, row.values["name"], row.values["zones"]) for row in rows] == [(4, "Ana", 0)]


def test_a_line_is_counted_where_the_row_begins_although_a_cell_before_runs_over_two() -> None:
    said = flaws(b'person,name,category\np1,"A\nB",press\np2,,press\n')
    assert said[0].startswith("people.csv, line 2, column 'name': holds a line break")
    assert said[1] == "people.csv, line 4, column 'name': is empty; fill it in"


@pytest.mark.parametrize("raw", [b"", b"\n", b"  \n", b"\xef\xbb\xbf", b"\xff\xfe", b",,\n"])
def test_an_empty_file_is_told_which_columns_it_needs(raw: bytes) -> None:
    [said] = flaws(raw)
    assert "is empty; the first line names the columns: person, name, organisation" in said


def test_a_missing_an_unknown_and_a_repeated_column_are_all_named() -> None:
    said = flaws(b"person,name,surname,name\np1,A,B,C\n")
    assert [one.split(";")[0] for one in said] == [
        "people.csv, line 1, column 'category': is missing",
        "people.csv, line 1, column 'surname': is not a column of this file",
        "people.csv, line 1, column 'name': stands twice",
    ]


def test_a_quotation_mark_that_is_not_closed_is_named_with_its_line() -> None:
    [said] = flaws(b'person,name,category\np1,Ana,press\np2,"Bea,press\np3,Cid,press\n')
    assert "quotation mark that is not closed" in said
    assert said.startswith("people.csv, line ")


def test_more_cells_than_columns_are_told_to_be_quoted() -> None:
    [said] = flaws(b"person,name,category\np1,Neill,press,Tip\n")
    assert said == "people.csv, line 2: has 4 cells for 3 columns; quote cells that hold commas"


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        (b"person,name,category\np1,Ana,press\np2,Jos\xe9,press\n", "is not UTF-8 (line 3)"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not UTF-8"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "is not a text file"),
        (b"\xff\xfep", "is not UTF-8"),
        (bytes(MAX_BYTES + 1), "is larger than 50 MB"),
    ],
    ids=["latin-1", "png", "xlsx", "half a character", "huge"],
)
def test_what_is_no_csv_in_utf_8_is_told_what_to_do(raw: bytes, hint: str) -> None:
    [said] = flaws(raw)
    assert said.startswith(f"people.csv: {hint}")
    assert "CSV UTF-8" in said or "right file" in said


@pytest.mark.parametrize(
    ("kind", "column", "cell", "hint"),
    [
        ("categories", "colour", "red", "#1f6f8b"),
        ("rooms", "limit", "-1", "whole number"),
        ("rooms", "limit", "1e3", "whole number"),
        ("gates", "direction", "up", "in, out, both"),
        ("people", "person", "x" * 65, "at most 64"),
        ("people", "name", "x" * 201, "at most 200"),
        ("people", "name", "a\tb", "one line"),
        ("people", "zones", "1 13", "from 1 to 12"),
        ("people", "zones", "9" * 5000, "from 1 to 12"),
        ("people", "zones", "\u0663", "from 1 to 12"),
        ("people", "language", "english!", "BCP 47"),
        ("people", "language", "en" + "-abcdefgh" * 4, "BCP 47"),
        ("rights", "may", "maybe", "neither yes nor no"),
    ],
)
def test_a_cell_that_cannot_be_is_told_what_would_be(kind: str, column: str, cell: str, hint: str) -> None:
    _, problems = read(f"{kind}.csv", f'{column}\n"{cell}"\n'.encode(), [c for c in KINDS[kind] if c.name == column])
    [said] = map(str, problems)
    assert said.startswith(f"{kind}.csv, line 2, column {column!r}: ")
    assert hint in said


@given(raw=st.binary(max_size=400), kind=st.sampled_from(FILES))
def test_no_bytes_whatever_crash_the_reader(raw: bytes, kind: str) -> None:
    rows, problems = read("x.csv", raw, KINDS[kind])
    assert not rows or all(row.line > 1 for row in rows)
    assert all(problem.what for problem in problems)


@given(cells=st.lists(st.lists(st.text(max_size=40), max_size=9), max_size=5), kind=st.sampled_from(FILES))
def test_no_cells_whatever_crash_the_parsers(cells: list[list[str]], kind: str) -> None:
    header = ",".join(column.name for column in KINDS[kind])
    text = "\n".join([header, *(",".join(row) for row in cells)])
    rows, problems = read("x.csv", text.encode("utf-8", "replace"), KINDS[kind])
    named = {column.name for column in KINDS[kind]}
    assert all(set(row.values) <= named for row in rows)
    assert all(problem.column in named | {""} for problem in problems)


@pytest.mark.parametrize(
    ("written", "looked_for"),
    [
        ("José ÁLVAREZ", "jose alvarez"),
        ("Łukasz Øster", "lukasz oster"),
        ("Straße", "STRASSE"),
        ("ΣΊΣΥΦΟΣ", "σισυφος"),
        ("\uff2e\uff4f \u2116", "no no"),
        ("Ọlá", "ola"),
        ("İstanbul", "istanbul"),
    ],
)
def test_case_and_diacritics_do_not_matter_to_a_search(written: str, looked_for: str) -> None:
    assert search_text(written) == search_text(looked_for)

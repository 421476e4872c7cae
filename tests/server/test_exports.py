"""Files of the log: made beside the pages, whole or not at all, for those who may read the log."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, delete, insert, select, update

from server import archive, event, exports, imports, spreadsheet, trail
from server.event import NewEvent
from server.exports import Format, State, TooMany
from server.log import HEADER
from server.spreadsheet import Heading, Workbook
from server.store.engine import PostgresStore, SqliteStore, Store
from server.store.instants import to_ms
from server.store.schema import export
from server.trail import Who
from server.workshop import Progress, Workshop
from tests.browser.stage import until
from tests.pages import Site, token
from tests.world import table, utc_now

Either = SqliteStore | PostgresStore
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ME = Who("organiser")
FORMULAS = ("=1+1", "@SUM(A1)", "+49 30", "-1+1", "http://evil.example/", "mailto:a@b.c", "\t=1")


def begin(connection: Connection) -> None:
    """An event in which nothing has happened yet."""
    event.start(
        connection, NewEvent(7, "Test", "Asia/Kolkata", NOW, show_names=True), (bytes(32), bytes(32), bytes(32))
    )


@pytest.fixture
def shop(store: Either) -> Workshop:
    store.write(begin)
    return Workshop(store, lambda: NOW, archive.make)


def order(store: Store, form: str, **fields: str) -> int:
    return store.write(lambda connection: exports.ask(connection, form, fields, ME, NOW))


def state(store: Store, number: int) -> exports.Order:
    with store.read() as connection:
        found = exports.find(connection, number)
    assert found is not None
    return found


def ended(store: Store, number: int) -> exports.Order:
    """The order once it goes on no more."""

    def look() -> exports.Order | None:
        one = state(store, number)
        return None if one.going else one

    return until(look, "the export ends")


# ---- the work ----


@pytest.mark.parametrize("form", list(Format))
def test_what_is_ordered_is_made_whole_and_nothing_else_is_left(shop: Workshop, store: Either, form: Format) -> None:
    number = order(store, form)
    shop.wake()
    one = ended(store, number)
    assert (one.state, one.problem) == (State.DONE, "")
    path = shop.path(one.file)
    assert path is not None
    assert path.stat().st_size == one.bytes
    assert path.stat().st_mode & 0o077 == 0 or shop.folder.stat().st_mode & 0o077 == 0
    until(lambda: [path] == list(shop.folder.iterdir()), "the lock is gone")


def test_the_rest_waits_while_two_are_made(sqlite_store: Either) -> None:
    store = sqlite_store
    store.write(begin)
    go, begun = threading.Event(), threading.Semaphore(0)

    def slowly(store: Store, path: Path, made: datetime, progress: Progress, *, audit: bool) -> int:
        begun.release()
        assert go.wait(20)
        path.write_text("whole")
        return 0

    shop = Workshop(store, lambda: NOW, slowly)
    numbers = [order(store, "archive") for _ in range(4)]
    for _ in numbers:
        shop.wake()
    assert begun.acquire(timeout=20)
    assert begun.acquire(timeout=20)
    states = [state(store, number).state for number in numbers]
    assert states == [State.RUNNING, State.RUNNING, State.WAITING, State.WAITING]
    go.set()
    assert {ended(store, number).state for number in numbers} == {State.DONE}


def test_what_is_stopped_ends_and_leaves_nothing_behind(sqlite_store: Either) -> None:
    store = sqlite_store
    store.write(begin)
    times = iter(NOW + timedelta(seconds=number) for number in range(10**6))
    asked = threading.Event()

    def endless(store: Store, path: Path, made: datetime, progress: Progress, *, audit: bool) -> int:
        path.write_text("half of it")
        while True:
            progress(1, 10)
            asked.set()

    shop = Workshop(store, lambda: next(times), endless)
    number = order(store, "archive")
    shop.wake()
    assert asked.wait(20)
    assert store.write(lambda connection: exports.stop(connection, number, ME, NOW))
    assert not store.write(lambda connection: exports.stop(connection, number, ME, NOW))
    assert (state(store, number).state, state(store, number).rows) == (State.STOPPED, 1)
    until(lambda: not list(shop.folder.iterdir()), "nothing is left")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left"), exports.FULL_DISK),
        (OSError(5, "I/O"), exports.BROKEN_DISK),
        (ValueError(), exports.BROKEN),
    ],
)
def test_a_failure_is_told_in_words_and_the_next_order_is_made(
    sqlite_store: Either, error: Exception, told: str
) -> None:
    store = sqlite_store
    store.write(begin)

    def broken(store: Store, path: Path, made: datetime, progress: Progress, *, audit: bool) -> int:
        path.write_text("half of it")
        raise error

    shop = Workshop(store, lambda: NOW, broken)
    first, second = order(store, "archive"), order(store, "csv")
    shop.wake()
    assert (ended(store, first).state, ended(store, first).problem) == (State.FAILED, told)
    assert ended(store, second).state is State.DONE
    until(lambda: [ended(store, second).file] == [one.name for one in shop.folder.iterdir()], "nothing else is left")


def test_what_a_dead_server_was_making_has_failed_and_what_waited_is_made(shop: Workshop, store: Either) -> None:
    dead, waited = order(store, "csv"), order(store, "jsonl")
    store.write(lambda connection: exports.claim(connection, dead))
    shop.folder.mkdir()
    (shop.folder / f"{dead}.csv.part").write_text("half of it")
    (shop.folder / f"{dead}.xlsx.part.sheets").mkdir()
    Workshop(store, lambda: NOW, archive.make).begin()
    assert (ended(store, dead).state, ended(store, dead).problem) == (State.FAILED, exports.DIED)
    assert ended(store, waited).state is State.DONE
    until(lambda: [ended(store, waited).file] == [one.name for one in shop.folder.iterdir()], "the half is gone")


def test_what_a_living_server_makes_is_left_alone(sqlite_store: Either) -> None:
    store = sqlite_store
    store.write(begin)
    go, begun = threading.Event(), threading.Event()

    def slowly(store: Store, path: Path, made: datetime, progress: Progress, *, audit: bool) -> int:
        begun.set()
        assert go.wait(20)
        path.write_text("whole")
        return 0

    number = order(store, "archive")
    Workshop(store, lambda: NOW, slowly).wake()
    assert begun.wait(20)
    Workshop(store, lambda: NOW, archive.make).begin()
    assert state(store, number).state is State.RUNNING
    go.set()
    assert ended(store, number).state is State.DONE


def test_a_day_later_the_file_is_gone_with_the_names_that_were_asked_for(shop: Workshop, store: Either) -> None:
    number = order(store, "csv", q="Jane Doe", session="keynote")
    shop.wake()
    path = shop.path(ended(store, number).file)
    assert path is not None
    shop.clear()
    assert path.exists()
    Workshop(store, lambda: NOW + timedelta(hours=24, seconds=1), archive.make).clear()
    assert not path.exists()
    assert (state(store, number).gone, state(store, number).fields) == (True, {"q": "…", "session": "keynote"})


def test_when_somebody_is_erased_every_file_goes_and_what_was_asked_for_is_not_made(
    shop: Workshop, store: Either
) -> None:
    number = order(store, "csv", q="Jane Doe")
    shop.wake()
    path = shop.path(ended(store, number).file)
    assert path is not None
    waits = order(store, "jsonl", q="Jane Doe")
    shop.withdraw()
    assert not path.exists()
    assert (state(store, number).gone, state(store, waits).state) == (True, State.STOPPED)
    assert {"q": "…"} == state(store, number).fields == state(store, waits).fields


def test_what_was_looked_for_is_forgotten_also_of_orders_that_were_stopped_or_failed(
    sqlite_store: Either,
) -> None:
    sqlite_store.write(begin)
    stopped, failed, asked = (order(sqlite_store, "csv", q="Jane Doe", session="keynote") for _ in range(3))
    sqlite_store.write(lambda connection: exports.stop(connection, stopped, ME, NOW))
    sqlite_store.write(lambda connection: exports.claim(connection, failed))
    sqlite_store.write(lambda connection: exports.fail(connection, failed, exports.BROKEN, NOW))
    Workshop(sqlite_store, lambda: NOW + timedelta(hours=25), archive.make).clear()
    assert {"q": "…", "session": "keynote"} == state(sqlite_store, stopped).fields == state(sqlite_store, failed).fields
    assert state(sqlite_store, asked).fields["q"] == "Jane Doe"  # it is still to be made
    Workshop(sqlite_store, lambda: NOW, archive.make).withdraw()
    assert state(sqlite_store, asked).fields == {"q": "…", "session": "keynote"}


def test_files_that_no_order_names_are_deleted_and_those_that_are_being_made_are_not(
    shop: Workshop, store: Either
) -> None:
    kept, made = order(store, "csv"), order(store, "csv")
    store.write(lambda connection: exports.claim(connection, kept))
    store.write(lambda connection: exports.finish(connection, kept, ("threshold-log-1-1.csv", 1), NOW))
    store.write(lambda connection: exports.claim(connection, made))
    shop.folder.mkdir(exist_ok=True)
    names = {"threshold-log-1-1.csv", f"threshold-log-1-{made}.csv", "threshold-log-1-999.csv", "threshold-x", "notes"}
    for name in names:
        (shop.folder / name).write_text("x")
    shop.clear()
    assert {path.name for path in shop.folder.iterdir()} == names - {"threshold-log-1-999.csv", "threshold-x"}


def test_no_more_is_made_while_ten_files_are_kept_or_waited_for(shop: Workshop, store: Either) -> None:
    first, *_ = (order(store, "csv") for _ in range(exports.MOST))
    with pytest.raises(TooMany, match="stop one, or wait"):
        order(store, "csv")
    store.write(lambda connection: exports.claim(connection, first))
    store.write(lambda connection: exports.finish(connection, first, ("threshold-log-1.csv", 1), NOW))
    with pytest.raises(TooMany, match=r"delete one: threshold-log-1\.csv"):
        order(store, "archive")
    store.write(lambda connection: exports.remove(connection, first, ME, NOW))
    assert order(store, "csv") > first


@pytest.mark.parametrize(("total", "free"), [(10**10, 999_999_999), (10**12, 49_999_999_999)])
def test_a_file_is_given_up_before_the_disk_is_full(sqlite_store: Either, total: int, free: int) -> None:
    sqlite_store.write(begin)
    times = iter(NOW + timedelta(seconds=number) for number in range(10**6))
    left = [total]

    def filling(store: Store, path: Path, made: datetime, progress: Progress, *, audit: bool) -> int:
        path.write_text("half of it")
        progress(1, 10)
        left[0] = free
        progress(2, 10)
        raise AssertionError("it went on")

    shop = Workshop(sqlite_store, lambda: next(times), filling, lambda _folder: (total, 0, left[0]))
    number, next_one = order(sqlite_store, "archive"), order(sqlite_store, "csv")
    shop.wake()
    for one in (number, next_one):
        assert (ended(sqlite_store, one).state, ended(sqlite_store, one).problem) == (State.FAILED, exports.LOW_DISK)
    until(lambda: not list(shop.folder.iterdir()), "nothing is left")


def test_of_two_who_claim_an_order_one_gets_it(shop: Workshop, store: Either) -> None:
    number = order(store, "csv")
    assert store.write(lambda connection: exports.claim(connection, number)) is not None
    assert store.write(lambda connection: exports.claim(connection, number)) is None


# ---- what is in them ----


def fill(connection: Connection) -> None:
    people = [f"p{number}|{text}|{text}|press" for number, text in enumerate(FORMULAS[:-1], 1)]
    imports.run(connection, {"people": table("person|name|organisation|category", *people)}, bytes)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Site]:
    import shutil

    from server.store.engine import open_store

    folder = tmp_path_factory.mktemp("exports")
    shutil.copytree(migrated, folder, dirs_exist_ok=True)
    store = open_store(f"sqlite:///{folder / 'threshold.db'}")
    site = Site(store)
    store.write(fill)
    site.enter(*(f"p{number}" for number in range(1, 8)))
    yield site
    store.close()


def make(site: Site, client: FlaskClient, form: str, **fields: str) -> Path:
    """A file that is ordered over HTTP, as it lies there when it is ready."""
    data = {"format": form, "csrf_token": token(client.get("/exports")), **fields}
    assert client.post("/exports", data=data).status_code == 303
    with site.store.read() as connection:
        number = connection.execute(select(export.c.id).order_by(export.c.id.desc())).scalars().first()
    one = ended(site.store, int(number or 0))
    assert one.state is State.DONE, one
    path = Workshop(site.store, utc_now, archive.make).path(one.file)
    assert path is not None
    return path


def test_a_workbook_holds_no_formula_and_no_link_and_numbers_and_times_are_such(full: Site) -> None:
    path = make(full, full.signed_in("organiser"), "xlsx")
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert [cell.value for cell in sheet[1]] == HEADER
    rows = list(sheet.iter_rows(min_row=2))
    assert len(rows) == 7
    names = {row[3].value for row in rows}
    assert set(FORMULAS[:-1]) < names
    assert all(row[3].data_type == "s" and row[3].hyperlink is None for row in rows)
    first = rows[0]
    assert first[0].is_date
    assert first[1].value.date() == datetime.now(UTC).date() or first[1].is_date
    assert all(isinstance(first[place].value, int) for place in (6, 15, 16))
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:R8")
    with zipfile.ZipFile(path) as parts:
        text = b"".join(parts.read(name) for name in parts.namelist())
    assert b"<f>" not in text
    assert b"hyperlink" not in text


def test_a_csv_and_json_lines_hold_the_filtered_rows_and_the_csv_no_live_formula(full: Site) -> None:
    client = full.signed_in("organiser")
    with make(full, client, "csv", person="p1").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["'=1+1"]
    lines = [json.loads(line) for line in make(full, client, "jsonl").read_text().splitlines()]
    assert [line["person"] for line in lines] == [f"p{number}" for number in range(1, 8)]
    assert lines[0]["name"] == "=1+1"
    assert datetime.fromisoformat(lines[0]["at"]).utcoffset() == timedelta(hours=5, minutes=30)
    assert (lines[0]["count"], lines[0]["flags"], lines[0]["steward"]) == (1, [], None)


def test_a_workbook_goes_on_in_another_sheet_when_one_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 3)
    with Workbook(tmp_path / "a.xlsx", "Log", [Heading("number")]) as book:
        for number in range(7):
            book.append([number])
    read = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert read.sheetnames == ["Log", "Log 2", "Log 3"]
    found = [[row[0] for row in sheet.iter_rows(values_only=True)] for sheet in read]
    assert found == [["number", 0, 1, 2], ["number", 3, 4, 5], ["number", 6]]
    assert [one.freeze_panes for one in read] == ["A2"] * 3


def test_a_workbook_that_is_given_up_leaves_no_parts_of_it(tmp_path: Path) -> None:
    def give_up() -> None:
        with Workbook(tmp_path / "a.xlsx", "Log", [Heading("number")]) as book:
            book.append([1])
            raise KeyError

    with pytest.raises(KeyError):
        give_up()
    assert not list(tmp_path.iterdir())


# ---- the pages ----


READERS = {"organiser", "admin", "auditor"}


@pytest.mark.parametrize("role", ["viewer", "steward", "supervisor", "desk", "organiser", "admin", "auditor"])
def test_only_those_who_read_the_log_make_see_and_take_files(full: Site, role: str) -> None:
    path = make(full, full.signed_in("admin"), "csv", kind="refused")
    number = path.stem.rpartition("-")[2]
    client = full.signed_in(role)
    csrf = token(client.get("/account"))
    asked = {
        "/exports": client.get("/exports"),
        "/exports/state": client.get("/exports/state"),
        "file": client.get(f"/exports/{number}/file"),
        "stop": client.post(f"/exports/{number}/stop", data={"csrf_token": csrf}),
        "delete": client.post(f"/exports/{number}/delete", data={"csrf_token": csrf}),
    }
    allowed = {200, 303} if role in READERS else {403}
    assert {name: answer.status_code for name, answer in asked.items() if answer.status_code not in allowed} == {}
    assert path.exists() == (role not in READERS)


def test_a_file_comes_under_its_name_is_kept_by_nobody_and_every_step_is_in_the_trail(full: Site) -> None:
    client = full.signed_in("auditor")
    path = make(full, client, "csv", q="Jane Doe", session="keynote")
    number = path.stem.rpartition("-")[2]
    answer = client.get(f"/exports/{number}/file")
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.search(
        rf"attachment; filename=threshold-log-\d{{8}}-\d{{4}}-{number}\.csv", answer.headers["Content-Disposition"]
    )
    assert answer.data == path.read_bytes()
    csrf = {"csrf_token": token(client.get("/exports"))}
    assert client.post(f"/exports/{number}/delete", data=csrf).status_code == 303
    assert not path.exists()
    assert client.get(f"/exports/{number}/file").status_code == 404
    with full.store.read() as connection:
        steps = trail.newest(connection, about="export", ref=number)
    assert [(step.by, step.what) for step in steps[::-1]] == [
        ("auditor", "exported"),
        ("auditor", "downloaded"),
        ("auditor", "deleted"),
    ]
    assert steps[-1].facts == {"format": "csv", "filters": {"q": "…", "session": "keynote"}}


def test_a_file_that_is_older_than_is_kept_goes_to_nobody(full: Site) -> None:
    """Erasing somebody makes every file that old, before anything is deleted."""
    client = full.signed_in("admin")
    path = make(full, client, "csv")
    number = int(path.stem.rpartition("-")[2])
    assert client.get(f"/exports/{number}/file").status_code == 200
    old = {"ended": to_ms(utc_now() - exports.KEPT) - 1}
    full.store.write(lambda c: c.execute(update(export).where(export.c.id == number).values(**old)))
    assert client.get(f"/exports/{number}/file").status_code == 404


def tables(path: Path) -> tuple[set[str], str]:
    """The tables of an archive, and what it says of the audit trail."""
    with closing(sqlite3.connect(path)) as opened:
        names = {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        (said,) = opened.execute("SELECT about FROM about WHERE \"table\" = 'trail' AND \"column\" = ''").fetchone()
    return names, said


def test_only_an_admin_takes_the_audit_trail_home_and_no_auditor_lists_of_people(full: Site) -> None:
    admin, organiser, auditor = (full.signed_in(role) for role in ("admin", "organiser", "auditor"))
    plain, whole = make(full, organiser, "archive"), make(full, admin, "archive-audit")
    assert "people" in tables(plain)[0]
    assert "trail" not in tables(plain)[0]
    assert "Not in this file" in tables(plain)[1]
    assert "trail" in tables(whole)[0]
    assert "Not in this file" not in tables(whole)[1]
    numbers = [path.stem.rpartition("-")[2] for path in (plain, whole)]
    taken = {
        name: [client.get(f"/exports/{number}/file").status_code for number in numbers]
        for name, client in (("admin", admin), ("organiser", organiser), ("auditor", auditor))
    }
    assert taken == {"admin": [200, 200], "organiser": [200, 403], "auditor": [403, 403]}
    for client, form in ((organiser, "archive-audit"), (auditor, "archive"), (auditor, "archive-audit")):
        page = client.get("/exports")
        assert client.post("/exports", data={"format": form, "csrf_token": token(page)}).status_code == 403
        assert f'value="{form}"' not in page.text
    assert 'value="archive"' not in auditor.get("/log").text
    assert 'value="archive"' in organiser.get("/log").text
    for number in numbers:
        admin.post(f"/exports/{number}/delete", data={"csrf_token": token(admin.get("/exports"))})


def test_too_many_files_are_refused_with_the_name_of_one_to_delete(full: Site) -> None:
    client = full.signed_in("organiser")
    now = to_ms(utc_now())
    row = {"format": "csv", "filters": "{}", "by": "x", "at": 1, "state": "done", "ended": now}
    names = [f"threshold-log-full-{number}.csv" for number in range(exports.MOST)]
    full.store.write(lambda c: c.execute(insert(export), [row | {"file": name} for name in names]))
    try:
        answer = client.post("/exports", data={"format": "csv", "csrf_token": token(client.get("/exports"))})
        assert (answer.status_code, "delete one: threshold-log-" in answer.text) == (409, True)
    finally:
        full.store.write(lambda c: c.execute(delete(export).where(export.c.file.in_(names))))


@pytest.mark.parametrize(
    "fields",
    [{"format": "exe"}, {}, {"format": "csv", "since": "x"}, {"format": "csv", "q": "a\0b"}, {"format": "csv\0"}],
)
def test_an_order_that_cannot_be_is_explained_and_not_written_down(full: Site, fields: dict[str, str]) -> None:
    client = full.signed_in("admin")
    with full.store.read() as connection:
        before = len(connection.execute(select(export.c.id)).all())
    answer = client.post("/exports", data=fields | {"csrf_token": token(client.get("/exports"))})
    assert (answer.status_code, 'class="error-do"' in answer.text) == (400, True)
    with full.store.read() as connection:
        assert len(connection.execute(select(export.c.id)).all()) == before


@pytest.mark.parametrize("number", ["0", "999999", "9" * 30, "x", "../threshold.db", "-1"])
def test_a_file_that_was_never_made_is_not_found(full: Site, number: str) -> None:
    assert full.signed_in("admin").get(f"/exports/{number}/file").status_code == 404


def test_a_name_in_the_table_leads_nowhere_but_into_the_folder(full: Site) -> None:
    row = {"format": "csv", "filters": "{}", "by": "x", "at": 1, "state": "done", "file": "../threshold.db", "ended": 1}
    number = full.store.write(lambda c: c.execute(insert(export).values(**row).returning(export.c.id)).scalar_one())
    assert full.signed_in("admin").get(f"/exports/{number}/file").status_code == 404


def test_looking_at_the_log_is_noted_once_an_hour_for_a_filter_without_the_name(full: Site) -> None:
    client = full.signed_in("auditor")

    def viewed() -> list[dict[str, object]]:
        with full.store.read() as connection:
            return [one.facts for one in trail.newest(connection, by="auditor", about="log") if one.what == "viewed"]

    before = len(viewed())
    for address in ("/log?q=jane&room=hall", "/log?q=jane&room=hall&before=3", "/log?q=jane&room=hall", "/log?q=joe"):
        client.get(address)
    assert viewed()[: len(viewed()) - before] == [{"filters": {"q": "…"}}, {"filters": {"q": "…", "room": "hall"}}]


def test_the_direct_csv_is_in_the_trail(full: Site) -> None:
    full.signed_in("admin").get("/log.csv?q=jane")
    with full.store.read() as connection:
        step = trail.newest(connection, 1, about="log", by="admin")[0]
    assert (step.what, step.facts) == ("exported", {"format": "csv", "filters": {"q": "…"}})

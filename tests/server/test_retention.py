"""Retention: names go when they are due and by themselves; every count, chain and proof stays what it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, func, insert, select, update

from admission.errors import ConfigError, ThresholdError
from admission.passage import Kind
from server import (
    acts,
    badges,
    erasure,
    event,
    exports,
    extracts,
    occupancy,
    privacy_desk,
    retention,
    settings,
    traces,
    trail,
    tray,
    workshop,
)
from server.acts import Actor
from server.config import Config
from server.current import Current
from server.reports import presence
from server.retention import QUIET, Keeper, Plan
from server.settings import Retention
from server.store import schema, versions
from server.store.engine import PostgresStore, SqliteStore, open_store
from server.store.instants import to_ms
from server.store.schema import (
    act,
    badge,
    companion,
    export,
    kept_count,
    listing,
    passage,
    person,
    quota,
    roll_mark,
    stay,
)
from server.traces import Cut
from server.trail import Who
from server.users import Role
from tests.pages import Site
from tests.server.audit_day import day, enter, leave, report, wrongs
from tests.server.desk import Server, badge_of
from tests.world import utc_now

WHO = Who("organiser", "10.0.0.1")
MONTH = timedelta(days=31)


def planned(server: Server, setting: Retention | None = None) -> Plan:
    with server.store.read() as connection:
        return retention.plan(connection, event.read(connection).zone, setting)


def later(server: Server) -> None:
    """A month after the end, when nothing has moved for long."""
    server.now += MONTH


def run(server: Server) -> Cut:
    return retention.run(server.store.write, lambda: server.now)


def one(server: Server, query: Any) -> Any:
    with server.store.read() as connection:
        return connection.execute(query).scalar_one()


def counts(server: Server) -> dict[str, object]:
    """Everything that is counted, by the board, the log and the sessions."""
    with server.store.read() as connection:
        board = occupancy.board(connection, Current(server.store, lambda: server.now).get(), server.now)
        attended = {name: extracts.attended(connection, name) for name in ("keynote", "talks", "dinner")}
        groups = {name: extracts.groups(connection, name) for name in ("keynote", "talks", "dinner")}
        kinds = connection.execute(
            select(passage.c.kind, passage.c.verdict, func.count()).group_by(passage.c.kind, passage.c.verdict)
        )
        came = select(func.count(stay.c.holder.distinct())).where(presence.real())
        return {
            "board": [{k: v for k, v in room.items() if k != "next"} for room in board["rooms"]],  # type: ignore[attr-defined]
            "attended": attended,
            "groups": groups,
            "kinds": sorted(tuple(row) for row in kinds),
            "came": connection.execute(came).scalar_one(),
        }


class TestWhenItIsDue:
    def test_so_many_days_after_the_last_session_by_the_venues_clock(self, plain: Server) -> None:
        found = planned(plain)
        assert found.ends is not None
        assert found.due == found.ends + timedelta(days=30)
        assert str(found.due.tzinfo) == "Asia/Kolkata"
        assert not found.is_due(found.due - timedelta(milliseconds=1))
        assert found.is_due(found.due)

    def test_never_without_a_session_and_never_when_it_is_off(self, plain: Server) -> None:
        assert planned(plain, Retention(30, active=False)).due is None
        plain.store.write(lambda c: c.exec_driver_sql("DELETE FROM listing"))
        plain.store.write(lambda c: c.exec_driver_sql("DELETE FROM session"))
        assert planned(plain).due is None

    def test_not_while_the_doors_are_in_use(self, plain: Server) -> None:
        """A programme with last year's dates must not cost anybody their name."""
        old = to_ms(plain.now - timedelta(days=400))
        plain.store.write(lambda c: c.exec_driver_sql(f"UPDATE session SET starts={old}, ends={old}"))
        found = planned(plain)
        assert found.due == found.busy_until
        assert found.due is not None
        assert abs(found.due - (plain.now + QUIET)) < timedelta(seconds=1)
        assert run(plain).people == 0
        plain.now += QUIET
        assert run(plain).people == 60

    def test_nothing_is_cut_before(self, plain: Server) -> None:
        day(plain)
        plain.now += timedelta(days=29)
        assert run(plain) == Cut()
        assert one(plain, select(func.count()).select_from(person)) == 60


class TestTheSetting:
    def test_a_change_is_written_into_the_trail(self, plain: Server) -> None:
        plain.store.write(lambda c: retention.set_to(c, Retention(7), 0, WHO, 5))
        with plain.store.read() as connection:
            assert settings.read(connection, Retention) == Retention(7)
            step = trail.newest(connection, 1)[0]
        assert (step.by, step.what, step.about, step.facts["days"]) == ("organiser", "changed", "retention", [30, 7])

    def test_of_two_who_change_it_the_second_is_told(self, plain: Server) -> None:
        plain.store.write(lambda c: retention.set_to(c, Retention(7), 0, WHO, 5))
        with pytest.raises(ConfigError, match="somebody else"):
            plain.store.write(lambda c: retention.set_to(c, Retention(9), 0, WHO, 6))


class TestACut:
    def test_no_name_is_left_and_every_count_is(self, server: Server) -> None:
        doors = day(server)
        leave(server, doors["hall-out"], 3)
        server.exchange(doors["hall-out"])
        later(server)
        before, log = counts(server), report(server)
        done = run(server)
        assert (done.people, done.badges) == (60, 60)
        assert done.passages == 21
        assert counts(server) == before
        assert wrongs(server) == ""
        assert report(server) == log
        for table in (person, listing):
            assert one(server, select(func.count()).select_from(table)) == 0
        assert one(server, select(func.count()).where(badge.c.person.is_not(None))) == 0
        assert one(server, select(func.count()).where(passage.c.person.is_not(None))) == 0
        assert {row["box"] for row in server.rows(badge)} == {b""}

    def test_who_attended_is_kept_as_numbers_of_delegations_and_categories(self, plain: Server) -> None:
        day(plain)
        later(plain)
        run(plain)
        kept = {(r["session"], r["delegation"], r["category"]): r["people"] for r in plain.rows(kept_count)}
        assert kept["keynote", "Land 1", 1] == 1  # p1
        with plain.store.read() as connection:
            people_at = extracts.attended(connection, "keynote")[0]
        assert sum(int(str(n)) for n in kept.values()) == people_at

    def test_a_second_look_finds_nothing_to_do(self, plain: Server) -> None:
        day(plain)
        later(plain)
        assert run(plain).people == 60
        before = plain.rows(schema.trail)
        assert run(plain) == Cut()
        assert plain.rows(schema.trail) == before

    def test_an_interrupted_run_is_taken_up(self, plain: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        day(plain)
        later(plain)
        before = counts(plain)
        monkeypatch.setattr(retention, "STEP", 7)
        whole = traces.cut
        calls: list[int] = []

        def breaks(*args: Any) -> Cut:
            calls.append(1)
            if len(calls) == 4:
                raise RuntimeError("the power goes")
            return whole(*args)

        monkeypatch.setattr(traces, "cut", breaks)
        with pytest.raises(RuntimeError):
            run(plain)
        assert one(plain, select(func.count()).select_from(person)) == 60 - 3 * 7
        assert counts(plain) == before
        assert wrongs(plain) == ""
        assert run(plain).people == 60 - 3 * 7
        assert counts(plain) == before
        assert wrongs(plain) == ""

    def test_a_run_that_died_before_it_said_that_it_was_done_is_said_to_be(self, plain: Server) -> None:
        later(plain)

        def dies(work: Callable[[Connection], Cut | None]) -> Cut | None:
            if one(plain, select(func.count()).select_from(person)) == 0:
                raise RuntimeError("the power goes")
            return plain.store.write(work)

        with pytest.raises(RuntimeError):
            retention.run(dies, lambda: plain.now)
        assert run(plain) == Cut()
        said = [str(row["what"]) for row in plain.rows(schema.trail) if row["about"] == "retention"]
        assert sorted(said) == ["began", "cut"]
        run(plain)
        assert len([row for row in plain.rows(schema.trail) if row["about"] == "retention"]) == 2

    def test_somebody_with_two_badges_stays_one_body(self, plain: Server) -> None:
        """They came in with one and left with the other: the pair holds, and so does the proof."""
        hall, out = plain.kiosk("hall-a"), plain.kiosk("hall-out")
        plain.exchange(hall)
        plain.exchange(out)
        enter(plain, hall, 1)
        plain.exchange(hall)
        selection = badges.Selection(["p1"], reprint=True)
        serial = plain.store.write(lambda c: badges.issue(c, selection, plain.now, os.urandom))[0]
        fresh = one(plain, select(badge.c.id).where(badge.c.serial == serial))
        plain.now += timedelta(minutes=1)
        out.pass_through(Kind.EXIT, fresh, plain.now)
        out.account = replace(out.account, exits=out.account.exits + 1)
        plain.exchange(out)
        assert wrongs(plain) == ""
        later(plain)
        before = counts(plain)
        run(plain)
        assert wrongs(plain) == ""
        assert counts(plain) == before
        assert {row["holder"] for row in plain.rows(stay)} == {-serial}

    def test_kiosks_hear_that_the_badges_are_over(self, plain: Server) -> None:
        with plain.store.read() as connection:
            before = versions.current(connection, versions.BADGES)
        later(plain)
        run(plain)
        with plain.store.read() as connection:
            assert versions.current(connection, versions.BADGES) > before
        assert {row["revoked_why"] for row in plain.rows(badge)} == {"retention"}

    def test_names_and_references_leave_what_was_written_down(self, server: Server) -> None:
        day(server)
        admin = Actor("admin", Role.ADMIN)
        text = "Person 5 (p5) lost it; PERSON 5's badge"
        server.store.write(lambda c: acts.ask(c, "forgive", {"person": "p5"}, admin, text, server.now))
        facts = {"person": "p5", "refs": ["p5", "p6"], "note": "for Person 5, room p5", "room": "hall"}
        server.store.write(lambda c: trail.note(c, WHO, 1, "viewed", "person", "p5", facts))
        server.store.write(lambda c: c.execute(insert(roll_mark.metadata.tables["roll_call"]).values(
            room="", begun=1, by="s", reason="Person 5 is missing")))  # fmt: skip
        server.store.write(lambda c: c.execute(update(badge).where(badge.c.serial == 5).values(revoked_why="Person 5")))
        later(server)
        run(server)
        everything = "\n".join(str(server.rows(table)) for table in act.metadata.sorted_tables)
        assert "Person " not in everything
        assert "PERSON" not in everything
        serial = badge_of(server, 5) >> 32
        done = server.rows(act)[-1]
        assert done["reason"] == f"badge {serial} (p5) lost it; badge {serial}'s badge"
        assert f'"person":"badge {serial}"' in str(done["facts"])
        seen = next(row for row in server.rows(schema.trail) if row["what"] == "viewed")
        assert seen["ref"] == f"badge {serial}"
        assert '"room":"hall"' in str(seen["facts"])

    def test_what_was_looked_for_and_which_delegations_go_too(self, plain: Server) -> None:
        def write(connection: Any) -> None:
            row = {"format": "csv", "filters": '{"q":"Person 5"}', "by": "o", "at": 1, "state": "done", "ended": 2}
            connection.execute(insert(export).values(**row))
            connection.execute(insert(quota).values(session="keynote", delegation="Land 1", most=3))
            row = {"at": 1, "by": "d", "room": "hall", "delegation": "Land 1", "bodies": 4}
            connection.execute(insert(companion).values(**row))

        plain.store.write(write)
        later(plain)
        run(plain)
        assert [row["filters"] for row in plain.rows(export)] == ["{}"]
        assert plain.rows(quota) == []
        assert [(row["delegation"], row["bodies"]) for row in plain.rows(companion)] == [("", 4)]

    def test_the_trail_says_how_much_was_cut_and_by_whom(self, plain: Server) -> None:
        day(plain)
        later(plain)
        run(plain)
        with plain.store.read() as connection:
            last, first = trail.newest(connection, 2, about="retention")
        assert (first.what, first.by, first.facts) == (
            "began",
            "retention",
            {"people": 60, "badges": 60, "passages": 20},
        )
        assert (last.what, last.facts["people"], last.facts["passages"]) == ("cut", 60, 20)


class TestByItself:
    def test_it_cuts_what_is_due_and_tells(self, plain: Server) -> None:
        heard: list[int] = []
        keeper = Keeper(plain.store, lambda: plain.now, lambda: heard.append(1))
        assert keeper.look().people == 0
        assert heard == []
        later(plain)
        assert keeper.look().people == 60
        assert heard == [1]

    def test_every_look_throws_away_what_is_old_also_when_nothing_is_due(self, sqlite_store: SqliteStore) -> None:
        """Uploads that wait for longer than they may, and files that no order names."""
        site = Site(sqlite_store)
        now = to_ms(utc_now())
        for token, at in (("old", now - 31 * 60_000), ("new", now)):
            files = tray.Files("organiser", at, {}, {})
            site.store.write(lambda c, token=token, files=files: tray.put(c, token, files))  # type: ignore[misc]
        folder = workshop.folder_of(site.store)
        folder.mkdir()
        (folder / "threshold-log-1-7.csv").write_text("Person 5")
        keeper = site.app.extensions["threshold_retention"]
        assert keeper.look() == Cut()
        with site.store.read() as connection:
            assert list(connection.execute(select(schema.setting.c.name)).scalars()) == ["tray:new"]
        assert list(folder.iterdir()) == []

    def test_a_cut_withdraws_files_and_uploads(self, sqlite_store: SqliteStore) -> None:
        site = Site(sqlite_store)
        folder, now = workshop.folder_of(site.store), utc_now()
        folder.mkdir()
        (folder / "threshold-log-1-1.csv").write_text("Person 5")
        row = {"format": "csv", "filters": "{}", "by": "o", "at": 1, "state": "done", "file": "threshold-log-1-1.csv"}
        site.store.write(lambda c: c.execute(insert(export).values(**row, ended=to_ms(now))))
        site.store.write(lambda c: tray.put(c, "new", tray.Files("organiser", to_ms(now), {}, {})))
        keeper = site.app.extensions["threshold_retention"]
        keeper.clock = lambda: now + MONTH
        assert keeper.look().people == 60
        assert list(folder.iterdir()) == []
        with site.store.read() as connection:
            assert connection.execute(select(schema.setting)).all() == []
            assert connection.execute(select(export.c.file)).scalar_one() == ""

    def test_a_failure_is_told_and_no_end(self, plain: Server, caplog: pytest.LogCaptureFixture) -> None:
        class Broken:
            def write(self, *_args: object, **_more: object) -> None:
                raise OSError("disk")

        keeper = Keeper(Broken(), lambda: plain.now, lambda: None)  # type: ignore[arg-type]
        assert keeper.look() == Cut()
        assert "tries again within the hour" in caplog.text

    @pytest.mark.postgres
    @pytest.mark.xdist_group("postgres")
    def test_of_two_processes_one_cuts(self, store: SqliteStore | PostgresStore, server: Server) -> None:
        if not isinstance(store, PostgresStore):
            return
        later(server)
        with store.engine.begin() as other:
            other.execute(select(func.pg_advisory_xact_lock(retention.LOCK)))
            assert run(server) == Cut()
        assert run(server).people == 60


def test_the_file_holds_no_name_afterwards(plain: Server, tmp_path: Path) -> None:
    """Deleted rows are overwritten: whoever takes the file away finds nobody."""
    day(plain)
    later(plain)
    plain.store.write(lambda c: c.execute(update(person).values(organisation="Zyxwvut")))
    run(plain)
    plain.store.close()
    for path in tmp_path.glob("threshold.db*"):
        held = path.read_bytes()
        assert b"Zyxwvut" not in held, path
        assert b"Person 5" not in held, path


class TestTheCommands:
    def run(self, server: Server, *words: str, typed: str = "") -> tuple[int, str]:
        assert isinstance(server.store, SqliteStore)

        @click.group()
        @click.pass_context
        def main(context: click.Context) -> None:
            context.obj = Config(database=f"sqlite:///{server.store.path}")  # type: ignore[union-attr]

        privacy_desk.register(main, lambda: server.now)
        result = CliRunner().invoke(main, list(words), input=typed)
        if isinstance(result.exception, Exception) and not isinstance(result.exception, ThresholdError):
            raise result.exception
        return result.exit_code, result.output + str(result.exception or "")

    def exported(self, server: Server) -> Path:
        """A file that lies there to be taken home."""
        folder = workshop.folder_of(server.store)
        folder.mkdir()
        path = folder / "threshold-log-1-1.csv"
        path.write_text("Person 5")
        row = {"format": "csv", "filters": "{}", "by": "o", "at": 1, "state": "done", "ended": to_ms(server.now)}
        server.store.write(lambda c: c.execute(insert(export).values(**row, file=path.name)))
        return path

    def test_retention_is_told_and_done(self, plain: Server) -> None:
        day(plain)
        status, said = self.run(plain, "apply-retention")
        assert status == 0
        assert "not due before" in said
        assert "nothing cut" in said
        later(plain)
        assert "due since" in self.run(plain, "apply-retention", "--dry-run")[1]
        assert len(plain.rows(person)) == 60
        path = self.exported(plain)
        assert "60 people cut out of 20 passages" in self.run(plain, "apply-retention")[1]
        assert not path.exists()
        assert plain.rows(person) == []
        assert wrongs(plain) == ""

    def test_a_person_is_erased_once_the_reference_is_typed(self, plain: Server) -> None:
        day(plain)
        status, said = self.run(plain, "erase-person", "p5", "--reason", "asked", typed="p6\n")
        assert status == 1
        assert "type the reference p5" in said
        assert "inside now: The hall" in said
        path = self.exported(plain)
        assert self.run(plain, "erase-person", "p5", "--reason", "asked", typed="p5\n")[0] == 0
        assert not path.exists()
        assert [row["file"] for row in plain.rows(export)] == [""]
        assert self.run(plain, "erase-person", "p6", "--reason", "asked", "--yes")[0] == 0
        assert {"p5", "p6"}.isdisjoint(str(row["ref"]) for row in plain.rows(person))
        assert "nobody has the reference" in self.run(plain, "erase-person", "p5", "--reason", "asked")[1]


def test_what_is_deleted_is_overwritten_from_the_first_moment(plain: Server, tmp_path: Path) -> None:
    """Not only from the first erasure on: an upload that was taken out of the tray names people too."""
    plain.store.write(lambda c: c.execute(insert(schema.setting).values(name="tray:a", value="Zyxwvut" * 40)))
    plain.store.close()
    store = open_store(f"sqlite:///{tmp_path / 'threshold.db'}")
    store.write(lambda c: tray.drop(c, "a"))
    store.close()
    for path in tmp_path.glob("threshold.db*"):
        assert b"Zyxwvut" not in path.read_bytes(), path


def test_exported_files_that_may_name_somebody_are_as_old_as_those_that_are_deleted(plain: Server) -> None:
    def ask(connection: Any) -> None:
        row = {"format": "csv", "filters": "{}", "by": "o", "at": 1}
        connection.execute(insert(export).values(**row, state="running"))
        connection.execute(insert(export).values(**row, state="done", file="log.csv", ended=to_ms(plain.now)))

    plain.store.write(ask)
    plain.store.write(lambda c: erasure.erase(c, "p5", "p5", "asked", WHO, plain.now))
    assert [row["state"] for row in plain.rows(export)] == ["stopped", "done"]
    assert plain.store.write(lambda c: exports.outdated(c, plain.now)) == ["log.csv"]

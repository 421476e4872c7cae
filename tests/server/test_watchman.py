"""Backups that no longer come are an incident; their age is a figure for whoever watches machines."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from server import backup, incidents
from server.config import Config
from server.serve import Gunicorn
from server.store.engine import PostgresStore, SqliteStore
from server.watchman import KIND, Watchman
from tests.world import World, utc_now

Either = SqliteStore | PostgresStore
NOW = utc_now().replace(microsecond=0)


@pytest.fixture
def store(sqlite_store: Either) -> Either:
    return sqlite_store


@pytest.fixture
def where(world: World, tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


def looked(store: Either, where: Path, minutes: int, heard: list[int] | None = None) -> bool:
    told = [] if heard is None else heard
    return Watchman(store, where, lambda: NOW + timedelta(minutes=minutes), lambda: told.append(minutes)).look()


def opened(store: Either) -> list[str]:
    with store.read() as connection:
        return [one.kind for one in incidents.listed(connection, resolved=False)]


def test_no_new_backup_for_twenty_minutes_is_one_incident_until_somebody_has_looked(store: Either, where: Path) -> None:
    heard: list[int] = []
    backup.make(where.parent / "threshold.db", where, lambda: NOW)
    assert not looked(store, where, 20, heard)
    assert looked(store, where, 21, heard)
    assert not looked(store, where, 22, heard)
    assert opened(store) == [KIND]
    assert heard == [21]
    with store.read() as connection:
        [one] = incidents.listed(connection, resolved=False)
    assert one.words.grave
    store.write(lambda c: incidents.resolve(c, one.id, "admin", "the disk was full", 1))
    assert looked(store, where, 40)


def test_where_there_never_was_a_backup_nothing_is_raised(store: Either, where: Path) -> None:
    assert not looked(store, where, 600)
    assert not looked(store, where / "missing", 600)
    assert opened(store) == []


def test_a_disk_that_is_away_with_all_the_backups_is_told_and_so_is_one_that_never_came(
    store: Either, where: Path
) -> None:
    moment = [NOW]
    watchman = Watchman(store, where, lambda: moment[0], lambda: None)
    backup.make(where.parent / "threshold.db", where, lambda: NOW)
    assert not watchman.look()
    where.rename(where.parent / "unmounted")
    moment[0] += timedelta(minutes=21)
    assert watchman.look()
    assert watchman.age(moment[0]) == timedelta(minutes=21)
    store.write(lambda c: incidents.resolve(c, 1, "admin", "it was away", 1))
    begun_anew = Watchman(store, where, lambda: moment[0], lambda: None, expected=True)
    assert begun_anew.look()
    assert begun_anew.age(moment[0]) == timedelta.max
    where.mkdir()  # where it is mounted, without it
    store.write(lambda c: incidents.resolve(c, 2, "admin", "it was away", 1))
    assert begun_anew.look()


def test_a_disk_that_went_away_while_the_clock_was_ahead_is_told_too(store: Either, where: Path) -> None:
    moment = [NOW + timedelta(days=300)]
    watchman = Watchman(store, where, lambda: moment[0], lambda: None)
    backup.make(where.parent / "threshold.db", where, lambda: moment[0])
    assert not watchman.look()
    where.rename(where.parent / "unmounted")
    moment[0] = NOW
    assert not watchman.look()
    moment[0] += timedelta(minutes=21)
    assert watchman.look()


def test_a_folder_that_fails_is_a_disk_that_is_away(
    store: Either, where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_words: object) -> None:
        raise PermissionError(13, "Permission denied", str(where))

    monkeypatch.setattr(backup, "newest", fails)
    assert Watchman(store, where, lambda: NOW, lambda: None, expected=True).look()
    assert not Watchman(store, where, lambda: NOW, lambda: None).look()


def test_a_backup_that_a_wrong_clock_has_dated_ahead_hides_nothing(store: Either, where: Path) -> None:
    source = where.parent / "threshold.db"
    backup.make(source, where, lambda: NOW)
    backup.make(source, where, lambda: NOW + timedelta(days=300))
    assert looked(store, where, 21)


def test_a_database_that_fails_does_not_end_the_watch(store: Either, where: Path) -> None:
    backup.make(where.parent / "threshold.db", where, lambda: NOW)
    store.write(lambda c: c.exec_driver_sql("ALTER TABLE incident RENAME TO away"))
    assert not looked(store, where, 21)
    store.write(lambda c: c.exec_driver_sql("ALTER TABLE away RENAME TO incident"))
    assert looked(store, where, 22)


def test_the_age_of_the_newest_backup_is_a_figure_once_there_is_one(store: Either, where: Path) -> None:
    config = Config(data=str(where.parent), metrics_open=True)
    app = Gunicorn(config, lambda: NOW + timedelta(minutes=7)).load()
    client = app.test_client()
    assert "threshold_backup_age_seconds" not in client.get("/metrics").text
    backup.make(where.parent / "threshold.db", where, lambda: NOW)
    assert "\nthreshold_backup_age_seconds 420.0\n" in client.get("/metrics").text
    where.rename(where.parent / "unmounted")
    assert "\nthreshold_backup_age_seconds 420.0\n" in client.get("/metrics").text
    app.extensions["threshold_watchman"].close()


def test_the_age_is_infinite_where_a_folder_was_set_and_no_backup_came(store: Either, where: Path) -> None:
    config = Config(data=str(where.parent), metrics_open=True, backups=str(where.parent / "usb"))
    app = Gunicorn(config, lambda: NOW).load()
    assert "\nthreshold_backup_age_seconds +Inf\n" in app.test_client().get("/metrics").text
    app.extensions["threshold_watchman"].close()

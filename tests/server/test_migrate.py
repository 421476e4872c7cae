"""The tables are brought up to date whole or not at all, by one process at a time."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from server.store import engine
from server.store.engine import Turn, migrate


def at(path: Path, revision: str) -> None:
    """A database of an older version, in use: with its WAL."""
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    config.attributes["url"] = f"sqlite:///{path}"
    if revision:
        command.upgrade(config, revision)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def schema(path: Path) -> list[tuple[str, list[str]]]:
    """What every table is made of, in any order: that of foreign keys is alembic's whim."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return [(name, sorted(line.strip(" \t,") for line in text.splitlines())) for name, text in found]


@pytest.mark.parametrize(("revision", "step"), [("0004", 1), ("0001", 13), ("", 37)])
def test_a_plug_pulled_after_any_statement_of_a_migration_costs_nothing(
    tmp_path: Path, revision: str, step: int
) -> None:
    old, cuts, whole = tmp_path / "old.db", tmp_path / "cuts", tmp_path / "whole.db"
    cuts.mkdir()
    at(old, revision)
    words = [sys.executable, "-m", "tests.server.cut_migration", str(old), str(cuts), str(step)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 3
    whole.write_bytes(old.read_bytes())
    migrate(f"sqlite:///{whole}")
    found, expected = {path.name: schema(path) for path in cuts.glob("*.db")}, schema(whole)
    assert len(found) == int(ran.stdout) + 1
    assert [name for name, tables in found.items() if tables != expected] == []


def test_what_an_older_version_has_left_half_made_is_in_nobodys_way(tmp_path: Path) -> None:
    path, whole = tmp_path / "half.db", tmp_path / "whole.db"
    for one in (path, whole):
        at(one, "0004")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE _alembic_tmp_room (id VARCHAR(64) NOT NULL)")
        connection.commit()
    for one in (path, whole):
        migrate(f"sqlite:///{one}")
    assert schema(path) == schema(whole)


def test_a_migration_waits_for_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "threshold.db"
    at(path, "0004")
    before = schema(path)
    turn = Turn(path)
    with closing(turn):
        with turn:
            words = f"from server.store.engine import migrate; print(flush=True); migrate('sqlite:///{path}')"
            waiting = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE)
            assert waiting.stdout is not None
            waiting.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(2)
            assert schema(path) == before
        assert waiting.wait(30) == 0
        waiting.stdout.close()
    assert schema(path) != before


def test_a_link_in_the_place_of_the_file_beside_the_database_is_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "threshold.db", tmp_path / "other"
    Path(f"{path}.turn").symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        Turn(path)
    assert not other.exists()

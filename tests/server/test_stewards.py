"""Stewards' codes: strong enough, sealed in the badge's own record, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from sqlalchemy import select

from admission import record
from admission.errors import ConfigError
from admission.record import Record
from server import badges, stewards
from server.__main__ import main
from server.badges import Selection
from server.imports import run as run_import
from server.store import schema, versions
from server.store.engine import PostgresStore, SqliteStore, migrate, transaction
from tests.world import World, make_world, table, utc_now

Either = SqliteStore | PostgresStore
CODE = "730518"


def set_code(store: Either, ref: str, code: str = CODE) -> None:
    store.write(lambda c: stewards.set_code(c, ref, code, os.urandom(16), os.urandom))


def sealed(store: Either, ref: str) -> Record:
    """The record of the person's live badge, opened with its token."""
    whose = select(schema.badge.c.serial, schema.badge.c.box).join(schema.person)
    with store.read() as connection:
        row = connection.execute(whose.where(schema.person.c.ref == ref, schema.badge.c.revoked.is_(None))).one()
        [card] = badges.cards(connection, [row.serial])
    found = record.unseal(card.text, bytes(row.box))
    assert found is not None
    return found


def opens(code: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(code.encode(), stored)
    except InvalidKey:
        return False
    return True


def badges_version(store: Either) -> int:
    with store.read() as connection:
        return versions.current(connection, versions.BADGES)


def test_a_code_is_sealed_into_the_live_badge_and_the_kiosks_hear_of_it(store: Either, world: World) -> None:
    before, name = badges_version(store), sealed(store, "p5").name
    set_code(store, "p5")
    one = sealed(store, "p5")
    assert opens(CODE, one.code)
    assert not opens("730519", one.code)
    assert one.name == name
    assert badges_version(store) == before + 1
    assert sealed(store, "p6").code == ""


def test_a_reprinted_badge_and_a_corrected_name_keep_the_code(store: Either, world: World) -> None:
    set_code(store, "p5")
    store.write(lambda c: badges.issue(c, Selection(["p5"], reprint=True), utc_now(), os.urandom))
    assert opens(CODE, sealed(store, "p5").code)
    corrected = {"people": table("person|name|category", "p5|Another Name|press")}
    store.write(lambda c: run_import(c, corrected, os.urandom))
    assert sealed(store, "p5").name == "Another Name"
    assert opens(CODE, sealed(store, "p5").code)


def test_a_code_that_is_cleared_is_gone_from_the_badge(store: Either, world: World) -> None:
    set_code(store, "p5")
    store.write(lambda c: stewards.clear_code(c, "p5", os.urandom))
    assert sealed(store, "p5").code == ""


@pytest.mark.parametrize(
    "code",
    ["", "123", "1234567890123", "12a4", " 1234", "١٢٣٧", "²²³⁴", "0000", "777777", "1234", "8901", "4321", "1098"],
)
def test_a_code_that_is_easy_to_guess_is_not_taken(sqlite_store: Either, code: str) -> None:
    sqlite_store.write(lambda c: make_world(c, utc_now(), people=3))
    with pytest.raises(ConfigError, match=r"digits"):
        set_code(sqlite_store, "p1", code)
    assert sealed(sqlite_store, "p1").code == ""


@pytest.mark.parametrize("code", ["1357", "0099", "1211", "2468", "908172635443"])
def test_any_other_code_is_taken(code: str) -> None:
    assert stewards.weakness(code) == ""


def test_nobody_is_meant_by_an_unknown_reference(store: Either, world: World) -> None:
    with pytest.raises(ConfigError, match="nobody-here"):
        set_code(store, "nobody-here")


def test_the_code_itself_lies_nowhere_in_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now(), people=3)
        stewards.set_code(connection, "p1", "918273645504", os.urandom(16), os.urandom)
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert files
    assert not any(b"918273645504" in content for content in files)


def test_the_command_reads_the_code_from_standard_input_and_takes_it_away_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'threshold.db'}"
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now(), people=3)
    told = CliRunner().invoke(main, ["--data", str(tmp_path), "set-code", "P1", "--code-stdin"], input=f"{CODE}\n")
    assert told.exit_code == 0, told.output
    assert CODE not in told.output
    with transaction(url) as connection:
        stored = connection.execute(select(schema.person.c.code).where(schema.person.c.ref == "p1")).scalar_one()
    assert opens(CODE, stored)
    told = CliRunner().invoke(main, ["--data", str(tmp_path), "set-code", "p1", "--code-stdin"], input="1111\n")
    assert told.exit_code == 1
    assert "too easy" in told.output
    assert CliRunner().invoke(main, ["--data", str(tmp_path), "set-code", "p1", "--clear"]).exit_code == 0
    with transaction(url) as connection:
        assert connection.execute(select(schema.person.c.code).where(schema.person.c.ref == "p1")).scalar_one() == ""

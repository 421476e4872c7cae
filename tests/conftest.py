"""What many tests stand on: a real SQLite file, a real PostgreSQL, and the small venue on either."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from server.store.engine import PostgresStore, SqliteStore, migrate, open_store
from tests.world import World, make_world, utc_now


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL of the tests' own, reached through a socket in a folder."""

    socket: Path

    def new_database(self, template: str = "template1") -> str:
        """The address of a fresh database, like another one that nobody uses now."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self.socket}", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return f"postgresql://postgres@/{name}?host={self.socket}"


def _programs() -> Path:
    """The newest installed server's programs. Fails, never skips: a store that is not tested is not kept."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    assert found, "PostgreSQL is not installed; run: sh deploy/bootstrap.sh test (or leave these out with --fast)"
    return found[-1].parent


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL started for this run. It refuses to run as root, so root lends it the user postgres."""
    programs = _programs()
    folder = Path(f"/tmp/threshold-pg-{secrets.token_hex(4)}")
    folder.mkdir(mode=0o700)
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)

    def run(*words: str) -> None:
        subprocess.run(words, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    data = folder / "data"
    run(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c max_connections=200"
    run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", settings, "start")
    try:
        yield Cluster(folder)
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


DATABASES = ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.xdist_group("postgres")])]


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'threshold.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_database()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a SQLite database that has the newest schema and nothing in it: a copy of it is a new one, for a
    tenth of the time."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate(f"sqlite:///{folder / 'threshold.db'}")
    return folder


@pytest.fixture(scope="session")
def migrated_postgres(cluster: Cluster) -> str:
    """The name of such a database on the cluster."""
    url = cluster.new_database()
    migrate(url)
    return url.removeprefix("postgresql://postgres@/").partition("?")[0]


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore | PostgresStore]:
    """An open store with the newest schema, on each kind of database."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("migrated"), tmp_path, dirs_exist_ok=True)
        url = f"sqlite:///{tmp_path / 'threshold.db'}"
    else:
        template: str = request.getfixturevalue("migrated_postgres")
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.new_database(template)
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(migrated: Path, tmp_path: Path) -> Iterator[SqliteStore | PostgresStore]:
    """An open store on SQLite alone, for what has nothing to do with the database."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    opened = open_store(f"sqlite:///{tmp_path / 'threshold.db'}")
    yield opened
    opened.close()


@pytest.fixture
def world(store: SqliteStore | PostgresStore) -> World:
    """The small venue in ``store``."""
    return store.write(lambda connection: make_world(connection, utc_now()))

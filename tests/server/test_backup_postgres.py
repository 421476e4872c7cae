"""A cluster of PostgreSQL that was put back from a base backup and an archive of its WAL, as docs/backups.md says."""

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
from sqlalchemy import insert, select

from server.backup_desk import notice_restore
from server.config import Config
from server.store.engine import migrate, transaction
from server.store.schema import event, setting
from tests import manual
from tests.together.fleet import wait_until
from tests.world import make_world, utc_now

pytestmark = [pytest.mark.postgres, pytest.mark.long, pytest.mark.xdist_group("postgres")]


@dataclass
class Cluster:
    """A cluster of the test's own, in a folder, run by whoever may."""

    folder: Path
    user: str | None
    name: str = "data"
    port: int = 5432

    @property
    def data(self) -> Path:
        return self.folder / self.name

    def run(self, *words: str) -> None:
        newest = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
        program = [str(newest / words[0]), *words[1:]]
        subprocess.run(program, user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL, check=True, timeout=60)

    def follow(self, mark: str) -> None:
        """Does what the manual says, with this cluster's folders in the place of its example's."""
        given = {"ADMIN": self.address("postgres"), "PGDATA": str(self.data)}
        manual.follow(mark, self.folder, given, self.here, self.user)

    def here(self, text: str) -> str:
        return text.replace("/srv/", f"{self.folder}/")

    def start(self) -> None:
        """Starts it, and waits until it takes writes, if it is no standby."""
        settings = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c port={self.port}"
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", settings, "start")
        if (self.data / "standby.signal").exists():
            return
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            recovering = "SELECT pg_is_in_recovery()"
            wait_until(lambda: connection.execute(recovering).fetchone() == (False,), "the cluster takes writes")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")

    def address(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}&port={self.port}"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster whose archive is as the manual says. It refuses to run as root, so root lends it the user postgres."""
    folder = Path(f"/tmp/threshold-pg-{secrets.token_hex(4)}")
    (folder / "wal").mkdir(parents=True, mode=0o700)
    found = Cluster(folder, "postgres" if os.geteuid() == 0 else None)
    if found.user is not None:
        entry = pwd.getpwnam(found.user)
        for path in (folder, folder / "wal"):
            os.chown(path, entry.pw_uid, entry.pw_gid)
    found.run("initdb", "-D", str(found.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    with (found.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(found.here(manual.block("archive")))
    found.start()
    try:
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


def note(url: str, name: str) -> None:
    with transaction(url) as connection:
        connection.execute(insert(setting), {"name": name, "value": "1"})


def eras(url: str) -> int:
    with transaction(url) as connection:
        return int(connection.execute(select(event.c.era)).scalar_one())


def test_a_base_backup_and_the_archive_bring_back_what_was_written_after_it_in_a_new_era(cluster: Cluster) -> None:
    with psycopg.connect(cluster.address("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE threshold")
    url, config = cluster.address("threshold"), Config(database=cluster.address("threshold"))
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now(), people=3, kiosks=())
    notice_restore(config, utc_now)  # a server starts on it, and notes where it is at home
    cluster.follow("base")
    note(url, "after the base backup")
    with psycopg.connect(cluster.address("postgres"), autocommit=True) as connection:
        [last] = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
        wait_until((cluster.folder / "wal" / last).exists, "the WAL is archived")
    notice_restore(config, utc_now)
    assert eras(url) == 1
    cluster.stop()
    cluster.data.rename(cluster.folder / "lost")

    cluster.follow("recover")
    cluster.start()
    notice_restore(config, utc_now)
    assert eras(url) == 2
    with transaction(url) as connection:
        assert "after the base backup" in connection.execute(select(setting.c.name)).scalars().all()
    notice_restore(config, utc_now)
    assert eras(url) == 2


def test_a_standby_that_is_promoted_is_another_database_at_once(cluster: Cluster) -> None:
    with psycopg.connect(cluster.address("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE threshold")
    url = cluster.address("threshold")
    migrate(url)
    with transaction(url) as connection:
        make_world(connection, utc_now(), people=3, kiosks=())
    notice_restore(Config(database=url), utc_now)
    cluster.follow("base")
    note(url, "after the base backup")  # which the standby has yet to write back: no checkpoint is at once
    (cluster.folder / "base" / "standby.signal").touch()
    (cluster.folder / "base" / "postgresql.auto.conf").write_text(
        f"primary_conninfo = 'host={cluster.folder} user=postgres'\ncheckpoint_timeout = 1h\n"
    )
    second = Cluster(cluster.folder, cluster.user, "base", 5433)
    second.start()
    try:
        behind = "SELECT pg_last_wal_replay_lsn() < %s"
        with psycopg.connect(cluster.address("postgres"), autocommit=True) as connection:
            [written] = connection.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
        with psycopg.connect(second.address("postgres"), autocommit=True) as connection:
            wait_until(lambda: connection.execute(behind, [written]).fetchone() == (False,), "the standby follows")
        cluster.stop()
        second.run("pg_ctl", "-D", str(second.data), "-w", "promote")
        notice_restore(Config(database=second.address("threshold")), utc_now)
        assert eras(second.address("threshold")) == 2
    finally:
        second.stop()
        cluster.start()

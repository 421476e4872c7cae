"""``threshold-server doctor`` and ``print-target``: what is wrong with this server, with the fix, and the sheet by
which kiosks judge their cameras. Reads beside the server, or without one, and changes nothing. Time is passed in."""

from __future__ import annotations

import io
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import click
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from admission.errors import ConfigError, ThresholdError
from admission.findings import STATUS, Finding, bad, encode, good, lines, worst
from server import backup, doctor, fleet, probes, programme, roots
from server import event as events
from server.config import Config, check_bind
from server.doctor import Database, Event, Kiosk, Listening, Revision
from server.fleet import BAD
from server.store import engine
from server.store.engine import Reader, file_of, was_put_back
from server.store.schema import event, gate, pairing, quarantine, session, user
from server.target_sheet import draw_target

Clock = Callable[[], datetime]


def register(group: click.Group, now: Clock) -> None:
    """Adds the commands to the server's others."""

    @group.command("doctor")
    @click.option("--json", "as_json", is_flag=True, help="write the findings as JSON")
    @click.option("--address", default="", help="the address that kiosks use, like https://checkin.example.org")
    @click.pass_context
    def examine_server(context: click.Context, as_json: bool, address: str) -> None:
        """Say what is wrong with this server, and what to do about it.

        The exit status is 0 if all is well, 1 if something is worth a look, 2 if something is wrong.
        """
        found = examine(context.obj, now, address)
        if as_json:
            click.echo(encode(found))
        else:
            click.echo("\n".join(lines(found, coloured=sys.stdout.isatty())), color=sys.stdout.isatty())
        context.exit(STATUS[worst(found)])

    @group.command("print-target")
    @click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="the PDF")
    def print_target(out: Path) -> None:
        """Draw the test target for the kiosks' cameras, one A4 page; print it at 100 %."""
        drawn = io.BytesIO()
        draw_target(drawn)
        out.write_bytes(drawn.getvalue())
        click.echo(f"the target is in {out}; print it at 100 % (its bar is 100 mm long) and hold it up at 30 cm")


def examine(config: Config, now: Clock, address: str = "") -> list[Finding]:
    """Everything that can be found out about the server with these settings. Never raises for what is wrong."""
    found = [*_settings(config), *_listening(config), doctor.time(probes.is_synchronised())]
    file = _file(config)
    if file is not None and probes.is_barred(file.parent):
        return [*found, doctor.barred(str(file.parent)), _parts()]
    found += _kept(config, file, now)
    try:
        reader = Reader(config.url)
    except ThresholdError as error:
        return [*found, bad("database", str(error), "threshold-server init, or set data or database right"), _parts()]
    try:
        with reader.read() as connection:
            found += _contents(connection, config, now, address)
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        fix = "PostgreSQL: see that it runs and lets this user in; SQLite: threshold-server backups, then restore"
        why = str(getattr(error, "orig", error)).strip().partition("\n")[0]
        found.append(bad("database", f"it cannot be read: {why}", fix))
    finally:
        reader.close()
    return [*found, _parts()]


def _settings(config: Config) -> Iterator[Finding]:
    """What stands in the file of settings and cannot be."""
    wrong = [] if config.workers == 1 or _file(config) is None else ["workers needs PostgreSQL"]
    checks: tuple[Callable[[], object], ...] = (lambda: check_bind(config.bind), lambda: roots.read(config.ca))
    for check in checks:
        try:
            check()
        except ConfigError as error:
            wrong.append(str(error))
    if wrong:
        yield bad("settings", "; ".join(wrong), "correct the file of settings and restart the server")
    else:
        yield good("settings", "read, and each can be")


def _file(config: Config) -> Path | None:
    """The SQLite file; None for another database, or an address that is none."""
    try:
        return file_of(config.url)
    except ConfigError:
        return None


def _listening(config: Config) -> Iterator[Finding]:
    try:
        host = check_bind(config.bind)
    except ConfigError:
        return  # said already
    why = probes.answers(config.bind)
    yield from doctor.listening(Listening(config.bind, probes.is_open(host), config.https, config.proxies, why))


def _kept(config: Config, file: Path | None, now: Clock) -> Iterator[Finding]:
    """What lies around the database: its disk, and its backups."""
    if file is None:
        yield good("backups", "PostgreSQL is backed up with its own tools: see that it is (docs/backups.md)")
        return
    secret = [file] if file.exists() else []
    yield from doctor.disk(probes.try_folder(file.parent, secret, lambda: now().timestamp()))
    if (where := backup.folder(config)) is not None:
        yield _backups(where, now(), named=bool(config.backups))


def _backups(where: Path, now: datetime, *, named: bool) -> Finding:
    """``named``: the folder is in the settings, so that somebody has to have made it."""
    try:
        if named and not where.is_dir():
            return doctor.unseen(str(where), "it is not there")
        newest = backup.newest(where, now)
    except OSError as error:
        return doctor.unseen(str(where), error.strerror or str(error))
    return doctor.backups(None if newest is None else now - newest, backup.STALE)


def _contents(connection: Connection, config: Config, now: Clock, address: str) -> Iterator[Finding]:
    """What is in the database, as far as its tables are those of this version."""
    facts = _database(connection, config)
    yield doctor.database(facts)
    if facts.revision is Revision.CURRENT and facts.sound == "ok":
        known = _event(connection)
        yield from doctor.event(known)
        yield from _tls(config, now, address or _paired_at(connection, config))
        if known.name:
            yield from doctor.kiosks(_kiosks(connection, now()))
    else:
        yield from _tls(config, now, address)


def _database(connection: Connection, config: Config) -> Database:
    revision = _revision(connection)
    if connection.dialect.name == "sqlite":
        file = file_of(config.url)
        # Without its number beside it nothing can be told, and asking would make one.
        put_back = file is not None and Path(f"{file}.turn").exists() and was_put_back(config.url)
        sound = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
        return Database(f"SQLite {sqlite3.sqlite_version}", revision, sound=sound, put_back=put_back)
    number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    return Database(f"PostgreSQL {number // 10000}.{number % 10000}", revision, number)


def _revision(connection: Connection) -> Revision:
    if not inspect(connection).has_table("alembic_version"):
        return Revision.NONE
    has = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    script = ScriptDirectory(str(Path(engine.__file__).parent / "migrations"))
    known = {one.revision for one in script.walk_revisions()}
    if has == script.get_current_head():
        return Revision.CURRENT
    return Revision.OLDER if has in known else Revision.NEWER


def _event(connection: Connection) -> Event:
    name = connection.execute(select(event.c.name)).scalar()
    gates, sessions, users, aside = (
        int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        for table in (gate, session, user, quarantine)
    )
    return Event(name or "", gates, sessions, users, aside)


def _paired_at(connection: Connection, config: Config) -> str:
    """The address with TLS that a kiosk was paired with last."""
    if not config.https:
        return ""
    query = select(pairing.c.server).where(pairing.c.server.startswith("https://")).order_by(pairing.c.id.desc())
    return connection.execute(query.limit(1)).scalar() or ""


def _tls(config: Config, now: Clock, address: str) -> Iterator[Finding]:
    try:
        pem = roots.read(config.ca)
    except ConfigError:
        return  # said already
    if pem:
        yield doctor.roots(probes.roots_left(pem, now()))
    if address.startswith("https://"):
        yield doctor.tls(probes.try_tls(address, pem, now()))
    elif config.https:
        yield doctor.tls_untried()


def _kiosks(connection: Connection, now: datetime) -> list[Kiosk]:
    what = programme.read(connection, events.read(connection))
    members = [one for one in fleet.read(connection, what, now, version("threshold")) if one.revoked is None]
    return [
        Kiosk(one.label or one.name, one.gate_name, tuple(str(it.words) for it in one.troubles), one.weight >= BAD)
        for one in members
    ]


def _parts() -> Finding:
    names = ("threshold", "flask", "gunicorn", "sqlalchemy")
    parts = [(name, version(name)) for name in names]
    return doctor.versions([*parts, ("Python", platform.python_version()), ("kernel", platform.release())])

"""The commands ``backup``, ``backups`` and ``restore``, and what a server that starts does with a database that was put
back by other means. Time is passed in."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import select

from admission.errors import ConfigError
from server import backup, recovery, restore
from server.backup import Backup, NothingToBackUp
from server.config import Config
from server.recovery import Restored
from server.store.engine import Reader, Turn, file_of, identity_of, transaction, was_put_back
from server.store.instants import to_ms
from server.store.schema import event

Clock = Callable[[], datetime]
NOTHING = 3
"""The exit status where there is nothing that ``backup`` could copy; the timer's unit takes it for a success."""


class Nothing(click.ClickException):
    """No SQLite database, or none yet."""

    exit_code = NOTHING


def register(group: click.Group, now: Clock) -> None:
    """Adds the commands to the server's others."""
    _add_backup(group, now)
    _add_backups(group, now)
    _add_restore(group, now)


def notice_restore(config: Config, now: Clock) -> None:
    """A database that was put back from a copy begins a new era before the first kiosk is heard."""
    put_back, path = was_put_back(config.url), file_of(config.url)
    copied = False
    if put_back or path is None:
        known = 0 if path is None else _era_beside(path)
        with transaction(config.url) as connection:
            home = identity_of(connection)
            copied = restore.check_home(connection, home, to_ms(now()), put_back=put_back, at_least=known)
    if path is not None:
        _note_era(path)
    if copied:
        click.echo(
            "this database is an older copy of itself: no seat is granted until every kiosk has reported and a "
            "supervisor has confirmed each room (page Supervision, or: threshold-server act confirm-room)"
        )


def _era_beside(path: Path) -> int:
    turn = Turn(path)
    with closing(turn):
        return turn.era()


def _note_era(path: Path) -> None:
    """For a restore that cannot read this database any more: eras never come again."""
    turn, reader = Turn(path), Reader(f"sqlite:///{path}")
    with closing(turn), turn, closing(reader), reader.read() as connection:
        turn.note_era(connection.execute(select(event.c.era)).scalar() or 0)


def _add_backup(group: click.Group, now: Clock) -> None:
    @group.command("backup")
    @click.option("--to", type=click.Path(path_type=Path), help="the folder, which is there [backups beside the data]")
    @click.pass_obj
    def command(config: Config, to: Path | None) -> None:
        """Copy the database, whether the server runs or not, and thin out older backups. Holds every name and key."""
        try:
            source = backup.database(config)
            _check_user(source.parent)
            where = to or _folder(config)
            backup.ready(where, ours=to is None and not config.backups)
            done = backup.make(source, where, now)
        except NothingToBackUp as error:
            raise Nothing(str(error)) from error
        one, gone = done.backup, f"; {done.gone} old files deleted" if done.gone else ""
        click.echo(f"{one.path}: {_size(one.size)}, {one.contents.passages} passages{gone}")


def _add_backups(group: click.Group, now: Clock) -> None:
    @group.command("backups")
    @click.option("--in", "inside", type=click.Path(path_type=Path), help="another folder")
    @click.pass_obj
    def command(config: Config, inside: Path | None) -> None:
        """List the backups, the newest first: when, how old, how large, how many passages."""
        where = inside or _folder(config)
        found = backup.listed(where)
        for one in found:
            click.echo(_line(one, now()))
        for path in backup.unread(where):
            click.echo(f"{path.name}  cannot be read: damaged, or not made by threshold-server backup")
        if not found:
            click.echo(f"no backup in {where}")
        aside = _data(config).parent / backup.ASIDE
        for path in sorted(aside.glob("threshold-*.db")):
            click.echo(f"{path}  set aside by a restore; {_size(path.stat().st_size)}")


def _add_restore(group: click.Group, now: Clock) -> None:
    @group.command("restore")
    @click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
    @click.option("--other-event", is_flag=True, help="also if the database that is replaced is of another event")
    @click.pass_obj
    def command(config: Config, file: Path, *, other_event: bool) -> None:
        """Put the backup FILE in the place of the database. The server is stopped; what was there is set aside."""
        path = _data(config)
        _check_user(path.parent)
        done = recovery.put_back(path, file, now, other_event=other_event)
        for line in _next(done):
            click.echo(line)


def _next(done: Restored) -> list[str]:
    """What was done, and what has to be done now."""
    held = done.contents
    lines = [f"{held.name}: restored with {held.passages} passages; this is era {done.era}"]
    if done.aside is not None:
        lines.append(f"the database that was there is set aside: {done.aside}")
    if done.erased:
        lines.append(f"{done.erased} people who had been erased since the backup are erased in it too")
    lines.append("Now:")
    lines.append("1. start the server (systemctl start threshold-server)")
    kiosks, rooms = ", ".join(done.kiosks) or "none", ", ".join(done.rooms) or "none"
    lines.append(
        f"2. leave every kiosk on: each sends what the backup does not hold. Awaited before any seat: {kiosks}"
    )
    lines.append(f"3. two supervisors confirm each room (page Acts, or threshold-server act confirm-room): {rooms}")
    lines.append(
        "4. do again what was done since the backup and that no kiosk knows of: badges, people and kiosks added, "
        "locks, limits, revocations (of API keys too), check-ins by hand, users"
    )
    return lines


def _line(one: Backup, now: datetime) -> str:
    held = one.contents
    return (
        f"{one.path.name}  {_age(now - one.at):>12}  {_size(one.size):>9}  {held.passages:>8} passages  era {held.era}"
        f"  {held.name}"
    )


def _age(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min old"
    return f"{minutes // 60} h old" if minutes < 48 * 60 else f"{minutes // 1440} days old"


def _size(count: int) -> str:
    return f"{count / 10**6:.1f} MB"


def _folder(config: Config) -> Path:
    where = backup.folder(config)
    if where is None:
        raise _postgres()
    return where


def _data(config: Config) -> Path:
    path = file_of(config.url)
    if path is None:
        raise _postgres()
    return path


def _check_user(folder: Path) -> None:
    """Raises ConfigError for root in another's folder: the server could not write to what is made there."""
    if os.geteuid() != 0 or not folder.exists() or (owner := folder.stat().st_uid) == 0:
        return
    try:
        whose = pwd.getpwuid(owner).pw_name
    except KeyError:
        whose = f"'#{owner}'"
    raise ConfigError(f"{folder} belongs to {whose}, who could not use what root writes there: sudo -u {whose} ...")


def _postgres() -> ConfigError:
    return ConfigError(
        "this server's database is PostgreSQL: use its own tools, as docs/backups.md says; the server notices a "
        "database that was put back when it starts"
    )

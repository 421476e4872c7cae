"""The commands ``apply-retention`` and ``erase-person``: what the page Privacy does, whether the server runs or not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import click
from sqlalchemy import Connection

from server import backup, erasure, event, exports, retention, workshop
from server.config import Config
from server.store.engine import Reader, transaction
from server.traces import Cut
from server.trail import Who

WHO = Who("the command line")


def register(group: click.Group, now: Callable[[], datetime]) -> None:
    """Adds the commands to the server's others."""

    @group.command("apply-retention")
    @click.option("--dry-run", is_flag=True, help="only say what would be cut, and when")
    @click.pass_obj
    def apply_retention(config: Config, *, dry_run: bool) -> None:
        """Cut the names that are due by the event's setting. The server does so by itself; this does it now."""
        click.echo(_said(config, now()))
        if dry_run:
            return

        def write(work: Callable[[Connection], Cut | None]) -> Cut | None:
            with transaction(config.url) as connection:
                return work(connection)

        done = retention.run(write, now, WHO)
        if done != Cut():
            _withdraw(config, now())
        click.echo(
            f"{done.people} people cut out of {done.passages} passages; every count stays"
            if done.people
            else "nothing cut"
        )
        if done.people:
            _tell_of_backups(config)

    @group.command("erase-person")
    @click.argument("ref")
    @click.option("--reason", required=True, help="written into the audit trail; name nobody")
    @click.option("--yes", is_flag=True, help="do not ask")
    @click.pass_obj
    def erase_person(config: Config, ref: str, reason: str, *, yes: bool) -> None:
        """Erase the person with this reference: badge revoked, name gone, counts and chains as they were."""
        reader = Reader(config.url)
        with reader.read() as connection:
            one = erasure.preview(connection, ref)
        reader.close()
        where = f"; inside now: {', '.join(one.inside)}" if one.inside else ""
        click.echo(f"{one.subject.name} ({one.subject.ref}): {one.badges} badges, {one.passages} passages{where}")
        typed = one.subject.ref if yes else click.prompt("This cannot be undone. Type the reference to confirm")
        with transaction(config.url) as connection:
            _, done = erasure.erase(connection, one.subject.ref, typed, reason, WHO, now())
        _withdraw(config, now())
        click.echo(f"erased; the name is cut from {done.passages} passages, and kiosks in reach know within seconds")
        _tell_of_backups(config)


def _tell_of_backups(config: Config) -> None:
    """Which backups still hold the names, and when they go."""
    where = backup.folder(config)
    count = len(backup.listed(where)) if where is not None else 0
    if count:
        click.echo(f"backups that still hold the names: {count}; the next one deletes them (threshold-server backup)")


def _withdraw(config: Config, now: datetime) -> None:
    """Exported files may name whoever was cut: they go, also those that a server is making."""
    with transaction(config.url) as connection:
        names = exports.withdraw(connection, now)
    for name in names:
        workshop.delete(workshop.folder_at(config.url), name)


def _said(config: Config, now: datetime) -> str:
    """What retention will do, and when."""
    reader = Reader(config.url)
    with reader.read() as connection:
        plan, held = retention.plan(connection, event.read(connection).zone), retention.held(connection)
    reader.close()
    if plan.due is None:
        return "retention is off" if plan.ends else "there is no session yet: nothing is ever due"
    when = f"{plan.due:%Y-%m-%d %H:%M} ({plan.due.tzinfo})"
    what = f"{held.people} people, {held.passages} passages"
    return f"due since {when}: {what}" if plan.is_due(now) else f"not due before {when}: {what}"

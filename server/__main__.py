"""The server's command line; the only place of the server that names the clock and the source of randomness."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from sqlalchemy import Connection, func, make_url, select

from admission import wire
from admission.errors import ThresholdError
from server import (
    archive,
    audit_command,
    backup_desk,
    badges,
    devices,
    doctor_desk,
    doors_desk,
    enrolment_desk,
    event,
    imports,
    journal_desk,
    log,
    privacy_desk,
    roots,
    second_factor,
    steward_desk,
    summit,
    supervision,
    trail,
    users,
)
from server.cards import Card, draw_cards
from server.config import Config, check_bind
from server.config import read as read_config
from server.serve import Gunicorn
from server.store import schema
from server.store.engine import Reader, migrate, transaction
from server.store.instants import to_ms
from server.store.serving import serving
from server.trail import Who
from server.users import Role

T = TypeVar("T")


def now() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Our own errors are told in a sentence, without a traceback."""
    try:
        yield
    except ThresholdError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'the system'}: {error.strerror or error}") from error


class Commands(click.Group):
    """Commands whose errors are sentences."""

    def invoke(self, ctx: click.Context) -> object:
        """Runs the command."""
        with _plain_errors():
            return super().invoke(ctx)


def _replace(path: Path, content: bytes) -> None:
    """Writes the file whole or not at all, for nobody else to read."""
    part = path.with_name(f"{path.name}.part")
    part.touch(mode=0o600)
    part.write_bytes(content)
    part.replace(path)


def _write(config: Config, work: Callable[[Connection], T]) -> T:
    """Runs ``work`` in one transaction, whether the server runs or not."""
    with transaction(config.url) as connection:
        return work(connection)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="the settings (TOML)")
@click.option("--data", type=click.Path(path_type=Path), help="the folder of the database, instead of the settings'")
@click.pass_context
def main(context: click.Context, config: Path | None, data: Path | None) -> None:
    """Threshold's server: the centre that owns the seats and keeps every passage."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name, level in (("alembic", logging.WARNING), ("fontTools", logging.ERROR), ("fpdf", logging.ERROR)):
        logging.getLogger(name).setLevel(level)
    os.umask(0o077)  # whatever is written here is nobody else's to read
    settings = read_config(config)
    if data is not None:
        settings = msgspec.structs.replace(settings, data=str(data), database="")
    context.obj = settings


main.add_command(enrolment_desk.command(now, os.urandom))
main.add_command(steward_desk.command(os.urandom))
for desk in (supervision, journal_desk, audit_command, privacy_desk, doors_desk, backup_desk, doctor_desk):
    desk.register(main, now)


@main.command()
@click.option("--name", required=True, help="the event's name, printed on badges")
@click.option("--timezone", required=True, help="the venue's zone, like Europe/Paris")
@click.option("--number", type=int, default=1, show_default=True, help="0 to 65535; another one for every event")
@click.option("--show-names/--hide-names", default=False, help="whether kiosks greet people by name")
@click.option("--language", "languages", multiple=True, help="a language of the doors; may be given several times")
@click.pass_obj
def init(config: Config, name: str, timezone: str, number: int, show_names: bool, languages: tuple[str, ...]) -> None:
    """Make a database with a new event and its keys."""
    migrate(config.url)
    epoch = now().replace(minute=0, second=0, microsecond=0)
    new = event.NewEvent(number, name, timezone, epoch, show_names, languages)
    _write(config, lambda c: event.start(c, new, (os.urandom(32), os.urandom(32), os.urandom(32))))
    click.echo(f"{name}: ready in {make_url(config.url).render_as_string()}")


@main.command("make-summit")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--opening", type=click.DateTime(["%Y-%m-%dT%H:%M"]), help="local start of the opening plenary [now]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="the folder for the CSV files")
def make_summit(seed: int, opening: datetime | None, out: Path) -> None:
    """Write a made-up summit as CSV files, ready to be imported."""
    start = (opening or now().replace(second=0, microsecond=0)).astimezone()
    summit.write_csv(summit.make_summit(seed, start), out)
    click.echo(f"a made-up summit that opens at {start:%Y-%m-%d %H:%M} lies in {out}")


@main.command("import")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_obj
def import_files(config: Config, folder: Path) -> None:
    """Import categories, rooms, gates, sessions, people and rights (FOLDER/*.csv), all or nothing."""
    files = imports.read_folder(folder)
    done = _write(config, lambda c: imports.run(c, files, os.urandom))
    for kind in done.added:
        click.echo(f"{kind}: {done.added[kind]} new, {done.changed[kind]} changed")
    if done.reprint:
        click.echo(f"{len(done.reprint)} printed badges no longer say what their people may do; reprint them:")
        click.echo("  " + " ".join(done.reprint))


@main.command("add-kiosk")
@click.argument("name")
@click.option("--gate", required=True, help="the gate's reference")
@click.option("--server", required=True, help="the address under which the kiosk reaches this server")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="the file to carry to the kiosk")
@click.pass_obj
def add_kiosk(config: Config, name: str, gate: str, server: str, out: Path) -> None:
    """Provision a kiosk: writes the file that makes a Raspberry Pi this kiosk. Keep it secret, carry it once."""

    def work(connection: Connection) -> None:
        enrolment = devices.add_kiosk(connection, name, gate, server, os.urandom(32), now())
        _replace(out, wire.encode(roots.pinned(enrolment, config.ca)) + b"\n")

    _write(config, work)
    click.echo(f"{name} stands at {gate}; put {out} on it as its enrolment file and delete it here")


@main.command("add-user")
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--password-stdin", is_flag=True, help="read the password from standard input")
@click.pass_obj
def add_user(config: Config, name: str, role: str, password_stdin: bool) -> None:
    """Add somebody who may sign in, or give them a new password and role."""
    asked = sys.stdin.readline().rstrip("\n") if password_stdin else None
    password = asked if asked is not None else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    _write(config, lambda c: users.set_user(c, name, password, Role(role), os.urandom(16)))
    click.echo(f"{name} may sign in as {role}")


@main.command("reset-second-factor")
@click.argument("name")
@click.pass_obj
def reset_second_factor(config: Config, name: str) -> None:
    """Let a user sign in with the password alone, after phone and recovery codes were lost."""

    def work(connection: Connection) -> None:
        second_factor.reset(connection, name)
        trail.note(connection, Who("the command line"), to_ms(now()), "removed", "second factor", name)

    _write(config, work)
    click.echo(f"{name} has no second factor any more")


@main.command("print-badges")
@click.option("--person", "refs", multiple=True, help="a person's reference; may be given several times [everybody]")
@click.option("--reprint", is_flag=True, help="also for people who have a badge; it is revoked")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="the PDF")
@click.pass_obj
def print_badges(config: Config, refs: tuple[str, ...], reprint: bool, out: Path) -> None:
    """Issue badges and draw them as a PDF. People who have one are passed over unless --reprint is given."""
    whose = badges.Selection([ref.lower() for ref in refs] or None, reprint)

    def work(connection: Connection) -> tuple[list[Card], str]:
        serials = badges.issue(connection, whose, now(), os.urandom)
        return badges.cards(connection, serials), event.read(connection).name

    cards, title = _write(config, work)
    if not cards:
        click.echo("nobody needs a badge; to print again, use --reprint")
        return
    drawn = io.BytesIO()  # after the commit, so that no door waits for a drawing
    draw_cards(cards, drawn, title)
    try:
        _replace(out, drawn.getvalue())
    except OSError as error:
        raise ThresholdError(f"{len(cards)} badges were issued but not saved ({error}); use --reprint") from error
    click.echo(f"{len(cards)} badges in {out}")


@main.command("revoke-badge")
@click.argument("refs", nargs=-1, required=True)
@click.option("--why", required=True, help="the reason; visitors never see it")
@click.pass_obj
def revoke_badge(config: Config, refs: tuple[str, ...], why: str) -> None:
    """Revoke the live badges of people, by their references."""
    count = _write(config, lambda c: badges.revoke(c, [ref.lower() for ref in refs], why, now()))
    click.echo(f"{count} revoked; kiosks in reach know within seconds" if count else "none of them has a live badge")


@main.command("export-log")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="the CSV file")
@click.pass_obj
def export_log(config: Config, out: Path) -> None:
    """Write the whole log as CSV."""
    with Reader(config.url).read() as connection, out.open("w", encoding="utf-8", newline="") as file:
        for part in log.export(connection, log.Filters(), event.read(connection).zone):
            file.write(part)
        count = connection.execute(select(func.count()).select_from(schema.passage)).scalar_one()
    click.echo(f"{count} passages in {out}")


@main.command("archive")
@click.argument("out", type=click.Path(path_type=Path))
@click.pass_obj
def write_archive(config: Config, out: Path) -> None:
    """Write the whole event to OUT, one SQLite file that any SQLite tool opens. No secret is in it, but every name."""
    if out.exists():
        raise ThresholdError(f"{out} is there already; give another name")
    part = out.with_name(f"{out.name}.part")
    part.unlink(missing_ok=True)
    try:
        with click.progressbar(length=1, label="archive", file=sys.stderr) as bar:

            def progress(rows: int, total: int) -> None:
                bar.length = total
                bar.update(rows - bar.pos)

            count = archive.make(Reader(config.url), part, now(), progress)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    click.echo(f"{count} passages in {out}")


@main.command()
@click.option("--bind", help="host:port to listen on, like 0.0.0.0:8080 for kiosks on other machines")
@click.pass_obj
def run(config: Config, bind: str | None) -> None:
    """Serve kiosks and consoles until it is told to stop."""
    config = msgspec.structs.replace(config, bind=bind or config.bind)
    host = check_bind(config.bind)
    with serving(config.url):
        migrate(config.url)
        reader = Reader(config.url)
        with reader.read() as connection:
            event.read(connection)
        reader.close()  # before gunicorn forks: SQLite's locks do not survive a fork, and its WAL does not survive that
        backup_desk.notice_restore(config, now)
        alone = " (this machine only; --bind 0.0.0.0:PORT opens it to others)" if host.startswith("127.") else ""
        click.echo(f"listening on http://{config.bind}/{alone}")
        Gunicorn(config, now).run()


if __name__ == "__main__":
    main()

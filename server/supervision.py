"""Acts and incidents on the command line: the same use cases as the console's, with a password for every name.

Knows nothing of pages. A server that runs meanwhile sees what was done within a second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import click
from sqlalchemy import Connection

from admission.errors import ConfigError
from server import acts, effects, event, incidents, particulars, users
from server.acts import Act, Actor, State
from server.config import Config
from server.deeds import DEEDS
from server.store.engine import Reader, transaction
from server.store.instants import to_ms
from server.users import Role

T = TypeVar("T", bound=Callable[..., Any])
SEES_TO = frozenset({Role.STEWARD, Role.SUPERVISOR, Role.ADMIN})
OPTIONS = {
    "room": "the room's reference",
    "device": "the kiosk's name",
    "heads": "how many people were counted inside",
    "limit": "the room's legal limit",
    "reserve": "how many of these are kept for forced entries [as it is]",
    "person": "the person's reference",
    "passage": "the entry's number, from the column passage of export-log",
    "bodies": "how many people",
    "only": "the categories that may come in, with commas between [everybody]",
    "act": "the number of the check-in's act",
    "delegation": "whose companions they are",
}


def register(main: click.Group, clock: Callable[[], datetime]) -> None:
    """Adds the commands to the server's."""
    for command in (_act(clock), _acts(clock), _incidents(), _resolve(clock)):
        main.add_command(command)
    for confirm in (True, False):
        main.add_command(_decide(clock, confirm=confirm))


def _signed(command: T) -> T:
    """Adds who it is to a command."""
    by = click.option("--by", required=True, metavar="NAME", help="who does this: somebody who may sign in")
    piped = click.option("--password-stdin", is_flag=True, help="read the password from standard input")
    return by(piped(command))


def _act(clock: Callable[[], datetime]) -> click.Command:
    @click.command("act", help=_help(), short_help="Do what supervisors do: hold, count, fence, vouch ...")
    @click.argument("kind", type=click.Choice(list(DEEDS)), metavar="KIND")
    @click.option("--retired", multiple=True, metavar="KIOSK[/STORE]", help="off and in hand, or gone; may be repeated")
    @click.option("--reason", required=True, help="why; it is written into the audit log")
    @_signed
    @click.pass_obj
    def act(config: Config, /, kind: str, by: str, password_stdin: bool, reason: str, **given: Any) -> None:
        asked = {need: value for need, value in given.items() if value not in (None, ())}
        if alien := sorted(set(asked) - set(DEEDS[kind].needs)):
            raise click.UsageError(f"{kind} does not take --{', --'.join(alien)}")
        who = _sign_in(config, by, piped=password_stdin)
        with transaction(config.url) as connection:
            done = acts.ask(connection, kind, asked | {"retired": list(given["retired"])}, who, reason, clock())
        click.echo(_ended(done))

    for name, text in OPTIONS.items():
        act = click.option(f"--{name}", help=f"{text} ({', '.join(_takers(name))})")(act)
    return act


def _acts(clock: Callable[[], datetime]) -> click.Command:
    @click.command("acts", short_help="List what supervisors did.")
    @click.option("--waiting", is_flag=True, help="only those that wait for a second person")
    @click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
    @click.pass_obj
    def listed(config: Config, waiting: bool, limit: int) -> None:
        """List the audit log, the newest act first."""
        now = clock()
        with Reader(config.url).read() as connection:
            found = acts.waiting(connection, now) if waiting else acts.newest(connection, limit)
            names = _names(connection, found)
            fresh = {one.id for one in acts.waiting(connection, now)}
        for one in found:
            click.echo(_line(one, names, waits=one.id in fresh))
        if not found:
            click.echo("nothing waits" if waiting else "nobody has acted yet")

    return listed


def _decide(clock: Callable[[], datetime], *, confirm: bool) -> click.Command:
    name, do = ("confirm-act", acts.confirm) if confirm else ("decline-act", acts.decline)
    says = (
        "Confirm, as the second person, an act that waits."
        if confirm
        else "Decline an act that waits, or take it back."
    )

    @click.command(name, help=f"{says} Its NUMBER is in: acts --waiting.", short_help=says)
    @click.argument("number", type=click.IntRange(1, 2**53))
    @_signed
    @click.pass_obj
    def decide(config: Config, number: int, by: str, password_stdin: bool) -> None:
        with Reader(config.url).read() as connection:
            one = acts.find(connection, number)
            click.echo(_line(one, _names(connection, [one]), waits=True))
        if confirm:
            click.echo(f"Does: {effects.EFFECTS[one.kind].does}\nOnly if: {effects.EFFECTS[one.kind].assumes}")
        who = _sign_in(config, by, piped=password_stdin)
        with transaction(config.url) as connection:
            click.echo(_ended(do(connection, number, who, clock())))

    return decide


def _incidents() -> click.Command:
    @click.command("incidents", short_help="List what somebody should look at.")
    @click.option("--all", "everything", is_flag=True, help="also those that are resolved")
    @click.pass_obj
    def listed(config: Config, everything: bool) -> None:
        """List the open incidents, the newest first."""
        with Reader(config.url).read() as connection:
            found = incidents.listed(connection, resolved=False)
            if everything:
                found = sorted([*found, *incidents.listed(connection, resolved=True)], key=lambda one: -one.id)
            zone = event.read(connection).zone
            told = particulars.tell(connection, found, zone, named=True)
            names = particulars.names(connection, zone)
        for one in told:
            click.echo(_incident(one, names))
        if not told:
            click.echo("no incident is open")

    return listed


def _resolve(clock: Callable[[], datetime]) -> click.Command:
    @click.command("resolve-incident", short_help="Close an incident with a note.")
    @click.argument("number", type=click.IntRange(1, 2**53))
    @click.option("--note", required=True, help="what was found and done")
    @_signed
    @click.pass_obj
    def resolve(config: Config, number: int, by: str, password_stdin: bool, note: str) -> None:
        """Close the incident of that NUMBER with a note."""
        who = _sign_in(config, by, piped=password_stdin)
        if who.role not in SEES_TO:
            raise ConfigError(f"{who.role.value}s may not resolve incidents; ask a steward or a supervisor")
        with transaction(config.url) as connection:
            if incidents.find(connection, number) is None:
                raise ConfigError(f"there is no incident {number}")
            incidents.resolve(connection, number, who.name, note, to_ms(clock()))
        click.echo(f"incident {number} is resolved")

    return resolve


def _sign_in(config: Config, name: str, *, piped: bool) -> Actor:
    """Who that is, by the password. Raises ConfigError."""
    password = sys.stdin.readline().rstrip("\n") if piped else click.prompt(f"Password of {name}", hide_input=True)
    with Reader(config.url).read() as connection:
        user, stored = users.look_up(connection, name)
    if not users.fits(password, stored) or user is None:
        raise ConfigError("this name and password do not belong together")
    return Actor(user.name, user.role)


def _takers(option: str) -> list[str]:
    return [kind for kind, deed in DEEDS.items() if option in deed.needs]


def _help() -> str:
    """All kinds, with what each needs and who may do it."""
    lines = []
    for kind, deed in DEEDS.items():
        second = " A second person confirms it." if deed.second else ""
        lines.append(f"  {kind:<14} {deed.title}.{second}\n{'':<16}{' '.join(f'--{need}' for need in deed.needs)}")
    kinds = "\n".join(lines)
    return (
        "Do what supervisors do, or ask a second person to confirm it (threshold-server confirm-act).\n\n"
        f"\b\nKinds, and what each needs:\n{kinds}"
    )


def _names(connection: Connection, found: Iterable[Act]) -> particulars.Names:
    badges = [one.facts["badge"] for one in found if "badge" in one.facts]
    return particulars.names(connection, event.read(connection).zone, badges)


def _ended(act: Act) -> str:
    if act.state is State.WAITING:
        return f"act {act.id} waits: somebody else has to say, within 30 minutes: threshold-server confirm-act {act.id}"
    return f"act {act.id} done: {act.outcome}" if act.state is State.DONE else f"act {act.id} is declined"


def _line(act: Act, names: particulars.Names, *, waits: bool) -> str:
    over = act.state is State.WAITING and not waits
    state = "nobody confirmed it in time" if over else act.state.value + (f": {act.outcome}" if act.outcome else "")
    second = f", {act.confirmed_by}" if act.confirmed_by else ""
    head = f"{act.id}  {names.time(act.at)}  {act.deed.title}: {effects.told(act, names)}"
    return f"{head}\n    {act.by}{second}: {act.reason}\n    {state}"


def _incident(one: particulars.Told, names: particulars.Names) -> str:
    it = one.incident
    grave = "  GRAVE" if it.words.grave else ""
    lines = [f"{it.id}  {names.time(it.at)}{grave}  {it.words.title}"]
    lines += [f"    {label}: {text}" for label, text in one.lines]
    if it.resolved is not None:
        return "\n".join([*lines, f"    Resolved by {it.resolved_by}, {names.time(it.resolved)}: {it.note}"])
    if it.claimed_by:
        lines.append(f"    {it.claimed_by} looks after it")
    return "\n".join([*lines, f"    {it.words.do}"])
